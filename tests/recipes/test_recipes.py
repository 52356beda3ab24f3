"""The recipes themselves: accepted by SkyPilot, unchanged and as launched, and mended where verl's examples are not."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot.__main__ import main
from bot.adapters.files.recipe_files import RecipeFolder, parse_recipe
from bot.adapters.sky.task_builder import find_local_paths
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.model.launch_plan import build_launch_plan
from bot.core.model.recipe import Recipe
from bot.errors import UserError

RECIPES = RecipeFolder(SOURCE_RECIPES)
VERL = ("ppo", "grpo", "dapo", "lora", "own-data", "multiturn-tools", "sft")


def test_the_recipes_are_those_that_were_promised() -> None:
    assert list(RECIPES.list_names()) == sorted([*VERL, "smoke"])


def check(folder: Path) -> tuple[int, str]:
    """`verlbot recipes check` as it is typed: its exit code and what it says. SkyPilot is imported there, not here."""
    program = [sys.executable, "-m", "bot", "recipes", "check", str(folder)]
    found = subprocess.run(program, capture_output=True, text=True, check=False)
    return found.returncode, found.stdout + found.stderr


@pytest.mark.slow
def test_skypilot_accepts_each_unchanged_and_as_it_is_launched() -> None:
    code, said = check(SOURCE_RECIPES)
    assert (code, said.splitlines()) == (0, [f"✓ {name}" for name in sorted([*VERL, "smoke"])])


MOUNTED = """
import sky, sys
for path in sys.argv[1:]:
    task = sky.Task.from_yaml(path)
    task.expand_and_validate_file_mounts()
    print(task.name, task.file_mounts)
"""


@pytest.mark.slow
def test_skypilot_mounts_the_library_for_a_launch_by_hand_from_a_checkout() -> None:
    """`sky launch recipes/ppo.yaml`, as far as it goes without a server: paths are of the current folder."""
    program = [sys.executable, "-c", MOUNTED, *(f"recipes/{name}.yaml" for name in VERL)]
    done = subprocess.run(program, cwd=SOURCE_RECIPES.parent, capture_output=True, text=True, check=False)
    mounts = {"~/verlbot/lib": str(SOURCE_RECIPES / "lib")}
    assert done.stdout.splitlines() == [f"{name} {mounts}" for name in VERL], done.stderr


@pytest.mark.parametrize("name", VERL)
def test_a_verl_recipe_says_what_is_its_own_and_the_library_the_rest(name: str) -> None:
    text = (SOURCE_RECIPES / f"{name}.yaml").read_text()
    assert len(text.splitlines()) <= 190
    assert not [shared for shared in ("ray start", "resume_mode", "main_ppo", "pip install") if shared in text]


@pytest.mark.parametrize("name", VERL)
def test_the_bot_uploads_nothing_and_what_it_launches_holds_the_library(name: str) -> None:
    """So that a remote server needs no file of the bot's machine, and an approval covers every line that is run."""
    task = build_launch_plan(RECIPES.get(name), (), (), f"{name}-7f3a").task
    assert find_local_paths(task) == []
    assert "file_mounts" not in task
    for script, file in (("setup", "verl-setup.sh"), ("run", "verl-run.sh")):
        assert (SOURCE_RECIPES / "lib" / file).read_text() in task[script]


@pytest.mark.slow
@pytest.mark.long
def test_what_skypilot_would_refuse_is_found_without_asking_anybody(tmp_path: Path) -> None:
    text = (SOURCE_RECIPES / "smoke.yaml").read_text()
    changes = {
        "autostop": ("idle_minutes: 5", "idle: 5", "idle"),
        "infra": ("cpus: 1+", "infra: atlantis", "atlantis"),
        "key": ("num_nodes: 1\n", "num_nodes: 1\nnodez: 2\n", "nodez"),
    }
    for name, (old, new, _) in changes.items():
        assert old in text
        (tmp_path / f"{name}.yaml").write_text(text.replace(old, new, 1))
    code, said = check(tmp_path)
    assert code == 1
    for name, (_, _, why) in changes.items():
        assert f"✗ {name}" in said
        assert why in said


def test_an_invalid_recipe_says_where_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (SOURCE_RECIPES / "smoke.yaml").read_text().replace("lease_hours: 1", "lease_hours: long")
    (tmp_path / "broken.yaml").write_text(text)
    assert main(["recipes", "check", str(tmp_path)]) == 1
    assert "_metadata.verlbot.lease_hours" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        pytest.param(
            "num_nodes: 1\n", "num_nodes: 99\n", "the default of nodes in the task", id="default out of range"
        ),
        pytest.param("  STEPS: ", "  STEP: ", "a parameter sets envs.STEPS", id="a parameter without its place"),
        pytest.param("overrides: false", "overides: false", "overides", id="a mistyped key"),
        pytest.param('  RESUME_FROM: ""\n', "", "envs.RESUME_FROM", id="nothing to name a checkpoint by"),
        pytest.param("name: smoke\n", "name: [\n", "not valid", id="no YAML"),
        pytest.param("  verlbot:\n", "  otherbot:\n", "it has no `_metadata.verlbot`", id="no metadata"),
    ],
)
def test_a_mistake_in_a_recipe_is_named(old: str, new: str, why: str) -> None:
    text = (SOURCE_RECIPES / "smoke.yaml").read_text()
    assert old in text
    with pytest.raises(UserError, match="not valid") as refusal:
        parse_recipe("smoke", text.replace(old, new, 1))
    assert why in str(refusal.value.sentence)


