"""Commands that are acknowledged before they are served: all answered, once, and none lost, on a real socket."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event

import pytest
from redis import Redis
from slack_sdk import WebClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.adapters.redis.connection import INBOX, create_client
from bot.adapters.redis.redis_store import RedisStore
from bot.app.rate_limits import InteractivePriority
from bot.slack.inbound.background import BackgroundReplies
from bot.slack.inbound.delivery_queue import Inbox, WorkQueue
from bot.slack.inbound.socket_mode import SocketConnection
from bot.slack.outbound.web_client import BotIdentity, build_web_client
from slack_playground.slack import APP_TOKEN, BOT_TOKEN
from tests.story import ANA, TRAINING, Bot
from tests.waiting import eventually

NOBODY_THERE = "redis://127.0.0.1:9"


def now() -> datetime:
    return datetime.now(UTC)


def a_request(text: str, kind: str = "slash_commands", trigger: str = "1.2") -> SocketModeRequest:
    payload = {"text": text, "command": "/verl", "user_id": ANA, "channel_id": TRAINING, "team_id": "T0PLAY"}
    more = {"trigger_id": trigger, "response_url": "http://127.0.0.1:9/nowhere"}
    found = SocketModeRequest.from_dict({"type": kind, "envelope_id": f"e-{text}", "payload": payload | more})
    assert found is not None
    return found


@contextmanager
def listening(bot: Bot, crowd: int) -> Iterator[None]:
    """The bot on a real socket, with an inbox."""
    url = bot.playground.api_url
    precedence = InteractivePriority()
    inbox = Inbox(bot.store, BackgroundReplies(precedence), WebClient(), now)
    identity = BotIdentity(build_web_client(BOT_TOKEN, url))
    socket = SocketConnection(bot.app, identity, APP_TOKEN, url, now, precedence, inbox, crowd_size=crowd)
    socket.check()
    eventually(socket.is_up)
    yield
    socket.stop()


def answers(bot: Bot) -> list[str]:
    """What the person alone has been told."""
    found = bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]
    return [str(message["text"]) for message in found if message["only_for"] == ANA]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("status", False, id="a question"),
        pytest.param("launch ppo --dry-run", False, id="a rehearsal"),
        pytest.param("logs ppo-7f3a", False, id="a look at a log"),
        pytest.param("lunch ppo", False, id="what is refused"),
        pytest.param("launch smoke", True, id="a launch"),
        pytest.param("stop ppo-7f3a", True, id="a stop"),
        pytest.param("extend ppo-7f3a 2h", True, id="an extension"),
        pytest.param("logs ppo-7f3a --follow", True, id="a wish to follow"),
        pytest.param("language zh-CN", True, id="a choice"),
    ],
)
def test_a_wish_is_written_down_before_its_acknowledgement_and_a_question_is_not(
    text: str, kept: bool, store: RedisStore
) -> None:
    inbox, request = Inbox(store, BackgroundReplies(InteractivePriority()), WebClient(), now), a_request(text)
    assert inbox.accept(request)
    assert [found.payload["text"] for found in inbox.recover_unserved()] == ([text] if kept else [])
    inbox.complete(request, None)
    assert inbox.recover_unserved() == []


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(a_request("launch"), id="a form, which opens at once or never"),
        pytest.param(a_request("", "interactive"), id="a click"),
        pytest.param(a_request("", "events_api"), id="an event"),
    ],
)
def test_what_cannot_wait_is_not_taken(request_: SocketModeRequest, store: RedisStore) -> None:
    assert not Inbox(store, BackgroundReplies(InteractivePriority()), WebClient(), now).accept(request_)
    assert store.list_deliveries() == []


def test_a_wish_that_cannot_be_written_down_is_not_acknowledged_before_it_is_served() -> None:
    inbox = Inbox(
        RedisStore(create_client(NOBODY_THERE, 0.1)), BackgroundReplies(InteractivePriority()), WebClient(), now
    )
    assert inbox.accept(a_request("status"))
    assert not inbox.accept(a_request("launch smoke"))


def test_what_comes_first_is_served_before_what_comes_later() -> None:
    turns, began, go, served = WorkQueue(), Event(), Event(), list[str]()

    def wait() -> None:
        began.set()
        go.wait()

    turns.add_urgent(wait)
    began.wait()
    turns.add_deferred(lambda: served.append("later"))
    turns.add_urgent(lambda: served.append("first"))
    turns.add_urgent(lambda: served.append(str(1 / 0)))  # a mistake stops nobody
    turns.add_urgent(lambda: served.append("first, too"))
    go.set()
    turns.stop()
    assert served == ["first", "first, too", "later"]
    turns.add_urgent(lambda: served.append("after the end"))
    assert "after the end" not in served


@pytest.mark.slow
@pytest.mark.parametrize("crowd", [0, 4, 1000])
def test_every_command_of_a_crowd_is_acknowledged_and_answered_once(crowd: int, bot: Bot) -> None:
    lines = ["launch smoke", "describe ppo", "launch smok", "list mine"]
    with listening(bot, crowd):
        people = [[f"/verl {lines[number % len(lines)]}"] for number in range(40)]
        bot.playground.talk(ANA, TRAINING, people)
        eventually(lambda: len(answers(bot)) >= 40)
    told = answers(bot)
    assert len(told) == 40
    assert sum(text.startswith(":ok_hand: Launching") for text in told) == 10
    assert sum("There is no recipe `smok`" in text for text in told) == 10
    assert len(bot.store.list_open_runs()) == 10
    assert {entry["outcome"] for entry in bot.slack.record("delivery")} == {"ok"}
    assert bot.store.list_deliveries() == []


@pytest.mark.slow
def test_a_wish_that_a_bot_acknowledged_before_it_was_killed_is_served_by_the_next_and_once(
    bot: Bot, redis: Redis
) -> None:
    trigger = bot.playground._deliveries.new_trigger(ANA)
    request = a_request("launch smoke", trigger=trigger).to_dict()
    request["payload"]["response_url"] = bot.playground._deliveries.new_response_url(ANA, TRAINING)
    for name in ("e1", "e2"):  # Slack had delivered it twice
        kept = {"kept_at": now().timestamp() - 60, "request": request | {"envelope_id": name}}
        redis.hset(INBOX, name, json.dumps(kept))
    with listening(bot, crowd=4):
        eventually(lambda: len(answers(bot)) == 2)
    assert [run.id for run in bot.store.list_open_runs()] == ["smoke-0001"]
    assert bot.store.list_deliveries() == []


def test_what_was_kept_is_served_in_its_order_and_what_is_too_old_is_dropped(store: RedisStore) -> None:
    inbox = Inbox(store, BackgroundReplies(InteractivePriority()), WebClient(), now)
    for text, minutes in (("stop b", 1), ("stop old", 16), ("stop a", 14)):
        kept = {"kept_at": now().timestamp() - 60 * minutes, "request": a_request(text).to_dict()}
        store.save_delivery(f"e-{text}", json.dumps(kept))
    assert [found.payload["text"] for found in inbox.recover_unserved()] == ["stop a", "stop b"]
    assert len(store.list_deliveries()) == 2
