"""A run with an unreadable record: the next step for its cluster, from its stub and observations alone. Pure.

Its lease still ends it, a person can stop it by name, and its reservation is freed once its cluster was observed to be
gone.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from bot.core.clock import has_passed
from bot.core.rules import Rules
from bot.core.run_stub import RunStub
from bot.core.seen import Request, Seen


class Step(StrEnum):
    """The next step for a run with an unreadable record."""

    WAIT = "wait"
    REMOVE = "remove"  # request its teardown
    ALARM = "alarm"  # report that its cluster is not removed
    SETTLE = "settle"  # its cluster is gone: free its reservation


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRun:
    """The state of a run with an unreadable record.

    Attributes:
        discovered_at: when its record was first found to be unreadable.
        stop_requested_by: Slack's id of the person who wants it stopped, or None.
        teardown_requested_at: when its teardown was last requested; first_teardown_requested_at: when first.
        last_error: why the last teardown failed, a sentence.
        absent_since: since when every observation has shown no cluster.
        overdue_reported: whether people were notified that its cluster is not removed.
        confirmed_gone_by: Slack's id of the person who confirmed that its machines are gone; it counts while the cloud
            does not remember them.
    """

    run_id: str
    found_at: datetime
    stop_requested_by: str | None = None
    removal_at: datetime | None = None
    first_removal_at: datetime | None = None
    trouble: str | None = None
    absent_since: datetime | None = None
    alarmed: bool = False
    gone_by: str | None = None

    def request_stop(self, by: str, gone: bool = False) -> Self:
        """Return the run with a person's request to stop it; the first one counts.

        Args:
            confirms_gone: whether that person confirms that its machines are gone.
        """
        confirmed = replace(self, gone_by=self.gone_by or by) if gone else self
        return confirmed if self.stop_requested_by else replace(confirmed, stop_requested_by=by)

    def observe(self, seen: Seen | None, now: datetime) -> Self:
        """Return the run after an observation; None means no observation, and changes nothing."""
        if seen is None:
            return self
        if not seen.nothing:  # an observed cluster overrides a person's confirmation
            return replace(self, absent_since=None, gone_by=None)
        return replace(self, absent_since=min(self.absent_since or now, now))

    def record_removal(self, now: datetime, trouble: str | None) -> Self:
        """Return the run with a teardown requested."""
        first = self.first_removal_at or now
        return replace(self, removal_at=now, first_removal_at=first, trouble=trouble, absent_since=None)

    def record_alarm(self) -> Self:
        """Return the run with its overdue teardown reported."""
        return replace(self, alarmed=True)

    def is_to_end(self, stub: RunStub, now: datetime) -> bool:
        """Return whether its cluster is to be removed: by a person's request, or because its lease has expired."""
        leased_out = stub.lease_end is not None and now >= stub.lease_end
        return self.stop_requested_by is not None or leased_out


def next_step(run: UnreadableRun, stub: RunStub, seen: Seen | None, now: datetime, rules: Rules) -> Step:
    """Return the next step. `observation` is None if no observation succeeded, which delays no teardown."""
    if seen is not None and stub.is_forgotten_by(seen):
        if run.gone_by:
            return Step.SETTLE
        # A cloud that forgot the cluster proves nothing, as if there were no observation.
        seen = None
    if seen is not None and seen.nothing:
        return next_step_absent(run, stub, seen, now, rules)
    if not run.is_to_end(stub, now):
        return Step.WAIT
    if run.first_removal_at and not run.alarmed and now >= run.first_removal_at + rules.stopping_alarm:
        return Step.ALARM
    is_due = run.removal_at is None or has_passed(rules.down_again, run.removal_at, now)
    return Step.REMOVE if is_due else Step.WAIT


def next_step_absent(run: UnreadableRun, stub: RunStub, seen: Seen, now: datetime, rules: Rules) -> Step:
    """Return the next step without a cluster and a launch under way: archive once a second observation, long enough
    after the first, shows the same.
    """
    is_confirmed = seen.ending is not None or seen.request in (Request.FAILED, Request.CANCELLED)
    wait = rules.gone if is_confirmed else rules.ask_again
    if run.absent_since is None or now < run.absent_since + wait:
        return Step.WAIT
    # A launch whose reply was lost may still arrive: one teardown request cancels it.
    may_arrive = stub.asked_at is not None and seen.ending is None and run.removal_at is None
    return Step.REMOVE if may_arrive else Step.SETTLE
