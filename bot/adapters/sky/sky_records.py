"""Results of SkyPilot's calls: plain values, which travel between processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.core.model.cluster import ClusterState, JobState, RequestState
from bot.phrase import Text


@dataclass(frozen=True, slots=True)
class LaunchRecord:
    """The newest launch request of a cluster.

    Attributes:
        id: SkyPilot's id of the request.
        error: why it failed, a sentence.
    """

    id: str
    request: RequestState
    error: Text | None = None


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """A cluster as SkyPilot's table has it.

    Attributes:
        infra: where it runs, such as `slurm/testbed`.
        autostop_minutes: idle minutes after which it removes itself, or None.
        unhealthy: why SkyPilot takes it for broken, or None.
        hash: SkyPilot's own id, which differs from that of another cluster of the same name.
    """

    state: ClusterState
    infra: str
    autostop_minutes: int | None
    unhealthy: Text | None
    hash: str = ""


@dataclass(frozen=True, slots=True)
class InventoryRecord:
    """A cluster of any user's.

    Attributes:
        hash: SkyPilot's own id of the cluster; launched_at: Unix seconds; dollars_per_hour: by the cost report.
        gpus: accelerators of one node.
    """

    cluster: ClusterRecord
    name: str
    hash: str
    user: str
    nodes: int
    launched_at: float | None
    labels: Mapping[str, str]
    dollars_per_hour: float | None
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """Launch requests and clusters by the cluster's name; a name without one has no entry."""

    launches: Mapping[str, LaunchRecord]
    clusters: Mapping[str, ClusterRecord]


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job of a cluster's queue.

    Attributes:
        cluster_problem: for a failed job, why its cluster is taken for broken; None where the cluster is healthy.
    """

    id: int
    job: JobState
    cluster_problem: Text | None = None


@dataclass(frozen=True, slots=True)
class ClusterCosts:
    """A cluster in SkyPilot's cost report, which also lists clusters that are gone.

    Attributes:
        exists: whether SkyPilot still has it in its table.
        dollars: what it has cost by SkyPilot's prices; 0 where SkyPilot has none for it.
        seconds: how long it was used.
        events: the cluster's events, oldest first; only of a cluster that is gone.
        hash: SkyPilot's own id of it.
    """

    exists: bool
    dollars: float
    seconds: float
    events: tuple[str, ...] = ()
    hash: str = ""


@dataclass(frozen=True, slots=True)
class ClusterCostHistory:
    """SkyPilot's cost report of some clusters.

    Attributes:
        costs: by the cluster's name; a cluster that SkyPilot does not know has no entry.
        server: identity of SkyPilot's database; empty where the server does not report it.
    """

    costs: Mapping[str, ClusterCosts]
    server: str = ""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server that answers: SkyPilot's version, the bot's user there, and the usable infra."""

    version: str
    user: str
    infra: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ManagedJobRecord:
    """A managed job as SkyPilot's table has it.

    Attributes:
        status: SkyPilot's word (sky/jobs/state.py, ManagedJobStatus).
        done: whether its controller has finished all work for it, the removal of its cluster included.
        infra: where it runs; empty while it has no machines.
        recoveries: number of relaunches that SkyPilot counts.
        error: why it failed, a sentence.
        user: its owner; since: Unix seconds of its submission.
        order_id: what distinguishes orders of one name, as the job's task says; empty where the task says nothing.
        tags: what its launch order wrote on it.
    """

    id: int
    name: str
    status: str
    done: bool
    infra: str = ""
    recoveries: int = 0
    error: Text | None = None
    user: str = ""
    since: float | None = None
    order_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ManagedJobSnapshot:
    """Managed jobs and their launches, by the job's name; a name without one has no entry.

    Attributes:
        controller_stopped: whether the controller has stopped itself, because no job was left; names_with_job: names
            that had one.
        has_unclaimed_launches: whether launches are under way that cannot be assigned to a name.
        server: identity of the server's database; empty where the server does not report it, or where no name is
            missing.
    """

    jobs: Mapping[str, ManagedJobRecord]
    launches: Mapping[str, LaunchRecord]
    controller_stopped: bool = False
    names_with_job: frozenset[str] = frozenset()
    has_unclaimed_launches: bool = False
    server: str = ""


@dataclass(frozen=True, slots=True)
class ManagedJobCosts:
    """The costs of all clusters that a managed job has had.

    Attributes:
        dollars: by SkyPilot's prices, 0 where it has none; seconds: while one of the clusters existed.
        has_cluster: whether a cluster exists now.
    """

    dollars: float
    seconds: float
    has_cluster: bool
