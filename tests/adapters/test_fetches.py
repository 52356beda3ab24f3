"""Fetching as a bot does it that may be killed: it begins once, goes on where it was, and says when it is whole."""

import fcntl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from bot.adapters.fetches import Errand, Fetches
from bot.core.keeping import NEWEST, Fetch, Parcel
from bot.errors import Unavailable, UserError
from tests.waiting import eventually

PARCEL = Parcel("~/models", "r-1/global_step_4")


@dataclass
class Source:
    """A checkpoint of ten bytes that is brought when it is let go."""

    size: int = 10
    go: Event = field(default_factory=Event)
    error: Exception | None = None
    brought: int = 0

    def bring(self, target: Path, lock: int, over: Event) -> None:
        (target / "half").write_text("half!")
        while not over.is_set() and not self.go.wait(0.01):
            pass
        if self.error:
            raise self.error
        if not over.is_set():
            (target / "rest").write_text("rest!")
            self.brought += 1

    @property
    def errand(self) -> Errand:
        return Errand(PARCEL, lambda: self.size, self.bring)


@pytest.fixture
def fetches(tmp_path: Path) -> Iterator[Fetches]:
    found = Fetches(tmp_path, 100)
    yield found
    found.stop()


def until(fetches: Fetches, source: Source, holds: Callable[[Fetch], bool]) -> Fetch:
    found: list[Fetch] = []

    def looks() -> bool:
        found[:] = [fetches.fetch(source.errand)]
        return holds(found[0])

    eventually(looks, lambda: found)
    return found[0]


def fails(fetches: Fetches, source: Source) -> Exception:
    """What a look is told that fails."""
    found: list[Exception] = []

    def failed() -> bool:
        try:
            fetches.fetch(source.errand)
        except (UserError, Unavailable) as error:
            found.append(error)
        return bool(found)

    eventually(failed)
    return found[0]


def test_it_is_told_how_far_it_is_and_when_it_is_whole(fetches: Fetches, tmp_path: Path) -> None:
    source = Source()
    found = until(fetches, source, lambda found: found.size == 5)
    assert (found.done, found.of) == (False, 10)
    source.go.set()
    found = until(fetches, source, lambda found: found.done)
    assert found == Fetch(str(tmp_path / PARCEL.name), 10, 10, done=True)
    assert source.brought == 1
    assert (tmp_path / "r-1" / NEWEST).read_text() == "4"


def test_another_bot_knows_that_it_is_whole(fetches: Fetches, tmp_path: Path) -> None:
    source = Source()
    source.go.set()
    found = until(fetches, source, lambda found: found.done)
    assert Fetches(tmp_path, 100).fetch(Source(error=Unavailable("asked again")).errand) == found


def test_what_a_killed_bot_began_goes_on_alone_and_is_finished_after_it(fetches: Fetches, tmp_path: Path) -> None:
    (tmp_path / "r-1").mkdir()
    source = Source()
    source.go.set()
    with (tmp_path / "r-1" / ".global_step_4.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as the process that it has left behind holds it
        for _ in range(20):
            assert not fetches.fetch(source.errand).done
        assert source.brought == 0
    until(fetches, source, lambda found: found.done)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param(Source(size=0), "There is no such folder", id="not there"),
        pytest.param(Source(size=101), "GB at the most", id="too big"),
        pytest.param(Source(error=Unavailable("No route to host.")), "No route to host.", id="no way in"),
        pytest.param(Source(error=OSError(28, "No space left on device", "/x")), "No space left", id="a full disk"),
    ],
)
def test_what_fails_is_told_and_the_next_try_may_succeed(fetches: Fetches, source: Source, told: str) -> None:
    source.go.set()
    assert told in str(fails(fetches, source))
    better = Source()
    better.go.set()
    until(fetches, better, lambda found: found.done)


def test_what_is_still_being_written_is_not_taken_for_the_model(fetches: Fetches, tmp_path: Path) -> None:
    source = Source()
    source.go.set()
    sizes = iter([10, 20])  # it has grown meanwhile
    growing = Errand(PARCEL, lambda: next(sizes, 20), source.bring)
    with pytest.raises(Unavailable, match="still being written"):
        eventually(lambda: fetches.fetch(growing).done)
    assert Fetches(tmp_path, 100)._whole(PARCEL.name) is None
    short = Errand(PARCEL, lambda: 30, source.bring)  # less has come than there is
    with pytest.raises(Unavailable, match="still being written"):
        eventually(lambda: fetches.fetch(short).done)


def test_a_bot_that_ends_waits_for_nothing_and_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    fetches, source = Fetches(tmp_path, 100), Source()
    until(fetches, source, lambda found: found.size == 5)
    fetches.stop()
    fetches.pool.shutdown(wait=True)
    later, whole = Fetches(tmp_path, 100), Source()
    whole.go.set()
    assert not later.fetch(whole.errand).done
    until(later, whole, lambda found: found.done)
    later.stop()
