"""What only real processes have: environments, process groups, a supervisor that can be killed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any
from uuid import uuid4

import psutil
import pytest

from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.local.local_cloud import TAIL_BYTES, LocalCloud, read_last_lines
from bot.adapters.local.local_observations import INFRA
from bot.adapters.local.processes import (
    find_marked_processes,
    find_supervisors,
    identify_process,
    is_alive,
)
from bot.adapters.local.state_files import ClusterDirectory, LocalClusterState, ProcessIdentity
from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.launch_plan import ClusterRef, LaunchOrder, build_launch_plan
from bot.errors import Unavailable, UserError
from bot.i18n import render, use_language
from tests.waiting import eventually

pytestmark = pytest.mark.slow

NAME = "verl-x"
X = ClusterRef(NAME)


class Machine:
    """This machine as a cloud, and a look behind it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cloud = LocalCloud(root, secrets={"WANDB_API_KEY": "s3cret"}, grace_seconds=0.5)
        self.place = ClusterDirectory(root, NAME)
        self.sessions: list[ProcessIdentity] = []

    def launch(self, run: str, **more: Any) -> None:
        self.cloud.launch(LaunchOrder(NAME, {"name": "job", "run": run, **more}, secrets=("WANDB_API_KEY",)))

    def look(self) -> Observation:
        return self.cloud.observe([X])[NAME]

    def until(self, job: JobState) -> Observation:
        return eventually(lambda: (seen := self.look()).job is job and seen, self.look) or self.look()

    def ended(self) -> Observation:
        return (
            eventually(lambda: (seen := self.look()).job is not None and seen.job.is_finished and seen, self.look)
            or self.look()
        )

    def processes_of_its_sessions(self) -> list[str]:
        """By name; of the sessions that it had when it was looked at first."""
        self.sessions = self.sessions or self.state().sessions
        return [process.name() for process in find_marked_processes("", self.sessions)]

    def printed(self) -> str:
        return self.cloud.tail_log(X, 1000)

    def down(self) -> None:
        self.cloud.tear_down(X)
        eventually(lambda: not self.place.folder.exists() and not find_marked_processes(self.place.marker), self.look)

    def state(self) -> LocalClusterState:
        found = self.place.read_state()
        assert found is not None
        return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-the-bot")
    found = Machine(tmp_path / "local")
    yield found
    if found.place.folder.exists():
        found.down()
    assert not find_marked_processes(found.place.marker)
    eventually(lambda: not find_supervisors(found.place.marker))


def test_nodes_get_the_variables_that_skypilot_sets(machine: Machine) -> None:
    machine.launch(
        'echo "<$SKYPILOT_NODE_RANK|$SKYPILOT_NUM_NODES|$SKYPILOT_NUM_GPUS_PER_NODE|$(echo $SKYPILOT_NODE_IPS)>"',
        num_nodes=3,
    )
    machine.ended()
    printed = machine.printed()
    for rank in range(3):
        assert f"<{rank}|3|0|127.0.0.1 127.0.0.2 127.0.0.3>" in printed


@pytest.mark.long
def test_an_autostop_that_is_put_off_after_the_job_is_over_counts(machine: Machine) -> None:
    machine.cloud = LocalCloud(machine.root, secrets={"WANDB_API_KEY": "s3cret"}, minute_seconds=0.1, grace_seconds=0.5)
    machine.launch("true", resources={"autostop": {"idle_minutes": 20, "down": True}})
    machine.ended()
    machine.cloud.set_autostop(X, 40)
    began = time.monotonic()
    eventually(lambda: not machine.place.folder.exists())
    assert time.monotonic() - began > 3


def test_all_nodes_of_a_run_share_its_task_id(machine: Machine) -> None:
    machine.launch('echo "<$SKYPILOT_TASK_ID>"', num_nodes=2)
    machine.ended()
    ids = {line.split("<")[1] for line in machine.printed().splitlines()}
    assert len(ids) == 1
    assert ids.pop().startswith("sky-20")


