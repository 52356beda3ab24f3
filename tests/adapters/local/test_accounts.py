"""A run of this machine, and what it can see of the bot: no token, no store, and where it is another user's nothing."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import psutil
import pytest

from bot.adapters.disk_space import DiskAllowance
from bot.adapters.local.accounts import (
    UNPRIVILEGED_USER,
    SystemAccount,
    allow_traversal,
    can_traverse,
    find_account,
    find_closed_folder,
)
from bot.adapters.local.local_checkpoints import NodeFolder, copy_from_first_node
from bot.adapters.local.local_cloud import LocalCloud
from bot.adapters.local.processes import SUPERVISOR_MODULE, find_marked_processes, find_supervisors
from bot.adapters.local.state_files import ClusterDirectory
from bot.app.process_health import prepare
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.errors import Unavailable, UserError
from tests.waiting import eventually

NAME = "verl-x"
X = ClusterRef(NAME)
HUSH = "xoxb-of-the-bot"
IS_ROOT = os.geteuid() == 0


@pytest.mark.parametrize(
    ("owner", "group", "mode", "passes"),
    [
        (7, 0, 0o700, True),
        (7, 0, 0o077, False),
        (0, 8, 0o710, True),
        (0, 8, 0o701, False),
        (0, 0, 0o701, True),
        (0, 0, 0o710, False),
    ],
    ids=["his own", "closed to himself", "his group's", "closed to his group", "everybody's", "another group's"],
)
def test_who_can_go_through_a_folder(owner: int, group: int, mode: int, passes: bool) -> None:
    found = os.stat_result((mode, 0, 0, 0, owner, group, 0, 0, 0, 0))
    assert can_traverse(SystemAccount(7, 8), found) is passes


def test_the_uppermost_folder_that_is_closed_is_named(tmp_path: Path) -> None:
    account = SystemAccount(os.geteuid() + 12345, os.getegid() + 12345)
    closed = tmp_path / "closed"
    (closed / "below").mkdir(parents=True)
    closed.chmod(0o700)
    assert find_closed_folder(account, closed / "below" / "data") in (closed, *closed.parents)
    assert find_closed_folder(account, Path("/usr/bin/env")) is None


@pytest.mark.parametrize("word", ["no-such-user-here", "0", "root", "-1", "99999999999"])
def test_a_user_that_there_is_not_or_that_is_root_is_refused(word: str) -> None:
    with pytest.raises(UserError, match=r"has no user|^Local runs may not run as root\.$"):
        find_account(word)


def test_a_number_without_a_name_is_a_user_too() -> None:
    assert find_account("54321") == SystemAccount(54321, 54321)


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory that other users could reach, as /var/lib/verlbot is."""
    above = Path(tempfile.mkdtemp(prefix="verlbot-test-"))
    above.chmod(0o755)
    yield above / "data"
    shutil.rmtree(above)


@pytest.fixture
def cloud(data: Path) -> Iterator[LocalCloud]:
    account = find_account(UNPRIVILEGED_USER) if IS_ROOT else None
    prepare(data, account.gid if account else None)
    allow_traversal(data, account)
    found = LocalCloud(data / "local", secrets={}, grace_seconds=0.5, account=account)
    yield found
    place = ClusterDirectory(data / "local", NAME)
    if place.folder.exists():
        found.tear_down(X)
    eventually(lambda: not find_marked_processes(place.marker) and not find_supervisors(place.marker))


def printed(cloud: LocalCloud, run: str, **more: object) -> str:
    """What a run prints, once it is over."""
    cloud.launch(LaunchOrder(NAME, {"name": "job", "run": run, **more}))
    eventually(lambda: (job := cloud.observe([X])[NAME].job) and job.is_finished, lambda: cloud.tail_log(X, 50))
    return cloud.tail_log(X, 1000)


GUARDED = (
    "import time; from bot.runtime.process_guard import guard_process; guard_process(); "
    "print('on', flush=True); time.sleep(60)"
)

SPY = """
cat /proc/{bot}/environ | tr '\\0' '\\n'; cat /proc/{bot}/mem | head -c 1
cat /proc/{keeper}/environ
echo "fds: $(ls /proc/{bot}/fd 2>/dev/null | wc -l)"
echo over
"""


@pytest.mark.slow
def test_no_run_reads_the_environment_or_memory_of_the_bot_or_of_its_supervisor(cloud: LocalCloud) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", GUARDED], env={**os.environ, "SLACK_BOT_TOKEN": HUSH}, stdout=subprocess.PIPE
    ) as bot:
        assert bot.stdout
        assert bot.stdout.readline() == b"on\n"
        try:
            text = printed(cloud, SPY.format(bot=bot.pid, keeper="$PPID"))
        finally:
            bot.kill()
    assert HUSH not in text
    assert text.count("Permission denied") == 3, text
    assert "fds: 0" in text
    assert "over" in text


