"""A table that Slack refuses goes as lines; after two refusals in a row tables are avoided for a day."""

from datetime import datetime

import pytest

from bot.slack.outbound.table_publisher import TABLE_REFUSAL_LIFETIME, TablePublisher
from bot.slack.outbound.web_client import SlackRejected
from bot.slack.views.message import Answer, build_answer
from bot.slack.views.mrkdwn import Markup
from bot.slack.views.tables import Column, build_table, is_table
from tests.builders import NOON


class Workspace:
    """A workspace that takes tables or refuses them, with what it was sent."""

    def __init__(self, takes: bool) -> None:
        self.takes, self.now = takes, NOON
        self.sent: list[str] = []

    def respond(self, answer: Answer) -> None:
        has_table = any(map(is_table, answer["blocks"]))
        self.sent.append("table" if has_table else "lines")
        if has_table and not self.takes:
            raise SlackRejected("invalid_blocks")

    def clock(self) -> datetime:
        return self.now


ANSWER = build_answer(Markup("1 run"), [build_table([Column(Markup("Run"))], [[Markup("`ppo-7f3a`")]])])


@pytest.mark.parametrize(
    ("takes", "sent"),
    [
        pytest.param(True, ["table"] * 3, id="a workspace that takes tables"),
        pytest.param(False, ["table", "lines", "table", "lines", "lines"], id="one that refuses them"),
    ],
)
def test_a_refused_table_goes_as_lines_and_two_in_a_row_are_remembered(takes: bool, sent: list[str]) -> None:
    workspace = Workspace(takes)
    respond = TablePublisher(workspace.clock).with_tables(workspace.respond)
    for _ in range(3):
        respond(ANSWER)
    assert workspace.sent == sent


def test_after_a_day_tables_are_tried_again() -> None:
    workspace = Workspace(False)
    respond = TablePublisher(workspace.clock).with_tables(workspace.respond)
    for _ in range(3):
        respond(ANSWER)
    workspace.now, workspace.takes = NOON + TABLE_REFUSAL_LIFETIME, True
    respond(ANSWER)
    assert workspace.sent[-1] == "table"


def test_another_refusal_is_not_one_of_tables() -> None:
    def refuse(_: Answer) -> None:
        raise SlackRejected("channel_not_found")

    publisher = TablePublisher(lambda: NOON)
    with pytest.raises(SlackRejected):
        publisher.with_tables(refuse)(ANSWER)
    assert publisher.takes_tables
