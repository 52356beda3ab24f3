"""A simulated bot: all its real parts on one machine, in one thread, and the turns in which its jobs run."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from redis import Redis
from slack_bolt import BoltRequest

from bot.adapters.checkpoint_downloads import CheckpointDownloads
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.sky.sky_cloud import SkyCloud
from bot.app.health_monitor import HealthMonitor
from bot.app.process_health import Clock
from bot.app.rate_limits import InteractivePriority
from bot.app.store_watch import StoreMemory
from bot.bootstrap.bot import (
    CLOCK,
    CLOCK_PERIOD,
    LEADERSHIP,
    MEMORY,
    MEMORY_PERIOD,
    MONTHLY_BUDGETS,
    MONTHLY_BUDGETS_PERIOD,
    NOTICES,
    NOTICES_PERIOD,
    NOTIFY,
    NOTIFY_PERIOD,
    ORPHANS,
    ORPHANS_PERIOD,
    REPORTS,
    REPORTS_PERIOD,
    SWEEP,
    TICK,
    UNREADABLE,
    UNREADABLE_PERIOD,
)
from bot.bootstrap.container import assemble
from bot.bootstrap.outside import Outside as OutsideParts
from bot.bootstrap.policy_source import PolicySource
from bot.config.settings import Settings
from bot.core.model.policy import Caps, Policy
from bot.errors import LeadershipLost, Unavailable
from bot.runtime.secret_filter import SecretFilter
from slack_playground.slack import BOT_TOKEN
from tests.crashes import Killed
from tests.doubles.repositories import FakeRepositories
from tests.schedules import Here
from tests.simulation.disks import Disks
from tests.simulation.outside import Host, Outside, Process
from tests.simulation.sky import Current, sky_package
from tests.simulation.slack import SimulatedSlack, build_client
from tests.simulation.stores import StoreBed
from tests.story import OPEN, RECIPES, AtOnce, FakePainter, read

PRICES = {"*": {"node": 2.0}}
"""As the double of SkyPilot charges."""

APPROVED_ABOVE, RUNS_OF_A_PERSON, DOLLARS_OF_A_MONTH = 8.5, 2, 6.0
"""What the policy bounds: the dollars that a launch may cost without an approval, with those of the same person within
a day; the runs of a person at once; the dollars of the workspace."""

RULES = Policy(
    grants=OPEN.grants,
    approve_above_dollars=APPROVED_ABOVE,
    person=Caps(runs=RUNS_OF_A_PERSON),
    workspace=Caps(dollars_per_month=DOLLARS_OF_A_MONTH),
)

OPS_CHANNEL = "C0RANDOM"

MAX_ROUNDS = 30
"""Runs of one job in one turn of the bot."""

RETRY = timedelta(seconds=5)
"""After which a job runs again that an outage has ended."""

SETTINGS = Settings(
    slack_bot_token=BOT_TOKEN,
    slack_api_url="http://simulated/api/",
    slack_mode="http",
    slack_signing_secret="a simulation's",
    compute="local",
    ops_channel=OPS_CHANNEL,
    slack_late_seconds=30.0,
    leader_lease_seconds=20.0,
    launch_confirm_seconds=30.0,
    sweep_minutes=3.0,
    save_grace_minutes=0.5,
    fetch_grace_minutes=2.0,
)


class InlinePool(ThreadPoolExecutor):
    """Does at once what it is given. A process that ends does not come back from it."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


class LazyFuture(Future[Any]):
    """Does its work when its result is wanted."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work = work

    def result(self, timeout: float | None = None) -> Any:
        if not self.done():
            try:
                self.set_result(self._work())
            except Exception as error:
                self.set_exception(error)
        return super().result(timeout)


class LazyPool(ThreadPoolExecutor):
    """Does what it is given once the result is wanted, as its caller may hold a lock until then."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        return LazyFuture(lambda: function(*args, **options))


class DeferredPool(ThreadPoolExecutor):
    """Does in the bot's next turn what it is given, as a download that takes a while."""

    def __init__(self) -> None:
        super().__init__(1)
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: function(*args, **options)))
        return future

    def drain(self) -> None:
        """Do what waits."""
        waiting, self._waiting = self._waiting, []
        for future, work in waiting:
            try:
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)


