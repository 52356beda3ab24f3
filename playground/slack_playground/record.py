"""What the bot and Slack said to each other, with times: the recorder."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

KEPT = 20_000
"""Entries; older ones are forgotten."""


@dataclass(slots=True)
class Entry:
    """One call or delivery.

    Attributes:
        number: counts up from 1.
        kind: `call` of the Web API, or `delivery` to the app.
        name: the method, or the type of the delivery.
        at: Unix seconds at its begin; seconds: until the answer or acknowledgement, None while there is none.
        outcome: `ok`, Slack's error code, an HTTP status, or `unacknowledged`.
        detail: what it was about.
    """

    number: int
    kind: str
    name: str
    at: float
    seconds: float | None = None
    outcome: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    def done(self, outcome: str) -> None:
        self.seconds = time.time() - self.at
        self.outcome = outcome


class Record:
    """The entries, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.last = 0

    def begin(self, kind: str, name: str, **detail: Any) -> Entry:
        self.last += 1
        entry = Entry(self.last, kind, name, time.time(), detail=detail)
        self.entries.append(entry)
        return entry

    def after(self, number: int) -> list[Entry]:
        """The entries after this one. Those that wait for their answer have it at the next request."""
        return [entry for entry in self.entries if entry.number > number]
