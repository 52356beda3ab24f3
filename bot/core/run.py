"""A run: one launch of one recipe, from the request to the last dollar."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.amendment import Amendment, Limit, Mute
from bot.core.approval import Approval
from bot.core.autostop import Setting, begun
from bot.core.digest import Digest
from bot.core.doubt import Doubt, Outage
from bot.core.health.watch import Watch
from bot.core.keeping import Draining, Fetch
from bot.core.money import Bill, Rate
from bot.core.overdraft import Overdraft, after
from bot.core.posted import Follow, Posted
from bot.core.progress import Progress
from bot.core.purse_share import PurseShare
from bot.core.run_record import RunRecord
from bot.core.seen import Job, Seen
from bot.core.shadow import Shadow
from bot.core.standings import Rhythm
from bot.core.status import Reason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(RunRecord):
    """A run and its transitions. Listeners write requests, the tick writes the status, the notifier writes the
    messages.
    """

    # requests, by listeners

    def stop_requested(self, by: str, now: datetime, save: bool | None = None) -> Self:
        """Return the run with a request to stop it.

        The first request counts, and so does the last answer to whether the model is saved first; of a finished run
        only the permission to lose the model is recorded.

        Args:
            save: whether the model is to be saved first; if False, checkpoints that are only on the cluster may be
                lost.
        """
        # A finished run needs no stop request; only the permission to lose its model is recorded.
        if self.status is Status.ENDED or (self.over and save is not False):
            return self
        run = replace(self, keeping=self.keeping.stopped(by, save, now))
        return run if self.over or self.stop_requested_by else replace(run, stop_requested_by=by, stop_requested_at=now)

    def confirm_gone(self, by: str) -> Self:
        """Return the run with a person's confirmation that its machines are gone; it counts while the cloud remembers
        nothing.
        """
        return self if self.status is Status.ENDED else replace(self, memory=self.memory.confirm_gone(by))

    def kept_until(self, until: datetime, by: str) -> Self:
        """Return the run with its cluster kept until this time, for a checkpoint that cannot be downloaded."""
        if self.keeping.settled or self.status is not Status.STOPPING:
            return self
        return replace(self, keeping=replace(self.keeping, keep_until=until, keep_by=by, until=until))

    def await_approval(self, approval: Approval) -> Self:
        """Return the run as waiting for an approver, before anything is requested from the cloud."""
        return replace(self, status=Status.AWAITING_APPROVAL, approval=approval)

    def record_price(self, rate: Rate | None, now: datetime) -> Self:
        """Return the run with its price as estimated now; None means that no price is known."""
        return replace(self, rate=rate, priced_at=now)

    def answered(self, by: str, granted: bool, now: datetime) -> Self:
        """Return the run with an approver's decision on its launch, if it waits for one."""
        if self.approval is None or self.status is not Status.AWAITING_APPROVAL:
            return self
        return replace(self, approval=self.approval.answered(by, granted, now))

    def followed(self, follow: Follow) -> Self:
        return replace(self, follow=follow)

    def amended(self, limit: Limit, after: float, by: str, now: datetime, wish: str = "") -> Self:
        """Return the run with another limit from now on; the same delivery counts once, and a finished run is
        unchanged.

        Args:
            new_value: dollars of the budget, or hours of the whole lease.
        """
        if self.over or (wish and any(one.wish == wish for one in self.amendments)):
            return self
        before = self.budget_dollars if limit is Limit.BUDGET else self.lease.total_seconds() / 3600
        amendments = (*self.amendments, Amendment(limit, by, now, before, after, wish))
        match limit:
            case Limit.BUDGET:
                return replace(self, budget_dollars=after, amendments=amendments)
            case Limit.LEASE:
                return replace(self, lease=timedelta(hours=after), amendments=amendments)

    def muted(self, mute: Mute) -> Self:
        """Return the run with a muted finding; the first request counts."""
        return self if self.is_muted(mute.finding) else replace(self, mutes=(*self.mutes, mute))

    def is_muted(self, finding: str) -> bool:
        return any(mute.finding == finding for mute in self.mutes)

    def told_every(self, rhythm: Rhythm) -> Self:
        return replace(self, rhythm=rhythm)

    # status, by the tick

    def asked(self, now: datetime, rate: Rate | None = None, server: str = "") -> Self:
        """Return the run as about to request a cluster, at this rate if known: from here on a cluster may exist."""
        return replace(
            self,
            status=Status.LAUNCHING,
            asked_at=now,
            first_asked_at=self.first_asked_at or now,
            asks=self.asks + 1,
            rate=rate or self.rate,
            memory=self.memory.record_ask(server),
            doubt=None,
        )

    def accepted(self, request_id: str) -> Self:
        """Return the run with the id of the launch request that SkyPilot accepted."""
        return replace(self, request_id=request_id, trouble=None)

    def asked_in_vain(self, trouble: str) -> Self:
        """Return the run with the error of a launch request: it is unknown whether SkyPilot accepted the launch."""
        return replace(self, trouble=trouble)

    def looked(self, seen: Seen, now: datetime) -> Self:
        """Return the run with the part of an observation that the record keeps; an observed running job makes the run
        RUNNING.
        """
        run = replace(
            self,
            job=seen.job or self.job,
            job_id=seen.job_id if seen.job_id is not None else self.job_id,
            infra=seen.infra or self.infra,
            autostop_minutes=seen.autostop_minutes,
            mending=self.mending and self.mending.looked(seen.autostop_minutes == self.autostop_asked, now),
            bill=seen.bill or self.bill,
            recoveries=self.recoveries.looked(seen.recovering, seen.recoveries, now),
            trouble=self.trouble if self.over else None,
            memory=self.memory.record_look(seen, now),
            downed_at=None if self.memory.is_lost else self.downed_at,  # its model may be downloaded after all
            doubt=None,
            outage=replace(self.outage, until=self.outage.until or now) if self.outage else None,
        )
        if seen.job is Job.RUNNING and self.status is Status.LAUNCHING:
            return replace(run, status=Status.RUNNING, running_at=now)
        return run

    def record_memory_loss(self, now: datetime) -> Self:
        """Return the run as one whose cluster the cloud does not remember."""
        return replace(self, memory=self.memory.record_loss(now), doubt=None)

    def doubted(self, doubt: Doubt) -> Self:
        return replace(self, doubt=doubt)

    def watched_since(self, began: datetime) -> Self:
        """Return the run without a pending confirmation from before this time: an observer that began later must start
        it again.
        """
        return replace(self, doubt=None) if self.doubt and self.doubt.last < began else self

    def unseen(self, now: datetime) -> Self:
        """Return the run after an observation that failed."""
        # The outage began with its first failed observation.
        if self.outage and self.outage.until is None:
            return self
        return replace(self, outage=Outage(now))

    def progressed(self, progress: Progress, now: datetime) -> Self:
        """Return the run with this progress, and the time of a new checkpoint."""
        saved = progress.checkpoint_step != self.progress.checkpoint_step
        return replace(self, progress=progress, checkpoint_at=now if saved else self.checkpoint_at)

    def judged(self, watch: Watch, misleading: Mapping[str, str]) -> Self:
        """Return the run with its health after new rows."""
        return replace(self, watch=watch, misleading=misleading)

    def stopping(self, reason: Reason, detail: str | None, now: datetime) -> Self:
        """Return the run as finished, with its teardown begun; the first reason counts."""
        if self.over:
            return self
        return replace(
            self, status=Status.STOPPING, reason=reason, detail=detail, over_at=now, doubt=None, trouble=None
        )

    def shadowed(self, shadow: Shadow) -> Self:
        """Return the run with what a report-only rule would have done; of each rule and kind (refuse or end) the first
        time counts.
        """
        if any((one.rule, one.ends) == (shadow.rule, shadow.ends) for one in self.shadows):
            return self
        return replace(self, shadows=(*self.shadows, shadow))

    def overdrew(self, found: Mapping[str, Overdraft], now: datetime) -> Self:
        """Return the run with exactly these exhausted monthly budgets, by the name of their rules."""
        return self if self.over else replace(self, overdrafts=after(self.overdrafts, found, now))

    def purse_told(self, share: PurseShare) -> Self:
        """Return the run with a reached threshold of a monthly budget."""
        return replace(self, purses=(*self.purses, share))

    def drains(self, draining: Draining | None) -> Self:
        """Return the run with time to save before it ends; None if it is not to end any more."""
        return replace(self, keeping=replace(self.keeping, draining=draining), doubt=None)

    def fetch_begun(self, until: datetime, now: datetime) -> Self:
        """Return the run with the download of its newest checkpoint about to begin, or to be requested again; until
        this time.
        """
        return replace(self, keeping=self.keeping.begun(until, now), doubt=None)

    def halted(self, now: datetime) -> Self:
        """Return the run after its job ended while its cluster is still up."""
        return replace(self, keeping=replace(self.keeping, halted_at=now))

    def halt_failed(self, now: datetime) -> Self:
        """Return the run after its job could not be cancelled: it may still be running."""
        return replace(self, keeping=replace(self.keeping, halt_tried_at=now))

    def has_saved(self, folder: str, step: int) -> Self:
        """Return the run with the newest checkpoint of its cluster, which overrides the log."""
        if step == self.progress.checkpoint_step:
            return replace(self, progress=replace(self.progress, checkpoint=folder))
        # Another checkpoint needs a new download.
        keeping = replace(self.keeping, fetch=None)
        progress = replace(self.progress, checkpoint=folder, checkpoint_step=step)
        return replace(
            self, keeping=keeping, progress=progress, checkpoint_at=None
        )  # the log has not shown when it was saved

    def has_torn(self, step: int, why: str, looks: int = 1) -> Self:
        """Return the run with a checkpoint on its cluster that is incomplete, as one more observation found, or
        several.
        """
        return replace(self, keeping=self.keeping.found_torn(step, why, looks))

    def has_whole(self, any_whole: bool, now: datetime) -> Self:
        """Return the run with whether any of its checkpoints may be complete, and since when none is."""
        since = None if any_whole else self.keeping.none_whole_at or now
        return replace(self, keeping=replace(self.keeping, none_whole_at=since))

    def recalled(self, step: int | None, fetch: Fetch | None, now: datetime) -> Self:
        """Return the run after a search of the bot's own disk for its model: that complete checkpoint was found, or
        none.
        """
        return replace(self, keeping=self.keeping.recalled(step, fetch, now), doubt=None)

    def has_saved_nothing(self, now: datetime) -> Self:
        """Return the run with no checkpoint on its cluster."""
        return replace(self, keeping=replace(self.keeping, none_at=now, trouble=None))

    def fetching(self, fetch: Fetch, now: datetime) -> Self:
        """Return the run with the state of its newest checkpoint's download."""
        return replace(self, keeping=self.keeping.moved(fetch, self.progress.checkpoint_step, now))

    def fetch_failed(self, why: str, now: datetime, asks: bool) -> Self:
        """Return the run after a failed download; `asks_people` says whether people have to decide what happens to the
        model.
        """
        return replace(self, keeping=self.keeping.failed(why, asks, now))

    def autostop_held(self, until: datetime) -> Self:
        """Return the run with its autostop postponed, so that there is time for the download."""
        return replace(self, keeping=replace(self.keeping, held_until=until))

    def autostop_not_held(self, now: datetime) -> Self:
        """Return the run after a failed postponement: its cluster may remove itself before the rescue deadline."""
        return replace(self, keeping=replace(self.keeping, hold_tried_at=now))

    def gave_up(self, now: datetime) -> Self:
        """Return the run with its checkpoint abandoned: it is removed with the cluster, because no person decided
        otherwise in time.
        """
        return replace(self, keeping=replace(self.keeping, given_up_at=now), doubt=None)

    def downed(self, now: datetime, trouble: str | None = None) -> Self:
        """Return the run with a teardown requested, again if an earlier one failed."""
        return replace(self, downed_at=now, doubt=None, trouble=trouble)

    def mending_autostop(self, found: int | None, now: datetime) -> Self:
        """Return the run as about to set its autostop again, because an observation showed another one."""
        was_set = self.autostop_minutes == self.autostop_asked
        return replace(self, mending=begun(self.mending, found, was_set, now), autostop_minutes=found, doubt=None)

    def autostop_set(self, setting: Setting) -> Self:
        """Return the run after SkyPilot accepted the autostop."""
        return replace(self, mending=self.mending and self.mending.was_accepted(setting))

    def autostop_refused(self, why: str) -> Self:
        """Return the run after SkyPilot refused the autostop: its cluster cannot have one."""
        return replace(self, mending=self.mending and self.mending.was_refused(why))

    def alarmed(self, by_hand: str, now: datetime) -> Self:
        """Return the run with its teardown overdue: its cluster is not removed."""
        return replace(self, alarmed_at=now, by_hand=by_hand)

    def log_saved(self, detail: str | None, now: datetime, failure: Digest | None = None) -> Self:
        """Return the run with its last log lines saved, where later questions find them, and with the failure that
        they show, if no other source gave one.
        """
        detail = self.detail or (detail if self.reason and self.reason.is_failure else None)
        return replace(self, log_saved_at=now, detail=detail, failure=failure, doubt=None)

    def log_tried(self, now: datetime) -> Self:
        """Return the run after a failed request for its last log lines."""
        return replace(self, log_tries=self.log_tries + 1, log_tried_at=now, doubt=None)

    def ended(self, reason: Reason, now: datetime, bill: Bill | None = None, detail: str | None = None) -> Self:
        """Return the run as closed: its cluster is gone or was never requested; the last bill is the complete one."""
        return replace(
            self,
            status=Status.ENDED,
            reason=self.reason or reason,
            detail=self.detail or detail,
            over_at=self.over_at or now,
            ended_at=now,
            bill=bill or self.bill,
        )

    # messages, by the notifier

    def said(self, key: str, posted: Posted) -> Self:
        """Return the run with a message that was sent."""
        return replace(self, posted={**self.posted, key: posted})

    def unsaid(self, key: str) -> Self:
        """Return the run without a message that is known not to be in Slack: it was refused or deleted."""
        return replace(self, posted={at: posted for at, posted in self.posted.items() if at != key})

    def found(self, key: str, ts: str) -> Self:
        """Return the run with an unconfirmed message confirmed; it shows what was sent."""
        return self.said(key, replace(self.posted[key], ts=ts))

    def stands_in(self, channel: str) -> Self:
        """Return the run with its thread in another channel."""
        return replace(self, thread_channel=channel)
