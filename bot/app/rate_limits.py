"""Share the bot among people: how much one person may request in a minute, and background work that yields to them."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Condition, Lock

from bot.app.ports import Now
from bot.core.model.policy import Policy
from bot.core.model.token_bucket import TokenBucket
from bot.errors import UserError
from bot.phrase import N_, Phrase

MAX_PEOPLE = 10_000
"""Maximum number of people whose latest requests are remembered; the least recent is forgotten first."""


class RateLimitKind(StrEnum):
    """Kinds of requests, counted separately."""

    LAUNCH = "launch"
    QUESTION = "question"


TOO_MANY = {
    RateLimitKind.LAUNCH: N_("You launched more than {most} runs within a minute; I did not record this one."),
    RateLimitKind.QUESTION: N_("You sent more than {most} commands within a minute."),
}
TRY_LATER = N_("Try again in {seconds} s.")


@dataclass(slots=True)
class RateLimits:
    """Counts each person's requests."""

    policy: Callable[[], Policy]
    now: Now
    buckets: OrderedDict[tuple[str, RateLimitKind], TokenBucket] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def count_request(self, user: str, kind: RateLimitKind) -> None:
        """Count one request.

        Raises:
            UserError: it exceeds the limit; the message says when to try again.
        """
        fairness = self.policy().fairness
        most = fairness.launches_per_minute if kind is RateLimitKind.LAUNCH else fairness.questions_per_minute
        if most is None:
            return
        now = self.now()
        with self.lock:
            bucket = self.buckets.pop((user, kind), None)
            if bucket is None or bucket.capacity != most:
                bucket = TokenBucket(per_second=most / 60, capacity=most)
            self.buckets[user, kind] = bucket
            if len(self.buckets) > MAX_PEOPLE:
                self.buckets.popitem(last=False)
            turn = bucket.reserve(now)
            if turn > now:
                # A refusal takes no turn, otherwise the wait would never end.
                bucket.tokens = (bucket.tokens or 0.0) + 1
        if turn > now:
            seconds = max(int((turn - now).total_seconds()) + 1, 1)
            raise UserError(Phrase(TOO_MANY[kind], most=most), Phrase(TRY_LATER, seconds=seconds))


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