LIBRARY_RECIPE = """
name: toy
num_nodes: 2
envs: {WORD: hello}
file_mounts: {~/verlbot/lib: recipes/lib}
setup: |
  . ~/verlbot/lib/greet.sh
  greet setup
run: |
  . ~/verlbot/lib/greet.sh
  greet "$@"
_metadata:
  verlbot: {title: Toy, description: One, overrides: true, budget_dollars: 1, lease_hours: 1, metrics: []}
"""


def test_a_recipe_that_mounts_the_library_runs_here_too(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "greet.sh").write_text('greet() { echo "$WORD $*, from $SKYPILOT_NODE_RANK"; }\n')
    (tmp_path / "toy.yaml").write_text(LIBRARY_RECIPE)
    task = build_launch_plan(RecipeFolder(tmp_path).get("toy"), (), ("a.b=c d",), "toy-7f3a").task
    assert machine.cloud.explain_refusal(task) is None
    machine.cloud.launch(LaunchOrder(NAME, task))
    assert machine.ended().job is JobState.SUCCEEDED
    printed = machine.printed()
    for line in ("hello setup, from 0", "hello setup, from 1", "hello a.b=c d, from 0", "hello a.b=c d, from 1"):
        assert line in printed


def test_setup_runs_on_every_node_before_run_does(machine: Machine) -> None:
    machine.launch(
        'cat "$HOME/ready"; cat "$HOME/sky_workdir/here"', setup='echo set > "$HOME/ready"; echo up > here', num_nodes=2
    )
    assert machine.ended().job is JobState.SUCCEEDED
    assert machine.printed().count("set") == machine.printed().count("up") == 2


def test_lines_carry_skypilots_prefixes(machine: Machine) -> None:
    machine.launch("echo hello", setup="echo ready", num_nodes=2)
    machine.ended()
    lines = sorted(line.replace("\x1b[36m", "").replace("\x1b[0m", "") for line in machine.printed().splitlines())
    shapes = ["(head, rank=0, pid=", "(setup pid=", "(setup pid=", "(worker1, rank=1, pid="]
    assert [line[: len(shape)] for line, shape in zip(lines, shapes, strict=True)] == shapes
    assert lines[3].endswith(", ip=127.0.0.2) hello")


def test_of_one_node_the_prefix_is_the_tasks_name(machine: Machine) -> None:
    machine.launch("echo hello")
    machine.ended()
    assert "(job, pid=" in machine.printed()


def test_nothing_of_the_bots_environment_reaches_a_node(machine: Machine) -> None:
    machine.launch("env")
    machine.ended()
    assert "xoxb-of-the-bot" not in machine.printed()


