"""The space on the bot's disk: how much of it models may use, checked while they are written.

The bot's store is on the same disk, and a full disk would stop the bot while machines bill.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from bot.core.frameworks.verl.checkpoint_files import TOO_MANY
from bot.errors import UserError
from bot.phrase import N_, Phrase

GIGABYTE = 10**9

RESERVE_BYTES = 5 * GIGABYTE
RESERVE_SHARE = 0.1
"""Disk space that no model uses, unless a setting says otherwise: RESERVE_BYTES, or this share of a small disk."""

RESERVE_FILES = 10_000
"""Number of files that a folder's disk must still take beside models, or RESERVE_SHARE of all if it takes few: a store
that cannot create a file cannot write either.
"""

MAX_MEASURE_TIME_SHARE = 0.1
"""Maximum share of the time spent on measuring what has arrived; with very many files, one measurement takes a second.
"""

CHECKPOINT_GREW = N_(
    "It grew to more than {most} GB during the download, which is my limit (VERLBOT_ARTIFACTS_GIGABYTES)."
)
DISK_FULL = N_("My disk has {free} GB left, of which {reserve} GB are reserved (VERLBOT_DISK_RESERVE_GIGABYTES).")


NO_FILES_LEFT = N_("My disk is almost out of inodes, and the rest are reserved.")


class CheckpointTooLarge(UserError):
    """A checkpoint exceeds the limit for any checkpoint, however much space is free."""


@dataclass(slots=True)
class DiskAllowance:
    """The disk space that one download may use, checked again and again during the download.

    Attributes:
        folder: where the download writes.
        max_bytes, max_files: limits of what is in that folder.
        reserve_bytes: bytes that stay free on its disk.
        stopping: set when the bot ends, so that the download stops where it is.
        measure_free_bytes: returns the free bytes on the disk of a folder.
        measure_free_files: returns the number of files that the disk still takes beside its reserve.
    """

    folder: Path
    max_bytes: int
    max_files: int
    reserve_bytes: int
    stopping: Event
    measure_free_bytes: Callable[[Path], int]
    measure_free_files: Callable[[Path], float]
    _used_bytes: int = field(default=0, init=False)
    _used_files: int = field(default=0, init=False)
    _measured_at: float = field(default=0.0, init=False)
    _measuring_seconds: float = field(default=0.0, init=False)

    def measure(self) -> None:
        """Count the bytes and files in the folder."""
        started_at = time.monotonic()
        self._used_bytes, self._used_files = measure_folder(self.folder)
        self._measured_at = time.monotonic()
        self._measuring_seconds = self._measured_at - started_at

    def check_written(self) -> None:
        """Check what another process has written meanwhile.

        Raises:
            UserError: the files exceed a limit.
        """
        if time.monotonic() >= self._measured_at + self._measuring_seconds / MAX_MEASURE_TIME_SHARE:
            self.measure()
        self.check_limits()

    def count_write(self, size: int, files: int = 0) -> None:
        """Count bytes and files that are about to be written.

        Raises:
            UserError: they would exceed a limit, and must not be written.
        """
        self._used_bytes += size
        self._used_files += files
        self.check_limits(size, files)

    def check_limits(self, more_bytes: int = 0, more_files: int = 0) -> None:
        """Raise UserError if a limit is exceeded, or would be with so many more bytes and files."""
        if self._used_bytes > self.max_bytes:
            raise CheckpointTooLarge(Phrase(CHECKPOINT_GREW, most=format_gigabytes(self.max_bytes)))
        if self._used_files > self.max_files:
            raise CheckpointTooLarge(Phrase(TOO_MANY, most=self.max_files))
        free = self.measure_free_bytes(self.folder)
        if free - more_bytes < self.reserve_bytes:
            raise UserError(
                Phrase(DISK_FULL, free=format_gigabytes(free), reserve=format_gigabytes(self.reserve_bytes))
            )
        if self.measure_free_files(self.folder) < more_files:
            raise UserError(Phrase(NO_FILES_LEFT))

    @property
    def max_file_bytes(self) -> int:
        """Return how many bytes one file may reach before a limit is certainly exceeded."""
        free = self.measure_free_bytes(self.folder)
        return max(min(self.max_bytes, self._used_bytes + free - self.reserve_bytes), 0) + 1


def get_free_bytes(folder: Path) -> int:
    """Return the bytes that are free on a folder's disk."""
    return shutil.disk_usage(folder).free


def get_default_reserve_bytes(folder: Path) -> int:
    """Return the bytes that stay free on a folder's disk unless a setting says otherwise."""
    return min(RESERVE_BYTES, int(shutil.disk_usage(folder).total * RESERVE_SHARE))


def get_free_files(folder: Path) -> float:
    """Return how many more files a folder's disk takes beside its reserve; infinite if it has no such limit."""
    disk = os.statvfs(folder)
    return disk.f_favail - min(RESERVE_FILES, disk.f_files * RESERVE_SHARE) if disk.f_files else float("inf")


def measure_folder(folder: Path) -> tuple[int, int]:
    """Return the bytes and the number of all files below a folder. Files that come and go meanwhile may or may not
    count.

    The number is that of the folders if there are more folders than files: each takes as much of the disk as an empty
    file.
    """
    size, files, folders = 0, 0, 0
    for at, below, names in os.walk(folder):
        folders += len(below)
        for name in names:
            try:
                size += os.lstat(os.path.join(at, name)).st_size
            except FileNotFoundError:
                continue
            files += 1
    return size, max(files, folders)


def format_gigabytes(size: int) -> str:
    """Return bytes as gigabytes, with two digits below 10 GB.

    >>> format_gigabytes(1_500_000_000), format_gigabytes(250_000_000_000), format_gigabytes(-3_000_000_000)
    ('1.5', '250', '0')
    """
    size = max(size, 0)
    return f"{size / GIGABYTE:,.2g}" if size < 10 * GIGABYTE else f"{size / GIGABYTE:,.0f}"
