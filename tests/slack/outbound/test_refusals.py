"""Each of Slack's refusals meets each kind of message: nothing is lost, nothing comes twice, nothing comes too fast."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.core.model.policy import Policy
from bot.slack.outbound.refusals import (
    CLOSED_CHANNEL_CODES,
    CLOSED_THREAD_CODES,
    CLOSED_TOP_LEVEL_CODES,
    EDIT_CODES,
    GONE_CHANNEL_CODES,
    MALFORMED_CODES,
    NO_PERMISSION_CODES,
    POST_CODES,
    REPLY_CODES,
    UNEDITABLE_CODES,
    classify_refusal,
)
from bot.slack.outbound.web_client import classify_api_error
from bot.slack.views.approval_views import SHOW_TASK
from bot.slack.views.chart_blocks import CHART, IMAGE
from tests.builders import NOON, approvers, running
from tests.slack.inbound.test_query_handlers import NO_CHARTS, blocks_of, trained
from tests.slack.outbound.test_outbox import CLOSED, NINE, add_cluster, add_notice, add_report, add_run, speak
from tests.story import ANA, LEA, TRAINING, Bot

UNKNOWN_CODES = {"as_user_not_supported", "no_text", "too_many_attachments", "a_code_of_next_year"}
RATE_LIMIT_CODES = {"rate_limited", "ratelimited"}
DOUBTFUL_CODES = {"fatal_error", "internal_error", "request_timeout", "service_unavailable"}

CODES = sorted(
    GONE_CHANNEL_CODES
    | CLOSED_CHANNEL_CODES
    | CLOSED_TOP_LEVEL_CODES
    | CLOSED_THREAD_CODES
    | UNEDITABLE_CODES
    | NO_PERMISSION_CODES
    | MALFORMED_CODES
    | UNKNOWN_CODES
    | RATE_LIMIT_CODES
    | DOUBTFUL_CODES
)

USUAL = {
    "channel_not_found",
    "is_archived",
    "restricted_action_read_only_channel",
    "restricted_action_thread_locked",
    "restricted_action_thread_only_channel",
    "message_limit_exceeded",
    "edit_window_closed",
    "message_not_found",
    "missing_scope",
    "invalid_blocks",
    "a_code_of_next_year",
    "rate_limited",
    "internal_error",
}
"""One code or two of each family. The bot does with the others what it does with these, as a test below holds; that it
does so with each of them is tried before a release.
"""

for_each_code = pytest.mark.parametrize(
    "code", [pytest.param(code, marks=[] if code in USUAL else [pytest.mark.thorough]) for code in CODES]
)


@dataclass(frozen=True)
class Kind:
    """A kind of message.

    Attributes:
        method: which call brings it; most: how many of those may be refused in a minute.
        prepare: what is there before Slack refuses; cause: what makes the message due.
        key: of the message, in its metadata.
        fault: which calls are refused, beside the method.
    """

    method: str
    key: str
    cause: Callable[[Bot], None]
    prepare: Callable[[Bot], None] = lambda bot: None
    fault: tuple[tuple[str, Any], ...] = (("channel", TRAINING),)
    most: int = 13


def post_run(bot: Bot) -> None:
    add_run(bot.store, TRAINING, "one")
    speak(bot, seconds=5)


def request_stop(bot: Bot) -> None:
    bot.notifier.show([bot.store.update("one", lambda run: run.request_stop(ANA, bot.moment))])


def pass_time(bot: Bot) -> None:
    bot.moment += timedelta(minutes=2)
    bot.notifier.show([bot.store.get("one")])  # type: ignore[list-item]  # it is there


IN_CHANNEL = (("channel", TRAINING), ("in_thread", False))
IN_THREAD = (("channel", TRAINING), ("in_thread", True))

KINDS = {
    "card": Kind("chat.postMessage", "card", lambda bot: add_run(bot.store, TRAINING, "one"), fault=IN_CHANNEL),
    "reply": Kind("chat.postMessage", "running", lambda bot: add_run(bot.store, TRAINING, "one"), fault=IN_THREAD),
    "notice": Kind("chat.postMessage", "notice", lambda bot: add_notice(bot.store, TRAINING, "one")),
    "report": Kind("chat.postMessage", "board", lambda bot: add_report(bot.store, TRAINING, "one")),
    "cluster": Kind("chat.postMessage", "orphan", lambda bot: add_cluster(bot.store, TRAINING, "one")),
    "direct message": Kind(
        "chat.postMessage", "card", lambda bot: add_run(bot.store, CLOSED, "one"), fault=(("channel", "[UD]*"),)
    ),
}
"""Messages that are sent once, or begin a thread."""


def list_messages(bot: Bot) -> list[tuple[str, Any]]:
    """All messages of the bot's, with each of their keys."""
    everything = [message for found in bot.playground._slack.workspace.messages.values() for message in found]
    payloads = [(message, (message.metadata or {}).get("event_payload") or {}) for message in everything]
    return [(key, message) for message, payload in payloads for key in payload.get("keys", "").split(",") if key]


