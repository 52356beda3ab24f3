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
    """

    cluster: Cluster
    infra: str
    autostop_minutes: int | None
    unhealthy: str | None


@dataclass(frozen=True, slots=True)
class OwnedRecord:
    """A cluster of anybody's.

    Attributes:
        hash: SkyPilot's own name of it; launched_at: Unix seconds; dollars_per_hour: by the cost report.
    """

    record: ClusterRecord
    name: str
    hash: str
    user: str
    nodes: int
    launched_at: float | None
    labels: Mapping[str, str]
    dollars_per_hour: float | None


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
    """

    stands: bool
    dollars: float
    seconds: float
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers: SkyPilot's version, the user that the bot is there, and the infra that can be used."""

    version: str
    user: str
    infra: tuple[str, ...]
