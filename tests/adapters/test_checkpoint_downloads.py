"""Fetching as a bot does it that may be killed: it begins once, goes on where it was, and says when it is whole."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from bot.adapters.checkpoint_downloads import CheckpointDownloads, DownloadTask
from bot.adapters.disk_space import DiskAllowance
from bot.core.frameworks import FRAMEWORK
from bot.core.frameworks.verl.checkpoint_files import CheckpointFiles
from bot.core.model.checkpoint import DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.errors import BeingStopped, IncompleteCheckpoint, Unavailable, UserError
from tests.waiting import eventually

PARCEL = CheckpointRef("~/models", "r-1/global_step_4")
TEN = {"half": 5, "rest": 5}


@dataclass
class Source:
    """A checkpoint of ten bytes that is brought when it is let go.

    Attributes:
        listings: what each look at it shows; the last one again and again.
    """

    listings: list[CheckpointFiles] = field(default_factory=lambda: [TEN])
    go: Event = field(default_factory=Event)
    error: Exception | None = None
    brought: int = 0
    checkpoint: CheckpointRef = PARCEL

    def bring(self, target: Path, listing: CheckpointFiles, lock: int, allowance: DiskAllowance) -> None:
        (target / "half").write_text("half!")
        while not allowance.stopping.is_set() and not self.go.wait(0.01):
            pass
        if self.error:
            raise self.error
        if not allowance.stopping.is_set():
            (target / "rest").write_text("rest!")
            self.brought += 1

    @property
    def errand(self) -> DownloadTask:
        return DownloadTask(self.checkpoint, self.list_files, self.bring)

    def list_files(self, most_files: int) -> CheckpointFiles:
        return self.listings.pop(0) if len(self.listings) > 1 else self.listings[0]


@pytest.fixture
def fetches(tmp_path: Path) -> Iterator[CheckpointDownloads]:
    found = CheckpointDownloads(tmp_path, 100)
    yield found
    found.stop()


def until(fetches: CheckpointDownloads, source: Source, holds: Callable[[DownloadProgress], bool]) -> DownloadProgress:
    found: list[DownloadProgress] = []

    def looks() -> bool:
        found[:] = [fetches.begin_or_check(source.errand)]
        return holds(found[0])

    eventually(looks, lambda: found)
    return found[0]


def fails(fetches: CheckpointDownloads, source: Source) -> Exception:
    """What a look is told that fails."""
    found: list[Exception] = []

    def failed() -> bool:
        try:
            fetches.begin_or_check(source.errand)
        except (UserError, Unavailable) as error:
            found.append(error)
        return bool(found)

    eventually(failed)
    return found[0]


def test_it_is_told_how_far_it_is_and_when_it_is_whole(fetches: CheckpointDownloads, tmp_path: Path) -> None:
    source = Source()
    found = until(fetches, source, lambda found: found.downloaded_bytes == 5)
    assert (found.is_complete, found.total_bytes) == (False, 10)
    source.go.set()
    found = until(fetches, source, lambda found: found.is_complete)
    assert found == DownloadProgress(str(tmp_path / PARCEL.name), 10, 10, is_complete=True)
    assert source.brought == 1
    assert (tmp_path / "r-1" / FRAMEWORK.checkpoints.latest_file).read_text() == "4"


def test_another_bot_knows_that_it_is_whole(fetches: CheckpointDownloads, tmp_path: Path) -> None:
    source = Source()
    source.go.set()
    found = until(fetches, source, lambda found: found.is_complete)
    assert CheckpointDownloads(tmp_path, 100).begin_or_check(Source(error=Unavailable("asked again")).errand) == found


def test_what_a_killed_bot_began_goes_on_alone_and_is_finished_after_it(
    fetches: CheckpointDownloads, tmp_path: Path
) -> None:
    (tmp_path / "r-1").mkdir()
    source = Source()
    source.go.set()
    with (tmp_path / "r-1" / ".global_step_4.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as the process that it has left behind holds it
        for _ in range(20):
            assert not fetches.begin_or_check(source.errand).is_complete
        assert source.brought == 0
    until(fetches, source, lambda found: found.is_complete)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param(Source([{}]), "There is no such folder", id="not there"),
        pytest.param(Source([{"half": 101}]), "GB", id="too big"),
        pytest.param(Source(error=Unavailable("No route to host.")), "No route to host.", id="no SSH access"),
        pytest.param(Source(error=OSError(28, "No space left on device", "/x")), "No space left", id="a full disk"),
    ],
)
def test_what_fails_is_told_and_the_next_try_may_succeed(
    fetches: CheckpointDownloads, source: Source, told: str
) -> None:
    source.go.set()
    assert told in str(fails(fetches, source))
    better = Source()
    better.go.set()
    until(fetches, better, lambda found: found.is_complete)


def test_what_is_still_being_written_is_not_taken_for_the_model(fetches: CheckpointDownloads, tmp_path: Path) -> None:
    source = Source([TEN, TEN | {"rest": 50}])
    source.go.set()
    assert "still writing it" in str(fails(fetches, source))
    assert CheckpointDownloads(tmp_path, 100)._find_recorded(PARCEL.name) is None
    short = Source([TEN | {"rest": 6}])
    short.go.set()
    assert "`rest` has 5 bytes instead of 6." in str(fails(fetches, short))


def test_a_bot_that_ends_waits_for_nothing_and_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    fetches, source = CheckpointDownloads(tmp_path, 100), Source()
    until(fetches, source, lambda found: found.downloaded_bytes == 5)
    fetches.stop()
    fetches.pool.shutdown(wait=True)
    later, whole = CheckpointDownloads(tmp_path, 100), Source()
    whole.go.set()
    assert not later.begin_or_check(whole.errand).is_complete
    until(later, whole, lambda found: found.is_complete)
    later.stop()


@dataclass
class Files:
    """A checkpoint whose files are written for real, within what they may take.

    Attributes:
        listing: what its cluster lists; written: what comes, unless that is the same.
        fails: what happens once all of it has come, such as the loss of its cluster.
        looks: how often it was listed.
    """

    listing: dict[str, int]
    written: dict[str, int] | None = None
    fails: Exception | None = None
    checkpoint: CheckpointRef = PARCEL
    looks: int = 0

    def list_files(self, most_files: int) -> CheckpointFiles:
        self.looks += 1
        if self.fails and self.looks > 1:
            raise self.fails
        return self.listing

    def bring(self, target: Path, listing: CheckpointFiles, lock: int, allowance: DiskAllowance) -> None:
        for name, size in (self.written or self.listing).items():
            allowance.count_write(size, files=1)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(b"x" * size)

    @property
    def errand(self) -> DownloadTask:
        return DownloadTask(self.checkpoint, self.list_files, self.bring)


def small_disk(
    root: Path, size: int, reserve: int, most_bytes: int = 10_000, most_files: int = 10
) -> CheckpointDownloads:
    """On a disk of so many bytes, which has nothing else on it."""
    return CheckpointDownloads(root, most_bytes, most_files, reserve, lambda _: size - contents(root))


def contents(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("global_step_*/**/*") if path.is_file())


def outcome(fetches: CheckpointDownloads, files: Files) -> DownloadProgress | Exception:
    """What came of it."""

    def is_over() -> DownloadProgress | Exception | None:
        try:
            found = fetches.begin_or_check(files.errand)
        except (UserError, Unavailable) as error:
            return error
        return found if found.is_complete else None

    found = eventually(is_over)
    fetches.stop()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("reserve", "told"),
    [
        pytest.param(400, None, id="what is left is enough"),
        pytest.param(401, "has room for", id="a byte of the reserve"),
    ],
)
def test_the_disk_keeps_its_reserve(tmp_path: Path, reserve: int, told: str | None) -> None:
    found = outcome(small_disk(tmp_path, 1000, reserve), Files({"model.bin": 600}))
    assert isinstance(found, DownloadProgress) is (told is None)
    assert (told or "") in str(found)


@pytest.mark.parametrize(
    ("written", "most_bytes", "told"),
    [
        pytest.param({"a": 950}, 10_000, "are reserved", id="into the reserve"),
        pytest.param({"a": 500, "b": 200}, 600, "grew to more than", id="beyond what a model may have"),
        pytest.param({f"{number}": 1 for number in range(11)}, 10_000, "more than 10 files", id="in ever more files"),
    ],
)
def test_what_grows_while_it_is_fetched_is_stopped_and_that_is_said(
    tmp_path: Path, written: dict[str, int], most_bytes: int, told: str
) -> None:
    found = outcome(small_disk(tmp_path, 1000, 100, most_bytes), Files({"a": 500}, written))
    assert told in str(found)
    assert contents(tmp_path) == 0
    assert CheckpointDownloads(tmp_path, 10_000).find_downloaded(CheckpointRef("~/models", "r-1")) == {}


def test_a_model_of_more_files_than_the_disk_takes_is_refused(tmp_path: Path) -> None:
    listing = {f"{number}": 1 for number in range(6)}
    disk = CheckpointDownloads(tmp_path, 10_000, reserve_bytes=0, measure_free_files=lambda _: 5)
    assert "almost out of inodes" in str(outcome(disk, Files(listing)))


def test_two_models_at_once_do_not_share_the_same_room(tmp_path: Path) -> None:
    fetches = small_disk(tmp_path, 1000, 0)
    first = Source([{"half": 5, "rest": 600}])
    until(fetches, first, lambda found: found.total_bytes == 605)
    second = Files({"model.bin": 600}, checkpoint=CheckpointRef("~/models", "r-2/global_step_4"))
    assert "has room for" in str(outcome(fetches, second))


def test_the_first_of_two_models_that_begin_at_once_gets_the_room(tmp_path: Path) -> None:
    first, second = (
        Source([{"half": 5, "rest": 600}], checkpoint=CheckpointRef("~/models", f"{run}/global_step_4"))
        for run in ("r-1", "r-2")
    )
    looked = Event()

    def is_decided() -> bool:
        return (tmp_path / first.checkpoint.name / "half").exists() or disk.active[first.checkpoint.name].done()

    def free(folder: Path) -> int:
        """The second one is looked at while the first one measures, unless something keeps it off."""
        looked.set()
        mine = second.checkpoint.name in str(folder)
        deadline = time.monotonic() + 0.2
        while (
            not (is_decided() if mine else second.checkpoint.name in disk.expected_bytes)
            and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        return 1000 - contents(tmp_path)

    def list_files(most_files: int) -> CheckpointFiles:
        looked.wait(5)
        return second.list_files(most_files)

    disk = CheckpointDownloads(tmp_path, 10_000, reserve_bytes=0, measure_free_bytes=free)
    try:
        disk.begin_or_check(first.errand)
        disk.begin_or_check(DownloadTask(second.checkpoint, list_files, second.bring))
        eventually((tmp_path / first.checkpoint.name / "half").exists, lambda: "the first one was refused")
        refused = eventually(lambda: [name for name, one in disk.active.items() if one.done()])
    finally:
        disk.stop()
    assert refused == [second.checkpoint.name]


@pytest.mark.parametrize(
    ("listing", "told"),
    [
        pytest.param({"data.pt": 9}, "It has no weights", id="by its list"),
        pytest.param({"config.json": 3}, "`config.json` cannot be opened", id="once it is opened"),
    ],
)
def test_a_torn_checkpoint_is_no_model_and_is_not_named_newest(
    tmp_path: Path, listing: dict[str, int], told: str
) -> None:
    found = outcome(CheckpointDownloads(tmp_path, 100), Files(listing))
    assert isinstance(found, IncompleteCheckpoint)
    assert told in str(found)
    assert not (tmp_path / "r-1" / FRAMEWORK.checkpoints.latest_file).exists()
    assert CheckpointDownloads(tmp_path, 100).find_downloaded(CheckpointRef("~/models", "r-1")) == {}


def test_of_two_whole_ones_the_newer_is_named_newest_whichever_came_last(tmp_path: Path) -> None:
    for step in (40, 4):
        outcome(
            CheckpointDownloads(tmp_path, 100),
            Files({"a": 5}, checkpoint=CheckpointRef("~/models", f"r-1/global_step_{step}")),
        )
    assert (tmp_path / "r-1" / FRAMEWORK.checkpoints.latest_file).read_text() == "40"
    assert sorted(CheckpointDownloads(tmp_path, 100).find_downloaded(CheckpointRef("~/models", "r-1"))) == [4, 40]


def test_what_has_come_to_its_last_byte_is_whole_though_its_cluster_went_before_that_was_said(tmp_path: Path) -> None:
    gone = Files({"a": 5, "sub/b": 7}, fails=Unavailable("no route to host"))
    assert "no route to host" in str(outcome(CheckpointDownloads(tmp_path, 100), gone))
    later = CheckpointDownloads(tmp_path, 100)
    whole = DownloadProgress(str(tmp_path / PARCEL.name), 12, 12, is_complete=True)
    assert later.find_downloaded(CheckpointRef("~/models", "r-1")) == {4: whole}
    assert later.begin_or_check(gone.errand) == whole  # it is asked for no more
    assert (tmp_path / "r-1" / FRAMEWORK.checkpoints.latest_file).read_text() == "4"


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda folder: (folder / "a").write_bytes(b"1234"), id="a byte is lacking"),
        pytest.param(lambda folder: (folder / "a").unlink(), id="a file is"),
        pytest.param(lambda folder: (folder.parent / ".global_step_4.listing").write_text("[]"), id="an odd list"),
        pytest.param(lambda folder: (folder.parent / ".global_step_4.listing").unlink(), id="no list at all"),
    ],
)
def test_what_has_not_come_to_its_last_byte_is_not(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    outcome(CheckpointDownloads(tmp_path, 100), Files({"a": 5}, fails=Unavailable("no route to host")))
    spoil(tmp_path / PARCEL.name)
    assert CheckpointDownloads(tmp_path, 100).find_downloaded(CheckpointRef("~/models", "r-1")) == {}


def test_a_model_that_somebody_has_removed_from_the_disk_is_not_there(tmp_path: Path) -> None:
    outcome(CheckpointDownloads(tmp_path, 100), Files({"a": 5}))
    shutil.rmtree(tmp_path / PARCEL.name)
    assert CheckpointDownloads(tmp_path, 100).find_downloaded(CheckpointRef("~/models", "r-1")) == {}


def test_what_an_earlier_try_has_left_and_what_came_unasked_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / PARCEL.name
    (folder / "old").mkdir(parents=True)
    (folder / "old" / "a").write_text("of another try")
    (folder / "a").write_text("of another size")
    (folder / "link").symlink_to("/etc")
    assert isinstance(
        outcome(CheckpointDownloads(tmp_path, 100), Files({"a": 5}, {"a": 5, "unasked": 5})), DownloadProgress
    )
    assert [path.name for path in folder.rglob("*") if not path.is_dir()] == ["a"]


def test_a_fetch_that_begins_while_the_bot_is_stopped_is_no_failure(fetches: CheckpointDownloads) -> None:
    fetches.stop()
    with pytest.raises(BeingStopped):
        fetches.begin_or_check(Source().errand)
