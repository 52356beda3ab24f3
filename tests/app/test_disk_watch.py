"""The bot's disk: a reserve is kept, and released before the store can write no end; what is new is said once."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.disk_watch import FILE_NAME, DiskUse, DiskWatch, measure_disk, release_if_full
from bot.app.operator_notices import Announcer
from bot.errors import UserError
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import NOON
from tests.story import RANDOM, Bot

MEGABYTE = 10**6
RESERVE = 4 * MEGABYTE


@dataclass
class Disk:
    """A disk of a hundred megabytes, of which a part is free beside the reserve."""

    free_megabytes: float = 50.0

    def measure(self, folder: Path) -> DiskUse:
        taken = (folder / FILE_NAME).stat().st_size if (folder / FILE_NAME).exists() else 0
        free = self.free_megabytes * MEGABYTE - taken
        return DiskUse(int(free), 1 - free / (100 * MEGABYTE))


def watch(disk: Disk, folder: Path, store: RedisStore) -> DiskWatch:
    announcer = Announcer(store, lambda: NOON, RANDOM)
    return DiskWatch(folder, RESERVE, 0.9, announcer, lambda: NOON, disk.measure)


def said(store: RedisStore) -> list[str]:
    return [str(notice.text) for notice in store.list_notices()]


def test_the_reserve_is_kept_released_and_made_again(tmp_path: Path, store: RedisStore) -> None:
    disk = Disk()
    watching = watch(disk, tmp_path, store)
    watching.check()
    assert watching.path.stat().st_size == RESERVE
    disk.free_megabytes = 4.5
    watching.check()
    assert not watching.path.exists()
    disk.free_megabytes = 8
    watching.check()
    assert not watching.path.exists()  # it would fill the disk itself
    disk.free_megabytes = 50
    watching.check()
    assert watching.path.stat().st_size == RESERVE


@pytest.mark.parametrize(
    ("free", "told"),
    [
        pytest.param(50, "", id="room"),
        pytest.param(13, "91% full", id="nine tenths"),
        pytest.param(4.5, "My disk is full", id="full"),
    ],
)
def test_a_state_is_said_once(tmp_path: Path, store: RedisStore, free: float, told: str) -> None:
    disk = Disk()
    watching = watch(disk, tmp_path, store)
    watching.check()
    disk.free_megabytes = free
    for _ in range(3):
        watching.check()
    assert len(said(store)) == (1 if told else 0)
    assert told in "".join(said(store))
    disk.free_megabytes = 60
    watching.check()
    assert ("has room again" in "".join(said(store))) is bool(told)


def test_nothing_is_launched_while_the_disk_is_full_and_a_run_still_ends(
    store: RedisStore, playground: Playground, slack: PlaygroundClient, tmp_path: Path
) -> None:
    bot, disk = Bot(store, playground, slack), Disk()
    bot.disk_watch.folder, bot.disk_watch.measure = tmp_path, disk.measure
    bot.disk_watch.reserve_bytes = RESERVE
    bot.running()
    bot.disk_watch.check()
    disk.free_megabytes = 4.5
    bot.disk_watch.make_room()
    assert "My disk is full" in bot.say("launch smoke")
    assert len(bot.store.list_open_runs()) == 1
    bot.say("stop smoke-0001")
    bot.ticks(20)
    assert bot.run().status == "ended"
    disk.free_megabytes = 50
    bot.disk_watch.check()
    assert "Launching" in bot.say("launch smoke")


def test_without_a_reserve_none_is_made(tmp_path: Path, store: RedisStore) -> None:
    watching = watch(Disk(), tmp_path, store)
    watching.reserve_bytes = 0
    watching.check()
    assert not watching.path.exists()
    with pytest.raises(UserError):
        DiskWatch(tmp_path, 0, 0.9, watching.announcer, watching.now, is_full=True).check_launch()


def test_a_start_on_a_full_disk_releases_the_reserve_first(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(bytes(100))
    release_if_full(tmp_path, 0)
    assert (tmp_path / FILE_NAME).exists()
    release_if_full(tmp_path, 10**18)
    assert not (tmp_path / FILE_NAME).exists()


def test_a_real_disk_is_measured(tmp_path: Path) -> None:
    use = measure_disk(tmp_path)
    assert use.free_bytes > 0
    assert 0 < use.used_share <= 1
