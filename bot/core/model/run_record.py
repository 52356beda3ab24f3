"""The record of a run, and what is derived from it: its cluster, its cost, the end of its lease."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.model.checkpoint import CheckpointRescue
from bot.core.model.cluster import (
    AutostopRepair,
    CloudMemory,
    JobState,
    Observation,
    Outage,
    PendingConfirmation,
    is_forgotten,
)
from bot.core.model.failure import FailureSummary
from bot.core.model.health_state import HealthState
from bot.core.model.launch_plan import ClusterRef, Safeguard
from bot.core.model.managed_job import RecoveryHistory
from bot.core.model.money import Bill, BudgetOverrun, BudgetThreshold, Rate, compute_cost
from bot.core.model.policy import UNRESTRICTED
from bot.core.model.progress import Progress
from bot.core.model.run_state import Approval, LimitChange, Mute, PolicyHit, Reason, RunStatus, Summary, SummaryInterval
from bot.core.model.sent_message import CARD_KEY, LogFollow, SentMessage
from bot.phrase import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The fields of a run; `bot.core.model.run.Run` has their transitions.

    Attributes:
        id: such as `ppo-7f3a`; never reused.
        command_line: the command that launched it, as it can be typed.
        requester: Slack's id of the person; channel: of the channel.
        why: the person's reason for the launch; may be empty.
        image: the container image that it runs in; empty for the machine as it is.
        nodes, gpus, infra: as requested; `infra` becomes the actual one once it is observed.
        task_hash: of the exact task.
        checkpoint_store: the bucket or volume that outlives the cluster; checkpoints_ephemeral: checkpoints have no
            such store.
        missing_safeguards: the safeguards that it runs without.
        checkpoints: the folder of its checkpoints on each node, as its task names it; empty if it has none.
        resumes: whether its recipe can resume from a checkpoint of another run.
        metrics: beginnings of the metric keys that the end shows; secrets: names of those that the task gets.
        budget_dollars, lease: the most that it may spend, and how long it may live after its first launch request.
        lease_warnings: times before the end of its lease at which a warning is sent.
        rate: dollars an hour of the whole cluster as estimated before its launch, or None if unknown.
        priced_at: when its price was last looked up with an answer, also if the answer was that none is known.
        bill: the cost that the provider has reported since.
        stop_requested_by, stop_requested_at: the request to stop it.
        approval: the approvers of its launch, and the decision of one; None if it needs none.
        policy_hits: what report-only rules would have done.
        budget_overruns: exhausted monthly budgets that it draws on.
        budget_thresholds: thresholds of monthly budgets to report in its thread.
        launch_requested_at: when a cluster was last requested; first_launch_requested_at: when first; launch_attempts:
            how often.
        request_id: SkyPilot's id of the launch request.
        last_error: why the last launch request got no answer, or why the last teardown failed: a sentence.
        running_at: when the job was first observed running; finished_at: when the reason was found; closed_at: when the
            cluster was observed to be gone.
        reason, detail: why it finished, and what went wrong in a sentence; failure: the cause that its whole log shows.
        job, job_id: the job as last observed, and its number on the cluster.
        progress: as the log reports it; checkpoint_at: when its newest checkpoint was first read in the log.
        pending_confirmation: an ambiguous observation that needs another one; outage: when observations failed.
        teardown_requested_at: when its teardown was last requested; log_saved_at: when its last lines were saved;
            log_tries: how many attempts failed; log_tried_at: when the last one did.
        requested_autostop_minutes: idle minutes that its task requests, or None; autostop_minutes: as SkyPilot reports.
        autostop_repair: the repair of an autostop that differed from the requested one.
        managed: whether it is a managed job of SkyPilot's; recoveries: how often SkyPilot recovered it.
        teardown_overdue_since: when its teardown was found overdue; manual_command: what a person may type then.
        memory: what the cloud has shown of its cluster, and whether the cloud still remembers it.
        follow: a request to follow the log; summary_interval: a request for how often its thread gets a summary.
        summary: the last summary there, or the next one to send.
        health: the findings in its training, and the resolved ones; unreliable_metrics: why metrics are meaningless, by
            key.
        mutes: findings that are muted.
        limit_changes: how people have changed its limits since, oldest first.
        checkpoint_rescue: the steps that make its model outlive its machine.
        sent_messages: its messages in Slack by key.
        thread_channel: the channel of its card; differs from `channel` if the bot may not post there.
    """

    id: str
    recipe: str
    command_line: str
    requester: str
    channel: str
    created_at: datetime
    why: str = ""
    nodes: int
    image: str = ""
    gpus: str = ""
    infra: str = ""
    task_hash: str
    checkpoint_store: str | None = None
    checkpoints_ephemeral: bool = False
    checkpoints: str = ""
    resumes: bool = False
    missing_safeguards: tuple[Safeguard, ...] = ()
    metrics: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    budget_dollars: float
    lease: timedelta
    lease_warnings: tuple[timedelta, ...] = UNRESTRICTED.lease_warnings
    rate: Rate | None = None
    priced_at: datetime | None = None
    requested_autostop_minutes: int | None = None
    managed: bool = False

    status: RunStatus = RunStatus.PENDING
    reason: Reason | None = None
    detail: Text | None = None
    failure: FailureSummary | None = None
    stop_requested_by: str | None = None
    stop_requested_at: datetime | None = None
    approval: Approval | None = None
    policy_hits: tuple[PolicyHit, ...] = ()
    budget_overruns: tuple[BudgetOverrun, ...] = ()
    budget_thresholds: tuple[BudgetThreshold, ...] = ()
    launch_requested_at: datetime | None = None
    first_launch_requested_at: datetime | None = None
    launch_attempts: int = 0
    request_id: str | None = None
    last_error: Text | None = None
    bill: Bill | None = None
    job: JobState | None = None
    job_id: int | None = None
    running_at: datetime | None = None
    finished_at: datetime | None = None
    closed_at: datetime | None = None
    pending_confirmation: PendingConfirmation | None = None
    outage: Outage | None = None
    teardown_requested_at: datetime | None = None
    log_saved_at: datetime | None = None
    log_tries: int = 0
    log_tried_at: datetime | None = None
    autostop_minutes: int | None = None
    autostop_repair: AutostopRepair | None = None
    recoveries: RecoveryHistory = field(default_factory=RecoveryHistory)
    teardown_overdue_since: datetime | None = None
    manual_command: str = ""
    memory: CloudMemory = field(default_factory=CloudMemory)
    progress: Progress = field(default_factory=Progress)
    checkpoint_at: datetime | None = None
    follow: LogFollow | None = None
    health: HealthState = field(default_factory=HealthState)
    unreliable_metrics: Mapping[str, Text] = field(default_factory=dict)
    mutes: tuple[Mute, ...] = ()
    limit_changes: tuple[LimitChange, ...] = ()
    summary_interval: SummaryInterval | None = None
    summary: Summary | None = None
    checkpoint_rescue: CheckpointRescue = field(default_factory=CheckpointRescue)
    sent_messages: Mapping[str, SentMessage] = field(default_factory=dict)
    thread_channel: str | None = None

    @property
    def cluster(self) -> str:
        """Return the name of the cluster. It is derived, never stored: the same run always names the same cluster, and
        no other run does.
        """
        return f"verl-{self.id}"

    @property
    def message_channel(self) -> str:
        """Return the channel that has, or will have, the run's messages."""
        return self.thread_channel or self.channel

    @property
    def card_url(self) -> str:
        """Return the web address of the run's card; empty where it is unknown."""
        card = self.sent_messages.get(CARD_KEY)
        return card.permalink if card else ""

    @property
    def cluster_ref(self) -> ClusterRef:
        """Return the reference that a cloud needs to observe its cluster."""
        setting = self.autostop_repair.request_id if self.autostop_repair else None
        identifiers = (self.request_id, self.job_id, self.id, self.first_launch_requested_at, setting)
        return ClusterRef(self.cluster, *identifiers, self.managed, self.was_shown)

    @property
    def was_shown(self) -> bool:
        """Return whether an observation has shown its cluster. Records of older versions have no id, but a job or a
        bill.
        """
        return self.memory.cluster_id != "" or self.job is not None or self.bill is not None

    def is_forgotten_by(self, observation: Observation) -> bool:
        """Return whether an observation without the cluster comes from a cloud that lost its memory of it."""
        return is_forgotten(self.was_shown, self.memory.server, observation)

    @property
    def is_finished(self) -> bool:
        """Return whether the run has a reason to end; its cluster may still be billing."""
        return self.reason is not None

    @property
    def is_waiting(self) -> bool:
        """Return whether nothing has been requested from the cloud yet."""
        return self.status in (RunStatus.AWAITING_APPROVAL, RunStatus.PENDING)

    @property
    def lease_ends_at(self) -> datetime | None:
        """Return the end of the lease, which begins with the first launch request; None before it."""
        return self.first_launch_requested_at + self.lease if self.first_launch_requested_at else None

    def compute_billed_duration(self, now: datetime) -> timedelta:
        """Return how long a cluster may have been billing: from the first launch request until it was observed to be
        gone.
        """
        if self.first_launch_requested_at is None:
            return timedelta()
        return max((self.closed_at or now) - self.first_launch_requested_at, timedelta())

    def cost(self, now: datetime) -> float | None:
        """Return the dollars so far, by the provider's bill or else by the rate; None if unknown."""
        if self.bill and self.bill.rate.is_priced:
            return self.bill.compute_total(self.closed_at or now)
        return compute_cost(self.rate, self.compute_billed_duration(now))

    def budget_usage(self, now: datetime) -> float | None:
        """Return the dollars that count against the budget: the cost, limited to the time that the cluster can have
        billed.

        The minimum is the time since its job started.
        """
        if self.bill is None or not self.bill.rate.is_priced:
            return self.cost(now)
        # A managed job may have been without machines since its job started.
        least = now - self.running_at if self.running_at and not self.managed else timedelta()
        return self.bill.compute_bounded_total(now, least, self.compute_billed_duration(now))

    @property
    def hourly_rate(self) -> Rate | None:
        """Return the hourly rate of the best source that knows a price."""
        return next((rate for rate in (self.bill and self.bill.rate, self.rate) if rate and rate.is_priced), None)

    def redact(self) -> Self:
        """Return the run as it is shown outside of its private channel: that it exists, who requested it, and what it
        costs.
        """
        return replace(
            self,
            command_line="",
            why="",
            checkpoint_store=None,
            progress=Progress(),
            health=HealthState(),
            unreliable_metrics={},
            detail=None,
            failure=None,
            last_error=None,
            pending_confirmation=None,
            summary=None,
            policy_hits=(),
        )

    @property
    def is_redacted(self) -> bool:
        """Return whether it is shown to a person without access to it: every run was launched by a command line."""
        return not self.command_line
