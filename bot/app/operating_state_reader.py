"""Counts the runs for monitors, from the store, when one asks."""

from datetime import timedelta
from threading import Lock
from typing import Protocol

from bot.app.ports import Now
from bot.app.store_ports import OrphanStore, RunReader
from bot.core.rules.operating_state import OperatingState, count_state
from bot.errors import Unavailable

REUSE_FOR = timedelta(seconds=5)
"""How long an answer is given again: any sender may ask as often as it likes, and the store is for the bot."""


class OperatingStore(RunReader, OrphanStore, Protocol):
    """The records that are counted."""


class OperatingStateReader:
    """Counts what the store has, at most once in a few seconds."""

    def __init__(self, store: OperatingStore, now: Now) -> None:
        self._store = store
        self._now = now
        self._lock = Lock()
        self._last: OperatingState | None = None
        self._read_at = now() - REUSE_FOR

    def read(self) -> OperatingState | None:
        """Return the state; None while the store does not answer."""
        with self._lock:
            if self._now() - self._read_at >= REUSE_FOR:
                self._last = self._count()
                self._read_at = self._now()
            return self._last

    def _count(self) -> OperatingState | None:
        try:
            runs = self._store.list_open_runs()
            return count_state(runs, len(self._store.list_unreadable_runs()), len(self._store.get_orphans()))
        except Unavailable:
            return None
