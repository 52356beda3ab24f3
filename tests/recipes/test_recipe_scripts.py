"""The scripts of verl's recipes, run by bash with a `ray` and a `verl` that only tell how they were called."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.adapters.files.recipe_files import RecipeFolder
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.model.launch_plan import build_launch_plan
from tests.verl.environment import pinned_version
from tests.waiting import eventually

pytestmark = pytest.mark.slow

RECIPES = RecipeFolder(SOURCE_RECIPES)
VERL = ("ppo", "grpo", "dapo", "lora", "own-data", "multiturn-tools")
ONE_OF_EACH_SIZE = ("ppo", "own-data", "multiturn-tools")
"""What the library does for each recipe alike is tested with fewer: on two nodes, with two GPUs, with eight."""

RAY = """#!/bin/sh
case "$1" in
  health-check) [ -z "$RAY_FAILS" ] || [ -e "$HOME/gpus" ] || exit 1; exit "${RAY_HEALTH:-0}" ;;
  start)
    echo "$*" >>"$HOME/starts"
    if [ "$(wc -l <"$HOME/starts")" -le "${RAY_FAILS:-0}" ]; then
      echo "the raylet has died"
      exit 1
    fi
    env | grep _VISIBLE_DEVICES= >"$HOME/gpus"
    env | grep _SOCKET_IFNAME= | sort >"$HOME/devices"
    env | grep -E "^(WANDB|SWANLAB|MLFLOW)_(RUN|RES|ENT|WORK)" | sort >"$HOME/tracker"
    env -i PATH="$PATH" sh -c "sleep 300; : $HOME" &
    exec sleep 60
    ;;
esac
"""
RAY_MODULE = """
import os

class exceptions:
    RayError = RuntimeError

class Context:
    def get_node_id(self):
        return "node-0"

class Later:
    def __init__(self, function):
        self.function = function

    def options(self, **_):
        return self

    def remote(self, *values):
        made = self.function(*values)
        return Actor(made) if isinstance(self.function, type) else made

class Actor:
    def __init__(self, made):
        self.made = made

    def __getattr__(self, name):
        return Later(getattr(self.made, name))

def init(**_):
    pass

def nodes():
    joined, left = int(os.environ["RAY_NODES"]), int(os.environ.get("RAY_NODES_LEFT", "0"))
    is_training = os.path.exists(os.environ["HOME"] + "/training")
    return [
        {
            "Alive": not (is_training and number >= joined - left),
            "NodeID": f"node-{number}",
            "NodeManagerAddress": f"10.0.0.{number + 1}",
            "Resources": {"CPU": float(os.environ.get("RAY_CPUS", "64"))},
        }
        for number in range(joined)
    ]

def remote(**_):
    return Later

def get(value, timeout):
    return value

def get_runtime_context():
    return Context()
"""
SCHEDULING_MODULE = """
class NodeAffinitySchedulingStrategy:
    def __init__(self, node, soft):
        pass
"""
VERL_MODULE = """
import json, os, subprocess, sys, time

print("VERL " + json.dumps(sys.argv[1:]), flush=True)
open(os.environ["HOME"] + "/training", "w").close()
if "VERL_LEAVES" in os.environ:
    subprocess.Popen(["sleep", "300"], start_new_session=True)
time.sleep(float(os.environ.get("VERL_SECONDS", "0")))
sys.exit(int(os.environ.get("VERL_CODE", "0")))
"""

SFT_MODULE = f"""
class SFTTrainer:
    pass

def main():
    exec({VERL_MODULE!r})
"""
CALLBACK_MODULE = """
class CheckpointCallback:
    pass
"""

OWN_DATASETS_MODULE = """
import json

def load_dataset(kind, data_files, split):
    return [json.loads(line) for line in open(data_files)]

class Dataset(list):
    from_list = classmethod(lambda cls, rows: cls(rows))

    def to_parquet(self, path):
        with open(path, "w") as file:
            json.dump(self, file)
