"""Runs a recipe's own script on real verl, as SkyPilot would run it on each node of a cluster."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from bot.adapters.files.recipe_files import RecipeFolder
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.model.launch_plan import build_launch_plan
from tests.verl import environment
from tests.verl.environment import READY, STAND_INS, VARIABLES, VENV
from tests.waiting import eventually

RUN_SECONDS = 600
"""For one run, on two cores that may be busy; alone on them, most take a minute."""

RECIPES = RecipeFolder(SOURCE_RECIPES)

SMALL = (
    "trainer.device=cpu",
    "actor_rollout_ref.actor.strategy=fsdp2",
    "actor_rollout_ref.model.use_remove_padding=False",
    "actor_rollout_ref.actor.use_torch_compile=False",
    "actor_rollout_ref.actor.fsdp_config.use_torch_compile=False",
    "actor_rollout_ref.rollout.agent.num_workers=1",
    "reward.num_workers=1",
    "transfer_queue.backend.SimpleStorage.num_data_storage_units=1",
    "data.dataloader_num_workers=0",
)
CRITIC = ("critic.strategy=fsdp2", "critic.model.use_remove_padding=False")

SFT = (
    "trainer.device=cpu",
    "engine.strategy=fsdp2",
    "engine.use_torch_compile=False",
    "model.use_remove_padding=False",
)

SMALLER: Mapping[str, tuple[str, ...]] = {
    "ppo": (*SMALL, *CRITIC),
    "grpo": (*SMALL, f"reward.custom_reward_function.path={STAND_INS}/verl_bed_reward.py"),
    "dapo": (*SMALL, f"reward.custom_reward_function.path={STAND_INS}/verl_bed_reward.py"),
    "lora": (*SMALL, f"reward.custom_reward_function.path={STAND_INS}/verl_bed_reward.py"),
    "own-data": SMALL,
    "sft": SFT,
    "multiturn-tools": (*SMALL, "actor_rollout_ref.rollout.tensor_model_parallel_size=1"),
}
"""The overrides that fit a recipe to two cores without a GPU; they are typed as any others."""

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "ppo": {"batch_size": "8", "response_length": "16"},
    "grpo": {"batch_size": "4", "group_size": "2", "response_length": "16"},
    "dapo": {"batch_size": "4", "group_size": "4", "response_length": "16", "soft_limit_tokens": "8"},
    "lora": {"batch_size": "4", "group_size": "2", "response_length": "16", "lora_rank": "4"},
    "own-data": {"batch_size": "4", "group_size": "2", "prompt_length": "256", "response_length": "16"},
    "sft": {"batch_size": "4", "max_length": "128"},
    "multiturn-tools": {"batch_size": "4", "group_size": "2", "response_length": "96"},
}
"""The parameters that make it short, unless a test has others."""

CABLE = "bed0"
"""The name of a node's network device."""

RAY_FOLDER = Path("/tmp/ray")
"""Ray's own; each node sees another one there."""

ON_A_NODE = """\
ip link set lo up
mount -t tmpfs tmpfs /tmp/ray
[ -z "$VERL_BED_ADDRESS" ] || ip address add "$VERL_BED_ADDRESS" dev lo
cd "$HOME"
bash "$0" &
echo $$ $! >"$0.started"
wait $!
echo $? >"$0.ended"
ps -eo pid=,args= >"$0.left"
"""
"""The first process of a node: runs the script, and lists what outlives it. All ends with it."""


def lacking(venv: Path = VENV) -> str:
    """Why verl cannot run here; empty where it can."""
    if not (venv / READY).exists():
        return "verl's environment is not there: `make test-verl` makes it"
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "it takes root on Linux, for namespaces"
    return "" if shutil.which("ip") and shutil.which("unshare") else "it takes iproute2 and util-linux"


