"""Settings of the machines that runs are on: SkyPilot's clusters, or processes of this machine."""

from dataclasses import dataclass
from pathlib import Path

from bot.config.operation_settings import OperationSettings
from bot.config.slack_settings import setting
from bot.config.validators import (
    choice_parser,
    parse_code_host,
    parse_existing_file,
    parse_flag,
    parse_positive,
    parse_sky_token,
    parse_web_address,
    parse_whole_number,
)

LOCAL_HINT = (
    "Set SKYPILOT_API_SERVER_ENDPOINT to the address of SkyPilot's API server, or set VERLBOT_COMPUTE=skypilot. "
    "To only try the bot out, set VERLBOT_LOCAL_WITH_SLACK=true."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeSettings(OperationSettings):
    """How the bot reaches SkyPilot, and what runs on this machine may use."""

    compute: str = setting(
        "VERLBOT_COMPUTE",
        "Where runs are: `skypilot` for SkyPilot clusters, `local` for processes on this machine. If not set, "
        "`skypilot` if SKYPILOT_API_SERVER_ENDPOINT is set, else `local`.",
        "",
        choice_parser("skypilot", "local"),
    )
    sky_endpoint: str = setting(
        "SKYPILOT_API_SERVER_ENDPOINT",
        "Address of SkyPilot's API server. If not set, the server of this machine.",
        "",
        parse_web_address,
        secret=True,
    )
    sky_token: str = setting(
        "SKYPILOT_SERVICE_ACCOUNT_TOKEN",
        "Token of the bot's service account on SkyPilot's API server, `sky_…`.",
        "",
        parse_sky_token,
        secret=True,
    )
    sky_start_server: bool = setting(
        "VERLBOT_SKY_START_SERVER",
        "Start an API server on this machine if none answers.",
        False,
        parse_flag,
    )
    sky_call_seconds: float = setting(
        "VERLBOT_SKY_CALL_SECONDS",
        "Timeout for one SkyPilot call, in seconds. After that the call counts as unanswered.",
        60.0,
        parse_positive,
    )
    sky_calls_at_once: int = setting(
        "VERLBOT_SKY_CALLS_AT_ONCE",
        "Maximum number of concurrent SkyPilot calls; a small server handles no more.",
        4,
        parse_whole_number,
    )
    sky_job_seconds: float = setting(
        "VERLBOT_SKY_JOB_SECONDS",
        "Seconds between two checks of a cluster's job. Four times as long while the job runs, because its log "
        "shows when it ends.",
        30.0,
        parse_positive,
    )
    sky_log_seconds: float = setting(
        "VERLBOT_SKY_LOG_SECONDS",
        "Seconds between two reads of a run's log. Each read opens an SSH connection to the cluster.",
        30.0,
        parse_positive,
    )
    sky_bill_seconds: float = setting(
        "VERLBOT_SKY_BILL_SECONDS", "Seconds between two reads of SkyPilot's cost report.", 300.0, parse_positive
    )
    slurm_containers: bool = setting(
        "VERLBOT_SLURM_CONTAINERS",
        "Set it to `true` if your Slurm runs containers (Pyxis), to allow images.",
        False,
        parse_flag,
    )
    prices: Path | None = setting(
        "VERLBOT_PRICES",
        "Your own price table for machines that SkyPilot has no price for (docs/recipes.md).",
        None,
        parse_existing_file,
    )
    code_host_url: str = setting(
        "VERLBOT_CODE_HOST_URL",
        "Address of the host of Git repositories that `code=` names (docs/recipes.md).",
        "https://github.com",
        parse_code_host,
    )
    unhealthy_seconds: float = setting(
        "VERLBOT_UNHEALTHY_SECONDS",
        "Seconds after which the bot gives up and removes a cluster that has lost a node according to SkyPilot.",
        180.0,
        parse_positive,
    )
    local_with_slack: bool = setting(
        "VERLBOT_LOCAL_WITH_SLACK",
        "Allow people of a real Slack workspace to start processes on this machine, beside the bot's own "
        "database (docs/operations.md).",
        False,
        parse_flag,
    )
    local_user: str = setting(
        "VERLBOT_LOCAL_USER",
        "User (name or number) for local runs if the bot is root; `same` for the bot's own user. If not set, "
        "`nobody`, or the bot's own user if `nobody` cannot reach the data directory and Slack is on loopback.",
        "",
    )
    local_dollars_per_node_hour: float | None = setting(
        "VERLBOT_LOCAL_DOLLARS_PER_NODE_HOUR",
        "Demo price of this machine in dollars per node and hour, to try out budgets.",
        None,
        parse_positive,
    )
    local_minute_seconds: float = setting(
        "VERLBOT_LOCAL_MINUTE_SECONDS",
        "Length of a minute of local autostop in seconds; shorter in tests.",
        60.0,
        parse_positive,
    )
    local_grace_seconds: float = setting(
        "VERLBOT_LOCAL_GRACE_SECONDS",
        "Seconds that local processes have to end before the bot kills them.",
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
            "People of a real Slack workspace could start processes on this machine, beside the bot's own database "
            "and tokens."
        )
