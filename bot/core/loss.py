"""What a run takes with it when it fails: dollars and steps since the last checkpoint that outlives it."""

from dataclasses import dataclass
from datetime import datetime

from bot.core.money import cost
from bot.core.run import Run


@dataclass(frozen=True, slots=True)
class Loss:
    """
    Attributes:
        dollars: None where nobody knows the price.
        since: the step of the checkpoint that is left, or None where all is lost.
        steps: that were done after it.
        whole: whether the run went on after that checkpoint, so that it has been written to its end.
    """

    dollars: float | None
    since: int | None = None
    steps: int = 0
    whole: bool = True


def loss(run: Run, now: datetime) -> Loss:
    """What of a run's cost nothing is left of.

    verl names a checkpoint before it writes it, and prints the step after that.
    """
    found = run.progress
    left = checkpoint_outlives(run) or run.keeping.fetched
    if not left or found.checkpoint_step is None or run.checkpoint_at is None:
        return Loss(run.cost(now))
    spent = run.cost(now)
    since = cost(run.hourly, (run.ended_at or now) - run.checkpoint_at)
    dollars = None if spent is None or since is None else min(spent, since)
    step = found.step or 0
    return Loss(dollars, found.checkpoint_step, max(step - found.checkpoint_step, 0), step >= found.checkpoint_step)


def checkpoint_outlives(run: Run) -> bool:
    """Whether its newest checkpoint is where the cluster's end does not reach: in its own folder of its place."""
    return run.place is not None and run.id in (run.progress.checkpoint or "")
