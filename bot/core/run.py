"""A run: one launch of one recipe, from the wish to the last dollar."""

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
    """A run and its changes. Listeners write wishes, the tick writes status, the notifier what was posted."""

    # wishes, by listeners

    def stop_requested(self, by: str, now: datetime, save: bool | None = None) -> Self:
        """The first wish counts, whether it is saved before the last; of a run that is over, that it may be lost.

        Args:
            save: whether it is to be saved first; False, what is on its cluster alone may be lost.
        """
        if self.status is Status.ENDED or (self.over and save is not False):
            return self
        run = replace(self, keeping=self.keeping.stopped(by, save, now))
        return run if self.over or self.stop_requested_by else replace(run, stop_requested_by=by, stop_requested_at=now)

    def confirm_gone(self, by: str) -> Self:
        """Return it with a person's word that its machines are gone, which counts while the cloud cannot tell."""
        return self if self.status is Status.ENDED else replace(self, memory=self.memory.confirm_gone(by))

    def kept_until(self, until: datetime, by: str) -> Self:
        """Its cluster is kept so long for a model that cannot be fetched."""
        if self.keeping.settled or self.status is not Status.STOPPING:
            return self
        return replace(self, keeping=replace(self.keeping, keep_until=until, keep_by=by, until=until))

    def await_approval(self, approval: Approval) -> Self:
        """Return it as waiting for an approver's word, before anything is asked for."""
        return replace(self, status=Status.AWAITING_APPROVAL, approval=approval)

    def record_price(self, rate: Rate | None, now: datetime) -> Self:
        """Return it with its price as reckoned now; None is that none is known."""
        return replace(self, rate=rate, priced_at=now)

    def answered(self, by: str, granted: bool, now: datetime) -> Self:
        """What an approver says to its launch, while it waits for that."""
        if self.approval is None or self.status is not Status.AWAITING_APPROVAL:
            return self
        return replace(self, approval=self.approval.answered(by, granted, now))

    def followed(self, follow: Follow) -> Self:
        return replace(self, follow=follow)

    def amended(self, limit: Limit, after: float, by: str, now: datetime, wish: str = "") -> Self:
        """Another limit from now on; the same delivery counts once, and a run that is over stays as it is.

        Args:
            after: dollars of the budget, or hours of the whole lease.
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
        """The first wish counts."""
        return self if self.is_muted(mute.finding) else replace(self, mutes=(*self.mutes, mute))

    def is_muted(self, finding: str) -> bool:
        return any(mute.finding == finding for mute in self.mutes)

    def told_every(self, rhythm: Rhythm) -> Self:
        return replace(self, rhythm=rhythm)

    # status, by the tick

    def asked(self, now: datetime, rate: Rate | None = None, server: str = "") -> Self:
        """A cluster is about to be asked for, at that rate if anybody knows it: from here on one may stand."""
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
        return replace(self, request_id=request_id, trouble=None)

    def asked_in_vain(self, trouble: str) -> Self:
        """Nobody said whether the launch was accepted."""
        return replace(self, trouble=trouble)

    def looked(self, seen: Seen, now: datetime) -> Self:
        """What a look showed that the record keeps; a job that is seen to run makes the run RUNNING."""
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
            downed_at=None if self.memory.is_lost else self.downed_at,  # its model may be fetched after all
            doubt=None,
            outage=replace(self.outage, until=self.outage.until or now) if self.outage else None,
        )
        if seen.job is Job.RUNNING and self.status is Status.LAUNCHING:
            return replace(run, status=Status.RUNNING, running_at=now)
        return run

    def record_memory_loss(self, now: datetime) -> Self:
        """Return it as one whose cluster the cloud does not remember."""
        return replace(self, memory=self.memory.record_loss(now), doubt=None)

    def doubted(self, doubt: Doubt) -> Self:
        return replace(self, doubt=doubt)

    def watched_since(self, began: datetime) -> Self:
        """The run as one sees it who has looked since then: what was doubted before must be doubted anew."""
        return replace(self, doubt=None) if self.doubt and self.doubt.last < began else self

    def unseen(self, now: datetime) -> Self:
        """A look got no answer."""
        if self.outage and self.outage.until is None:
            return self
        return replace(self, outage=Outage(now))

    def progressed(self, progress: Progress, now: datetime) -> Self:
        saved = progress.checkpoint_step != self.progress.checkpoint_step
        return replace(self, progress=progress, checkpoint_at=now if saved else self.checkpoint_at)

    def judged(self, watch: Watch, misleading: Mapping[str, str]) -> Self:
        """What its new rows say of its health."""
        return replace(self, watch=watch, misleading=misleading)

    def stopping(self, reason: Reason, detail: str | None, now: datetime) -> Self:
        """It is over; the first reason stands."""
        if self.over:
            return self
        return replace(
            self, status=Status.STOPPING, reason=reason, detail=detail, over_at=now, doubt=None, trouble=None
        )

    def shadowed(self, shadow: Shadow) -> Self:
        """A rule would have acted; of each the first time is kept that it would have refused or ended it."""
        if any((one.rule, one.ends) == (shadow.rule, shadow.ends) for one in self.shadows):
            return self
        return replace(self, shadows=(*self.shadows, shadow))

    def overdrew(self, found: Mapping[str, Overdraft], now: datetime) -> Self:
        """These months are spent now, by the name of their rules, and no others."""
        return self if self.over else replace(self, overdrafts=after(self.overdrafts, found, now))

    def purse_told(self, share: PurseShare) -> Self:
        """So much of a month's dollars is spent."""
        return replace(self, purses=(*self.purses, share))

    def drains(self, draining: Draining | None) -> Self:
        """It is to end, and is given time to save first; or it is not to end any more."""
        return replace(self, keeping=replace(self.keeping, draining=draining), doubt=None)

    def fetch_begun(self, until: datetime, now: datetime) -> Self:
        """Its newest checkpoint is about to be fetched, or asked for again; until then."""
        return replace(self, keeping=self.keeping.begun(until, now), doubt=None)

    def halted(self, now: datetime) -> Self:
        """Its job has ended, and its cluster stands."""
        return replace(self, keeping=replace(self.keeping, halted_at=now))

    def halt_failed(self, now: datetime) -> Self:
        """Its job may go on."""
        return replace(self, keeping=replace(self.keeping, halt_tried_at=now))

    def has_saved(self, folder: str, step: int) -> Self:
        """What its cluster has as its newest checkpoint, whatever its log has told; another one is fetched anew."""
        if step == self.progress.checkpoint_step:
            return replace(self, progress=replace(self.progress, checkpoint=folder))
        keeping = replace(self.keeping, fetch=None)
        progress = replace(self.progress, checkpoint=folder, checkpoint_step=step)
        return replace(
            self, keeping=keeping, progress=progress, checkpoint_at=None
        )  # nobody has read when it was saved

    def has_torn(self, step: int, why: str, looks: int = 1) -> Self:
        """A checkpoint on its cluster is not whole, as one look more has found, or as many as that."""
        return replace(self, keeping=self.keeping.found_torn(step, why, looks))

    def has_whole(self, any_whole: bool, now: datetime) -> Self:
        """Whether any of its checkpoints may be whole; since when none is."""
        since = None if any_whole else self.keeping.none_whole_at or now
        return replace(self, keeping=replace(self.keeping, none_whole_at=since))

    def recalled(self, step: int | None, fetch: Fetch | None, now: datetime) -> Self:
        """The bot's own disk was asked for its model: it has that whole checkpoint of its, or none."""
        return replace(self, keeping=self.keeping.recalled(step, fetch, now), doubt=None)

    def has_saved_nothing(self, now: datetime) -> Self:
        """Its cluster has no checkpoint."""
        return replace(self, keeping=replace(self.keeping, none_at=now, trouble=None))

    def fetching(self, fetch: Fetch, now: datetime) -> Self:
        """Its newest checkpoint is being fetched, or is there."""
        return replace(self, keeping=self.keeping.moved(fetch, self.progress.checkpoint_step, now))

    def fetch_failed(self, why: str, now: datetime, asks: bool) -> Self:
        """It was not fetched this time; `asks`, people are to say what shall become of it."""
        return replace(self, keeping=self.keeping.failed(why, asks, now))

    def autostop_held(self, until: datetime) -> Self:
        """Its cluster removes itself later, so that there is time to fetch."""
        return replace(self, keeping=replace(self.keeping, held_until=until))

    def autostop_not_held(self, now: datetime) -> Self:
        """Its cluster may remove itself before its time."""
        return replace(self, keeping=replace(self.keeping, hold_tried_at=now))

    def gave_up(self, now: datetime) -> Self:
        """Its model goes with its cluster: nobody has said anything else in time."""
        return replace(self, keeping=replace(self.keeping, given_up_at=now), doubt=None)

    def downed(self, now: datetime, trouble: str | None = None) -> Self:
        """The removal of its cluster was asked for, again where an earlier one failed."""
        return replace(self, downed_at=now, doubt=None, trouble=trouble)

    def mending_autostop(self, found: int | None, now: datetime) -> Self:
        """Its autostop is about to be set again, because a look has shown another."""
        was_set = self.autostop_minutes == self.autostop_asked
        return replace(self, mending=begun(self.mending, found, was_set, now), autostop_minutes=found, doubt=None)

    def autostop_set(self, setting: Setting) -> Self:
        return replace(self, mending=self.mending and self.mending.was_accepted(setting))

    def autostop_refused(self, why: str) -> Self:
        """Its cluster cannot have one."""
        return replace(self, mending=self.mending and self.mending.was_refused(why))

    def alarmed(self, by_hand: str, now: datetime) -> Self:
        """Its cluster does not go."""
        return replace(self, alarmed_at=now, by_hand=by_hand)

    def log_saved(self, detail: str | None, now: datetime, failure: Digest | None = None) -> Self:
        """The last lines are kept, where later questions find them; what they say of a failure, if nothing else did."""
        detail = self.detail or (detail if self.reason and self.reason.is_failure else None)
        return replace(self, log_saved_at=now, detail=detail, failure=failure, doubt=None)

    def log_tried(self, now: datetime) -> Self:
        """The last lines were asked for in vain."""
        return replace(self, log_tries=self.log_tries + 1, log_tried_at=now, doubt=None)

    def ended(self, reason: Reason, now: datetime, bill: Bill | None = None, detail: str | None = None) -> Self:
        """Its cluster is gone, or was never asked for; the last bill is the whole one."""
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
        return replace(self, posted={**self.posted, key: posted})

    def unsaid(self, key: str) -> Self:
        """The message is known not to stand in Slack: it was refused or deleted."""
        return replace(self, posted={at: posted for at, posted in self.posted.items() if at != key})

    def found(self, key: str, ts: str) -> Self:
        """A message of unknown fate has arrived; what it showed is what was sent."""
        return self.said(key, replace(self.posted[key], ts=ts))

    def stands_in(self, channel: str) -> Self:
        return replace(self, thread_channel=channel)
