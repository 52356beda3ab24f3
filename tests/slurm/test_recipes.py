"""The verl recipes on a Slurm without containers: the refusal says what to add, and then SkyPilot takes them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.adapters.files.recipe_files import RecipeFolder
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command
from bot.core.model.launch_plan import build_launch_plan
from tests.slurm.bed import Bed
from tests.slurm.conftest import ON, SECONDS, OnSlurm
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("kills")]

DRY_RUN = """
import sky
task = sky.Task.from_yaml({path!r})
sky.get(sky.launch(task, cluster_name='dry-run', dryrun=True))
print('taken', [one['name'] for one in sky.get(sky.status(all_users=True)) if one['name'] == 'dry-run'])
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, bed: Bed) -> Iterator[OnSlurm]:
    found = OnSlurm(tmp_path_factory.mktemp("recipes"), bed)
    found.start(HF_TOKEN="x", WANDB_API_KEY="x")
    yield found
    found.stop()


@pytest.mark.parametrize("name", ["ppo", "grpo", "dapo", "lora", "own-data", "sft", "multiturn-tools"])
def test_a_dry_run_names_what_slurm_needs_and_skypilot_takes_it(live: OnSlurm, name: str, tmp_path: Path) -> None:
    refused = answered(live, f"launch {name} {ON} --dry-run")
    assert "This would be refused." in refused
    added = " ".join(re.findall(r"`(\w+=none)`", refused))
    line = f"launch {name} {ON} {added}"
    assert "This would be refused." not in answered(live, f"{line} --dry-run")

    asked = parse_command(line)
    assert isinstance(asked, Launch)
    made = build_launch_plan(RecipeFolder(SOURCE_RECIPES).get(name), asked.parameters, asked.overrides, "dry")
    task = {**made.task, "secrets": dict.fromkeys(made.task.get("secrets") or {}, "x")}
    rendered = tmp_path / "task.yaml"
    rendered.write_text(yaml.safe_dump(json.loads(json.dumps(task))))
    assert live.bed.python(DRY_RUN.format(path=str(rendered))).splitlines()[-1] == "taken []"


def answered(live: OnSlurm, line: str) -> str:
    """What the person is answered to a dry run: a message for her alone, with the task."""
    before = live.ana.reads()
    live.ana.says(f"/verl {line}")
    return eventually(lambda: said_since(before, live.ana.reads()), live.ana.reads, SECONDS)


def said_since(before: str, now: str) -> str:
    new = now.removeprefix(before)
    return new if "num_nodes" in new else ""
