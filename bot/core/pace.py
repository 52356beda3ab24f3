"""How fast one may talk. Pure: time is an argument."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class Bucket:
    """So many at once, then so many a second (a token bucket); who comes too early is told when his turn is.

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
        """When one may go: now, or later. The turn is taken either way, so that nobody else gets it."""
        gained = max((now - self.at).total_seconds(), 0.0) * self.per_second if self.at else 0.0
        left = self.most if self.left is None else min(self.most, self.left + gained)
        self.at, self.left = now, left - 1
        return now if self.left >= 0 else now + timedelta(seconds=-self.left / self.per_second)


@dataclass(slots=True)
class Turns:
    """Turns that were given and have not come: whoever was told to wait has his, and takes no second one.

    >>> from datetime import UTC
    >>> turns, bucket, noon = Turns(), Bucket(per_second=1, most=1), datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [turns.wait(who, bucket.reserve, noon).seconds for who in ("ana", "ben", "ben")]
    [0, 1, 1]
    >>> turns.wait("ben", bucket.reserve, noon + timedelta(seconds=1)).seconds
    0
    """

    given: dict[str, datetime] = field(default_factory=dict)

    def wait(self, who: str, reserve: Callable[[datetime], datetime], now: datetime) -> timedelta:
        """In how long the turn comes; nothing where it is now, which uses it up."""
        turn = self.given.pop(who, None) or reserve(now)
        if turn > now:
            self.given[who] = turn
        return max(turn - now, timedelta())
