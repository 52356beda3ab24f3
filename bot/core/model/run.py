"""A run: one launch of one recipe, from the request to the last dollar.

A run is made of records that each have their own transitions. The transitions here concern several of them, or depend
on the status; the others are made with `replace(run, training=run.training.record_progress(progress, now))`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.model.checkpoint import CheckpointRescue, DownloadProgress, SaveGrace
from bot.core.model.cluster import JobState, Observation, is_forgotten
from bot.core.model.cluster_requests import LaunchRequests, TeardownRequests
from bot.core.model.failure import FailureSummary
from bot.core.model.launch_plan import ClusterRef
from bot.core.model.lineage import Lineage, PolicyResume
from bot.core.model.money import Bill, BudgetOverrun, BudgetThreshold, Rate, Spending
from bot.core.model.observed_cluster import ObservedCluster
from bot.core.model.rollout import FindingSamples
from bot.core.model.run_limits import RunLimits
from bot.core.model.run_plan import RunPlan
from bot.core.model.run_requests import RunRequests
from bot.core.model.run_state import Approval, PolicyHit, Reason, RunLimit, RunStatus
from bot.core.model.sent_message import CARD_KEY, RunMessages
from bot.core.model.training_state import TrainingState
from bot.phrase import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run. Listeners write requests, the tick writes the status, the notifier writes the messages.

    Attributes:
        id: such as `ppo-7f3a`; never reused.
        command_line: the command that launched it, as it can be typed.
        requester: Slack's id of the person; channel: of the channel.
        name: a short note that tells it from others of its recipe; may be empty.
        why: the person's reason for the launch; may be empty.
        plan: what was approved; limits: what ends it, which people may change.
        approval: the approvers of its launch, and the decision of one; None if it needs none.
        reason, detail: why it finished, and what went wrong in a sentence; failure: the cause that its whole log shows.
        running_at: when the job was first observed running; finished_at: when the reason was found; closed_at: when the
            cluster was observed to be gone.
        policy_hits: what report-only rules would have done; lineage: what policies resume.
        requests: what people have requested since; launch, teardown: what the bot has requested of the cloud.
        observed: what the cloud has shown of its cluster.
        training: what its log has shown; spending: its price and its bill.
        checkpoint_rescue: the steps that make its model outlive its machine.
        messages: its messages in Slack.
    """

    id: str
    recipe: str
    command_line: str
    requester: str
    channel: str
    created_at: datetime
    name: str = ""
    why: str = ""
    plan: RunPlan
    limits: RunLimits
    approval: Approval | None = None

    status: RunStatus = RunStatus.PENDING
    reason: Reason | None = None
    detail: Text | None = None
    failure: FailureSummary | None = None
    running_at: datetime | None = None
    finished_at: datetime | None = None
    closed_at: datetime | None = None
    policy_hits: tuple[PolicyHit, ...] = ()
    lineage: Lineage = field(default_factory=Lineage)

    requests: RunRequests = field(default_factory=RunRequests)
    launch: LaunchRequests = field(default_factory=LaunchRequests)
    observed: ObservedCluster = field(default_factory=ObservedCluster)
    training: TrainingState = field(default_factory=TrainingState)
    spending: Spending = field(default_factory=Spending)
    checkpoint_rescue: CheckpointRescue = field(default_factory=CheckpointRescue)
    teardown: TeardownRequests = field(default_factory=TeardownRequests)
    messages: RunMessages = field(default_factory=RunMessages)

    @property
    def cluster(self) -> str:
        """Return the name of the cluster. It is derived, never stored: the same run always names the same cluster, and
        no other run does.
        """
        return f"verl-{self.id}"

    @property
    def cluster_ref(self) -> ClusterRef:
        """Return the reference that a cloud needs to observe its cluster."""
        repair = self.observed.autostop_repair
        setting = repair.request_id if repair else None
        identifiers = (self.launch.request_id, self.observed.job_id, self.id, self.launch.first_requested_at, setting)
        return ClusterRef(self.cluster, *identifiers, self.plan.managed, self.was_shown)

    @property
    def infra(self) -> str:
        """Return where its cluster is, or as long as that is unknown, where it was requested."""
        return self.observed.infra or self.plan.infra

    @property
    def message_channel(self) -> str:
        """Return the channel that has, or will have, the run's messages."""
        return self.messages.thread_channel or self.channel

    @property
    def card_url(self) -> str:
        """Return the web address of the run's card; empty where it is unknown."""
        card = self.messages.sent.get(CARD_KEY)
        return card.permalink if card else ""

    @property
    def was_shown(self) -> bool:
        """Return whether an observation has shown its cluster: some clouds show no id, but a job or a bill."""
        observed = self.observed
        return observed.memory.cluster_id != "" or observed.job is not None or self.spending.bill is not None

    def is_forgotten_by(self, observation: Observation) -> bool:
        """Return whether an observation without the cluster comes from a cloud that lost its memory of it."""
        return is_forgotten(self.was_shown, self.observed.memory.server, observation)

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
        began_at = self.launch.first_requested_at
        return began_at + self.limits.lease if began_at else None

    def compute_billed_duration(self, now: datetime) -> timedelta:
        """Return how long a cluster may have been billing: from the first launch request until it was observed to be
        gone.
        """
        began_at = self.launch.first_requested_at
        return max((self.closed_at or now) - began_at, timedelta()) if began_at else timedelta()

    def cost(self, now: datetime) -> float | None:
        """Return the dollars so far, by the provider's bill or else by the rate; None if unknown."""
        return self.spending.compute_cost(self.closed_at or now, self.compute_billed_duration(now))

    def budget_usage(self, now: datetime) -> float | None:
        """Return the dollars that count against the budget: the cost, limited to the time that the cluster can have
        billed.

        The minimum is the time since its job started.
        """
        if self.spending.priced_bill is None:
            return self.cost(now)
        # A managed job may have been without machines since its job started.
        least = now - self.running_at if self.running_at and not self.plan.managed else timedelta()
        return self.spending.priced_bill.compute_bounded_total(now, least, self.compute_billed_duration(now))

    def redact(self) -> Self:
        """Return the run as it is shown outside of its private channel: that it exists, who requested it, and what it
        costs.
        """
        return replace(
            self,
            command_line="",
            name="",
            why="",
            plan=replace(self.plan, checkpoint_store=None),
            training=TrainingState(checkpoint_at=self.training.checkpoint_at),
            detail=None,
            failure=None,
            launch=self.launch.clear_error(),
            teardown=replace(self.teardown, last_error=None),
            observed=self.observed.discard_confirmation(),
            policy_hits=(),
            lineage=Lineage(),
        )

    @property
    def is_redacted(self) -> bool:
        """Return whether it is shown to a person without access to it: every run was launched by a command line."""
        return not self.command_line

    # requests, by listeners

    def request_stop(self, by: str, now: datetime, save: bool | None = None) -> Self:
        """Return the run with a request to stop it.

        The first request counts, and so does the last answer to whether the model is saved first; of a finished run
        only the permission to lose the model is recorded. A resume that the policy still owes is not made.

        Args:
            save: whether the model is to be saved first; if False, checkpoints that are only on the cluster may be
                lost.
        """
        # A finished run needs no stop request; only the permission to lose its model is recorded.
        is_kept = self.is_finished and self.plan.keep_on_failure > timedelta()
        lineage = self.lineage.stop_resume(by)
        if self.status is RunStatus.ENDED or (self.is_finished and not is_kept and save is not False):
            return replace(self, lineage=lineage)
        # A stop of a finished run says nothing about its model unless it gives it up.
        rescue = self.checkpoint_rescue
        if not self.is_finished or save is False:
            rescue = rescue.request_stop(by, save, now)
        run = replace(self, checkpoint_rescue=rescue, lineage=lineage)
        return replace(run, requests=self.requests.stop(by, now)) if is_kept or not self.is_finished else run

    def confirm_gone(self, by: str) -> Self:
        """Return the run with a person's confirmation that its machines are gone; it counts while the cloud remembers
        nothing.
        """
        return self if self.status is RunStatus.ENDED else replace(self, observed=self.observed.confirm_gone(by))

    def keep_cluster(self, until: datetime, by: str) -> Self:
        """Return the run with its cluster kept until this time, for a checkpoint that cannot be downloaded."""
        if self.checkpoint_rescue.is_resolved or self.status is not RunStatus.STOPPING:
            return self
        return replace(self, checkpoint_rescue=self.checkpoint_rescue.keep_cluster(until, by))

    def await_approval(self, approval: Approval) -> Self:
        """Return the run as waiting for an approver, before anything is requested from the cloud."""
        return replace(self, status=RunStatus.AWAITING_APPROVAL, approval=approval)

    def record_price(self, rate: Rate | None, now: datetime) -> Self:
        """Return the run with its price as estimated now, or None if unknown; once it is launched, its rate stays."""
        return replace(self, spending=self.spending.record_price(rate, now)) if self.is_waiting else self

    def record_approval_decision(self, by: str, is_granted: bool, now: datetime, note: str = "") -> Self:
        """Return the run with an approver's decision on its launch, if it waits for one."""
        if self.approval is None or self.status is not RunStatus.AWAITING_APPROVAL:
            return self
        return replace(self, approval=self.approval.record_answer(by, is_granted, now, note))

    def change_limit(self, limit: RunLimit, new_value: float, by: str, now: datetime, delivery_id: str = "") -> Self:
        """Return the run with another limit from now on; the same delivery counts once, and a finished run is
        unchanged.

        Args:
            new_value: dollars of the budget, or hours of the whole lease.
        """
        if self.is_finished:
            return self
        return replace(self, limits=self.limits.change(limit, new_value, by, now, delivery_id))

    # status, by the tick

    def record_launch_request(self, now: datetime, rate: Rate | None = None, server: str = "") -> Self:
        """Return the run as about to request a cluster, at this rate if known: from here on a cluster may exist."""
        return replace(
            self,
            status=RunStatus.LAUNCHING,
            launch=self.launch.begin(now),
            spending=self.spending.record_launch(rate),
            observed=self.observed.record_launch_request(server),
        )

    def record_observation(self, observation: Observation, now: datetime) -> Self:
        """Return the run with the part of an observation that the record keeps; an observed running job makes the run
        RUNNING.
        """
        run = replace(
            self,
            observed=self.observed.record_observation(observation, self.plan.autostop_minutes, now),
            spending=self.spending.record_bill(observation.bill),
            launch=self.launch.clear_error(),
            teardown=self.teardown.record_observation(remembers=not self.observed.memory.is_lost),
        )
        if observation.job is JobState.RUNNING and self.status is RunStatus.LAUNCHING:
            return replace(run, status=RunStatus.RUNNING, running_at=now)
        return run

    def begin_autostop_repair(self, observed_minutes: int | None, now: datetime) -> Self:
        """Return the run as about to set its autostop again, because an observation showed another one."""
        observed = self.observed.begin_autostop_repair(observed_minutes, self.plan.autostop_minutes, now)
        return replace(self, observed=observed)

    def record_policy_hit(self, policy_hit: PolicyHit) -> Self:
        """Return the run with what a report-only rule would have done; of each rule and kind (refuse or end) the first
        time counts.
        """
        if any((earlier.rule, earlier.ends) == (policy_hit.rule, policy_hit.ends) for earlier in self.policy_hits):
            return self
        return replace(self, policy_hits=(*self.policy_hits, policy_hit))

    def record_budget_overruns(self, overruns: Mapping[str, BudgetOverrun], now: datetime) -> Self:
        """Return the run with exactly these exhausted monthly budgets, by the name of their rules; unchanged if it is
        finished, unless its cluster may be kept for a look.
        """
        may_be_kept = self.plan.keep_on_failure > timedelta() and self.teardown.requested_at is None
        if self.is_finished and not (may_be_kept and self.status is RunStatus.STOPPING):
            return self
        return replace(self, spending=self.spending.record_budget_overruns(overruns, now))

    def record_budget_threshold(self, threshold: BudgetThreshold) -> Self:
        """Return the run with a reached threshold of a monthly budget."""
        return replace(self, spending=self.spending.record_budget_threshold(threshold))

    # its model, by the tick

    def set_save_grace(self, save_grace: SaveGrace | None) -> Self:
        """Return the run with time to save before it ends; None if it is not to end any more."""
        return self.rescue_checkpoint(self.checkpoint_rescue.set_save_grace(save_grace))

    def begin_download(self, until: datetime, now: datetime) -> Self:
        """Return the run with the download of its newest checkpoint about to begin, or to be requested again; until
        this time.
        """
        return self.rescue_checkpoint(self.checkpoint_rescue.begin(until, now))

    def record_local_copy(self, step: int | None, download: DownloadProgress | None, now: datetime) -> Self:
        """Return the run after a search of the bot's own disk for its model: that complete checkpoint was found, or
        none.
        """
        return self.rescue_checkpoint(self.checkpoint_rescue.record_local_copy(step, download, now))

    def abandon_checkpoint(self, now: datetime) -> Self:
        """Return the run with its checkpoint abandoned: it is removed with the cluster, because no person decided
        otherwise in time.
        """
        return self.rescue_checkpoint(self.checkpoint_rescue.abandon(now))

    def rescue_checkpoint(self, rescue: CheckpointRescue) -> Self:
        """Return the run with another step of its rescue; what was uncertain before it counts no more."""
        return replace(self, checkpoint_rescue=rescue, observed=self.observed.discard_confirmation())

    def record_newest_checkpoint(self, folder: str, step: int) -> Self:
        """Return the run with the newest checkpoint of its cluster, which overrides the log."""
        rescue, is_known = self.checkpoint_rescue, step == self.training.progress.checkpoint_step
        return replace(
            self,
            training=self.training.record_newest_checkpoint(folder, step),
            checkpoint_rescue=rescue if is_known else rescue.discard_download(),
        )

    def record_finding_samples(self, samples: FindingSamples) -> Self:
        """Return the run with what its model answered when a finding opened."""
        return replace(self, training=self.training.record_finding_samples(samples))

    def record_download(self, download: DownloadProgress, now: datetime) -> Self:
        """Return the run with the state of its newest checkpoint's download."""
        step = self.training.progress.checkpoint_step
        return replace(self, checkpoint_rescue=self.checkpoint_rescue.record_progress(download, step, now))

    # its end, by the tick

    def begin_teardown(
        self, reason: Reason, detail: Text | None, now: datetime, resume: PolicyResume | None = None
    ) -> Self:
        """Return the run as finished, its teardown begun, a resume to follow or none; the first reason counts."""
        if self.is_finished:
            return self
        return replace(
            self,
            status=RunStatus.STOPPING,
            reason=reason,
            detail=detail,
            finished_at=now,
            lineage=replace(self.lineage, resume=resume),
            observed=self.observed.discard_confirmation(),
            launch=self.launch.clear_error(),
        )

    def record_saved_log(self, detail: Text | None, now: datetime, failure: FailureSummary | None = None) -> Self:
        """Return the run with its last log lines saved, where later questions find them, and with the failure that
        they show, if no other source gave one.
        """
        return replace(
            self,
            detail=self.detail or (detail if self.reason and self.reason.is_failure else None),
            failure=failure,
            teardown=self.teardown.record_saved_log(now),
            observed=self.observed.discard_confirmation(),
        )

    def record_log_failure(self, now: datetime) -> Self:
        """Return the run after a failed request for its last log lines."""
        teardown, observed = self.teardown.record_log_failure(now), self.observed.discard_confirmation()
        return replace(self, teardown=teardown, observed=observed)

    def record_teardown_request(self, now: datetime, error: Text | None = None) -> Self:
        """Return the run with a teardown requested, again if an earlier one failed."""
        teardown, observed = self.teardown.record_request(now, error), self.observed.discard_confirmation()
        return replace(self, teardown=teardown, observed=observed)

    def close(self, reason: Reason, now: datetime, bill: Bill | None = None, detail: Text | None = None) -> Self:
        """Return the run as closed: its cluster is gone or was never requested; the last bill is the complete one."""
        return replace(
            self,
            status=RunStatus.ENDED,
            reason=self.reason or reason,
            detail=self.detail or detail,
            finished_at=self.finished_at or now,
            closed_at=now,
            spending=self.spending.record_bill(bill),
        )