@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="only root has other users' processes")
def test_a_run_of_another_user_reads_no_file_of_the_bot_and_ends_none_of_its_processes(
    cloud: LocalCloud, data: Path
) -> None:
    for name in ("store/valkey.aof", "owner"):
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_text(HUSH)
    prepare(data, find_account(UNPRIVILEGED_USER).gid)
    text = printed(
        cloud,
        f"id -un; cat {data}/store/valkey.aof {data}/owner; ls {data} {data}/local; echo x > {data}/local/x; "
        f"kill -0 {os.getpid()} $PPID; sudo -n id; umask; echo mine > ~/mine; cat ~/mine",
    )
    assert HUSH not in text
    assert "nobody" in text
    assert text.count("Permission denied") == 5, text
    assert text.count("Operation not permitted") == 2
    assert "mine" in text
    assert oct((data / "local" / "clusters" / NAME / "nodes" / "0" / "home" / "mine").stat().st_mode)[-3:] == "600"


@pytest.mark.slow
def test_what_a_run_leaves_goes_with_it_and_its_volume_and_its_model_stay(cloud: LocalCloud, data: Path) -> None:
    step = "~/c/ppo-7f3a/global_step_1"
    run = f"mkdir -p $OUT {step}; echo m > $OUT/m; echo w > {step}/w; (setsid sleep 600 &); sleep 600"
    cloud.launch(LaunchOrder(NAME, {"run": run, "envs": {"OUT": "/v/r"}, "volumes": {"/v": "models"}}))
    place = ClusterDirectory(data / "local", NAME)
    eventually((data / "local/volumes/models/r/m").exists)
    eventually(lambda: len(find_marked_processes(place.marker)) >= 3)
    checkpoint = CheckpointRef("~/c", "ppo-7f3a/global_step_1")
    eventually(lambda: cloud.download_checkpoint(X, checkpoint).is_complete)
    cloud.tear_down(X)
    eventually(lambda: not place.folder.exists() and not find_marked_processes(place.marker))
    assert (data / "local/volumes/models/r/m").read_text() == "m\n"
    assert next((data / "local/artifacts").rglob("w")).read_text() == "w\n"


@pytest.mark.slow
def test_a_supervisor_is_found_by_its_words_though_its_environment_is_closed(cloud: LocalCloud, data: Path) -> None:
    cloud.launch(LaunchOrder(NAME, {"run": "sleep 600"}))
    marker = ClusterDirectory(data / "local", NAME).marker
    (keeper,) = find_supervisors(marker)
    assert keeper.cmdline()[-2:] == [SUPERVISOR_MODULE, marker]
    keeper.send_signal(signal.SIGKILL)
    psutil.wait_procs([keeper], timeout=5)
    cloud.tear_down(X)
    assert find_marked_processes(marker) == []


@pytest.mark.slow
def test_no_run_gains_privileges_by_a_program(cloud: LocalCloud) -> None:
    assert "NoNewPrivs: 1" in " ".join(printed(cloud, "grep NoNewPrivs /proc/self/status").split())


@pytest.mark.slow
def test_a_run_that_is_roots_has_none_of_roots_powers(data: Path) -> None:
    prepare(data)
    cloud = LocalCloud(data / "local", secrets={}, grace_seconds=0.5)
    try:
        text = printed(cloud, "grep -E 'Cap(Eff|Prm|Bnd)' /proc/self/status")
        found = [int(line.split()[-1], 16) for line in text.splitlines() if "Cap" in line]
        assert len(found) == 3
        assert found[:2] == [0, 0]
    finally:
        cloud.tear_down(X)
        eventually(lambda: not find_supervisors(ClusterDirectory(data / "local", NAME).marker))


def test_no_link_in_the_place_of_a_models_file_is_followed(tmp_path: Path) -> None:
    secret, model, target = tmp_path / "valkey.aof", tmp_path / "step" / "part.bin", tmp_path / "artifacts"
    secret.write_text(HUSH)
    model.parent.mkdir()
    found = [NodeFolder(tmp_path, ("step",))]
    allowance = DiskAllowance(
        target, 10**9, 10, 0, Event(), measure_free_bytes=lambda _: 10**9, measure_free_files=lambda _: 10**6
    )

    def bring() -> None:
        with pytest.raises(Unavailable):
            copy_from_first_node(found, target, "part.bin", len(HUSH), allowance)

    model.symlink_to(secret)
    bring()
    model.unlink()
    os.mkfifo(model)
    bring()
    assert HUSH not in "".join(path.read_text() for path in target.rglob("*") if path.is_file())
