"""What a person reads in the terminal that stands in for Slack."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.slack.outbound.web_client import build_web_client
from bot.slack.views.blocks import actions, button, code_block, modal, overflow_menu, section
from bot.slack.views.mrkdwn import escape
from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from slack_playground.slack import BOT_TOKEN
from slack_playground.terminal import EMOJI, Terminal
from slack_playground.workspace import seeded
from tests.story import ANA, TRAINING
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent.parent


def test_every_sign_that_the_bot_uses_is_drawn() -> None:
    sources = [path.read_text() for path in (ROOT / "bot" / "slack").rglob("*.py")]
    used = {name for text in sources for name in re.findall(r":([a-z]+(?:_[a-z]+)*):(?=[ \"])", text)}
    assert "rocket" in used
    assert used - EMOJI.keys() == set()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    found = io.StringIO()
    monkeypatch.setattr("sys.stdout", found)
    return found


@pytest.fixture
def terminal(slack: PlaygroundClient, screen: io.StringIO) -> Terminal:
    return Terminal(slack, Person(slack), seeded(), milestone=lambda text: text)


@pytest.fixture
def web(playground: Playground) -> WebClient:
    return build_web_client(BOT_TOKEN, playground.api_url)


def test_what_hangs_on_a_message_is_read_below_its_title(
    terminal: Terminal, web: WebClient, screen: io.StringIO
) -> None:
    menu = overflow_menu("more", {"extend ppo-7f3a": "Extend…", "save ppo-7f3a": "Save and stop"})
    hanging = {
        "color": "#2EB67D",
        "blocks": [section(escape("step 15 of 60")), actions(button("Logs", "l", "r"), menu)],
    }
    terminal.start()
    web.chat_postMessage(channel=TRAINING, text="ppo", blocks=[section(escape("a title"))], attachments=[hanging])
    eventually(lambda: "a title" in screen.getvalue())
    terminal.stop()
    assert "a title\n  step 15 of 60\n  [Logs] [… Extend… · Save and stop]\n" in screen.getvalue()


def test_a_form_is_told_of_once_and_where_it_is_filled_in(
    terminal: Terminal, web: WebClient, screen: io.StringIO, playground: Playground
) -> None:
    terminal.start()
    trigger = playground._deliveries.new_trigger(ANA)
    web.views_open(trigger_id=trigger, view=modal("Launch a run", [code_block("x")]))
    web.chat_postMessage(channel=TRAINING, text="and more")
    eventually(lambda: "and more" in screen.getvalue())
    terminal.stop()
    assert screen.getvalue().count("A form is open, “Launch a run”") == 1
    assert playground.address in screen.getvalue()


def test_a_file_is_named_and_mutes_nothing(terminal: Terminal, web: WebClient, screen: io.StringIO) -> None:
    terminal.start()
    web.files_upload_v2(channel=TRAINING, content="line 1", filename="run.log", title="Log of a run")
    web.chat_postMessage(channel=TRAINING, text="and more")
    eventually(lambda: "and more" in screen.getvalue(), screen.getvalue)
    terminal.stop()
    assert "[file Log of a run]" in screen.getvalue()


def test_what_stood_there_before_is_counted_and_not_read_aloud_again(
    terminal: Terminal, web: WebClient, screen: io.StringIO
) -> None:
    web.files_upload_v2(channel=TRAINING, content="line 1", filename="run.log", initial_comment="an old answer")
    terminal.start()
    web.chat_postMessage(channel=TRAINING, text="a new one")
    eventually(lambda: "a new one" in screen.getvalue(), screen.getvalue)
    terminal.stop()
    assert "One earlier message is in this channel" in screen.getvalue()
    assert "an old answer" not in screen.getvalue()


def test_of_a_threads_message_that_grows_the_new_lines_are_shown(
    terminal: Terminal, web: WebClient, screen: io.StringIO
) -> None:
    card = str(web.chat_postMessage(channel=TRAINING, text="the card")["ts"])
    log: dict[str, Any] = {"channel": TRAINING, "text": "Log of x"}
    ts = str(web.chat_postMessage(**log, thread_ts=card, blocks=[code_block("head\nline 1")])["ts"])
    terminal.start()
    web.chat_update(**log, ts=ts, blocks=[code_block("head\nline 1\nline 2")])
    eventually(lambda: "line 2" in screen.getvalue(), screen.getvalue)
    terminal.stop()
    assert "line 1" not in screen.getvalue()
