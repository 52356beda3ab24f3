"""Token buckets: how fast requests may be sent. Pure: time is an argument."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class Bucket:
    """A token bucket: a number of turns at once, then a number a second. A caller who comes too early learns when its
    turn is.

    >>> from datetime import UTC
    >>> bucket, noon = Bucket(per_second=1, most=2), datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [bucket.reserve(noon).second for _ in range(4)]
    [0, 0, 1, 2]
    """

    per_second: float
    most: float
    left: float | None = None
    at: datetime | None = None

    def reserve(self, now: datetime) -> datetime:
        """Return when the caller may go: now or later. The turn is used either way, so that no other caller gets it."""
        gained = max((now - self.at).total_seconds(), 0.0) * self.per_second if self.at else 0.0
        left = self.most if self.left is None else min(self.most, self.left + gained)
        # The count may fall below zero: every waiting caller has used a future turn.
        self.at, self.left = now, left - 1
        return now if self.left >= 0 else now + timedelta(seconds=-self.left / self.per_second)


STALE = timedelta(seconds=10)
"""Time after its turn after which a waiting caller is forgotten."""


@dataclass(slots=True)
class FairBucket:
    """A token bucket whose turns alternate between groups: however many wait in one group, the first caller of another
    group is next but one.

    A turn is not reserved in advance: a waiting caller asks again after the time it got, and may then have to wait once
    more.

    >>> from datetime import UTC
    >>> bucket, noon = FairBucket(per_second=1, most=1), datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [bucket.wait(who, "busy", noon).seconds for who in ("a", "b", "c", "d")]
    [0, 1, 2, 3]
    >>> bucket.wait("x", "quiet", noon).seconds
    2
    >>> later = noon + timedelta(seconds=2)
    >>> [bucket.wait(who, group, later).seconds for who, group in (("b", "busy"), ("x", "quiet"), ("c", "busy"))]
    [0, 1, 2]
    """

    per_second: float
    most: float
    left: float | None = None
    at: datetime | None = None
    waiting: dict[str, dict[str, datetime]] = field(default_factory=dict)

    def wait(self, who: str, group: str, now: datetime) -> timedelta:
        """Use up the turn if it is now. Return zero then, or else after how long to ask again."""
        left = self._refill(now)
        self._forget_stale(now)
        own = self.waiting.setdefault(group, {})
        own.setdefault(who, now)
        ahead = self._ahead(who, group)
        if ahead + 1 <= left:
            self.left = left - 1
            del own[who]
            # The group moves to the end, so that the other groups have their turns first.
            self.waiting[group] = self.waiting.pop(group)
            return timedelta()
        wait = timedelta(seconds=(ahead + 1 - left) / self.per_second)
        own[who] = now + wait
        return wait

    def _refill(self, now: datetime) -> float:
        gained = max((now - self.at).total_seconds(), 0.0) * self.per_second if self.at else 0.0
        self.left = self.most if self.left is None else min(self.most, self.left + gained)
        self.at = now
        return self.left

    def _forget_stale(self, now: datetime) -> None:
        for group, own in list(self.waiting.items()):
            kept = {who: turn for who, turn in own.items() if turn + STALE > now}
            if kept:
                self.waiting[group] = kept
            else:
                del self.waiting[group]

    def _ahead(self, who: str, group: str) -> int:
        """Return how many callers have their turns earlier: each group has one turn a round, the group that waits
        longest first.
        """
        groups = list(self.waiting)
        place, rank = list(self.waiting[group]).index(who), groups.index(group)
        return sum(min(len(self.waiting[other]), place + (number < rank)) for number, other in enumerate(groups))


@dataclass(slots=True)
class Turns:
    """Turns that were reserved and are not used yet: a caller who has to wait keeps its turn and gets no second one.

    >>> from datetime import UTC
    >>> turns, bucket, noon = Turns(), Bucket(per_second=1, most=1), datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [turns.wait(who, bucket.reserve, noon).seconds for who in ("ana", "ben", "ben")]
    [0, 1, 1]
    >>> turns.wait("ben", bucket.reserve, noon + timedelta(seconds=1)).seconds
    0
    """

    given: dict[str, datetime] = field(default_factory=dict)

    def wait(self, who: str, reserve: Callable[[datetime], datetime], now: datetime) -> timedelta:
        """Use up the turn if it is now. Return zero then, or else how long it takes until the turn."""
        turn = self.given.pop(who, None) or reserve(now)
        if turn > now:
            self.given[who] = turn
        return max(turn - now, timedelta())
