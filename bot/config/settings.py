"""Settings: the only reader of the environment. Every problem is reported, not just the first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

from bot.config.slack_settings import SlackSettings, setting
from bot.config.validators import (
    choice_parser,
    is_loopback,
    parse_channel_id,
    parse_existing_file,
    parse_existing_folder,
    parse_flag,
    parse_not_negative,
    parse_positive,
    parse_sky_token,
    parse_store_url,
    parse_time_zone,
    parse_url_word,
    parse_web_address,
    parse_whole_number,
)
from bot.errors import UserError
from bot.i18n import ENGLISH, LANGUAGES

SECRET_NAME_PATTERN = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|COOKIE|WEBHOOK|DSN", re.IGNORECASE)
"""Parts of the names of variables whose values are secret."""

LOCAL_HINT = (
    "Name SkyPilot's API server in SKYPILOT_API_SERVER_ENDPOINT, set VERLBOT_COMPUTE=skypilot, or, to try the bot out, "
    "set VERLBOT_LOCAL_WITH_SLACK=true."
)

OPEN_PORT_PROBLEM = "Others than this machine reach the admin policy's port, and no secret is set for it."
OPEN_PORT_HINT = "Set VERLBOT_ADMIN_POLICY_SECRET to a long word, such as `openssl rand -hex 24` prints."

STORE_VARIABLES = ("REDIS_PASSWORD", "REDISCLI_AUTH")
"""Variables from which compose and Kubernetes make REDIS_URL: no recipe may name them."""

PACKAGED_RECIPES = Path(__file__).parents[1] / "recipes"
SOURCE_RECIPES = Path(__file__).parents[2] / "recipes"


def default_data_dir() -> Path:
    """Return the folder `.verlbot` of the user's home."""
    return Path.home() / ".verlbot"


