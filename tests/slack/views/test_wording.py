"""The name of a run is a link to its card wherever the reader can open it."""

from dataclasses import replace

import pytest

from bot.core.model.run import Run
from bot.core.model.sent_message import CARD_KEY, SentMessage
from bot.slack.views.wording import link_run
from tests.builders import NOON, running

ANA, BEN = "U0ANA", "U0BEN"


def with_card(channel: str, permalink: str = "https://a.slack.com/archives/C0TRAIN/p1", **changes: object) -> Run:
    run = running(thread_channel=channel, **changes)
    return replace(run, messages=run.messages.record_sent(CARD_KEY, SentMessage("1.2", "d", "", NOON, permalink)))


@pytest.mark.parametrize(
    ("run", "reader", "shown"),
    [
        pytest.param(
            with_card("C0TRAIN"), "", "<https://a.slack.com/archives/C0TRAIN/p1|ppo-7f3a>", id="a card in a channel"
        ),
        pytest.param(running(), "", "`ppo-7f3a`", id="no card yet"),
        pytest.param(with_card("C0TRAIN", ""), "", "`ppo-7f3a`", id="a card whose address is not known"),
        pytest.param(with_card("C0TRAIN").redact(), ANA, "`ppo-7f3a`", id="a private run, to a stranger"),
        pytest.param(with_card("D0ANA"), "", "`ppo-7f3a`", id="a card in direct messages, to a channel"),
        pytest.param(with_card("D0ANA"), BEN, "`ppo-7f3a`", id="a card in direct messages, to another person"),
        pytest.param(
            with_card("D0ANA"), ANA, "<https://a.slack.com/archives/C0TRAIN/p1|ppo-7f3a>", id="its owner's own messages"
        ),
        pytest.param(with_card("C0TRAIN", "javascript:x"), "", "ppo-7f3a", id="an address that is no web address"),
    ],
)
def test_a_run_is_linked_where_its_card_can_be_opened(run: Run, reader: str, shown: str) -> None:
    assert link_run(run, reader) == shown
