"""A run: one launch of one recipe, from the request to the last dollar."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.model.checkpoint import DownloadProgress, SaveGrace
from bot.core.model.cluster import AutostopSetting, JobState, Observation, Outage, PendingConfirmation, begin_repair
from bot.core.model.failure import FailureSummary
from bot.core.model.health_state import HealthState
from bot.core.model.money import Bill, BudgetOverrun, BudgetThreshold, Rate, update_budget_overruns
from bot.core.model.progress import Progress
from bot.core.model.run_record import RunRecord
from bot.core.model.run_state import (
    Approval,
    LimitChange,
    Mute,
    PolicyHit,
    Reason,
    RunLimit,
    RunStatus,
    SummaryInterval,
)
from bot.core.model.sent_message import LogFollow, SentMessage
from bot.phrase import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(RunRecord):
    """A run and its transitions. Listeners write requests, the tick writes the status, the notifier writes the
    messages.
    """

    # requests, by listeners

    def request_stop(self, by: str, now: datetime, save: bool | None = None) -> Self:
        """Return the run with a request to stop it.

        The first request counts, and so does the last answer to whether the model is saved first; of a finished run
        only the permission to lose the model is recorded.

        Args:
            save: whether the model is to be saved first; if False, checkpoints that are only on the cluster may be
                lost.
        """
        # A finished run needs no stop request; only the permission to lose its model is recorded.
        if self.status is RunStatus.ENDED or (self.is_finished and save is not False):
            return self
        run = replace(self, checkpoint_rescue=self.checkpoint_rescue.request_stop(by, save, now))
        return (
            run
            if self.is_finished or self.stop_requested_by
            else replace(run, stop_requested_by=by, stop_requested_at=now)
        )

    def confirm_gone(self, by: str) -> Self:
        """Return the run with a person's confirmation that its machines are gone; it counts while the cloud remembers
        nothing.
        """
        return self if self.status is RunStatus.ENDED else replace(self, memory=self.memory.confirm_gone(by))

    def keep_cluster(self, until: datetime, by: str) -> Self:
        """Return the run with its cluster kept until this time, for a checkpoint that cannot be downloaded."""
        if self.checkpoint_rescue.is_resolved or self.status is not RunStatus.STOPPING:
            return self
        return replace(
            self,
            checkpoint_rescue=replace(
                self.checkpoint_rescue, keep_cluster_until=until, keep_requested_by=by, deadline=until
            ),
        )

    def await_approval(self, approval: Approval) -> Self:
        """Return the run as waiting for an approver, before anything is requested from the cloud."""
        return replace(self, status=RunStatus.AWAITING_APPROVAL, approval=approval)

    def record_price(self, rate: Rate | None, now: datetime) -> Self:
        """Return the run with its price as estimated now; None means that no price is known."""
        return replace(self, rate=rate, priced_at=now)

    def record_approval_decision(self, by: str, is_granted: bool, now: datetime) -> Self:
        """Return the run with an approver's decision on its launch, if it waits for one."""
        if self.approval is None or self.status is not RunStatus.AWAITING_APPROVAL:
            return self
        return replace(self, approval=self.approval.record_answer(by, is_granted, now))

    def follow_log(self, follow: LogFollow) -> Self:
        return replace(self, follow=follow)

    def change_limit(self, limit: RunLimit, new_value: float, by: str, now: datetime, delivery_id: str = "") -> Self:
        """Return the run with another limit from now on; the same delivery counts once, and a finished run is
        unchanged.

        Args:
            new_value: dollars of the budget, or hours of the whole lease.
        """
        if self.is_finished or (
            delivery_id and any(change.delivery_id == delivery_id for change in self.limit_changes)
        ):
            return self
        old_value = self.budget_dollars if limit is RunLimit.BUDGET else self.lease.total_seconds() / 3600
        limit_changes = (*self.limit_changes, LimitChange(limit, by, now, old_value, new_value, delivery_id))
        match limit:
            case RunLimit.BUDGET:
                return replace(self, budget_dollars=new_value, limit_changes=limit_changes)
            case RunLimit.LEASE:
                return replace(self, lease=timedelta(hours=new_value), limit_changes=limit_changes)

    def mute_finding(self, mute: Mute) -> Self:
        """Return the run with a muted finding; the first request counts."""
        return self if self.is_muted(mute.finding) else replace(self, mutes=(*self.mutes, mute))

    def is_muted(self, finding: str) -> bool:
        return any(mute.finding == finding for mute in self.mutes)

    def set_summary_interval(self, interval: SummaryInterval) -> Self:
        return replace(self, summary_interval=interval)

    # status, by the tick

    def record_launch_request(self, now: datetime, rate: Rate | None = None, server: str = "") -> Self:
        """Return the run as about to request a cluster, at this rate if known: from here on a cluster may exist."""
        return replace(
            self,
            status=RunStatus.LAUNCHING,
            launch_requested_at=now,
            first_launch_requested_at=self.first_launch_requested_at or now,
            launch_attempts=self.launch_attempts + 1,
            rate=rate or self.rate,
            memory=self.memory.record_request(server),
            pending_confirmation=None,
        )

    def record_launch_acceptance(self, request_id: str) -> Self:
        """Return the run with the id of the launch request that SkyPilot accepted."""
        return replace(self, request_id=request_id, last_error=None)

    def record_unconfirmed_launch(self, error: Text) -> Self:
        """Return the run with the error of a launch request: it is unknown whether SkyPilot accepted the launch."""
        return replace(self, last_error=error)

    def record_observation(self, observation: Observation, now: datetime) -> Self:
        """Return the run with the part of an observation that the record keeps; an observed running job makes the run
        RUNNING.
        """
        run = replace(
            self,
            job=observation.job or self.job,
            job_id=observation.job_id if observation.job_id is not None else self.job_id,
            infra=observation.infra or self.infra,
            autostop_minutes=observation.autostop_minutes,
            autostop_repair=self.autostop_repair
            and self.autostop_repair.record_observation(
                observation.autostop_minutes == self.requested_autostop_minutes, now
            ),
            bill=observation.bill or self.bill,
            recoveries=self.recoveries.record_observation(observation.recovering, observation.recoveries, now),
            last_error=self.last_error if self.is_finished else None,
            memory=self.memory.record_observation(observation, now),
            # Its model may be downloaded after all.
            teardown_requested_at=None if self.memory.is_lost else self.teardown_requested_at,
            pending_confirmation=None,
            outage=replace(self.outage, until=self.outage.until or now) if self.outage else None,
        )
        if observation.job is JobState.RUNNING and self.status is RunStatus.LAUNCHING:
            return replace(run, status=RunStatus.RUNNING, running_at=now)
        return run

    def record_memory_loss(self, now: datetime) -> Self:
        """Return the run as one whose cluster the cloud does not remember."""
        return replace(self, memory=self.memory.record_loss(now), pending_confirmation=None)

    def await_confirmation(self, confirmation: PendingConfirmation) -> Self:
        return replace(self, pending_confirmation=confirmation)

    def discard_stale_confirmation(self, began: datetime) -> Self:
        """Return the run without a pending confirmation from before this time: an observer that began later must start
        it again.
        """
        return (
            replace(self, pending_confirmation=None)
            if self.pending_confirmation and self.pending_confirmation.last < began
            else self
        )

    def record_outage(self, now: datetime) -> Self:
        """Return the run after an observation that failed."""
        # The outage began with its first failed observation.
        if self.outage and self.outage.until is None:
            return self
        return replace(self, outage=Outage(now))

    def record_progress(self, progress: Progress, now: datetime) -> Self:
        """Return the run with this progress, and the time of a new checkpoint."""
        saved = progress.checkpoint_step != self.progress.checkpoint_step
        return replace(self, progress=progress, checkpoint_at=now if saved else self.checkpoint_at)

    def record_health(self, health: HealthState, unreliable_metrics: Mapping[str, Text]) -> Self:
        """Return the run with its health after new rows."""
        return replace(self, health=health, unreliable_metrics=unreliable_metrics)

    def begin_teardown(self, reason: Reason, detail: Text | None, now: datetime) -> Self:
        """Return the run as finished, with its teardown begun; the first reason counts."""
        if self.is_finished:
            return self
        return replace(
            self,
            status=RunStatus.STOPPING,
            reason=reason,
            detail=detail,
            finished_at=now,
            pending_confirmation=None,
            last_error=None,
        )

    def record_policy_hit(self, policy_hit: PolicyHit) -> Self:
        """Return the run with what a report-only rule would have done; of each rule and kind (refuse or end) the first
        time counts.
        """
        if any((earlier.rule, earlier.ends) == (policy_hit.rule, policy_hit.ends) for earlier in self.policy_hits):
            return self
        return replace(self, policy_hits=(*self.policy_hits, policy_hit))

    def record_budget_overruns(self, overruns: Mapping[str, BudgetOverrun], now: datetime) -> Self:
        """Return the run with exactly these exhausted monthly budgets, by the name of their rules."""
        return (
            self
            if self.is_finished
            else replace(self, budget_overruns=update_budget_overruns(self.budget_overruns, overruns, now))
        )

    def record_budget_threshold(self, threshold: BudgetThreshold) -> Self:
        """Return the run with a reached threshold of a monthly budget."""
        return replace(self, budget_thresholds=(*self.budget_thresholds, threshold))

    def set_save_grace(self, save_grace: SaveGrace | None) -> Self:
        """Return the run with time to save before it ends; None if it is not to end any more."""
        return replace(
            self, checkpoint_rescue=replace(self.checkpoint_rescue, save_grace=save_grace), pending_confirmation=None
        )

    def begin_download(self, until: datetime, now: datetime) -> Self:
        """Return the run with the download of its newest checkpoint about to begin, or to be requested again; until
        this time.
        """
        return replace(self, checkpoint_rescue=self.checkpoint_rescue.begin(until, now), pending_confirmation=None)

    def record_job_cancellation(self, now: datetime) -> Self:
        """Return the run after its job ended while its cluster is still up."""
        return replace(self, checkpoint_rescue=replace(self.checkpoint_rescue, job_cancelled_at=now))

    def record_job_cancellation_failure(self, now: datetime) -> Self:
        """Return the run after its job could not be cancelled: it may still be running."""
        return replace(self, checkpoint_rescue=replace(self.checkpoint_rescue, cancel_failed_at=now))

    def record_newest_checkpoint(self, folder: str, step: int) -> Self:
        """Return the run with the newest checkpoint of its cluster, which overrides the log."""
        if step == self.progress.checkpoint_step:
            return replace(self, progress=replace(self.progress, checkpoint=folder))
        # Another checkpoint needs a new download.
        rescue = replace(self.checkpoint_rescue, download=None)
        progress = replace(self.progress, checkpoint=folder, checkpoint_step=step)
        return replace(
            self, checkpoint_rescue=rescue, progress=progress, checkpoint_at=None
        )  # the log has not shown when it was saved

    def record_torn_checkpoint(self, step: int, why: Text, looks: int = 1) -> Self:
        """Return the run with a checkpoint on its cluster that is incomplete, as one more observation found, or
        several.
        """
        return replace(self, checkpoint_rescue=self.checkpoint_rescue.record_torn(step, why, looks))

    def record_checkpoint_integrity(self, any_intact: bool, now: datetime) -> Self:
        """Return the run with whether any of its checkpoints may be complete, and since when none is."""
        since = None if any_intact else self.checkpoint_rescue.none_complete_at or now
        return replace(self, checkpoint_rescue=replace(self.checkpoint_rescue, none_complete_at=since))

    def record_local_copy(self, step: int | None, download: DownloadProgress | None, now: datetime) -> Self:
        """Return the run after a search of the bot's own disk for its model: that complete checkpoint was found, or
        none.
        """
        return replace(
            self,
            checkpoint_rescue=self.checkpoint_rescue.record_local_copy(step, download, now),
            pending_confirmation=None,
        )

    def record_no_checkpoint(self, now: datetime) -> Self:
        """Return the run with no checkpoint on its cluster."""
        return replace(self, checkpoint_rescue=replace(self.checkpoint_rescue, no_checkpoint_at=now, last_error=None))

    def record_download(self, download: DownloadProgress, now: datetime) -> Self:
        """Return the run with the state of its newest checkpoint's download."""
        return replace(
            self, checkpoint_rescue=self.checkpoint_rescue.record_progress(download, self.progress.checkpoint_step, now)
        )

    def record_download_failure(self, why: Text, now: datetime, asks_people: bool) -> Self:
        """Return the run after a failed download; `asks_people` says whether people have to decide what happens to the
        model.
        """
        return replace(self, checkpoint_rescue=self.checkpoint_rescue.record_failure(why, asks_people, now))

    def record_autostop_postponement(self, until: datetime) -> Self:
        """Return the run with its autostop postponed, so that there is time for the download."""
        return replace(self, checkpoint_rescue=replace(self.checkpoint_rescue, autostop_postponed_until=until))

    def record_autostop_postponement_failure(self, now: datetime) -> Self:
        """Return the run after a failed postponement: its cluster may remove itself before the rescue deadline."""
        return replace(self, checkpoint_rescue=replace(self.checkpoint_rescue, autostop_postpone_failed_at=now))

    def abandon_checkpoint(self, now: datetime) -> Self:
        """Return the run with its checkpoint abandoned: it is removed with the cluster, because no person decided
        otherwise in time.
        """
        return replace(
            self, checkpoint_rescue=replace(self.checkpoint_rescue, abandoned_at=now), pending_confirmation=None
        )

    def record_teardown_request(self, now: datetime, error: Text | None = None) -> Self:
        """Return the run with a teardown requested, again if an earlier one failed."""
        return replace(self, teardown_requested_at=now, pending_confirmation=None, last_error=error)

    def begin_autostop_repair(self, observed_minutes: int | None, now: datetime) -> Self:
        """Return the run as about to set its autostop again, because an observation showed another one."""
        was_set = self.autostop_minutes == self.requested_autostop_minutes
        return replace(
            self,
            autostop_repair=begin_repair(self.autostop_repair, observed_minutes, was_set, now),
            autostop_minutes=observed_minutes,
            pending_confirmation=None,
        )

    def record_autostop_setting(self, setting: AutostopSetting) -> Self:
        """Return the run after SkyPilot accepted the autostop."""
        return replace(self, autostop_repair=self.autostop_repair and self.autostop_repair.record_setting(setting))

    def record_autostop_refusal(self, why: Text) -> Self:
        """Return the run after SkyPilot refused the autostop: its cluster cannot have one."""
        return replace(self, autostop_repair=self.autostop_repair and self.autostop_repair.record_refusal(why))

    def mark_teardown_overdue(self, manual_command: str, now: datetime) -> Self:
        """Return the run with its teardown overdue: its cluster is not removed."""
        return replace(self, teardown_overdue_since=now, manual_command=manual_command)

    def record_saved_log(self, detail: Text | None, now: datetime, failure: FailureSummary | None = None) -> Self:
        """Return the run with its last log lines saved, where later questions find them, and with the failure that
        they show, if no other source gave one.
        """
        detail = self.detail or (detail if self.reason and self.reason.is_failure else None)
        return replace(self, log_saved_at=now, detail=detail, failure=failure, pending_confirmation=None)

    def record_log_failure(self, now: datetime) -> Self:
        """Return the run after a failed request for its last log lines."""
        return replace(self, log_tries=self.log_tries + 1, log_tried_at=now, pending_confirmation=None)

    def close(self, reason: Reason, now: datetime, bill: Bill | None = None, detail: Text | None = None) -> Self:
        """Return the run as closed: its cluster is gone or was never requested; the last bill is the complete one."""
        return replace(
            self,
            status=RunStatus.ENDED,
            reason=self.reason or reason,
            detail=self.detail or detail,
            finished_at=self.finished_at or now,
            closed_at=now,
            bill=bill or self.bill,
        )

    # messages, by the notifier

    def record_sent_message(self, key: str, message: SentMessage) -> Self:
        """Return the run with a message that was sent."""
        return replace(self, sent_messages={**self.sent_messages, key: message})

    def record_lost_message(self, key: str) -> Self:
        """Return the run without a message that is known not to be in Slack: it was refused or deleted."""
        return replace(
            self,
            sent_messages={other_key: message for other_key, message in self.sent_messages.items() if other_key != key},
        )

    def move_thread(self, channel: str) -> Self:
        """Return the run with its thread in another channel."""
        return replace(self, thread_channel=channel)
