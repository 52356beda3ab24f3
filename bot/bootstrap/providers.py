"""Builders of a bot's parts from its settings."""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from redis import Redis

from bot.adapters.checkpoint_downloads import CheckpointDownloads
from bot.adapters.disk_space import GIGABYTE
from bot.adapters.files import finding_rules, team_files
from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.local.accounts import (
    BOT_USER,
    UNPRIVILEGED_USER,
    SystemAccount,
    account_name,
    find_account,
    find_closed_folder,
)
from bot.adapters.local.local_cloud import LocalCloud
from bot.adapters.redis.connection import check_connection, create_client
from bot.adapters.redis.embedded import EmbeddedValkey
from bot.adapters.sky import sdk_clusters, sdk_jobs
from bot.adapters.sky.sdk_worker import SdkWorker
from bot.adapters.sky.sky_cloud import SkyCloud
from bot.app import process_health
from bot.app.disk_watch import MEGABYTE, DiskWatch
from bot.app.health_monitor import HealthMonitor
from bot.app.log_tailer import LogTailer
from bot.app.operator_notices import Announcer
from bot.app.ports import JobControl, Now
from bot.app.process_health import Clock, read_clocks
from bot.app.report_service import load_zone
from bot.app.store_ports import RunReader
from bot.app.web_server import PortLimits
from bot.config.settings import Settings
from bot.core.masking.known_secrets import extract_header_values, extract_passwords
from bot.core.model.bot_clock import is_same_boot
from bot.core.model.finding import HealthRules
from bot.core.model.ledger import Ledger
from bot.core.model.people import Actor
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus, SummaryInterval
from bot.core.model.store_identity import StoreIdentity
from bot.core.rules.actions import ReconcileTimings
from bot.core.rules.admission import Admission, admit_run
from bot.core.rules.monthly_budget import list_open_costs, record_requester_month
from bot.core.rules.save_grace import CheckpointGrace
from bot.errors import Unavailable, UserError
from bot.runtime.secret_filter import SecretFilter
from bot.slack.outbound.clock_watch import fetch_time

MIN_LOG_LINES, MAX_LOG_LINES = 50, 1000
"""Lines per log read: what a quiet run gets, and what a busy run, a first read and the last lines of a run get."""

LOG_READS_PER_TICK = 32
"""Logs that one tick starts to read; the others come at the next ticks."""

CALL_SHARES = {
    **sdk_clusters.CLUSTER_CALL_SHARES,
    **sdk_jobs.MANAGED_JOB_SHARES,
    **sdk_clusters.AUTOSTOP_SHARES,
    **sdk_clusters.CANCEL_SHARES,
}

STORE_SECONDS = 1.2
"""Seconds for one answer of the store. Each request needs at most two, and Slack waits for three seconds."""


def build_secret_filter(settings: Settings) -> SecretFilter:
    """Return the filter that knows the bot's own secrets, and the secrets that its environment holds for recipes.

    Raises:
        UserError: the team's own patterns are not valid.
    """
    patterns = team_files.read_patterns(settings.secret_patterns) if settings.secret_patterns else None
    own = {word for value in settings.own_secrets for word in (extract_passwords(value) if "://" in value else {value})}
    own |= extract_header_values(settings.traces_headers)
    masking_filter = SecretFilter(settings.secrets, own, patterns)
    for recipe in RecipeFolder(settings.recipes_dir).list_valid_recipes():
        masking_filter.learn([*recipe.secrets, *(recipe.task.get("secrets") or {})])
    return masking_filter


