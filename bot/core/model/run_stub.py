"""The stub of a run, stored beside its record, so that a run with an unreadable record still ends. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from bot.core.model.cluster import Observation, is_forgotten
from bot.core.model.launch_plan import ClusterRef
from bot.core.model.orphan import RUN_CLUSTER_PREFIX
from bot.core.model.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStub:
    """The few fields of a run that are needed to end it: plain numbers and strings of any version.

    Attributes:
        requester, channel: Slack's ids of the person who launched it and of the channel that shows it; empty if
            unknown.
        managed: whether it is a managed job of SkyPilot's.
        launch_requested_at: Unix seconds of the first launch request; None if there was none, or if it is unknown.
        lease_ends_at: Unix seconds; None likewise.
        dollars_per_hour: of all its nodes; 0.0 if no price is known.
        was_shown: whether an observation has shown its cluster.
        server: identity of the memory that the cluster was requested from; see `bot.core.model.cluster.Observation`.
    """

    run_id: str
    requester: str = ""
    channel: str = ""
    managed: bool = False
    launch_requested_at: float | None = None
    lease_ends_at: float | None = None
    dollars_per_hour: float = 0.0
    was_shown: bool = False
    server: str = ""

    @classmethod
    def from_run(cls, run: Run) -> Self:
        """Return the stub of a run."""
        return cls(
            run_id=run.id,
            requester=run.requester,
            channel=run.messages.thread_channel or run.channel,
            managed=run.plan.managed,
            launch_requested_at=run.launch.first_requested_at.timestamp() if run.launch.first_requested_at else None,
            lease_ends_at=run.lease_ends_at.timestamp() if run.lease_ends_at else None,
            dollars_per_hour=run.spending.hourly_rate.dollars_per_hour if run.spending.hourly_rate else 0.0,
            was_shown=run.was_shown,
            server=run.observed.memory.server,
        )

    @property
    def cluster(self) -> str:
        """Return the name of its cluster, derived from its id as in `Run.cluster`."""
        return f"{RUN_CLUSTER_PREFIX}{self.run_id}"

    @property
    def cluster_ref(self) -> ClusterRef:
        """Return the reference that a cloud needs to observe its cluster."""
        launch_requested_at = (
            datetime.fromtimestamp(self.launch_requested_at, UTC) if self.launch_requested_at is not None else None
        )
        return ClusterRef(
            self.cluster,
            job_name=self.run_id,
            launch_requested_at=launch_requested_at,
            is_managed=self.managed,
            was_shown=self.was_shown,
        )

    def is_forgotten_by(self, observation: Observation) -> bool:
        """Return whether an observation without the cluster comes from a cloud that lost its memory of it."""
        return is_forgotten(self.was_shown, self.server, observation)

    @property
    def lease_end_time(self) -> datetime | None:
        return datetime.fromtimestamp(self.lease_ends_at, UTC) if self.lease_ends_at is not None else None

    def cost(self, now: datetime) -> float:
        """Return its cost by its rate since the first launch request; 0.0 if unknown."""
        if self.launch_requested_at is None:
            return 0.0
        hours = timedelta(seconds=now.timestamp() - self.launch_requested_at) / timedelta(hours=1)
        return self.dollars_per_hour * max(hours, 0.0)
