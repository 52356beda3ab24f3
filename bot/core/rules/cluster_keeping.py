"""How long a failed run's cluster is kept, so that people can look at it before it is removed. Pure."""

from datetime import datetime

from bot.core.model.bot_clock import has_passed
from bot.core.model.cluster import Observation
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.end_causes import REASON_BY_RULE, list_exceeded_limits
from bot.core.rules.save_grace import CheckpointGrace, find_deadline

KEPT_REASONS = frozenset({Reason.FAILED, Reason.SETUP_FAILED, Reason.DRIVER_DIED})
"""Reasons for which there is something to look at: the job failed by itself, on machines that are still there."""


def find_keep_end(run: Run) -> datetime | None:
    """Return until when the cluster of a failed run is kept, at most to the end of its lease and of its budgets, the
    monthly ones too.

    None for a run whose cluster is not kept. SkyPilot removes the machines of a managed job when its program ends.
    """
    if run.reason not in KEPT_REASONS or not run.plan.keep_on_failure or run.finished_at is None or run.plan.managed:
        return None
    overruns = [one.until for one in run.spending.budget_overruns if one.is_open and not one.is_report_only]
    ends = (run.finished_at + run.plan.keep_on_failure, find_deadline(run), *overruns)
    return min(filter(None, ends))


def is_kept(run: Run, now: datetime) -> bool:
    """Return whether the cluster of a failed run is kept now; a stop, the lease or the budget ends that at once."""
    until = find_keep_end(run) if may_be_kept(run) else None
    # The monthly budgets that are enforced are among the ends.
    is_spent = not REASON_BY_RULE.keys().isdisjoint(list_exceeded_limits(run, now))
    return until is not None and now < until and not is_spent


def may_be_kept(run: Run) -> bool:
    """Return whether the record of a failed run says that its cluster is kept, whatever the time is."""
    is_open = run.status is RunStatus.STOPPING and run.teardown.requested_at is None
    return is_open and find_keep_end(run) is not None and run.requests.stop_requested_by is None


def find_keep_stop(run: Run) -> datetime | None:
    """Return when the cluster was no longer kept: at a person's stop, or else at the end of its time."""
    until, stopped_at = find_keep_end(run), run.requests.stop_requested_at
    return min(until, stopped_at) if until and stopped_at else until


def must_postpone_for_look(run: Run, observation: Observation, now: datetime, grace: CheckpointGrace) -> bool:
    """Return whether to postpone the autostop of a kept cluster now: it is idle, and would remove itself earlier.

    The autostop stays, as the net below the bot's own removal.
    """
    until, rescue = find_keep_end(run), run.checkpoint_rescue
    autostops = (run.plan.autostop_minutes, run.observed.autostop_minutes, observation.autostop_minutes)
    is_late_enough = until is None or (rescue.autostop_postponed_until or run.created_at) >= until
    if is_late_enough or observation.is_empty or not any(autostops):
        return False
    tried_at = rescue.autostop_postpone_failed_at
    return tried_at is None or has_passed(grace.download_retry, tried_at, now)
