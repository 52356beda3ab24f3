"""What is recorded of a run, and what follows from that: its cluster, its cost, the end of its lease."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.amendment import Amendment, Mute
from bot.core.approval import Approval
from bot.core.autostop import Mending
from bot.core.blind import Blind
from bot.core.digest import Digest
from bot.core.doubt import Doubt, Outage
from bot.core.health.watch import Watch
from bot.core.keeping import Keeping
from bot.core.managed import Recoveries
from bot.core.memory import Memory, is_forgotten
from bot.core.money import Bill, Rate, cost
from bot.core.order import Watched
from bot.core.overdraft import Overdraft
from bot.core.policy import UNSET
from bot.core.posted import Follow, Posted
from bot.core.progress import Progress
from bot.core.purse_share import PurseShare
from bot.core.seen import Job, Seen
from bot.core.shadow import Shadow
from bot.core.standings import Rhythm, Summary
from bot.core.status import Reason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The fields of a run; `bot.core.run.Run` says how they change.

    Attributes:
        id: such as `ppo-7f3a`; never reused.
        line: the command that made it, as it can be typed.
        requester: Slack's id of the person; channel: of the channel.
        why: the reason that the person gave for it; may be empty.
        image: the container image that it runs in; empty for the machine as it is.
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
        priced_at: when its price was last asked for and answered, that none is known included.
        bill: what the provider has said since.
        stop_requested_by, stop_requested_at: the wish to end it.
        approval: which approvers were asked about its launch, and what one said; None where none is.
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
        memory: what the cloud has shown of its cluster, and whether it still knows that.
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
    why: str = ""
    nodes: int
    image: str = ""
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
    priced_at: datetime | None = None
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
    memory: Memory = field(default_factory=Memory)
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
        return Watched(self.cluster, *known, self.managed, self.was_shown)

    @property
    def was_shown(self) -> bool:
        """Return whether a look has shown its cluster. Records of older versions hold no id, but a job or a bill."""
        return self.memory.cluster_id != "" or self.job is not None or self.bill is not None

    def is_forgotten_by(self, seen: Seen) -> bool:
        return is_forgotten(self.was_shown, self.memory.server, seen)

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
        return max((self.ended_at or now) - self.first_asked_at, timedelta())

    def cost(self, now: datetime) -> float | None:
        """Dollars so far, by the provider's bill or else by the rate; None where nobody knows."""
        if self.bill and self.bill.rate.is_price:
            return self.bill.total(self.ended_at or now)
        return cost(self.rate, self.billed(now))

    def spent(self, now: datetime) -> float | None:
        """Return what its budget is held against: its cost, within the time that its cluster can have billed.

        At the least it has since its job ran; a managed job's machines may have been away meanwhile.
        """
        if self.bill is None or not self.bill.rate.is_price:
            return self.cost(now)
        least = now - self.running_at if self.running_at and not self.managed else timedelta()
        return self.bill.bounded(now, least, self.billed(now))

    @property
    def hourly(self) -> Rate | None:
        """What an hour of it costs, by the best source that knows a price."""
        return next((rate for rate in (self.bill and self.bill.rate, self.rate) if rate and rate.is_price), None)

    def redact(self) -> Self:
        """Return it as it is shown outside of its private channel: that it exists, whose it is, and what it costs."""
        return replace(
            self,
            line="",
            why="",
            place=None,
            progress=Progress(),
            watch=Watch(),
            misleading={},
            detail=None,
            failure=None,
            trouble=None,
            doubt=None,
            summary=None,
            shadows=(),
        )

    @property
    def is_redacted(self) -> bool:
        """Return whether it is shown to somebody who may not read of it: every run was launched by a line."""
        return not self.line
