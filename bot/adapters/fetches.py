"""Checkpoints on their way to the bot's machine: a thread fetches each, and whoever asks is told how far it is."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from bot.core.keeping import NEWEST, Fetch, Parcel
from bot.errors import Unavailable, UserError
from bot.language import carried, mark, say

AT_ONCE = 4

GIGABYTE = 10**9

TOO_BIG = mark("It has {size} GB, and I fetch {most} GB at the most (VERLBOT_ARTIFACTS_GIGABYTES).")
NO_ROOM = mark("It has {size} GB, and there is room for {free} GB where I would put it.")
GROWS = mark("It was still being written while I fetched it.")
NOT_THERE = mark("There is no such folder on its cluster.")


@dataclass(frozen=True, slots=True)
class Errand:
    """What a thread fetches.

    Attributes:
        measure: bytes that it has on all nodes; 0 where it is not there.
        bring: copies it into the folder, on top of what is there of it, until it is whole or the bot ends. It passes
            the lock on to whatever process does the work, so that none begins beside it.
    """

    parcel: Parcel
    measure: Callable[[], int]
    bring: Callable[[Path, int, Event], None]


@dataclass(slots=True)
class Fetches:
    """The folder of what was fetched: `RUN/global_step_N`, and beside it, once all of it is there, `….json`.

    Attributes:
        root: the folder; most_bytes: of one checkpoint.
        under_way: by its name; sizes: bytes that each has, once that is known; over: whether the bot ends.
    """

    root: Path
    most_bytes: int
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch"))
    under_way: dict[str, Future[None]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    over: Event = field(default_factory=Event)

    def fetch(self, errand: Errand) -> Fetch:
        """Begin, or tell how far it is; what the thread failed with is raised once.

        Raises:
            UserError: it is not there, or too big. Unavailable: it failed.
        """
        name = errand.parcel.name
        with self.lock:
            if size := self._whole(name):
                sharded = (self.root / name / "actor").is_dir()
                return Fetch(str(self.root / name), size, size, done=True, sharded=sharded)
            known = self.under_way.get(name)
            if known is None:
                self.under_way[name] = self.pool.submit(carried(self._bring), errand)
            elif known.done():
                del self.under_way[name]
                known.result()
        return Fetch(str(self.root / name), bytes_in(self.root / name), self.sizes.get(name))

    def stop(self) -> None:
        """Let go of what is under way."""
        self.over.set()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _whole(self, name: str) -> int | None:
        """Bytes of one that is there to its last byte."""
        try:
            return int(json.loads(self._note(name).read_text())["bytes"]) or 1
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _note(self, name: str) -> Path:
        return self.root / f"{name}.json"

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
            size = self.sizes[errand.parcel.name] = errand.measure()
            self._refuse(size, target)
            errand.bring(target, lock.fileno(), self.over)
            if not self.over.is_set():
                self._refuse_half(errand, size, target)
                self._conclude(errand.parcel.name, target)

    def _refuse(self, size: int, target: Path) -> None:
        """Refuse what is not there, what is too big, and what there is no room for."""
        free = shutil.disk_usage(target).free + bytes_in(target)
        if not size:
            raise UserError(say(NOT_THERE))
        if size > self.most_bytes:
            raise UserError(say(TOO_BIG, size=gigabytes(size), most=gigabytes(self.most_bytes)))
        if size > free:
            raise UserError(say(NO_ROOM, size=gigabytes(size), free=gigabytes(free)))

    def _refuse_half(self, errand: Errand, before: int, target: Path) -> None:
        """One that its program was still writing is not the model: the next try brings the rest."""
        if errand.measure() != before or bytes_in(target) < before:
            raise Unavailable(say(GROWS))

    def _conclude(self, name: str, target: Path) -> None:
        """Say beside it that it is whole; and where verl looks for it, which is the newest of its run."""
        (target.parent / NEWEST).write_text(target.name.rpartition("_")[2])
        draft = self._note(name).with_suffix(".draft")
        draft.write_text(json.dumps({"bytes": bytes_in(target)}))
        draft.replace(self._note(name))


def bytes_in(folder: Path) -> int:
    """Of all files below it; those that come and go meanwhile count or not."""
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(at, name)).st_size
            except FileNotFoundError:
                continue
    return total


def gigabytes(size: int) -> str:
    return f"{size / GIGABYTE:,.2g}" if size < 10 * GIGABYTE else f"{size / GIGABYTE:,.0f}"
