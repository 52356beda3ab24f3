"""Dollars: rates with their source, and what a span of time costs. None means unpriced, never free."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """What a whole cluster costs.

    Attributes:
        dollars_per_hour: for all nodes together.
        source: where the number comes from, in words that fit behind "by".
    """

    dollars_per_hour: float
    source: str


def cost(rate: Rate | None, billed: timedelta) -> float | None:
    """Dollars for a span of time, or None where nobody knows the price.

    >>> cost(Rate(4.0, "the price table"), timedelta(minutes=30))
    2.0
    """
    return None if rate is None else rate.dollars_per_hour * max(billed.total_seconds(), 0.0) / 3600
