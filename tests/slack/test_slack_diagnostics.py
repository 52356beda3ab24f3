"""What Slack's answer shows of a token."""

import pytest
from slack_sdk import WebClient

from bot.slack.slack_diagnostics import parse_answer, validate_examples, validate_payload
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from slack_playground.slack import BOT_TOKEN
from tests.builders import NOON
from tests.story import RECIPES


def test_a_clock_is_compared_with_the_middle_of_the_question() -> None:
    found = parse_answer({"ok": True}, {"date": "Thu, 01 Jan 1970 00:02:00 GMT"}, called_at=50.0)
    assert (found.ahead_seconds, found.scopes, found.error) == (70.5, None, "")


@pytest.fixture
def web(playground: Playground) -> WebClient:
    return WebClient(BOT_TOKEN, base_url=playground.api_url)


def test_slack_takes_a_card_a_form_and_a_chart(web: WebClient) -> None:
    assert validate_examples(web, RECIPES.get("ppo"), NOON) == {"a card": "", "a form": "", "a chart": ""}


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        pytest.param("unknown_method", None, id="a Slack that does not check"),
        pytest.param("invalid_blocks", "invalid_blocks", id="a refusal without a place"),
    ],
)
def test_what_slack_answers_instead_is_told_apart(
    web: WebClient, slack: PlaygroundClient, code: str, answer: str | None
) -> None:
    slack.faults({"method": "blocks.validate", "trouble": "refused", "error": code})
    assert validate_payload(web, {"blocks": [{"type": "divider"}]}) == answer


def test_a_refusal_names_the_place(web: WebClient) -> None:
    assert validate_payload(web, {"blocks": [{"type": "x"}]}) == "invalid_blocks (/blocks/0/type unsupported type: x)"
