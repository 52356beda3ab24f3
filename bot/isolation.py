"""What is made of several runs, each by itself: one that fails is told of, and costs no other."""

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import TypeVar

from bot.core.run import Run
from bot.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_REPORTED = 1_000
"""Failures that are remembered, so that each has its traceback in the log once."""


def render_each(runs: Iterable[Run], render: Callable[[Run], T], fallback: Callable[[Run], T]) -> list[T]:
    """Return what is shown of each run; of one that cannot be shown, what the fallback makes of it."""
    return [render_one(run, render, fallback) for run in runs]


def render_one(run: Run, render: Callable[[Run], T], fallback: Callable[[Run], T]) -> T:
    try:
        return render(run)
    except Exception as error:  # whatever it is, others wait to be shown
        report_once(f"run {run.id}: it cannot be shown", error)
        return fallback(run)


def sound_ones(runs: Iterable[Run], probe: Callable[[Run], object], failed: list[str]) -> Iterator[Run]:
    """Yield the runs that the probe can reckon with; the ids of the others are added to `failed`."""
    for run in runs:
        try:
            probe(run)
        except Exception as error:
            report_once(f"run {run.id}: it cannot be reckoned with", error)
            failed.append(run.id)
        else:
            yield run


class Reported:
    """Failures that have their traceback in the log already, the latest of them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[tuple[str, ...], None] = {}

    def is_new(self, *key: str) -> bool:
        """Return whether this is the first time, and remember it."""
        with self._lock:
            if key in self._known:
                return False
            self._known[key] = None
            if len(self._known) > MOST_REPORTED:
                del self._known[next(iter(self._known))]
            return True

    def forget(self) -> None:
        with self._lock:
            self._known.clear()


REPORTED = Reported()


def report_once(what: str, error: Exception, about: str = "") -> None:
    """Log a failure with its traceback; the same failure at the same place of the code is not logged again.

    Args:
        about: what it was met at, such as the beginning of a line; another one is no other failure.

    Raises:
        Unavailable: it is one: waiting mends it, and the caller's caller knows.
    """
    if isinstance(error, Unavailable):
        raise error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    if REPORTED.is_new(what, type(error).__name__, place):
        log.error("%s%s", what, f": {about}" if about else "", exc_info=error)