def count_refusals(bot: Bot, method: str, since: int) -> int:
    entries = bot.slack.record("call")[since:]
    return sum(entry["name"] == method and entry["outcome"] == "refused" for entry in entries)


def refuse(kind: Kind, code: str) -> dict[str, Any]:
    return {"method": kind.method, "trouble": "refused", "error": code, "times": None} | dict(kind.fault)


def recover(bot: Bot) -> None:
    """Let Slack take everything again, and the longest pause pass."""
    bot.slack.faults()
    for _ in range(3):
        bot.moment += timedelta(hours=1)
        speak(bot, seconds=10, step=5)


@for_each_code
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_refused_message_comes_once_and_slack_is_left_alone(bot: Bot, kind: Kind, code: str) -> None:
    bot.moment += NINE
    kind.prepare(bot)
    bot.slack.faults(refuse(kind, code))
    kind.cause(bot)
    refused = []
    for _ in range(2):
        before = len(bot.slack.record("call"))
        speak(bot, seconds=55, step=5)
        refused.append(count_refusals(bot, kind.method, before))
        bot.moment += timedelta(seconds=5)
    assert all(count <= kind.most for count in refused)
    recover(bot)
    counts = Counter(key.partition("-")[0] for key, _ in list_messages(bot))
    assert counts[kind.key] == 1, counts


@for_each_code
def test_a_card_whose_edits_are_refused_shows_the_newest_state_in_one_more_card_at_most(bot: Bot, code: str) -> None:
    post_run(bot)
    bot.slack.faults({"method": "chat.update", "trouble": "refused", "error": code, "times": None, "channel": TRAINING})
    for _ in range(4):
        before = len(bot.slack.record("call"))
        pass_time(bot)
        speak(bot, seconds=55, step=5)
        assert count_refusals(bot, "chat.update", before) <= 13
    cards = [message for key, message in list_messages(bot) if key == "card"]
    may_replace = code in GONE_CHANNEL_CODES | UNEDITABLE_CODES
    assert len(cards) == (2 if may_replace else 1)
    recover(bot)
    request_stop(bot)
    speak(bot, seconds=60, step=5)
    newest = bot.store.get("one")
    assert newest is not None
    (shown,) = [message for key, message in list_messages(bot) if message.ts == newest.messages.sent["card"].ts]
    assert "stop" in shown.text
    assert len([key for key, _ in list_messages(bot) if key == "card"]) <= 2


@pytest.mark.long
@for_each_code
def test_a_notice_of_a_cluster_whose_edits_are_refused_shows_the_newest_state_in_one_more_at_most(
    bot: Bot, code: str
) -> None:
    add_cluster(bot.store, TRAINING, "one")
    speak(bot, seconds=5)
    bot.slack.faults({"method": "chat.update", "trouble": "refused", "error": code, "times": None, "channel": TRAINING})
    bot.store.change_orphan("one", lambda orphan: replace(orphan, left_alone_by=LEA) if orphan else None)
    for _ in range(4):
        before = len(bot.slack.record("call"))
        speak(bot, seconds=55, step=5)
        assert count_refusals(bot, "chat.update", before) <= 13
        bot.moment += timedelta(seconds=5)
    recover(bot)
    sent = bot.store.get_orphans()["one"].sent_message
    assert sent is not None
    shown = [message for key, message in list_messages(bot) if key == "orphan"]
    assert len(shown) <= (2 if code in GONE_CHANNEL_CODES | UNEDITABLE_CODES else 1)
    (newest,) = [message for message in shown if message.ts == sent.ts]
    assert f"<@{LEA}> chose to keep it" in newest.text


NOTICES: dict[str, dict[str, Any]] = {"budget": {"budget_dollars": 8.0}, "lease": {"lease": timedelta(hours=2)}}
"""Notices that are edited from their first warning to the end, by their key: the limit of the run that has each."""