class Inline(AtOnce):
    """Answers at once, without threads."""

    def __init__(self, interactive_priority: InteractivePriority) -> None:
        self._interactive_priority = interactive_priority


class QuietClock(Clock):
    """The bot's own clock, on a simulated machine."""

    def __init__(self, outside: Outside, host: Host) -> None:
        super().__init__(lambda: outside.read_clocks(host), host.heartbeat, outside.time)


class HostStoreMemory(StoreMemory):
    """The store that the machine's bot knew, without a file."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        object.__setattr__(self, "host", host)

    def read(self) -> Any:
        return vars(self)["host"].memory.read()

    def write(self, identity: Any) -> None:
        vars(self)["host"].memory.write(identity)


class TurnScheduler:
    """The bot's scheduler, whose jobs run in turns: each that is due or woken, until none is, in the order of names.

    Args:
        now: see `bot.app.scheduler.Scheduler`.
    """

    def __init__(self, now: Callable[[], datetime], _: object = None) -> None:
        self._now = now
        self.jobs: dict[str, tuple[timedelta, Callable[[], Any]]] = {}
        self.due: dict[str, datetime] = {}
        self.failures: list[str] = []

    def add_job(self, name: str, period: timedelta, job: Callable[[], Any], pause: timedelta = timedelta()) -> None:
        self.jobs[name] = period, job
        self.due[name] = self._now()

    def wake(self, name: str) -> None:
        if name in self.due:
            self.due[name] = self._now()

    def wake_all(self, names: Iterable[str]) -> None:
        for name in names:
            self.wake(name)

    def run_due(self) -> None:
        """Run the jobs that are due, and those that become due meanwhile, each a bounded number of times."""
        for _ in range(MAX_ROUNDS):
            now = self._now()
            names = [name for name in self.jobs if self.due[name] <= now]
            if not names:
                return
            for name in names:
                self._run(name)

    def _run(self, name: str) -> None:
        """Run a job; its failure stops no other."""
        period, job = self.jobs[name]
        self.due[name] = self._now() + period
        wait = None
        try:
            wait = job()
        except (Unavailable, LeadershipLost):
            wait = min(period, RETRY)
        except Exception as error:
            self.failures.append(f"{name}: {type(error).__name__} {error}")
        if wait is not None:
            self.due[name] = min(self.due[name], self._now() + wait)


class Robot:
    """One life of a bot on a host.

    Attributes:
        knows_store: whether it had a turn in which the store answered.
    """

    knows_store = False

    def __init__(
        self,
        outside: Outside,
        slack: SimulatedSlack,
        bed: StoreBed,
        host: Host,
        ids: Iterator[int],
        disks: Disks,
        folder: Path,
    ) -> None:
        self.outside, self.host, self.process = outside, host, Process(host)
        self.pool = bed.build_pool(outside)
        self.store = RedisStore(Redis(connection_pool=self.pool), elapsed=lambda: outside.elapsed)
        self.clock = QuietClock(outside, host)
        self.store.audit.now = self.clock.now
        self.downloads = DeferredPool()
        with outside.running(self.process):
            self.cloud = SkyCloud(
                Here(),
                self.clock.now,
                secrets={},
                price_table=PRICES,
                job_period=timedelta(seconds=8),
                bill_period=timedelta(seconds=60),
                stale_after=timedelta(seconds=60),
                downloads=CheckpointDownloads(
                    folder,
                    max_bytes=10**9,
                    reserve_bytes=0,
                    measure_free_bytes=disks.measure_free_bytes,
                    measure_free_files=lambda _: 10**6,
                    pool=self.downloads,
                ),
            )
            self.parts = assemble(
                OutsideParts(
                    settings=SETTINGS,
                    store=self.store,
                    cloud=self.cloud,
                    slack=build_client(slack),
                    clock=self.clock,
                    secrets=SecretFilter({}),
                    policy_source=PolicySource(None, RULES),
                    recipes=RECIPES,
                    health_monitor=HealthMonitor(),
                    chart_renderer=FakePainter(),
                    repositories=FakeRepositories(),
                    owner_name=host.name,
                    new_run_id=lambda recipe: f"{recipe}-{next(ids):04x}",
                    build_background=Inline,
                    patience=timedelta(seconds=20),
                    directory_seconds=30.0,
                    store_memory=HostStoreMemory(host),
                )
            )
        scheduler: object = self.parts.scheduler
        assert isinstance(scheduler, TurnScheduler)
        self.scheduler: TurnScheduler = scheduler
        self._add_jobs()

    def _add_jobs(self) -> None:
        """Add the jobs that the bot adds when it starts, but those for its machine and its pages."""
        parts = self.parts
        self.scheduler.add_job(LEADERSHIP, parts.leadership.period, parts.leadership.renew)
        self.scheduler.add_job(CLOCK, CLOCK_PERIOD, parts.clock_watch.check_clock)
        self.scheduler.add_job(TICK, timedelta(seconds=SETTINGS.tick_seconds), self._tick)
        self.scheduler.add_job(UNREADABLE, UNREADABLE_PERIOD, parts.unreadable_runs.reconcile)
        self.scheduler.add_job(MEMORY, MEMORY_PERIOD, parts.memory_watch.check)
        self.scheduler.add_job(SWEEP, timedelta(minutes=SETTINGS.sweep_minutes), parts.cluster_sweep.sweep)
        self.scheduler.add_job(NOTIFY, NOTIFY_PERIOD, parts.notifier.sync)
        self.scheduler.add_job(REPORTS, REPORTS_PERIOD, parts.report_publisher.publish_due_reports)
        self.scheduler.add_job(MONTHLY_BUDGETS, MONTHLY_BUDGETS_PERIOD, parts.budget_monitor.check)
        self.scheduler.add_job(ORPHANS, ORPHANS_PERIOD, parts.orphan_notifier.sync)
        self.scheduler.add_job(NOTICES, NOTICES_PERIOD, parts.notice_sender.send_due)

    @property
    def alive(self) -> bool:
        return self.process.alive

    def end(self) -> None:
        """End this process, as by kill -9."""
        self.process.alive = False
        self.pool.disconnect()

    def dispatch(self, body: dict[str, Any]) -> str | None:
        """Take a delivery; return what is acknowledged with it, or None where the process ends meanwhile."""
        try:
            with self.outside.running(self.process):
                answer = self.parts.app.dispatch(BoltRequest(body=body, mode="socket_mode"))
        except Killed:
            self.end()
            return None
        if answer.status != 200:
            self.outside.failures.append(f"a delivery is answered with {answer.status}")
        return read(json.loads(answer.body)) if answer.body else ""

    def turn(self) -> None:
        """Run every job that is due, and those that they wake."""
        can_read = self.outside.is_store_answering()
        try:
            with self.outside.running(self.process):
                self.downloads.drain()
                self.scheduler.run_due()
            self.knows_store = self.knows_store or can_read
        except Killed:
            self.end()

    def _tick(self) -> Any:
        wait = self.parts.reconciler.tick()
        self.host.heartbeat = self.clock.read_timeline()
        return wait


@contextmanager
def simulated_modules(
    current: Current, get_slack: Callable[[], SimulatedSlack], find_checkpoint: Callable[..., Any]
) -> Iterator[None]:
    """Let the bot's parts work in one thread, at the schedule's time, on doubles."""

    def respond(client: Any, answer: dict[str, Any]) -> Any:
        return get_slack().respond(client.url, answer)

    replaced: dict[str, Any] = {
        "bot.bootstrap.container.Scheduler": TurnScheduler,
        "bot.bootstrap.container.TracedThreadPool": InlinePool,
        "bot.bootstrap.container.fetch_time": lambda _: get_slack().outside.time,
        "bot.app.log_tailer.ThreadPoolExecutor": InlinePool,
        "bot.app.price_cache.ThreadPoolExecutor": InlinePool,
        "bot.slack.outbound.directory.ThreadPoolExecutor": LazyPool,
        "bot.adapters.sky.job_poller.ThreadPoolExecutor": InlinePool,
        "bot.adapters.sky.sky_cloud.RemoteCheckpoint": find_checkpoint,
        "bot.slack.inbound.background.pause": lambda _: None,
        "slack_sdk.webhook.client.WebhookClient.send_dict": respond,
    }
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    with ExitStack() as stack:
        stack.enter_context(sky_package(current))
        for name, value in replaced.items():
            stack.enter_context(patch(name, value))
        try:
            yield
        finally:
            logging.disable(level)


def make_ids() -> Iterator[int]:
    return count(1)
