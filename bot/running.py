"""The running bot: its parts, and when each runs."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Thread
from typing import IO

from bot import heartbeat
from bot.adapters.painter import Painter
from bot.adapters.valkey import Valkey
from bot.clock import Clock
from bot.errors import Unavailable
from bot.gate_server import GateServer
from bot.memory_watch import MemoryWatch
from bot.ports import Cloud
from bot.purses import Purses
from bot.quotes import Quotes
from bot.reconcile import Reconciler
from bot.scheduler import Scheduler
from bot.service import Service
from bot.settings import Settings
from bot.slack.boards import Boards
from bot.slack.clock_watch import ClockWatch
from bot.slack.directory import SlackDirectory
from bot.slack.errands import Errands
from bot.slack.homes import Homes
from bot.slack.http import HttpServer
from bot.slack.notice_sender import NoticeSender
from bot.slack.notifier import SlackNotifier
from bot.slack.socket import CHECK_PERIOD, Socket
from bot.slack.teller import Teller
from bot.sweep import Sweep
from bot.tongues import REFRESH_PERIOD, Tongues
from bot.unreadable_runs import UnreadableRuns

log = logging.getLogger(__name__)

TICK, SPEAK, BOARDS, CONNECT, HOMES, TONGUES, SWEEP, TELL, PURSES, NOTICES, UNREADABLE, MEMORY, CLOCK = (
    "tick",
    "speak",
    "boards",
    "connect",
    "homes",
    "tongues",
    "sweep",
    "tell",
    "purses",
    "notices",
    "unreadable",
    "memory",
    "clock",
)
"""Names of the scheduler's jobs."""

SPEAK_PERIOD = timedelta(seconds=30)
"""Slack is brought up to date when a run changes, and at least this often in case that is missed."""

BOARDS_PERIOD = timedelta(seconds=30)
"""Reports are sent when they are due; another bot on the same store may have recorded one."""

SWEEP_RETRY = timedelta(minutes=2)
"""Delay after a sweep without an answer, which blocked one of the few calls for as long as a call may take."""

PURSES_PERIOD = timedelta(minutes=1)
"""How often the month's cost is checked; only the store is read for it."""

NOTICES_PERIOD = timedelta(seconds=30)
"""Notices are sent when they are recorded, and at least this often in case that is missed."""

UNREADABLE_PERIOD = timedelta(seconds=30)
"""How often the records are checked for unreadable ones; nearly always there is none."""

MEMORY_PERIOD = timedelta(seconds=30)
"""How often the bot looks for clusters that SkyPilot does not remember; nearly always there is none."""

CLOCK_PERIOD = timedelta(seconds=5)
"""How often this machine's clock is compared with the bot's own time."""

TELL_PERIOD = timedelta(minutes=5)
"""How often the cost in an orphan's message is brought up to date."""

TICK_PAUSE, SPEAK_PAUSE, HOMES_PAUSE, SWEEP_PAUSE = (timedelta(milliseconds=pause) for pause in (500, 100, 500, 2000))
"""However much is requested at once, listeners come first, because a person waits for them."""


@dataclass(slots=True)
class Bot:
    """All running parts, which start and stop together."""

    service: Service
    scheduler: Scheduler
    cloud: Cloud
    reconciler: Reconciler
    notifier: SlackNotifier
    boards: Boards
    homes: Homes
    tongues: Tongues
    sweep: Sweep
    teller: Teller
    purses: Purses
    notices: NoticeSender
    unreadable: UnreadableRuns
    memory_watch: MemoryWatch
    connection: Socket | HttpServer
    errands: Errands
    painter: Painter
    valkey: Valkey | None
    lock: IO[str]
    timepiece: Clock
    clock_watch: ClockWatch
    gate: GateServer | None
    quotes: Quotes
    directory: SlackDirectory
    settings: Settings = field(repr=False)

    def start(self) -> None:
        """Start all parts."""
        if self.gate:
            self.gate.start()
        Thread(target=self._greet, name="greet", daemon=True).start()
        period = timedelta(seconds=self.settings.tick_seconds)
        self.scheduler.every(TICK, period, self._tick, TICK_PAUSE)
        self.scheduler.every(SPEAK, SPEAK_PERIOD, self.notifier.speak, SPEAK_PAUSE)
        self.scheduler.every(BOARDS, BOARDS_PERIOD, self.boards.speak, SPEAK_PAUSE)
        self.scheduler.every(HOMES, timedelta(seconds=self.settings.home_seconds), self.homes.publish, HOMES_PAUSE)
        self.scheduler.every(SWEEP, timedelta(minutes=self.settings.sweep_minutes), self._sweep, SWEEP_PAUSE)
        self.scheduler.every(PURSES, PURSES_PERIOD, self.purses.look, SPEAK_PAUSE)
        self.scheduler.every(NOTICES, NOTICES_PERIOD, self.notices.send_due, SPEAK_PAUSE)
        self.scheduler.every(UNREADABLE, UNREADABLE_PERIOD, self.unreadable.look, SPEAK_PAUSE)
        self.scheduler.every(MEMORY, MEMORY_PERIOD, self.memory_watch.look, SPEAK_PAUSE)
        self.scheduler.every(CLOCK, CLOCK_PERIOD, self.clock_watch.look, SPEAK_PAUSE)
        self.scheduler.every(TELL, TELL_PERIOD, self.teller.tell, SPEAK_PAUSE)
        self.scheduler.every(TONGUES, REFRESH_PERIOD, self.tongues.refresh)
        if isinstance(self.connection, Socket):
            self.scheduler.every(CONNECT, CHECK_PERIOD, self.connection.check)
        else:
            self.connection.start()
        self.scheduler.start()

    def stop(self) -> None:
        """Stop listening, finish what is in progress, leave the clusters as they are.

        The scheduler starts nothing any more before the cloud abandons its calls: a tick that began after that would
        take for failures of a run what the bot itself has cut off.
        """
        self.scheduler.close()
        self.connection.stop()
        if self.gate:
            self.gate.stop()
        self.quotes.stop()
        self.directory.stop()
        self.cloud.stop()
        self.scheduler.stop()
        self.errands.stop()
        self.painter.stop()
        self.reconciler.tails.stop()
        self.reconciler.pool.shutdown()
        if self.valkey:
            self.valkey.stop()
        self.lock.close()

    def _greet(self) -> None:
        """Log which server runs the clusters, or that it does not answer; the bot keeps looking for them."""
        try:
            log.info("%s", self.cloud.greet())
        except Unavailable as error:
            log.error("%s", error)

    def _sweep(self) -> timedelta | None:
        """Run the sweep; return a short delay after one without an answer, because clusters must be known soon."""
        try:
            return self.sweep.sweep()
        except Unavailable as error:
            log.warning("the sweep has seen nothing: %s", error)
            return SWEEP_RETRY

    def _tick(self) -> timedelta | None:
        try:
            wait = self.reconciler.tick()
        except Unavailable as error:
            log.warning("%s (%s)", error, error.__cause__)
            if self.valkey:
                self.valkey.revive()
            return None
        heartbeat.write(self.settings.data_dir, self.timepiece.line())
        return wait
