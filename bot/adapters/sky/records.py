"""What the calls of SkyPilot bring back: plain values, which travel between processes."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.seen import Cluster, Job, Request


@dataclass(frozen=True, slots=True)
class LaunchRecord:
    """The newest launch request of a cluster.

    Attributes:
        id: SkyPilot's id of the request.
        error: why it failed, a sentence.
    """

    id: str
    request: Request
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """A cluster as SkyPilot's table has it.

    Attributes:
        infra: where it runs, such as `slurm/testbed`.
        autostop_minutes: idle minutes after which it removes itself, or None.
        unhealthy: why SkyPilot takes it for broken, or None.
        hash: SkyPilot's own id of it, which another cluster of the same name does not have.
    """

    cluster: Cluster
    infra: str
    autostop_minutes: int | None
    unhealthy: str | None
    hash: str = ""


@dataclass(frozen=True, slots=True)
class OwnedRecord:
    """A cluster of anybody's.

    Attributes:
        hash: SkyPilot's own name of it; launched_at: Unix seconds; dollars_per_hour: by the cost report.
        gpus: accelerators of one node.
    """

    record: ClusterRecord
    name: str
    hash: str
    user: str
    nodes: int
    launched_at: float | None
    labels: Mapping[str, str]
    dollars_per_hour: float | None
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """Launch requests and clusters by the cluster's name; what is not there has no entry."""

    launches: Mapping[str, LaunchRecord]
    clusters: Mapping[str, ClusterRecord]


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job of a cluster's queue.

    Attributes:
        broken: of one that failed, why its cluster is taken for broken; None where that is whole.
    """

    id: int
    job: Job
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A cluster in SkyPilot's cost report, where it stays when it is gone.

    Attributes:
        stands: whether SkyPilot still has it in its table.
        dollars: what it has cost by SkyPilot's prices; 0 where SkyPilot has none for it.
        seconds: how long it was used.
        events: what happened to it, oldest first; told only of one that is gone.
        hash: SkyPilot's own id of it.
    """

    stands: bool
    dollars: float
    seconds: float
    events: tuple[str, ...] = ()
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What SkyPilot remembers of clusters.

    Attributes:
        histories: by the cluster's name; one that it has never heard of has no entry.
        server: identity of its database; empty where it does not tell.
    """

    histories: Mapping[str, History]
    server: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers: SkyPilot's version, the user that the bot is there, and the infra that can be used."""

    version: str
    user: str
    infra: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ManagedRecord:
    """A managed job as SkyPilot's table has it.

    Attributes:
        status: in SkyPilot's word (sky/jobs/state.py, ManagedJobStatus).
        done: whether its controller has nothing more to do for it, the removal of its cluster included.
        infra: where it runs; empty while it runs nowhere.
        recoveries: how often SkyPilot has launched it anew and counts that.
        error: why it failed, a sentence.
        user: whose it is; since: Unix seconds of when it was submitted.
        asked: what tells orders of one name apart, as its task says; empty where it says nothing.
    """

    id: int
    name: str
    status: str
    done: bool
    infra: str = ""
    recoveries: int = 0
    error: str | None = None
    user: str = ""
    since: float | None = None
    asked: str = ""


@dataclass(frozen=True, slots=True)
class ManagedLook:
    """Managed jobs and launches of them, by the job's name; what is not there has no entry.

    Attributes:
        stopped: whether the controller has stopped itself, because no job was left; known: names that had one.
        unclaimed: whether launches are under way of which nobody knows whose they are.
        server: identity of the server's database; empty where it does not tell, or where no name is missing.
    """

    jobs: Mapping[str, ManagedRecord]
    launches: Mapping[str, LaunchRecord]
    stopped: bool = False
    known: frozenset[str] = frozenset()
    unclaimed: bool = False
    server: str = ""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of all clusters that a managed job has had.

    Attributes:
        dollars: by SkyPilot's prices, 0 where it has none; seconds: while one of them stood.
        stands: whether one stands now.
    """

    dollars: float
    seconds: float
    stands: bool
