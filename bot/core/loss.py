"""Computes what a failed run has lost: dollars and steps since the last checkpoint that survives it."""

from dataclasses import dataclass
from datetime import datetime

from bot.core.money import compute_cost
from bot.core.run import Run


@dataclass(frozen=True, slots=True)
class RunLoss:
    """What a failed run has lost.

    Attributes:
        dollars: None where the price is not known, or when that checkpoint was saved.
        checkpoint_step: the step of the surviving checkpoint; None where everything is lost.
        steps_lost: number of steps that were done after it.
        is_checkpoint_complete: whether the run continued after that checkpoint, so that it was written to its end, or
            it was opened after its download.
    """

    dollars: float | None
    checkpoint_step: int | None = None
    steps_lost: int = 0
    is_checkpoint_complete: bool = True


def compute_loss(run: Run, now: datetime) -> RunLoss:
    """Return the part of a run's cost that left no checkpoint.

    verl names a checkpoint before it writes it, and prints the step after that.
    """
    progress, rescue = run.progress, run.checkpoint_rescue
    downloaded_step = (
        (rescue.step if rescue.step is not None else progress.checkpoint_step) if rescue.is_downloaded else None
    )
    surviving_step = progress.checkpoint_step if checkpoint_outlives_cluster(run) else downloaded_step
    spent_dollars = run.cost(now)
    # No checkpoint survives, so the whole cost is lost.
    if surviving_step is None:
        return RunLoss(spent_dollars)
    saved_at = run.checkpoint_at if surviving_step == progress.checkpoint_step else None
    dollars_since = compute_cost(run.hourly_rate, (run.closed_at or now) - saved_at) if saved_at else None
    dollars = None if spent_dollars is None or dollars_since is None else min(spent_dollars, dollars_since)
    step = progress.step or 0
    return RunLoss(
        dollars,
        surviving_step,
        max(step - surviving_step, 0),
        step >= surviving_step or surviving_step == downloaded_step,
    )


def checkpoint_outlives_cluster(run: Run) -> bool:
    """Return whether the newest checkpoint survives the cluster.

    It does in the run's own folder of its checkpoint store, which the cluster's end does not reach.
    """
    return run.checkpoint_store is not None and run.id in (run.progress.checkpoint or "")