NEWEST_WARNINGS = {"budget": "has used up its budget", "lease": "ended at"}
"""Words of each notice once its limit is reached."""

WARNINGS = 4
"""States of a notice: two warnings, the limit, and the end of its run."""


@pytest.mark.long
@for_each_code
@pytest.mark.parametrize("key", NOTICES)
def test_a_notice_whose_edits_are_refused_shows_the_newest_warning_with_one_more_for_each_at_most(
    bot: Bot, key: str, code: str
) -> None:
    limits: dict[str, Any] = {"lease": timedelta(days=9), "budget_dollars": 1000.0} | NOTICES[key]
    bot.store.add(running(id="one", channel=TRAINING, **limits), {})
    bot.moment = NOON + timedelta(minutes=95)
    pass_time(bot)
    speak(bot, seconds=30, step=5)
    assert key in bot.run("one").messages.sent
    bot.slack.faults({"method": "chat.update", "trouble": "refused", "error": code, "times": None, "channel": TRAINING})
    for _ in range(4):
        bot.moment += timedelta(minutes=4)
        before = len(bot.slack.record("call"))
        pass_time(bot)
        speak(bot, seconds=55, step=5)
        assert count_refusals(bot, "chat.update", before) <= 2 * 13, "the card's edits are refused too"
    recover(bot)
    request_stop(bot)
    speak(bot, seconds=60, step=5)
    sent = bot.run("one").messages.sent[key]
    shown = [message for name, message in list_messages(bot) if name == key]
    most = {**dict.fromkeys(GONE_CHANNEL_CODES, 2), **dict.fromkeys(UNEDITABLE_CODES, WARNINGS)}
    assert len(shown) <= most.get(code, 1)
    (newest,) = [message for message in shown if message.ts == sent.ts]
    assert NEWEST_WARNINGS[key] in newest.text


def test_where_edits_are_closed_each_change_of_state_gets_one_card_after_waits_that_grow(bot: Bot) -> None:
    post_run(bot)
    bot.slack.faults({"method": "chat.update", "trouble": "refused", "error": "edit_window_closed", "times": None})
    pass_time(bot)
    speak(bot, seconds=120, step=5)
    request_stop(bot)
    speak(bot, seconds=300, step=5)
    cards = [message for key, message in list_messages(bot) if key == "card"]
    assert len(cards) == 3
    pass_time(bot)
    before = len(bot.slack.record("call"))
    bot.moment += timedelta(hours=1)
    speak(bot, seconds=600, step=20)
    assert count_refusals(bot, "chat.update", before) <= 3
    assert len([key for key, _ in list_messages(bot) if key == "card"]) == 3


@pytest.mark.parametrize("code", sorted(CLOSED_THREAD_CODES))
def test_words_of_a_closed_thread_go_to_the_channel_and_edits_go_on(bot: Bot, code: str) -> None:
    add_run(bot.store, TRAINING, "one")
    bot.slack.faults(
        {"method": "chat.postMessage", "trouble": "refused", "error": code, "times": None, "in_thread": True}
    )
    speak(bot, seconds=30, step=5)
    words = [message for key, message in list_messages(bot) if key == "running"]
    assert [(message.channel, message.thread_ts) for message in words] == [(TRAINING, None)]
    request_stop(bot)
    speak(bot, seconds=60, step=5)
    (card,) = [message for key, message in list_messages(bot) if key == "card"]
    assert card.edited


@pytest.mark.parametrize("code", sorted(CLOSED_CHANNEL_CODES))
def test_words_of_a_channel_that_is_closed_to_the_bot_go_to_the_requester_and_edits_go_on(bot: Bot, code: str) -> None:
    post = {"method": "chat.postMessage", "trouble": "refused", "error": code, "times": None}
    add_run(bot.store, TRAINING, "one")
    bot.slack.faults(post | {"in_thread": True}, post | {"in_thread": False, "channel": "C*", "block": "none"})
    speak(bot)
    bot.slack.faults(post | {"channel": "C*"})
    speak(bot, seconds=30, step=5)
    words = [message for key, message in list_messages(bot) if key == "running"]
    assert [message.channel[0] for message in words] == ["D"]
    request_stop(bot)
    speak(bot, seconds=60, step=5)
    (card,) = [message for key, message in list_messages(bot) if key == "card"]
    assert (card.channel, card.edited) == (TRAINING, True)


