"""A summary: the progress of a run since the last summary, sent to its thread every few steps or minutes."""

from dataclasses import replace
from datetime import datetime

from bot.core.run import Run
from bot.core.standings import ProgressSnapshot, Summary, SummaryInterval


def take_snapshot(run: Run, now: datetime) -> ProgressSnapshot:
    """Return a snapshot of the progress now."""
    progress = run.progress
    return ProgressSnapshot(now, progress.step, progress.reward, progress.validation, run.cost(now))


def prepare_summary(run: Run, now: datetime, default_interval: SummaryInterval) -> Run:
    """Return the run, with a summary to send if one is due.

    The first step is where the first summary begins. A summary that is not sent yet grows into the next one; the run
    waits for an unconfirmed one.

    Args:
        default_interval: the interval of a run for which no person has set one.
    """
    if run.progress.step is None or run.is_finished:
        return run
    current = take_snapshot(run, now)
    # The first summary begins at the first step.
    if run.summary is None:
        return replace(run, summary=Summary(0, current, current))
    last = run.summary
    if not is_summary_due(last.now, current, run.summary_interval or default_interval):
        return run
    last_message = run.sent_messages.get(last.key)
    # The last summary is unconfirmed.
    if last_message and last_message.ts is None:
        return run
    # The last summary is not sent yet, so it extends to now.
    if last.number and last_message is None:
        return replace(run, summary=replace(last, now=current))
    other_messages = {key: message for key, message in run.sent_messages.items() if key != last.key}
    return replace(run, summary=Summary(last.number + 1, last.now, current), sent_messages=other_messages)


def is_summary_due(last: ProgressSnapshot, current: ProgressSnapshot, interval: SummaryInterval) -> bool:
    """Return whether there is progress to report, and its time has come."""
    if current.step == last.step or current.step is None:
        return False
    enough = interval.steps is not None and current.step - (last.step or 0) >= interval.steps
    return enough or (interval.period is not None and current.at - last.at >= interval.period)
