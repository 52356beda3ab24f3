"""SkyPilot as it behaves: requests, clusters, jobs, events, costs. A state machine, without HTTP and without a clock.

It is harsh where SkyPilot is (facts of 0.14): a launch has no idempotency key, so that a second one on a
name appends a second job; request ids are forgotten at a restart; a launch that fails after provisioning
leaves its cluster; a removal finds nothing before the cluster has a record, and the launch goes on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.doubles.sky_jobs import ManagedJobs

ACTIVE = ("PENDING", "WAITING", "RUNNING")
LIVE_JOBS = ("INIT", "PENDING", "SETTING_UP", "RUNNING")


class Failure(Exception):
    """An exception of SkyPilot's, by its name."""

    def __init__(self, kind: str, message: str, attributes: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.attributes = attributes or {}


@dataclass(slots=True)
class Ask:
    """A request that changes something.

    Attributes:
        error: type and message of the exception that it failed with.
        at: when it came; left: the rest of what it does, each with its time after that.
    """

    name: str
    cluster: str
    at: float
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "PENDING"
    error: tuple[str, str] | None = None
    left: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    user: str = "bot"


@dataclass(slots=True)
class Job:
    id: int
    name: str
    status: str = "PENDING"


@dataclass(slots=True)
class Machines:
    """A cluster, standing or gone.

    Attributes:
        hidden: whether its record is dropped from `status`, as one that cannot be read is.
        reachable: whether its queue and its log answer; set_up: whether it was set up, so that it has them.
        broken: what a refresh finds wrong with it.
        gone_at: when it went, or None.
    """

    name: str
    nodes: int
    since: float
    hash: str = field(default_factory=lambda: str(uuid4()))
    status: str = "INIT"
    autostop: int = -1
    to_down: bool = False
    jobs: list[Job] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    unhealthy: str | None = None
    hidden: bool = False
    reachable: bool = True
    set_up: bool = True
    broken: str | None = None
    gone_at: float | None = None


@dataclass(slots=True)
class Pace:
    """Seconds after the request of a launch, and of a removal."""

    record: float = 1.0
    up: float = 3.0
    submitted: float = 4.0
    running: float = 5.0
    removed: float = 3.0


@dataclass(slots=True)
class Database:
    """What a server remembers.

    Attributes:
        born: when it was made, in Unix seconds; its oldest users are as old.
        rows, jobs, job_graves: of managed jobs.
    """

    born: int
    clusters: dict[str, Machines] = field(default_factory=dict)
    graves: list[Machines] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)
    jobs: dict[str, Machines] = field(default_factory=dict)
    job_graves: list[Machines] = field(default_factory=list)


