"""Every payload that the bot makes is one by Slack's own types: slack_sdk's models, and TypeScript's `@slack/types`."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.core.model.cluster import JobState
from bot.i18n import use_language
from bot.phrase import LANGUAGES
from slack_playground.checks import check_blocks, check_view
from slack_playground.transcript import written
from slack_playground.web_api import call
from slack_playground.workspace import Message, Workspace
from tests import golden
from tests.slack.views.test_languages import ANSWERS, VIEWS
from tests.slack.views.test_report_views import BOARDS
from tests.story import Bot

Json = dict[str, Any]

WEB = Path(__file__).parents[2] / "playground" / "web"
COMPILER = WEB / "node_modules" / ".bin" / "tsc"
CHECK_ONLY = (
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--ignoreConfig",
    "--moduleResolution",
    "bundler",
    "--module",
    "esnext",
)

UNKNOWN_TO_SLACKS_TYPES = {"data_visualization"}
"""Blocks that neither slack_sdk 3.48 nor `@slack/types` 3.2 describe, though Slack documents them. The playground's own
rules, which follow Slack's documents, check them here."""

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


@pytest.mark.skipif(not COMPILER.exists() or shutil.which("node") is None, reason="no Node modules here: `make page`")
def test_every_payload_is_of_slacks_typescript_types(payloads: Payloads) -> None:
    known = [block for block in payloads.blocks if block["type"] not in UNKNOWN_TO_SLACKS_TYPES]
    views = [
        view for view in payloads.views if all(one["type"] not in UNKNOWN_TO_SLACKS_TYPES for one in view["blocks"])
    ]
    attachments = [
        one for one in payloads.attachments if all(b["type"] not in UNKNOWN_TO_SLACKS_TYPES for b in one["blocks"])
    ]
    source = "\n".join(
        [
            'import type { KnownBlock, MessageAttachment, View } from "@slack/types";',
            *declare("block", "KnownBlock", known),
            *declare("attachment", "MessageAttachment", list(attachments)),
            *declare("view", "View", list(views)),
        ]
    )
    assert compile_typescript(source) == ""


def test_typescript_finds_what_is_wrong() -> None:
    if not COMPILER.exists() or shutil.which("node") is None:
        pytest.skip("no Node modules here: `make page`")
    wrong: list[Json] = [{"type": "section", "text": {"type": "mrkdwn"}}, {"type": "divider", "colour": "red"}]
    source = "\n".join(['import type { KnownBlock } from "@slack/types";', *declare("block", "KnownBlock", wrong)])
    assert compile_typescript(source).count("error TS") == 2


def has_known_blocks(payload: Json) -> bool:
    return all(block["type"] not in UNKNOWN_TO_SLACKS_TYPES for block in payload["blocks"])


def declare(name: str, kind: str, values: list[Json]) -> list[str]:
    """Each value as a constant of Slack's type."""
    return [f"export const {name}{at}: {kind} = {json.dumps(value)};" for at, value in enumerate(values)]


def compile_typescript(source: str) -> str:
    """What the compiler says of a source, which stands where it finds Slack's types."""
    file = WEB / "node_modules" / f".payloads-{os.getpid()}.ts"
    file.write_text(source)
    command = [str(COMPILER), *CHECK_ONLY, file.name]
    try:
        done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False, timeout=120)
    finally:
        file.unlink()
    return done.stdout + done.stderr
