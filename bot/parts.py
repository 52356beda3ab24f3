"""Builders of a bot's parts from its settings."""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from redis import Redis

from bot import heartbeat
from bot.adapters import health_rules, prices
from bot.adapters.connection import client, greet
from bot.adapters.disk_room import GIGABYTE
from bot.adapters.fetches import Fetches
from bot.adapters.local.accounts import NOBODY, SAME, Account, account_named, closed_folder, name_of
from bot.adapters.local.cloud import LocalCloud
from bot.adapters.recipes import FolderOfRecipes
from bot.adapters.secret_filter import SecretFilter
from bot.adapters.secret_patterns import read_patterns
from bot.adapters.sky import autostops, calls, halts, managed_calls
from bot.adapters.sky.cloud import SkyCloud
from bot.adapters.sky.courier import Courier
from bot.adapters.valkey import Valkey
from bot.clock import Clock, read_clocks
from bot.core.admission import Admit, admitted
from bot.core.clock import is_same_boot
from bot.core.drain import Patience
from bot.core.health.rules import HealthRules
from bot.core.known_secrets import passwords
from bot.core.policy import Policy
from bot.core.rules import Rules
from bot.core.standings import Rhythm
from bot.errors import Unavailable, UserError
from bot.ports import Cloud, Now
from bot.settings import Settings
from bot.slack.slack_time import ask_time
from bot.tails import Tails
from bot.watcher import Watcher
from bot.web_server import Limits
from bot.zones import zone

LEAST_LOG_LINES = 50
"""Minimum lines per log read, which is what a quiet run gets."""

SHARES = {**calls.SHARES, **managed_calls.SHARES, **autostops.SHARES, **halts.SHARES}

MEGABYTE = 10**6

STORE_SECONDS = 1.2
"""Seconds for one answer of the store. Each request needs at most two, and Slack waits for three seconds."""


def secret_filter(settings: Settings) -> SecretFilter:
    """Return the filter that knows the bot's own secrets, and the secrets that its environment holds for recipes.

    Raises:
        UserError: the team's own patterns are not valid.
    """
    patterns = read_patterns(settings.secret_patterns) if settings.secret_patterns else None
    own = {word for value in settings.own_secrets for word in (passwords(value) if "://" in value else {value})}
    found = SecretFilter(settings.secrets, own, patterns)
    for recipe in FolderOfRecipes(settings.recipes_dir).valid_ones():
        found.learn([*recipe.secrets, *(recipe.task.get("secrets") or {})])
    return found


def local_account(settings: Settings) -> tuple[Account | None, str]:
    """Return the account of local runs, None for the bot's own user.

    Where the bot is root and no other account can be used, the second value says why.

    Raises:
        UserError: the configured user does not exist, or cannot reach the folders of runs.
    """
    word = settings.local_user
    if word == SAME or (os.geteuid() != 0 and not word):
        return None, ""
    if os.geteuid() != 0:
        raise UserError("Only root may give local runs another user.", "Unset VERLBOT_LOCAL_USER.")
    account = account_named(word or NOBODY)
    needed = (settings.data_dir, Path(sys.executable))
    closed = next(filter(None, (closed_folder(account, one.parent / one.name) for one in needed)), None)
    if closed is None:
        return account, ""
    why = f"The user {name_of(account)} of local runs cannot pass {closed}."
    # Where Slack is a playground of this machine, runs fall back to root's own user rather than fail.
    if word or not settings.slack_is_here:
        raise UserError(
            why,
            "Set VERLBOT_DATA_DIR to a folder such as /var/lib/verlbot, and install the bot where every user can read "
            "it; or run the bot as a user of its own.",
        )
    return None, f"{why} They run as the bot's own user, root, without its powers."


def http_limits(settings: Settings) -> Limits:
    """Return the limits of the bot's own ports."""
    return Limits(
        body_bytes=int(settings.http_body_megabytes * MEGABYTE),
        seconds=settings.http_seconds,
        connections=settings.http_connections,
    )


def local_cloud(settings: Settings, account: Account | None = None) -> LocalCloud:
    """Return the cloud that runs processes on this machine."""
    return LocalCloud(
        settings.data_dir / "local",
        secrets=settings.secrets,
        most_nodes=settings.local_most_nodes,
        dollars_per_node_hour=settings.local_dollars_per_node_hour,
        minute_seconds=settings.local_minute_seconds,
        grace_seconds=settings.local_grace_seconds,
        fetches=fetches(settings),
        account=account,
    )