def find_local_account(settings: Settings) -> tuple[SystemAccount | None, str]:
    """Return the account of local runs, None for the bot's own user.

    Where the bot is root and no other account can be used, the second value says why.

    Raises:
        UserError: the configured user does not exist, or cannot reach the folders of runs.
    """
    word = settings.local_user
    if word == BOT_USER or (os.geteuid() != 0 and not word):
        return None, ""
    if os.geteuid() != 0:
        raise UserError("Only root may give local runs another user.", "Unset VERLBOT_LOCAL_USER.")
    account = find_account(word or UNPRIVILEGED_USER)
    needed_paths = {"the data directory": settings.data_dir, "Python": Path(sys.executable)}
    closed = {
        f"{folder}, where {what} is: {path.resolve()}"
        for what, path in needed_paths.items()
        if (folder := find_closed_folder(account, path.parent / path.name))
    }
    if not closed:
        return account, ""
    why = f"Local runs use the user {account_name(account)}, who has no access to {'; and to '.join(sorted(closed))}."
    # Where Slack is a playground of this machine, runs fall back to root's own user rather than fail.
    if word or not settings.is_slack_local:
        raise UserError(
            why,
            "Set VERLBOT_DATA_DIR to a folder such as /var/lib/verlbot, and install the bot where every user can read "
            "it; or run the bot as a user of its own.",
        )
    return None, f"{why} They run as the bot's own user, root, without its powers."


def build_port_limits(settings: Settings) -> PortLimits:
    """Return the limits of the bot's own ports."""
    return PortLimits(
        body_bytes=int(settings.http_body_megabytes * MEGABYTE),
        seconds=settings.http_seconds,
        connections=settings.http_connections,
    )


def build_local_cloud(settings: Settings, account: SystemAccount | None = None) -> LocalCloud:
    """Return the cloud that runs processes on this machine."""
    return LocalCloud(
        settings.data_dir / "local",
        secrets=settings.secrets,
        dollars_per_node_hour=settings.local_dollars_per_node_hour,
        minute_seconds=settings.local_minute_seconds,
        grace_seconds=settings.local_grace_seconds,
        downloads=build_checkpoint_downloads(settings),
        account=account,
    )


def build_checkpoint_downloads(settings: Settings) -> CheckpointDownloads:
    """Return the downloads of checkpoints to this machine."""
    reserve = settings.disk_reserve_gigabytes
    return CheckpointDownloads(
        settings.artifacts.resolve(),
        int(settings.artifacts_gigabytes * GIGABYTE),
        settings.artifacts_files,
        None if reserve is None else int(reserve * GIGABYTE),
    )


def build_sky_cloud(settings: Settings, now: Now) -> SkyCloud:
    """Return the cloud that calls SkyPilot."""
    return SkyCloud(
        SdkWorker(settings.sky_environment, settings.sky_call_seconds, settings.sky_calls_at_once, CALL_SHARES),
        now,
        secrets=settings.secrets,
        price_table=team_files.read_prices(settings.prices) if settings.prices else None,
        slurm_containers=settings.slurm_containers,
        start_server=settings.sky_start_server,
        job_period=timedelta(seconds=settings.sky_job_seconds),
        bill_period=timedelta(seconds=settings.sky_bill_seconds),
        downloads=build_checkpoint_downloads(settings),
        environment=settings.sky_environment,
    )