def test_secrets_reach_the_task_and_no_file(machine: Machine) -> None:
    machine.launch('echo "it has ${#WANDB_API_KEY} letters"', secrets={"WANDB_API_KEY": "", "HF_TOKEN": ""})
    machine.ended()
    assert "it has 6 letters" in machine.printed()
    written = [path for path in machine.root.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    assert written == []


def test_a_volume_outlives_its_cluster(machine: Machine) -> None:
    machine.launch(
        'mkdir -p "$OUT"; echo model > "$OUT/model"', envs={"OUT": "/checkpoints/r"}, volumes={"/checkpoints": "models"}
    )
    machine.ended()
    machine.down()
    assert (machine.root / "volumes" / "models" / "r" / "model").read_text() == "model\n"


def test_a_setup_that_fails_is_told_from_a_run_that_fails(machine: Machine) -> None:
    machine.launch("echo never", setup='[ "$SKYPILOT_NODE_RANK" = 0 ] && exit 7; true', num_nodes=2)
    seen = machine.ended()
    assert (seen.job, str(seen.error)) == (JobState.FAILED_SETUP, "`setup` failed on node 0 with exit code 7.")
    assert "Job 1's setup failed with return code list: [7, 0]" in machine.printed()
    assert "never" not in machine.printed()


def test_why_a_run_failed_is_said_in_the_language_of_who_reads(machine: Machine) -> None:
    machine.launch("exit 7")
    error = machine.ended().error
    assert str(error) == "`run` failed on node 0 with exit code 7."
    with use_language("zh-CN"):
        assert render(error or "") == "`run` 在节点 0 上失败，退出码 7。"


def test_a_node_that_fails_takes_the_others_with_it(machine: Machine) -> None:
    machine.launch('[ "$SKYPILOT_NODE_RANK" = 1 ] && exit 3; sleep 600', num_nodes=3)
    seen = machine.ended()
    assert str(seen.error) == "`run` failed on node 1 with exit code 3."
    assert find_marked_processes(machine.place.marker) == []


def test_a_killed_node_says_by_what(machine: Machine) -> None:
    machine.launch("kill -9 $$")
    assert str(machine.ended().error) == "`run` failed on node 0 with exit code 137 (SIGKILL)."


def test_removal_takes_everything_that_the_job_started(machine: Machine) -> None:
    machine.launch("setsid nohup sleep 600 & (trap '' TERM; sleep 600) & sleep 600", num_nodes=2)
    machine.until(JobState.RUNNING)
    eventually(lambda: len(find_marked_processes(machine.place.marker)) >= 6)
    machine.down()
    assert machine.look() == Observation(ending=Ending.DOWNED, cluster_id=NAME)


def test_a_job_may_save_what_it_holds_when_it_is_asked_to_end(machine: Machine) -> None:
    machine.launch(
        'trap "echo saved > $OUT/saved; exit 0" TERM; mkdir -p $OUT; touch $OUT/on; while :; do sleep 0.02; done',
        envs={"OUT": "/c"},
        volumes={"/c": "v"},
    )
    eventually((machine.root / "volumes" / "v" / "on").exists)
    machine.down()
    assert (machine.root / "volumes" / "v" / "saved").exists()


def test_it_goes_on_without_the_bot_and_is_found_again(machine: Machine) -> None:
    machine.launch("sleep 600")
    machine.until(JobState.RUNNING)
    later = LocalCloud(machine.root, secrets={}, grace_seconds=0.5)
    assert later.observe([X])[NAME].job is JobState.RUNNING
    later.tear_down(X)
    eventually(lambda: later.observe([X])[NAME].ending)


def test_a_killed_supervisor_is_a_dead_driver_and_what_it_left_is_removed(machine: Machine) -> None:
    machine.launch("sleep 600", num_nodes=2)
    machine.until(JobState.RUNNING)
    supervisor = machine.state().supervisor
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    seen = machine.ended()
    assert (seen.job, seen.cluster) == (JobState.FAILED_DRIVER, ClusterState.UP)
    assert find_marked_processes(machine.place.marker) != []
    machine.down()
    assert machine.look().ending is Ending.DOWNED


def test_a_supervisor_that_does_not_listen_is_ended_at_the_second_asking(machine: Machine) -> None:
    machine.launch("sleep 600")
    machine.until(JobState.RUNNING)
    supervisor = machine.state().supervisor
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGSTOP)
    machine.cloud.tear_down(X)
    assert machine.look().cluster is ClusterState.UP
    machine.down()
    assert not is_alive(supervisor)


def test_of_many_launches_at_the_same_moment_one_runs(machine: Machine) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: machine.launch("echo started; sleep 600"), range(6)))
    eventually(lambda: "started" in machine.printed())
    assert machine.printed().count("started") == 1
    assert list((machine.root / "drafts").iterdir()) == []


def test_a_name_that_was_removed_before_it_came_never_comes(machine: Machine) -> None:
    machine.cloud.tear_down(X)
    machine.launch("sleep 600")
    assert machine.look() == Observation(ending=Ending.DOWNED, cluster_id=NAME)
    assert find_marked_processes(machine.place.marker) == []


DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(4242)"


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("sh -c 'echo up; exec sleep 4242'", id="one that ends when asked"),
        pytest.param(f'python3 -c "{DEAF}"', id="one that does not"),
    ],
)
def test_a_script_that_shakes_off_its_environment_is_ended_all_the_same(machine: Machine, program: str) -> None:
    machine.launch(f"exec env -i PATH=$PATH {program}")
    try:
        eventually(lambda: machine.printed().strip(), machine.printed)
        assert len(machine.processes_of_its_sessions()) == 1
        machine.down()
        assert machine.processes_of_its_sessions() == []
    finally:
        for process in find_marked_processes("", machine.sessions):
            process.kill()


