"""Checkpoints on their way to the bot's machine: a thread fetches each, and whoever asks is told how far it is."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from bot.adapters.damage import find_damage
from bot.adapters.disk_room import (
    NO_FILES_LEFT,
    Allowance,
    CheckpointTooLarge,
    default_reserve,
    free_bytes,
    free_files,
    gigabytes,
    measure_folder,
)
from bot.core.checkpoint import PARTIAL, Listing, find_flaw
from bot.core.keeping import NEWEST, Fetch, Parcel, step_in
from bot.errors import BeingStopped, NotWhole, Unavailable, UserError
from bot.language import carried, mark, say

AT_ONCE = 4

MOST_FILES = 100_000
"""Of one checkpoint, unless it is set; verl writes some thousands for a hundred nodes."""

TOO_BIG = mark("It has {size} GB, and I fetch {most} GB at the most (VERLBOT_ARTIFACTS_GIGABYTES).")
NO_ROOM = mark("It has {size} GB, and there is room for {free} GB where I would put it.")
GROWS = mark("It was still being written while I fetched it.")
STOPPED = mark("The bot is being stopped.")


@dataclass(frozen=True, slots=True)
class Errand:
    """What a thread fetches.

    Attributes:
        list_files: its files on all nodes, at most so many; none where it is not there.
        bring: copies them into the folder, on top of what is there of them, until they are whole or the bot ends. It
            asks the allowance while it does so, and passes the lock on to whatever process does the work, so that none
            begins beside it.
    """

    parcel: Parcel
    list_files: Callable[[int], Listing]
    bring: Callable[[Path, Listing, int, Allowance], None]


@dataclass(slots=True)
class Fetches:
    """The folder of what was fetched: `RUN/global_step_N`, and beside it, once all of it is there, `….json`.

    Attributes:
        root: the folder; most_bytes, most_files: of one checkpoint.
        reserve_bytes: that stay free on its disk; None for a share of it, as `default_reserve` says.
        free: bytes that are free on the disk of a folder; free_files: files that it takes beside its reserve.
        under_way: by its name; sizes: bytes that each has, once that is known; over: whether the bot ends.
    """

    root: Path
    most_bytes: int
    most_files: int = MOST_FILES
    reserve_bytes: int | None = None
    free: Callable[[Path], int] = free_bytes
    free_files: Callable[[Path], float] = free_files
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch"))
    under_way: dict[str, Future[None]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    over: Event = field(default_factory=Event)

    def fetch(self, errand: Errand) -> Fetch:
        """Begin, or tell how far it is; what the thread failed with is raised once.

        Raises:
            NotWhole: it is torn. UserError: it is too big. Unavailable: it failed. BeingStopped: the bot ends.
        """
        name = errand.parcel.name
        with self.lock:
            if found := self._whole(name):
                return found
            if self.over.is_set():
                raise BeingStopped(say(STOPPED))
            known = self.under_way.get(name)
            if known is None:
                self.sizes.pop(name, None)  # of an earlier try
                self.under_way[name] = self.pool.submit(carried(self._bring), errand)
            elif known.done():
                del self.under_way[name]
                known.result()
        return Fetch(str(self.root / name), measure_folder(self.root / name)[0], self.sizes.get(name))

    def recall(self, shelf: Parcel) -> Mapping[int, Fetch]:
        """Return the whole checkpoints that are here of a run, by step; the run's cluster is not asked.

        One counts that has come to its last byte, as its cluster had listed it, though its thread has not said so yet.
        """
        folder = self.root / shelf.name
        steps = {step: path for path in folder.glob("global_step_*") if (step := step_in(path.name)) is not None}
        named = {step: f"{shelf.name}/{path.name}" for step, path in steps.items()}
        found = {step: self._whole(name) or self._complete(name) for step, name in named.items()}
        return {step: fetch for step, fetch in found.items() if fetch}

    def stop(self) -> None:
        """Let go of what is under way."""
        with self.lock:
            self.over.set()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _whole(self, name: str) -> Fetch | None:
        """Return what is there to its last byte, by its note; None where there is no note, or the folder is gone."""
        folder = self.root / name
        try:
            size = int(json.loads(self._note(name).read_text())["bytes"]) or 1
        except (OSError, ValueError, KeyError, TypeError):
            return None
        sharded = (folder / "actor").is_dir()
        return Fetch(str(folder), size, size, done=True, sharded=sharded) if folder.is_dir() else None

    def _complete(self, name: str) -> Fetch | None:
        """Return what has come to its last byte without a note of it: as it was listed, whole, and fit to be opened."""
        try:
            listing: Listing = json.loads(self._listing(name).read_text())
            if find_flaw(listing) or find_damage(self.root / name, listing):
                return None
            self._conclude(name, listing)
        except (OSError, ValueError, AttributeError, TypeError):
            return None
        return self._whole(name)

    def _note(self, name: str) -> Path:
        return self.root / f"{name}.json"

    def _listing(self, name: str) -> Path:
        """Return where it is written down what its cluster had listed before it was fetched."""
        folder, _, own = name.rpartition("/")
        return self.root / folder / f".{own}.listing"

    def _bring(self, errand: Errand) -> None:
        target = self.root / errand.parcel.name
        try:
            target.mkdir(parents=True, exist_ok=True)
            self._bring_alone(errand, target)
        except OSError as error:
            raise Unavailable(f"{error.strerror}: {error.filename or target}") from error

    def _bring_alone(self, errand: Errand, target: Path) -> None:
        with (target.parent / f".{target.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # what a killed bot began goes on, and is waited for
                return
            name = errand.parcel.name
            listing = errand.list_files(self.most_files)
            if flaw := find_flaw(listing):
                raise NotWhole(flaw)
            self._refuse(name, listing, target)
            write_whole(self._listing(name), json.dumps(listing))
            remove_others(target, listing)
            self._bring_within(errand, target, listing, lock.fileno())
            if not self.over.is_set():
                self._refuse_half(errand, listing, target)
                self._conclude(name, listing)

    def _bring_within(self, errand: Errand, target: Path, listing: Listing, lock: int) -> None:
        """Bring it, within what it may take. One that outgrows every limit does not stay on the disk."""
        reserve = self._reserve(target)
        allowance = Allowance(target, self.most_bytes, self.most_files, reserve, self.over, self.free, self.free_files)
        allowance.measure()
        try:
            errand.bring(target, listing, lock, allowance)
        except CheckpointTooLarge:
            shutil.rmtree(target, ignore_errors=True)
            raise

    def _refuse(self, name: str, listing: Listing, target: Path) -> None:
        """Refuse what is too big, and what there is no room for beside what the others still bring."""
        size = sum(listing.values())
        if size > self.most_bytes:
            raise UserError(say(TOO_BIG, size=gigabytes(size), most=gigabytes(self.most_bytes)))
        here, files = measure_folder(target)
        with self.lock:  # two that begin at once would take the same room, or refuse each other
            room = self.free(target) + here - self._reserve(target) - self._awaited(name)
            if size > room:
                raise UserError(say(NO_ROOM, size=gigabytes(size), free=gigabytes(room)))
            self.sizes[name] = size
        if len(listing) - files > self.free_files(target):
            raise UserError(say(NO_FILES_LEFT))

    def _awaited(self, name: str) -> int:
        """Return the bytes that other checkpoints under way still want. The lock is held."""
        others = [one for one, future in self.under_way.items() if one != name and not future.done()]
        return sum(max(self.sizes.get(one, 0) - measure_folder(self.root / one)[0], 0) for one in others)

    def _reserve(self, folder: Path) -> int:
        return default_reserve(folder) if self.reserve_bytes is None else self.reserve_bytes

    def _refuse_half(self, errand: Errand, listing: Listing, target: Path) -> None:
        """One that its program was still writing is not the model: the next try brings the rest. Nor is a torn one."""
        if errand.list_files(self.most_files) != listing:
            raise Unavailable(say(GROWS))
        if damage := find_damage(target, listing):
            raise NotWhole(damage)

    def _conclude(self, name: str, listing: Listing) -> None:
        """Say beside it that it is whole; and where verl looks for it, which is the newest whole one of its run."""
        target = self.root / name
        for file in listing:  # its cluster goes next: from here on a power cut must not take it either
            flush(target / file)
        remove_others(target, listing, partial=True)
        names = [target.name, *(note.stem for note in target.parent.glob("*.json"))]
        steps = [step for one in names if (step := step_in(one)) is not None]
        if steps:
            write_whole(target.parent / NEWEST, str(max(steps)))
        write_whole(self._note(name), json.dumps({"bytes": sum(listing.values())}))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or nothing, after a power cut too."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text)
    flush(draft)
    draft.replace(path)


def flush(path: Path) -> None:
    """Wait until the disk has a file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_others(folder: Path, listing: Listing, partial: bool = False) -> None:
    """Remove what is in a folder and is not of its checkpoint: left by an earlier try, or brought unasked.

    Args:
        partial: whether what is only partly there goes too, because nothing goes on from it any more.
    """
    for at, folders, names in os.walk(folder, topdown=False):
        inside = Path(at).relative_to(folder)
        if PARTIAL in inside.parts:
            continue
        links = [name for name in folders if (Path(at) / name).is_symlink()]
        for name in [*names, *links]:
            path = Path(at) / name
            if listing.get(str(inside / name)) != path.lstat().st_size or path.is_symlink():
                path.unlink()
        if partial and PARTIAL in folders:
            shutil.rmtree(Path(at) / PARTIAL, ignore_errors=True)
