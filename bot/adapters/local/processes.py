"""Processes that are distinguished from later ones of the same number, and ended with all their descendants."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from bot.adapters.local.state_files import ClusterDirectory, LocalClusterState, ProcessIdentity
from bot.core.model.cluster import Ending
from bot.errors import Unavailable
from bot.phrase import plural_phrase

MARKER_VARIABLE = "VERLBOT_LOCAL_CLUSTER"
"""Environment variable that every process of a cluster inherits."""

START_FIELD = 19
"""Index in `/proc/PID/stat` after the name: the start in clock ticks after the boot (proc_pid_stat(5), field 22)."""

PR_SET_CHILD_SUBREAPER = 36
"""Option of prctl(2)."""

KILL_TIMEOUT_SECONDS = 10.0
"""Seconds after the deadline, from which on a process that ignores SIGKILL is reported."""

SUPERVISOR_MODULE = "bot.adapters.local.supervisor"
"""Module of the process that supervises a cluster. The marker follows it in its command line, which other processes
may read, unlike its environment."""

SUPERVISOR_VARIABLE = "VERLBOT_LOCAL_SUPERVISOR"
"""Environment variable that named the cluster in earlier versions, whose supervisors may still run."""


def current_process() -> ProcessIdentity:
    """Return this process."""
    return ProcessIdentity(os.getpid(), read_start_time(os.getpid()))


def identify_process(pid: int) -> ProcessIdentity | None:
    """Return the process of this number, distinguished from later ones; None where it has ended."""
    try:
        return ProcessIdentity(pid, read_start_time(pid))
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def read_start_time(pid: int) -> str:
    """Return when a process began: ticks after which boot. A time of day would change when the clock is set."""
    if not sys.platform.startswith("linux"):
        return str(psutil.Process(pid).create_time())
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{after_name[START_FIELD]}@{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"


def is_alive(process: ProcessIdentity | None) -> bool:
    """Return whether this very process runs; a zombie, which has ended without being waited for, does not count."""
    if process is None or identify_process(process.pid) != process:
        return False
    try:
        return psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def send_signal(process: ProcessIdentity | None, number: int) -> None:
    """Signal this very process; one that has ended is no error."""
    if process and is_alive(process):
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def find_marked_processes(marker: str, sessions: Sequence[ProcessIdentity] = ()) -> list[psutil.Process]:
    """Return every process that the bot may end and that has the marker in its environment, or is of a given session.

    A process can drop either alone: the environment by `env -i`, the session by `setsid`. A session's number is not
    reused while one of its members lives; where its leader is another process, the session has ended.
    """
    leaders = {session.pid: session for session in sessions}

    def is_of_session(number: int) -> bool:
        """Return whether a session is one of these. Checked per process: Linux may reuse a number meanwhile."""
        return number in leaders and identify_process(number) in (None, leaders[number])

    return find_own_processes(
        lambda process: is_of_session(os.getsid(process.pid)) or process.environ().get(MARKER_VARIABLE) == marker
    )


def find_running_clusters() -> set[str]:
    """Return the names of the clusters that have a running process of this user's, wherever their files are or were."""
    names = set()
    for process in find_own_processes(
        lambda process: bool(read_supervised_marker(process) or process.environ().get(MARKER_VARIABLE))
    ):
        with suppress(psutil.Error, ProcessLookupError):
            marker = read_supervised_marker(process) or process.environ().get(MARKER_VARIABLE) or ""
            names.add(Path(marker).name)
    return names - {""}


def find_supervisors(marker: str) -> list[psutil.Process]:
    """Return the supervisors of the cluster, except this process, even those that its files no longer name."""
    return find_own_processes(lambda process: process.pid != os.getpid() and read_supervised_marker(process) == marker)


def read_supervised_marker(process: psutil.Process) -> str:
    """Return the marker of the cluster that a process supervises; empty where it supervises none."""
    command_line = process.cmdline()
    if command_line[-2:-1] == [SUPERVISOR_MODULE]:
        return command_line[-1]
    return process.environ().get(SUPERVISOR_VARIABLE, "")


def find_own_processes(matches: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Return every matching process of this user's, or of any user's where this user is root; zombies are left out."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            is_own = os.geteuid() in (0, process.uids().effective) and process.status() != psutil.STATUS_ZOMBIE
            if is_own and matches(process):
                processes.append(process)
    return processes


ProcessFinder = Callable[[], list[psutil.Process]]
"""Returns the processes that belong together at the moment."""


def end_processes(find_processes: ProcessFinder, grace_seconds: float) -> None:
    """End every process of a cluster: SIGTERM, a grace period to save its work, SIGKILL.

    Searches again until none is left, because a process may start another while it is being ended.

    Raises:
        Unavailable: a process is left that even SIGKILL does not end, such as one that waits for a disk.
    """
    deadline = time.monotonic() + grace_seconds
    signal_processes(find_processes(), signal.SIGTERM)
    while remaining := find_processes():
        late = time.monotonic() - deadline
        if late > KILL_TIMEOUT_SECONDS:
            raise Unavailable(
                plural_phrase(
                    "{count} process does not end: {pid}.",
                    "{count} processes do not end, such as {pid}.",
                    len(remaining),
                    pid=remaining[0].pid,
                )
            )
        if late > 0:
            signal_processes(remaining, signal.SIGKILL)
        psutil.wait_procs(remaining, timeout=0.05)


def find_descendants() -> list[psutil.Process]:
    """Return all living processes that this process has started, and those that they have started."""
    processes = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                processes.append(process)
    return processes


def adopt_orphans() -> None:
    """Become the parent of each descendant that loses its own: no double fork leads out of the family."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def signal_processes(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each of the processes that still runs."""
    for process in processes:
        with suppress(psutil.Error):  # it has ended, or belongs to another user now
            process.send_signal(number)


def tear_down_cluster(
    directory: ClusterDirectory,
    state: LocalClusterState,
    ending: Ending,
    grace_seconds: float,
    find_others: ProcessFinder = list,
) -> None:
    """Remove a cluster: end its processes, record the ending, then remove its folder.

    Its supervisor calls this, or a caller without the supervisor, which it ends first.

    Args:
        find_others: returns processes that belong to the cluster without being marked.

    Raises:
        Unavailable: a process of the cluster does not end.
    """
    signal_processes(find_supervisors(directory.marker), signal.SIGKILL)
    end_processes(lambda: [*find_marked_processes(directory.marker, state.sessions), *find_others()], grace_seconds)
    state.ending = ending
    directory.remove(state)
