"""Where a delivery came from: the person's workspace, the channel, the entry point."""

from typing import Any

import pytest

from bot.slack.inbound.bolt_app import find_team
from tests.story import ANA

EVE = "U0EVE"


@pytest.mark.parametrize(
    ("body", "team"),
    [
        pytest.param({"team_id": "T0OWN", "user_id": ANA}, "T0OWN", id="a command"),
        pytest.param({"team_id": "T0OWN", "event": {"user": EVE, "user_team": "T0ELSE"}}, "T0ELSE", id="a mention"),
        pytest.param({"team": {"id": "T0OWN"}, "user": {"id": EVE, "team_id": "T0ELSE"}}, "T0ELSE", id="a button"),
        pytest.param({"team": {"id": "T0OWN"}, "team_id": "T0OWN", "user": {"team_id": "T0ELSE"}}, "T0ELSE", id="both"),
        pytest.param({"team": {"id": "T0OWN"}, "user": {"id": ANA}}, "T0OWN", id="a button that names one alone"),
        pytest.param({"team": None}, "", id="none"),
    ],
)
def test_the_workspace_is_the_persons_and_not_the_channels(body: dict[str, Any], team: str) -> None:
    assert find_team(body) == team
