"""Dollars: rates with their source, bills, and the cost of a span of time. None means unpriced, and so does 0."""

from dataclasses import dataclass
from datetime import datetime, timedelta

APART = timedelta(minutes=1)
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
    def is_price(self) -> bool:
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
    closed: bool = False

    def total(self, until: datetime) -> float:
        """Return the dollars until then: what was billed, plus the rate since.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
        >>> Bill(10.0, Rate(4.0, "SkyPilot"), noon).total(noon + timedelta(minutes=30))
        12.0
        """
        return self.dollars if self.closed else self.dollars + (cost(self.rate, until - self.at) or 0.0)

    def bounded(self, until: datetime, least: timedelta, most: timedelta) -> float:
        """Return the dollars until then, bounded by the time that the cluster has billed by the bot's own clock.

        The provider counts time by a clock that may be set: an hour ahead would exhaust a budget that is not exhausted,
        and an hour back would hide that one is.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
        >>> bill, hour = Bill(10.0, Rate(4.0, "SkyPilot"), noon), timedelta(hours=1)
        >>> [round(bill.bounded(noon, least * hour, most * hour), 1) for least, most in ((1, 2), (1, 3), (3, 3))]
        [8.1, 10.0, 11.9]
        """
        low, high = (cost(self.rate, span) or 0.0 for span in (least - APART, most + APART))
        return max(low, min(self.total(until), high))


def cost(rate: Rate | None, billed: timedelta) -> float | None:
    """Return the dollars for a span of time; None where the price is not known.

    >>> cost(Rate(4.0, "the price table"), timedelta(minutes=30))
    2.0
    >>> cost(Rate(0.0, "SkyPilot"), timedelta(minutes=30)) is None
    True
    """
    return (
        None if rate is None or not rate.is_price else rate.dollars_per_hour * max(billed.total_seconds(), 0.0) / 3600
    )
