"""Managed jobs: SkyPilot itself relaunches such a run when its machines are lost. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from bot.core.money import Rate
from bot.language import mark, say, together

RENT = "rent"
"""The word to type to agree to a jobs controller of one's own."""

MOST_KEPT = 20
"""Maximum recoveries of a run that are remembered individually; all are counted."""


@dataclass(frozen=True, slots=True)
class Controller:
    """The machine that SkyPilot would rent first, to supervise managed jobs.

    Attributes:
        is_stopped: whether it was rented before, and would be restarted.
        rate: what it costs while it runs; None where that is not known.
    """

    stopped: bool = False
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """One time that the machines were lost.

    Attributes:
        number: from 1, within the run.
        since: when it was observed; None where it was finished before it was observed.
        until: when the job was observed to run again.
        is_counted: whether SkyPilot counts it. SkyPilot also recovers where its own controller was restarted.
    """

    number: int
    since: datetime | None
    until: datetime | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Recoveries:
    """The recoveries of one run.

    Attributes:
        count: the number that SkyPilot counts.
        latest: the latest ones, oldest first.
    """

    count: int = 0
    last: tuple[Recovery, ...] = ()

    @property
    def open(self) -> Recovery | None:
        """Return the recovery in progress; None for none."""
        return self.last[-1] if self.last and self.last[-1].until is None else None

    @property
    def settled_at(self) -> float:
        """Return since when the run has had its present machines, in Unix seconds; 0 where it never lost any."""
        return max((one.until.timestamp() for one in self.last if one.until), default=0.0)

    def looked(self, recovering: bool, count: int, now: datetime) -> Self:
        """Return the recoveries after an observation.

        Observations have gaps, so a recovery may be finished when it is first seen.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
        >>> lost = Recoveries().looked(True, 0, noon)
        >>> lost.open.number, lost.looked(False, 1, noon).last[0].counted, lost.looked(False, 0, noon).last[0].counted
        (1, True, False)
        >>> [(one.number, one.since) for one in Recoveries().looked(False, 2, noon).last]
        [(1, None), (2, None)]
        """
        last, unheard = list(self.last), max(count - self.count, 0)
        # SkyPilot counts a recovery once it is finished, so the first new count belongs to the open one.
        if self.open and (unheard or not recovering):
            last[-1] = replace(last[-1], until=now, counted=unheard > 0)
            unheard = max(unheard - 1, 0)
        following = last[-1].number + 1 if last else 1
        last += [Recovery(following + one, None, now) for one in range(unheard)]
        if recovering and not (last and last[-1].until is None):
            last.append(Recovery(following + unheard, now))
        return replace(self, count=max(count, self.count), last=tuple(last[-MOST_KEPT:]))


def is_managed(task: Mapping[str, Any]) -> bool:
    """Return whether a task is to run as a managed job.

    >>> is_managed({"_metadata": {"verlbot": {"managed": True}}}), is_managed({"_metadata": None})
    (True, False)
    """
    return own(task).get("managed") is True


def may_rent(task: Mapping[str, Any]) -> bool:
    """Return whether a person has agreed that a jobs controller is rented for the task."""
    return own(task).get("controller") == RENT


def own(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the bot stores in a task beside what SkyPilot reads."""
    return (task.get("_metadata") or {}).get("verlbot") or {}


RENTS = mark(
    "SkyPilot's server does not look after managed jobs itself: it would first rent a machine for that, "
    "with 4 CPUs and 16 GB unless its configuration says otherwise."
)
STARTS = mark("SkyPilot's server does not look after managed jobs itself: it would first start its controller again.")
BILLS = mark("That machine bills {dollars}/h by {source}, and no run's budget counts it.")
UNPRICED = mark("Nobody has told me what that machine costs, and no run's budget counts it.")
STOPS = mark("SkyPilot stops it after 10 idle minutes, where its cloud can; its disk goes on billing.")


def needs(found: Controller) -> str:
    """Return sentences about the machine that would have to be rented, and its cost."""
    bills = say(UNPRICED)
    if found.rate:
        bills = say(BILLS, dollars=f"${found.rate.dollars_per_hour:,.2f}", source=say(found.rate.source))
    return together(say(STARTS if found.stopped else RENTS), bills, say(STOPS))


def agreement() -> str:
    """Return the sentence about what to type instead, or what the server's administrator can set."""
    return say(
        "Launch it with `controller=rent` if that is wanted, or without `managed=true`; where whoever keeps the server "
        "sets `jobs.controller.consolidation_mode: true`, nothing is rented."
    )
