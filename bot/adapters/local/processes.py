"""Processes that are told from later ones of the same number, and ended with all of their offspring."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import psutil

from bot.adapters.local.places import Place, Process, State
from bot.core.seen import Ending

MARKER = "VERLBOT_LOCAL_CLUSTER"
"""Environment variable that every process of a cluster inherits."""

KEEPER = "VERLBOT_LOCAL_SUPERVISOR"
"""Environment variable of the process that keeps a cluster."""


def myself() -> Process:
    return Process(os.getpid(), psutil.Process().create_time())


def identified(pid: int) -> Process | None:
    """The process of this number, told from later ones; None where it has ended."""
    try:
        return Process(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def alive(process: Process | None) -> bool:
    """Whether this very process runs; one that has ended and was not waited for does not."""
    if process is None:
        return False
    try:
        found = psutil.Process(process.pid)
        return found.create_time() == process.created and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def send_signal(process: Process | None, number: int) -> None:
    """Signal this very process; one that has ended is no error."""
    if process and alive(process):
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def marked(marker: str, sessions: Sequence[Process] = ()) -> list[psutil.Process]:
    """Every process, of this user's, that carries the marker in its environment, or is of one of the sessions.

    Either alone can be shaken off: an environment by `env -i`, a session by `setsid`. A session's number is
    not given to another while one of its members lives; where its leader is another process, it is over.
    """
    standing = {session.pid for session in sessions if identified(session.pid) in (None, session)}
    return ours(lambda process: os.getsid(process.pid) in standing or process.environ().get(MARKER) == marker)


def keepers(marker: str) -> list[psutil.Process]:
    """Every process but this one that keeps the cluster: its supervisor, whether or not its files still name it."""
    return ours(lambda process: process.pid != os.getpid() and process.environ().get(KEEPER) == marker)


def ours(wanted: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Every process of this user's that is wanted; one that has ended meanwhile is not."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            mine = process.uids().effective == os.geteuid() and process.status() != psutil.STATUS_ZOMBIE
            if mine and wanted(process):
                found.append(process)
    return found


def end_all(marker: str, sessions: Sequence[Process], grace_seconds: float) -> None:
    """End every process of a cluster: SIGTERM, a while to save what it holds, SIGKILL.

    Looks again until none is left, because a process may start another while it is being ended.
    """
    deadline = time.monotonic() + grace_seconds
    send(marked(marker, sessions), signal.SIGTERM)
    while left := marked(marker, sessions):
        if time.monotonic() > deadline:
            send(left, signal.SIGKILL)
        psutil.wait_procs(left, timeout=0.05)


def send(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.Error):  # it has ended, or became somebody else's
            process.send_signal(number)


def dismantle(place: Place, state: State, ending: Ending, grace_seconds: float) -> None:
    """Remove a cluster: its processes, then its folder, the ending recorded between the two.

    By its supervisor, or by whoever does without it, who ends it first.
    """
    send(keepers(place.marker), signal.SIGKILL)
    end_all(place.marker, state.sessions, grace_seconds)
    state.ending = ending
    place.bury(state)
