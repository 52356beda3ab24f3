"""Merge the rows of two sources, a run's file of metrics and its console, so that each step counts once. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from bot.core.frameworks import FRAMEWORK
from bot.core.model.history import MAX_LATE_STEPS, MAX_METRICS, merge_rows
from bot.core.model.metrics import LogEvent, StepMetrics, TrainingResumed
from bot.core.model.rollout import FilePart, FilePosition, MetricsOrigin
from bot.phrase import N_, Phrase

BEFORE_FIRST_STEP = -1
"""The newest step of a training that has begun again and made no step."""

FILE_IS_BEHIND = N_("The newest steps are missing in the file {file}.")


class MetricsSource(StrEnum):
    """Where rows come from."""

    FILE = "file"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class MetricsMerge:
    """How far the rows of both sources are merged.

    A training that restarts is noticed in one source before the other. Until the other shows it too, its rows are
    those of the training before, which the restart has made void.

    Attributes:
        position: where the next read of the file begins.
        newest_step: the newest step that counts; None before any read of the file.
        last_steps: the last training step of each source since it began again.
        restarted: the source that shows a restart which the other does not show yet.
        has_more: whether the file has rows that are not read, so that those of the console come too early.
    """

    position: FilePosition = field(default_factory=FilePosition)
    newest_step: int | None = None
    last_steps: dict[MetricsSource, int] = field(default_factory=dict)
    restarted: MetricsSource | None = None
    has_more: bool = False

    def begin(self, step: int | None) -> Self:
        """Return the merge for a run whose record has rows up to this step, where the merge itself has none."""
        return (
            self
            if self.newest_step is not None
            else replace(self, newest_step=BEFORE_FIRST_STEP if step is None else step)
        )

    def move_file(self, part: FilePart) -> Self:
        """Return the merge before the rows of this part of the file; another file means that the training restarted."""
        old, new = self.position, part.position
        is_other = (old.name, old.identity) != (new.name, new.identity)
        merge = self.restart_source(MetricsSource.FILE) if is_other and MetricsSource.FILE in self.last_steps else self
        return replace(merge, position=new, has_more=part.has_more)

    def end_file(self, part: FilePart) -> Self:
        """Return the merge after the rows of this part; whatever the file brings later is of the same training as
        what the console shows.
        """
        return replace(self, restarted=None) if part.text and self.restarted is MetricsSource.CONSOLE else self

    def describe_origin(self) -> MetricsOrigin:
        """Return which source counts: the file, unless the console has steps that the file, read later, has not."""
        console, file = (
            self.last_steps.get(source, BEFORE_FIRST_STEP) for source in (MetricsSource.CONSOLE, MetricsSource.FILE)
        )
        if self.restarted is None and not self.has_more and console > file:
            return MetricsOrigin(why=Phrase(FILE_IS_BEHIND, file=self.position.name))
        return MetricsOrigin(self.position.name)

    def lose_file(self) -> Self:
        """Return the merge while the file cannot be read: the console alone counts."""
        return replace(self, restarted=None if self.restarted is MetricsSource.FILE else self.restarted, has_more=False)

    def take(
        self, source: MetricsSource, events: Iterable[LogEvent], recorded: Sequence[StepMetrics]
    ) -> tuple[Self, list[LogEvent], list[StepMetrics]]:
        """Return the merge after these events, those that count, and the rows to record.

        A late row adds to the recorded row of its step, and is no progress.

        Args:
            recorded: the last rows of the run, oldest first.
        """
        merge, counted, new, recent = self, list[LogEvent](), list[StepMetrics](), tuple(recorded)
        for event in events:
            if shows_restart(event, merge.last_steps.get(source)):
                merge = merge.restart_source(source)
            if not isinstance(event, StepMetrics):
                counted.append(event)
                continue
            merge = merge.follow_source(source, event)
            if row := merge.select_new_metrics(source, event, recent):
                new.append(row)
                recent = merge_rows([*recent, row])[-MAX_LATE_STEPS:]
                counted.extend([row] if row.step >= (merge.newest_step or 0) else [])
                merge = replace(merge, newest_step=max(row.step, merge.newest_step or 0))
        return merge, counted, new

    def follow_source(self, source: MetricsSource, row: StepMetrics) -> Self:
        """Return the merge with the last training step of a source."""
        if not FRAMEWORK.keys.is_training_step(row):
            return self
        return replace(self, last_steps={**self.last_steps, source: row.step})

    def restart_source(self, source: MetricsSource) -> Self:
        """Return the merge after a source showed that the training restarted."""
        others = {other: step for other, step in self.last_steps.items() if other is not source}
        if self.restarted not in (None, source):  # the other source has shown it before
            return replace(self, last_steps=others, restarted=None)
        return replace(self, last_steps=others, restarted=source, newest_step=BEFORE_FIRST_STEP)

    def select_new_metrics(
        self, source: MetricsSource, row: StepMetrics, recorded: Sequence[StepMetrics]
    ) -> StepMetrics | None:
        """Return the row, or of a recorded step the new metrics alone; None if there are none."""
        if self.restarted not in (None, source) or (source is MetricsSource.CONSOLE and self.has_more):
            return None
        if self.newest_step is None or row.step > self.newest_step:
            return row
        known = next((other for other in recorded[-MAX_LATE_STEPS:] if other.step == row.step), None)
        # Not every key of a long row is stored, so that a repeated one would seem to have new ones.
        if known is None or (len(row.values) > MAX_METRICS and not known.values.keys().isdisjoint(row.values)):
            return None
        values = {key: value for key, value in row.values.items() if key not in known.values}
        return replace(row, values=values) if values else None


def shows_restart(event: LogEvent, last_step: int | None) -> bool:
    """Return whether an event shows that the training restarted after this step of the same source.

    >>> shows_restart(TrainingResumed(4), None), shows_restart(TrainingResumed(4), 7)
    (False, True)
    """
    if last_step is None or not isinstance(event, TrainingResumed | StepMetrics):
        return False
    if isinstance(event, TrainingResumed):
        return True
    return event.step < last_step and FRAMEWORK.keys.is_training_step(event)
