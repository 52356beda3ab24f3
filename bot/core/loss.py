"""Computes what a failed run has lost: dollars and steps since the last checkpoint that survives it."""

from dataclasses import dataclass
from datetime import datetime

from bot.core.money import cost
from bot.core.run import Run


@dataclass(frozen=True, slots=True)
class Loss:
    """What a failed run has lost.

    Attributes:
        dollars: None where the price is not known, or when that checkpoint was saved.
        checkpoint_step: the step of the surviving checkpoint; None where everything is lost.
        steps_lost: number of steps that were done after it.
        is_checkpoint_complete: whether the run continued after that checkpoint, so that it was written to its end, or
            it was opened after its download.
    """

    dollars: float | None
    since: int | None = None
    steps: int = 0
    whole: bool = True


def loss(run: Run, now: datetime) -> Loss:
    """Return the part of a run's cost that left no checkpoint.

    verl names a checkpoint before it writes it, and prints the step after that.
    """
    found, kept = run.progress, run.keeping
    fetched = (kept.step if kept.step is not None else found.checkpoint_step) if kept.fetched else None
    left = found.checkpoint_step if checkpoint_outlives(run) else fetched
    spent = run.cost(now)
    # No checkpoint survives, so the whole cost is lost.
    if left is None:
        return Loss(spent)
    saved_at = run.checkpoint_at if left == found.checkpoint_step else None
    since = cost(run.hourly, (run.ended_at or now) - saved_at) if saved_at else None
    dollars = None if spent is None or since is None else min(spent, since)
    step = found.step or 0
    return Loss(dollars, left, max(step - left, 0), step >= left or left == fetched)


def checkpoint_outlives(run: Run) -> bool:
    """Return whether the newest checkpoint survives the cluster.

    It does in the run's own folder of its checkpoint store, which the cluster's end does not reach.
    """
    return run.place is not None and run.id in (run.progress.checkpoint or "")
