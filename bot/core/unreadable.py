"""A run whose record cannot be read: what is done about its cluster, by its stub and by looks alone. Pure.

Its lease still ends it, a person can stop it by name, and its place is free once its cluster has been seen to be gone.
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
    """What to do next about one of them."""

    WAIT = "wait"
    REMOVE = "remove"  # ask for the removal of its cluster
    ALARM = "alarm"  # say that its cluster does not go
    SETTLE = "settle"  # its cluster is gone: free its place


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRun:
    """What has been done about one of them.

    Attributes:
        found_at: when its record was first found to be unreadable.
        stop_requested_by: Slack's id of who wants it stopped, or None.
        removal_at: when the removal of its cluster was last asked for; first_removal_at: when first.
        trouble: why the last removal failed, a sentence.
        absent_since: since when every look has shown no cluster.
        alarmed: whether people were told that its cluster does not go.
        gone_by: Slack's id of who says that its machines are gone; it counts while the cloud does not remember them.
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
        """Record a person's stop; the first one counts.

        Args:
            gone: whether that person says that its machines are gone.
        """
        confirmed = replace(self, gone_by=self.gone_by or by) if gone else self
        return confirmed if self.stop_requested_by else replace(confirmed, stop_requested_by=by)

    def observe(self, seen: Seen | None, now: datetime) -> Self:
        """Record what a look showed; None is no look, and changes nothing."""
        if seen is None:
            return self
        if not seen.nothing:  # what is shown is not gone by a person's word
            return replace(self, absent_since=None, gone_by=None)
        return replace(self, absent_since=min(self.absent_since or now, now))

    def record_removal(self, now: datetime, trouble: str | None) -> Self:
        first = self.first_removal_at or now
        return replace(self, removal_at=now, first_removal_at=first, trouble=trouble, absent_since=None)

    def record_alarm(self) -> Self:
        return replace(self, alarmed=True)

    def is_to_end(self, stub: RunStub, now: datetime) -> bool:
        """Return whether its cluster is to go: by a person's word, or because its lease is over."""
        leased_out = stub.lease_end is not None and now >= stub.lease_end
        return self.stop_requested_by is not None or leased_out


def next_step(run: UnreadableRun, stub: RunStub, seen: Seen | None, now: datetime, rules: Rules) -> Step:
    """Return what to do next. `seen` is None where no look succeeded, which holds up no removal."""
    if seen is not None and stub.is_forgotten_by(seen):
        if run.gone_by:
            return Step.SETTLE
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
    """No cluster and no launch under way: settled once a second look, long enough after the first, shows the same."""
    is_confirmed = seen.ending is not None or seen.request in (Request.FAILED, Request.CANCELLED)
    wait = rules.gone if is_confirmed else rules.ask_again
    if run.absent_since is None or now < run.absent_since + wait:
        return Step.WAIT
    # A launch whose reply was lost may still arrive: its removal is asked for once, and cancels it.
    may_arrive = stub.asked_at is not None and seen.ending is None and run.removal_at is None
    return Step.REMOVE if may_arrive else Step.SETTLE