"""
OWN_ROWS = '{"prompt": "1 + 1?", "answer": 2}\n{"prompt": [{"role": "user", "content": "2 + 2?"}], "answer": "4"}\n'

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
        (folder / "temporary").mkdir()
        (folder / "bin" / "ray").write_text(RAY)
        (folder / "bin" / "ray").chmod(0o755)
        (folder / "bin" / "python3").symlink_to(sys.executable)
        for package in ("verl", "verl/trainer"):
            (folder / "modules" / package).mkdir(parents=True, exist_ok=True)
            (folder / "modules" / package / "__init__.py").touch()
        (folder / "modules" / "ray" / "util").mkdir(parents=True)
        (folder / "modules" / "ray" / "__init__.py").write_text(RAY_MODULE)
        (folder / "modules" / "ray" / "util" / "__init__.py").touch()
        (folder / "modules" / "ray" / "util" / "scheduling_strategies.py").write_text(SCHEDULING_MODULE)
        (folder / "modules" / "verl" / "trainer" / "main_ppo.py").write_text(VERL_MODULE)
        (folder / "modules" / "verl" / "trainer" / "sft_trainer_ray.py").write_text(SFT_MODULE)
        (folder / "modules" / "verl" / "trainer" / "ppo").mkdir()
        (folder / "modules" / "verl" / "trainer" / "ppo" / "__init__.py").touch()
        (folder / "modules" / "verl" / "trainer" / "ppo" / "checkpoint_callback.py").write_text(CALLBACK_MODULE)
        (folder / "modules" / "datasets.py").write_text(OWN_DATASETS_MODULE)
        for split in ("train", "test"):
            (folder / f"{split}.jsonl").write_text(OWN_ROWS)

    def run(self, *words: Any, **more: Any) -> Any:
        """Run the script of a recipe to its end; `start` has the arguments."""
        process = self.start(*words, **more)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def start(
        self, name: str, rank: int = 0, overrides: tuple[str, ...] = (), script: str = "", **more: Any
    ) -> subprocess.Popen[str]:
        """Start the script of a recipe.

        Args:
            more: variables of its environment.
        """
        made = build_launch_plan(RECIPES.get(name), (), overrides, f"{name}-7f3a")
        gpus = made.gpus.partition(",")[0].partition(":")[2]
        own = {"TRAIN_FILE": str(self.folder / "train.jsonl"), "TEST_FILE": str(self.folder / "test.jsonl")}
        path = self.folder / "run.sh"
        path.write_text(script or str(made.task["run"]))
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "modules"),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "temporary"),
            "SKYPILOT_NODE_IPS": "\n".join(f"10.0.0.{n + 1}" for n in range(made.nodes)),
            "SKYPILOT_NODE_RANK": str(rank),
            "SKYPILOT_NUM_NODES": str(made.nodes),
            "SKYPILOT_NUM_GPUS_PER_NODE": gpus,
            "RAY_NODES": str(made.nodes),
            **made.task["envs"],
            **(own if "TRAIN_FILE" in made.task["envs"] else {}),
            **({"BATCH_SIZE": "2"} if name == "sft" else {}),
            **more,
        }
        return subprocess.Popen(
            ["bash", path],
            cwd=self.folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def list_left(self) -> list[str]:
        """Return the command lines of the processes that a script of this node has left."""
        home = f"HOME={self.folder}".encode()
        left = []
        for process in Path("/proc").glob("[0-9]*"):
            # A process may end between the two looks.
            with suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if home in (process / "environ").read_bytes().split(b"\0") or f": {self.folder}" in command:
                    left.append(command)
        return left

    def pwned(self) -> bool:
        return (self.folder / "pwned").exists()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def words(stdout: str) -> list[str]:
    """What verl was called with."""
    (line,) = (line for line in stdout.splitlines() if line.startswith("VERL "))
    return list(json.loads(line.removeprefix("VERL ")))


@pytest.mark.parametrize("name", ONE_OF_EACH_SIZE)
def test_overrides_arrive_at_verl_as_they_were_typed_and_after_the_recipes_own(node: Node, name: str) -> None:
    done = node.run(name, overrides=HOSTILE)
    assert done.returncode == 0, done.stderr
    assert words(done.stdout)[-len(HOSTILE) :] == list(HOSTILE)
    assert not node.pwned()


@pytest.mark.parametrize(("fetched", "is_found"), [({"GIT_URL": "https://a.example/b.git"}, True), ({}, False)])
def test_the_teams_own_code_is_found_by_verl_and_its_workers(
    node: Node, fetched: dict[str, str], is_found: bool
) -> None:
    script = str(build_launch_plan(RECIPES.get("grpo"), (), (), "grpo-7f3a").task["run"])
    shown = script.replace("  open_run_folder\n", "").replace(
        "\nopen_run_folder\n", '\nopen_run_folder\nprintf "%s\\n" "$PYTHONPATH"\nexit 0\n'
    )
    done = node.run("grpo", script=shown, **fetched)
    assert done.returncode == 0, done.stderr
    assert (str(node.folder) in done.stdout.strip().split(":")[1:]) is is_found


@pytest.mark.parametrize("name", ONE_OF_EACH_SIZE)
def test_what_verl_is_told_by_the_recipe_itself(node: Node, name: str) -> None:
    told = words(node.run(name).stdout)
    run_dir = f"{node.folder}/checkpoints/{name}-7f3a"
    assert f"trainer.default_local_dir={run_dir}" in told
    assert f"trainer.experiment_name={name}-7f3a" in told
    assert "trainer.logger=[console,file]" in told
    assert Path(run_dir).is_dir()


def save_checkpoint(folder: Path, step: int, world_size: int, is_newest: bool = True) -> None:
    """Write what a run of so many GPUs leaves of a checkpoint on a folder that its nodes share."""
    actor = folder / f"global_step_{step}" / "actor"
    actor.mkdir(parents=True)
    for rank in range(world_size):
        (actor / f"model_world_size_{world_size}_rank_{rank}.pt").touch()
    if is_newest:
        (folder / NEWEST).write_text(str(step))


@pytest.mark.long
@pytest.mark.parametrize(
    ("resume_from", "own", "told"),
    [
        pytest.param("", 0, ["trainer.resume_mode=disable"], id="nothing to go on from"),
        pytest.param("old-1", 0, ["resume_path", "old-1/global_step_40"], id="the newest checkpoint of a run"),
        pytest.param("old-1/global_step_20", 0, ["resume_path", "old-1/global_step_20"], id="one checkpoint"),
        pytest.param("old-1", 7, ["resume_path", "7f3a/global_step_7"], id="a run that has saved something itself"),
        pytest.param("old-2", 0, "There is no checkpoint of old-2.", id="a run that saved nothing"),
        pytest.param(
            "old-1/global_step_30", 0, "There is no checkpoint of step 30", id="a checkpoint that is not there"
        ),
        pytest.param("old-1/global_step_x", 0, "must be RUN or RUN/global_step_N", id="no step"),
        pytest.param("old-3", 0, "was saved by 64 GPUs and cannot be loaded", id="another number of GPUs"),
    ],
)
def test_where_verl_goes_on_from(node: Node, resume_from: str, own: int, told: list[str] | str) -> None:
    name = "own-data"
    made = build_launch_plan(RECIPES.get(name), (), (), f"{name}-7f3a")
    gpus = made.nodes * int(made.gpus.partition(",")[0].partition(":")[2])
    for step in (20, 40):
        save_checkpoint(node.folder / "checkpoints" / "old-1", step, gpus)
    save_checkpoint(node.folder / "checkpoints" / "old-3", 5, 64)
    if own:
        save_checkpoint(node.folder / "checkpoints" / f"{name}-7f3a", own, gpus)
    done = node.run(name, RESUME_FROM=resume_from)
    if isinstance(told, str):
        assert done.returncode == 1
        assert told in done.stderr
        return
    found = [word for word in words(done.stdout) if word.startswith("trainer.resume")]
    assert len(found) == len(told), done.stderr
    assert all(word.endswith(end) for word, end in zip(found, told, strict=True))


@pytest.mark.long
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"], ["CUDA_VISIBLE_DEVICES"]),
        (["HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"], ["HIP_VISIBLE_DEVICES"]),
        (["ROCR_VISIBLE_DEVICES"], ["ROCR_VISIBLE_DEVICES"]),
    ],
    ids=["Slurm", "Slurm with AMD's own", "AMD's alone"],
)
def test_gpus_that_slurm_names_twice_reach_verl_once(node: Node, given: list[str], kept: list[str]) -> None:
    """verl refuses to start with two of these names (0.9.1, `single_controller/base/worker.py`)."""
    node.run("grpo", **dict.fromkeys(given, "0"))
    named = {line.partition("=")[0] for line in (node.folder / "gpus").read_text().splitlines()}
    assert [name for name in given if name in named] == kept


@pytest.mark.parametrize(
    ("addresses", "given", "told"),
    [
        pytest.param(
            "127.0.0.1\n127.0.0.2", {}, ["GLOO_SOCKET_IFNAME=lo", "NCCL_SOCKET_IFNAME==lo"], id="its own address"
        ),
        pytest.param(
            "127.0.0.1\n127.0.0.2",
            {"NCCL_SOCKET_IFNAME": "ib0", "GLOO_SOCKET_IFNAME": "eth7"},
            ["GLOO_SOCKET_IFNAME=eth7", "NCCL_SOCKET_IFNAME=ib0"],
            id="what the image chose",
        ),
        pytest.param("192.0.2.1\n192.0.2.2", {}, [], id="an address that no device has"),
    ],
)
def test_nodes_talk_over_the_device_of_their_own_address(
    node: Node, addresses: str, given: dict[str, str], told: list[str]
) -> None:
    done = node.run("grpo", SKYPILOT_NODE_IPS=addresses, **given)
    assert done.returncode == 0, done.stderr
    assert (node.folder / "devices").read_text().splitlines() == told


@pytest.mark.parametrize("name", VERL)
@pytest.mark.parametrize("variable", ["BATCH_SIZE", "WORKERS_TIMEOUT_SECONDS"])
def test_a_number_that_hides_a_command_is_refused_and_not_run(node: Node, name: str, variable: str) -> None:
    """bash's arithmetic runs what stands in an index: `a[$(touch pwned)]`."""
    hidden: dict[str, Any] = {variable: "a[$(touch pwned)]"}
    done = node.run(name, **hidden)
    assert done.returncode == 1
    assert f"{variable} must be a whole number" in done.stderr
    assert not node.pwned()


