"""One node of a local cluster: a script in a session of its own, and its output with SkyPilot's prefix."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread, Timer
from typing import IO, Any

from bot.adapters.local.accounts import SystemAccount
from bot.adapters.local.processes import MARKER_VARIABLE, identify_process
from bot.adapters.local.state_files import ClusterDirectory

INHERITED_VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that a cluster inherits of the bot's environment beside PATH: the others may contain secrets."""

LINE_BYTES = 1_048_576
"""Maximum bytes of one line; a longer one is continued on the next. A line of metrics may be as long."""

CYAN, RESET = "\x1b[36m", "\x1b[0m"


class JobLog:
    """The log of the job, which all nodes write one complete line at a time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = Lock()

    def write(self, line: bytes) -> None:
        """Append a line, with a newline if it has none."""
        with self._lock:
            self._file.write(line if line.endswith(b"\n") else line + b"\n")


class Node:
    """A running script on one node. Its rank is put into `finished_ranks` once it has ended and `exit_code` is set.

    Attributes:
        exit_code: the exit code as a shell gives it, 128 plus the number for a signal; None while the script runs.
        ended_at: when it ended, on the monotonic clock.
        session: the process that leads its session, or None where it ended at once.
    """

    def __init__(
        self,
        *,
        rank: int,
        script: Path,
        prefix: str,
        home: Path,
        environment: Mapping[str, str],
        output: JobLog,
        finished_ranks: SimpleQueue[int],
        account: SystemAccount | None = None,
    ) -> None:
        self.exit_code: int | None = None
        self.ended_at = math.inf
        self._rank = rank
        self._prefix = prefix
        self._output = output
        self._finished_ranks = finished_ranks
        self._process = subprocess.Popen(  # noqa: S603  # running a recipe's script is the purpose of this class
            ["bash", str(script)],  # noqa: S607  # the machine's own bash
            cwd=home / "sky_workdir",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        self.session = identify_process(self._process.pid)
        Thread(target=self._wait, daemon=True).start()

    def end(self, grace_seconds: float) -> None:
        """Send SIGTERM to the whole process group, and SIGKILL where it does not end in that time."""
        self._send_signal(signal.SIGTERM)
        killer = Timer(grace_seconds, self._send_signal, [signal.SIGKILL])
        killer.daemon = True
        killer.start()

    def _wait(self) -> None:
        """Wait for the script's end, and report its exit code.

        The processes that the script leaves in its group are killed with it; they would keep the output open.
        """
        reader = Thread(target=self._copy_output, args=[self._process.stdout], daemon=True)
        reader.start()
        code = self._process.wait()
        self.ended_at = time.monotonic()
        self._send_signal(signal.SIGKILL)
        reader.join(timeout=2)
        self.exit_code = code if code >= 0 else 128 - code
        self._finished_ranks.put(self._rank)

    def _copy_output(self, stream: IO[bytes]) -> None:
        """Copy the output line by line to the log; a line that is too long is cut between words."""
        prefix = f"{CYAN}({self._prefix.format(pid=self._process.pid)}){RESET} ".encode()
        rest = b""
        while line := rest + stream.readline(LINE_BYTES - len(rest)):
            line, rest = split_before_last_word(line) if len(line) >= LINE_BYTES else (line, b"")
            self._output.write(prefix + line)

    def _send_signal(self, number: int) -> None:
        """Signal the group while it runs; the number of a finished group may belong to another one."""
        if self.exit_code is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def split_before_last_word(line: bytes) -> tuple[bytes, bytes]:
    r"""Return the beginning of a line that is too long, and its last word: half a secret would not be masked.

    >>> (split_before_last_word(b"one two thr"), split_before_last_word(b"one two\n"),
    ...  split_before_last_word(b"onetwothr"))
    ((b'one two ', b'thr'), (b'one two\n', b''), (b'onetwothr', b''))
    """
    beginning, blank, rest = line.rpartition(b" ")
    return (beginning + blank, rest) if beginning and not line.endswith(b"\n") else (line, b"")


def collect_environment() -> dict[str, str]:
    """Return the variables of the bot's environment that a cluster's processes get."""
    return {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}


def node_address(rank: int) -> str:
    """Return the IP of a node: on Linux every address of 127.0.0.0/8 is this machine's, elsewhere only one is."""
    return f"127.0.0.{rank + 1}" if sys.platform == "linux" else "127.0.0.1"


def log_prefix(script: str, rank: int, count: int, name: str) -> str:
    """Return SkyPilot's prefix without its brackets, with `{pid}` to be filled in (sky/skylet/executor/slurm.py)."""
    if script == "setup":
        return "setup pid={pid}" + (f", ip={node_address(rank)}" if rank else "")
    if count == 1:
        return f"{name}, pid={{pid}}"
    return (
        "head, rank=0, pid={pid}" if rank == 0 else f"worker{rank}, rank={rank}, pid={{pid}}, ip={node_address(rank)}"
    )


def build_node_environment(
    task: Mapping[str, Any],
    directory: ClusterDirectory,
    rank: int,
    count: int,
    task_id: str,
    account: SystemAccount | None = None,
) -> dict[str, str]:
    """Return the environment of a node: SkyPilot's variables, the task's own, and none of the bot's secrets.

    A volume is a folder of this machine, which cannot be mounted at the path in the task; the task's variables that
    contain that path are changed to the folder.
    """
    task_variables = {**(task.get("envs") or {}), **(task.get("secrets") or {})}
    return {
        **collect_environment(),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(directory.node_home(rank)),
        "USER": "sky",
        MARKER_VARIABLE: directory.marker,
        "SKYPILOT_NODE_IPS": "\n".join(map(node_address, range(count))),
        "SKYPILOT_NODE_RANK": str(rank),
        "SKYPILOT_NUM_NODES": str(count),
        "SKYPILOT_NUM_GPUS_PER_NODE": "0",
        "SKYPILOT_TASK_ID": task_id,
        **{name: replace_mount_point(str(value), task, directory, account) for name, value in task_variables.items()},
    }


def replace_mount_point(
    value: str, task: Mapping[str, Any], directory: ClusterDirectory, account: SystemAccount | None = None
) -> str:
    """Return the value with the mount point of a volume replaced by the volume's folder."""
    for mount, volume in (task.get("volumes") or {}).items():
        if value == mount or value.startswith(f"{mount}/"):
            return str(directory.ensure_volume(volume, account)) + value[len(mount) :]
    return value