def test_a_run_leaves_an_archived_channel_at_once(bot: Bot) -> None:
    post_run(bot)
    bot.slack.post("channel", channel=TRAINING, is_archived=True)
    request_stop(bot)
    speak(bot, seconds=10)
    cards = [message.channel[0] for key, message in list_messages(bot) if key == "card"]
    assert cards == ["C", "D"]


@pytest.mark.parametrize("code", sorted(GONE_CHANNEL_CODES))
def test_a_run_leaves_a_channel_that_takes_neither_words_nor_edits(bot: Bot, code: str) -> None:
    fault = {"trouble": "refused", "error": code, "times": None, "channel": TRAINING}
    bot.slack.faults({"method": "chat.postMessage", "in_thread": True} | fault)
    add_run(bot.store, TRAINING, "one")
    speak(bot, seconds=10)
    found = [(key, message.channel[0]) for key, message in list_messages(bot) if key in ("card", "running")]
    assert found == [("card", "C"), ("card", "D"), ("running", "D")]


@for_each_code
def test_a_private_answer_reaches_the_person_or_is_waited_for(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr("bot.slack.inbound.background.pause", lambda seconds: None)
    times = 1 if code in RATE_LIMIT_CODES | DOUBTFUL_CODES else None
    bot.slack.faults({"method": "chat.postEphemeral", "trouble": "refused", "error": code, "times": times})
    bot.mention("launch smoke")
    everything = [message for found in bot.playground._slack.workspace.messages.values() for message in found]
    answers = [message for message in everything if "/verl stop smoke-0001" in str(message.blocks) + message.text]
    assert len(answers) == (0 if code in NO_PERMISSION_CODES else 1)
    assert all(message.only_for == ANA or message.channel[0] == "D" for message in answers)


@pytest.mark.parametrize("code", sorted(CLOSED_THREAD_CODES))
def test_an_answer_in_a_closed_thread_comes_in_its_channel(bot: Bot, code: str) -> None:
    bot.slack.faults(
        {"method": "chat.postMessage", "trouble": "refused", "error": code, "times": None, "in_thread": True}
    )
    bot.mention("list")
    answer = bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"][-1]
    assert (answer["user"], answer["thread_ts"]) == ("U0VERLBOT", None)


@pytest.mark.parametrize("code", sorted(CLOSED_CHANNEL_CODES))
def test_an_answer_in_a_channel_that_is_closed_to_the_bot_comes_to_the_person(bot: Bot, code: str) -> None:
    bot.slack.faults(
        {"method": "chat.postMessage", "trouble": "refused", "error": code, "times": None, "channel": "C*"}
    )
    bot.mention("list")
    everything = [message for found in bot.playground._slack.workspace.messages.values() for message in found]
    assert [message.channel[0] for message in everything if message.user == "U0VERLBOT"] == ["D"]


@for_each_code
def test_a_file_comes_once_or_is_shown_by_its_button(bot: Bot, code: str) -> None:
    bot.policy = Policy(grants=approvers(LEA), approve_above_dollars=5.0)
    bot.slack.faults(
        {
            "method": "files.completeUploadExternal",
            "trouble": "refused",
            "error": code,
            "times": None,
            "in_thread": True,
        }
    )
    bot.say("launch smoke nodes=2 budget=9")
    for _ in range(2):
        before = len(bot.slack.record("call"))
        speak(bot, seconds=55, step=5)
        assert count_refusals(bot, "files.completeUploadExternal", before) <= 7
        bot.moment += timedelta(seconds=5)
    recover(bot)
    everything = [message for found in bot.playground._slack.workspace.messages.values() for message in found]
    assert len([message for message in everything if message.files]) <= 1
    # Whether the file came or not, the card's button shows all of it.
    assert "Show task" in bot.card().splitlines()
    bot.click(SHOW_TASK, "smoke-0001", user=LEA)
    _, task = bot.service.queries.get_task_yaml("smoke-0001", bot.caller(LEA).actor)
    code_blocks = [block["elements"][0] for block in bot.view(LEA)["blocks"] if block["type"] == "rich_text"]
    shown = "".join(part["text"] for code_block in code_blocks for part in code_block["elements"])
    assert shown == task


@for_each_code
def test_a_refused_page_is_published_when_it_is_opened_again(bot: Bot, code: str) -> None:
    bot.slack.faults({"method": "views.publish", "trouble": "refused", "error": code, "times": None})
    bot.homes.mark_opened(ANA, "T0PLAY")
    before = len(bot.slack.record("call"))
    for _ in range(12):
        bot.homes.publish()
        bot.moment += timedelta(seconds=5)
    assert count_refusals(bot, "views.publish", before) <= 12
    bot.slack.faults()
    bot.moment += timedelta(minutes=1)
    assert bot.opens_page()


@pytest.mark.long
@pytest.mark.parametrize(
    "code", ["file_uploads_disabled", "storage_limit_reached", "missing_scope", "a_code_of_next_year"]
)
def test_where_slack_takes_neither_a_chart_nor_its_picture_the_thread_has_the_words_once(bot: Bot, code: str) -> None:
    bot.slack.faults(
        NO_CHARTS, {"method": "files.getUploadURLExternal", "trouble": "refused", "error": code, "times": None}
    )
    trained(bot)
    before = len(bot.slack.record("call"))
    bot.ticks(20, seconds=5)
    assert count_refusals(bot, "files.getUploadURLExternal", before) <= 7
    assert blocks_of(bot, CHART) + blocks_of(bot, IMAGE) == []
    assert [key for key, _ in list_messages(bot)].count("chart") == 1
    assert "Reward ▁▁" in bot.reads()


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
@pytest.mark.parametrize("code", sorted(RATE_LIMIT_CODES))
def test_a_picture_that_slack_limits_comes_once_after_the_wait_and_the_other_messages_go_on(
    bot: Bot, code: str, method: str
) -> None:
    bot.slack.faults(NO_CHARTS, {"method": method, "trouble": "refused", "error": code, "times": None})
    trained(bot)
    before = len(bot.slack.record("call"))
    bot.ticks(12, seconds=5)
    assert 0 < count_refusals(bot, method, before) <= 7
    counts = Counter(key for key, _ in list_messages(bot))
    assert {key: counts[key] for key in ("card", "running")} == {"card": 1, "running": 1}
    assert blocks_of(bot, IMAGE) == []
    bot.slack.faults(NO_CHARTS)
    bot.ticks(30, seconds=5)
    assert len(blocks_of(bot, IMAGE)) == 1
    assert [key for key, _ in list_messages(bot)].count("chart") == 1


def test_a_refused_chart_leaves_the_other_blocks_and_messages_alone(bot: Bot) -> None:
    bot.slack.faults(NO_CHARTS)
    trained(bot)
    bot.ticks(8, seconds=2)
    counts = Counter(key for key, _ in list_messages(bot))
    assert {key: counts[key] for key in ("card", "running", "chart")} == {"card": 1, "running": 1, "chart": 1}
    assert len(blocks_of(bot, IMAGE)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "restricted_action",
        "restricted_action_thread_locked",
        "restricted_action_thread_only_channel",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "cannot_reply_to_message",
        "message_limit_exceeded",
        "edit_window_closed",
        "cant_update_message",
        "not_in_channel",
        "is_inactive",
        "is_archived",
        "rate_limited",
    ],
)
def test_the_codes_that_slack_was_seen_to_answer_are_among_those_of_the_tables(code: str) -> None:
    assert code in CODES


def test_every_code_means_one_thing() -> None:
    for table in (REPLY_CODES, EDIT_CODES):
        counts = Counter(code for codes, _ in table for code in codes)
        assert {code for code, count in counts.items() if count > 1} == set()


def read_meaning(code: str) -> tuple[str, ...]:
    """What the bot makes of a code: which error it raises, and what that is for a post, a reply, an edit and a file."""
    response = SlackResponse(
        client=None,
        http_verb="POST",
        api_url="",
        req_args={},
        data={"ok": False, "error": code},
        headers={},
        status_code=200,
    )
    raised = type(classify_api_error(SlackApiError("", response))).__name__  # type: ignore[no-untyped-call]  # slack_sdk leaves this untyped
    meanings = [str(classify_refusal(code, table)) for table in (POST_CODES, REPLY_CODES, EDIT_CODES)]
    return raised, *meanings, str(code in NO_PERMISSION_CODES), str(code in MALFORMED_CODES)


@pytest.mark.parametrize("code", CODES)
def test_each_code_means_what_one_of_the_usual_ones_means(code: str) -> None:
    assert read_meaning(code) in map(read_meaning, USUAL)
