"""The composition root: settings in, a bot out. The only module that knows every class."""

import logging
import secrets as randomness
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import IO

from redis import Redis

from bot import heartbeat
from bot.adapters import health_rules, prices
from bot.adapters.local.cloud import LocalCloud
from bot.adapters.painter import Painter
from bot.adapters.recipes import FolderOfRecipes
from bot.adapters.sky import calls
from bot.adapters.sky.cloud import SkyCloud
from bot.adapters.sky.courier import Courier
from bot.adapters.store import RedisStore, client, greet
from bot.adapters.valkey import Valkey
from bot.core.decide import Rules
from bot.core.health.rules import HealthRules
from bot.core.standings import Rhythm
from bot.data_dir import locked, owner
from bot.errors import Unavailable, UserError
from bot.ports import Cloud
from bot.precedence import Precedence
from bot.reconcile import Reconciler
from bot.reports import Reports
from bot.scheduler import Scheduler
from bot.service import Service
from bot.settings import Settings
from bot.slack.app import Listeners, build_app
from bot.slack.boards import Boards
from bot.slack.channels import Channels
from bot.slack.client import Identity, web_client
from bot.slack.errands import Errands
from bot.slack.gallery import Gallery
from bot.slack.homes import Homes
from bot.slack.http import HttpServer
from bot.slack.inbox import Inbox
from bot.slack.modals import Modals
from bot.slack.notifier import SlackNotifier
from bot.slack.plots import Plots
from bot.slack.reporting import Reporting
from bot.slack.socket import CHECK_PERIOD, Socket
from bot.slack.teller import Teller
from bot.sweep import Sweep
from bot.tails import Tails
from bot.tongues import REFRESH_PERIOD, Tongues
from bot.watcher import Watcher

log = logging.getLogger(__name__)

TICK, SPEAK, BOARDS, CONNECT, HOMES, TONGUES, SWEEP, TELL = (
    "tick",
    "speak",
    "boards",
    "connect",
    "homes",
    "tongues",
    "sweep",
    "tell",
)
"""Jobs of the scheduler."""

SPEAK_PERIOD = timedelta(seconds=30)
"""Slack is brought up to date when a run changes; and this often, should that be missed."""

BOARDS_PERIOD = timedelta(seconds=30)
"""Boards are told when they are due; another bot on the same store may have been asked for one."""

SWEEP_RETRY = timedelta(minutes=2)
"""After a sweep that nobody answered: it has taken one of the few places for calls for as long as a call may take."""

TELL_PERIOD = timedelta(minutes=5)
"""What a cluster costs that no run owns is brought up to date this often."""

TICK_PAUSE, SPEAK_PAUSE, HOMES_PAUSE, SWEEP_PAUSE = (timedelta(milliseconds=pause) for pause in (500, 100, 500, 2000))
"""However much is asked for at once, listeners come first: a person waits for them."""

LEAST_LOG_LINES = 50
"""Of one read of a log: a quiet run's."""

STORE_SECONDS = 1.2
"""For one answer of the store, which is asked twice at the most: Slack waits for three seconds."""


@dataclass(slots=True)
class Bot:
    """Everything that runs, to be started and stopped as one."""

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
    connection: Socket | HttpServer
    errands: Errands
    painter: Painter
    valkey: Valkey | None
    lock: IO[str]
    heartbeat: Path
    settings: Settings = field(repr=False)

    def start(self) -> None:
        Thread(target=self._greet, name="greet", daemon=True).start()
        period = timedelta(seconds=self.settings.tick_seconds)
        self.scheduler.every(TICK, period, self._tick, TICK_PAUSE)
        self.scheduler.every(SPEAK, SPEAK_PERIOD, self.notifier.speak, SPEAK_PAUSE)
        self.scheduler.every(BOARDS, BOARDS_PERIOD, self.boards.speak, SPEAK_PAUSE)
        self.scheduler.every(HOMES, timedelta(seconds=self.settings.home_seconds), self.homes.publish, HOMES_PAUSE)
        self.scheduler.every(SWEEP, timedelta(minutes=self.settings.sweep_minutes), self._sweep, SWEEP_PAUSE)
        self.scheduler.every(TELL, TELL_PERIOD, self.teller.tell, SPEAK_PAUSE)
        self.scheduler.every(TONGUES, REFRESH_PERIOD, self.tongues.refresh)
        if isinstance(self.connection, Socket):
            self.scheduler.every(CONNECT, CHECK_PERIOD, self.connection.check)
        else:
            self.connection.start()
        self.scheduler.start()

    def stop(self) -> None:
        """Stop listening, finish what is under way, leave the clusters as they are."""
        self.connection.stop()
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
        """Say in the log who runs the clusters, or that nobody answers; the bot goes on looking for them."""
        try:
            log.info("%s", self.cloud.greet())
        except Unavailable as error:
            log.error("%s", error)

    def _sweep(self) -> timedelta | None:
        """What stands is to be known soon, so one that nobody answered does not wait for the next."""
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
        self.heartbeat.touch()
        return wait


