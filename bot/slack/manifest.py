"""The manifest of the Slack app, built from what the bot listens to and calls."""

from typing import Any

from bot.slack.inbound.http_mode import EVENTS_PATH
from bot.slack.inbound.listeners import SLASH_COMMAND

SCOPES = {
    "app_mentions:read": "to be called by a mention",
    "channels:read": "to tell whether a channel is shared with another company, and who is in it",
    "channels:history": "to find its own message again after a doubtful answer, before it says anything twice",
    "chat:write": "to post cards, threads and notices",
    "chat:write.public": "to post in public channels without being invited to each",
    "commands": "for /verl",
    "files:write": "to put long logs into a run's thread",
    "groups:read": "as channels:read, in private channels that it was invited to: their runs are shown to their people",
    "groups:history": "as channels:history, in private channels that it was invited to",
    "im:history": "to hear commands in direct messages; and as channels:history, for runs whose card is in one",
    "usergroups:read": "to give a role to a user group",
    "users:read": "to tell members from guests and strangers, and in which time zone a person is",
}
"""Every OAuth scope that the bot requests, with its purpose."""


USAGE_HINT = "launch ppo nodes=2 · status · logs RUN · help"
"""What Slack shows beside the command while a person types: examples, because it has room for one line."""


def build_manifest(mode: str, public_url: str = "") -> dict[str, Any]:
    """Return what to paste at api.slack.com under "Create an app from a manifest".

    Args:
        mode: `socket` or `http`.
        public_url: where Slack reaches the bot in HTTP mode, such as `https://verlbot.example.org`.
    """
    url = public_url.rstrip("/") + EVENTS_PATH
    command = {
        "command": SLASH_COMMAND,
        "description": "Launch and track verl training runs",
        "usage_hint": USAGE_HINT,
        "should_escape": True,
    }
    events: dict[str, Any] = {"bot_events": ["app_home_opened", "app_mention", "message.im"]}
    interactivity: dict[str, Any] = {"is_enabled": True}
    if mode == "http":
        command["url"] = events["request_url"] = interactivity["request_url"] = url
    return {
        "display_information": {"name": "verlbot", "description": "Launches and tracks verl training runs"},
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "verlbot", "always_online": True},
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "socket_mode_enabled": mode == "socket",
            "org_deploy_enabled": False,
            "token_rotation_enabled": False,
        },
    }
