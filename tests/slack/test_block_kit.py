"""Every payload that the bot makes is one by Slack's own types: slack_sdk's models, and TypeScript's `@slack/types`."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.core.model.cluster import JobState
from bot.i18n import use_language
from bot.phrase import LANGUAGES
from slack_playground.checks import check_blocks, check_content, check_metadata, check_view
from slack_playground.checks.surfaces import ADDED_RULES
from slack_playground.transcript import written
from slack_playground.web_api import call
from slack_playground.workspace import Message, Workspace
from tests import golden
from tests.slack.views.test_languages import ANSWERS, VIEWS
from tests.slack.views.test_report_views import BOARDS
from tests.slack_types import (
    NO_COMPILER,
    PAYLOADS,
    UNKNOWN_TO_SLACKS_TYPES,
    PayloadRecord,
    can_compile,
    compile_payloads,
    is_known,
    reduce_to_shape,
)
from tests.story import Bot

pytestmark = pytest.mark.slow

Json = dict[str, Any]

SHOWN_METHODS = {"chat.postMessage", "chat.update", "chat.postEphemeral", "views.open", "views.update", "views.publish"}


class Payloads:
    """Blocks, attachments and views, each once."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Json]] = {"block": {}, "attachment": {}, "view": {}}

    def add_message(self, message: Json) -> None:
        for attachment in message.get("attachments") or []:
            self._add("attachment", attachment)
            self.add_message(attachment)
        for block in message.get("blocks") or []:
            self._add("block", block)

    def add_view(self, view: Json) -> None:
        self._add("view", view)
        self.add_message(view)

    def _add(self, kind: str, payload: Json) -> None:
        self._found[kind][json.dumps(payload, sort_keys=True)] = payload

    @property
    def blocks(self) -> list[Json]:
        return list(self._found["block"].values())

    @property
    def attachments(self) -> list[Json]:
        return list(self._found["attachment"].values())

    @property
    def views(self) -> list[Json]:
        return list(self._found["view"].values())


@pytest.fixture
def payloads(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> Payloads:
    """What the golden conversations, answers, forms, pages and a story hold, in every language."""
    found = Payloads()

    def record(workspace: Workspace, message: Message, *more: Any) -> list[str]:
        found.add_message({"blocks": message.blocks, "attachments": message.attachments})
        return written(workspace, message, *more)

    for module in golden.MODULES:
        monkeypatch.setattr(module, "written", record)
    for language in LANGUAGES:
        for module in golden.MODULES:
            module.read_all(language)
        with use_language(language):
            for build_view in VIEWS.values():
                found.add_view(build_view())
            for build_answer in ANSWERS.values():
                found.add_message(dict(build_answer()))
            for build_board in BOARDS.values():
                found.add_message({"blocks": list(build_board().blocks)})
    for name, arguments in tell_story(bot, monkeypatch):
        if name in SHOWN_METHODS:
            add = found.add_view if "view" in arguments else found.add_message
            add(arguments.get("view", arguments))
    return found


def tell_story(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Json]]:
    """A run from its launch to its end, with a form, a log and a page: each call of Slack's Web API."""
    calls: list[tuple[str, Json]] = []

    def record(slack: Any, deliveries: Any, name: str, token: str, arguments: Json) -> Json:
        calls.append(
            (name, json.loads(json.dumps(arguments, default=str)))
        )  # the playground gives ids to what it shows
        return call(slack, deliveries, name, token, arguments)

    monkeypatch.setattr("slack_playground.server.call", record)
    run_id = bot.running()
    bot.mention("status")
    bot.click("form", run_id)
    bot.click_on_page("logs", run_id)
    bot.opens_page()
    bot.cloud.finish(f"verl-{run_id}", JobState.SUCCEEDED)
    bot.ticks(30, seconds=2)
    bot.opens_page()
    yield from calls


def test_slack_sdk_takes_every_payload_and_drops_nothing(payloads: Payloads) -> None:
    known = [block for block in payloads.blocks if block["type"] not in UNKNOWN_TO_SLACKS_TYPES]
    assert len(known) > 300
    for block in known:
        parsed = Block.parse(block)
        assert parsed is not None, block
        assert parsed.to_dict() == block
    for view in payloads.views:
        View(**view).validate_json()


def test_what_slack_sdk_does_not_know_is_checked_by_slacks_documented_limits(payloads: Payloads) -> None:
    kinds = {block["type"] for block in payloads.blocks}
    assert kinds & UNKNOWN_TO_SLACKS_TYPES == UNKNOWN_TO_SLACKS_TYPES
    for block in payloads.blocks:
        check_blocks([block], "modal" if block["type"] == "input" else "message")
    for view in payloads.views:
        check_view(view, view["type"])
    for attachment in payloads.attachments:
        assert attachment.keys() <= {"color", "blocks", "fallback"}


