"""The running bot: its parts, and when each runs."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread
from typing import IO

from slack_bolt import App

from bot.adapters.redis.embedded import EmbeddedValkey
from bot.app import process_health
from bot.app.admin_policy_server import AdminPolicyServer
from bot.app.cluster_sweep import ClusterSweep
from bot.app.cost_service import MonthlyBudgetMonitor
from bot.app.disk_watch import DiskWatch
from bot.app.finding_samples import FindingSampleAttacher
from bot.app.language_preferences import REFRESH_PERIOD, LanguagePreferences
from bot.app.leader_election import LeaderElection
from bot.app.operator_notices import MemoryWatch
from bot.app.pending_launches import PendingLaunches
from bot.app.ports import ChartRenderer, Cloud
from bot.app.price_cache import PriceCache
from bot.app.process_health import Clock
from bot.app.reconciler import Reconciler
from bot.app.run_service import RunService
from bot.app.scheduler import LEADER_EXECUTOR, Scheduler
from bot.app.unreadable_runs import UnreadableRunReconciler
from bot.bootstrap.measured_parts import Observers
from bot.config.settings import Settings
from bot.errors import Unavailable
from bot.slack.inbound.background import BackgroundReplies
from bot.slack.inbound.http_mode import HttpServer
from bot.slack.inbound.listeners import Listeners
from bot.slack.inbound.socket_mode import CHECK_PERIOD, SocketConnection
from bot.slack.outbound.clock_watch import ClockWatch
from bot.slack.outbound.cluster_notifier import OrphanNotifier
from bot.slack.outbound.directory import SlackDirectory
from bot.slack.outbound.home_publisher import HomePublisher
from bot.slack.outbound.notice_sender import NoticeSender
from bot.slack.outbound.report_notifier import ReportPublisher
from bot.slack.outbound.run_notifier import RunNotifier

log = logging.getLogger(__name__)

(
    TICK,
    NOTIFY,
    REPORTS,
    CONNECT,
    HOMES,
    LANGUAGES,
    SWEEP,
    ORPHANS,
    MONTHLY_BUDGETS,
    NOTICES,
    UNREADABLE,
    MEMORY,
    CLOCK,
    DISK,
    FINDING_SAMPLES,
    LAUNCHES,
    LEADERSHIP,
) = (
    "tick",
    "notify",
    "reports",
    "connect",
    "home pages",
    "language preferences",
    "sweep",
    "orphans",
    "monthly budgets",
    "notices",
    "unreadable",
    "memory",
    "clock",
    "disk",
    "finding samples",
    "launches",
    "leadership",
)
"""Names of the scheduler's jobs."""

LEADER_JOBS = (
    TICK, NOTIFY, NOTICES, REPORTS, ORPHANS, MONTHLY_BUDGETS, SWEEP, UNREADABLE, MEMORY, FINDING_SAMPLES, LAUNCHES,
)  # fmt: skip
"""What only the leader does, and does at once when it takes over."""

NOTIFY_PERIOD = timedelta(seconds=30)
"""Slack is brought up to date when a run changes, and at least this often in case that is missed."""

REPORTS_PERIOD = timedelta(seconds=30)
"""Reports are sent when they are due; another bot on the same store may have recorded one."""

SWEEP_RETRY = timedelta(minutes=2)
"""Delay after a sweep without an answer, which blocked one of the few calls for as long as a call may take."""

MONTHLY_BUDGETS_PERIOD = timedelta(minutes=1)
"""How often the month's cost is checked; only the store is read for it."""

NOTICES_PERIOD = timedelta(seconds=30)
"""Notices are sent when they are recorded, and at least this often in case that is missed."""

UNREADABLE_PERIOD = timedelta(seconds=30)
"""How often the records are checked for unreadable ones; nearly always there is none."""

MEMORY_PERIOD = timedelta(seconds=30)
"""How often the bot looks for clusters that SkyPilot does not remember; nearly always there is none."""

FINDING_SAMPLES_PERIOD = timedelta(seconds=15)
"""How often new findings are looked for whose samples were not read; the store is read for it."""

CLOCK_PERIOD = timedelta(seconds=5)
"""How often this machine's clock is compared with the bot's own time."""

DISK_PERIOD = timedelta(seconds=5)
"""How often the free space of the bot's disk is measured."""

LAUNCHES_PERIOD = timedelta(seconds=30)
"""How often launches are looked for that a process has left; nearly always there is none."""

ORPHANS_PERIOD = timedelta(minutes=5)
"""How often the cost in an orphan's message is brought up to date."""

TICK_PAUSE, NOTIFY_PAUSE, HOMES_PAUSE, SWEEP_PAUSE = (timedelta(milliseconds=pause) for pause in (500, 100, 500, 2000))
"""However much is requested at once, listeners come first, because a person waits for them."""