@dataclass
class World:
    """What SkyPilot knows, and what really stands.

    Attributes:
        now: Unix seconds.
        dollars_per_node_hour: SkyPilot's price; 0 for none.
        refuses_removal: type and message with which every `down` fails; None for none.
        cannot_autostop: why no cluster can have an autostop, if so.
        refuses: type and message with which `validate` refuses every task; None for none.
        fails: for a cluster, type and message with which its launch fails, and after how many seconds.
        waits: clusters whose launch waits for room.
        launched: jobs that were ever submitted, by cluster: more than one is a double launch.
        jobs: the managed ones.
        interrupted: clusters whose launch a restart has cut off for good.
        born: when the database that answers was made.
        away: one that does not answer, whose clusters stand all the same.
    """

    now: Callable[[], float]
    pace: Pace = field(default_factory=Pace)
    dollars_per_node_hour: float = 2.0
    accelerators: dict[str, float] = field(default_factory=lambda: {"H100": 2.0})
    refuses: tuple[str, str] | None = None
    refuses_removal: tuple[str, str] | None = None
    cannot_autostop: str = ""
    fails: dict[str, tuple[str, str, float]] = field(default_factory=dict)
    waits: set[str] = field(default_factory=set)
    asks: list[Ask] = field(default_factory=list)
    clusters: dict[str, Machines] = field(default_factory=dict)
    graves: list[Machines] = field(default_factory=list)
    launched: dict[str, int] = field(default_factory=dict)
    interrupted: set[str] = field(default_factory=set)
    born: int = 1
    away: Database | None = None
    jobs: "ManagedJobs" = field(init=False)

    def __post_init__(self) -> None:
        from tests.doubles.sky_jobs import ManagedJobs  # each knows the other

        self.jobs = ManagedJobs(self)

    # what a client may ask for

    def launch(self, cluster: str, task: dict[str, Any]) -> Ask:
        ask = self._ask("sky.launch", cluster)
        ask.left = list(self._launching(ask, task))
        return ask

    def down(self, cluster: str) -> Ask:
        """The removal of a cluster; it ends the launches of its name, if there is anything to remove yet."""
        ask = self._ask("sky.down", cluster)
        ask.left = [(0.0, lambda: self._down(ask))]
        return ask

    def autostop(self, cluster: str, minutes: int, down: bool, user: str = "bot") -> Ask:
        """Set or, below 0, cancel the autostop of a cluster that is up."""
        ask = self._ask("sky.autostop", cluster)
        ask.user = user
        found = self.clusters.get(cluster)
        if found is None:
            fail(ask, "ClusterDoesNotExist", f"Cluster {cluster!r} does not exist.")
        elif self.cannot_autostop and minutes >= 0:
            fail(ask, "NotSupportedError", self.cannot_autostop)
        else:
            found.autostop, found.to_down = minutes, down
            ask.status = "SUCCEEDED"
        return ask

    def cancel_requests(self, ids: list[str]) -> list[str]:
        found = [ask for ask in self.asks if ask.id in ids and ask.status in ACTIVE]
        for ask in found:
            ask.status, ask.left = "CANCELLED", []
        return [ask.id for ask in found]

    def reach(self, name: str) -> Machines:
        """Return a cluster whose head answers.

        Raises:
            Failure: SkyPilot's own, for one that does not.
        """
        found = self.clusters.get(name)
        if found is None:
            raise Failure("ClusterDoesNotExist", f"Cluster {name!r} does not exist.")
        if not found.set_up:
            raise Failure("ClusterNotUpError", f"Cluster {name!r} has been stopped or not properly set up.")
        if not found.reachable:
            raise Failure("CommandError", "ssh: connect to host 10.0.0.1 port 22: Connection timed out")
        return found

    def cancel_jobs(self, cluster: str, ids: list[int]) -> None:
        for job in self.clusters[cluster].jobs:
            if job.id in ids and job.status in LIVE_JOBS:
                job.status = "CANCELLED"

    # what happens

    def advance(self) -> None:
        """Let everything happen that is due by now, in its order."""
        self._advance()
        self.jobs.advance()

    def _advance(self) -> None:
        now = self.now()
        while due := min(
            ((ask.at + ask.left[0][0], number) for number, ask in enumerate(self.asks) if ask.left), default=None
        ):
            if due[0] > now:
                return
            ask = self.asks[due[1]]
            ask.left.pop(0)[1]()

    def restart(self) -> None:
        """The server is killed and started again: requests are forgotten, and what they did stays half done."""
        self.advance()
        self.interrupted |= {ask.cluster for ask in self.asks if ask.name == "sky.launch" and ask.status in ACTIVE}
        self.asks.clear()
        for name in self.interrupted & self.clusters.keys():
            if not self.clusters[name].jobs:  # its machines are up, and so is it for the next refresh
                self.clusters[name].status, self.clusters[name].set_up = "UP", False

    def forget(self) -> None:
        """The server is started with another database, as after its own was deleted, or another server answers.

        The second time the first one answers again, and does not know the requests to the other.
        """
        self.restart()
        away = self.away or Database(self.born + 1)
        jobs = self.jobs
        self.away = Database(self.born, self.clusters, self.graves, jobs.rows, jobs.clusters, jobs.graves)
        self.born, self.clusters, self.graves = away.born, away.clusters, away.graves
        jobs.rows, jobs.clusters, jobs.graves = away.rows, away.jobs, away.job_graves

    def remove_by_hand(self, cluster: str) -> None:
        """A person removes what no server remembers that answers."""
        if self.away:
            self.away.clusters.pop(cluster, None)

    def submit(self, cluster: str, task: dict[str, Any]) -> None:
        """One more job on a cluster, as of a second launch of its name."""
        jobs = self.clusters[cluster].jobs
        jobs.append(Job(len(jobs) + 1, str(task.get("name"))))
        self.launched[cluster] = self.launched.get(cluster, 0) + 1

    def refresh(self, cluster: str) -> None:
        """SkyPilot looks at the machines, and not only into its table."""
        if (found := self.clusters.get(cluster)) and found.broken:
            found.status, found.unhealthy = "INIT", found.broken

    def finish(self, cluster: str, status: str) -> None:
        """The job of a cluster ends so."""
        for job in self.clusters[cluster].jobs[:1]:
            job.status = status

    def vanish(self, cluster: str, *events: str) -> None:
        """The machines of a cluster go, and SkyPilot notices."""
        found = self.clusters.pop(cluster)
        found.events += events or ("All nodes terminated, cleaning up the cluster.",)
        found.gone_at = self.now()
        self.graves.append(found)

    def autodown(self, cluster: str) -> None:
        self.vanish(cluster, "Cluster is autodowning.", "All nodes terminated, cleaning up the cluster.")

    def reset_autostop(self, cluster: str) -> None:
        """What SkyPilot does to a cluster that it found abnormal."""
        self.clusters[cluster].autostop, self.clusters[cluster].to_down = -1, False

    def standing(self) -> list[str]:
        """What bills, whether or not a server remembers it."""
        away = [*self.away.clusters, *self.away.jobs] if self.away else []
        return sorted([*self.clusters, *self.jobs.clusters, *away])

    def _ask(self, name: str, cluster: str) -> Ask:
        ask = Ask(name, cluster, self.now())
        self.asks.append(ask)
        return ask

    def _launching(self, ask: Ask, task: dict[str, Any]) -> Iterator[tuple[float, Callable[[], None]]]:
        pace, name = self.pace, ask.cluster
        if name in self.waits:
            yield 0.0, lambda: set_status(ask, "WAITING")
            return
        yield 0.0, lambda: set_status(ask, "RUNNING")
        if failure := self.fails.get(name):
            kind, message, seconds = failure
            if seconds >= pace.record:
                yield pace.record, lambda: self._provision(name, task)
            yield seconds, lambda: fail(ask, kind, message)
            return
        yield pace.record, lambda: self._provision(name, task)
        yield pace.up, lambda: self._come_up(name)
        yield pace.submitted, lambda: self._submit(ask, task)
        yield pace.running, lambda: self._run(name)

    def _provision(self, name: str, task: dict[str, Any]) -> None:
        if name not in self.clusters:
            labels = dict((task.get("resources") or {}).get("labels") or {})
            self.clusters[name] = Machines(name, int(task.get("num_nodes") or 1), self.now(), labels=labels)
        self.clusters[name].status = "INIT"
        self.clusters[name].events.append("Provisioning")

    def _come_up(self, name: str) -> None:
        if name in self.clusters:
            self.clusters[name].status = "UP"
            self.clusters[name].events.append("All nodes up; SkyPilot runtime healthy.")

    def _submit(self, ask: Ask, task: dict[str, Any]) -> None:
        if ask.cluster not in self.clusters:
            fail(ask, "ClusterDoesNotExist", f"Cluster {ask.cluster!r} does not exist.")
            return
        found = self.clusters[ask.cluster]
        autostop = (task.get("resources") or {}).get("autostop") or {}
        if autostop:
            found.autostop, found.to_down = int(autostop.get("idle_minutes", 5)), bool(autostop.get("down"))
        self.submit(ask.cluster, task)
        ask.status = "SUCCEEDED"

    def _run(self, name: str) -> None:
        jobs = self.clusters[name].jobs if name in self.clusters else []
        if jobs and not any(job.status == "RUNNING" for job in jobs) and jobs[-1].status == "PENDING":
            jobs[-1].status = "RUNNING"

    def _down(self, ask: Ask) -> None:
        if self.refuses_removal:
            fail(ask, *self.refuses_removal)
            return
        if ask.cluster in self.jobs.clusters:
            self.jobs.remove(ask.cluster)
            ask.status = "SUCCEEDED"
            return
        if ask.cluster not in self.clusters:
            fail(ask, "ClusterDoesNotExist", f"Cluster {ask.cluster!r} does not exist.")
            return
        for other in self.asks:
            if other.cluster == ask.cluster and other is not ask and other.status in ACTIVE:
                other.status, other.left = "CANCELLED", []
        ask.status = "RUNNING"
        self.clusters[ask.cluster].events.append(f"Cluster was terminated by user bot (request ID: {ask.id}).")
        ask.left = [(self.now() - ask.at + self.pace.removed, lambda: self._removed(ask))]

    def _removed(self, ask: Ask) -> None:
        if ask.cluster in self.clusters:
            self.vanish(ask.cluster, "All nodes up; SkyPilot runtime healthy.")  # a late refresh, as is seen
        ask.status = "SUCCEEDED"


def set_status(ask: Ask, status: str) -> None:
    ask.status = status


def fail(ask: Ask, kind: str, message: str) -> None:
    ask.status, ask.error, ask.left = "FAILED", (kind, message), []
