"""The clouds that the contract holds for, each with a hand on what its jobs do."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
from secrets import token_hex
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from bot.adapters.checkpoint_downloads import CheckpointDownloads
from bot.adapters.local.local_cloud import LocalCloud
from bot.adapters.local.processes import find_marked_processes
from bot.adapters.local.state_files import ClusterDirectory
from bot.adapters.sky import sdk_queries
from bot.adapters.sky.sdk_worker import SdkWorker
from bot.adapters.sky.sky_cloud import SkyCloud
from bot.app.ports import Cloud
from bot.core.frameworks import FRAMEWORK
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import Ending, JobState
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from tests.doubles.cloud import FakeCloud
from tests.doubles.sky_server import SkyServer
from tests.doubles.sky_world import Pace, World
from tests.slurm.bed import Bed as Slurm
from tests.waiting import SECONDS, eventually

P = ParamSpec("P")
T = TypeVar("T")

WAITS = """
cd {orders}; echo >> started; touch say
tail -f -n +1 say & cluster_notifier=$!
until [ -e finish ]; do sleep 0.05; done
sleep 0.1; kill $cluster_notifier; exit "$(cat finish)"
"""
"""A job that says what is written into one file of a folder, and ends when there is another."""


MANAGED = {"verlbot": {"managed": True}}
NO_SSH = """
while [ "${1#-}" != "$1" ]; do shift 2; done
cd "$HOSTS/$1" 2>/dev/null || { echo "no route to host $1" >&2; exit 255; }
shift; HOME=$PWD exec sh -c "$*"
"""
"""A program in the place of SSH, whose hosts are folders."""

SAVED = {"actor/shard_0.pt": "weights 0", "actor/shard_1.pt": "weights 1", "data.pt": "the head's"}
"""A checkpoint as it is once it was fetched from both of its nodes."""


def save(homes: Mapping[int, Path], name: str) -> None:
    """Each node has a shard, and some things they both have; the head, with rank 0, has its own of these."""
    for rank, home in sorted(homes.items(), reverse=True):
        folder = home / "models" / name / "global_step_4"
        (folder / "actor").mkdir(parents=True, exist_ok=True)
        (folder / "actor" / f"shard_{rank}.pt").write_text(f"weights {rank}")
        (folder / "data.pt").write_text("a worker's" if rank else "the head's")
        (folder / f"secret_{rank}").symlink_to("/etc/passwd")
        if rank == 0:
            (folder.parent / FRAMEWORK.checkpoints.latest_file).write_text("4")


def tear(home: Path, name: str) -> None:
    """A rank's part came to nothing."""
    (home / "models" / name / "global_step_4" / "actor" / "model_world_size_2_rank_0.pt").write_text("half of ")


def write(home: Path, path: str, text: str) -> None:
    """A program writes a file below its folder of models."""
    (home / "models" / path).parent.mkdir(parents=True, exist_ok=True)
    (home / "models" / path).write_text(text)


def has_file(home: Path, path: str) -> bool:
    return (home / "models" / path).is_file()