@dataclass(slots=True)
class Bot:
    """All running parts, which start and stop together."""

    run_service: RunService
    scheduler: Scheduler
    leadership: LeaderElection
    cloud: Cloud
    reconciler: Reconciler
    notifier: RunNotifier
    report_publisher: ReportPublisher
    home_publisher: HomePublisher
    language_preferences: LanguagePreferences
    cluster_sweep: ClusterSweep
    orphan_notifier: OrphanNotifier
    budget_monitor: MonthlyBudgetMonitor
    notice_sender: NoticeSender
    unreadable_runs: UnreadableRunReconciler
    memory_watch: MemoryWatch
    finding_samples: FindingSampleAttacher
    pending_launches: PendingLaunches
    app: App
    listeners: Listeners
    connection: SocketConnection | HttpServer
    background_replies: BackgroundReplies
    chart_renderer: ChartRenderer
    valkey: EmbeddedValkey | None
    lock: IO[str] | None
    clock: Clock
    clock_watch: ClockWatch
    disk_watch: DiskWatch
    admin_policy_server: AdminPolicyServer | None
    observers: Observers
    price_cache: PriceCache
    directory: SlackDirectory
    settings: Settings = field(repr=False)

    def start(self) -> None:
        """Start all parts."""
        if self.admin_policy_server:
            self.admin_policy_server.start()
        self.observers.start()
        Thread(target=self._log_server, name="greet", daemon=True).start()
        period = timedelta(seconds=self.settings.tick_seconds)
        self.scheduler.add_job(LEADERSHIP, self.leadership.period, self.leadership.renew, executor=LEADER_EXECUTOR)
        self.scheduler.add_job(TICK, period, self._tick, TICK_PAUSE)
        self.scheduler.add_job(NOTIFY, NOTIFY_PERIOD, self.notifier.sync, NOTIFY_PAUSE)
        self.scheduler.add_job(REPORTS, REPORTS_PERIOD, self.report_publisher.publish_due_reports, NOTIFY_PAUSE)
        self.scheduler.add_job(
            HOMES, timedelta(seconds=self.settings.card_seconds), self.home_publisher.publish, HOMES_PAUSE
        )
        self.scheduler.add_job(SWEEP, timedelta(minutes=self.settings.sweep_minutes), self._sweep, SWEEP_PAUSE)
        self.scheduler.add_job(MONTHLY_BUDGETS, MONTHLY_BUDGETS_PERIOD, self.budget_monitor.check, NOTIFY_PAUSE)
        self.scheduler.add_job(NOTICES, NOTICES_PERIOD, self.notice_sender.send_due, NOTIFY_PAUSE)
        self.scheduler.add_job(UNREADABLE, UNREADABLE_PERIOD, self.unreadable_runs.reconcile, NOTIFY_PAUSE)
        self.scheduler.add_job(MEMORY, MEMORY_PERIOD, self.memory_watch.check, NOTIFY_PAUSE)
        self.scheduler.add_job(FINDING_SAMPLES, FINDING_SAMPLES_PERIOD, self.finding_samples.attach, NOTIFY_PAUSE)
        self.scheduler.add_job(LAUNCHES, LAUNCHES_PERIOD, self.pending_launches.resume_lost, NOTIFY_PAUSE)
        self.scheduler.add_job(CLOCK, CLOCK_PERIOD, self.clock_watch.check_clock, NOTIFY_PAUSE)
        self.scheduler.add_job(DISK, DISK_PERIOD, self.disk_watch.check, NOTIFY_PAUSE)
        self.scheduler.add_job(ORPHANS, ORPHANS_PERIOD, self.orphan_notifier.sync, NOTIFY_PAUSE)
        self.scheduler.add_job(LANGUAGES, REFRESH_PERIOD, self.language_preferences.refresh)
        if isinstance(self.connection, SocketConnection):
            self.scheduler.add_job(CONNECT, CHECK_PERIOD, self.connection.check)
        else:
            self.connection.start()
        self.scheduler.start()

    def stop(self) -> None:
        """Stop listening, finish what is in progress, leave the clusters as they are.

        The scheduler starts nothing any more before the cloud abandons its calls: a tick that began after that would
        take for failures of a run what the bot itself has cut off.
        """
        stops = [self.scheduler.close, self.connection.stop]
        if self.admin_policy_server:
            stops.append(self.admin_policy_server.stop)
        stops += [
            self.price_cache.stop,
            self.directory.stop,
            self.cloud.stop,
            self.scheduler.stop,
            self.background_replies.stop,
            self.chart_renderer.stop,
            self.reconciler.log_tailer.stop,
            self.reconciler.pool.shutdown,
            self.leadership.release,
        ]
        if self.valkey:
            stops.append(self.valkey.stop)
        # Late, so that what the other parts did while they stopped is sent too.
        stops.append(self.observers.stop)
        if self.lock:
            stops.append(self.lock.close)
        # An ExitStack calls them all, the newest first, and raises at the end what one of them has raised.
        with ExitStack() as stack:
            for stop in reversed(stops):
                stack.callback(stop)

    def _log_server(self) -> None:
        """Log which server runs the clusters, or that it does not answer; the bot keeps looking for them."""
        try:
            log.info("%s", self.cloud.describe_server())
        except Unavailable as error:
            log.error("%s", error)

    def _sweep(self) -> timedelta | None:
        """Run the sweep; return a short delay after one without an answer, because clusters must be known soon."""
        try:
            return self.cluster_sweep.sweep()
        except Unavailable as error:
            log.warning("the sweep has seen nothing: %s", error)
            return SWEEP_RETRY

    def _tick(self) -> timedelta | None:
        try:
            wait = self.reconciler.tick()
        except Unavailable as error:
            log.warning("%s (%s)", error, error.__cause__)
            self.disk_watch.make_room()
            if self.valkey:
                self.valkey.restart_if_ended()
            return None
        process_health.write(self.settings.data_dir, self.clock.read_timeline())
        return wait
