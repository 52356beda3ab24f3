"""What a model may take of the bot's disk, held while it grows: by a copy that counts, and of a process by a watch."""

import os
from pathlib import Path
from threading import Event

import psutil
import pytest

from bot.adapters.disk_space import (
    RESERVE_BYTES,
    CheckpointTooLarge,
    DiskAllowance,
    get_default_reserve_bytes,
    get_free_bytes,
    measure_folder,
)
from bot.adapters.sky.remote_output import Program
from bot.errors import BeingStopped, Unavailable, UserError
from tests.builders import refusal_of

DISK = 1000
"""Bytes of a disk that holds nothing but the folder."""


def allowance(
    folder: Path, most_bytes: int = 400, most_files: int = 3, reserve: int = 700, files_left: int = 10**6
) -> DiskAllowance:
    found = DiskAllowance(
        folder,
        most_bytes,
        most_files,
        reserve,
        Event(),
        lambda at: DISK - measure_folder(at)[0],
        lambda at: files_left - measure_folder(at)[1],
    )
    found.measure()
    return found


@pytest.mark.parametrize(
    ("there", "more", "files", "told"),
    [
        pytest.param(100, 200, 1, None, id="all that may be taken"),
        pytest.param(100, 201, 1, "are reserved", id="a byte of what stays free"),
        pytest.param(0, 401, 1, "grew to more than", id="more than a model may have"),
        pytest.param(0, 0, 4, "more than 3 files", id="more files than it may have"),
    ],
)
def test_what_is_about_to_be_written_is_refused_before_it_is(
    tmp_path: Path, there: int, more: int, files: int, told: str | None
) -> None:
    (tmp_path / "old").write_bytes(b"x" * there)
    found = allowance(tmp_path)
    refused = refusal_of(lambda: found.count_write(more, files=files - 1))
    assert (refused is None) is (told is None)
    assert (told or "") in str(refused)


def test_the_disk_keeps_files_for_the_store_too(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    found = allowance(tmp_path, most_files=10, files_left=2)
    found.count_write(0, files=1)
    refused = refusal_of(lambda: found.count_write(0, files=2))
    assert "almost out of inodes" in str(refused)


WRITES = "n=0; while [ $n -lt 400 ]; do n=$((n+1)); head -c 100000 /dev/zero > {folder}/file$n; sleep 0.01; done"


def program(script: str, found: DiskAllowance, **more: object) -> Program:
    environment = {"PATH": os.environ["PATH"]}
    known: dict[str, object] = {"max_output_bytes": 1000, "watch": found.check_written}
    return Program(("sh", "-c", script), environment, found.stopping, **known | more)  # type: ignore[arg-type]  # as given


def test_a_process_that_writes_file_after_file_is_ended_when_it_is_too_much(tmp_path: Path) -> None:
    """As a cluster's rsync may, whatever was listed before."""
    found = allowance(tmp_path, most_bytes=3_000_000, most_files=10_000, reserve=-(10**12))
    with pytest.raises(CheckpointTooLarge, match="grew to more than"):
        program(WRITES.format(folder=tmp_path), found).run()
    assert not [one for one in psutil.Process().children(recursive=True) if str(tmp_path) in " ".join(one.cmdline())]


MAKES_FOLDERS = "cd {folder}; n=0; while [ $n -lt 400 ]; do n=$((n+1)); mkdir -p $n; sleep 0.01; done"


def test_a_process_that_makes_folder_after_folder_is_ended_too(tmp_path: Path) -> None:
    found = allowance(tmp_path, most_bytes=10**12, most_files=30, reserve=-(10**12))
    with pytest.raises(CheckpointTooLarge, match="more than 30 files"):
        program(MAKES_FOLDERS.format(folder=tmp_path), found).run()


def test_what_stays_free_of_the_disk_is_watched_too(tmp_path: Path) -> None:
    found = allowance(tmp_path, most_bytes=10**12, most_files=10_000, reserve=DISK - 2_000_000)
    with pytest.raises(UserError, match="are reserved"):
        program(WRITES.format(folder=tmp_path), found).run()


def test_one_file_cannot_outrun_the_watch(tmp_path: Path) -> None:
    """The kernel holds it, so that no network is too fast."""
    found = allowance(tmp_path, most_bytes=500, reserve=-(10**12))
    said = program(f"sleep 0.1; head -c 50000000 /dev/zero > {tmp_path}/x", found, max_file_bytes=500, watch=None).run()
    assert said.exit_code
    assert (tmp_path / "x").stat().st_size == 500


@pytest.mark.parametrize(
    ("script", "more", "error", "told"),
    [
        pytest.param("yes | head -c 50000000", {}, Unavailable, "output is too long", id="an answer without end"),
        pytest.param(
            "timeout 60 yes >&2", {"seconds": 0.2}, Unavailable, "did not answer in time", id="complaints without end"
        ),
        pytest.param("sleep 60", {"seconds": 0.1}, Unavailable, "did not answer in time", id="no answer"),
        pytest.param("exec >&- 2>&-; sleep 60", {"seconds": 0.1}, Unavailable, "in time", id="it hangs up and stays"),
    ],
)
def test_a_program_that_reaches_a_cluster_is_bounded(
    tmp_path: Path, script: str, more: dict[str, object], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        program(script, allowance(tmp_path), watch=None, **more).run()


def test_what_the_bot_cuts_off_as_it_ends_is_no_failure(tmp_path: Path) -> None:
    found = allowance(tmp_path)
    found.stopping.set()
    with pytest.raises(BeingStopped):
        program("sleep 60", found, watch=None).run()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="`no-such-program`, which downloads models"):
        Program(("no-such-program",), {}, Event()).run()


def test_unless_it_is_set_the_reserve_is_a_share_of_a_small_disk_and_no_more_than_is_of_use(tmp_path: Path) -> None:
    assert 0 < get_default_reserve_bytes(tmp_path) <= RESERVE_BYTES
    assert get_free_bytes(tmp_path) > 0
