"""Work on several runs, each by itself: a run that fails is reported, and affects no other."""

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import TypeVar

from bot.core.model.run import Run
from bot.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_REPORTED_FAILURES = 1_000
"""Maximum number of failures that are remembered, so that each has its traceback in the log once."""


def render_each(runs: Iterable[Run], render: Callable[[Run], T], fallback: Callable[[Run], T]) -> list[T]:
    """Return the rendering of each run; the fallback's for a run that cannot be rendered."""
    return [render_or_fallback(run, render, fallback) for run in runs]


def render_or_fallback(run: Run, render: Callable[[Run], T], fallback: Callable[[Run], T]) -> T:
    """Return the rendering of a run; the fallback's where it fails."""
    try:
        return render(run)
    except Exception as error:  # the other runs must still be shown
        report_once(f"run {run.id}: it cannot be shown", error)
        return fallback(run)


def skip_failing_runs(runs: Iterable[Run], probe: Callable[[Run], object], failed: list[str]) -> Iterator[Run]:
    """Yield the runs on which the probe succeeds; add the ids of the others to `failed`."""
    for run in runs:
        try:
            probe(run)
        except Exception as error:
            report_once(f"run {run.id}: it cannot be reckoned with", error)
            failed.append(run.id)
        else:
            yield run


class ReportedFailures:
    """The latest failures whose traceback is in the log already."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._keys: dict[tuple[str, ...], None] = {}

    def is_new(self, *key: str) -> bool:
        """Return whether this failure is new, and remember it."""
        with self._lock:
            if key in self._keys:
                return False
            self._keys[key] = None
            if len(self._keys) > MAX_REPORTED_FAILURES:
                del self._keys[next(iter(self._keys))]
            return True

    def forget(self) -> None:
        with self._lock:
            self._keys.clear()


REPORTED_FAILURES = ReportedFailures()


def report_once(what: str, error: Exception, about: str = "") -> None:
    """Log a failure with its traceback; the same failure at the same place of the code is not logged again.

    Args:
        about: what the failure occurred at, such as the beginning of a line; it does not make a failure a new one.

    Raises:
        Unavailable: the failure is one: waiting resolves it, and a caller further up handles it.
    """
    if isinstance(error, Unavailable):
        raise error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    if REPORTED_FAILURES.is_new(what, type(error).__name__, place):
        log.error("%s%s", what, f": {about}" if about else "", exc_info=error)