@pytest.mark.long
@pytest.mark.parametrize("name", ONE_OF_EACH_SIZE)
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


@pytest.mark.long
@pytest.mark.parametrize("fails", [1, 2])
def test_ray_that_ends_at_its_start_is_started_again(node: Node, fails: int) -> None:
    done = node.run("own-data", RAY_FAILS=str(fails))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Ray did not start on this node; it is started again.") == fails
    first, *others = (node.folder / "starts").read_text().splitlines()
    assert others == [first] * fails


@pytest.mark.long
def test_ray_that_never_starts_says_why(node: Node) -> None:
    done = node.run("own-data", RAY_FAILS="9")
    assert done.returncode == 1
    assert "the raylet has died" in done.stderr
    assert "verl recipe: Ray did not start on the head node." in done.stderr
    assert len((node.folder / "starts").read_text().splitlines()) == 3
    assert node.list_left() == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param({"VERL_LEAVES": "1"}, 0, id="it has trained"),
        pytest.param({"VERL_LEAVES": "1", "VERL_CODE": "3"}, 3, id="it has failed"),
        pytest.param({"RAY_NODES": "1", "WORKERS_TIMEOUT_SECONDS": "0"}, 1, id="a node did not come"),
    ],
)
def test_a_script_leaves_neither_a_process_nor_a_file(node: Node, more: dict[str, str], code: int) -> None:
    done = node.run("ppo", **more)
    assert done.returncode == code, done.stderr
    assert node.list_left() == []
    assert list((node.folder / "temporary").iterdir()) == []


