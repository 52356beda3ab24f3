"""Calls to SkyPilot and seconds a tick, by the number of active runs, against a double of its API server over HTTP."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.tick import Nobody
from benchmarks.world import a_store, many_runs
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.sky import sdk_clusters
from bot.adapters.sky.sdk_worker import SdkWorker
from bot.adapters.sky.sky_cloud import SkyCloud
from bot.app.cluster_launcher import ClusterLauncher
from bot.app.health_monitor import HealthMonitor
from bot.app.log_tailer import LogTailer
from bot.app.rate_limits import InteractivePriority
from bot.app.reconciler import Reconciler
from bot.core.model.run import Run
from bot.core.rules.actions import ReconcileTimings
from tests.adapters.beds import client_environment
from tests.doubles.cloud import FakeCloud
from tests.doubles.sky_server import SkyServer
from tests.doubles.sky_world import Job, Machines, World

TICKS, APART_SECONDS = 5, 15.0
SHOWN = {"/status": "status", "/api/status": "requests", "/cost_report": "bills", "/queue": "queues", "/logs": "logs"}


def measure() -> None:
    columns = "".join(f"{name:>10}" for name in SHOWN.values())
    print(f"calls a tick, {TICKS} ticks {APART_SECONDS:g} s apart by the bot's clock:")
    print(f"{'active runs':>12}{columns}{'wall a tick':>14}{'our CPU':>12}{'against 1 run':>16}")
    first = 0.0
    with a_store() as redis, TemporaryDirectory() as home:
        for number in (1, 100, 1_000):
            redis.flushall()
            counted, wall, cpu = tick_of(RedisStore(redis), Path(home), number)
            first = first or wall
            cells = "".join(f"{counted[path] / TICKS:10.1f}" for path in SHOWN)
            print(f"{number:12,}{cells}{wall * 1e3:11.0f} ms{cpu * 1e3:9.0f} ms{wall / first:15.1f}x")


def tick_of(store: RedisStore, home: Path, number: int) -> tuple[Counter[str], float, float]:
    """Return the calls in all, and wall and CPU seconds of one tick at rest, with settings as they come.

    CPU is that of this process; the calls themselves are made by others, which end with their answers.
    """
    world = World(time.time)
    server = SkyServer(world)
    for run in many_runs(store, FakeCloud(), number):
        world.clusters[run.cluster] = build_machines(run)
    clock = Clock()
    cloud = SkyCloud(
        SdkWorker(client_environment(home, server.url), 60, shares=sdk_clusters.CLUSTER_CALL_SHARES),
        clock.now,
        secrets={},
    )
    pool = ThreadPoolExecutor(4)
    tails = LogTailer(cloud, lines=(50, 200), period=timedelta(seconds=30), reads_per_tick=32, threads=2)
    reconciler = Reconciler(
        cloud=cloud,
        store=store,
        notifier=Nobody(),
        log_tailer=tails,
        health_monitor=HealthMonitor(),
        now=clock.now,
        read_timings=ReconcileTimings,
        pool=pool,
        wake=lambda: None,
        priority=InteractivePriority(),
        began_at=clock.now(),
        is_leader=lambda: True,
        log_lines=200,
        launcher=ClusterLauncher(cloud, store, Nobody(), clock.now, ReconcileTimings),
    )
    reconciler.tick()
    server.calls.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(TICKS):
        clock.advance(APART_SECONDS)
        reconciler.tick()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    counted = Counter(server.calls)
    tails.stop()
    pool.shutdown()
    cloud.stop()
    server.stop()
    return counted, wall / TICKS, cpu / TICKS


def build_machines(run: Run) -> Machines:
    return Machines(
        run.cluster,
        run.plan.nodes,
        time.time(),
        status="UP",
        autostop=5,
        to_down=True,
        jobs=[Job(1, run.id, "RUNNING")],
    )


class Clock:
    """The bot's, which need not wait."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead
