"""Causes of the end of a run: a request, a limit, the job's end, a launch that failed, a cluster that stopped. Pure."""

from collections.abc import Collection
from datetime import datetime

from bot.core.model.bot_clock import has_passed
from bot.core.model.cluster import (
    ClusterState,
    Ending,
    JobState,
    Observation,
    RequestState,
)
from bot.core.model.policy import BUDGET_RULE, LEASE_RULE
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import (
    BeginTeardown,
    ReconcileTimings,
    RecordPolicyHit,
    SetAutostop,
)
from bot.core.rules.finding_actions import list_due_rules
from bot.phrase import Phrase, Text


def find_requested_end(run: Run, now: datetime, report_only: Collection[str] = ()) -> BeginTeardown | None:
    """Return the end that needs no observation: a person's stop, the lease, the budget.

    Report-only rules do not count.
    """
    if run.requests.stop_requested_by:
        return BeginTeardown(Reason.STOPPED)
    enforced = (rule for rule in list_exceeded_limits(run, now) if rule not in report_only)
    return next((BeginTeardown(REASON_BY_RULE.get(rule, Reason.MONTHLY_BUDGET_EXCEEDED)) for rule in enforced), None)


REASON_BY_RULE = {LEASE_RULE: Reason.LEASE_EXPIRED, BUDGET_RULE: Reason.BUDGET_EXCEEDED}
"""The reason of a run that a rule ends, by the name of the rule; all other rules are monthly budgets."""


def list_exceeded_limits(run: Run, now: datetime) -> list[str]:
    """Return the names of the rules by which the run is to end."""
    lease_ended = run.lease_ends_at is not None and now >= run.lease_ends_at
    budget_exceeded = (run.budget_usage(now) or 0.0) > run.limits.budget_dollars
    month_rules = [overrun.rule for overrun in run.spending.budget_overruns if overrun.is_open and now >= overrun.until]
    return [
        *(rule for rule, is_exceeded in ((LEASE_RULE, lease_ended), (BUDGET_RULE, budget_exceeded)) if is_exceeded),
        *month_rules,
    ]


def find_policy_hit(run: Run, now: datetime, timings: ReconcileTimings) -> RecordPolicyHit | None:
    """Return a record of a report-only rule that would end the run if enforced; each rule is recorded once."""
    recorded = {hit.rule for hit in run.policy_hits if hit.ends}
    exceeded = [rule for rule in list_exceeded_limits(run, now) if rule in timings.report_only]
    rules = (rule for rule in (*exceeded, *list_due_rules(run, timings.finding_actions)) if rule not in recorded)
    return next(map(RecordPolicyHit, rules), None)


def find_autostop_drift(
    run: Run, observation: Observation, now: datetime, timings: ReconcileTimings
) -> SetAutostop | None:
    """Return the action that repairs the autostop, the safety net below the lease, if it is not as requested.

    SkyPilot sets it before it submits the job, so it counts as missing only after an earlier observation of the job.
    """
    requested, repair = run.plan.autostop_minutes, run.observed.autostop_repair
    if requested is None or requested == observation.autostop_minutes or run.observed.job is None:
        return None
    if observation.cluster is not ClusterState.UP or observation.request is RequestState.LIVE:
        return None
    if repair and (repair.refusal or not has_passed(timings.autostop_retry, repair.tried_at, now)):
        return None
    return SetAutostop(requested, observation.autostop_minutes)


def explain_missing_job(observation: Observation) -> Text:
    """Return what happened to a launch that left a cluster without a job, a sentence."""
    if observation.cluster is ClusterState.UP:
        return Phrase("The cluster came up, but SkyPilot gave it no job.")
    return Phrase("Its launch was interrupted and does not continue.")


def find_job_end(observation: Observation) -> BeginTeardown | None:
    """Return the end that the job's state requires. It comes before any request, because it is what happened.

    A job that failed on a broken cluster did not fail by itself.
    """
    if observation.unhealthy and observation.job in (JobState.FAILED, JobState.FAILED_SETUP, JobState.FAILED_DRIVER):
        return BeginTeardown(Reason.CLUSTER_LOST, observation.unhealthy)
    match observation.job:
        case JobState.SUCCEEDED:
            return BeginTeardown(Reason.SUCCEEDED)
        case JobState.FAILED:
            return BeginTeardown(Reason.FAILED, observation.error)
        case JobState.FAILED_SETUP:
            return BeginTeardown(Reason.SETUP_FAILED, observation.error)
        case JobState.FAILED_DRIVER:
            return BeginTeardown(Reason.DRIVER_DIED, observation.error)
        case JobState.CANCELLED:
            return BeginTeardown(Reason.CANCELLED_EXTERNALLY, observation.error)
        case JobState.INIT | JobState.PENDING | JobState.SETTING_UP | JobState.RUNNING | None:
            return None


def find_launch_failure(run: Run, observation: Observation) -> BeginTeardown | None:
    """Return the end after a failed or cancelled launch; a job that exists all the same says more, and comes first."""
    if run.status is RunStatus.LAUNCHING and observation.job is None and run.observed.job is None:
        if observation.request is RequestState.FAILED:
            return BeginTeardown(Reason.LAUNCH_FAILED, observation.error)
        if observation.request is RequestState.CANCELLED:
            cancelled = Phrase("Someone cancelled its launch outside verlbot.")
            return BeginTeardown(Reason.CANCELLED_EXTERNALLY, observation.error or cancelled)
    return None


def find_cluster_stop(observation: Observation) -> BeginTeardown | None:
    """Return the end after a stopped cluster: it no longer trains, and its disks are still billed."""
    if observation.cluster is ClusterState.STOPPED:
        return BeginTeardown(Reason.CANCELLED_EXTERNALLY, Phrase("Someone stopped its cluster outside verlbot."))
    return None


def to_reason(ending: Ending) -> Reason:
    """Return the reason of a run whose cluster went away like this."""
    match ending:
        case Ending.DOWNED:
            return Reason.DOWNED_EXTERNALLY
        case Ending.AUTODOWNED:
            return Reason.AUTODOWNED
        case Ending.LOST:
            return Reason.CLUSTER_LOST
