"""Seconds of our own CPU a tick, by the number of active runs, against a double of the machines."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from benchmarks.world import a_store, many_runs
from bot.adapters.redis.redis_store import RedisStore
from bot.app.cluster_launcher import ClusterLauncher
from bot.app.health_monitor import HealthMonitor
from bot.app.log_tailer import LogTailer
from bot.app.rate_limits import InteractivePriority
from bot.app.reconciler import Reconciler
from bot.core.model.run import Run
from bot.core.rules.actions import ReconcileTimings
from tests.doubles.cloud import FakeCloud

TICKS = 5


class Nobody:
    """A notifier without listeners."""

    def show(self, runs: Iterable[Run]) -> None:
        list(runs)


def measure() -> None:
    print(f"{'active runs':>12}{'CPU a tick':>14}{'wall a tick':>14}{'CPU a run':>14}{'against 1 run':>16}")
    first = 0.0
    with a_store() as redis:
        for number in (1, 100, 1_000, 10_000):
            redis.flushall()
            cpu, wall = tick_of(RedisStore(redis), number)
            first = first or cpu
            times = f"{cpu * 1e3:11.2f} ms{wall * 1e3:11.2f} ms{cpu / number * 1e6:11.1f} µs"
            print(f"{number:12,}{times}{cpu / first:15.1f}x")


def tick_of(store: RedisStore, number: int) -> tuple[float, float]:
    """CPU and wall seconds of one tick at rest: every run is seen, and nothing is to be done about it."""
    cloud = FakeCloud()
    runs = many_runs(store, cloud, number)
    for run in runs[:32]:
        cloud.print(run.cluster, *(f"(job, pid=1) step:{step} - critic/rewards/mean:0.5" for step in range(200)))
    pool = ThreadPoolExecutor(4)
    tails = LogTailer(cloud, lines=(50, 200), reads_per_tick=32)
    reconciler = Reconciler(
        cloud=cloud,
        store=store,
        notifier=Nobody(),
        log_tailer=tails,
        health_monitor=HealthMonitor(),
        now=lambda: datetime.now(UTC),
        read_timings=ReconcileTimings,
        pool=pool,
        wake=lambda: None,
        priority=InteractivePriority(),
        began_at=datetime.now(UTC),
        is_leader=lambda: store.acquire_leadership("bench", timedelta(minutes=1)),
        log_lines=200,
        launcher=ClusterLauncher(cloud, store, Nobody(), lambda: datetime.now(UTC), ReconcileTimings),
    )
    reconciler.tick()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(TICKS):
        reconciler.tick()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    tails.stop()
    pool.shutdown()
    return cpu / TICKS, wall / TICKS
