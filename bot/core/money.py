"""Dollars: rates with their source, bills, and the cost of a span of time. None means unpriced, and so does 0."""

from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_CLOCK_DIFFERENCE = timedelta(minutes=1)
"""Maximum difference between a provider's seconds and the bot's, since each measures at another moment."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a whole cluster costs.

    Attributes:
        dollars_per_hour: for all nodes together.
        source: where the number comes from, in words that fit behind "by".
    """

    dollars_per_hour: float
    source: str

    @property
    def is_priced(self) -> bool:
        """Return whether the rate is known: SkyPilot reports 0 where it knows no price, as for Kubernetes and Slurm."""
        return self.dollars_per_hour > 0


@dataclass(frozen=True, slots=True)
class Bill:
    """What a provider itself reports that a cluster has cost.

    Attributes:
        dollars: from its first machine until `at`.
        rate: its cost per hour.
        at: when the provider reported it.
        is_closed: whether the cluster is gone, so that nothing more is added.
    """

    dollars: float
    rate: Rate
    at: datetime
    is_closed: bool = False

    def compute_total(self, until: datetime) -> float:
        """Return the dollars until then: what was billed, plus the rate since.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
        >>> Bill(10.0, Rate(4.0, "SkyPilot"), noon).compute_total(noon + timedelta(minutes=30))
        12.0
        """
        return self.dollars if self.is_closed else self.dollars + (compute_cost(self.rate, until - self.at) or 0.0)

    def compute_bounded_total(self, until: datetime, least: timedelta, most: timedelta) -> float:
        """Return the dollars until then, bounded by the time that the cluster has billed by the bot's own clock.

        The provider counts time by a clock that may be set: an hour ahead would exhaust a budget that is not exhausted,
        and an hour back would hide that one is.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
        >>> bill, hour = Bill(10.0, Rate(4.0, "SkyPilot"), noon), timedelta(hours=1)
        >>> [round(bill.compute_bounded_total(noon, least * hour, most * hour), 1)
        ...  for least, most in ((1, 2), (1, 3), (3, 3))]
        [8.1, 10.0, 11.9]
        """
        low, high = (
            compute_cost(self.rate, span) or 0.0 for span in (least - MAX_CLOCK_DIFFERENCE, most + MAX_CLOCK_DIFFERENCE)
        )
        return max(low, min(self.compute_total(until), high))


def compute_cost(rate: Rate | None, billed: timedelta) -> float | None:
    """Return the dollars for a span of time; None where the price is not known.

    >>> compute_cost(Rate(4.0, "the price table"), timedelta(minutes=30))
    2.0
    >>> compute_cost(Rate(0.0, "SkyPilot"), timedelta(minutes=30)) is None
    True
    """
    return (
        None if rate is None or not rate.is_priced else rate.dollars_per_hour * max(billed.total_seconds(), 0.0) / 3600
    )
