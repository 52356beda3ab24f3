"""A summary: how far a run has come since the last one, told in its thread every so many steps or minutes."""

from dataclasses import replace
from datetime import datetime

from bot.core.run import Run
from bot.core.standings import Rhythm, Standing, Summary


def standing(run: Run, now: datetime) -> Standing:
    """Where it stands now."""
    found = run.progress
    return Standing(now, found.step, found.reward, found.validation, run.cost(now))


def summarised(run: Run, now: datetime, usual: Rhythm) -> Run:
    """The run, with a summary to be told where its time has come.

    Its first step is where the first summary begins. One that Slack has not taken yet grows into the next; one of
    unknown fate is waited for.

    Args:
        usual: the rhythm of a run for which nobody has set one.
    """
    if run.progress.step is None or run.over:
        return run
    here = standing(run, now)
    if run.summary is None:
        return replace(run, summary=Summary(0, here, here))
    last = run.summary
    if not is_due(last.now, here, run.rhythm or usual):
        return run
    posted = run.posted.get(last.key)
    if posted and posted.ts is None:
        return run
    if last.number and posted is None:
        return replace(run, summary=replace(last, now=here))
    kept = {key: one for key, one in run.posted.items() if key != last.key}
    return replace(run, summary=Summary(last.number + 1, last.now, here), posted=kept)


def is_due(last: Standing, here: Standing, rhythm: Rhythm) -> bool:
    """Whether there is something to tell, and it is time."""
    if here.step == last.step or here.step is None:
        return False
    enough = rhythm.steps is not None and here.step - (last.step or 0) >= rhythm.steps
    return enough or (rhythm.period is not None and here.at - last.at >= rhythm.period)