def default_recipes_dir() -> Path:
    """Return the folder of the recipes that came with the bot: in the package, or beside it in a checkout."""
    return PACKAGED_RECIPES if PACKAGED_RECIPES.is_dir() else SOURCE_RECIPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(SlackSettings):
    """Settings of a bot. Each field is an environment variable; docs/settings.md is made from this class."""

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
        "nobody is asked.",
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
    summary_steps: int | None = setting(
        "VERLBOT_SUMMARY_STEPS",
        "After so many steps a run's thread gets a summary, whatever the time.",
        None,
        parse_whole_number,
    )
    clock_jump_seconds: float = setting(
        "VERLBOT_CLOCK_JUMP_SECONDS",
        "What this machine's clock may differ by from the time that has really passed, before that is a jump, which is "
        "told of and not followed.",
        30.0,
        parse_positive,
    )
    tick_seconds: float = setting("VERLBOT_TICK_SECONDS", "Between two looks at all runs.", 15.0, parse_positive)
    card_seconds: float = setting(
        "VERLBOT_CARD_SECONDS", "Between two edits of a card, unless its run changes state.", 30.0, parse_positive
    )
    home_seconds: float = setting(
        "VERLBOT_HOME_SECONDS",
        "Between two edits of the bot's own page in Slack, for those who look.",
        30.0,
        parse_positive,
    )
    launch_confirm_seconds: float = setting(
        "VERLBOT_LAUNCH_DOUBT_SECONDS",
        "After which a launch that has left no trace is asked for again, and an unconfirmed absence is believed.",
        30.0,
        parse_positive,
    )
    teardown_confirm_seconds: float = setting(
        "VERLBOT_GONE_SECONDS", "Between the two looks that must both show that a cluster is gone.", 5.0, parse_positive
    )
    teardown_retry_seconds: float = setting(
        "VERLBOT_DOWN_AGAIN_SECONDS", "After which the removal of a cluster is asked for again.", 60.0, parse_positive
    )
    autostop_retry_seconds: float = setting(
        "VERLBOT_AUTOSTOP_AGAIN_SECONDS",
        "After which an autostop that is not as asked for, though it was set again, is set once more.",
        60.0,
        parse_positive,
    )
    stopping_alarm_minutes: float = setting(
        "VERLBOT_STOPPING_ALARM_MINUTES",
        "After which a cluster that does not go is told of in its channel, with what to type by hand.",
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
        "Id of the channel, `C…`, that is told of clusters that no run owns. Without it, the bot's own log is.",
        "",
        parse_channel_id,
    )
    leader_lease_seconds: float = setting(
        "VERLBOT_LEADER_SECONDS",
        "How long a bot that died keeps others on the same store from acting.",
        60.0,
        parse_positive,
    )
    log_lines: int = setting("VERLBOT_LOG_LINES", "Log lines read at a time, at the most.", 1000, parse_whole_number)
    log_look_seconds: float = setting(
        "VERLBOT_LOG_LOOK_SECONDS",
        "For reading the new lines of one log; what is not read by then is left for the next look.",
        5.0,
        parse_positive,
    )
    log_reads_per_tick: int = setting(
        "VERLBOT_LOG_READS_PER_TICK", "Logs that one tick starts to read.", 32, parse_whole_number
    )
    follow_minutes: float = setting("VERLBOT_FOLLOW_MINUTES", "How long a followed log grows.", 15.0, parse_positive)
    compute: str = setting(
        "VERLBOT_COMPUTE",
        "`skypilot` for clusters of SkyPilot's, `local` for processes of this machine. Unless set: `skypilot` "
        "where SKYPILOT_API_SERVER_ENDPOINT is set, else `local`.",
        "",
        choice_parser("skypilot", "local"),
    )
    sky_endpoint: str = setting(
        "SKYPILOT_API_SERVER_ENDPOINT",
        "SkyPilot's API server. Without it, the one of this machine.",
        "",
        parse_web_address,
        secret=True,
    )
    sky_token: str = setting(
        "SKYPILOT_SERVICE_ACCOUNT_TOKEN",
        "Token of the bot's service account there, `sky_…`.",
        "",
        parse_sky_token,
        secret=True,
    )
    sky_start_server: bool = setting(
        "VERLBOT_SKY_START_SERVER",
        "Whether an API server is started on this machine where none answers.",
        False,
        parse_flag,
    )
    sky_call_seconds: float = setting(
        "VERLBOT_SKY_CALL_SECONDS",
        "For one question to SkyPilot; after that nobody has answered.",
        60.0,
        parse_positive,
    )
    sky_calls_at_once: int = setting(
        "VERLBOT_SKY_CALLS_AT_ONCE",
        "Questions to SkyPilot under way at once; a small server takes no more.",
        4,
        parse_whole_number,
    )
    sky_job_seconds: float = setting(
        "VERLBOT_SKY_JOB_SECONDS",
        "Between two looks at a cluster's job; four times as long while it runs, because its log tells when it ends.",
        30.0,
        parse_positive,
    )
    sky_log_seconds: float = setting(
        "VERLBOT_SKY_LOG_SECONDS",
        "Between two looks at a run's log; each is an SSH to its cluster.",
        30.0,
        parse_positive,
    )
    sky_bill_seconds: float = setting(
        "VERLBOT_SKY_BILL_SECONDS", "Between two looks at SkyPilot's cost report.", 300.0, parse_positive
    )
    slurm_containers: bool = setting(
        "VERLBOT_SLURM_CONTAINERS",
        "Whether your Slurm runs containers (Pyxis), so that images are allowed.",
        False,
        parse_flag,
    )
    prices: Path | None = setting(
        "VERLBOT_PRICES",
        "Your own price table, for what SkyPilot has no price for (docs/recipes.md).",
        None,
        parse_existing_file,
    )
    unhealthy_seconds: float = setting(
        "VERLBOT_UNHEALTHY_SECONDS",
        "After which a cluster that has lost a node, by SkyPilot's word, is given up and removed.",
        180.0,
        parse_positive,
    )
    local_with_slack: bool = setting(
        "VERLBOT_LOCAL_WITH_SLACK",
        "Whether runs may be processes of this machine although people of a real Slack workspace launch them: they "
        "run beside the bot's own store (docs/operations.md).",
        False,
        parse_flag,
    )
    local_user: str = setting(
        "VERLBOT_LOCAL_USER",
        "User that local runs have where the bot is root, a name or a number; `same` for the bot's own. Unless set: "
        "`nobody`, or the bot's own where that user cannot reach the data directory and Slack is on loopback.",
        "",
    )
    local_max_nodes: int = setting(
        "VERLBOT_LOCAL_MOST_NODES", "Nodes of a run on this machine, at the most.", 8, parse_whole_number
    )
    local_dollars_per_node_hour: float | None = setting(
        "VERLBOT_LOCAL_DOLLARS_PER_NODE_HOUR",
        "A pretended price of this machine's nodes, to try out what the bot says of money.",
        None,
        parse_positive,
    )
    local_minute_seconds: float = setting(
        "VERLBOT_LOCAL_MINUTE_SECONDS",
        "How long a minute of local autostop lasts; shorter in tests.",
        60.0,
        parse_positive,
    )
    local_grace_seconds: float = setting(
        "VERLBOT_LOCAL_GRACE_SECONDS",
        "What local processes are given to end before they are killed.",
        5.0,
        parse_positive,
    )
    doctor_seconds: float = setting(
        "VERLBOT_DOCTOR_SECONDS", "For one check of `verlbot doctor`; after that it has failed.", 30.0, parse_positive
    )
    log_level: str = setting(
        "VERLBOT_LOG_LEVEL", "What the bot's own log tells.", "INFO", choice_parser("DEBUG", "INFO", "WARNING", "ERROR")
    )
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The rest of the environment, for the secrets that recipes name; the bot's own settings are not for runs."""

    @property
    def artifacts(self) -> Path:
        """Return the folder that models are downloaded to."""
        return self.artifacts_dir or self.data_dir / "artifacts"

    @property
    def own_secrets(self) -> list[str]:
        """Return every value of a setting that is, or may hold, a secret."""
        secret_names = (setting_field.name for setting_field in fields(self) if setting_field.metadata.get("secret"))
        return [value for name in secret_names if (value := getattr(self, name))]

    @property
    def uses_skypilot(self) -> bool:
        """Return whether runs are clusters of SkyPilot."""
        return self.compute == "skypilot" or (not self.compute and bool(self.sky_endpoint))

    @property
    def local_compute_refusal(self) -> str:
        """Return why runs may not be processes of this machine, a sentence; empty where they may, or are not."""
        if self.uses_skypilot or self.is_slack_local or self.local_with_slack:
            return ""
        return (
            "Runs would be processes of this machine, launched by anybody in a real Slack workspace, "
            "beside the bot's own store and tokens."
        )

    @property
    def needs_admin_policy_secret(self) -> bool:
        """Return whether other machines reach the admin policy's port and no secret is set for it."""
        is_open = self.admin_policy_port is not None and not is_loopback(self.admin_policy_host)
        return is_open and not self.admin_policy_secret

    @property
    def sky_environment(self) -> Mapping[str, str]:
        """Return the environment of SkyPilot's client, without the bot's own tokens."""
        own = {
            "SKYPILOT_API_SERVER_ENDPOINT": self.sky_endpoint,
            "SKYPILOT_SERVICE_ACCOUNT_TOKEN": self.sky_token,
            "SKYPILOT_DISABLE_LOCAL_API_SERVER": "" if self.sky_start_server else "1",
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        }
        return {**self.secrets, **{name: value for name, value in own.items() if value}}

    @classmethod
    def find_secret_variables(cls, environment: Mapping[str, str]) -> set[str]:
        """Return the names of variables that hold secrets: the bot's own, and those whose names indicate one."""
        variables = {
            str(setting_field.metadata["variable"])
            for setting_field in fields(cls)
            if setting_field.metadata.get("secret")
        }
        return {name for name in environment if name in variables or SECRET_NAME_PATTERN.search(name)}

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings of an environment.

        Raises:
            UserError: something is missing or wrong; the message names all of it.
        """
        settings, problems = cls.examine(environment)
        if problems:
            raise UserError("\n".join(problems.values()), "")
        return settings

    @classmethod
    def examine(cls, environment: Mapping[str, str]) -> tuple[Self, dict[str, str]]:
        """Return the settings as far as they can be read, and the problems.

        The problems are sentences about what is missing or wrong, by variable.
        """
        values, problems = {}, {}
        fields_by_variable = {
            str(setting_field.metadata["variable"]): setting_field
            for setting_field in fields(cls)
            if setting_field.metadata
        }
        for variable, setting_field in fields_by_variable.items():
            text = environment.get(variable, "").strip()
            if text:
                try:
                    values[setting_field.name] = setting_field.metadata["read"](text)
                except ValueError as error:
                    # A secret's value must not appear in an error message.
                    shown = "what it holds" if setting_field.metadata["secret"] else f"`{text}`"
                    problems[variable] = f"{variable} takes {error}, not {shown}."
        others = {
            name: text for name, text in environment.items() if name not in (*fields_by_variable, *STORE_VARIABLES)
        }
        settings = cls(**values, secrets=others)
        return settings, {**settings.find_missing(), **problems}
