"""Damaged files of the embedded store: what is whole is kept, a copy too, and what was lost is named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.redis.aof_repair import AOF_FOLDER
from bot.adapters.redis.embedded import EmbeddedValkey
from tests.waiting import eventually

pytestmark = pytest.mark.slow

BASE_KEYS, NEW_KEYS = 40, 40
"""Keys that the base has, and keys that the commands since then have; one set beside them has all names."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose store has been rewritten once."""
    folder = tmp_path_factory.mktemp("written")
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    redis = valkey.start()

    def write(numbers: range) -> None:
        for number in numbers:
            tx = redis.pipeline(transaction=True)
            tx.set(f"verl:run:ppo-{number:04x}", f"{number}" * 100)
            tx.sadd("names", f"ppo-{number:04x}")
            tx.execute()

    write(range(BASE_KEYS))
    redis.bgrewriteaof()
    eventually(lambda: not redis.info("persistence")["aof_rewrite_in_progress"] and find(folder, "2.base"))
    write(range(BASE_KEYS, BASE_KEYS + NEW_KEYS))
    valkey.stop()
    return folder


def find(folder: Path, part: str) -> list[Path]:
    return [path for path in (folder / AOF_FOLDER).iterdir() if part in path.name]


def cut(data: bytes) -> bytes:
    return data[:-37]


def add_zeros(data: bytes) -> bytes:
    return data + bytes(4096)


def end_in_zeros(data: bytes) -> bytes:
    return data[:-600] + bytes(600)


def spoil(data: bytes) -> bytes:
    return data[: len(data) // 2] + b"\xff" * 60 + data[len(data) // 2 + 60 :]


def blank(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes(200) + data[len(data) // 2 + 200 :]


def rename_command(data: bytes) -> bytes:
    """A command that no length shows to be damaged."""
    middle = data.index(b"$3\r\nSET\r\n", len(data) // 2)
    return data[:middle] + b"$3\r\nSXT\r\n" + data[middle + 9 :]


def empty(data: bytes) -> bytes:
    return b""


KEPT: dict[Callable[[bytes], bytes], int] = {
    cut: 79,
    add_zeros: 80,
    end_in_zeros: 77,
    spoil: 60,
    blank: 60,
    rename_command: 60,
}


@pytest.mark.parametrize("damage", KEPT, ids=lambda damage: damage.__name__)
def test_commands_up_to_the_first_damage_are_kept(
    written: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    folder = shutil.copytree(written, tmp_path / "store", ignore=shutil.ignore_patterns("*.sock"))
    (path,) = find(folder, "incr")
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    redis = valkey.start()
    keys = redis.dbsize() - 1
    assert abs(keys - KEPT[damage]) <= 2
    assert redis.scard("names") == keys  # no transaction is kept in part
    repair = valkey.repair
    assert repair is not None
    assert not repair.is_base_lost
    assert repair.lost_bytes > 0
    assert (Path(repair.kept_in) / path.name).read_bytes() == damaged
    redis.set("verl:run:new", "1")
    valkey.stop()
    again = EmbeddedValkey(folder, answer_seconds=5)
    assert again.start().dbsize() == keys + 2
    again.stop()


def test_runs_that_the_lost_commands_name_are_named(written: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(written, tmp_path / "store", ignore=shutil.ignore_patterns("*.sock"))
    (path,) = find(folder, "incr")
    path.write_bytes(cut(path.read_bytes()))
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    valkey.start()
    valkey.stop()
    assert valkey.repair is not None
    assert valkey.repair.runs == (f"ppo-{BASE_KEYS + NEW_KEYS - 1:04x}",)


@pytest.mark.parametrize("damage", [cut, add_zeros, end_in_zeros, spoil, blank, empty], ids=lambda one: one.__name__)
def test_a_damaged_base_costs_itself_alone(written: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    folder = shutil.copytree(written, tmp_path / "store", ignore=shutil.ignore_patterns("*.sock"))
    (path,) = find(folder, "base")
    path.write_bytes(damage(path.read_bytes()))
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    keys = valkey.start().dbsize() - 1
    valkey.stop()
    assert valkey.repair is not None
    is_whole = damage is add_zeros
    assert keys == NEW_KEYS + (BASE_KEYS if is_whole else 0)
    assert valkey.repair.is_base_lost is not is_whole


@pytest.mark.parametrize(
    "damage", [cut, add_zeros, spoil, blank, empty, None], ids=lambda one: one.__name__ if one else "gone"
)
def test_a_damaged_manifest_costs_nothing(
    written: Path, tmp_path: Path, damage: Callable[[bytes], bytes] | None
) -> None:
    folder = shutil.copytree(written, tmp_path / "store", ignore=shutil.ignore_patterns("*.sock"))
    (path,) = find(folder, "manifest")
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    assert valkey.start().dbsize() == BASE_KEYS + NEW_KEYS + 1
    valkey.stop()


def test_a_missing_file_of_commands_leaves_the_base(written: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(written, tmp_path / "store", ignore=shutil.ignore_patterns("*.sock"))
    find(folder, "incr")[0].unlink()
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    assert valkey.start().dbsize() == BASE_KEYS + 1
    valkey.stop()


def test_whole_files_are_not_touched(written: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(written, tmp_path / "store", ignore=shutil.ignore_patterns("*.sock"))
    before = {path.name: path.read_bytes() for path in (folder / AOF_FOLDER).iterdir()}
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    assert valkey.start().dbsize() == BASE_KEYS + NEW_KEYS + 1
    valkey.stop()
    assert valkey.repair is None
    assert {path.name: path.read_bytes() for path in (folder / AOF_FOLDER).iterdir()} == before


def test_a_repair_that_was_cut_off_is_made_again(written: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(written, tmp_path / "store", ignore=shutil.ignore_patterns("*.sock"))
    (folder / AOF_FOLDER).rename(folder / "damaged-20260102T120000000000")
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    assert valkey.start().dbsize() == BASE_KEYS + NEW_KEYS + 1
    valkey.stop()


def test_a_server_that_dies_of_damage_while_the_bot_runs_comes_back(written: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(written, tmp_path / "store", ignore=shutil.ignore_patterns("*.sock"))
    valkey = EmbeddedValkey(folder, answer_seconds=5)
    redis = valkey.start()
    (path,) = find(folder, "incr")
    with path.open("ab") as file:
        file.write(bytes(512))
    redis.shutdown(nosave=True)
    valkey.restart_if_ended()

    def revive() -> bool:
        valkey.restart_if_ended()
        return valkey._is_answering()

    eventually(revive)
    assert redis.dbsize() == BASE_KEYS + NEW_KEYS + 1
    valkey.stop()