def fetches(settings: Settings) -> Fetches:
    """Return the downloads of checkpoints to this machine."""
    reserve = settings.disk_reserve_gigabytes
    return Fetches(
        settings.artifacts.resolve(),
        int(settings.artifacts_gigabytes * GIGABYTE),
        settings.artifacts_files,
        None if reserve is None else int(reserve * GIGABYTE),
    )


def sky_cloud(settings: Settings, now: Now) -> SkyCloud:
    """Return the cloud that calls SkyPilot."""
    return SkyCloud(
        Courier(settings.sky_environment, settings.sky_call_seconds, settings.sky_calls_at_once, SHARES),
        now,
        secrets=settings.secrets,
        table=prices.read(settings.prices) if settings.prices else None,
        slurm_containers=settings.slurm_containers,
        start_server=settings.sky_start_server,
        job_period=timedelta(seconds=settings.sky_job_seconds),
        bill_period=timedelta(seconds=settings.sky_bill_seconds),
        fetches=fetches(settings),
        environment=settings.sky_environment,
    )


def tails(settings: Settings, cloud: Cloud) -> Tails:
    """Return the log tailer. It gets at most half of the calls to SkyPilot at once, so that a removal need not wait."""
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
    """Return the health monitor: the bot's rules, the team's rules, and the detectors of installed packages."""
    team = health_rules.read(settings.findings) if settings.findings else ()
    return Watcher(HealthRules(team=team), partial(health_rules.found_by, health_rules.plugins()))


def admission(policy: Callable[[], Policy], settings: Settings, now: Now) -> Admit:
    """Return the check of a run against the caps as they are now."""
    here = zone(settings.timezone)
    return lambda run, ledger: admitted(run, ledger, policy(), now(), here)


def rules(settings: Settings, allowed: Policy) -> Rules:
    """Return the timings of reconciliation.

    A launch that the bot gave up may still arrive for as long as its call may take, and looks may be that far apart.
    """
    call = settings.sky_call_seconds if settings.uses_skypilot else 0.0
    return Rules(
        ask_again=timedelta(seconds=max(settings.launch_doubt_seconds, 1.5 * call)),
        gone=timedelta(seconds=settings.gone_seconds),
        steady=timedelta(seconds=max(45, 3 * settings.tick_seconds, 2 * call)),
        unhealthy=timedelta(seconds=settings.unhealthy_seconds),
        autostop_again=timedelta(seconds=settings.autostop_again_seconds),
        stopping_alarm=timedelta(minutes=settings.stopping_alarm_minutes),
        shadow=allowed.shadow,
        needs_price=allowed.needs_price,
        down_again=timedelta(seconds=max(settings.down_again_seconds, 2 * settings.local_grace_seconds)),
        patience=Patience(
            save=timedelta(minutes=settings.save_grace_minutes), fetch=timedelta(minutes=settings.fetch_grace_minutes)
        ),
    )


def rhythm(settings: Settings) -> Rhythm:
    """Return how often a run's thread gets a summary."""
    minutes = settings.summary_minutes
    return Rhythm(settings.summary_steps, timedelta(minutes=minutes) if minutes else None)


def connect(settings: Settings, valkey: Valkey | None) -> Redis:
    """Return a client of the configured store, or of the embedded one.

    Raises:
        UserError: the store does not answer.
    """
    if valkey:
        return valkey.start()
    found = client(settings.redis_url, STORE_SECONDS)
    try:
        greet(found)
    except Unavailable as error:
        raise UserError(f"{error} ({error.__cause__})", "Start it, or mend REDIS_URL.") from error
    return found


def clock(settings: Settings) -> Clock:
    """Return the bot's clock, which continues the time of the bot before this one.

    Where the machine was started since, ask Slack for the time first.
    """
    kept = heartbeat.read(settings.data_dir)
    goes_on = kept is not None and is_same_boot(kept, read_clocks())
    other = None if goes_on else ask_time(settings.slack_api_url)
    return Clock(read_clocks, kept, other, settings.clock_jump_seconds)
