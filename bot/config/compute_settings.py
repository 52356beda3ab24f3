"""Settings of the machines that runs are on: SkyPilot's clusters, or processes of this machine."""

from dataclasses import dataclass
from pathlib import Path

from bot.config.operation_settings import OperationSettings
from bot.config.slack_settings import setting
from bot.config.validators import (
    choice_parser,
    parse_existing_file,
    parse_flag,
    parse_positive,
    parse_sky_token,
    parse_web_address,
    parse_whole_number,
)

LOCAL_HINT = (
    "Name SkyPilot's API server in SKYPILOT_API_SERVER_ENDPOINT, set VERLBOT_COMPUTE=skypilot, or, to try the bot out, "
    "set VERLBOT_LOCAL_WITH_SLACK=true."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeSettings(OperationSettings):
    """How the bot reaches SkyPilot, and what runs on this machine may use."""

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
        "For one question to SkyPilot; after that it counts as unanswered.",
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
