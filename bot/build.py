"""The composition root: settings in, a bot out. The only module that knows every class."""

import logging
import secrets as randomness
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

from bot.access_control import AccessControl
from bot.adapters.audits import RedisAudit
from bot.adapters.local.accounts import let_pass
from bot.adapters.painter import Painter
from bot.adapters.recipes import FolderOfRecipes
from bot.adapters.retention import Retention
from bot.adapters.secret_filter import SecretFilter
from bot.adapters.store import RedisStore
from bot.adapters.valkey import Valkey
from bot.announcer import Announcer
from bot.audit_service import AuditService
from bot.clock import Clock
from bot.costs import Costs
from bot.data_dir import kept_secret, locked, owner, prepare
from bot.errors import UserError
from bot.gate import Gate
from bot.gate_server import GateServer
from bot.intake import LookLimits
from bot.masked_cloud import MaskingCloud
from bot.memory_watch import MemoryWatch
from bot.monthly_budgets import MonthlyBudgets
from bot.outsiders import Outsiders
from bot.parts import (
    STORE_SECONDS,
    admission,
    clock,
    connect,
    http_limits,
    local_account,
    local_cloud,
    rhythm,
    rules,
    secret_filter,
    sky_cloud,
    tails,
    watcher,
)
from bot.policy_audit import policy_recorder
from bot.policy_source import PolicySource
from bot.policy_summary import summary
from bot.ports import Cloud
from bot.precedence import Precedence
from bot.purses import Purses
from bot.quotes import Quotes
from bot.rate_limits import RateLimits
from bot.reconcile import Reconciler
from bot.reports import Reports
from bot.run_queries import RunQueries
from bot.running import BOARDS, HOMES, NOTICES, SPEAK, SWEEP, TELL, TICK, UNREADABLE, Bot
from bot.scheduler import Scheduler
from bot.service import Service
from bot.settings import LOCAL_HINT, PORT_HINT, PORT_IS_OPEN, Settings
from bot.slack.app import Listeners, build_app
from bot.slack.auditing import Auditing
from bot.slack.boards import Boards
from bot.slack.channels import Channels
from bot.slack.client import Identity, web_client
from bot.slack.clock_watch import ClockWatch
from bot.slack.commands import Commands
from bot.slack.costing import Costing
from bot.slack.directory import SlackDirectory
from bot.slack.errands import Errands
from bot.slack.gallery import Gallery
from bot.slack.homes import Homes
from bot.slack.http import HttpServer
from bot.slack.inbox import Inbox
from bot.slack.modals import Modals
from bot.slack.notice_sender import NoticeSender
from bot.slack.notifier import SlackNotifier
from bot.slack.plots import Plots
from bot.slack.reporting import Reporting
from bot.slack.slack_time import ask_time
from bot.slack.socket import Socket
from bot.slack.teller import Teller
from bot.sweep import Sweep
from bot.tongues import Tongues
from bot.unreadable_runs import UnreadableRuns
from bot.zones import zone

log = logging.getLogger(__name__)


