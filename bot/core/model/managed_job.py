"""Managed jobs: SkyPilot itself relaunches such a run when its machines are lost. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from bot.core.model.money import Rate
from bot.phrase import N_, Phrase, Text, join_sentences

RENT_WORD = "rent"
"""The word to type to agree to a jobs controller of one's own."""

MAX_RECOVERIES = 20
"""Maximum recoveries of a run that are remembered individually; all are counted."""


@dataclass(frozen=True, slots=True)
class JobsController:
    """The machine that SkyPilot would rent first, to supervise managed jobs.

    Attributes:
        is_stopped: whether it was rented before, and would be restarted.
        rate: what it costs while it runs; None where that is not known.
    """

    is_stopped: bool = False
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
    is_counted: bool = True


@dataclass(frozen=True, slots=True)
class RecoveryHistory:
    """The recoveries of one run.

    Attributes:
        count: the number that SkyPilot counts.
        latest: the latest ones, oldest first.
    """

    count: int = 0
    latest: tuple[Recovery, ...] = ()

    @property
    def ongoing(self) -> Recovery | None:
        """Return the recovery in progress; None for none."""
        return self.latest[-1] if self.latest and self.latest[-1].until is None else None

    @property
    def stable_since(self) -> float:
        """Return since when the run has had its present machines, in Unix seconds; 0 where it never lost any."""
        return max((recovery.until.timestamp() for recovery in self.latest if recovery.until), default=0.0)

    def record_observation(self, recovering: bool, count: int, now: datetime) -> Self:
        """Return the recoveries after an observation.

        Observations have gaps, so a recovery may be finished when it is first seen.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
        >>> lost = RecoveryHistory().record_observation(True, 0, noon)
        >>> (lost.ongoing.number, lost.record_observation(False, 1, noon).latest[0].is_counted,
        ...  lost.record_observation(False, 0, noon).latest[0].is_counted)
        (1, True, False)
        >>> [(one.number, one.since) for one in RecoveryHistory().record_observation(False, 2, noon).latest]
        [(1, None), (2, None)]
        """
        latest, new_count = list(self.latest), max(count - self.count, 0)
        # SkyPilot counts a recovery once it is finished, so the first new count belongs to the open one.
        if self.ongoing and (new_count or not recovering):
            latest[-1] = replace(latest[-1], until=now, is_counted=new_count > 0)
            new_count = max(new_count - 1, 0)
        following = latest[-1].number + 1 if latest else 1
        latest += [Recovery(following + offset, None, now) for offset in range(new_count)]
        if recovering and not (latest and latest[-1].until is None):
            latest.append(Recovery(following + new_count, now))
        return replace(self, count=max(count, self.count), latest=tuple(latest[-MAX_RECOVERIES:]))


def is_managed(task: Mapping[str, Any]) -> bool:
    """Return whether a task is to run as a managed job.

    >>> is_managed({"_metadata": {"verlbot": {"managed": True}}}), is_managed({"_metadata": None})
    (True, False)
    """
    return get_bot_metadata(task).get("managed") is True


def may_rent_controller(task: Mapping[str, Any]) -> bool:
    """Return whether a person has agreed that a jobs controller is rented for the task."""
    return get_bot_metadata(task).get("controller") == RENT_WORD


def get_bot_metadata(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the bot stores in a task beside what SkyPilot reads."""
    return (task.get("_metadata") or {}).get("verlbot") or {}


RENT_PHRASE = N_(
    "SkyPilot's server needs a controller machine for managed jobs and would rent one first: 4 CPUs and 16 GB by "
    "default."
)
RESTART_PHRASE = N_("SkyPilot's server would first restart its controller machine for managed jobs.")
BILLING_PHRASE = N_("That machine costs {dollars}/h ({source}), which counts against no run's budget.")
UNPRICED_PHRASE = N_("Its price is unknown, and it counts against no run's budget.")
AUTOSTOP_PHRASE = N_("SkyPilot stops it after 10 idle minutes where the cloud supports that; its disk keeps billing.")


def describe_controller(controller: JobsController) -> Text:
    """Return sentences about the machine that would have to be rented, and its cost."""
    billing_sentence = Phrase(UNPRICED_PHRASE)
    if controller.rate:
        billing_sentence = Phrase(
            BILLING_PHRASE,
            dollars=f"${controller.rate.dollars_per_hour:,.2f}",
            source=Phrase(controller.rate.source),
        )
    return join_sentences(
        Phrase(RESTART_PHRASE if controller.is_stopped else RENT_PHRASE),
        billing_sentence,
        Phrase(AUTOSTOP_PHRASE),
    )


def describe_agreement() -> Text:
    """Return the sentence about what to type instead, or what the server's administrator can set."""
    return Phrase(
        "To allow it, launch with `controller=rent`; otherwise leave out `managed=true`. No machine is rented if "
        "the server's admin sets `jobs.controller.consolidation_mode: true`."
    )