def test_a_changed_recipe_counts_from_its_next_use(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text((SOURCE_RECIPES / "smoke.yaml").read_text())
    recipes = RecipeFolder(tmp_path)
    assert recipes.get("mine").title == "Smoke test"
    path.write_text(path.read_text().replace("Smoke test", "Mine"))
    assert recipes.get("mine").title == "Mine"


@pytest.mark.parametrize("name", [*VERL, "smoke"])
def test_every_recipe_removes_itself_when_idle_and_holds_no_secret(name: str) -> None:
    task = RECIPES.get(name).task
    autostop = task["resources"]["autostop"]
    assert (autostop["down"], autostop["wait_for"]) == (True, "jobs")
    assert not any((task.get("secrets") or {}).values())


@pytest.mark.parametrize("name", VERL)
def test_the_verl_recipes_save_validate_and_log_to_a_file(name: str) -> None:
    recipe = RECIPES.get(name)
    run = str(recipe.task["run"])
    for mended in (
        'trainer.save_freq="$SAVE_EVERY_STEPS"',
        'trainer.test_freq="$TEST_EVERY_STEPS"',
        "VERL_FILE_LOGGER_PATH=",
        "trainer.resume_mode=resume_path",
        "trainer.checkpoint_callback_class=verl_saving.SaveOnRequest",
        "loggers=console,file",
        "nodes joined Ray within",
    ):
        assert mended in run, mended
    assert int(recipe.task["envs"]["SAVE_EVERY_STEPS"]) > 0
    assert int(recipe.task["envs"]["TEST_EVERY_STEPS"]) > 0
    assert recipe.checkpoints is not None
    assert run.rstrip().endswith('"$@"')


@pytest.mark.parametrize("name", VERL)
def test_the_verl_recipes_pin_a_hydra_that_executes_no_target(name: str) -> None:
    """1.3.2, which verl itself asks for, calls whatever a `_target_` of an override names; 1.3.8 does not."""
    setup = str(RECIPES.get(name).task["setup"])
    assert "'hydra-core>=1.3.8,<1.4'" in setup
    assert "install_verl" in setup.splitlines()


@pytest.mark.parametrize(
    ("name", "nodes", "gpus", "model"),
    [
        ("ppo", 2, "H100:1", "Qwen/Qwen2.5-0.5B-Instruct"),
        ("grpo", 2, "H100:1", "Qwen/Qwen2.5-7B-Instruct"),
        ("dapo", 2, "H100:1", "Qwen/Qwen2.5-7B-Instruct"),
        ("lora", 1, "H100:1, A100-80GB:1, H200:1", "Qwen/Qwen2.5-7B-Instruct"),
        ("own-data", 1, "H100:2", "Qwen/Qwen2.5-7B-Instruct"),
        ("multiturn-tools", 1, "H100:8", "Qwen/Qwen2.5-3B-Instruct"),
        ("sft", 1, "H100:1, A100-80GB:1, H200:1", "Qwen/Qwen2.5-3B"),
    ],
)
def test_the_verl_recipes_do_what_verls_examples_do(name: str, nodes: int, gpus: str, model: str) -> None:
    made = build_launch_plan(RECIPES.get(name), (), (), f"{name}-1")
    assert (made.nodes, made.gpus, made.task["envs"]["MODEL"]) == (nodes, gpus, model)


@pytest.mark.parametrize("name", [*VERL, "smoke"])
@pytest.mark.parametrize("script", ["setup", "run"])
def test_every_script_is_one_that_bash_can_read_and_evaluates_nothing(name: str, script: str, tmp_path: Path) -> None:
    text = str(RECIPES.get(name).task[script])
    path = tmp_path / "script.sh"
    path.write_text(text)
    subprocess.run(["bash", "-n", path], check=True)
    assert "set -euo pipefail" in text
    shell = re.sub(r"<<'(PY\w*|END_OF_\w+)'.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"^(import|from) ", shell, re.MULTILINE)
    assert "eval " not in shell
    assert "bash -c" not in shell


def test_a_rendered_launch_is_the_recipe_with_what_was_typed() -> None:
    """`/verl launch ppo nodes=2 trainer.total_epochs=3 'data.prompt_key=a b'`"""
    recipe: Recipe = RECIPES.get("ppo")
    made = build_launch_plan(recipe, (("nodes", "2"),), ("trainer.total_epochs=3", "data.prompt_key=a b"), "ppo-7f3a")
    first, _, rest = str(made.task["run"]).partition("\n")
    assert shlex.split(first) == ["set", "--", "trainer.total_epochs=3", "data.prompt_key=a b"]
    assert rest == recipe.task["run"]
    assert made.task["num_nodes"] == 2
    assert yaml.safe_load(RECIPES.to_yaml(made.task)) == made.task


def test_a_key_that_stands_twice_is_refused_by_name() -> None:
    text = (SOURCE_RECIPES / "smoke.yaml").read_text()
    with pytest.raises(UserError, match="`num_nodes` occurs twice"):
        parse_recipe("smoke", text.replace("num_nodes: 1\n", "num_nodes: 1\nnum_nodes: 2\n", 1))


def test_yaml_that_is_odd_but_valid_is_taken_and_what_is_not_is_refused_in_words() -> None:
    smoke = (SOURCE_RECIPES / "smoke.yaml").read_text()
    merged = "x-base: &base {a: 1, b: 2}\nx-more: {<<: *base, b: 3}\n"
    assert parse_recipe("smoke", merged + smoke).task["x-more"] == {"a": 1, "b": 3}
    with pytest.raises(UserError, match="unhashable"):
        parse_recipe("smoke", "x: {{ y }}\n" + smoke)