def build_log_tailer(settings: Settings, cloud: JobControl, patience: timedelta) -> LogTailer:
    """Return the log tailer. It gets at most half of the calls to SkyPilot at once, so that a removal need not wait.

    Args:
        patience: how long a tick waits for what it started.
    """
    patience_seconds = patience.total_seconds()
    lines = (MIN_LOG_LINES, MAX_LOG_LINES)
    if not settings.uses_skypilot:
        return LogTailer(cloud, lines=lines, reads_per_tick=LOG_READS_PER_TICK, patience_seconds=patience_seconds)
    return LogTailer(
        cloud,
        lines=lines,
        period=timedelta(seconds=settings.sky_log_seconds),
        reads_per_tick=LOG_READS_PER_TICK,
        patience_seconds=patience_seconds,
        threads=max(settings.sky_calls_at_once // 2, 1),
    )


def build_health_monitor(settings: Settings) -> HealthMonitor:
    """Return the health monitor, with the bot's rules and the team's."""
    team = finding_rules.read_rules(settings.findings) if settings.findings else ()
    return HealthMonitor(HealthRules(team_rules=team))


def build_admission_check(
    policy: Callable[[], Policy], settings: Settings, now: Now, disk: DiskWatch, store: RunReader
) -> Admission:
    """Return the check of a run against the caps as they are now, and against a full disk of the bot's.

    A launch that waits for an approver shows the month of its requester from its first card on.
    """
    here = load_zone(settings.timezone)

    def admit(run: Run, ledger: Ledger, reader: Actor | None = None) -> Run:
        disk.check_launch()
        admitted = admit_run(run, ledger, policy(), moment := now(), here, reader)
        if admitted.status is not RunStatus.AWAITING_APPROVAL:
            return admitted
        costs = list_open_costs(store.list_open_runs(), moment)
        return record_requester_month(admitted, ledger, policy(), costs, moment, here)

    return admit


def build_disk_watch(settings: Settings, announcer: Announcer, now: Now) -> DiskWatch:
    """Return the watch of the disk that has the data directory."""
    reserve_bytes = int(settings.end_reserve_megabytes * MEGABYTE)
    return DiskWatch(settings.data_dir, reserve_bytes, settings.disk_warning_percent / 100, announcer, now)


def build_reconcile_timings(
    settings: Settings, allowed: Policy, store: StoreIdentity | None = None
) -> ReconcileTimings:
    """Return the timings of reconciliation.

    A launch that the bot gave up may still arrive for as long as its call may take, and looks may be that far apart.

    Args:
        store: the store as last seen; None before that.
    """
    call = settings.sky_call_seconds if settings.uses_skypilot else 0.0
    return ReconcileTimings(
        launch_confirm=timedelta(seconds=max(settings.launch_confirm_seconds, 1.5 * call)),
        teardown_confirm=timedelta(seconds=settings.teardown_confirm_seconds),
        max_observation_gap=timedelta(seconds=max(45, 3 * settings.tick_seconds, 2 * call)),
        unhealthy_grace=timedelta(seconds=settings.unhealthy_seconds),
        autostop_retry=timedelta(seconds=settings.teardown_retry_seconds),
        teardown_overdue=timedelta(minutes=settings.stopping_alarm_minutes),
        report_only=allowed.report_only,
        finding_actions=allowed.finding_actions,
        needs_price=allowed.needs_price,
        teardown_retry=timedelta(seconds=max(settings.teardown_retry_seconds, 2 * settings.local_grace_seconds)),
        checkpoint_grace=CheckpointGrace(
            save=timedelta(minutes=settings.save_grace_minutes),
            download=timedelta(minutes=settings.fetch_grace_minutes),
        ),
        store_changed_at=store.since if store else None,
    )


def build_summary_interval(settings: Settings) -> SummaryInterval:
    """Return how often a run's thread gets a summary."""
    minutes = settings.summary_minutes
    return SummaryInterval(period=timedelta(minutes=minutes) if minutes else None)


def connect_store(settings: Settings, valkey: EmbeddedValkey | None) -> Redis:
    """Return a client of the configured store, or of the embedded one.

    Raises:
        UserError: the store does not answer.
    """
    if valkey:
        return valkey.start()
    redis_client = create_client(settings.redis_url, STORE_SECONDS)
    try:
        check_connection(redis_client)
    except Unavailable as error:
        raise UserError(f"{error} ({error.__cause__})", "Start it, or correct REDIS_URL.") from error
    return redis_client


def build_clock(settings: Settings) -> Clock:
    """Return the bot's clock, which continues the time of the bot before this one.

    Where the machine was started since, ask Slack for the time first.
    """
    last_line = process_health.read(settings.data_dir)
    is_continued = last_line is not None and is_same_boot(last_line, read_clocks())
    slack_time = None if is_continued else fetch_time(settings.slack_api_url)
    return Clock(read_clocks, last_line, slack_time, settings.clock_jump_seconds)
