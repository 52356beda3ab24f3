"""When to ask a run's program for a checkpoint, so that its end loses at most the step that is running. Pure."""

from datetime import datetime, timedelta

from bot.core.model.bot_clock import has_passed
from bot.core.model.cluster import Observation
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.save_grace import CheckpointGrace, find_end_time, is_writing_checkpoint, may_save

SAVE_MARGIN = timedelta(minutes=3)
"""Time for the writing of a checkpoint, beside that for the step that is running."""

STEP_SHARE = 1.5
"""How much longer than the mean a step may take."""


def must_request_save(run: Run, observation: Observation | None, now: datetime, grace: CheckpointGrace) -> bool:
    """Return whether to ask the program of a run for a checkpoint now: its end waits for one, or a limit is near.

    A program is asked once for one end, and again some time after a request that did not reach it.
    """
    if not run.plan.files.save_request or run.status is not RunStatus.RUNNING or not may_save(run, observation):
        return False
    began, rescue = find_save_start(run, now), run.checkpoint_rescue
    if began is None or now < began or is_writing_checkpoint(run) or has_saved_since(run, began):
        return False
    # The end of a budget moves by seconds with each bill.
    sent_at, failed_at = rescue.save_request_sent_at, rescue.save_request_failed_at
    if sent_at is not None and sent_at >= began - measure_save_time(run):
        return False
    return failed_at is None or has_passed(grace.download_retry, failed_at, now)


def find_save_start(run: Run, now: datetime) -> datetime | None:
    """Return since when a checkpoint is wanted before the end of a run; None where no end is in sight."""
    if wait := run.checkpoint_rescue.save_grace:
        return find_end_time(run, wait.reason, now)
    end = find_next_limit(run, now)
    return end - measure_save_time(run) if end else None


def find_next_limit(run: Run, now: datetime) -> datetime | None:
    """Return when the lease, the budget or a monthly budget ends a run, whichever is first; None where none does."""
    ends = [overrun.until for overrun in run.spending.budget_overruns if overrun.is_open and not overrun.is_report_only]
    if run.lease_ends_at:
        ends.append(run.lease_ends_at)
    rate, cost = run.spending.hourly_rate, run.cost(now)
    if rate and rate.dollars_per_hour and cost is not None:
        left_dollars = max(run.limits.budget_dollars - cost, 0.0)
        ends.append(now + min(timedelta(hours=left_dollars / rate.dollars_per_hour), run.limits.lease))
    return min(ends, default=None)


def measure_save_time(run: Run) -> timedelta:
    """Return how long a checkpoint may take from its request: a program saves when the running step ends."""
    return SAVE_MARGIN + timedelta(seconds=STEP_SHARE * (run.training.progress.seconds_per_step or 0.0))


def has_saved_since(run: Run, began: datetime) -> bool:
    """Return whether the newest checkpoint is of the newest step, or was saved since a time."""
    training = run.training
    return training.progress.checkpoint_step == training.progress.step or (
        training.checkpoint_at is not None and training.checkpoint_at >= began
    )
