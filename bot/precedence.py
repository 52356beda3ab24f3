"""People first: what nobody waits for gives way to what somebody does."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Precedence:
    """How many people wait for an answer just now, and a door that the rest of the bot stops at meanwhile.

    Python runs one thread at a time: with fifty commands in flight, a tick and the notifier would take as
    much of it as the listeners do (`make bench`).

    Args:
        patience_seconds: how long anything else stops at most, however many people there are.
    """

    def __init__(self, patience_seconds: float = 0.25) -> None:
        self._patience_seconds = patience_seconds
        self._waiting = 0
        self._changed = Condition()

    def come(self) -> int:
        """A person begins to wait. Returns how many do now."""
        with self._changed:
            self._waiting += 1
            return self._waiting

    def go(self) -> None:
        """A person has been answered."""
        with self._changed:
            self._waiting -= 1
            if not self._waiting:
                self._changed.notify_all()

    @contextmanager
    def person(self) -> Iterator[None]:
        self.come()
        try:
            yield
        finally:
            self.go()

    def give_way(self) -> None:
        """Return when nobody waits, or when patience is over."""
        if self._waiting:
            with self._changed:
                self._changed.wait_for(lambda: not self._waiting, self._patience_seconds)