def test_a_script_that_shakes_off_environment_and_session_is_ended_too(machine: Machine) -> None:
    """Both at once leave nothing to know it by but its parent, which its supervisor becomes."""
    tells = machine.root.parent / "pid"
    machine.launch(f"env -i PATH=$PATH setsid sh -c 'echo $$ > {tells}; exec sleep 4242' & sleep 0.5")
    pid = int(eventually(lambda: tells.exists() and tells.read_text().strip()) or 0)
    machine.until(JobState.SUCCEEDED)
    escaped = identify_process(pid)
    assert is_alive(escaped)
    machine.down()
    eventually(lambda: not is_alive(escaped))


def test_a_session_whose_number_went_to_another_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as other:
        session = identify_process(other.pid)
        assert session is not None
        assert [process.pid for process in find_marked_processes("", [session])] == [other.pid]
        assert find_marked_processes("", [ProcessIdentity(other.pid, "earlier")]) == []
        other.kill()


def test_a_cluster_whose_files_are_broken_is_removed_all_the_same(machine: Machine) -> None:
    machine.launch("sleep 600")
    eventually(lambda: find_marked_processes(machine.place.marker))
    (machine.place.folder / "state.json").write_bytes(b"")
    machine.down()
    assert machine.look() == Observation(ending=Ending.DOWNED, cluster_id=NAME)
    eventually(lambda: not find_supervisors(machine.place.marker))


def test_the_supervisor_is_not_told_what_the_bot_is(machine: Machine) -> None:
    machine.launch("sleep 600")
    supervisor = machine.state().supervisor
    assert supervisor is not None
    with suppress(psutil.AccessDenied):  # to any but root it is closed altogether
        assert "xoxb-of-the-bot" not in str(psutil.Process(supervisor.pid).environ())


@pytest.mark.parametrize("rank", [0, 3])
def test_the_node_that_failed_first_is_named_though_others_fail_of_it(machine: Machine, rank: int) -> None:
    failed = machine.root.parent / "failed"
    machine.launch(
        f"if [ $SKYPILOT_NODE_RANK = {rank} ]; then touch {failed}; exit 3; fi;"
        f"while [ ! -e {failed} ]; do sleep 0.01; done; sleep 0.05; exit 1",
        num_nodes=4,
    )
    error = machine.ended().error or ""
    assert str(error).startswith(f"`run` failed on node {rank} with exit code 3, and then on nodes ")


def test_a_cluster_whose_files_are_broken_is_not_seen_and_the_others_are(machine: Machine) -> None:
    machine.launch("sleep 600")
    content = (machine.place.folder / "state.json").read_bytes()
    (machine.place.folder / "state.json").write_bytes(b"")
    assert machine.cloud.observe([X, ClusterRef("verl-y")]) == {"verl-y": Observation()}
    (machine.place.folder / "state.json").write_bytes(content)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        pytest.param({"resources": {"accelerators": "H100:1"}}, "needs H100:1; this machine has no", id="accelerators"),
        pytest.param({"resources": {"image_id": "docker:x"}}, "a container image (docker:x)", id="an image"),
        pytest.param({"resources": {"infra": "k8s"}}, "the infra k8s", id="another infra"),
        pytest.param({"file_mounts": {"/c": {"source": "s3://x"}}}, "`volume=NAME` to keep files here", id="a bucket"),
        pytest.param({"num_nodes": 9}, "9 nodes; this machine runs at most 8", id="too many nodes"),
    ],
)
def test_what_this_machine_cannot_do_is_refused_before_anything_starts(
    machine: Machine, task: dict[str, Any], why: str
) -> None:
    assert why in str(machine.cloud.explain_refusal(task) or "")
    with pytest.raises(UserError, match="It needs"):
        machine.cloud.launch(LaunchOrder(NAME, task))
    assert machine.look() == Observation()


