"""What SSH says of the checkpoints on a cluster's nodes, whose hosts are folders here."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.sky.checkpoints import Way
from bot.core.keeping import NEWEST, Parcel, Shelf
from bot.errors import Unavailable
from tests.adapters.beds import NO_SSH

HEAD, WORKER = "verl-x", "verl-x-worker1"


@pytest.fixture
def way(tmp_path: Path) -> Way:
    ssh = tmp_path / "ssh.sh"
    ssh.write_text(NO_SSH)
    for host in (HEAD, WORKER):
        (tmp_path / host).mkdir()
    environment = {"PATH": os.environ["PATH"], "HOSTS": str(tmp_path)}
    return Way(HEAD, Parcel("~/models", "x", 2), lambda _: "/dev/null", environment, ("sh", str(ssh)))


def save(tmp_path: Path, host: str, *steps: int, newest: str | None = None) -> None:
    folder = tmp_path / host / "models" / "x"
    for step in steps:
        (folder / f"global_step_{step}").mkdir(parents=True)
    if newest is not None:
        (folder / NEWEST).write_text(newest)


def test_a_trainer_may_be_on_any_node(way: Way, tmp_path: Path) -> None:
    save(tmp_path, WORKER, 20, 40, newest="20")
    (tmp_path / WORKER / "models" / "x" / "metrics.jsonl").write_text("{}")
    assert way.shelf() == Shelf((20, 40), 20)


def test_where_no_node_has_the_folder_there_is_none(way: Way) -> None:
    assert way.shelf() == Shelf()


def a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / WORKER / "models").write_text("no folder")


def a_node_is_gone(tmp_path: Path) -> None:
    (tmp_path / WORKER).rmdir()


def a_newest_that_is_just_being_written(tmp_path: Path) -> None:
    save(tmp_path, WORKER, 20, newest="")


@pytest.mark.parametrize("happens", [a_file_in_the_way, a_node_is_gone, a_newest_that_is_just_being_written])
def test_what_cannot_be_read_is_not_taken_for_nothing(
    way: Way, tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    save(tmp_path, HEAD, 20, newest="20")
    happens(tmp_path)
    with pytest.raises(Unavailable):
        way.shelf()
