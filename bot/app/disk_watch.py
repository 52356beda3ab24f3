"""The bot's own disk: reports in time that it fills up, and keeps a reserve that is released to record ends.

The store is on that disk, and a store that cannot write ends no run: no stop, no lease and no budget.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.app.operator_notices import Announcer
from bot.app.ports import Now
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase

log = logging.getLogger(__name__)

FILE_NAME = "reserve"
"""Name of the reserve's file in the data directory."""

LOW_SHARE = 0.25
"""Share of the reserve: with less free space than that the reserve is released."""

MEGABYTE = 10**6

REFILL_FACTOR = 3
"""The reserve is made where so many times its size is free: else it would fill the disk itself."""

FILLS_UP = N_(
    ":warning: *My disk is {percent}% full: {free} MB are left.* Make room in `{folder}`, or my database cannot record "
    "that runs end."
)
IS_FULL = N_(
    ":rotating_light: *My disk is full: {free} MB are left.* I have released my reserve of {reserve} MB to record how "
    "runs end, and launch nothing until there is room in `{folder}`."
)
HAS_ROOM = N_(":white_check_mark: My disk has room again: {free} MB are free.")
NOTHING_LAUNCHED = N_("My disk is full, and what is left is for the ends of runs, so I launch nothing.")


@dataclass(frozen=True, slots=True)
class DiskUse:
    """How full a disk is.

    Attributes:
        free_bytes: that this user may write.
        used_share: from 0 to 1, of bytes or of files, whichever is more.
    """

    free_bytes: int
    used_share: float


def measure_disk(folder: Path) -> DiskUse:
    """Return how full the disk of a folder is."""
    disk = os.statvfs(folder)
    used, free = disk.f_blocks - disk.f_bfree, disk.f_bavail
    byte_share = used / (used + free) if used + free else 0.0
    used_files = disk.f_files - disk.f_ffree
    file_share = used_files / (used_files + disk.f_favail) if disk.f_files and used_files + disk.f_favail else 0.0
    return DiskUse(free * disk.f_frsize, max(byte_share, file_share))


@dataclass(slots=True)
class DiskWatch:
    """Watches the disk of the data directory.

    Attributes:
        reserve_bytes: size of the reserve; 0 for none.
        warning_share: used share of the disk from which it is reported.
        is_full: whether the reserve is released.
        announced: the state that was last reported; empty for a disk with room.
    """

    folder: Path
    reserve_bytes: int
    warning_share: float
    announcer: Announcer
    now: Now
    measure: Callable[[Path], DiskUse] = measure_disk
    is_full: bool = False
    announced: str = ""

    def check(self) -> timedelta | None:
        """Release or make the reserve, then report what is new. The scheduler's job, and called when a write failed.

        Raises:
            Unavailable: the store has not recorded a notice; the next check makes it again.
        """
        use = self.measure(self.folder)
        if use.free_bytes < self.reserve_bytes * LOW_SHARE:
            self._release()
        elif use.free_bytes >= self.reserve_bytes * REFILL_FACTOR:
            self._keep()
        self._report(use)
        return None

    def make_room(self) -> None:
        """Release the reserve where a write has failed for want of room; a store that is down cannot be told yet."""
        try:
            self.check()
        except Unavailable as error:
            log.warning("the disk's state is not reported yet: %s", error)

    def check_launch(self) -> None:
        """Raise UserError while the disk is full: a launch must not use what the ends of runs need."""
        if self.is_full:
            raise UserError(Phrase(NOTHING_LAUNCHED), Phrase("Ask who runs me to make room."))

    @property
    def path(self) -> Path:
        """Return the file of the reserve."""
        return self.folder / FILE_NAME

    def _release(self) -> None:
        """Delete the reserve."""
        if not self.is_full:
            log.error("the disk of %s is full: the reserve is released", self.folder)
        self.is_full = True
        self.path.unlink(missing_ok=True)

    def _keep(self) -> None:
        """Make the reserve where it is missing or of another size."""
        self.is_full = False
        if not self.reserve_bytes:
            self.path.unlink(missing_ok=True)
            return
        if self.path.exists() and self.path.stat().st_size == self.reserve_bytes:
            return
        try:
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.reserve_bytes)
        except OSError as error:
            log.warning("the reserve on the disk cannot be made: %s", error)
            self.path.unlink(missing_ok=True)

    def _report(self, use: DiskUse) -> None:
        """Announce a state that is new, once a day at most."""
        state = "full" if self.is_full else "filling" if use.used_share >= self.warning_share else ""
        if state == self.announced:
            return
        values = {"free": f"{use.free_bytes / MEGABYTE:,.0f}", "folder": str(self.folder)}
        text = {
            "full": Phrase(IS_FULL, **values, reserve=f"{self.reserve_bytes / MEGABYTE:,.0f}"),
            "filling": Phrase(FILLS_UP, **values, percent=f"{use.used_share * 100:.0f}"),
            "": Phrase(HAS_ROOM, free=values["free"]),
        }[state]
        # A disk that is no longer full, and not yet empty, has said so before it was full.
        if not (state == "filling" and self.announced == "full"):
            self.announcer.announce(f"disk-{state or 'room'}-{self.now():%Y-%m-%d}", text)
        self.announced = state


def release_if_full(folder: Path, reserve_bytes: int) -> None:
    """Delete the reserve before anything is written to a disk that is full."""
    if measure_disk(folder).free_bytes < reserve_bytes * LOW_SHARE:
        (folder / FILE_NAME).unlink(missing_ok=True)