def build(
    settings: Settings,
    cloud: Cloud | None = None,
    timepiece: Clock | None = None,
    filter_secrets: SecretFilter | None = None,
) -> Bot:
    """Return a bot built from the settings, not yet started.

    Args:
        cloud: the machines; those of the settings unless given.
        bot_clock: the bot's own time; that of this machine unless given.
        filter_secrets: the masking filter; one that knows the secrets of the settings unless given.

    Raises:
        UserError: another bot uses the same data directory, or the store does not start, or a setting is not safe.
    """
    if cloud is None and (why := settings.local_compute_refusal):
        raise UserError(why, LOCAL_HINT)
    account, warning = (None, "") if cloud or settings.uses_skypilot else local_account(settings)
    if warning:
        log.warning("%s", warning)
    prepare(settings.data_dir, account.gid if account else None)
    let_pass(settings.data_dir, account)
    source = PolicySource.of_file(settings.policy)
    allowed = source.current
    log.info("policy: %s: %s", settings.policy or "the safe defaults", "; ".join(summary(source.policy)))
    lock = locked(settings.data_dir)
    timepiece = timepiece or clock(settings)
    now = timepiece.now
    admit = admission(allowed, settings, now)
    valkey = None if settings.redis_url else Valkey(settings.data_dir / "store", STORE_SECONDS)
    redis = connect(settings, valkey)
    audit = RedisAudit(redis, now, timedelta(days=settings.keep_audit_days))
    store = RedisStore(redis, retention(settings), zone(settings.timezone), audit=audit)
    scheduler = Scheduler(now)
    secrets = filter_secrets or secret_filter(settings)
    given = cloud or (sky_cloud(settings, now) if settings.uses_skypilot else local_cloud(settings, account))
    machines = MaskingCloud(given, secrets)
    slack = web_client(settings.slack_bot_token, settings.slack_api_url)
    period = timedelta(seconds=settings.card_seconds)
    name, leads_for = owner(settings.data_dir), timedelta(seconds=settings.leader_seconds)

    def leads() -> bool:
        return store.lead(name, leads_for)

    precedence, channels = Precedence(), Channels()
    painter = Painter(settings.data_dir / "fonts", {})
    gallery = Gallery(slack, painter, now)
    recipes = FolderOfRecipes(settings.recipes_dir)
    identity = Identity(slack)
    directory = SlackDirectory(slack, identity)
    access = AccessControl(directory, allowed)
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
        lambda run: recipes.write(store.task(run.id)),
    )
    failing: dict[str, datetime] = {}
    announcer = Announcer(store, now, settings.ops_channel, lambda: scheduler.wake(NOTICES))
    unreadable = UnreadableRuns(
        machines,
        store,
        announcer,
        now,
        lambda: rules(settings, allowed()),
        leads,
        lambda: scheduler.wake(UNREADABLE),
        failing,
        settings.language,
        audit.record,
    )
    record_policy = policy_recorder(audit, settings.policy, now)
    record_policy(source.policy)
    source.on_change = lambda _, after: record_policy(after)
    source.on_error = lambda why: announcer.announce(f"policy-{source.signature}", f":warning: {why}")
    reports = Reports(store, now, lambda: scheduler.wake(BOARDS), settings.timezone, access.channel_sees, audit.record)
    queries = RunQueries(store, recipes, machines, access)
    auditing = AuditService(store, audit, queries, now, allowed)
    service = Service(
        store=store,
        recipes=recipes,
        cloud=machines,
        notifier=notifier,
        now=now,
        new_id=new_id,
        wake=lambda: scheduler.wake(TICK),
        follow_for=timedelta(minutes=settings.follow_minutes),
        queries=queries,
        unreadable=unreadable,
        limits=RateLimits(allowed, now),
        read_policy=allowed,
        admit=admit,
        monthly=MonthlyBudgets(store, audit, now, allowed, zone(settings.timezone)),
        auditing=auditing,
    )
    reconciler = Reconciler(
        cloud=machines,
        store=store,
        notifier=notifier,
        tails=tails(settings, machines),
        watcher=watcher(settings),
        now=now,
        read_rules=lambda: rules(settings, allowed()),
        admit=admit,
        pool=ThreadPoolExecutor(4, thread_name_prefix="act"),
        wake=lambda: scheduler.wake(TICK),
        precedence=precedence,
        began=now(),
        leads=leads,
        log_lines=settings.log_lines,
        language=settings.language,
        rhythm=rhythm(settings),
        limits=LookLimits(settings.log_look_seconds, precedence.give_way),
        failing=failing,
    )
    sweep = Sweep(
        cloud=machines,
        store=store,
        now=now,
        leads=leads,
        show=lambda: scheduler.wake(TELL),
        channel=settings.ops_channel,
        language=settings.language,
        outsiders=Outsiders(store, allowed, now) if settings.admin_policy_port else None,
        announcer=announcer,
        record=audit.record,
    )
    quotes = Quotes(machines.rate, now)
    gate = Gate(
        store,
        allowed,
        now,
        quotes.dollars_per_hour,
        lambda: scheduler.wake(SWEEP),
        zone(settings.timezone),
        audit.record,
    )
    errands = Errands(precedence)
    tongues = Tongues(store, settings.language)
    homes = Homes(service, slack, tongues, access, now, wake=lambda: scheduler.wake(HOMES))
    modals, plots = Modals(service, slack, errands, secrets), Plots(service, errands, gallery)
    reporting = Reporting(service, reports, slack, errands)
    costing = Costing(Costs(store, now, settings.timezone), errands, queries)
    answering = Auditing(auditing, slack, errands)
    commands = Commands(service, slack, errands, homes, tongues, plots, reporting, costing, answering)
    listeners = Listeners(service, slack, errands, commands, modals, homes, tongues, access, secrets)
    teller = Teller(
        store,
        slack,
        now,
        leads,
        lambda: scheduler.wake(SWEEP),
        listeners.may_manage,
        settings.language,
        record=audit.record,
    )
    app = build_app(listeners, lambda **_: identity.learn(), settings.slack_signing_secret or "unused")
    teller.listen(app)
    connection: Socket | HttpServer
    if settings.slack_mode == "socket":
        connection = Socket(
            app,
            identity,
            settings.slack_app_token,
            settings.slack_api_url,
            now,
            precedence,
            Inbox(store, errands, now, secrets),
            prefetch=directory.prefetch,
        )
    else:
        secret, limits = settings.slack_signing_secret, http_limits(settings)
        connection = HttpServer(app, settings.http_host, settings.http_port, precedence, secret, limits)
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
        notices=NoticeSender(store, slack, now, leads, channels),
        unreadable=unreadable,
        memory_watch=MemoryWatch(store, announcer, now, leads, settings.language),
        purses=Purses(store, notifier, allowed, now, leads, zone(settings.timezone)),
        connection=connection,
        errands=errands,
        painter=painter,
        valkey=valkey,
        lock=lock,
        timepiece=timepiece,
        clock_watch=ClockWatch(timepiece, partial(ask_time, settings.slack_api_url), announcer, settings.language),
        gate=gate_server(gate, settings),
        quotes=quotes,
        directory=directory,
        settings=settings,
    )


def gate_server(gate: Gate, settings: Settings) -> GateServer | None:
    """Return the server that SkyPilot asks before each launch; None if the settings have no port for it.

    Raises:
        UserError: other machines can reach it, and no secret is set for it.
    """
    port = settings.admin_policy_port
    if port is None:
        return None
    if settings.admin_policy_needs_secret:
        raise UserError(PORT_IS_OPEN, PORT_HINT)
    secret = settings.admin_policy_secret or kept_secret(settings.data_dir)
    log.info("SkyPilot asks at port %d once its config says so: `verlbot admin-policy` prints the line", port)
    return GateServer(gate, settings.admin_policy_host, port, secret, http_limits(settings))


def retention(settings: Settings) -> Retention:
    days = settings.history_days, settings.keep_log_days, settings.keep_run_days
    return Retention(*(timedelta(days=one) for one in days))


def new_id(recipe: str) -> str:
    return f"{recipe}-{randomness.token_hex(2)}"
