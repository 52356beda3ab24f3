"""Priority of interactive requests: background work waits while people do."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class InteractivePriority:
    """The number of people who wait for an answer, and a gate at which background work pauses meanwhile.

    Python runs one thread at a time: with fifty commands in progress, a tick and the notifier would take as much of it
    as the listeners do (`make bench`).

    Args:
        patience_seconds: how long background work pauses at most, however many people wait.
    """

    def __init__(self, patience_seconds: float = 0.25) -> None:
        self._patience_seconds = patience_seconds
        self._waiting = 0
        self._changed = Condition()

    def begin_wait(self) -> int:
        """Count a person who begins to wait. Return how many wait now."""
        with self._changed:
            self._waiting += 1
            return self._waiting

    def end_wait(self) -> None:
        """Count a person as answered."""
        with self._changed:
            self._waiting -= 1
            if not self._waiting:
                self._changed.notify_all()

    @contextmanager
    def serve_person(self) -> Iterator[None]:
        """Count a person as waiting within the context."""
        self.begin_wait()
        try:
            yield
        finally:
            self.end_wait()

    def yield_to_interactive(self) -> None:
        """Return as soon as no person waits, or when the maximum pause is over."""
        # Read without the lock, because most calls find no person waiting.
        if self._waiting:
            with self._changed:
                self._changed.wait_for(lambda: not self._waiting, self._patience_seconds)