def test_a_signal_ends_a_script_with_all_that_it_started_and_says_what_is_lost(node: Node) -> None:
    process = node.start("ppo", VERL_LEAVES="1", VERL_SECONDS="300", SAVE_GRACE_SECONDS="1")
    eventually((node.folder / "training").exists)
    process.terminate()
    _, stderr = process.communicate(timeout=25)
    assert process.returncode == 143
    assert "ended by a signal before the running step was done" in stderr
    assert node.list_left() == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param({"VERL_SECONDS": "300"}, 68, id="verl waits for it"),
        pytest.param({"VERL_SECONDS": "0", "VERL_CODE": "1"}, 68, id="verl has failed by it"),
    ],
)
def test_a_node_that_leaves_ends_the_training_with_a_code_of_its_own(
    node: Node, more: dict[str, str], code: int
) -> None:
    done = node.run("ppo", RAY_NODES_LEFT="1", **more)
    assert done.returncode == code
    assert "verl watch: node lost: 1 of 2 nodes are left; 10.0.0.2 has left Ray." in done.stderr
    assert node.list_left() == []


@pytest.mark.long
@pytest.mark.parametrize("code", ["0", "3", "68"])
def test_a_node_ends_as_the_training_on_the_head_did(node: Node, code: str) -> None:
    process = node.start("ppo", rank=1)
    eventually(lambda: list((node.folder / "temporary").glob("*/ray.log")))
    (folder,) = (node.folder / "temporary").iterdir()
    (folder / "end").write_text(f"{code}\n")
    _, stderr = process.communicate(timeout=25)
    assert process.returncode == int(code)
    assert ("the training ended with exit code" in stderr) == (code != "0")
    assert node.list_left() == []


