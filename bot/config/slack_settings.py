"""Settings of Slack and of the ports that the bot itself listens on; `bot.config.settings` has all."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from bot.config.validators import (
    choice_parser,
    host_of,
    is_loopback,
    parse_positive,
    parse_slack_address,
    parse_web_address,
    parse_whole_number,
    token_parser,
)


def setting(
    variable: str, meaning: str, default: Any, read: Callable[[str], Any] = str, *, secret: bool = False
) -> Any:
    """Return a field that is read from an environment variable.

    Args:
        default: a value, or a function of no arguments where it depends on the machine.
        read: text to value; raises ValueError with what is valid.
        secret: whether the value is, or may hold, a secret: it is never shown.
    """
    metadata = {"variable": variable, "meaning": meaning, "read": read, "secret": secret}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """How the bot reaches Slack, and Slack the bot."""

    slack_bot_token: str = setting(
        "SLACK_BOT_TOKEN", "Bot token of the Slack app, `xoxb-…`.", "", token_parser("xoxb-"), secret=True
    )
    slack_app_token: str = setting(
        "SLACK_APP_TOKEN",
        "App-level token with the scope `connections:write`, `xapp-…`. Socket Mode needs it.",
        "",
        token_parser("xapp-"),
        secret=True,
    )
    slack_signing_secret: str = setting(
        "SLACK_SIGNING_SECRET", "Signing secret of the Slack app. HTTP mode needs it.", "", secret=True
    )
    slack_api_url: str = setting(
        "SLACK_API_URL",
        "Address of Slack's Web API, or of a Slack-compatible server.",
        "https://slack.com/api/",
        parse_slack_address,
    )
    slack_mode: str = setting(
        "VERLBOT_SLACK_MODE",
        "How Slack delivers events: `socket` for Socket Mode, `http` for signed requests.",
        "socket",
        choice_parser("socket", "http"),
    )
    slack_late_seconds: float = setting(
        "VERLBOT_SLACK_LATE_SECONDS",
        "Seconds for which the bot looks for a message that Slack has not confirmed before it sends the message again. "
        "What Slack shows later than that may come twice for up to ten minutes; then one of both is deleted.",
        30.0,
        parse_positive,
    )
    public_url: str = setting(
        "VERLBOT_PUBLIC_URL",
        "Public address of the bot in HTTP mode. `verlbot doctor` checks that it answers.",
        "",
        parse_web_address,
    )
    http_host: str = setting("VERLBOT_HTTP_HOST", "Address that HTTP mode listens on.", "127.0.0.1")
    http_port: int = setting("VERLBOT_HTTP_PORT", "Port that HTTP mode listens on.", 3000, parse_whole_number)
    http_body_megabytes: float = setting(
        "VERLBOT_HTTP_BODY_MEGABYTES",
        "Maximum size of one request to the bot's ports (HTTP mode and the admin policy), in megabytes.",
        1.0,
        parse_positive,
    )
    http_seconds: float = setting(
        "VERLBOT_HTTP_SECONDS",
        "Timeout for the headers of a request to these ports, and again for its body, in seconds.",
        10.0,
        parse_positive,
    )
    http_connections: int = setting(
        "VERLBOT_HTTP_CONNECTIONS",
        "Maximum number of open connections on each of these ports. Above it, the bot closes the slowest.",
        100,
        parse_whole_number,
    )

    @property
    def is_slack_local(self) -> bool:
        """Return whether Slack is a playground of this machine, as in the demo and in tests."""
        return is_loopback(host_of(self.slack_api_url))

    def find_missing(self) -> dict[str, str]:
        """Return the required variables that are not set, each with a sentence."""
        needed = {"SLACK_BOT_TOKEN": self.slack_bot_token}
        if self.slack_mode == "socket":
            needed["SLACK_APP_TOKEN"] = self.slack_app_token
        else:
            needed["SLACK_SIGNING_SECRET"] = self.slack_signing_secret
        meanings = {
            setting_field.metadata["variable"]: setting_field.metadata["meaning"]
            for setting_field in fields(self)
            if setting_field.metadata
        }
        return {name: f"{name} is not set. {meanings[name]}" for name, value in needed.items() if not value}
