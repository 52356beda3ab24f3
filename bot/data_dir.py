"""The data directory, which belongs to one bot and is closed to other users, and the bot's name in a shared store."""

import fcntl
import logging
import os
import secrets as randomness
import stat
from pathlib import Path
from typing import IO
from uuid import uuid4

from bot.errors import UserError

log = logging.getLogger(__name__)

OWNER_ONLY_MODE = 0o700
TRAVERSABLE_MODE = 0o711
GROUP_FOLDER_MODE, GROUP_FILE_MODE = 0o710, 0o740
"""Modes for the group of local runs, which may also pass through folders and read the scripts that it runs."""

RUN_FOLDERS = ("home", "volumes")
"""Folders of local compute whose contents belong to the runs."""

SECRET_FILE = "admin-policy-secret"  # noqa: S105  # a file's name
SECRET_BYTES = 24


def prepare(data_dir: Path, group: int | None = None) -> None:
    """Make the data directory, or close one that is open to other users and log that.

    Args:
        group: the group of local runs that have a user of their own.

    Raises:
        UserError: the directory belongs to another user.
    """
    missing = [parent for parent in data_dir.parents if not parent.exists()]
    data_dir.mkdir(mode=OWNER_ONLY_MODE, parents=True, exist_ok=True)
    for parent in missing if group is not None else ():  # local runs must pass through it
        parent.chmod(TRAVERSABLE_MODE)
    status = data_dir.stat()
    if status.st_uid != os.geteuid() and not is_volume(status):
        raise UserError(
            f"The data directory {data_dir} belongs to another user.",
            "Set VERLBOT_DATA_DIR to a folder of the bot's own user, or give it to him: `chown -R`.",
        )
    if count := tighten(data_dir, group):
        log.warning("%s was open to other users: closed, %d files and folders", data_dir, count)


def is_volume(status: os.stat_result) -> bool:
    """Return whether this is a volume as Kubernetes mounts it: root owns it, and only the bot's
    group may also write."""
    is_writable = status.st_gid in (os.getegid(), *os.getgroups()) and status.st_mode & stat.S_IWGRP
    return status.st_uid == 0 and bool(is_writable) and not status.st_mode & stat.S_IWOTH


def tighten(folder: Path, group: int | None) -> int:
    """Remove other users' permissions on the bot's own files; return how many files and folders were open.

    Links are not followed. What belongs to other users is left alone, and so are the contents of local runs' folders.
    """
    count = int(tighten_path(folder, group))
    for at, folders, files in os.walk(folder):
        count += sum([tighten_path(Path(at) / name, group) for name in (*folders, *files)])
        # What is in these folders belongs to the runs.
        if "local" in Path(at).relative_to(folder).parts:
            folders[:] = [name for name in folders if name not in RUN_FOLDERS]
    return count


def tighten_path(path: Path, group: int | None) -> bool:
    """Remove the permissions that others should not have on a path; return whether there were any."""
    try:
        status = path.lstat()
    except FileNotFoundError:  # a cluster was removed meanwhile
        return False
    allowed = OWNER_ONLY_MODE
    if status.st_gid == group:
        allowed = GROUP_FOLDER_MODE if stat.S_ISDIR(status.st_mode) else GROUP_FILE_MODE
    mode = stat.S_IMODE(status.st_mode)
    # Links are not followed, and what belongs to other users is left alone.
    if stat.S_ISLNK(status.st_mode) or status.st_uid != os.geteuid() or not mode & 0o077 & ~allowed:
        return False
    path.chmod(mode & allowed)
    return True


def lock_data_dir(data_dir: Path) -> IO[str]:
    """Lock the data directory for this process alone. The lock ends with the process, however that ends.

    Raises:
        UserError: another bot uses the directory.
    """
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


def read_owner_name(data_dir: Path) -> str:
    """Return this bot's name among the bots that share its store.

    The name is the same after a restart, so that a restarted bot does not have to wait until its own lease ends.
    """
    path = data_dir / "owner"
    if not path.exists() or not path.read_text():  # a kill may have left it empty
        path.write_text(uuid4().hex)
    return path.read_text()


def load_admin_policy_secret(data_dir: Path) -> str:
    """Return the secret of the admin policy's address.

    It is made at the first call and is the same after a restart.
    """
    path = data_dir / SECRET_FILE
    try:
        if existing := path.read_text().strip():
            return existing
    except FileNotFoundError:
        pass
    secret = randomness.token_urlsafe(SECRET_BYTES)
    draft = path.with_suffix(f".{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)
    draft.replace(path)
    return secret
