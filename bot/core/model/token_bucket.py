"""Token buckets: how fast requests may be sent. Pure: time is an argument."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class TokenBucket:
    """A token bucket: a number of turns at once, then a number a second. A caller who comes too early learns when its
    turn is.

    >>> from datetime import UTC
    >>> bucket, noon = TokenBucket(per_second=1, capacity=2), datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [bucket.reserve(noon).second for _ in range(4)]
    [0, 0, 1, 2]
    """

    per_second: float
    capacity: float
    tokens: float | None = None
    refilled_at: datetime | None = None

    def reserve(self, now: datetime) -> datetime:
        """Return when the caller may go: now or later. The turn is used either way, so that no other caller gets it."""
        refill = max((now - self.refilled_at).total_seconds(), 0.0) * self.per_second if self.refilled_at else 0.0
        available = self.capacity if self.tokens is None else min(self.capacity, self.tokens + refill)
        # The count may fall below zero: every waiting caller has used a future turn.
        self.refilled_at, self.tokens = now, available - 1
        return now if self.tokens >= 0 else now + timedelta(seconds=-self.tokens / self.per_second)


STALE_AFTER = timedelta(seconds=10)
"""Time after its turn after which a waiting caller is forgotten."""


@dataclass(slots=True)
class FairTokenBucket:
    """A token bucket whose turns alternate between groups: however many wait in one group, the first caller of another
    group is next but one.

    A turn is not reserved in advance: a waiting caller asks again after the time it got, and may then have to wait once
    more.

    >>> from datetime import UTC
    >>> bucket, noon = FairTokenBucket(per_second=1, capacity=1), datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [bucket.acquire(who, "busy", noon).seconds for who in ("a", "b", "c", "d")]
    [0, 1, 2, 3]
    >>> bucket.acquire("x", "quiet", noon).seconds
    2
    >>> later = noon + timedelta(seconds=2)
    >>> [bucket.acquire(who, group, later).seconds for who, group in (("b", "busy"), ("x", "quiet"), ("c", "busy"))]
    [0, 1, 2]
    """

    per_second: float
    capacity: float
    tokens: float | None = None
    refilled_at: datetime | None = None
    waiting: dict[str, dict[str, datetime]] = field(default_factory=dict)

    def acquire(self, caller: str, group: str, now: datetime) -> timedelta:
        """Use up the turn if it is now. Return zero then, or else after how long to ask again."""
        available = self._refill(now)
        self._forget_stale(now)
        group_turns = self.waiting.setdefault(group, {})
        group_turns.setdefault(caller, now)
        ahead = self._count_ahead(caller, group)
        if ahead + 1 <= available:
            self.tokens = available - 1
            del group_turns[caller]
            # The group moves to the end, so that the other groups have their turns first.
            self.waiting[group] = self.waiting.pop(group)
            return timedelta()
        wait = timedelta(seconds=(ahead + 1 - available) / self.per_second)
        group_turns[caller] = now + wait
        return wait

    def _refill(self, now: datetime) -> float:
        refill = max((now - self.refilled_at).total_seconds(), 0.0) * self.per_second if self.refilled_at else 0.0
        self.tokens = self.capacity if self.tokens is None else min(self.capacity, self.tokens + refill)
        self.refilled_at = now
        return self.tokens

    def _forget_stale(self, now: datetime) -> None:
        for group, turns in list(self.waiting.items()):
            live = {caller: turn for caller, turn in turns.items() if turn + STALE_AFTER > now}
            if live:
                self.waiting[group] = live
            else:
                del self.waiting[group]

    def _count_ahead(self, caller: str, group: str) -> int:
        """Return how many callers have their turns earlier: each group has one turn a round, the group that waits
        longest first.
        """
        groups = list(self.waiting)
        position, rank = list(self.waiting[group]).index(caller), groups.index(group)
        return sum(min(len(self.waiting[other]), position + (number < rank)) for number, other in enumerate(groups))

    def count_waiting(self, now: datetime) -> int:
        """Return how many callers wait."""
        self._forget_stale(now)
        return sum(map(len, self.waiting.values()))

    def take_unclaimed(self, now: datetime) -> bool:
        """Use up a turn at once if there is one, before all who wait; return whether there was."""
        available = self._refill(now)
        if available < 1:
            return False
        self.tokens = available - 1
        return True

    def withdraw(self, caller: str, group: str) -> None:
        """Forget a caller that waits no more."""
        self.waiting.get(group, {}).pop(caller, None)


@dataclass(slots=True)
class PriorityTokenBucket:
    """A token bucket whose turns go to the most important caller first, and among equals to the one that waits longest.

    A turn is not reserved in advance: a waiting caller asks again after the time it got, or sooner if it has become
    more important.

    >>> from datetime import UTC
    >>> bucket, noon = PriorityTokenBucket(per_second=1, capacity=1), datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [bucket.acquire(caller, 2, noon).seconds for caller in ("a", "b", "c")]
    [0, 1, 2]
    >>> bucket.acquire("end", 0, noon).seconds, bucket.acquire("c", 1, noon).seconds
    (1, 2)
    >>> [bucket.acquire(caller, rank, noon + timedelta(seconds=1)).seconds for caller, rank in (("b", 2), ("end", 0))]
    [2, 0]
    """

    per_second: float
    capacity: float
    tokens: float | None = None
    refilled_at: datetime | None = None
    waiting: dict[str, tuple[int, int, datetime]] = field(default_factory=dict)
    count: int = 0

    def acquire(self, caller: str, rank: int, now: datetime) -> timedelta:
        """Use up the turn if it is now. Return zero then, or else after how long to ask again.

        Args:
            rank: 0 for the most important.
        """
        refill = max((now - self.refilled_at).total_seconds(), 0.0) * self.per_second if self.refilled_at else 0.0
        available = self.capacity if self.tokens is None else min(self.capacity, self.tokens + refill)
        self.tokens, self.refilled_at = available, now
        self.waiting = {name: entry for name, entry in self.waiting.items() if entry[2] + STALE_AFTER > now}
        _, number, _ = self.waiting.get(caller, (rank, self.count, now))
        self.count += caller not in self.waiting
        ahead = sum(entry[:2] < (rank, number) for name, entry in self.waiting.items() if name != caller)
        if ahead + 1 <= available:
            self.tokens = available - 1
            self.waiting.pop(caller, None)
            return timedelta()
        wait = timedelta(seconds=(ahead + 1 - available) / self.per_second)
        self.waiting[caller] = rank, number, now + wait
        return wait

    def withdraw(self, caller: str) -> None:
        """Forget a caller that waits no more."""
        self.waiting.pop(caller, None)
