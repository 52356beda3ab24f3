"""What SSH says of the checkpoints on a cluster's nodes, whose hosts are folders here."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from bot.adapters.disk_space import DiskAllowance
from bot.adapters.sky import sky_checkpoints
from bot.adapters.sky.sky_checkpoints import RemoteCheckpoint
from bot.core.frameworks import FRAMEWORK
from bot.core.model.checkpoint import CheckpointListing
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.errors import BeingStopped, Unavailable, UserError
from tests.adapters.beds import NO_SSH

HEAD, WORKER = "verl-x", "verl-x-worker1"


@pytest.fixture
def way(tmp_path: Path) -> RemoteCheckpoint:
    ssh = tmp_path / "ssh.sh"
    ssh.write_text(NO_SSH)
    for host in (HEAD, WORKER):
        (tmp_path / host).mkdir()
    environment = {"PATH": os.environ["PATH"], "HOSTS": str(tmp_path)}
    return RemoteCheckpoint(
        HEAD, CheckpointRef("~/models", "x", 2), lambda _: "/dev/null", environment, ("sh", str(ssh))
    )


def save(tmp_path: Path, host: str, *steps: int, newest: str | None = None) -> None:
    folder = tmp_path / host / "models" / "x"
    for step in steps:
        (folder / f"global_step_{step}").mkdir(parents=True)
    if newest is not None:
        (folder / FRAMEWORK.checkpoints.latest_file).write_text(newest)


def test_a_trainer_may_be_on_any_node(way: RemoteCheckpoint, tmp_path: Path) -> None:
    save(tmp_path, WORKER, 20, 40, newest="20")
    (tmp_path / WORKER / "models" / "x" / "metrics.jsonl").write_text("{}")
    assert way.list_checkpoints() == CheckpointListing((20, 40), 20)


def test_where_no_node_has_the_folder_there_is_none(way: RemoteCheckpoint) -> None:
    assert way.list_checkpoints() == CheckpointListing()


def a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / WORKER / "models").write_text("no folder")


def a_node_is_gone(tmp_path: Path) -> None:
    (tmp_path / WORKER).rmdir()


def a_newest_that_is_just_being_written(tmp_path: Path) -> None:
    save(tmp_path, WORKER, 20, newest="")


@pytest.mark.parametrize("happens", [a_file_in_the_way, a_node_is_gone, a_newest_that_is_just_being_written])
def test_what_cannot_be_read_is_not_taken_for_nothing(
    way: RemoteCheckpoint, tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    save(tmp_path, HEAD, 20, newest="20")
    happens(tmp_path)
    with pytest.raises(Unavailable):
        way.list_checkpoints()


def test_once_its_job_is_over_a_newest_that_names_none_is_waited_for_no_more(
    way: RemoteCheckpoint, tmp_path: Path
) -> None:
    save(tmp_path, HEAD, 20, newest="")
    assert way.list_checkpoints(job_ended=True) == CheckpointListing((20,))


@pytest.mark.parametrize("newest", ["20" + "0" * 10_000_000, "20\0\n*"], ids=["endless", "odd"])
def test_of_the_file_that_names_the_newest_hardly_anything_is_read(
    way: RemoteCheckpoint, tmp_path: Path, newest: str
) -> None:
    save(tmp_path, HEAD, 20, newest=newest)
    assert way.list_checkpoints(job_ended=True).steps == (20,)


def test_a_pipe_in_the_place_of_that_file_holds_nothing_up(
    way: RemoteCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sky_checkpoints, "ANSWER_SECONDS", 5)
    save(tmp_path, HEAD, 20)
    os.mkfifo(tmp_path / HEAD / "models" / "x" / FRAMEWORK.checkpoints.latest_file)
    assert way.list_checkpoints(job_ended=True) == CheckpointListing((20,))


def test_of_a_folder_of_very_many_names_no_more_are_read(
    way: RemoteCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sky_checkpoints, "CHECKPOINT_NAMES_BYTES", 100)
    save(tmp_path, HEAD, *range(100))
    with pytest.raises(Unavailable):
        way.list_checkpoints()


CHECKPOINT = CheckpointRef("~/models", "x/global_step_20", 2)


@pytest.fixture
def found(way: RemoteCheckpoint, tmp_path: Path) -> RemoteCheckpoint:
    """The way to a checkpoint with a file on each node."""
    for host in (HEAD, WORKER):
        save(tmp_path, host, 20)
        (tmp_path / host / "models/x/global_step_20" / f"{host}.bin").write_text("weights")
    return replace(way, checkpoint=CHECKPOINT)


BOTH = {f"{HEAD}.bin": 7, f"{WORKER}.bin": 7}


def test_the_files_of_all_nodes_are_listed_and_links_are_not(found: RemoteCheckpoint, tmp_path: Path) -> None:
    (tmp_path / HEAD / "models/x/global_step_20/link").symlink_to("/etc/passwd")
    (tmp_path / WORKER / "models/x/global_step_20/a name\nof two lines\xff").write_text("!")
    assert found.list_files(10) == BOTH | {"a name\nof two lines\xff": 1}


def a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """As one of another user, or on a disk that fails: `find` says so, and goes on with the others."""
    (tmp_path / "find").write_text("#!/bin/sh\nprintf 'verlbot-file 7 half.bin\\0'; exit 1\n")
    (tmp_path / "find").chmod(0o700)


def test_a_list_that_is_not_all_is_not_taken_for_all(found: RemoteCheckpoint, tmp_path: Path) -> None:
    a_folder_that_cannot_be_read(tmp_path)
    hindered = replace(found, environment={**found.environment, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    with pytest.raises(Unavailable):
        hindered.list_files(10)


def test_of_very_many_files_no_more_are_listed(found: RemoteCheckpoint, tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / HEAD / "models/x/global_step_20" / f"{number}{'x' * 100}").touch()
    with pytest.raises(UserError, match="more than 10 files"):
        found.list_files(10)
    with pytest.raises(UserError, match="more than 40 files"):
        found.list_files(40)


def allowance(folder: Path, most_bytes: int = 1000, reserve: int = 0) -> DiskAllowance:
    folder.mkdir()
    return DiskAllowance(folder, most_bytes, 10, reserve, Event(), lambda _: 10**9, lambda _: 10**6)


@pytest.mark.slow
@pytest.mark.thorough  # it needs a real rsync
def test_what_grows_after_it_was_listed_is_held(found: RemoteCheckpoint, tmp_path: Path) -> None:
    listing = found.list_files(10)
    assert listing == BOTH
    for number in range(20):
        (tmp_path / WORKER / "models/x/global_step_20" / f"{number}").write_bytes(b"x" * 900)
    with pytest.raises(UserError, match="grew to more than"):
        found.copy_files(tmp_path / "copy", listing, 0, allowance(tmp_path / "copy"))


@pytest.mark.slow
@pytest.mark.thorough  # it needs a real rsync
def test_the_disk_keeps_its_reserve_whatever_comes(found: RemoteCheckpoint, tmp_path: Path) -> None:
    listing = found.list_files(10)
    with pytest.raises(UserError, match="are reserved"):
        found.copy_files(tmp_path / "copy", listing, 0, allowance(tmp_path / "copy", reserve=10**9 + 1))


@pytest.mark.slow
@pytest.mark.thorough  # it needs a real rsync
def test_what_comes_is_whole_and_no_link(found: RemoteCheckpoint, tmp_path: Path) -> None:
    (tmp_path / HEAD / "models/x/global_step_20/link").symlink_to("/etc/passwd")
    found.copy_files(tmp_path / "copy", found.list_files(10), 0, allowance(tmp_path / "copy"))
    assert {path.name: path.stat().st_size for path in (tmp_path / "copy").iterdir()} == BOTH


def test_what_the_end_of_the_bot_cuts_off_is_no_failure(found: RemoteCheckpoint) -> None:
    found.stopping.set()
    with pytest.raises(BeingStopped):
        found.list_files(10)