@pytest.mark.long
def test_a_node_whose_head_is_gone_says_so_and_fails(node: Node) -> None:
    """127.0.0.1 has nothing that listens on the port of Ray."""
    done = node.run("ppo", rank=1, SKYPILOT_NODE_IPS="127.0.0.1\n127.0.0.2")
    assert done.returncode == 68
    assert "node lost: the head node (127.0.0.1:6390) is gone, and did not say how" in done.stderr


@pytest.mark.parametrize(
    ("overrides", "newest", "left"),
    [
        pytest.param((), "60", ["40", "60", "80"], id="two, and the one that is being written"),
        pytest.param((), "", ["40", "60", "80"], id="a node that does not know which is whole"),
        pytest.param(("trainer.max_actor_ckpt_to_keep=1",), "80", ["80"], id="as many as a person keeps"),
        pytest.param(("trainer.max_actor_ckpt_to_keep=null",), "80", ["20", "40", "60", "80"], id="all"),
    ],
)
def test_checkpoints_of_earlier_starts_are_counted_too(
    node: Node, overrides: tuple[str, ...], newest: str, left: list[str]
) -> None:
    library = (SOURCE_RECIPES / "lib" / "verl-run.sh").read_text()
    folder = node.folder / "run"
    for step in ("20", "40", "60", "80"):
        (folder / f"global_step_{step}").mkdir(parents=True)
    if newest:
        (folder / NEWEST).write_text(newest)
    words_typed = " ".join(overrides)
    script = f'set -euo pipefail\n{library}\nrun_dir="$HOME/run"\ncount_checkpoints_kept {words_typed}\n'
    done = node.run("ppo", script=script + '[ "$checkpoints_kept" -eq 0 ] || prune_checkpoints\n')
    assert done.returncode == 0, done.stderr
    assert sorted(path.name.removeprefix("global_step_") for path in folder.glob("global_step_*")) == left


def test_a_training_that_is_done_leaves_as_many_checkpoints_as_it_keeps(node: Node) -> None:
    """It may end before the next regular look."""
    folder = node.folder / "checkpoints" / "ppo-7f3a"
    for step in (20, 40, 60):
        save_checkpoint(folder, step, 2)
    done = node.run("ppo")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.glob("global_step_*")) == ["global_step_40", "global_step_60"]


def test_a_node_with_too_few_cpus_is_refused_in_a_sentence(node: Node) -> None:
    done = node.run("ppo", RAY_CPUS="4")
    assert done.returncode == 1
    assert "verl needs 15 CPUs for 2 GPUs (9, and 3 for each GPU), and the 2 nodes have 4 + 4." in done.stderr
    assert "VERL" not in done.stdout


@pytest.mark.parametrize("name", VERL)
@pytest.mark.long
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
    assert f"PIP -m pip install --no-input verl[vllm]=={pinned_version()} hydra-core>=1.3.8,<1.4" in done.stdout
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


MLFLOW_MODULE = """
from types import SimpleNamespace as Some

class MlflowClient:
    def get_experiment_by_name(self, name):
        return Some(experiment_id=name)

    def search_runs(self, experiments, query, order_by, max_results):
        assert (experiments, query) == (["verlbot"], "attributes.run_name = 'own-data-7f3a'")
        return [Some(info=Some(run_id=run)) for run in RUNS][:max_results]
"""
"""As much of MLflow's client as the script asks; tests/verl/test_recipes.py asks the real one."""


@pytest.mark.long
@pytest.mark.parametrize("resume_from", ["", "old-1", "old-1/global_step_20"])
def test_each_run_has_curves_of_its_own_which_a_restart_continues(node: Node, resume_from: str) -> None:
    """Two runs may resume from one: in its curves each would hide the other."""
    save_checkpoint(node.folder / "checkpoints" / "old-1", 20, 2)
    done = node.run("own-data", RESUME_FROM=resume_from, WANDB_API_KEY="x")
    assert done.returncode == 0, done.stderr
    assert (node.folder / "tracker").read_text().splitlines() == ["WANDB_RESUME=allow", "WANDB_RUN_ID=own-data-7f3a"]
    assert "trainer.logger=[console,file,wandb]" in words(done.stdout)