def test_a_price_is_pretended_only_where_one_is_set(tmp_path: Path) -> None:
    assert LocalCloud(tmp_path, secrets={}).estimate_rate({"num_nodes": 2}) is None
    rate = LocalCloud(tmp_path, secrets={}, dollars_per_node_hour=1.5).estimate_rate({"num_nodes": 2})
    assert rate is not None
    assert (rate.dollars_per_hour, rate.source) == (3.0, "demo price")


def test_it_says_where_it_runs(machine: Machine) -> None:
    machine.launch("true")
    assert machine.ended().infra == INFRA


def test_the_last_lines_of_a_long_file_are_read_without_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"{number} {'x' * 100}\n" for number in range(20_000)))
    lines = read_last_lines(path, 3).splitlines()
    assert [line.split()[0] for line in lines] == ["19997", "19998", "19999"]
    assert TAIL_BYTES * 0.9 < len(read_last_lines(path, 100_000)) < TAIL_BYTES * 2


def test_a_line_of_megabytes_holds_up_nobody(machine: Machine) -> None:
    machine.launch("echo early; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo late; exit 1")
    machine.until(JobState.FAILED)
    text = machine.cloud.tail_log(X, 20)
    assert "late" in text
    assert len(text) < 2 * TAIL_BYTES


def test_an_autostop_that_is_set_later_counts_and_not_the_tasks(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.cloud = LocalCloud(tmp_path, secrets={}, grace_seconds=0.5, minute_seconds=0.05)
    machine.launch("sleep 0.5", resources={"autostop": {"idle_minutes": 10_000, "down": True}})
    machine.until(JobState.RUNNING)
    machine.cloud.set_autostop(X, 1)
    assert machine.look().autostop_minutes == 1
    assert eventually(lambda: machine.look().ending, machine.look) is Ending.AUTODOWNED
    with pytest.raises(Unavailable):
        machine.cloud.set_autostop(X, 1)


@pytest.mark.parametrize("size", [TAIL_BYTES // 2, TAIL_BYTES - 20, TAIL_BYTES * 2])
def test_of_the_last_lines_none_is_cut(tmp_path: Path, size: int) -> None:
    path = tmp_path / "log"
    path.write_text("early\n" + "x" * size + "\nlate\n")
    lines = read_last_lines(path, 10).splitlines()
    assert lines[-1] == "late"
    assert set(map(len, lines[:-1])) <= {5, size}
    assert (size in map(len, lines)) is (size < TAIL_BYTES)


def test_a_cluster_whose_files_are_lost_stands_while_its_processes_run(machine: Machine) -> None:
    machine.launch("sleep 600")
    machine.until(JobState.RUNNING)
    shown = replace(X, was_shown=True)
    rmtree(machine.place.folder)
    seen = machine.cloud.observe([shown])[NAME]
    assert (seen.cluster, seen.request, seen.ending) == (ClusterState.UP, RequestState.LIVE, None)
    assert [one.name for one in machine.cloud.list_clusters()] == [NAME]
    assert machine.cloud.find_gone_clusters([NAME, UNIQUE]) == {UNIQUE}
    machine.down()
    seen = machine.cloud.observe([shown])[NAME]
    assert (seen.is_empty, seen.ending) == (True, Ending.DOWNED)
    assert machine.cloud.find_gone_clusters([NAME]) == {NAME}


UNIQUE = f"verl-{uuid4().hex}"
"""A name that no other test's cluster has, whose processes would be found."""


@pytest.mark.parametrize(
    ("watched", "ending"),
    [
        pytest.param(ClusterRef(UNIQUE), None, id="never asked for"),
        pytest.param(ClusterRef(UNIQUE, launch_requested_at=datetime.now(UTC)), None, id="asked for, and never seen"),
        pytest.param(ClusterRef(UNIQUE, was_shown=True), Ending.LOST, id="seen before"),
    ],
)
def test_what_has_neither_files_nor_processes_is_lost_where_it_was_seen_before(
    machine: Machine, watched: ClusterRef, ending: Ending | None
) -> None:
    seen = machine.cloud.observe([watched])[UNIQUE]
    assert (seen.is_empty, seen.ending) == (True, ending)
    assert ("Its files on this machine are gone" in str(seen.error or "")) is (ending is not None)