needs_compiler = pytest.mark.skipif(not can_compile(), reason=NO_COMPILER)


@needs_compiler
def test_every_payload_is_of_slacks_typescript_types(payloads: Payloads) -> None:
    kinds = {"block": payloads.blocks, "attachment": payloads.attachments, "view": payloads.views}
    known = [(kind, payload) for kind, found in kinds.items() for payload in found if is_known(payload)]
    assert len(known) > 300
    assert list(compile_payloads(known)) == []


WRONG: dict[str, tuple[str, Json]] = {
    "a text without a text": ("block", {"type": "section", "text": {"type": "mrkdwn"}}),
    "a key that Slack does not know": ("block", {"type": "divider", "colour": "red"}),
    "a style that Slack does not know": (
        "block",
        {
            "type": "actions",
            "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x"}, "style": "x"}],
        },
    ),
    "a form without a title": ("view", {"type": "modal", "blocks": []}),
    "metadata with a list of texts": ("metadata", {"event_type": "run", "event_payload": {"keys": ["card"]}}),
}


@needs_compiler
@pytest.mark.parametrize(("kind", "payload"), WRONG.values(), ids=WRONG)
def test_typescript_finds_what_is_wrong_in_a_payload_and_in_its_shape(kind: str, payload: Json) -> None:
    assert [at for at, _ in compile_payloads([("block", {"type": "divider"}), (kind, payload)])] == [1]
    assert [at for at, _ in compile_payloads([(kind, reduce_to_shape(payload))])] == [0]


@needs_compiler
def test_what_a_session_has_seen_is_named_with_its_test() -> None:
    record = PayloadRecord()
    record.test = "tests/test_x.py::test_y"
    assert list(record.inspect("block", {"type": "divider"})) == []
    later = PayloadRecord()
    later.merge([*record.dump(), ["block", json.dumps({"type": "divider", "colour": "x"}), "tests/test_x.py::test_z"]])
    (found,) = later.compile()
    assert found.startswith("tests/test_x.py::test_z: error TS")


TOO_LONG = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}

REFUSED_BY_MODELS: dict[str, tuple[str, Json]] = {
    "a key that the model drops": ("block", {"type": "divider", "colour": "red"}),
    "a text beyond a limit": ("block", TOO_LONG),
    "a title beyond its limit": (
        "view",
        {"type": "modal", "title": {"type": "plain_text", "text": "x" * 25}, "blocks": [{"type": "divider"}]},
    ),
    "an attachment with older fields": ("attachment", {"blocks": [{"type": "divider"}], "footer": "x"}),
    "metadata of no type": ("metadata", {"event_payload": {"keys": "card"}}),
}


@pytest.mark.parametrize(("kind", "payload"), REFUSED_BY_MODELS.values(), ids=REFUSED_BY_MODELS)
def test_a_payload_that_slack_sdk_does_not_take_is_refused_in_each_test_that_sends_it(kind: str, payload: Json) -> None:
    record = PayloadRecord()
    record.test = "tests/test_x.py::test_y"
    for _ in range(2):
        ((problem, _),) = record.inspect(kind, payload)
        assert problem.startswith("slack_sdk r")
    assert len(record.problems) == 2
    assert record.is_empty


def test_the_models_see_each_payload_not_only_the_first_of_its_shape() -> None:
    record = PayloadRecord()
    record.test = "tests/test_x.py::test_y"
    short = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
    assert reduce_to_shape(short) == reduce_to_shape(TOO_LONG)
    assert list(record.inspect("block", short)) == []
    assert len(list(record.inspect("block", TOO_LONG))) == 1


def test_the_double_asks_the_models_about_each_message_attachment_view_and_metadata() -> None:
    """Each story has it: tests/conftest.py adds it to the double's rules."""
    assert PAYLOADS.inspect in ADDED_RULES
    name = "of-this-test"
    section = {"type": "section", "text": {"type": "plain_text", "text": "x", "emoji": False}, "block_id": "b"}
    check_content({"attachments": [{"color": "#ff0000", "blocks": [section], "fallback": "x"}]})
    check_view({"type": "home", "blocks": [section], "private_metadata": "x"}, "home")
    check_metadata({"event_type": name, "event_payload": {name: "x"}})
    assert {kind for kind, _, _ in PAYLOADS.dump()} == {"block", "attachment", "view", "metadata"}
    assert any(name in shape for kind, shape, _ in PAYLOADS.dump() if kind == "metadata")