def build(settings: Settings, cloud: Cloud | None = None) -> Bot:
    """Put a bot together, not yet started.

    Args:
        cloud: the machines; those of the settings unless given.

    Raises:
        UserError: another bot uses the same data directory, or the store does not come up.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = locked(settings.data_dir)
    valkey = None if settings.redis_url else Valkey(settings.data_dir / "store", STORE_SECONDS)
    store = RedisStore(connect(settings, valkey), timedelta(days=settings.history_days))
    scheduler = Scheduler()
    machines = cloud or (sky_cloud(settings) if settings.uses_skypilot else local_cloud(settings))
    slack = web_client(settings.slack_bot_token, settings.slack_api_url)
    period = timedelta(seconds=settings.card_seconds)
    name, leads_for = owner(settings.data_dir), timedelta(seconds=settings.leader_seconds)

    def leads() -> bool:
        return store.lead(name, leads_for)

    precedence, channels = Precedence(), Channels()
    painter = Painter(settings.data_dir / "fonts", {})
    gallery = Gallery(slack, painter, now)
    notifier = SlackNotifier(
        store,
        slack,
        now,
        leads,
        period,
        lambda: scheduler.wake(SPEAK),
        precedence,
        gallery,
        settings.language,
        channels,
    )
    reports = Reports(store, now, lambda: scheduler.wake(BOARDS), settings.timezone)
    service = Service(
        store=store,
        recipes=FolderOfRecipes(settings.recipes_dir),
        cloud=machines,
        notifier=notifier,
        now=now,
        new_id=new_id,
        wake=lambda: scheduler.wake(TICK),
        follow_for=timedelta(minutes=settings.follow_minutes),
    )
    reconciler = Reconciler(
        cloud=machines,
        store=store,
        notifier=notifier,
        tails=tails(settings, machines),
        watcher=watcher(settings),
        now=now,
        rules=rules(settings),
        pool=ThreadPoolExecutor(4, thread_name_prefix="act"),
        wake=lambda: scheduler.wake(TICK),
        precedence=precedence,
        began=now(),
        leads=leads,
        log_lines=settings.log_lines,
        language=settings.language,
        rhythm=rhythm(settings),
    )
    sweep = Sweep(
        cloud=machines,
        store=store,
        now=now,
        leads=leads,
        show=lambda: scheduler.wake(TELL),
        channel=settings.ops_channel,
        language=settings.language,
    )
    teller = Teller(store, slack, now, leads, lambda: scheduler.wake(SWEEP), settings.language)
    errands = Errands(precedence)
    tongues = Tongues(store, settings.language)
    homes = Homes(service, slack, tongues, now, wake=lambda: scheduler.wake(HOMES))
    modals, plots = Modals(service, slack, errands), Plots(service, errands, gallery)
    reporting = Reporting(service, reports, slack, errands)
    listeners = Listeners(service, slack, errands, modals, homes, tongues, plots, reporting)
    identity = Identity(slack)
    app = build_app(listeners, lambda **_: identity.learn(), settings.slack_signing_secret or "unused")
    teller.listen(app)
    connection: Socket | HttpServer
    if settings.slack_mode == "socket":
        connection = Socket(
            app, identity, settings.slack_app_token, settings.slack_api_url, now, precedence, Inbox(store, errands)
        )
    else:
        connection = HttpServer(app, settings.http_host, settings.http_port, precedence)
    return Bot(
        service=service,
        scheduler=scheduler,
        cloud=machines,
        reconciler=reconciler,
        notifier=notifier,
        boards=Boards(reports, store, slack, now, leads, channels, precedence, settings.language),
        homes=homes,
        tongues=tongues,
        sweep=sweep,
        teller=teller,
        connection=connection,
        errands=errands,
        painter=painter,
        valkey=valkey,
        lock=lock,
        heartbeat=settings.data_dir / heartbeat.NAME,
        settings=settings,
    )


def local_cloud(settings: Settings) -> LocalCloud:
    return LocalCloud(
        settings.data_dir / "local",
        secrets=settings.secrets,
        most_nodes=settings.local_most_nodes,
        dollars_per_node_hour=settings.local_dollars_per_node_hour,
        minute_seconds=settings.local_minute_seconds,
        grace_seconds=settings.local_grace_seconds,
    )


def sky_cloud(settings: Settings) -> SkyCloud:
    return SkyCloud(
        Courier(settings.sky_environment, settings.sky_call_seconds, settings.sky_calls_at_once, calls.SHARES),
        now,
        secrets=settings.secrets,
        table=prices.read(settings.prices) if settings.prices else None,
        slurm_containers=settings.slurm_containers,
        start_server=settings.sky_start_server,
        job_period=timedelta(seconds=settings.sky_job_seconds),
        bill_period=timedelta(seconds=settings.sky_bill_seconds),
    )


def tails(settings: Settings, cloud: Cloud) -> Tails:
    """Of SkyPilot's few places at most half are for reading logs: a removal must not wait for them."""
    lines = (min(LEAST_LOG_LINES, settings.log_lines), settings.log_lines)
    if not settings.uses_skypilot:
        return Tails(cloud, lines=lines, reads_per_tick=settings.log_reads_per_tick)
    return Tails(
        cloud,
        lines=lines,
        period=timedelta(seconds=settings.sky_log_seconds),
        reads_per_tick=settings.log_reads_per_tick,
        threads=max(settings.sky_calls_at_once // 2, 1),
    )


def watcher(settings: Settings) -> Watcher:
    """The rules of the bot, those of the team, and what installed packages find."""
    team = health_rules.read(settings.findings) if settings.findings else ()
    return Watcher(HealthRules(team=team), partial(health_rules.found_by, health_rules.plugins()))


def rules(settings: Settings) -> Rules:
    """A launch that was given up may still arrive for as long as its call may take, and looks may be as far apart."""
    call = settings.sky_call_seconds if settings.uses_skypilot else 0.0
    return Rules(
        ask_again=timedelta(seconds=max(settings.launch_doubt_seconds, 1.5 * call)),
        gone=timedelta(seconds=settings.gone_seconds),
        steady=timedelta(seconds=max(45, 3 * settings.tick_seconds, 2 * call)),
        unhealthy=timedelta(seconds=settings.unhealthy_seconds),
        stopping_alarm=timedelta(minutes=settings.stopping_alarm_minutes),
        down_again=timedelta(seconds=max(settings.down_again_seconds, 2 * settings.local_grace_seconds)),
    )


def rhythm(settings: Settings) -> Rhythm:
    """How often a run's thread is told how it goes."""
    minutes = settings.summary_minutes
    return Rhythm(settings.summary_steps, timedelta(minutes=minutes) if minutes else None)


def connect(settings: Settings, valkey: Valkey | None) -> Redis:
    """The store of the settings, or the embedded one."""
    if valkey:
        return valkey.start()
    found = client(settings.redis_url, STORE_SECONDS)
    try:
        greet(found)
    except Unavailable as error:
        raise UserError(f"{error} ({error.__cause__})", "Start it, or mend REDIS_URL.") from error
    return found


def now() -> datetime:
    return datetime.now(UTC)


def new_id(recipe: str) -> str:
    return f"{recipe}-{randomness.token_hex(2)}"


def log_to(path: Path | None, level: str) -> None:
    """Where the bot's own log goes: a file, or standard error. Libraries that tell of every step are quieter."""
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(filename=path, level=level, format=form)
    for name, least in (("apscheduler", "ERROR"), ("httpx", "WARNING"), ("bot.bolt", "ERROR")):
        logging.getLogger(name).setLevel(least)
