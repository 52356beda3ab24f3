"""SkyPilot's managed jobs as they behave: a table of jobs, their controller, their clusters. Without HTTP.

It is harsh where SkyPilot is (facts of 0.14.1): names are not unique, and a filter by name finds parts of names; a
launch's request tells nothing of the job; a job is called SUCCEEDED before its cluster is gone; one that is cancelled
before anybody took it up is never DONE; where the server is not consolidated, no question is answered before the
first launch has rented a controller, nor after that has stopped itself; a log of a job that does not run is never
answered.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.doubles.sky_world import Ask, Failure, Machines, fail

if TYPE_CHECKING:
    from tests.doubles.sky_world import World

CONTROLLER = "sky-jobs-controller-double"
OVER = ("SUCCEEDED", "CANCELLED", "FAILED", "FAILED_SETUP", "FAILED_NO_RESOURCE", "FAILED_CONTROLLER")


@dataclass(slots=True)
class ManagedJob:
    id: int
    name: str
    task: dict[str, Any]
    submitted_at: float
    status: str = "PENDING"
    schedule_state: str = "WAITING"
    recoveries: int = 0
    why: str | None = None
    log: list[str] = field(default_factory=list)

    @property
    def cluster(self) -> str:
        return f"{self.name}-{self.id}"


@dataclass
class ManagedJobs:
    """The table.

    Attributes:
        consolidated: whether the server looks after jobs itself; rented: whether there is a controller else.
        stopped: whether that has stopped itself.
        busy: whether no controller takes up a job, so that they stay PENDING.
        leaves: whether a controller that fails leaves the cluster.
        launched: jobs that were ever submitted, by name: more than one is a double launch.
        reads: how often the table was read.
    """

    world: "World"
    consolidated: bool = True
    rented: bool = False
    stopped: bool = False
    busy: bool = False
    leaves: bool = False
    rows: list[ManagedJob] = field(default_factory=list)
    clusters: dict[str, Machines] = field(default_factory=dict)
    graves: list[Machines] = field(default_factory=list)
    launched: dict[str, int] = field(default_factory=dict)
    reads: int = 0
    steps: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    # what a client may ask for

    def launch(self, name: str, task: dict[str, Any]) -> Ask:
        ask = Ask("sky.jobs.launch", CONTROLLER, self.world.now())
        self.world.asks.append(ask)
        if failure := self.world.fails.get(name):
            ask.left = [(0.0, lambda: fail(ask, failure[0], failure[1]))]
        else:
            ask.left = [
                (0.0, lambda: set_status(ask, "RUNNING")),
                (self.world.pace.record / 2, self._submits(ask, name, task)),
            ]
        return ask

    def queue(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        self.reads += 1
        self._reached()
        found = [one for one in self.rows if not (body.get("skip_finished") and one.status in OVER)]
        if (ids := body.get("job_ids")) is not None:
            found = [one for one in found if one.id in ids]
        if part := body.get("name_match"):
            found = [one for one in found if part in one.name]
        return [self._row(one, body["fields"]) for one in found[: body.get("limit") or len(found)]]

    def cancel(self, ids: list[int]) -> None:
        self._reached()
        for one in self.rows:
            if one.id in ids and one.status == "PENDING" and one.schedule_state == "WAITING":
                one.status = "CANCELLED"
            elif one.id in ids and one.status not in (*OVER, "CANCELLING"):
                one.status = "CANCELLING"
                self._later(self.world.pace.removed, lambda one=one: self._end(one, "CANCELLED"))  # type: ignore[misc]

    def log(self, number: int, tail: int) -> list[str] | None:
        """The last lines; None where SkyPilot would not answer."""
        self._reached()
        one = self.job(number)
        if one.status in OVER and not one.log:
            return [f"Job {number} is already in terminal state {one.status}. For more details, run: sky jobs logs"]
        if one.status not in ("RUNNING", *OVER):
            return None
        over = [f"✓ Job finished (status: {one.status})."] if one.status in OVER else []
        return [*one.log[-tail:], *over]

    # what happens

    def job(self, which: int | str) -> ManagedJob:
        return next(one for one in self.rows if which in (one.id, one.name))

    def finish(self, name: str, status: str, why: str | None = None) -> None:
        """The job ends so; its cluster goes after that."""
        one = self.job(name)
        one.status, one.why = status, why
        self._later(self.world.pace.removed, lambda: self._end(one, status))

    def preempt(self, name: str) -> None:
        """Its machines go, and its controller looks for others until `recover`."""
        one = self.job(name)
        self.remove(one.cluster)
        one.status = "RECOVERING"

    def recover(self, name: str) -> None:
        """Its controller has found other machines."""
        one = self.job(name)
        self._later(self.world.pace.up, lambda: self._stand(one))
        self._later(self.world.pace.running, lambda: self._recovered(one))

    def advance(self) -> None:
        """Let everything happen that is due by now, in its order."""
        while due := [step for step in self.steps if step[0] <= self.world.now()]:
            step = min(due, key=lambda one: one[0])
            self.steps.remove(step)
            step[1]()

    def standing(self) -> list[str]:
        """What bills."""
        return sorted(self.clusters)

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        self.steps.append((self.world.now() + seconds, step))

    def _reached(self) -> None:
        if not self.consolidated and (self.stopped or not self.rented):
            attributes = {"cluster_status": "STOPPED"} if self.stopped else {"cluster_status": None}
            raise Failure("ClusterNotUpError", "No in-progress managed jobs.", attributes)

    def _submits(self, ask: Ask, name: str, task: dict[str, Any]) -> Callable[[], None]:
        def submit() -> None:
            if name in self.world.waits:  # for its turn
                self._later(0.1, submit)
                return
            self.rented, self.stopped, ask.status = True, False, "SUCCEEDED"
            self.submit(name, task)

        return submit

    def submit(self, name: str, task: dict[str, Any]) -> ManagedJob:
        one = ManagedJob(len(self.rows) + 1, name, task, self.world.now())
        self.rows.append(one)
        self.launched[name] = self.launched.get(name, 0) + 1
        if not self.busy:
            self._later(self.world.pace.record / 2, lambda: self._take_up(one))
            self._later(self.world.pace.up, lambda: self._stand(one))
            self._later(self.world.pace.running, lambda: self._run(one))
        return one

    def _take_up(self, one: ManagedJob) -> None:
        if one.status == "PENDING":
            one.status, one.schedule_state = "STARTING", "ALIVE"

    def _stand(self, one: ManagedJob) -> None:
        if one.status in ("STARTING", "RECOVERING"):
            nodes = int(one.task.get("num_nodes") or 1)
            self.clusters[one.cluster] = Machines(one.cluster, nodes, self.world.now(), status="UP")

    def _run(self, one: ManagedJob) -> None:
        if one.status == "STARTING":
            one.status = "RUNNING"

    def _recovered(self, one: ManagedJob) -> None:
        if one.status == "RECOVERING":
            one.status, one.recoveries = "RUNNING", one.recoveries + 1

    def _end(self, one: ManagedJob, status: str) -> None:
        one.status, one.schedule_state = status, "DONE"
        if not (self.leaves and status == "FAILED_CONTROLLER"):
            self.remove(one.cluster)

    def remove(self, cluster: str) -> None:
        """The machines go."""
        if found := self.clusters.pop(cluster, None):
            found.gone_at = self.world.now()
            self.graves.append(found)

    def _row(self, one: ManagedJob, fields: list[str]) -> dict[str, Any]:
        stands = one.cluster in self.clusters
        whole = {
            "job_id": one.id, "task_id": 0, "job_name": one.name, "status": one.status,
            "schedule_state": one.schedule_state, "recovery_count": one.recoveries, "failure_reason": one.why,
            "cloud": "Slurm" if stands else "-", "region": "double" if stands else "-",
            "submitted_at": one.submitted_at, "user_name": "bot", "metadata": one.task.get("_metadata"),
        }  # fmt: skip
        return {key: value for key, value in whole.items() if key in {*fields, "job_id", "task_id", "status"}}


def set_status(ask: Ask, status: str) -> None:
    ask.status = status
