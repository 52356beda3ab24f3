"""Processes that are told from later ones of the same number, and ended with all of their offspring."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from bot.adapters.local.places import Place, Process, State
from bot.core.seen import Ending

MARKER = "VERLBOT_LOCAL_CLUSTER"
"""Environment variable that every process of a cluster inherits."""


def myself() -> Process:
    return Process(os.getpid(), psutil.Process().create_time())


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


def marked(marker: str) -> list[psutil.Process]:
    """Every process, of this user's, that carries the marker in its environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARKER) == marker and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_all(marker: str, grace_seconds: float) -> None:
    """End every process with the marker: SIGTERM, a while to save what it holds, SIGKILL.

    Looks again until none is left, because a process may start another while it is being ended.
    """
    deadline = time.monotonic() + grace_seconds
    send(marked(marker), signal.SIGTERM)
    while left := marked(marker):
        if time.monotonic() > deadline:
            send(left, signal.SIGKILL)
        psutil.wait_procs(left, timeout=0.05)


def send(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def dismantle(place: Place, state: State, ending: Ending, grace_seconds: float) -> None:
    """Remove a cluster: its processes, then its folder, the ending recorded between the two."""
    end_all(place.marker, grace_seconds)
    state.ending = ending
    place.bury(state)
