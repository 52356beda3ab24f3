"""The bot's own process: its clock, the heartbeat that a health check reads, and its data directory."""

import fcntl
import logging
import math
import os
import secrets as randomness
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO
from uuid import uuid4

import msgspec

from bot.config.settings import Settings
from bot.core.model.bot_clock import (
    ClockReading,
    ClockVerdict,
    Timeline,
    advance,
    begin_timeline,
    catch_up,
    is_same_boot,
    judge_jump,
    measure_offset,
)
from bot.errors import UserError

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

MAX_OFFSET_SECONDS = 30.0
"""Default seconds by which the wall clock may differ from the bot's own time."""


@cache
def read_boot_id() -> str:
    """Return the identity of this machine's start; empty if the machine has none."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


def read_clocks() -> ClockReading:
    """Return this machine's clocks.

    If none counts the time in which the machine is suspended, that time is not counted.
    """
    clock_id = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return ClockReading(time.time(), time.clock_gettime(clock_id), read_boot_id())


class Clock:
    """The bot's own time. Any thread may ask for it.

    Args:
        read: reads the machine's clocks.
        previous: the timeline of the bot before this one.
        reference: Unix seconds by another clock. See `begin_timeline`.
        jump_seconds: seconds by which the wall clock may differ before that is a jump.
    """

    def __init__(
        self,
        read: Callable[[], ClockReading] = read_clocks,
        previous: Timeline | None = None,
        reference: float | None = None,
        jump_seconds: float = MAX_OFFSET_SECONDS,
    ) -> None:
        self._read_clocks = read
        self._max_offset = jump_seconds
        self._lock = Lock()
        self._timeline = begin_timeline(read(), previous, reference, jump_seconds)

    def now(self) -> datetime:
        """Return the bot's own time in UTC."""
        return datetime.fromtimestamp(self.read_timeline().time, UTC)

    def read_timeline(self) -> Timeline:
        """Return the timeline as it is now, for a later bot to continue."""
        with self._lock:
            self._timeline = advance(self._timeline, self._read_clocks(), self._max_offset)
            return self._timeline

    def catch_up(self, recorded: datetime) -> None:
        """Set the time to one that the store has recorded, if that is ahead by more than a jump."""
        with self._lock:
            line = advance(self._timeline, self._read_clocks(), self._max_offset)
            seconds = recorded.timestamp()
            self._timeline = catch_up(line, seconds, self._max_offset) if seconds <= MAX_UNIX_SECONDS else line

    def measure_jump(self) -> float:
        """Return the seconds by which the wall clock is ahead, negative if behind; 0.0 if that is no jump."""
        with self._lock:
            reading = self._read_clocks()
            self._timeline = advance(self._timeline, reading, self._max_offset)
            offset = measure_offset(self._timeline, reading)
        return offset if abs(offset) > self._max_offset else 0.0

    def judge_jump(self, reference: float) -> ClockVerdict:
        """Let another clock, which shows these Unix seconds, decide what a jump means; return its verdict."""
        with self._lock:
            reading = self._read_clocks()
            self._timeline, verdict = judge_jump(
                advance(self._timeline, reading, self._max_offset), reading, reference, self._max_offset
            )
        return verdict


log = logging.getLogger(__name__)

FILE_NAME = "heartbeat"
"""Name of the heartbeat's file in the data directory."""

MAX_MISSED_TICKS = 4
"""Tick periods without a heartbeat after which the bot counts as unhealthy."""

MAX_CALL_DURATIONS = 3
"""Alternatively, so many deadlines of a call to SkyPilot: a tick waits for two calls, and is healthy then."""

MAX_UNIX_SECONDS = 32_503_680_000.0
"""Unix seconds of the year 3000: a damaged file may show a later time, with which no bot would start."""

DECODER = msgspec.json.Decoder(Timeline)


def write(data_dir: Path, line: Timeline) -> None:
    """Write the heartbeat atomically. A full disk does not stop the bot from ticking."""
    draft = data_dir / f"{FILE_NAME}.{os.getpid()}.draft"
    try:
        draft.write_bytes(msgspec.json.encode(line))
        draft.replace(data_dir / FILE_NAME)
    except OSError as error:
        log.error("the heartbeat cannot be written: %s", error)


def read(data_dir: Path) -> Timeline | None:
    """Return the bot's time at the last heartbeat; None where no readable one exists."""
    try:
        line = DECODER.decode((data_dir / FILE_NAME).read_bytes())
    except (OSError, msgspec.DecodeError):  # an older version's file is empty
        return None
    return line if 0.0 <= line.time <= MAX_UNIX_SECONDS and 0.0 <= line.elapsed <= MAX_UNIX_SECONDS else None


def read_age_seconds(data_dir: Path, clocks: Callable[[], ClockReading] = read_clocks) -> float | None:
    """Return how many seconds ago the last tick of this data directory was, by a clock that cannot be set.

    Infinity where it was before this machine was started, or where the file cannot be read; None where no bot has run
    there.
    """
    if not (data_dir / FILE_NAME).exists():
        return None
    line, reading = read(data_dir), clocks()
    if line is None or not is_same_boot(line, reading):
        return math.inf
    return reading.elapsed - line.elapsed


def max_age_seconds(settings: Settings) -> float:
    """Return the maximum age, in seconds, of a healthy bot's heartbeat."""
    call = settings.sky_call_seconds if settings.uses_skypilot else 0.0
    return max(MAX_MISSED_TICKS * settings.tick_seconds, MAX_CALL_DURATIONS * call)


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
            "Set VERLBOT_DATA_DIR to a folder of the bot's user, or change its owner with `chown -R`.",
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