@pytest.mark.long
@pytest.mark.parametrize(
    ("secret", "logger", "lines"),
    [
        ("WANDB_API_KEY", "wandb", ["WANDB_ENTITY=lab", "WANDB_RESUME=allow", "WANDB_RUN_ID=old-1"]),
        ("SWANLAB_API_KEY", "swanlab", ["SWANLAB_RESUME=allow", "SWANLAB_RUN_ID=old-1", "SWANLAB_WORKSPACE=lab"]),
        ("MLFLOW_TRACKING_URI", "mlflow", ['MLFLOW_RUN_CONTEXT={"mlflow.parentRunId": "old-1"}']),
    ],
)
def test_curves_go_where_a_person_says_and_continue_the_run_that_she_names(
    node: Node, secret: str, logger: str, lines: list[str]
) -> None:
    named = {"TRACKER_PROJECT": "maths", "TRACKER_ENTITY": "lab", "TRACKER_RUN": "old-1"}
    done = node.run("ppo", **named, **{secret: "x"})
    assert done.returncode == 0, done.stderr
    assert (node.folder / "tracker").read_text().splitlines() == lines
    assert {f"trainer.logger=[console,file,{logger}]", "trainer.project_name=maths"} <= set(words(done.stdout))


@pytest.mark.long
@pytest.mark.parametrize(
    ("runs", "lines"),
    [
        pytest.param("['ab12', 'cd34']", ['MLFLOW_RUN_CONTEXT={"mlflow.parentRunId": "ab12"}'], id="started again"),
        pytest.param("[]", [], id="started for the first time"),
        pytest.param("1 / 0", [], id="the server does not answer"),
        pytest.param("""['a", "x": "b']""", [], id="an id that would change the JSON around it"),
        pytest.param("['a' * 65]", [], id="an id that is too long"),
    ],
)
def test_mlflow_shows_a_run_that_is_started_again_below_its_first_start(
    node: Node, runs: str, lines: list[str]
) -> None:
    (node.folder / "modules" / "mlflow.py").write_text(MLFLOW_MODULE.replace("RUNS", runs))
    done = node.run("own-data", MLFLOW_TRACKING_URI="x")
    assert done.returncode == 0, done.stderr
    assert (node.folder / "tracker").read_text().splitlines() == lines
    assert ("MLflow does not say" in done.stderr) == (runs == "1 / 0")


@pytest.mark.long
def test_without_the_bot_no_run_of_mlflow_is_looked_for(node: Node) -> None:
    """Each such run has the same name."""
    (node.folder / "modules" / "mlflow.py").write_text('open("asked", "w")\n')
    done = node.run("own-data", MLFLOW_TRACKING_URI="x", VERLBOT_RUN_ID="manual")
    assert done.returncode == 0, done.stderr
    assert (node.folder / "tracker").read_text() == ""
    assert not list(node.folder.rglob("asked"))


