"""The training of a run as its log shows it: progress, checkpoints, health, and the last summary. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from bot.core.model.health_state import HealthState
from bot.core.model.progress import Progress
from bot.core.model.rollout import FindingSamples, MetricsOrigin
from bot.core.model.run_state import Summary
from bot.phrase import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """The state of a training.

    Attributes:
        progress: as the log reports it.
        checkpoint_at: when its newest checkpoint was first read in the log.
        health: the findings in it, and the resolved ones.
        unreliable_metrics: why metrics are meaningless, by key.
        summary: the last summary in its thread, or the next one to send.
        finding_samples: what the model answered when a finding opened, oldest first.
        metrics_origin: where its metrics were read last; None before the first look for its file of metrics.
    """

    progress: Progress = field(default_factory=Progress)
    checkpoint_at: datetime | None = None
    health: HealthState = field(default_factory=HealthState)
    unreliable_metrics: Mapping[str, Text] = field(default_factory=dict)
    summary: Summary | None = None
    finding_samples: tuple[FindingSamples, ...] = ()
    metrics_origin: MetricsOrigin | None = None

    def record_progress(self, progress: Progress, now: datetime) -> Self:
        """Return the training with this progress, and the time of a new checkpoint."""
        saved = progress.checkpoint_step != self.progress.checkpoint_step
        return replace(self, progress=progress, checkpoint_at=now if saved else self.checkpoint_at)

    def record_health(self, health: HealthState, unreliable_metrics: Mapping[str, Text]) -> Self:
        """Return the training with its health after new rows."""
        return replace(self, health=health, unreliable_metrics=unreliable_metrics)

    def record_finding_samples(self, samples: FindingSamples) -> Self:
        """Return the training with the samples of one more finding."""
        return replace(self, finding_samples=(*self.finding_samples, samples))

    def record_newest_checkpoint(self, folder: str, step: int) -> Self:
        """Return the training with the newest checkpoint that its cluster has, which overrides the log."""
        if step == self.progress.checkpoint_step:
            return replace(self, progress=replace(self.progress, checkpoint=folder))
        progress = replace(self.progress, checkpoint=folder, checkpoint_step=step)
        # The log has not shown when it was saved.
        return replace(self, progress=progress, checkpoint_at=None)
