"""A summary: the progress of a run since the last summary, sent to its thread every few steps or minutes."""

from dataclasses import replace
from datetime import datetime

from bot.core.run import Run
from bot.core.standings import Rhythm, Standing, Summary


def standing(run: Run, now: datetime) -> Standing:
    """Return a snapshot of the progress now."""
    found = run.progress
    return Standing(now, found.step, found.reward, found.validation, run.cost(now))


def summarised(run: Run, now: datetime, usual: Rhythm) -> Run:
    """Return the run, with a summary to send if one is due.

    The first step is where the first summary begins. A summary that is not sent yet grows into the next one; the run
    waits for an unconfirmed one.

    Args:
        default_interval: the interval of a run for which no person has set one.
    """
    if run.progress.step is None or run.over:
        return run
    here = standing(run, now)
    # The first summary begins at the first step.
    if run.summary is None:
        return replace(run, summary=Summary(0, here, here))
    last = run.summary
    if not is_due(last.now, here, run.rhythm or usual):
        return run
    posted = run.posted.get(last.key)
    # The last summary is unconfirmed.
    if posted and posted.ts is None:
        return run
    # The last summary is not sent yet, so it extends to now.
    if last.number and posted is None:
        return replace(run, summary=replace(last, now=here))
    kept = {key: one for key, one in run.posted.items() if key != last.key}
    return replace(run, summary=Summary(last.number + 1, last.now, here), posted=kept)


def is_due(last: Standing, here: Standing, rhythm: Rhythm) -> bool:
    """Return whether there is progress to report, and its time has come."""
    if here.step == last.step or here.step is None:
        return False
    enough = rhythm.steps is not None and here.step - (last.step or 0) >= rhythm.steps
    return enough or (rhythm.period is not None and here.at - last.at >= rhythm.period)