def test_an_mlflow_that_never_answers_is_asked_for_a_limited_time(tmp_path: Path) -> None:
    (tmp_path / "mlflow.py").write_text("import signal\nsignal.pause()\n")
    script = f". {SOURCE_RECIPES}/lib/verl-run.sh; mlflow_seconds=0.5; find_mlflow_run"
    environment = {"VERLBOT_RUN_ID": "ppo-7f3a", "TRACKER_PROJECT": "verlbot", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", script], env=os.environ | environment, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == ""
    assert done.stderr == "verl recipe: MLflow does not say within 0.5 seconds whether it has a run named ppo-7f3a.\n"


def test_without_a_tracker_there_is_no_run_of_one(node: Node) -> None:
    node.run("own-data")
    assert (node.folder / "tracker").read_text() == ""


def test_own_data_become_rows_as_verl_reads_them(node: Node) -> None:
    done = node.run("own-data")
    assert done.returncode == 0, done.stderr
    told = words(done.stdout)
    rows = json.loads((node.folder / "data" / "own-data-7f3a" / "train.parquet").read_text())
    assert [row["reward_model"]["ground_truth"] for row in rows] == ["2", "4"]
    assert [row["prompt"][0]["content"] for row in rows] == ["1 + 1?", "2 + 2?"]
    assert f"data.train_files={node.folder}/data/own-data-7f3a/train.parquet" in told
    (reward,) = (word for word in told if word.startswith("reward.custom_reward_function.path="))
    assert reward.endswith("/own_data.py")


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        pytest.param("train.jsonl", None, "There is no file", id="no file"),
        pytest.param("train.jsonl", "", "has no rows", id="an empty file"),
        pytest.param("train.jsonl", "what?\n", "cannot be read: JSONDecodeError", id="no JSON"),
        pytest.param(
            "test.jsonl", '{"question": "1 + 1?"}\n', "has no `prompt`; it has: question.", id="other columns"
        ),
        pytest.param("test.jsonl", '{"prompt": "1 + 1?"}\n', "has neither `answer` nor `reward_model`", id="no answer"),
        pytest.param("test.jsonl", '{"prompt": [7], "answer": 2}\n', "neither a text nor messages", id="no messages"),
        pytest.param("test.jsonl", '{"prompt": " ", "answer": 2}\n', "has an empty `prompt`", id="an empty prompt"),
        pytest.param(
            "test.jsonl", '{"prompt": "1?", "answer": ["7", "8"]}\n', "neither a text nor a number", id="a list"
        ),
        pytest.param("test.jsonl", '{"prompt": "1?", "answer": true}\n', "neither a text nor a number", id="a flag"),
        pytest.param("test.jsonl", '{"prompt": "1?", "answer": NaN}\n', "neither a text nor a number", id="no number"),
        pytest.param("test.jsonl", '{"prompt": "1?", "answer": " "}\n', "neither a text nor a number", id="a blank"),
        pytest.param("test.jsonl", '["1?", 2]\n', "is no object with `prompt`", id="no object"),
        pytest.param("mine.py", "def score(): ...\n", "defines no function compute_score", id="another function"),
        pytest.param("mine.py", "def compute_score(:\n", "cannot be read as Python", id="no Python"),
        pytest.param("mine.py", "def compute_score(): ...\n", "must take these arguments by name", id="no arguments"),
        pytest.param("mine.py", None, "There is no REWARD_FILE", id="no reward"),
    ],
)
def test_own_data_that_verl_cannot_use_are_refused_before_ray_starts(
    node: Node, name: str, text: str | None, why: str
) -> None:
    path = node.folder / name
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    done = node.run("own-data", REWARD_FILE=str(node.folder / "mine.py") if name == "mine.py" else "")
    assert done.returncode == 1
    assert "verl recipe: " in done.stderr
    assert why in done.stderr
    assert not (node.folder / "ray.log").exists()
    assert "VERL" not in done.stdout


CONVERSATION = (
    '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello", "name": "a"}]}'
)


def test_conversations_become_rows_as_verl_reads_them(node: Node) -> None:
    asked = (
        '{"prompt": "1 + 1?", "response": "2"}\n{"prompt": [{"role": "system", "content": "Add."}], "response": "4"}'
    )
    for split in ("train", "test"):
        (node.folder / f"{split}.jsonl").write_text(f"{asked}\n{CONVERSATION}\n")
    done = node.run("sft", BATCH_SIZE="3")
    assert done.returncode == 0, done.stderr
    rows = json.loads((node.folder / "data" / "sft-7f3a" / "train.parquet").read_text())
    assert [[(one["role"], one["content"]) for one in row["messages"]] for row in rows] == [
        [("user", "1 + 1?"), ("assistant", "2")],
        [("system", "Add."), ("assistant", "4")],
        [("user", "Hi"), ("assistant", "Hello")],
    ]
    assert {frozenset(one) for row in rows for one in row["messages"]} == {frozenset({"role", "content"})}
    told = words(done.stdout)
    assert f"data.train_files={node.folder}/data/sft-7f3a/train.parquet" in told
    assert {"trainer.max_ckpt_to_keep=2", "trainer.resume_mode=disable", "data.max_token_len_per_gpu=8192"} <= set(told)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "has too few rows for one batch: 0", id="an empty file"),
        pytest.param(
            '{"question": "1?"}\n' * 2, "has neither `messages` nor `prompt`; it has: question.", id="columns"
        ),
        pytest.param('{"prompt": "1?"}\n' * 2, "has neither `messages` nor `response`", id="no response"),
        pytest.param('{"prompt": "1?", "response": 2}\n' * 2, "has no list of messages", id="a number"),
        pytest.param('{"prompt": 7, "response": "2"}\n' * 2, "is neither a text nor messages", id="no prompt"),
        pytest.param('{"messages": "Hi"}\n' * 2, "has no list of messages", id="a text"),
        pytest.param('{"messages": []}\n' * 2, "has no list of messages", id="no message"),
        pytest.param('{"messages": [{"role": "user", "content": "Hi"}]}\n' * 2, "nothing to learn", id="no answer"),
        pytest.param('["Hi"]\n' * 2, "is no object with `messages`", id="no object"),
    ],
)
def test_conversations_that_verl_cannot_learn_are_refused_before_ray_starts(node: Node, text: str, why: str) -> None:
    (node.folder / "train.jsonl").write_text(f"{CONVERSATION}\n" * 2)
    (node.folder / "test.jsonl").write_text(text)
    done = node.run("sft")
    assert done.returncode == 1
    assert why in done.stderr
    assert not (node.folder / "ray.log").exists()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"TRAIN_FILE": ""}, "TEST_FILE is named and TRAIN_FILE is not"),
        ({"TEST_FILE": ""}, "without its last 2 rows has too few rows for one batch: 1, and BATCH_SIZE is 2."),
        ({"BATCH_SIZE": "3", "SKYPILOT_NUM_GPUS_PER_NODE": "2"}, "BATCH_SIZE (3) must be a multiple of the 2 GPUs."),
        ({"RAY_CPUS": "9"}, "verl needs 10 CPUs for 1 GPU (10 for each GPU), and the node has 9."),
    ],
    ids=["one file", "too short to be split", "a batch that cannot be divided", "too few CPUs"],
)
def test_sft_refuses_what_its_trainer_would_stumble_over(node: Node, more: dict[str, str], why: str) -> None:
    for split in ("train", "test"):
        (node.folder / f"{split}.jsonl").write_text(f"{CONVERSATION}\n" * 3)
    done = node.run("sft", **more)
    assert done.returncode == 1
    assert why in done.stderr


