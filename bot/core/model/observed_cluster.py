"""What observations have shown of a run's cluster, and what is uncertain about it. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from bot.core.model.cluster import (
    AutostopRepair,
    AutostopSetting,
    CloudMemory,
    JobState,
    Observation,
    Outage,
    PendingConfirmation,
    begin_repair,
)
from bot.core.model.managed_job import RecoveryHistory
from bot.phrase import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedCluster:
    """The cluster of a run as last observed.

    Attributes:
        job, job_id: the job, and its number on the cluster.
        infra: where the cluster is; empty while that is unknown.
        autostop_minutes: idle minutes after which it removes itself, as SkyPilot reports; None for never.
        autostop_repair: the repair of an autostop that differed from the requested one.
        recoveries: how often SkyPilot recovered a managed job.
        pending_confirmation: an ambiguous observation that needs another one.
        outage: when observations failed.
        memory: what the cloud has shown of the cluster, and whether the cloud still remembers it.
    """

    job: JobState | None = None
    job_id: int | None = None
    infra: str = ""
    autostop_minutes: int | None = None
    autostop_repair: AutostopRepair | None = None
    recoveries: RecoveryHistory = field(default_factory=RecoveryHistory)
    pending_confirmation: PendingConfirmation | None = None
    outage: Outage | None = None
    memory: CloudMemory = field(default_factory=CloudMemory)

    def record_launch_request(self, server: str) -> Self:
        """Return the cluster after it was requested from a server of that identity; empty if unknown."""
        return replace(self, memory=self.memory.record_request(server), pending_confirmation=None)

    def record_observation(self, observation: Observation, requested_minutes: int | None, now: datetime) -> Self:
        """Return the cluster as another observation shows it.

        Args:
            requested_minutes: idle minutes that the task requests; None for no autostop.
        """
        as_requested = observation.autostop_minutes == requested_minutes
        return replace(
            self,
            job=observation.job or self.job,
            job_id=observation.job_id if observation.job_id is not None else self.job_id,
            infra=observation.infra or self.infra,
            autostop_minutes=observation.autostop_minutes,
            autostop_repair=self.autostop_repair and self.autostop_repair.record_observation(as_requested, now),
            recoveries=self.recoveries.record_observation(observation.recovering, observation.recoveries, now),
            memory=self.memory.record_observation(observation, now),
            pending_confirmation=None,
            outage=replace(self.outage, until=self.outage.until or now) if self.outage else None,
        )

    def record_outage(self, now: datetime) -> Self:
        """Return the cluster after an observation that failed."""
        # The outage began with its first failed observation.
        return self if self.outage and self.outage.until is None else replace(self, outage=Outage(now))

    def record_memory_loss(self, now: datetime) -> Self:
        """Return the cluster as one that the cloud does not remember."""
        return replace(self, memory=self.memory.record_loss(now), pending_confirmation=None)

    def confirm_gone(self, by: str) -> Self:
        """Return the cluster with a person's confirmation that its machines are gone; see `CloudMemory`."""
        return replace(self, memory=self.memory.confirm_gone(by))

    def await_confirmation(self, confirmation: PendingConfirmation) -> Self:
        """Return the cluster with an ambiguous observation that only a later one can explain."""
        return replace(self, pending_confirmation=confirmation)

    def discard_confirmation(self) -> Self:
        """Return the cluster without a pending confirmation: what was uncertain is known, or begins again."""
        return replace(self, pending_confirmation=None)

    def discard_stale_confirmation(self, began: datetime) -> Self:
        """Return the cluster without a pending confirmation from before this time: an observer that began later must
        start it again.
        """
        is_stale = self.pending_confirmation is not None and self.pending_confirmation.last < began
        return self.discard_confirmation() if is_stale else self

    def begin_autostop_repair(self, observed_minutes: int | None, requested_minutes: int | None, now: datetime) -> Self:
        """Return the cluster as about to get its autostop set again, because an observation showed another one.

        Args:
            observed_minutes, requested_minutes: idle minutes; None for no autostop.
        """
        was_set = self.autostop_minutes == requested_minutes
        repair = begin_repair(self.autostop_repair, observed_minutes, was_set, now)
        return replace(self, autostop_repair=repair, autostop_minutes=observed_minutes, pending_confirmation=None)

    def record_autostop_setting(self, setting: AutostopSetting) -> Self:
        """Return the cluster after SkyPilot accepted the autostop."""
        return replace(self, autostop_repair=self.autostop_repair and self.autostop_repair.record_setting(setting))

    def record_autostop_refusal(self, why: Text) -> Self:
        """Return the cluster after SkyPilot refused the autostop: it cannot have one."""
        return replace(self, autostop_repair=self.autostop_repair and self.autostop_repair.record_refusal(why))
