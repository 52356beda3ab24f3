"""Events that the lines of a log report: metrics of a step, the number of steps, progress, checkpoints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core.row import StepMetrics


@dataclass(frozen=True, slots=True)
class TotalSteps:
    """The number of steps that the training will have."""

    steps: int


@dataclass(frozen=True, slots=True)
class ProgressBar:
    """A progress bar: how many steps are done, and how many seconds one takes."""

    steps_done: int
    total_steps: int
    seconds_per_step: float


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A checkpoint that was saved at a step, and its folder."""

    folder: str
    step: int


@dataclass(frozen=True, slots=True)
class TrainingResumed:
    """The training resumes from a checkpoint: its next step is the one after `step`."""

    step: int


LogEvent = StepMetrics | TotalSteps | ProgressBar | CheckpointSaved | TrainingResumed


def select_step_metrics(events: Sequence[LogEvent]) -> Iterator[StepMetrics]:
    """Yield the metrics among the events of a log, in order."""
    return (event for event in events if isinstance(event, StepMetrics))
