"""A run: one launch of one recipe, from the wish to the last dollar."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.amendment import Amendment, Limit, Mute
from bot.core.approval import Approval
from bot.core.autostop import Mending, Setting, begun
from bot.core.blind import Blind
from bot.core.digest import Digest
from bot.core.doubt import Doubt, Outage
from bot.core.health.watch import Watch
from bot.core.keeping import Draining, Fetch, Keeping
from bot.core.managed import Recoveries
from bot.core.money import Bill, Rate, cost
from bot.core.order import Watched
from bot.core.overdraft import Overdraft, after
from bot.core.policy import UNSET
from bot.core.posted import Follow, Posted
from bot.core.progress import Progress
from bot.core.purse_share import PurseShare
from bot.core.seen import Job, Seen
from bot.core.shadow import Shadow
from bot.core.standings import Rhythm, Summary
from bot.core.status import Reason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The record of a run. Listeners write wishes, the tick writes status, the notifier what was posted.

    Attributes:
        id: such as `ppo-7f3a`; never reused.
        line: the command that made it, as it can be typed.
        requester: Slack's id of the person; channel: of the channel.
        nodes, gpus, infra: what was asked for; `infra` becomes what was given once that is seen.
        task_hash: of the exact task.
        place: the bucket or volume that outlives the cluster; model_dies: checkpoints have no such place.
        blind: what it goes without.
        checkpoints: the folder of its checkpoints on each node, as its task says; empty where it has none.
        resumes: whether its recipe can go on from a checkpoint of another run.
        metrics: beginnings of the metric keys that the card shows; secrets: names of those that the task gets.
        budget_dollars, lease: the most that it may spend, and how long it may live once asked for.
        lease_warnings: times before the end of its lease at which that is told.
        rate: dollars an hour of the whole cluster as reckoned before its launch, or None where nobody knows.
        bill: what the provider has said since.
        stop_requested_by, stop_requested_at: the wish to end it.
        approval: which leads were asked about its launch, and what one said; None where none is.
        shadows: what rules would have done that are only rehearsed.
        overdrafts: that a month's dollars are spent from which it spends.
        purses: what was to be told in its thread of a month's dollars.
        asked_at: when a cluster was last asked for; first_asked_at: when first; asks: how often.
        request_id: what SkyPilot called the request.
        trouble: why the last ask got no answer, or why the last removal failed: a sentence.
        running_at: when the job was first seen to run; over_at: when the reason was found; ended_at: when
            the cluster was seen to be gone.
        reason, detail: why it is over, and what went wrong in a sentence; failure: what its whole log said of that.
        job, job_id: the job as last seen, and its number on the cluster.
        progress: as the log tells; checkpoint_at: when its newest checkpoint was first read of.
        doubt: what was seen and is not understood yet; outage: when nothing could be seen.
        downed_at: when its removal was last asked for; log_saved_at: when its last lines were kept;
            log_tries: how often that was tried in vain; log_tried_at: when last.
        autostop_asked: idle minutes that its task asks for, or None; autostop_minutes: as SkyPilot says.
        mending: what became of its autostop where it was not as asked for.
        managed: whether SkyPilot's managed jobs look after it; recoveries: how often they had to.
        alarmed_at: when it was found that its cluster will not go; by_hand: what a person may type then.
        follow: a wish to see the log grow; rhythm: a wish how often its thread is told how it goes.
        summary: what was told there last, or is to be told now.
        watch: what looks sick in its training, and what healed; misleading: why numbers of it say nothing, by key.
        mutes: findings of which nobody wants to hear more.
        amendments: what people have changed of its limits since, oldest first.
        keeping: what is done so that its model outlives its machine.
        posted: its messages in Slack by key.
        thread_channel: where its card stands; differs from `channel` where the bot may not post there.
    """

    id: str
    recipe: str
    line: str
    requester: str
    channel: str
    created_at: datetime
    nodes: int
    gpus: str = ""
    infra: str = ""
    task_hash: str
    place: str | None = None
    model_dies: bool = False
    checkpoints: str = ""
    resumes: bool = False
    blind: tuple[Blind, ...] = ()
    metrics: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    budget_dollars: float
    lease: timedelta
    lease_warnings: tuple[timedelta, ...] = UNSET.lease_warnings
    rate: Rate | None = None
    autostop_asked: int | None = None
    managed: bool = False

    status: Status = Status.PENDING
    reason: Reason | None = None
    detail: str | None = None
    failure: Digest | None = None
    stop_requested_by: str | None = None
    stop_requested_at: datetime | None = None
    approval: Approval | None = None
    shadows: tuple[Shadow, ...] = ()
    overdrafts: tuple[Overdraft, ...] = ()
    purses: tuple[PurseShare, ...] = ()
    asked_at: datetime | None = None
    first_asked_at: datetime | None = None
    asks: int = 0
    request_id: str | None = None
    trouble: str | None = None
    bill: Bill | None = None
    job: Job | None = None
    job_id: int | None = None
    running_at: datetime | None = None
    over_at: datetime | None = None
    ended_at: datetime | None = None
    doubt: Doubt | None = None
    outage: Outage | None = None
    downed_at: datetime | None = None
    log_saved_at: datetime | None = None
    log_tries: int = 0
    log_tried_at: datetime | None = None
    autostop_minutes: int | None = None
    mending: Mending | None = None
    recoveries: Recoveries = field(default_factory=Recoveries)
    alarmed_at: datetime | None = None
    by_hand: str = ""
    progress: Progress = field(default_factory=Progress)
    checkpoint_at: datetime | None = None
    follow: Follow | None = None
    watch: Watch = field(default_factory=Watch)
    misleading: Mapping[str, str] = field(default_factory=dict)
    mutes: tuple[Mute, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    rhythm: Rhythm | None = None
    summary: Summary | None = None
    keeping: Keeping = field(default_factory=Keeping)
    posted: Mapping[str, Posted] = field(default_factory=dict)
    thread_channel: str | None = None

    @property
    def cluster(self) -> str:
        """Derived, never stored: the same run always names the same cluster, and no other run does."""
        return f"verl-{self.id}"

    @property
    def watched(self) -> Watched:
        """What a cloud needs to look at its cluster."""
        setting = self.mending.request_id if self.mending else None
        known = (self.request_id, self.job_id, self.id, self.first_asked_at, setting)
        return Watched(self.cluster, *known, self.managed)

    @property
    def over(self) -> bool:
        return self.reason is not None

    @property
    def waits(self) -> bool:
        """Whether nobody has been asked for anything yet."""
        return self.status in (Status.AWAITING_APPROVAL, Status.PENDING)

    @property
    def lease_ends_at(self) -> datetime | None:
        """The lease runs from the first time that a cluster was asked for."""
        return self.first_asked_at + self.lease if self.first_asked_at else None

    def billed(self, now: datetime) -> timedelta:
        """How long a cluster may have been billing: from the first ask until it was seen to be gone."""
        if self.first_asked_at is None:
            return timedelta()
        return (self.ended_at or now) - self.first_asked_at

    def cost(self, now: datetime) -> float | None:
        """Dollars so far, by the provider's bill or else by the rate; None where nobody knows."""
        if self.bill and self.bill.rate.is_price:
            return self.bill.total(self.ended_at or now)
        return cost(self.rate, self.billed(now))

    @property
    def hourly(self) -> Rate | None:
        """What an hour of it costs, by the best source that knows a price."""
        return next((rate for rate in (self.bill and self.bill.rate, self.rate) if rate and rate.is_price), None)

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

    def kept_until(self, until: datetime, by: str) -> Self:
        """Its cluster is kept so long for a model that cannot be fetched."""
        if self.keeping.settled or self.status is not Status.STOPPING:
            return self
        return replace(self, keeping=replace(self.keeping, keep_until=until, keep_by=by, until=until))

    def answered(self, by: str, granted: bool, now: datetime) -> Self:
        """What a lead says to its launch, while it waits for that."""
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

    def asked(self, now: datetime, rate: Rate | None = None) -> Self:
        """A cluster is about to be asked for, at that rate if anybody knows it: from here on one may stand."""
        return replace(
            self,
            status=Status.LAUNCHING,
            asked_at=now,
            first_asked_at=self.first_asked_at or now,
            asks=self.asks + 1,
            rate=rate or self.rate,
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
            doubt=None,
            outage=replace(self.outage, until=self.outage.until or now) if self.outage else None,
        )
        if seen.job is Job.RUNNING and self.status is Status.LAUNCHING:
            return replace(run, status=Status.RUNNING, running_at=now)
        return run

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