def test_without_a_file_to_validate_on_the_last_conversations_are_kept_for_that(node: Node) -> None:
    rows = [json.dumps({"prompt": f"{number}?", "response": "yes"}) for number in range(60)]
    (node.folder / "train.jsonl").write_text("\n".join(rows))
    assert node.run("sft", TEST_FILE="").returncode == 0
    folder = node.folder / "data" / "sft-7f3a"
    asked = {
        split: [row["messages"][0]["content"] for row in json.loads((folder / f"{split}.parquet").read_text())]
        for split in ("train", "test")
    }
    assert asked == {"train": [f"{number}?" for number in range(57)], "test": ["57?", "58?", "59?"]}


def test_a_reward_file_is_read_by_verl_alone(node: Node) -> None:
    """What a node runs of it before the training is nothing."""
    reward = node.folder / "mine.py"
    reward.write_text(f"open({str(node.folder / 'pwned')!r}, 'w')\ndef compute_score(*_, **__): return 1.0\n")
    done = node.run("own-data", REWARD_FILE=str(reward))
    assert done.returncode == 0, done.stderr
    assert f"reward.custom_reward_function.path={reward}" in words(done.stdout)
    assert not node.pwned()


def test_dapo_refuses_a_soft_limit_beyond_the_answer(node: Node) -> None:
    done = node.run("dapo", RESPONSE_LENGTH="256")
    assert done.returncode == 1
    assert "SOFT_LIMIT_TOKENS (512) must be at least 1 and at most RESPONSE_LENGTH (256)." in done.stderr


def test_lora_scales_its_adapters_alike_for_each_rank(node: Node) -> None:
    told = words(node.run("lora", LORA_RANK="8").stdout)
    assert "actor_rollout_ref.model.lora_rank=8" in told
    assert "actor_rollout_ref.model.lora_alpha=16" in told


def test_columns_that_verl_would_take_for_its_own_arguments_go_into_extra_info(node: Node) -> None:
    row = {"prompt": "1 + 1?", "answer": 2, "output": "two", "validate": True, "responses": "x", "extra_info": {"a": 1}}
    (node.folder / "train.jsonl").write_text(json.dumps(row))
    assert node.run("own-data").returncode == 0
    (written,) = json.loads((node.folder / "data" / "own-data-7f3a" / "train.parquet").read_text())
    assert set(written) == {"data_source", "prompt", "reward_model", "extra_info"}
    others = {"output": "two", "validate": True, "responses": "x", "a": 1}
    assert written["extra_info"] == {**others, "split": "train", "index": 0}


def test_answers_keep_what_was_written(node: Node) -> None:
    answers = [2, 2.5, 3.0, "2024-05-01", "007"]
    rows = "\n".join(json.dumps({"prompt": "what?", "answer": answer}) for answer in answers)
    (node.folder / "train.jsonl").write_text(rows)
    assert node.run("own-data").returncode == 0
    written = json.loads((node.folder / "data" / "own-data-7f3a" / "train.parquet").read_text())
    assert [row["reward_model"]["ground_truth"] for row in written] == ["2", "2.5", "3", "2024-05-01", "007"]
