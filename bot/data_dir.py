"""The data directory: one bot's alone, and what it is called among those that share its store."""

import fcntl
from pathlib import Path
from typing import IO
from uuid import uuid4

from bot.errors import UserError


def locked(data_dir: Path) -> IO[str]:
    """The data directory, for this process alone; the lock goes with the process, however it ends."""
    lock = (data_dir / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise UserError(
            f"Another verlbot uses {data_dir}.",
            "Stop it, or choose another folder: VERLBOT_DATA_DIR, or `--data-dir` of the demo.",
        ) from error
    return lock


def owner(data_dir: Path) -> str:
    """This bot's name among those that share its store; the same after a restart, which so waits for nobody."""
    path = data_dir / "owner"
    if not path.exists() or not path.read_text():  # a kill may have left it empty
        path.write_text(uuid4().hex)
    return path.read_text()