@cache
def lacking_cables() -> str:
    """Why two nodes cannot be here; empty where they can."""
    with suppress(subprocess.CalledProcessError), cables(2):
        return ""
    return "this machine's kernel makes no network between namespaces"


@contextmanager
def cables(nodes: int) -> Iterator[list[str]]:
    """The names of network namespaces for so many nodes, joined by a switch where there are two or more."""
    brand = f"verlbed{os.getpid()}"
    names = [f"{brand}-{rank}" for rank in range(nodes)]
    try:
        for name in names:
            ip("netns", "add", name)
        for rank, name in enumerate(names if nodes > 1 else []):
            if rank:
                ends = [f"{CABLE}", "netns", name, "type", "veth", "peer", "name", CABLE, "netns", names[0]]
                ip("link", "add", *ends)
        for rank, name in enumerate(names if nodes > 1 else []):
            ip("-n", name, "address", "add", f"{address(rank)}/24", "dev", CABLE)
            ip("-n", name, "link", "set", CABLE, "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=True)


def address(rank: int) -> str:
    return f"10.77.0.{rank + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A run to be made.

    Attributes:
        recipe: its name.
        folder: its home, from which a second run with the same one continues.
        settings: parameters, beside or in place of the short ones.
        overrides: for Hydra, after those that shrink the recipe.
        variables: environment variables of its nodes.
    """

    recipe: str
    folder: Path
    nodes: int = 1
    gpus: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    overrides: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    run_id: str = ""

    @property
    def id(self) -> str:
        return self.run_id or f"{self.recipe}-7f3a"

    @property
    def output(self) -> Path:
        """The run's folder of checkpoints, samples and metrics."""
        return self.folder / "checkpoints" / self.id


class Node:
    """One node of a run: its processes have a home, a network and process ids of their own."""

    def __init__(self, asked: Asked, rank: int, network: str, task: Mapping[str, Any], venv: Path) -> None:
        self.rank = rank
        self.script = asked.folder / f"node-{rank}.sh"
        self.log = asked.folder / f"node-{rank}.log"
        self.script.write_text(str(task["run"]))
        for end in ("started", "ended", "left"):
            self.report(end).unlink(missing_ok=True)
        RAY_FOLDER.mkdir(exist_ok=True)
        variables = {
            "PATH": f"{venv}/bin:{os.environ['PATH']}",
            "HOME": str(asked.folder),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **({"GLOO_SOCKET_IFNAME": "lo"} if asked.nodes == 1 else {}),
            "VERL_BED_ADDRESS": f"{address(rank)}/32" if asked.nodes == 1 else "",
            **VARIABLES,
            **{name: str(value) for name, value in {**task["envs"], **task.get("secrets", {})}.items()},
            "MODEL": str(environment.materials(venv) / "model"),
            "SKYPILOT_NODE_IPS": "\n".join(map(address, range(asked.nodes))),
            "SKYPILOT_NODE_RANK": str(rank),
            "SKYPILOT_NUM_NODES": str(asked.nodes),
            "SKYPILOT_NUM_GPUS_PER_NODE": str(asked.gpus),
            **asked.variables,
        }
        alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", network, *alone, "sh", "-c", ON_A_NODE, self.script],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def report(self, end: str) -> Path:
        return self.script.with_name(f"{self.script.name}.{end}")

    def wait(self, seconds: float = RUN_SECONDS) -> int:
        """Wait for the script's end; its exit code, or -9 where the whole node was killed."""
        self.process.wait(seconds)
        ended = self.report("ended")
        return int(ended.read_text()) if ended.exists() else -9

    def left(self) -> list[str]:
        """The processes that had outlived the script when it ended, without those of the bed itself."""
        lines = [line.split(maxsplit=1)[1] for line in self.report("left").read_text().splitlines()]
        return [line for line in lines if not line.startswith(("sh -c", "ps -eo")) and "<defunct>" not in line]

    def script_process(self) -> psutil.Process:
        """The shell that runs the script."""
        eventually(self.report("started").exists)
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if process.cmdline() == ["bash", str(self.script)]:
                    return process
        raise AssertionError(f"node {self.rank} runs no script")

    def processes(self) -> list[psutil.Process]:
        """All that runs on it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        """What a power cut does."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(30)

    def text(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass(frozen=True, slots=True)
class Run:
    """A run under way, or ended."""

    asked: Asked
    nodes: list[Node]

    @property
    def head(self) -> Node:
        return self.nodes[0]

    def sees(self, text: str, seconds: float = RUN_SECONDS) -> None:
        """Wait until the head's log holds the text.

        Raises:
            AssertionError: the run ended first, or the time did.
        """

        def found() -> bool:
            there = text in self.head.text()
            assert there or self.head.process.poll() is None, f"ended without {text!r}:\n{self.head.text()[-6000:]}"
            return there

        eventually(found, lambda: f"no {text!r} in {self.head.text()[-6000:]}", seconds, pause_seconds=0.2)


@contextmanager
def running(asked: Asked, venv: Path = VENV) -> Iterator[Run]:
    """Start a run on all of its nodes; whatever is left of it ends with the context."""
    settings = {**SETTINGS[asked.recipe], **asked.settings}
    overrides = (*SMALLER[asked.recipe], *asked.overrides)
    task = build_launch_plan(RECIPES.get(asked.recipe), tuple(settings.items()), overrides, asked.id).task
    asked.folder.mkdir(parents=True, exist_ok=True)
    lay(asked.folder, venv)
    with cables(asked.nodes) as networks:
        nodes: list[Node] = []
        try:
            for rank, network in enumerate(networks):
                nodes.append(Node(asked, rank, network, task, venv))
            yield Run(asked, nodes)
        finally:
            for node in nodes:
                node.kill()


def lay(home: Path, venv: Path = VENV) -> None:
    """Put into a home what the recipe's setup would have put there."""
    data = home / "data"
    if not data.exists():
        data.symlink_to(environment.materials(venv) / "data")
    library = (SOURCE_RECIPES / "lib" / "calculator.sh").read_text()
    subprocess.run(
        ["bash", "-c", f'set -euo pipefail\n{library}\nwrite_calculator "$HOME/verlbot/calculator.py"'],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        check=True,
    )


def run(asked: Asked, venv: Path = VENV) -> tuple[int, Run]:
    """Run to the end; the exit code of the head, and what there was."""
    with running(asked, venv) as found:
        return found.head.wait(), found


def metric_rows(asked: Asked) -> list[dict[str, Any]]:
    """The lines of verl's own file of metrics, of all starts of the run."""
    files = sorted(asked.output.glob("metrics-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


USAGE = """\
python -m tests.verl install [VERSION]    make verl's environment: the pinned version, or `newest`
python -m tests.verl run RECIPE FOLDER [NAME=VALUE | OPTION=VALUE …]
    One recipe, with parameters and Hydra's overrides; NAME in capitals is an environment variable, and
    nodes=2 makes two nodes. Its log, checkpoints and metrics are in FOLDER.
"""


def main(words: list[str]) -> int:
    match words:
        case ["install", *version]:
            environment.install(VENV, *version)
            return 0
        case ["run", recipe, folder, *rest]:
            if why := lacking():
                print(why)
                return 1
            pairs = [(name, value) for name, _, value in (word.partition("=") for word in rest) if "." not in name]
            asked = Asked(
                recipe=recipe,
                folder=Path(folder).absolute(),
                nodes=int(dict(pairs).get("nodes", 1)),
                settings={name: value for name, value in pairs if not name.isupper() and name != "nodes"},
                variables={name: value for name, value in pairs if name.isupper()},
                overrides=[word for word in rest if "." in word.partition("=")[0]],
            )
            code, found = run(asked)
            print(f"exit code {code}; {found.head.log}")
            return code
        case _:
            print(USAGE)
            return 2
