"""What a run takes with it when it fails: dollars and steps since the last checkpoint that outlives it."""

from dataclasses import dataclass
from datetime import datetime

from bot.core.money import cost
from bot.core.run import Run


@dataclass(frozen=True, slots=True)
class Loss:
    """
    Attributes:
        dollars: None where the price is not known, or when that checkpoint was saved.
        since: the step of the checkpoint that is left, or None where all is lost.
        steps: that were done after it.
        whole: whether the run went on after that checkpoint, so that it has been written to its end, or it was opened
            after it was fetched.
    """

    dollars: float | None
    since: int | None = None
    steps: int = 0
    whole: bool = True


def loss(run: Run, now: datetime) -> Loss:
    """What of a run's cost nothing is left of.

    verl names a checkpoint before it writes it, and prints the step after that.
    """
    found, kept = run.progress, run.keeping
    fetched = (kept.step if kept.step is not None else found.checkpoint_step) if kept.fetched else None
    left = found.checkpoint_step if checkpoint_outlives(run) else fetched
    spent = run.cost(now)
    if left is None:
        return Loss(spent)
    saved_at = run.checkpoint_at if left == found.checkpoint_step else None
    since = cost(run.hourly, (run.ended_at or now) - saved_at) if saved_at else None
    dollars = None if spent is None or since is None else min(spent, since)
    step = found.step or 0
    return Loss(dollars, left, max(step - left, 0), step >= left or left == fetched)


def checkpoint_outlives(run: Run) -> bool:
    """Whether its newest checkpoint is where the cluster's end does not reach: in its own folder of its place."""
    return run.place is not None and run.id in (run.progress.checkpoint or "")
