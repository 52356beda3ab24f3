"""Lives under random faults: the real SDK, over HTTP, against the double of SkyPilot's API server.

Time is a story's: it passes between two ticks. What happens to a run is drawn from a seed of its own, and what
happens to the server and to the bot from that of the life; so a life can be lived again.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, ParamSpec, TypeVar

from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.sky.sdk_worker import capture_result, unwrap_result
from bot.adapters.sky.sky_cloud import SkyCloud
from bot.app.cluster_launcher import ClusterLauncher
from bot.app.health_monitor import HealthMonitor
from bot.app.log_tailer import LogTailer
from bot.app.rate_limits import InteractivePriority
from bot.app.reconciler import Reconciler
from bot.core.model.audit import replay_events, snapshot_run
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import ReconcileTimings
from slack_playground.faults import Fault, Trouble
from tests.builders import NOON, a_run, change_run
from tests.doubles.sky_server import SkyServer
from tests.doubles.sky_world import LIVE_JOBS, Pace, World

P = ParamSpec("P")
T = TypeVar("T")

RULES = ReconcileTimings(
    launch_confirm=timedelta(seconds=30), teardown_confirm=timedelta(seconds=5), teardown_retry=timedelta(seconds=60)
)

CHAOS, CALM, LAST_TICK = 150.0, 330.0, 150
"""Until when faults begin and end, until when what they left has come right; seconds of the story."""


def task_of(run: Run) -> dict[str, Any]:
    """As the service writes it: the job has the run's name."""
    return {"name": run.id, "run": "true", "resources": {"autostop": {"idle_minutes": 5, "down": True}}}


Event = tuple[float, Callable[[], None]]


REASONS = {
    None: [Reason.SUCCEEDED],
    "SUCCEEDED": [Reason.SUCCEEDED],
    "FAILED": [Reason.SUCCEEDED, Reason.FAILED],
    "FAILED_SETUP": [Reason.SUCCEEDED, Reason.SETUP_FAILED],
    "CANCELLED": [Reason.SUCCEEDED, Reason.CANCELLED_EXTERNALLY],
}
"""Why a run may end that nothing hinders, by how its job ends; which it may be too late for."""


class Here:
    """Carries calls out in this process."""

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = unwrap_result(*capture_result(function, args, kwargs))
        return result

    def stop(self) -> None:
        """There is nothing to stop."""


class Silent:
    """A notifier without listeners."""

    def show(self, runs: Any) -> None:
        """Nothing is said."""


@dataclass
class Fate:
    """What is to happen to one run.

    Attributes:
        told: names of its faults, for the reader of a failure.
        fails: whether its launch is bound to fail; stopped: whether a person stops it; lost: whether its
            cluster goes by itself.
        strangers: launches of its name by another user; job: how its job ends, before everybody's does.
        cut_off: whether its cluster may be known to a server alone that does not answer any more.
    """

    told: list[str] = field(default_factory=list)
    fails: bool = False
    stopped: bool = False
    lost: bool = False
    strangers: int = 0
    job: str | None = None
    cut_off: bool = False

    @property
    def plain(self) -> bool:
        """Whether nothing hinders it from running to its end, sooner or later."""
        return not (self.fails or self.stopped or self.lost or self.cut_off)


