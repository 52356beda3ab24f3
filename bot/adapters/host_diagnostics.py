"""Checks of this machine for `verlbot doctor`; they write only a temporary file."""

import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx

from bot.errors import Unavailable

BOT_ANSWER_SECONDS = 5
"""Maximum seconds for a bot on this machine to answer."""


@dataclass(frozen=True, slots=True)
class DataFolderDiagnosis:
    """The data directory.

    Attributes:
        exists: whether it exists yet.
        error: why nothing can be written there, or in the nearest existing parent; empty if it can.
        free_bytes: free bytes on its disk.
        is_in_use: whether a bot runs on it.
    """

    exists: bool
    error: str
    free_bytes: int
    is_in_use: bool


def inspect_data_folder(folder: Path) -> DataFolderDiagnosis:
    """Return whether the data directory can be used, and the free space there."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(b"well")
            probe.flush()
            os.fsync(probe.fileno())
        error = ""
    except OSError as failure:
        error = str(failure.strerror or failure)
    if folder.is_dir() and folder.stat().st_uid not in (0, os.geteuid()):
        error = "it belongs to another user"
    return DataFolderDiagnosis(folder.is_dir(), error, shutil.disk_usage(nearest).free, is_folder_in_use(folder))


def is_folder_in_use(folder: Path) -> bool:
    """Return whether a bot has the folder's lock; the check releases the lock at once."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def is_bot_answering(url: str) -> bool:
    """Return whether the bot itself answers at its own address.

    Raises:
        Unavailable: there is no answer.
    """
    try:
        return httpx.get(url, timeout=BOT_ANSWER_SECONDS, trust_env=False).text == "ok"
    except httpx.HTTPError as error:
        raise Unavailable(str(error) or type(error).__name__) from error
