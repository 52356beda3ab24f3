"""What a bot is put on: its store, its machines, Slack, its time and its files, as the settings name them."""

import logging
import secrets as randomness
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO

from slack_sdk import WebClient

from bot.adapters.charts.render_worker import ProcessChartRenderer
from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.git_repositories import GitRepositories
from bot.adapters.local.accounts import allow_traversal
from bot.adapters.redis.audit_store import RedisAudit
from bot.adapters.redis.embedded import EmbeddedValkey
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.redis.run_retention import Retention
from bot.app.disk_watch import MEGABYTE, release_if_full
from bot.app.health_monitor import HealthMonitor
from bot.app.ports import ChartRenderer, Cloud, CodeRepositories, RecipeSource
from bot.app.process_health import Clock, lock_data_dir, prepare, read_owner_name
from bot.app.rate_limits import InteractivePriority
from bot.app.report_service import load_zone
from bot.app.store_ports import Store
from bot.app.store_watch import FILE_NAME, StoreMemory, record_repair
from bot.bootstrap.policy_source import PolicySource, policy_recorder, summarize_policy
from bot.bootstrap.providers import (
    build_clock,
    build_health_monitor,
    build_local_cloud,
    build_secret_filter,
    build_sky_cloud,
    connect_store,
    find_local_account,
)
from bot.config.compute_settings import LOCAL_HINT
from bot.config.settings import Settings
from bot.core.model.code_version import TOKEN_VARIABLE
from bot.errors import UserError
from bot.runtime.secret_filter import SecretFilter
from bot.runtime.telemetry import Telemetry
from bot.slack.inbound.background import BackgroundReplies
from bot.slack.outbound.directory import ANSWER_TIMEOUT_SECONDS
from bot.slack.outbound.web_client import build_web_client

log = logging.getLogger(__name__)


def generate_run_id(recipe: str) -> str:
    return f"{recipe}-{randomness.token_hex(2)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything that a bot's parts have in common with the rest of the world. A test has its doubles here.

    Attributes:
        cloud: the machines; what they answer is masked by the bot.
        clock: the bot's own time.
        secrets: the masking filter.
        owner_name: of this bot, among those that share its store.
        new_run_id: returns a run's id for a recipe's name; called again where the id has been used.
        build_background: returns what computes slow answers.
        patience: how long a tick waits for what it started.
        directory_seconds: how long a person who types waits for what Slack knows of people and channels.
        store_memory: keeps, over a restart, which store the bot knows.
        valkey: the embedded store; None where the settings name another. lock: the lock of the data directory.
        telemetry: observes what the bot does.
    """

    settings: Settings = field(repr=False)
    store: Store
    cloud: Cloud
    slack: WebClient
    clock: Clock
    secrets: SecretFilter
    policy_source: PolicySource
    recipes: RecipeSource
    health_monitor: HealthMonitor
    chart_renderer: ChartRenderer
    repositories: CodeRepositories
    owner_name: str
    new_run_id: Callable[[str], str] = generate_run_id
    build_background: Callable[[InteractivePriority], BackgroundReplies] = BackgroundReplies
    patience: timedelta = timedelta(seconds=0.5)
    directory_seconds: float = ANSWER_TIMEOUT_SECONDS
    store_memory: StoreMemory = field(default_factory=StoreMemory)
    valkey: EmbeddedValkey | None = None
    lock: IO[str] | None = None
    telemetry: Telemetry = field(default_factory=Telemetry)


def open_outside(
    settings: Settings,
    valkey: EmbeddedValkey | None,
    cloud: Cloud | None,
    bot_clock: Clock | None,
    filter_secrets: SecretFilter | None,
) -> Outside:
    """Return what the settings name; see `bot.bootstrap.container.build` for the other arguments.

    Args:
        valkey: the embedded store, not yet started.
    """
    if cloud is None and (why := settings.local_compute_refusal):
        raise UserError(why, LOCAL_HINT)
    account, warning = (None, "") if cloud or settings.uses_skypilot else find_local_account(settings)
    if warning:
        log.warning("%s", warning)
    prepare(settings.data_dir, account.gid if account else None)
    allow_traversal(settings.data_dir, account)
    policy_source = PolicySource.from_file(settings.policy)
    log.info(
        "policy: %s: %s", settings.policy or "the safe defaults", "; ".join(summarize_policy(policy_source.policy))
    )
    lock = lock_data_dir(settings.data_dir)
    bot_clock = bot_clock or build_clock(settings)
    # A store on a full disk ends at its first write.
    release_if_full(settings.data_dir, int(settings.end_reserve_megabytes * MEGABYTE))
    redis = connect_store(settings, valkey)
    audit = RedisAudit(redis, bot_clock.now, timedelta(days=settings.keep_audit_days))
    record_policy = policy_recorder(audit, settings.policy, bot_clock.now)
    record_policy(policy_source.policy)
    policy_source.on_change = lambda _, new_policy: record_policy(new_policy)
    telemetry = Telemetry()
    store = RedisStore(redis, build_retention(settings), load_zone(settings.timezone), audit=audit)
    if recorded := store.get_bot_time():
        bot_clock.catch_up(recorded)
    store_memory = StoreMemory(settings.data_dir / FILE_NAME)
    if valkey and (repair := valkey.repair):
        record_repair(store, store_memory, repair, bot_clock.now())
        valkey.forget_repair()
    return Outside(
        settings=settings,
        store=store,
        cloud=cloud
        or (
            build_sky_cloud(settings, bot_clock.now) if settings.uses_skypilot else build_local_cloud(settings, account)
        ),
        slack=build_web_client(settings.slack_bot_token, settings.slack_api_url, telemetry),
        clock=bot_clock,
        secrets=filter_secrets or build_secret_filter(settings),
        policy_source=policy_source,
        recipes=RecipeFolder(settings.recipes_dir),
        health_monitor=build_health_monitor(settings),
        chart_renderer=ProcessChartRenderer(settings.data_dir / "fonts", {}),
        repositories=GitRepositories(settings.secrets.get(TOKEN_VARIABLE, "")),
        owner_name=read_owner_name(settings.data_dir),
        store_memory=store_memory,
        valkey=valkey,
        lock=lock,
        telemetry=telemetry,
    )


def build_retention(settings: Settings) -> Retention:
    days = settings.history_days, settings.keep_log_days, settings.keep_run_days
    return Retention(*(timedelta(days=day_count) for day_count in days))
