"""The manifest of the Slack app asks for what the bot uses, in both modes."""

import pytest

from bot.slack.manifest import SCOPES, build_manifest


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_the_manifest_asks_for_what_the_bot_uses(mode: str) -> None:
    found = build_manifest(mode, "https://verlbot.example.org/")
    (command,) = found["features"]["slash_commands"]
    assert (command["command"], command["should_escape"]) == ("/verl", True)
    assert found["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert found["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened", "app_mention", "message.im"]
    assert found["settings"]["socket_mode_enabled"] is (mode == "socket")
    url = "https://verlbot.example.org/slack/events" if mode == "http" else None
    assert command.get("url") == found["settings"]["interactivity"].get("request_url") == url
    assert len(command["usage_hint"]) <= 1000
    assert len(command["description"]) <= 2000
