"""Downloads of checkpoints to the bot's machine: a thread downloads each one, and every caller gets the progress."""

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
"""Maximum number of downloads at the same time."""

MOST_FILES = 100_000
"""Maximum files of one checkpoint, unless a setting says otherwise; verl writes some thousands for a hundred nodes."""

TOO_BIG = mark("It has {size} GB, and I fetch {most} GB at the most (VERLBOT_ARTIFACTS_GIGABYTES).")
NO_ROOM = mark("It has {size} GB, and there is room for {free} GB where I would put it.")
GROWS = mark("It was still being written while I fetched it.")
STOPPED = mark("The bot is being stopped.")


@dataclass(frozen=True, slots=True)
class Errand:
    """The description of one download for a thread.

    Attributes:
        checkpoint: which checkpoint it is.
        list_files: returns the files on all nodes, at most so many; empty if the checkpoint does not exist.
        download: copies the files into the folder, on top of what is already there, until they are complete or the bot
            ends. It checks the allowance while it copies, and passes the lock on to the process that does the work, so
            that no second process begins beside it.
    """

    parcel: Parcel
    list_files: Callable[[int], Listing]
    bring: Callable[[Path, Listing, int, Allowance], None]


@dataclass(slots=True)
class Fetches:
    """The folder of downloaded checkpoints: `RUN/global_step_N`, and `….json` beside it once it is complete.

    Attributes:
        root: the folder.
        max_bytes, max_files: limits of one checkpoint.
        reserve_bytes: bytes that stay free on its disk; None for a share of the disk, see `get_default_reserve_bytes`.
        measure_free_bytes: returns the free bytes on the disk of a folder.
        measure_free_files: returns the number of files that the disk still takes beside its reserve.
        active: downloads that a thread works on, by name.
        expected_bytes: size of each, once it is known.
        stopping: set when the bot ends.
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
        """Begin a download, or return its progress. An error of the thread is raised once.

        Raises:
            NotWhole: the checkpoint is torn.
            UserError: it is too big.
            Unavailable: the download failed.
            BeingStopped: the bot ends.
        """
        name = errand.parcel.name
        with self.lock:
            if found := self._whole(name):
                return found
            if self.over.is_set():
                raise BeingStopped(say(STOPPED))
            known = self.under_way.get(name)
            if known is None:
                self.sizes.pop(name, None)  # from an earlier attempt
                self.under_way[name] = self.pool.submit(carried(self._bring), errand)
            elif known.done():
                del self.under_way[name]
                known.result()
        return Fetch(str(self.root / name), measure_folder(self.root / name)[0], self.sizes.get(name))

    def recall(self, shelf: Parcel) -> Mapping[int, Fetch]:
        """Return the complete checkpoints of a run on the bot's machine, by step, without a call to the run's cluster.

        A checkpoint counts once its last byte has arrived, compared with the cluster's listing, even if its thread has
        not recorded that yet.
        """
        folder = self.root / shelf.name
        steps = {step: path for path in folder.glob("global_step_*") if (step := step_in(path.name)) is not None}
        named = {step: f"{shelf.name}/{path.name}" for step, path in steps.items()}
        found = {step: self._whole(name) or self._complete(name) for step, name in named.items()}
        return {step: fetch for step, fetch in found.items() if fetch}

    def stop(self) -> None:
        """Stop all active downloads, because the bot ends."""
        with self.lock:
            self.over.set()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _whole(self, name: str) -> Fetch | None:
        """Return a complete checkpoint by its note; None if there is no note, or the folder is gone."""
        folder = self.root / name
        try:
            size = int(json.loads(self._note(name).read_text())["bytes"]) or 1
        except (OSError, ValueError, KeyError, TypeError):
            return None
        sharded = (folder / "actor").is_dir()
        return Fetch(str(folder), size, size, done=True, sharded=sharded) if folder.is_dir() else None

    def _complete(self, name: str) -> Fetch | None:
        """Return a checkpoint that is complete without a note, and write its note; None if it is not complete.

        It is complete if all listed files have arrived and can be opened.
        """
        try:
            listing: Listing = json.loads(self._listing(name).read_text())
            if find_flaw(listing) or find_damage(self.root / name, listing):
                return None
            self._conclude(name, listing)
        except (OSError, ValueError, AttributeError, TypeError):
            return None
        return self._whole(name)

    def _note(self, name: str) -> Path:
        """Return the path of the note that says that a checkpoint is complete."""
        return self.root / f"{name}.json"

    def _listing(self, name: str) -> Path:
        """Return the path of the listing that the cluster gave before the download."""
        folder, _, own = name.rpartition("/")
        return self.root / folder / f".{own}.listing"

    def _bring(self, errand: Errand) -> None:
        """Download a checkpoint, and raise Unavailable if the disk fails."""
        target = self.root / errand.parcel.name
        try:
            target.mkdir(parents=True, exist_ok=True)
            self._bring_alone(errand, target)
        except OSError as error:
            raise Unavailable(f"{error.strerror}: {error.filename or target}") from error

    def _bring_alone(self, errand: Errand, target: Path) -> None:
        """Download a checkpoint unless another process already does, check it, and record that it is complete."""
        with (target.parent / f".{target.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The process of a killed bot still downloads it, and this bot waits for that.
            except BlockingIOError:
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
        """Download a checkpoint within the allowance. Delete one that outgrows the limit for any checkpoint."""
        reserve = self._reserve(target)
        allowance = Allowance(target, self.most_bytes, self.most_files, reserve, self.over, self.free, self.free_files)
        allowance.measure()
        try:
            errand.bring(target, listing, lock, allowance)
        except CheckpointTooLarge:
            shutil.rmtree(target, ignore_errors=True)
            raise

    def _refuse(self, name: str, listing: Listing, target: Path) -> None:
        """Raise UserError if a checkpoint is too big, or if other downloads leave too little space for it."""
        size = sum(listing.values())
        if size > self.most_bytes:
            raise UserError(say(TOO_BIG, size=gigabytes(size), most=gigabytes(self.most_bytes)))
        here, files = measure_folder(target)
        # Without the lock, two downloads that begin at once would use the same space, or reject each other.
        with self.lock:
            room = self.free(target) + here - self._reserve(target) - self._awaited(name)
            if size > room:
                raise UserError(say(NO_ROOM, size=gigabytes(size), free=gigabytes(room)))
            self.sizes[name] = size
        if len(listing) - files > self.free_files(target):
            raise UserError(say(NO_FILES_LEFT))

    def _awaited(self, name: str) -> int:
        """Return the bytes that other active downloads still need. The caller has the lock."""
        others = [one for one, future in self.under_way.items() if one != name and not future.done()]
        return sum(max(self.sizes.get(one, 0) - measure_folder(self.root / one)[0], 0) for one in others)

    def _reserve(self, folder: Path) -> int:
        """Return the bytes that stay free on a folder's disk."""
        return default_reserve(folder) if self.reserve_bytes is None else self.reserve_bytes

    def _refuse_half(self, errand: Errand, listing: Listing, target: Path) -> None:
        """Raise an error if the checkpoint changed during the download, or is torn.

        A checkpoint that the training was still writing is not the model; the next attempt downloads the rest.
        """
        if errand.list_files(self.most_files) != listing:
            raise Unavailable(say(GROWS))
        if damage := find_damage(target, listing):
            raise NotWhole(damage)

    def _conclude(self, name: str, listing: Listing) -> None:
        """Write the note that the checkpoint is complete, and the file in which verl looks for the newest step.

        That step is the newest complete checkpoint of the run.
        """
        target = self.root / name
        # The cluster is removed next, so from here on a power cut must not lose the files either.
        for file in listing:
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
    """Wait until the disk has stored a file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_others(folder: Path, listing: Listing, partial: bool = False) -> None:
    """Remove files in a folder that do not belong to its checkpoint: leftovers of an earlier attempt, or unrequested
    files.

    Args:
        partial: whether to remove partly downloaded files too, because no later attempt resumes from them.
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
