"""Settings of the bot's own work: its store and files, the policy's port, what is kept, the times between two looks."""

from dataclasses import dataclass
from pathlib import Path

from bot.config.slack_settings import SlackSettings, setting
from bot.config.validators import (
    choice_parser,
    is_loopback,
    parse_channel_id,
    parse_existing_file,
    parse_existing_folder,
    parse_not_negative,
    parse_percentage,
    parse_positive,
    parse_store_url,
    parse_time_zone,
    parse_tracker_hosts,
    parse_url_word,
    parse_web_address,
    parse_whole_number,
)
from bot.phrase import ENGLISH, LANGUAGES

OPEN_PORT_PROBLEM = "Other machines can reach the admin policy's port, and it has no secret."
OPEN_PORT_HINT = (
    "Set VERLBOT_ADMIN_POLICY_SECRET to at least 16 random characters, for example from `openssl rand -hex 24`."
)

PACKAGED_RECIPES = Path(__file__).parents[1] / "recipes"
SOURCE_RECIPES = Path(__file__).parents[2] / "recipes"


def default_data_dir() -> Path:
    """Return the folder `.verlbot` of the user's home."""
    return Path.home() / ".verlbot"


def default_recipes_dir() -> Path:
    """Return the folder of the recipes that came with the bot: in the package, or beside it in a checkout."""
    return PACKAGED_RECIPES if PACKAGED_RECIPES.is_dir() else SOURCE_RECIPES


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSettings(SlackSettings):
    """Where the bot keeps what it knows, and how often and how long it does what."""

    redis_url: str = setting(
        "REDIS_URL",
        "Address of the Redis database: `redis://`, `rediss://` with TLS, `unix://`, or `redis+sentinel://` with the "
        "Sentinels and their service. If not set, the bot starts its own in the data directory.",
        "",
        parse_store_url,
        secret=True,
    )
    data_dir: Path = setting("VERLBOT_DATA_DIR", "Folder for the bot's files on this machine.", default_data_dir, Path)
    recipes_dir: Path = setting("VERLBOT_RECIPES_DIR", "Folder of recipes.", default_recipes_dir, parse_existing_folder)
    language: str = setting(
        "VERLBOT_LANGUAGE",
        f"Language of channels, and of people who chose none: {' or '.join(f'`{name}`' for name in LANGUAGES)}.",
        ENGLISH,
        choice_parser(*LANGUAGES),
    )
    policy: Path | None = setting(
        "VERLBOT_POLICY",
        "YAML file with roles, limits and budgets (docs/policy.md). The bot reads it again when it changes. If "
        "not set, members can launch two runs each, at most $100 and 24 hours per run.",
        None,
        parse_existing_file,
    )
    admin_policy_port: int | None = setting(
        "VERLBOT_ADMIN_POLICY_PORT",
        "Port on which SkyPilot's server asks the bot before each launch outside Slack (docs/admin-policy.md). "
        "If not set, it does not ask.",
        None,
        parse_whole_number,
    )
    admin_policy_host: str = setting("VERLBOT_ADMIN_POLICY_HOST", "Address of that port.", "127.0.0.1")
    admin_policy_secret: str = setting(
        "VERLBOT_ADMIN_POLICY_SECRET",
        "Secret in the URL of that port. Required if the address is not on loopback; otherwise the bot creates "
        "one in the data directory. `verlbot admin-policy` prints the complete line for SkyPilot.",
        "",
        parse_url_word,
        secret=True,
    )
    metrics_port: int | None = setting(
        "VERLBOT_METRICS_PORT",
        "Port of the bot's metrics for Prometheus, at `/metrics` (docs/monitoring.md). If not set, there are none.",
        None,
        parse_whole_number,
    )
    metrics_host: str = setting(
        "VERLBOT_METRICS_HOST",
        "Address of that port. The metrics need no password, and name no run and no person.",
        "127.0.0.1",
    )
    traces_address: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Address of an OpenTelemetry collector, such as `http://127.0.0.1:4318`, which gets the bot's traces by OTLP "
        "over HTTP (docs/monitoring.md). If not set, none are sent.",
        "",
        parse_web_address,
    )
    traces_headers: str = setting(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "Headers of each request to that collector, `key=value,key=value` with percent-encoded values.",
        "",
        secret=True,
    )
    findings: Path | None = setting(
        "VERLBOT_FINDINGS", "YAML file with your team's own findings (docs/findings.md).", None, parse_existing_file
    )
    secret_patterns: Path | None = setting(
        "VERLBOT_SECRET_PATTERNS",
        "YAML file with your team's own patterns of secrets, which the bot masks everywhere (docs/secrets.md).",
        None,
        parse_existing_file,
    )
    keep_log_days: float = setting(
        "VERLBOT_KEEP_LOG_DAYS", "Days to keep the last log lines of an ended run.", 30.0, parse_positive
    )
    keep_run_days: float = setting(
        "VERLBOT_KEEP_RUN_DAYS",
        "Days to keep the record and the task of an ended run. Its cost is kept forever.",
        365.0,
        parse_positive,
    )
    keep_audit_days: float = setting(
        "VERLBOT_KEEP_AUDIT_DAYS", "Days to keep the audit (`/verl audit`).", 365.0, parse_positive
    )
    history_days: float = setting(
        "VERLBOT_HISTORY_DAYS",
        "Days to keep the metrics of an ended run for plots.",
        180.0,
        parse_positive,
    )
    timezone: str = setting(
        "VERLBOT_TIMEZONE",
        "Time zone of reports whose author has none in Slack, such as `Europe/Berlin`.",
        "UTC",
        parse_time_zone,
    )
    summary_minutes: float = setting(
        "VERLBOT_SUMMARY_MINUTES",
        "Minutes between two summaries in a run's thread, unless a person sets another interval there; 0 turns "
        "summaries off.",
        60.0,
        parse_not_negative,
    )
    clock_jump_seconds: float = setting(
        "VERLBOT_CLOCK_JUMP_SECONDS",
        "Maximum difference in seconds between this machine's clock and the time that really passed. The bot "
        "reports a larger one as a jump and does not follow it.",
        30.0,
        parse_positive,
    )
    tick_seconds: float = setting(
        "VERLBOT_TICK_SECONDS", "Polling interval: seconds between two checks of all active runs.", 15.0, parse_positive
    )
    card_seconds: float = setting(
        "VERLBOT_CARD_SECONDS",
        "Minimum seconds between two edits of a card whose run keeps its state, and between two updates of the "
        "Home tab.",
        30.0,
        parse_positive,
    )
    launch_confirm_seconds: float = setting(
        "VERLBOT_LAUNCH_CONFIRM_SECONDS",
        "Seconds without a trace of a launch after which the bot requests it again, or accepts that a cluster is "
        "absent.",
        30.0,
        parse_positive,
    )
    teardown_confirm_seconds: float = setting(
        "VERLBOT_TEARDOWN_CONFIRM_SECONDS",
        "Seconds between the two checks that must both find a cluster gone.",
        5.0,
        parse_positive,
    )
    teardown_retry_seconds: float = setting(
        "VERLBOT_TEARDOWN_RETRY_SECONDS",
        "Seconds after which the bot requests a removal again, or an autostop that SkyPilot did not set as requested.",
        60.0,
        parse_positive,
    )
    stopping_alarm_minutes: float = setting(
        "VERLBOT_STOPPING_ALARM_MINUTES",
        "Minutes after a run's end at which the bot reports a cluster that is still up, with the command to "
        "remove it by hand.",
        10.0,
        parse_positive,
    )
    save_grace_minutes: float = setting(
        "VERLBOT_SAVE_GRACE_MINUTES",
        "Minutes that a run may train beyond its lease, its budget or *Save and stop* to save a checkpoint.",
        10.0,
        parse_not_negative,
    )
    fetch_grace_minutes: float = setting(
        "VERLBOT_FETCH_GRACE_MINUTES",
        "Minutes after a run's end to download its model, unless its lease ends later. After that the bot gives "
        "the model up.",
        60.0,
        parse_positive,
    )
    artifacts_dir: Path | None = setting(
        "VERLBOT_ARTIFACTS_DIR",
        "Folder for models that the bot downloads from clusters. If not set, `artifacts` in the data directory.",
        None,
        Path,
    )
    artifacts_gigabytes: float = setting(
        "VERLBOT_ARTIFACTS_GIGABYTES", "Maximum size of one downloaded model, in gigabytes.", 200.0, parse_positive
    )
    artifacts_files: int = setting(
        "VERLBOT_ARTIFACTS_FILES", "Maximum number of files in one downloaded model.", 100_000, parse_whole_number
    )
    disk_reserve_gigabytes: float | None = setting(
        "VERLBOT_DISK_RESERVE_GIGABYTES",
        "Gigabytes of the disk that downloads must leave free, because the bot's database is on it too. If not "
        "set, 5, or a tenth of a disk smaller than 50 GB.",
        None,
        parse_positive,
    )
    end_reserve_megabytes: float = setting(
        "VERLBOT_END_RESERVE_MEGABYTES",
        "Megabytes that the bot keeps in a file of its data directory, and releases when the disk is full, to record "
        "how runs end; 0 for none.",
        64.0,
        parse_not_negative,
    )
    disk_warning_percent: float = setting(
        "VERLBOT_DISK_WARNING_PERCENT",
        "Used percentage of the disk of the data directory from which the bot reports it.",
        90.0,
        parse_percentage,
    )
    sweep_minutes: float = setting(
        "VERLBOT_SWEEP_MINUTES",
        "Minutes between two searches for clusters that belong to no run.",
        10.0,
        parse_positive,
    )
    ops_channel: str = setting(
        "VERLBOT_OPS_CHANNEL",
        "Id of the operators' channel, `C…`, where the bot reports clusters that belong to no run. If not set, "
        "only the log has these reports.",
        "",
        parse_channel_id,
    )
    tracker_hosts: tuple[str, ...] = setting(
        "VERLBOT_TRACKER_HOSTS",
        "Hosts of experiment trackers, separated by commas. If a log names a run's page there (W&B, SwanLab, MLflow, "
        "TensorBoard), the run's card links to it; pages of other hosts get no link. A host may begin with `http://` "
        "or `*.`, and end with a port.",
        ("wandb.ai", "*.wandb.io", "swanlab.cn"),
        parse_tracker_hosts,
    )
    leader_lease_seconds: float = setting(
        "VERLBOT_LEADER_LEASE_SECONDS",
        "Leader lease: seconds without a sign of the leader after which another bot on the same database takes over. "
        "The leader renews it four times in that time, and gives it up when it stops.",
        10.0,
        parse_positive,
    )
    log_look_seconds: float = setting(
        "VERLBOT_LOG_LOOK_SECONDS",
        "Timeout for reading the new lines of one log, in seconds. The next check reads the rest.",
        5.0,
        parse_positive,
    )

    @property
    def artifacts(self) -> Path:
        """Return the folder that models are downloaded to."""
        return self.artifacts_dir or self.data_dir / "artifacts"

    @property
    def needs_admin_policy_secret(self) -> bool:
        """Return whether other machines reach the admin policy's port and no secret is set for it."""
        is_open = self.admin_policy_port is not None and not is_loopback(self.admin_policy_host)
        return is_open and not self.admin_policy_secret
