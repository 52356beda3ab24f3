"""The composition root: settings in, a bot out. The only module that knows every class."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from secrets import randbits

from bot.adapters.redis.embedded import EmbeddedValkey
from bot.app.access_control import AccessControl
from bot.app.admin_policy_server import AdminPolicyServer
from bot.app.audit_service import AuditService
from bot.app.cluster_launcher import ClusterLauncher
from bot.app.cluster_sweep import ClusterSweep, ExternalClusterTracker
from bot.app.cost_service import CostService, MonthlyBudgetMonitor, MonthlyBudgetService
from bot.app.finding_samples import FindingSampleAttacher
from bot.app.language_preferences import LanguagePreferences
from bot.app.launch_gate import AdminPolicy
from bot.app.launch_planner import LaunchPlanner
from bot.app.launch_recorder import LaunchRecorder
from bot.app.leader_election import LeaderElection
from bot.app.log_ingest import LogReadLimits
from bot.app.operator_notices import Announcer, MemoryWatch
from bot.app.pending_launches import PendingLaunches
from bot.app.people_lookup import PeopleLookup
from bot.app.policy_resumer import PolicyResumer
from bot.app.ports import Cloud
from bot.app.price_cache import PriceCache
from bot.app.process_health import Clock, load_admin_policy_secret
from bot.app.rate_limits import InteractivePriority, RateLimits
from bot.app.reconciler import Reconciler
from bot.app.report_service import ReportService, load_zone
from bot.app.run_queries import RunQueries
from bot.app.run_recovery import LostRunRecovery
from bot.app.run_service import RunService
from bot.app.sample_reader import SampleReader
from bot.app.scheduler import Scheduler
from bot.app.store_watch import StoreWatch
from bot.app.unreadable_runs import UnreadableRunReconciler
from bot.bootstrap.bot import HOMES, LEADER_JOBS, NOTICES, NOTIFY, ORPHANS, REPORTS, SWEEP, TICK, UNREADABLE, Bot
from bot.bootstrap.masked_cloud import MaskingCloud
from bot.bootstrap.measured_parts import build_observers, measure_calls
from bot.bootstrap.outside import Outside, open_outside
from bot.bootstrap.providers import (
    MAX_LOG_LINES,
    STORE_SECONDS,
    build_admission_check,
    build_disk_watch,
    build_log_tailer,
    build_port_limits,
    build_reconcile_timings,
    build_summary_interval,
)
from bot.config.operation_settings import OPEN_PORT_HINT, OPEN_PORT_PROBLEM
from bot.config.settings import Settings
from bot.core.model.tracker import TrackerHosts
from bot.core.rules.actions import ReconcileTimings
from bot.errors import UserError
from bot.phrase import Phrase
from bot.runtime.secret_filter import SecretFilter
from bot.runtime.telemetry import TracedThreadPool
from bot.slack.inbound.button_listeners import ButtonListeners
from bot.slack.inbound.code_launches import CodeLaunches
from bot.slack.inbound.command_handlers import Commands
from bot.slack.inbound.delivery_queue import Inbox
from bot.slack.inbound.http_mode import HttpServer
from bot.slack.inbound.list_commands import ListCommands
from bot.slack.inbound.listeners import Listeners, build_app
from bot.slack.inbound.modals import Modals
from bot.slack.inbound.query_handlers import AuditCommands, ChartCommands, CostCommands, ReportCommands
from bot.slack.inbound.requesters import Requesters
from bot.slack.inbound.sample_commands import SampleCommands
from bot.slack.inbound.socket_mode import SocketConnection
from bot.slack.outbound.chart_publisher import ChartPublisher
from bot.slack.outbound.clock_watch import ClockWatch, fetch_time
from bot.slack.outbound.cluster_notifier import OrphanNotifier
from bot.slack.outbound.directory import SlackDirectory, find_time_zone
from bot.slack.outbound.home_publisher import HomePublisher
from bot.slack.outbound.notice_sender import NoticeSender
from bot.slack.outbound.outbox_lag import MeasuredOutbox, OutboxLag
from bot.slack.outbound.report_notifier import ReportPublisher
from bot.slack.outbound.run_notifier import RunNotifier
from bot.slack.outbound.table_publisher import TablePublisher
from bot.slack.outbound.web_client import BotIdentity

log = logging.getLogger(__name__)


def build(
    settings: Settings,
    cloud: Cloud | None = None,
    bot_clock: Clock | None = None,
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
    valkey = None if settings.redis_url else EmbeddedValkey(settings.data_dir / "store", STORE_SECONDS)
    try:
        return assemble(open_outside(settings, valkey, cloud, bot_clock, filter_secrets))
    except BaseException:
        # A setting may be refused once the store has started, and nothing else would end it. A store that another
        # process has started is left alone.
        if valkey and valkey.has_started:
            valkey.stop()
        raise


def assemble(outside: Outside) -> Bot:
    """Return a bot of all its parts, not yet started, on what is outside of it."""
    settings, store, slack, secrets = outside.settings, outside.store, outside.slack, outside.secrets
    audit, policy_source, recipes = store.audit, outside.policy_source, outside.recipes
    read_policy, now = policy_source.read_current, outside.clock.now
    scheduler = Scheduler(now, outside.telemetry)
    masked_cloud = MaskingCloud(measure_calls(outside.cloud, outside.telemetry), secrets)
    card_period = timedelta(seconds=settings.card_seconds)

    announcer = Announcer(store, now, settings.ops_channel, lambda: scheduler.wake(NOTICES))
    disk_watch = build_disk_watch(settings, announcer, now)
    admit = build_admission_check(read_policy, settings, now, disk_watch, store)
    leader_store = store.fence()
    store_watch = StoreWatch(
        store, outside.store_memory, announcer, now, lambda: scheduler.wake(SWEEP), outside.clock.catch_up
    )
    is_leader = LeaderElection(
        store,
        outside.owner_name,
        timedelta(seconds=settings.leader_lease_seconds),
        store_watch.check,
        lambda: scheduler.wake_all(LEADER_JOBS),
        store_watch.follow,
    )
    interactive_priority = InteractivePriority()
    chart_publisher = ChartPublisher(slack, outside.chart_renderer, now)
    identity = BotIdentity(slack)
    directory = SlackDirectory(slack, identity, answer_seconds=outside.directory_seconds)
    access = AccessControl(directory, read_policy)
    outbox_lag = OutboxLag(is_leading=lambda: bool(is_leader.leads))
    outbox = MeasuredOutbox(
        outbox_lag,
        slack,
        now,
        chart_publisher,
        settings.language,
        identity.find_workspace_url,
        timedelta(seconds=settings.slack_late_seconds),
        store.get_identity,
    )
    notifier = RunNotifier(
        leader_store,
        outbox,
        now,
        is_leader,
        card_period,
        lambda: scheduler.wake(NOTIFY),
        interactive_priority,
        lambda run: recipes.to_yaml(store.get_task(run.id)),
        lambda: read_policy().report_only,
    )

    def read_timings() -> ReconcileTimings:
        return build_reconcile_timings(settings, read_policy(), store_watch.known)

    failing_since: dict[str, datetime] = {}
    unreadable = UnreadableRunReconciler(
        masked_cloud,
        store,
        announcer,
        now,
        read_timings,
        is_leader,
        lambda: scheduler.wake(UNREADABLE),
        failing_since,
        audit.record,
    )
    policy_source.on_error = lambda why: announcer.announce(
        f"policy-{policy_source.signature}", Phrase(":warning: {why}", why=why)
    )
    reports = ReportService(
        store, now, lambda: scheduler.wake(REPORTS), settings.timezone, access.can_channel_see, audit.record
    )
    queries = RunQueries(store, recipes, masked_cloud, access)
    audit_service = AuditService(store, audit, queries, now, read_policy)
    planner = LaunchPlanner(
        recipes,
        masked_cloud,
        now,
        outside.repositories,
        read_policy,
        lambda run, reader: admit(run, store.get_ledger(), reader),
        queries.find,
        settings.code_host_url,
    )
    recorder = LaunchRecorder(store, planner, now, outside.new_run_id, read_policy, admit)
    wake_tick = partial(scheduler.wake, TICK)
    service = RunService(
        store=store,
        launch_planner=planner,
        launch_recorder=recorder,
        notifier=notifier,
        now=now,
        wake=wake_tick,
        queries=queries,
        unreadable_runs=unreadable,
        rate_limits=RateLimits(read_policy, now),
        read_policy=read_policy,
        admit=admit,
        monthly_budgets=MonthlyBudgetService(store, audit, now, read_policy, load_zone(settings.timezone)),
        audit_service=audit_service,
    )
    reconciler = Reconciler(
        cloud=masked_cloud,
        store=leader_store,
        notifier=notifier,
        log_tailer=build_log_tailer(settings, masked_cloud, outside.patience),
        health_monitor=outside.health_monitor,
        now=now,
        read_timings=read_timings,
        launcher=ClusterLauncher(
            masked_cloud, leader_store, notifier, now, read_timings, admit, identity.find_bot_name
        ),
        pool=TracedThreadPool(4, thread_name_prefix="act"),
        wake=wake_tick,
        priority=interactive_priority,
        began_at=now(),
        is_leader=is_leader,
        resume_run=PolicyResumer(leader_store, notifier, access, recorder, read_policy, wake_tick).resume,
        log_lines=MAX_LOG_LINES,
        summary_interval=build_summary_interval(settings),
        patience=outside.patience,
        limits=LogReadLimits(settings.log_look_seconds, interactive_priority.yield_to_interactive),
        tracker_hosts=TrackerHosts(settings.tracker_hosts),
        failing_since=failing_since,
    )
    lost_runs = LostRunRecovery(
        store=leader_store,
        cloud=masked_cloud,
        recipes=recipes,
        announcer=announcer,
        notifier=notifier,
        now=now,
        find_bot_name=identity.find_bot_name,
        read_identity=store.get_identity,
        read_policy=read_policy,
        wake=wake_tick,
        record=audit.record,
    )
    sweep = ClusterSweep(
        cloud=masked_cloud,
        store=leader_store,
        now=now,
        is_leader=is_leader,
        notify=lambda: scheduler.wake(ORPHANS),
        channel=settings.ops_channel,
        external_clusters=ExternalClusterTracker(leader_store, read_policy, now)
        if settings.admin_policy_port
        else None,
        announcer=announcer,
        record=audit.record,
        take_back=lost_runs.take_back,
        find_owner=lost_runs.find_owner,
    )
    price_cache = PriceCache(masked_cloud.estimate_rate, now)
    admin_policy = AdminPolicy(
        store,
        read_policy,
        now,
        price_cache.dollars_per_hour,
        lambda: scheduler.wake(SWEEP),
        load_zone(settings.timezone),
        audit.record,
    )
    background = outside.build_background(interactive_priority)
    language_preferences = LanguagePreferences(store, settings.language)
    home_publisher = HomePublisher(
        service, slack, language_preferences, access, reports, now, wake=lambda: scheduler.wake(HOMES)
    )
    pending = PendingLaunches(store, now, planner, service.launch, access.find_actor, is_leader)
    modals = Modals(service, slack, background, CodeLaunches(background, pending), secrets)
    chart_commands = ChartCommands(service, background, chart_publisher)
    tables = TablePublisher(now)
    list_commands = ListCommands(queries, background, tables, directory.find_names, now, load_zone(settings.timezone))
    costs = CostService(store, now, settings.timezone)
    cost_commands = CostCommands(costs, background, queries, tables, directory.find_names)
    sample_reader = SampleReader(masked_cloud, partial(randbits, 31))
    commands = Commands(
        service,
        slack,
        background,
        home_publisher,
        language_preferences,
        chart_commands,
        ReportCommands(service, reports, slack, background, tables, directory.find_names),
        cost_commands,
        AuditCommands(audit_service, slack, background),
        modals.code_launches,
        list_commands,
        SampleCommands(queries, sample_reader, slack, background, language_preferences),
        PeopleLookup(queries, directory, read_policy),
    )
    requesters = Requesters(service, access)
    buttons = ButtonListeners(service, slack, background, commands, modals, home_publisher, requesters)
    listeners = Listeners(
        service, slack, background, commands, modals, home_publisher, language_preferences, requesters, buttons, secrets
    )
    orphan_notifier = OrphanNotifier(
        store,
        outbox,
        now,
        is_leader,
        lambda: scheduler.wake(SWEEP),
        requesters.check_may_manage_cluster,
        record_event=audit.record,
    )
    app = build_app(listeners, lambda **_: identity.resolve(), settings.slack_signing_secret or "unused")
    app.telemetry = outside.telemetry
    orphan_notifier.listen(app)
    connection: SocketConnection | HttpServer
    if settings.slack_mode == "socket":
        connection = SocketConnection(
            app,
            identity,
            settings.slack_app_token,
            settings.slack_api_url,
            now,
            interactive_priority,
            Inbox(store, background, outside.slack, now, secrets),
            prefetch=directory.prefetch,
        )
    else:
        secret, limits = settings.slack_signing_secret, build_port_limits(settings)
        connection = HttpServer(app, settings.http_host, settings.http_port, interactive_priority, secret, limits)
    return Bot(
        run_service=service,
        scheduler=scheduler,
        leadership=is_leader,
        cloud=masked_cloud,
        reconciler=reconciler,
        notifier=notifier,
        report_publisher=ReportPublisher(
            reports,
            leader_store,
            outbox,
            now,
            is_leader,
            interactive_priority,
            partial(find_time_zone, slack),
            directory.find_names,
        ),
        home_publisher=home_publisher,
        language_preferences=language_preferences,
        cluster_sweep=sweep,
        orphan_notifier=replace(orphan_notifier, store=leader_store),
        notice_sender=NoticeSender(leader_store, outbox, now, is_leader),
        unreadable_runs=replace(unreadable, store=leader_store),
        finding_samples=FindingSampleAttacher(leader_store, sample_reader, notifier, is_leader),
        pending_launches=pending,
        memory_watch=MemoryWatch(store, announcer, now, is_leader),
        budget_monitor=MonthlyBudgetMonitor(
            leader_store, notifier, read_policy, now, is_leader, load_zone(settings.timezone)
        ),
        app=app,
        listeners=listeners,
        connection=connection,
        background_replies=background,
        chart_renderer=outside.chart_renderer,
        valkey=outside.valkey,
        lock=outside.lock,
        clock=outside.clock,
        disk_watch=disk_watch,
        clock_watch=ClockWatch(outside.clock, partial(fetch_time, settings.slack_api_url), announcer),
        admin_policy_server=build_admin_policy_server(admin_policy, settings),
        observers=build_observers(outside, outbox_lag, is_leader),
        price_cache=price_cache,
        directory=directory,
        settings=settings,
    )


def build_admin_policy_server(admin_policy: AdminPolicy, settings: Settings) -> AdminPolicyServer | None:
    """Return the server that SkyPilot asks before each launch; None if the settings have no port for it.

    Raises:
        UserError: other machines can reach it, and no secret is set for it.
    """
    port = settings.admin_policy_port
    if port is None:
        return None
    if settings.needs_admin_policy_secret:
        raise UserError(OPEN_PORT_PROBLEM, OPEN_PORT_HINT)
    secret = settings.admin_policy_secret or load_admin_policy_secret(settings.data_dir)
    log.info("SkyPilot asks at port %d once its config says so: `verlbot admin-policy` prints the line", port)
    return AdminPolicyServer(admin_policy, settings.admin_policy_host, port, secret, build_port_limits(settings))
