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
    parse_positive,
    parse_store_url,
    parse_time_zone,
    parse_url_word,
    parse_whole_number,
)
from bot.phrase import ENGLISH, LANGUAGES

OPEN_PORT_PROBLEM = "Others than this machine reach the admin policy's port, and no secret is set for it."
OPEN_PORT_HINT = "Set VERLBOT_ADMIN_POLICY_SECRET to a long word, such as `openssl rand -hex 24` prints."

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
        "The store. Without it, an embedded one in the data directory is started.",
        "",
        parse_store_url,
        secret=True,
    )
    data_dir: Path = setting(
        "VERLBOT_DATA_DIR", "Folder of what the bot keeps on this machine.", default_data_dir, Path
    )
    recipes_dir: Path = setting("VERLBOT_RECIPES_DIR", "Folder of recipes.", default_recipes_dir, parse_existing_folder)
    language: str = setting(
        "VERLBOT_LANGUAGE",
        "Of channels, and of people who chose no other: `en`, `zh-CN`.",
        ENGLISH,
        choice_parser(*LANGUAGES),
    )
    policy: Path | None = setting(
        "VERLBOT_POLICY",
        "YAML file of who may do what, and how much (docs/policy.md); read again when it changes. Without it, safe "
        "defaults hold: members launch, two runs each, at most $100 and 24 hours a run.",
        None,
        parse_existing_file,
    )
    admin_policy_port: int | None = setting(
        "VERLBOT_ADMIN_POLICY_PORT",
        "Port where SkyPilot's server asks before each launch outside Slack (docs/admin-policy.md). Without it, "
        "SkyPilot's server does not ask.",
        None,
        parse_whole_number,
    )
    admin_policy_host: str = setting("VERLBOT_ADMIN_POLICY_HOST", "Address that it asks at.", "127.0.0.1")
    admin_policy_secret: str = setting(
        "VERLBOT_ADMIN_POLICY_SECRET",
        "Secret in the address that it asks at. Needed where that address is not on loopback; without it, one is made "
        "in the data directory. `verlbot admin-policy` prints the whole line for SkyPilot.",
        "",
        parse_url_word,
        secret=True,
    )
    findings: Path | None = setting(
        "VERLBOT_FINDINGS", "YAML file of the team's own findings (docs/findings.md).", None, parse_existing_file
    )
    secret_patterns: Path | None = setting(
        "VERLBOT_SECRET_PATTERNS",
        "YAML file of the team's own patterns of secrets, which the bot masks everywhere (docs/secrets.md).",
        None,
        parse_existing_file,
    )
    keep_log_days: float = setting(
        "VERLBOT_KEEP_LOG_DAYS", "How long the last lines of a run that has ended are kept.", 30.0, parse_positive
    )
    keep_run_days: float = setting(
        "VERLBOT_KEEP_RUN_DAYS",
        "How long the record of a run that has ended is kept, and its task; what it has cost is kept for good.",
        365.0,
        parse_positive,
    )
    keep_audit_days: float = setting(
        "VERLBOT_KEEP_AUDIT_DAYS", "How long it is kept who did what (`/verl audit`).", 365.0, parse_positive
    )
    history_days: float = setting(
        "VERLBOT_HISTORY_DAYS",
        "How long the numbers of a run that has ended are kept, for plots.",
        180.0,
        parse_positive,
    )
    timezone: str = setting(
        "VERLBOT_TIMEZONE",
        "Of reports whose person names none, and has none in Slack, such as `Europe/Berlin`.",
        "UTC",
        parse_time_zone,
    )
    summary_minutes: float = setting(
        "VERLBOT_SUMMARY_MINUTES",
        "Between two summaries in a run's thread, unless its people set it; 0 for none.",
        60.0,
        parse_not_negative,
    )
    clock_jump_seconds: float = setting(
        "VERLBOT_CLOCK_JUMP_SECONDS",
        "What this machine's clock may differ by from the time that has really passed, before that is a jump, which is "
        "reported and not followed.",
        30.0,
        parse_positive,
    )
    tick_seconds: float = setting("VERLBOT_TICK_SECONDS", "Between two looks at all runs.", 15.0, parse_positive)
    card_seconds: float = setting(
        "VERLBOT_CARD_SECONDS",
        "Between two edits of a card, unless its run changes state; and of the bot's own page in Slack, for those who "
        "look.",
        30.0,
        parse_positive,
    )
    launch_confirm_seconds: float = setting(
        "VERLBOT_LAUNCH_CONFIRM_SECONDS",
        "After which the bot requests a launch without a trace again, and an unconfirmed absence is believed.",
        30.0,
        parse_positive,
    )
    teardown_confirm_seconds: float = setting(
        "VERLBOT_TEARDOWN_CONFIRM_SECONDS",
        "Between the two looks that must both show that a cluster is gone.",
        5.0,
        parse_positive,
    )
    teardown_retry_seconds: float = setting(
        "VERLBOT_TEARDOWN_RETRY_SECONDS",
        "After which the bot requests the removal of a cluster again, or an autostop that was set and is not as asked "
        "for.",
        60.0,
        parse_positive,
    )
    stopping_alarm_minutes: float = setting(
        "VERLBOT_STOPPING_ALARM_MINUTES",
        "After which the bot reports a cluster that is not removed, with what to type by hand.",
        10.0,
        parse_positive,
    )
    save_grace_minutes: float = setting(
        "VERLBOT_SAVE_GRACE_MINUTES",
        "That a run may train on beyond its lease, its budget or a *Save and stop*, where a checkpoint is awaited.",
        10.0,
        parse_not_negative,
    )
    fetch_grace_minutes: float = setting(
        "VERLBOT_FETCH_GRACE_MINUTES",
        "For fetching a model from its cluster after a run's end, where its lease ends no later; then it is given up.",
        60.0,
        parse_positive,
    )
    artifacts_dir: Path | None = setting(
        "VERLBOT_ARTIFACTS_DIR",
        "Folder that models are fetched to which are on their cluster alone. Without it, `artifacts` in the data "
        "directory.",
        None,
        Path,
    )
    artifacts_gigabytes: float = setting(
        "VERLBOT_ARTIFACTS_GIGABYTES", "Of one model that is fetched there, at the most.", 200.0, parse_positive
    )
    artifacts_files: int = setting(
        "VERLBOT_ARTIFACTS_FILES", "Files of one model, at the most.", 100_000, parse_whole_number
    )
    disk_reserve_gigabytes: float | None = setting(
        "VERLBOT_DISK_RESERVE_GIGABYTES",
        "That no model takes of the disk it is fetched to: the bot's store lies there too. Without it, 5, or a tenth "
        "of a disk that has less than 50.",
        None,
        parse_positive,
    )
    sweep_minutes: float = setting(
        "VERLBOT_SWEEP_MINUTES", "Between two looks for clusters that no run owns.", 10.0, parse_positive
    )
    ops_channel: str = setting(
        "VERLBOT_OPS_CHANNEL",
        "Id of the channel, `C…`, where the bot reports clusters that no run owns. Without it, the log has them.",
        "",
        parse_channel_id,
    )
    leader_lease_seconds: float = setting(
        "VERLBOT_LEADER_LEASE_SECONDS",
        "How long a bot that died keeps others on the same store from acting.",
        60.0,
        parse_positive,
    )
    log_look_seconds: float = setting(
        "VERLBOT_LOG_LOOK_SECONDS",
        "For reading the new lines of one log; what is not read by then is left for the next look.",
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