def read(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


A_LOOK_SECONDS = 0.15
"""Between two looks through SkyPilot's client, each of which starts processes."""


class WithoutMachines:
    """Carries calls to a server that has no machines, so that there is no key to them either."""

    def __init__(self, worker: SdkWorker) -> None:
        self._courier = worker

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if function is sdk_queries.write_ssh_config:
            return cast(T, "/dev/null")
        return self._courier.call(function, *args, **kwargs)

    def stop(self) -> None:
        self._courier.stop()


class Bed(Protocol):
    """A cloud, and a hand on what its jobs do.

    Attributes:
        x, y: names that no cluster has had yet.
        seconds: that anything may take here; pause_seconds: between two looks.
    """

    x: str
    y: str
    seconds: float
    pause_seconds: float

    @property
    def cloud(self) -> Cloud: ...
    def launch(self, name: str, nodes: int = 1) -> None: ...
    def print(self, name: str, *lines: str) -> None: ...
    def finish(self, name: str, job: JobState) -> None: ...
    def fail_setup(self, name: str) -> None:
        """Launch a task whose setup fails, with an autostop after the shortest time."""

    def idle(self, name: str) -> None:
        """Let that time pass for a cluster without a job."""

    def jobs_started(self, name: str) -> int: ...
    def checkpoint(self, name: str) -> CheckpointRef:
        """A checkpoint of a cluster of two nodes, which is not there yet."""

    def save(self, name: str) -> None:
        """Let it be there, with a part of it on each node."""

    def tear(self, name: str) -> None:
        """Let a disk have been full before all of it was written."""

    def write(self, name: str, path: str, text: str) -> None:
        """Let the head's program write a file below its folder of models."""

    def has_file(self, name: str, path: str) -> bool:
        """Return whether the head's folder of models has a file."""

    def fetched(self, where: str) -> dict[str, str]:
        """What was fetched: the text of each file."""

    def cancel_autostop(self, name: str) -> str | None:
        """As a person does without the bot; his name, where the cloud will know it."""

    def stop(self) -> None: ...


class ManagedBed(Bed, Protocol):
    """One that runs managed jobs too."""

    def launch_managed(self, name: str, again: bool = False) -> None: ...
    def lose(self, name: str) -> None:
        """The machines of a managed job go away."""

    def recover(self, name: str) -> None:
        """From now on its controller may find others; a real one does not wait for that."""

    def print_managed(self, name: str, line: str) -> None: ...
    def finish_managed(self, name: str, job: JobState) -> None: ...
    def managed_started(self, name: str) -> int:
        """How often its command has begun to run."""

    def left(self, name: str) -> list[str]:
        """What bills whose name begins so."""


class ForgetfulBed(Bed, Protocol):
    """One whose cloud may lose its memory."""

    def restart(self) -> None:
        """Its server is killed and started again."""

    def forget(self) -> None:
        """Another memory answers, which knows of nothing; what was launched stands all the same."""

    def remember(self) -> None:
        """The first one answers again."""


class FakeBed:
    x, y = "verl-x", "verl-y"
    seconds, pause_seconds = float(SECONDS), 0.01

    def __init__(self) -> None:
        self.cloud = FakeCloud()

    def launch(self, name: str, nodes: int = 1) -> None:
        self.cloud.launch(LaunchOrder(name, {"num_nodes": nodes}))

    def print(self, name: str, *lines: str) -> None:
        self.cloud.print(name, *(f"(job, pid=1) {line}" for line in lines))

    def finish(self, name: str, job: JobState) -> None:
        self.cloud.finish(name, job)

    def fail_setup(self, name: str) -> None:
        self.launch(name)
        self.cloud.finish(name, JobState.FAILED_SETUP)

    def idle(self, name: str) -> None:
        self.cloud.vanish(name, Ending.AUTODOWNED)

    def checkpoint(self, name: str) -> CheckpointRef:
        self.cloud.refuses_fetch = "It is not there."
        return CheckpointRef("~/models", f"{name}/global_step_4", 2)

    def save(self, name: str) -> None:
        self.cloud.refuses_fetch = None
        self.cloud.saved[name] = 4

    def tear(self, name: str) -> None:
        self.cloud.torn[4] = "A part of it is missing."

    def write(self, name: str, path: str, text: str) -> None:
        self.cloud.write_file(name, path, text)

    def has_file(self, name: str, path: str) -> bool:
        return path in self.cloud.files.get(name, {})

    def fetched(self, where: str) -> dict[str, str]:
        """It keeps no files."""
        return SAVED

    def cancel_autostop(self, name: str) -> str | None:
        changed = self.cloud.seen[name]
        self.cloud.seen[name] = replace(changed, autostop_minutes=None)
        self.cloud.autostop_by = "ana"
        return "ana"

    def restart(self) -> None:
        """It keeps all that it knows."""

    def forget(self) -> None:
        self.cloud.forget()

    def remember(self) -> None:
        self.cloud.remember()

    def jobs_started(self, name: str) -> int:
        return self.cloud.launches.count(name)

    def stop(self) -> None:
        """There is nothing to stop."""


class RealBed:
    """Jobs that are real processes, told what to do through a folder that they share with the test."""

    x, y = "verl-x", "verl-y"
    seconds, pause_seconds = float(SECONDS), 0.01

    def __init__(self, folder: Path, cloud: Cloud, resources: Mapping[str, Any]) -> None:
        self.folder = folder
        self.cloud = cloud
        self.resources = resources

    def task(self, name: str, run: str, nodes: int = 1, **more: Any) -> dict[str, Any]:
        resources = {"autostop": {"idle_minutes": 10_000, "down": True}, **self.resources}
        return {"name": "job", "num_nodes": nodes, "run": run, "resources": resources} | more

    def launch(self, name: str, nodes: int = 1) -> None:
        orders = self.folder / name
        orders.mkdir(exist_ok=True)
        orders.chmod(0o777)
        self.cloud.launch(LaunchOrder(name, self.task(name, WAITS.format(orders=orders), nodes)))

    def print(self, name: str, *lines: str) -> None:
        with (self.folder / name / "say").open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def finish(self, name: str, job: JobState) -> None:
        draft = self.folder / name / "draft"
        draft.write_text({JobState.SUCCEEDED: "0", JobState.FAILED: "3"}[job])
        draft.rename(self.folder / name / "finish")

    def fail_setup(self, name: str) -> None:
        short = {"autostop": {"idle_minutes": 1, "down": True}, **self.resources}
        self.cloud.launch(LaunchOrder(name, self.task(name, "echo never", setup="exit 7", resources=short)))

    def idle(self, name: str) -> None:
        """It passes by itself."""

    def checkpoint(self, name: str) -> CheckpointRef:
        return CheckpointRef("~/models", f"{name}/global_step_4", 2)

    def fetched(self, where: str) -> dict[str, str]:
        return read(Path(where))

    def cancel_autostop(self, name: str) -> str | None:
        """Nothing can, here."""
        return None

    def jobs_started(self, name: str) -> int:
        return len((self.folder / name / "started").read_text().splitlines())


class LocalBed(RealBed):
    def __init__(self, folder: Path) -> None:
        cloud = LocalCloud(folder / "local", secrets={}, minute_seconds=0.05, grace_seconds=1)
        super().__init__(folder, cloud, {})

    def save(self, name: str) -> None:
        place = ClusterDirectory(self.folder / "local", name)
        save({rank: place.node_folder(rank) / "home" for rank in range(2)}, name)

    def tear(self, name: str) -> None:
        tear(ClusterDirectory(self.folder / "local", name).node_folder(0) / "home", name)

    def write(self, name: str, path: str, text: str) -> None:
        write(ClusterDirectory(self.folder / "local", name).node_folder(0) / "home", path, text)

    def has_file(self, name: str, path: str) -> bool:
        return has_file(ClusterDirectory(self.folder / "local", name).node_folder(0) / "home", path)

    def stop(self) -> None:
        for state in (self.folder / "local" / "clusters").glob("*"):
            self.cloud.tear_down(ClusterRef(state.name))
            place = ClusterDirectory(self.folder / "local", state.name)
            eventually(lambda place=place: not place.folder.exists() and not find_marked_processes(place.marker))  # type: ignore[misc]


class DoubleBed:
    """The real SDK, in processes of its own, over HTTP to the double of SkyPilot's API server."""

    x, y = "verl-x", "verl-y"
    seconds, pause_seconds = float(SECONDS), A_LOOK_SECONDS

    def __init__(self, home: Path) -> None:
        self.world = World(time.time, pace=Pace(record=0.2, up=0.4, submitted=0.5, running=0.6, removed=0.3))
        self.server = SkyServer(self.world)
        self.hosts, self.ssh = home / "hosts", home / "ssh.sh"
        self.ssh.write_text(NO_SSH)
        self.cloud = SkyCloud(
            WithoutMachines(SdkWorker(client_environment(home, self.server.url), seconds=30)),
            lambda: datetime.now(UTC),
            secrets={},
            job_period=timedelta(seconds=0.3),
            downloads=CheckpointDownloads(home / "artifacts", 10**9),
            environment={"PATH": os.environ["PATH"], "HOSTS": str(self.hosts)},
            ssh=("sh", str(self.ssh)),
        )

    def launch(self, name: str, nodes: int = 1) -> None:
        self.cloud.launch(LaunchOrder(name, {"name": "job", "num_nodes": nodes, "run": "true"}))

    def print(self, name: str, *lines: str) -> None:
        self.world.clusters[name].log += [f"(job, pid=1) {line}" for line in lines]

    def finish(self, name: str, job: JobState) -> None:
        self.world.finish(name, job.upper())

    def fail_setup(self, name: str) -> None:
        self.launch(name)
        eventually(lambda: name in self.standing() and self.world.clusters[name].jobs)
        self.world.finish(name, "FAILED_SETUP")

    def idle(self, name: str) -> None:
        self.world.autodown(name)

    def cancel_autostop(self, name: str) -> str | None:
        self.world.autostop(name, -1, down=False, user="ana")
        return "ana"

    def jobs_started(self, name: str) -> int:
        return self.world.launched[name]

    def launch_managed(self, name: str, again: bool = False) -> None:
        self.cloud.launch(LaunchOrder(name, {"name": "job", "run": "true", "_metadata": MANAGED}, is_retry=again))

    def lose(self, name: str) -> None:
        self.world.jobs.preempt(name)

    def recover(self, name: str) -> None:
        self.world.jobs.recover(name)

    def print_managed(self, name: str, line: str) -> None:
        self.world.jobs.job(name).log.append(f"(job, pid=1) {line}")

    def finish_managed(self, name: str, job: JobState) -> None:
        self.world.jobs.finish(name, job.upper())

    def managed_started(self, name: str) -> int:
        return self.world.jobs.launched[name] + self.world.jobs.job(name).recoveries

    def left(self, name: str) -> list[str]:
        return [one for one in self.standing() if one.startswith(name)]

    def restart(self) -> None:
        self.world.restart()
        self.server.stop()
        self.server.start()

    def forget(self) -> None:
        self.world.forget()

    def remember(self) -> None:
        self.world.forget()

    def checkpoint(self, name: str) -> CheckpointRef:
        for host in (name, f"{name}-worker1"):
            (self.hosts / host).mkdir(parents=True)
        return CheckpointRef("~/models", f"{name}/global_step_4", 2)

    def save(self, name: str) -> None:
        save({0: self.hosts / name, 1: self.hosts / f"{name}-worker1"}, name)

    def tear(self, name: str) -> None:
        tear(self.hosts / name, name)

    def write(self, name: str, path: str, text: str) -> None:
        write(self.hosts / name, path, text)

    def has_file(self, name: str, path: str) -> bool:
        return has_file(self.hosts / name, path)

    def fetched(self, where: str) -> dict[str, str]:
        return read(Path(where))

    def standing(self) -> list[str]:
        self.world.advance()
        return self.world.standing()

    def stop(self) -> None:
        self.cloud.stop()
        self.server.stop()


class SlurmBed(RealBed):
    """The real SDK, a real API server, a real scheduler. The bed stands already: see tests/slurm.

    Names are new each time, because SkyPilot remembers them; jobs read what to do in the nodes' shared home.
    """

    seconds, pause_seconds = 300.0, 4.0

    def __init__(self, bed: Slurm, artifacts: Path) -> None:
        self.bed = bed
        folder = bed.at.home / "orders"
        folder.mkdir(exist_ok=True)
        self.artifacts = artifacts
        super().__init__(folder, self.another_cloud(), {"infra": "slurm", "cpus": 1, "memory": 1})
        self.x, self.y = (f"verl-{token_hex(3)}" for _ in range(2))

    def save(self, name: str) -> None:
        """Of Slurm's nodes the home is one."""
        save({0: self.home_of(name), 1: self.home_of(name)}, name)

    def tear(self, name: str) -> None:
        tear(self.home_of(name), name)

    def write(self, name: str, path: str, text: str) -> None:
        write(self.home_of(name), path, text)

    def has_file(self, name: str, path: str) -> bool:
        return has_file(self.home_of(name), path)

    def another_cloud(self) -> SkyCloud:
        return SkyCloud(
            SdkWorker(client_environment(self.bed.at.sky_home, self.bed.endpoint), seconds=60),
            lambda: datetime.now(UTC),
            secrets={},
            job_period=timedelta(seconds=15),
            downloads=CheckpointDownloads(self.artifacts, 10**9),
            environment=client_environment(self.bed.at.sky_home, self.bed.endpoint),
        )

    def home_of(self, name: str) -> Path:
        (home,) = (self.bed.at.home / ".sky_clusters").glob(f"{name}-*")
        return home

    def cancel_autostop(self, name: str) -> str | None:
        self.bed.sky("autostop", "--cancel", "-y", name)
        return getuser()

    def launch_managed(self, name: str, again: bool = False) -> None:
        orders = self.folder / name
        orders.mkdir(exist_ok=True)
        orders.chmod(0o777)
        task = self.task(name, WAITS.format(orders=orders), _metadata=MANAGED)
        self.cloud.launch(LaunchOrder(name, task, is_retry=again))

    def lose(self, name: str) -> None:
        self.bed.cancel(name)

    def recover(self, name: str) -> None:
        """Its controller does so by itself."""

    def print_managed(self, name: str, line: str) -> None:
        self.print(name, line)

    def finish_managed(self, name: str, job: JobState) -> None:
        self.finish(name, job)

    def managed_started(self, name: str) -> int:
        return self.jobs_started(name)

    def stop(self) -> None:
        """Leave nothing of this test in Slurm; a test may have stopped its cloud."""
        self.cloud.stop()
        cloud = self.another_cloud()
        for name in (self.x, self.y):
            cloud.tear_down(ClusterRef(name, is_managed=True))
            cloud.tear_down(ClusterRef(name))
        eventually(lambda: not self.left(self.x) + self.left(self.y), self.bed.queue, seconds=120)
        cloud.stop()

    def left(self, name: str) -> list[str]:
        return [job for job in self.bed.queue() if job.startswith(name)]


def client_environment(home: Path, endpoint: str) -> dict[str, str]:
    """What SkyPilot's client needs to find a server, and no other."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(home),
        "SKYPILOT_API_SERVER_ENDPOINT": endpoint,
        "SKYPILOT_DISABLE_LOCAL_API_SERVER": "1",
        "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
    }