class Life:
    """A bot, a server and some runs, each with a fate.

    Args:
        seeds: one a run.
        forgets: whether another, empty server answers for a while.
    """

    def __init__(self, store: RedisStore, seeds: range, forgets: bool = False) -> None:
        self.store = store
        self.rng = Random(seeds.start)
        self.moment = NOON
        self.world = World(self._now, pace=some_pace(self.rng))
        self.server = SkyServer(self.world)
        self.fates: dict[str, Fate] = {}
        self.events: list[Event] = []
        self.ended_standing: list[str] = []
        self.doubled: list[str] = []
        self.unguarded: list[str] = []
        os.environ["SKYPILOT_API_SERVER_ENDPOINT"] = self.server.url
        self._reborn()
        for seed in seeds:
            self._give_a_fate(
                a_run(id=f"smoke-{seed:04x}", created_at=NOON, lease=timedelta(hours=9), requested_autostop_minutes=5),
                Random(seed),
            )
        self._trouble_everybody()
        if forgets:
            begins = self.rng.uniform(0, CHAOS - 60)
            self._at(begins, self.world.forget)
            self._at(self.rng.uniform(begins + 20, CHAOS), self._remember)

    def lived(self) -> "Life":
        """All of it, until no run is left or there is no more patience."""
        ticks = 0
        self._at(CHAOS, self._calm)
        self._at(CALM, self._finish_jobs)
        self._at(CALM + 200, self._stop_all)
        while ticks < LAST_TICK and (self._active() or self.events):
            self._tick(self.rng.choice((3.0, 6.0, 9.0, 12.0)))
            ticks += 1
        self.bot.log_tailer.stop()
        self.cloud.stop()
        self.server.stop()
        return self

    def wrong(self) -> list[str]:
        """Broken promises, each with the run and its fate."""
        found = [f"ended while it stood: {name}" for name in self.ended_standing]
        found += [f"two jobs for long: {name}" for name in self.doubled]
        found += [f"without autostop for long: {name}" for name in self.unguarded]
        for run_id, fate in self.fates.items():
            run, name = self._run(run_id), f"verl-{run_id}"
            said = f"{run_id} {fate.told}"
            if replay_events(self.store.audit.list_run_events(run_id)) != snapshot_run(run):
                found.append(f"not as its events say: {said}")
            if run.status is not RunStatus.ENDED or run.reason is None:
                found.append(f"lost: {said}")
            times = self.world.launched.get(name, 0) - fate.strangers
            if times > 1:
                found.append(f"launched {times} times: {said}")
            if times < 1 and fate.plain and name not in self.world.interrupted:
                found.append(f"never launched: {said} {run.reason} {run.detail}")
            if fate.plain and name not in self.world.interrupted and run.reason not in REASONS[fate.job]:
                found.append(f"ended by {run.reason} {run.detail}: {said}")
            if name in self.world.standing():
                found.append(f"left standing: {said}")
        return found

    def _reborn(self) -> None:
        """The bot after a restart: nothing of what it knew, all that it wrote down."""
        self.cloud = SkyCloud(
            Here(), lambda: self.moment, secrets={}, job_period=timedelta(seconds=8), stale_after=timedelta(seconds=60)
        )
        self.pool = ThreadPoolExecutor(2)
        self.bot = Reconciler(
            cloud=self.cloud,
            store=self.store,
            notifier=Silent(),
            health_monitor=HealthMonitor(),
            log_tailer=LogTailer(
                self.cloud, lines=(50, 200), period=timedelta(seconds=60), reads_per_tick=4, patience_seconds=9
            ),
            now=lambda: self.moment,
            read_timings=lambda: RULES,
            launcher=ClusterLauncher(self.cloud, self.store, Silent(), lambda: self.moment, lambda: RULES),
            pool=self.pool,
            wake=lambda: None,
            priority=InteractivePriority(),
            began_at=self.moment,
            is_leader=lambda: True,
            log_lines=50,
            patience=timedelta(seconds=20),
        )

    def _tick(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.world.advance()
        due = sorted((event for event in self.events if event[0] <= self._time()), key=lambda event: event[0])
        self.events = [event for event in self.events if event not in due]
        for _, happen in due:
            happen()
        self.bot.tick()
        self.world.advance()
        standing = self.world.standing()
        whose = [run_id for run_id in self.fates if f"verl-{run_id}" in standing]
        self.ended_standing += [run.id for run in map(self._run, whose) if run.status is RunStatus.ENDED]

    def _now(self) -> float:
        return self.moment.timestamp()

    def _time(self) -> float:
        return (self.moment - NOON).total_seconds()

    def _at(self, seconds: float, happen: Callable[[], Any]) -> None:
        self.events.append((seconds, happen))

    def _run(self, run_id: str) -> Run:
        found = self.store.get(run_id)
        assert found is not None
        return found

    def _active(self) -> list[Run]:
        return [run for run in self.store.list_open_runs() if run.status is not RunStatus.ENDED]

    def _stop(self, run_id: str) -> None:
        self.store.update(run_id, lambda run: change_run(run, stop_requested_by="U0ANA"))

    def _stop_all(self) -> None:
        """A person stops what is left; of what no server remembers he has looked for the machines."""
        for run in self._active():
            self._stop(run.id)
            if run.observed.memory.is_lost:
                self.world.remove_by_hand(run.cluster)
                self.store.update(
                    run.id, lambda run: run.request_stop("U0ANA", self.moment, False).confirm_gone("U0ANA")
                )

    def _calm(self) -> None:
        self.server.calm()
        for cluster in self.world.clusters.values():
            cluster.hidden, cluster.reachable = False, True

    def _finish_jobs(self) -> None:
        """By now a cluster has one job at the most that is not over, and its autostop."""
        trains = {run.cluster for run in self._active() if run.status is RunStatus.RUNNING}
        self.unguarded += [
            name for name in trains & self.world.clusters.keys() if self.world.clusters[name].autostop != 5
        ]
        for name, cluster in self.world.clusters.items():
            if sum(job.status in LIVE_JOBS for job in cluster.jobs) > 1:
                self.doubled.append(name)
            self.world.finish(name, "SUCCEEDED")

    # what happens

    def _give_a_fate(self, run: Run, rng: Random) -> None:
        self.store.add(run, task_of(run))
        fate = self.fates[run.id] = Fate()
        for draw in rng.sample(FAULTS, rng.randint(1, 3)):
            fate.told.append(draw.__name__)
            draw(self, run, fate, rng)

    def _trouble_everybody(self) -> None:
        rng = self.rng
        for _ in range(rng.randint(0, 2)):
            self._at(rng.uniform(0, CHAOS), self.world.restart)
        for _ in range(rng.randint(0, 2)):
            outage = Fault("*", Trouble.BROKEN, times=None)
            begins = rng.uniform(0, CHAOS - 40)
            self._at(begins, partial(self.server.faults.asked.append, outage))
            self._at(begins + rng.uniform(2, 40), partial(self._over, outage))
        for _ in range(rng.randint(0, 3)):
            self._at(rng.uniform(0, CHAOS), self._reborn)

    def _remember(self) -> None:
        """The first server answers again."""
        self.world.forget()
        known = {*self.world.clusters, *(one.name for one in self.world.graves)}
        for run in map(self._run, self.fates):
            if run.launch.attempts and run.cluster not in known:
                self.fates[run.id].cut_off = True

    def _over(self, fault: Fault) -> None:
        if fault in self.server.faults.asked:
            self.server.faults.asked.remove(fault)

    def standing(self, run: Run, change: Callable[[str], None]) -> Callable[[], None]:
        """A change to the run's cluster, if that is up by then."""

        def happen() -> None:
            if run.cluster in self.world.clusters:
                change(run.cluster)

        return happen

    def while_chaos(self, rng: Random, happen: Callable[[], None]) -> None:
        self._at(rng.uniform(5, CHAOS - 5), happen)

    def for_a_while(self, run: Run, rng: Random, what: str, value: bool) -> None:
        begins = rng.uniform(5, CHAOS - 80)
        self._at(begins, self.standing(run, lambda name: setattr(self.world.clusters[name], what, value)))
        ends = begins + rng.uniform(5, 75)
        self._at(ends, self.standing(run, lambda name: setattr(self.world.clusters[name], what, not value)))

    def meets(self, path: str, run: Run, trouble: Trouble, times: int) -> None:
        """Calls of this path for this run meet trouble."""
        self.server.trouble(f"{path} {run.cluster}", trouble, times=times)


def some_pace(rng: Random) -> Pace:
    """A launch that takes up to twenty seconds, in order."""
    steps = sorted(rng.uniform(0.5, 20) for _ in range(4))
    return Pace(record=steps[0], up=steps[1], submitted=steps[2], running=steps[3], removed=rng.uniform(1, 15))


# Faults of one run: each is given the life, the run, its fate and chance.


def launch_is_not_heard(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    life.meets("/launch", run, Trouble.BROKEN, rng.randint(1, 2))


def reply_is_lost(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    life.meets("/launch", run, rng.choice((Trouble.LOST, Trouble.BROKEN_AFTER)), 1)


def removal_is_not_heard(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    life.meets("/down", run, rng.choice((Trouble.BROKEN, Trouble.LOST, Trouble.BROKEN_AFTER)), rng.randint(1, 2))


def launch_fails(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    """Before or after it has provisioned anything; in the second case it leaves a cluster that bills."""
    fate.fails = True
    life.world.fails[run.cluster] = ("ResourcesUnavailableError", "No room.", rng.uniform(0.1, 20))


def launch_waits_for_room(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    fate.fails = True
    life.world.waits.add(run.cluster)


def record_is_dropped(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    """SkyPilot's table leaves out a cluster that it cannot read; the cost report has it."""
    life.for_a_while(run, rng, "hidden", True)


def queue_is_silent(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    life.for_a_while(run, rng, "reachable", False)


def cluster_is_lost(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    fate.lost = True
    life.while_chaos(rng, life.standing(run, rng.choice((life.world.vanish, life.world.autodown))))


def job_ends(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    status = fate.job = rng.choice(("SUCCEEDED", "FAILED", "FAILED_SETUP", "CANCELLED"))
    life.while_chaos(rng, life.standing(run, lambda name: life.world.finish(name, status)))


def autostop_is_reset(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    life.while_chaos(rng, life.standing(run, life.world.reset_autostop))


def somebody_launches_it_again(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    """A second job on the run's cluster, while that is up."""

    def again(name: str) -> None:
        cluster = life.world.clusters[name]
        if cluster.status == "UP" and cluster.jobs:
            fate.strangers += 1
            life.world.submit(name, task_of(run))

    life.while_chaos(rng, life.standing(run, again))


def person_stops_it(life: Life, run: Run, fate: Fate, rng: Random) -> None:
    fate.stopped = True
    life.while_chaos(rng, lambda: life._stop(run.id))


FAULTS = [
    launch_is_not_heard, reply_is_lost, removal_is_not_heard, launch_fails, launch_waits_for_room, record_is_dropped,
    queue_is_silent, cluster_is_lost, job_ends, autostop_is_reset, somebody_launches_it_again, person_stops_it,
]  # fmt: skip
