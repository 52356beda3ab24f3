"""What one look at the outside showed of a run, in SkyPilot's words."""

from dataclasses import dataclass
from enum import StrEnum

from bot.core.money import Bill


class Request(StrEnum):
    """The newest launch request of a cluster's name.

    NONE is also what a server says that has forgotten its requests, as SkyPilot's does at a restart.
    """

    NONE = "none"
    LIVE = "live"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Cluster(StrEnum):
    """What SkyPilot's record says; ABSENT is no record, which is not yet a proof that it is gone."""

    ABSENT = "absent"
    INIT = "init"
    UP = "up"
    STOPPED = "stopped"
    AUTOSTOPPING = "autostopping"


class Job(StrEnum):
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
    def over(self) -> bool:
        """Whether the job can change no more."""
        return self not in (Job.INIT, Job.PENDING, Job.SETTING_UP, Job.RUNNING)


class Ending(StrEnum):
    """How a cluster went, as its last event tells: the confirmation that it is gone."""

    DOWNED = "downed"  # by a `down`, ours or a person's
    AUTODOWNED = "autodowned"  # by its own autostop
    LOST = "lost"  # its machines went away


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The outside world as one look showed it.

    Attributes:
        request: the newest launch request.
        cluster: the cluster's record.
        job: the run's job, or None where the cluster has none. A cluster that cannot be asked for
            its job has not been seen at all.
        job_id: its number on the cluster.
        error: why the launch, or else the job, failed: a sentence for people.
        ending: how the cluster went, once its events tell.
        infra: where it runs, in words for people; empty where not known yet.
        autostop_minutes: idle minutes after which the cluster removes itself; None for never.
        unhealthy: why SkyPilot takes a cluster that was up for broken: a sentence; None where it does not.
        bill: what the provider says that the cluster has cost; None where it does not know.
        recovering: whether the cloud is launching it anew because its machines went away; recoveries: how often it has.
        keeps_log: whether its log can be read though its cluster is gone.
        cluster_id: the cloud's own id of the cluster, as in its list of clusters; empty where it shows none.
        server: identity of the memory that the look came from: it stays through a restart of a server, and differs
            where its database is a new one, or where another server answers. Empty where that is not known.
    """

    request: Request = Request.NONE
    cluster: Cluster = Cluster.ABSENT
    job: Job | None = None
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
    def nothing(self) -> bool:
        """Whether nothing stands and nothing is under way."""
        return self.cluster is Cluster.ABSENT and self.request is not Request.LIVE
