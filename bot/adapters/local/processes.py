"""Processes that are told from later ones of the same number, and ended with all of their offspring."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from bot.adapters.local.places import Place, Process, State
from bot.core.seen import Ending
from bot.errors import Unavailable
from bot.language import say_many

MARKER = "VERLBOT_LOCAL_CLUSTER"
"""Environment variable that every process of a cluster inherits."""

START_FIELD = 19
"""Of `/proc/PID/stat` behind the name: the start in clock ticks after the boot (proc_pid_stat(5), field 22)."""

PR_SET_CHILD_SUBREAPER = 36
"""prctl(2)."""

STUBBORN_SECONDS = 10.0
"""After which a process that got SIGKILL is told of."""

SUPERVISOR = "bot.adapters.local.supervisor"
"""Module of the process that keeps a cluster. The marker follows it in its command line, which others may read: its
environment they may not."""

KEEPER = "VERLBOT_LOCAL_SUPERVISOR"
"""Environment variable that named the cluster in earlier versions, whose supervisors may still run."""


def myself() -> Process:
    return Process(os.getpid(), born(os.getpid()))


def identified(pid: int) -> Process | None:
    """The process of this number, told from later ones; None where it has ended."""
    try:
        return Process(pid, born(pid))
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def born(pid: int) -> str:
    """When a process began: ticks after which boot. A time of day would move when the clock is set."""
    if not sys.platform.startswith("linux"):
        return str(psutil.Process(pid).create_time())
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{after_name[START_FIELD]}@{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"


def alive(process: Process | None) -> bool:
    """Whether this very process runs; one that has ended and was not waited for does not."""
    if process is None or identified(process.pid) != process:
        return False
    try:
        return psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def send_signal(process: Process | None, number: int) -> None:
    """Signal this very process; one that has ended is no error."""
    if process and alive(process):
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def marked(marker: str, sessions: Sequence[Process] = ()) -> list[psutil.Process]:
    """Every process that the bot may end that carries the marker in its environment, or is of one of the sessions.

    Either alone can be shaken off: an environment by `env -i`, a session by `setsid`. A session's number is
    not given to another while one of its members lives; where its leader is another process, it is over.
    """
    known = {session.pid: session for session in sessions}

    def is_of_session(number: int) -> bool:
        """Whether a session is one of these, asked for each process: Linux may reuse a number during the search."""
        return number in known and identified(number) in (None, known[number])

    return ours(lambda process: is_of_session(os.getsid(process.pid)) or process.environ().get(MARKER) == marker)


def running_clusters() -> set[str]:
    """Return the names of the clusters of which a process of this user's runs, wherever their files are or were."""
    names = set()
    for process in ours(lambda process: bool(kept_marker(process) or process.environ().get(MARKER))):
        with suppress(psutil.Error, ProcessLookupError):
            marker = kept_marker(process) or process.environ().get(MARKER) or ""
            names.add(Path(marker).name)
    return names - {""}


def keepers(marker: str) -> list[psutil.Process]:
    """Every process but this one that keeps the cluster: its supervisor, whether or not its files still name it."""
    return ours(lambda process: process.pid != os.getpid() and kept_marker(process) == marker)


def kept_marker(process: psutil.Process) -> str:
    """Return the marker of the cluster that a process keeps; empty where it keeps none."""
    line = process.cmdline()
    if line[-2:-1] == [SUPERVISOR]:
        return line[-1]
    return process.environ().get(KEEPER, "")


def ours(wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Every process that is wanted, of this user's, or where he is root of anybody's; one that has ended is not."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            mine = os.geteuid() in (0, process.uids().effective) and process.status() != psutil.STATUS_ZOMBIE
            if mine and wanted(process):
                found.append(process)
    return found


Family = Callable[[], list[psutil.Process]]
"""Tells which processes belong together just now."""


def end_all(family: Family, grace_seconds: float) -> None:
    """End every process of a cluster: SIGTERM, a while to save what it holds, SIGKILL.

    Looks again until none is left, because a process may start another while it is being ended.

    Raises:
        Unavailable: one is left that even SIGKILL does not end, as one that waits for a disk.
    """
    deadline = time.monotonic() + grace_seconds
    send(family(), signal.SIGTERM)
    while left := family():
        late = time.monotonic() - deadline
        if late > STUBBORN_SECONDS:
            raise Unavailable(
                say_many(
                    "{count} process does not end: {pid}.",
                    "{count} processes do not end, such as {pid}.",
                    len(left),
                    pid=left[0].pid,
                )
            )
        if late > 0:
            send(left, signal.SIGKILL)
        psutil.wait_procs(left, timeout=0.05)


def descendants() -> list[psutil.Process]:
    """Everything that this process has started, and what that has, as long as it lives."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def adopt_orphans() -> None:
    """Become the parent of whatever of one's descendants loses its own: no double fork leads out of the family."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def send(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.Error):  # it has ended, or became somebody else's
            process.send_signal(number)


def dismantle(place: Place, state: State, ending: Ending, grace_seconds: float, kin: Family = list) -> None:
    """Remove a cluster: its processes, then its folder, the ending recorded between the two.

    By its supervisor, or by whoever does without it, who ends it first.

    Args:
        kin: processes that are the cluster's without being marked so.

    Raises:
        Unavailable: something of it does not end.
    """
    send(keepers(place.marker), signal.SIGKILL)
    end_all(lambda: [*marked(place.marker, state.sessions), *kin()], grace_seconds)
    state.ending = ending
    place.bury(state)
