"""An observation of a run: what one look at the outside showed, in SkyPilot's words."""

from dataclasses import dataclass
from enum import StrEnum

from bot.core.money import Bill


class RequestState(StrEnum):
    """The state of the newest launch request for a cluster's name.

    NONE is also the answer of a server that has forgotten its requests, as SkyPilot's does at a restart.
    """

    NONE = "none"
    LIVE = "live"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ClusterState(StrEnum):
    """The state in SkyPilot's record of a cluster; ABSENT means no record, which does not prove that the cluster is
    gone.
    """

    ABSENT = "absent"
    INIT = "init"
    UP = "up"
    STOPPED = "stopped"
    AUTOSTOPPING = "autostopping"


class JobState(StrEnum):
    """SkyPilot's job states (sky/skylet/job_lib.py, JobStatus)."""

    INIT = "init"
    PENDING = "pending"
    SETTING_UP = "setting_up"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_SETUP = "failed_setup"
    FAILED_DRIVER = "failed_driver"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Return whether the job is in a final state."""
        return self not in (JobState.INIT, JobState.PENDING, JobState.SETTING_UP, JobState.RUNNING)


class Ending(StrEnum):
    """The way a cluster ended, by its last event: the confirmation that it is gone."""

    DOWNED = "downed"  # by a `down` of the bot or of a person
    AUTODOWNED = "autodowned"  # by its own autostop
    LOST = "lost"  # its machines were lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The outside world as one look showed it.

    Attributes:
        request: the newest launch request.
        cluster: the cluster's record.
        job: the run's job, or None if the cluster has none. If a cluster cannot be queried for its job, there is no
            observation at all.
        job_id: its number on the cluster.
        error: why the launch, or else the job, failed: a sentence for people.
        ending: how the cluster ended, once its events show it.
        infra: where it runs, in words for people; empty while unknown.
        autostop_minutes: idle minutes after which the cluster removes itself; None for never.
        unhealthy: why SkyPilot considers a cluster broken that was up: a sentence; None if it does not.
        bill: the cost of the cluster as the provider reports it; None if unknown.
        recovering: whether the cloud is relaunching it because its machines were lost; recoveries: how often it has.
        keeps_log: whether its log can be read although its cluster is gone.
        cluster_id: the cloud's own id of the cluster, as in its list of clusters; empty if it shows none.
        server: identity of the memory behind the observation: it survives a restart of a server, and differs if its
            database is new, or if another server answers. Empty if unknown.
    """

    request: RequestState = RequestState.NONE
    cluster: ClusterState = ClusterState.ABSENT
    job: JobState | None = None
    job_id: int | None = None
    error: str | None = None
    ending: Ending | None = None
    infra: str = ""
    autostop_minutes: int | None = None
    unhealthy: str | None = None
    bill: Bill | None = None
    recovering: bool = False
    recoveries: int = 0
    keeps_log: bool = False
    cluster_id: str = ""
    server: str = ""

    @property
    def is_empty(self) -> bool:
        """Return whether no cluster exists and no launch is under way."""
        return self.cluster is ClusterState.ABSENT and self.request is not RequestState.LIVE
