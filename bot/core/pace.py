"""How fast one may talk. Pure: time is an argument."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Bucket:
    """So many at once, then so many a second (a token bucket).

    >>> from datetime import UTC
    >>> bucket, noon = Bucket(per_second=1, most=2), datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [bucket.take(noon) for _ in range(3)], bucket.take(noon.replace(second=1))
    ([True, True, False], True)
    """

    per_second: float
    most: float
    left: float | None = None
    at: datetime | None = None

    def take(self, now: datetime) -> bool:
        """Whether one may go now; if so, it is counted."""
        gained = (now - self.at).total_seconds() * self.per_second if self.at else 0.0
        left = self.most if self.left is None else min(self.most, self.left + gained)
        self.at = now
        self.left = left - 1 if left >= 1 else left
        return left >= 1
