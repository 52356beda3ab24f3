"""The scripts of verl's recipes, run by bash with a `ray` and a `verl` that only tell how they were called."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.adapters.files.recipe_files import RecipeFolder
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.model.launch_plan import build_launch_plan

pytestmark = pytest.mark.slow

RECIPES = RecipeFolder(SOURCE_RECIPES)
VERL = ("ppo", "grpo", "multiturn-tools")

RAY = """#!/bin/sh
case "$1" in
  health-check) exit "${RAY_HEALTH:-0}" ;;
  start) exec sleep 60 ;;
esac
"""
RAY_MODULE = """
import os

def init(**_):
    pass

def nodes():
    return [{"Alive": True}] * int(os.environ["RAY_NODES"])
"""
VERL_MODULE = """
import json, os, sys

print("VERL " + json.dumps(sys.argv[1:]))
"""

NEWEST = "latest_checkpointed_iteration.txt"

HOSTILE = (
    "data.prompt_key=a b",
    "x.y=$(touch pwned)",
    "x.y=`touch pwned`",
    "+x.y='; touch pwned; '",
    'x.y=["a", "b"]',
    "x.y=*",
    "~trainer.logger",
    "x.y=line\nend",
    "x.y=\\",
)


class Node:
    """One node of a run, as its script finds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "bin" / "ray").write_text(RAY)
        (folder / "bin" / "ray").chmod(0o755)
        (folder / "bin" / "python3").symlink_to(sys.executable)
        for package in ("verl", "verl/trainer"):
            (folder / "modules" / package).mkdir(parents=True, exist_ok=True)
            (folder / "modules" / package / "__init__.py").touch()
        (folder / "modules" / "ray.py").write_text(RAY_MODULE)
        (folder / "modules" / "verl" / "trainer" / "main_ppo.py").write_text(VERL_MODULE)

    def run(self, name: str, rank: int = 0, overrides: tuple[str, ...] = (), script: str = "", **more: Any) -> Any:
        made = build_launch_plan(RECIPES.get(name), (), overrides, f"{name}-7f3a")
        gpus = made.gpus.partition(":")[2]
        path = self.folder / "run.sh"
        path.write_text(script or str(made.task["run"]))
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "modules"),
            "HOME": str(self.folder),
            "SKYPILOT_NODE_IPS": "\n".join(f"10.0.0.{n + 1}" for n in range(made.nodes)),
            "SKYPILOT_NODE_RANK": str(rank),
            "SKYPILOT_NUM_NODES": str(made.nodes),
            "SKYPILOT_NUM_GPUS_PER_NODE": gpus,
            "RAY_NODES": str(made.nodes),
            **made.task["envs"],
            **more,
        }
        return subprocess.run(
            ["bash", path], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def pwned(self) -> bool:
        return (self.folder / "pwned").exists()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def words(stdout: str) -> list[str]:
    """What verl was called with."""
    (line,) = (line for line in stdout.splitlines() if line.startswith("VERL "))
    return list(json.loads(line.removeprefix("VERL ")))


@pytest.mark.parametrize("name", VERL)
def test_overrides_arrive_at_verl_as_they_were_typed_and_after_the_recipes_own(node: Node, name: str) -> None:
    done = node.run(name, overrides=HOSTILE)
    assert done.returncode == 0, done.stderr
    assert words(done.stdout)[-len(HOSTILE) :] == list(HOSTILE)
    assert not node.pwned()


@pytest.mark.parametrize("name", VERL)
def test_what_verl_is_told_by_the_recipe_itself(node: Node, name: str) -> None:
    told = words(node.run(name).stdout)
    run_dir = f"{node.folder}/checkpoints/{name}-7f3a"
    assert f"trainer.default_local_dir={run_dir}" in told
    assert f"trainer.experiment_name={name}-7f3a" in told
    assert "trainer.logger=[console,file]" in told
    assert Path(run_dir).is_dir()


@pytest.mark.parametrize("name", VERL)
@pytest.mark.parametrize(
    ("resume_from", "own", "told"),
    [
        pytest.param("", "", ["trainer.resume_mode=auto"], id="nothing to go on from"),
        pytest.param("old-1", "", ["resume_path", "old-1/global_step_40"], id="the newest checkpoint of a run"),
        pytest.param("old-1/global_step_20", "", ["resume_path", "old-1/global_step_20"], id="one checkpoint"),
        pytest.param("old-1", "7", ["trainer.resume_mode=auto"], id="a run that has saved something itself"),
        pytest.param("old-2", "", "There is no checkpoint of old-2.", id="a run that saved nothing"),
        pytest.param("old-1/global_step_30", "", "There is no checkpoint", id="a checkpoint that is not there"),
    ],
)
def test_where_verl_goes_on_from(node: Node, name: str, resume_from: str, own: str, told: list[str] | str) -> None:
    for step in (20, 40):
        (node.folder / "checkpoints" / "old-1" / f"global_step_{step}").mkdir(parents=True)
    (node.folder / "checkpoints" / "old-1" / NEWEST).write_text("40")
    if own:
        (node.folder / "checkpoints" / f"{name}-7f3a").mkdir()
        (node.folder / "checkpoints" / f"{name}-7f3a" / NEWEST).write_text(own)
    done = node.run(name, RESUME_FROM=resume_from)
    if isinstance(told, str):
        assert done.returncode == 1
        assert told in done.stderr
        return
    found = [word for word in words(done.stdout) if word.startswith("trainer.resume")]
    assert len(found) == len(told)
    assert all(word.endswith(end) for word, end in zip(found, told, strict=True))


@pytest.mark.parametrize("name", VERL)
@pytest.mark.parametrize("variable", ["BATCH_SIZE", "WORKERS_TIMEOUT_SECONDS"])
def test_a_number_that_hides_a_command_is_refused_and_not_run(node: Node, name: str, variable: str) -> None:
    """bash's arithmetic runs what stands in an index: `a[$(touch pwned)]`."""
    hidden: dict[str, Any] = {variable: "a[$(touch pwned)]"}
    done = node.run(name, **hidden)
    assert done.returncode == 1
    assert f"{variable} must be a whole number" in done.stderr
    assert not node.pwned()


@pytest.mark.parametrize("name", VERL)
def test_a_model_with_odd_characters_is_one_word(node: Node, name: str) -> None:
    done = node.run(name, MODEL="a b; touch pwned")
    assert "actor_rollout_ref.model.path=a b; touch pwned" in words(done.stdout)
    assert not node.pwned()


@pytest.mark.parametrize("name", ["ppo", "grpo"])
@pytest.mark.long
def test_rank_0_waits_for_its_workers_and_says_how_many_came(node: Node, name: str) -> None:
    done = node.run(name, RAY_NODES="1", WORKERS_TIMEOUT_SECONDS="1")
    assert done.returncode != 0
    assert "only 1 of 2 nodes joined Ray within 1 seconds" in done.stderr
    assert "VERL" not in done.stdout


@pytest.mark.parametrize("name", ["ppo", "grpo"])
@pytest.mark.long
def test_a_worker_whose_head_does_not_answer_says_so(node: Node, name: str) -> None:
    done = node.run(name, rank=1, RAY_HEALTH="1", WORKERS_TIMEOUT_SECONDS="1")
    assert done.returncode == 1
    assert "Ray on the head node (10.0.0.1:6390) did not answer within 1 seconds" in done.stderr


@pytest.mark.parametrize("name", VERL)
def test_a_launch_by_hand_which_mounts_the_library_tells_verl_the_same(node: Node, name: str) -> None:
    written = yaml.safe_load((SOURCE_RECIPES / f"{name}.yaml").read_text())
    ((mount, source),) = written["file_mounts"].items()
    by_bot = words(node.run(name).stdout)
    assert node.run(name, script=written["run"]).returncode != 0
    shutil.copytree(SOURCE_RECIPES.parent / source, node.folder / mount.removeprefix("~/"))
    assert words(node.run(name, script=written["run"]).stdout) == by_bot


DATASETS_MODULE = """
import json

class Rows:
    column_names = ["question", "answer"]

    def map(self, row, with_indices, fn_kwargs, remove_columns):
        texts = {
            "question": "1 + 1?", "answer": "It is 2,000.\\n#### 2,000",
            "problem": "1 + 1?", "solution": "So \\\\boxed{2000}.",
        }
        self.rows = [row(texts, index, **fn_kwargs) for index in range(2)]
        return self

    def to_parquet(self, path):
        open(path, "w").write(json.dumps(self.rows))

def load_dataset(*words, split):
    print("LOADED", *words, split)
    return Rows()
"""
MATH_MODULE = """
def last_boxed_only_string(text):
    return text[text.index("{"):]

def remove_boxed(text):
    return text[1:text.index("}")]
"""


@pytest.mark.parametrize(
    ("name", "folder", "dataset", "task"),
    [
        ("ppo", "gsm8k", "openai/gsm8k main", 'after "#### ".'),
        ("grpo", "math", "DigitalLearningGmbH/MATH-lighteval", "into \\boxed{}."),
        ("multiturn-tools", "gsm8k-calculator", "openai/gsm8k main", 'after "#### ".'),
    ],
)
def test_setup_installs_verl_and_writes_the_problems_that_are_not_there(
    node: Node, name: str, folder: str, dataset: str, task: str
) -> None:
    (node.folder / "bin" / "python3").unlink()
    (node.folder / "bin" / "python3").write_text(
        f'#!/bin/sh\n[ "$2" = pip ] && echo PIP "$@" && exit\nexec {sys.executable} "$@"\n'
    )
    (node.folder / "bin" / "python3").chmod(0o755)
    (node.folder / "modules" / "datasets.py").write_text(DATASETS_MODULE)
    scores = node.folder / "modules" / "verl" / "utils" / "reward_score"
    scores.mkdir(parents=True)
    (scores / "math_reward.py").write_text(MATH_MODULE)
    data = node.folder / "data" / folder
    data.mkdir(parents=True)
    (data / "train.parquet").write_text("kept")

    done = node.run(name, script=str(RECIPES.get(name).task["setup"]))

    assert done.returncode == 0, done.stderr
    assert "PIP -m pip install --no-input verl[vllm]==0.9.1 hydra-core>=1.3.8,<1.4" in done.stdout
    assert f"LOADED {dataset} test" in done.stdout
    assert sorted(path.name for path in data.iterdir()) == ["test.parquet", "train.parquet"]
    assert (data / "train.parquet").read_text() == "kept"
    first, second = json.loads((data / "test.parquet").read_text())
    (prompt,) = first["prompt"]
    assert (prompt["role"], prompt["content"].startswith("1 + 1?\n\n")) == ("user", True)
    assert prompt["content"].endswith(task)
    assert first["data_source"] == dataset.partition(" ")[0]
    assert first["reward_model"] == {"style": "rule", "ground_truth": "2000"}
    assert second["extra_info"] == {"split": "test", "index": 1}


def test_the_calculator_is_written_whole_and_counts(node: Node) -> None:
    library = (SOURCE_RECIPES / "lib" / "calculator.sh").read_text()
    done = node.run("multiturn-tools", script=f'{library}\nwrite_calculator "$HOME/tools/calculator.py"\n')
    assert (done.returncode, done.stderr) == (0, "")
    (tool,) = (node.folder / "tools").iterdir()
    names: dict[str, Any] = {}
    source = tool.read_text().replace(
        "from verl.tools.function_tool import function_tool", "function_tool = lambda f: f"
    )
    exec(source, names)
    calculator = names["calculator"]
    assert calculator("(3 + 4) * 2.5") == "17.5"
    assert calculator("1,000 / 8") == "125"
    assert calculator("__import__('os').system('touch pwned')").startswith("Error: ")
    assert calculator("1 / 0").startswith("Error: ")
