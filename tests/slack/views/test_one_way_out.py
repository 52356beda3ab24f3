"""Where markup and text objects are made: at one place each, which the code itself is asked for."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.slack.outbound.message_calls import call_slack

VIEWS = Path(__file__).parents[3] / "bot" / "slack"
MODULES = {path.stem: ast.parse(path.read_text()) for path in sorted(VIEWS.rglob("*.py"))}

MAKERS = {"mrkdwn", "blocks", "tables"}
"""Modules that may call a string markup."""

OURS = {"mrkdwn": 0, "join_parts": 0}
"""Functions of whose arguments one is a pattern of ours, and which."""

SENDERS = {
    "chat_postMessage": {"background", "message_calls"},
    "chat_postEphemeral": {"background"},
    "chat_update": {"message_calls"},
    "files_upload_v2": {"file_uploads"},
    "views_open": {"modals"},
    "views_publish": {"home_publisher"},
    "views_update": {"modals"},
}
"""Ways to Slack, and who may use each."""


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) == name)


def called(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


@pytest.mark.parametrize("module", sorted(MODULES))
def test_text_objects_are_made_by_the_blocks_and_tables_alone(module: str) -> None:
    kinds = {"mrkdwn", "plain_text", "rich_text", "markdown", "raw_text"}
    literals = (node for node in ast.walk(MODULES[module]) if isinstance(node, ast.Dict))
    made = {value.value for one in literals for value in one.values if isinstance(value, ast.Constant)} & kinds
    assert not made or module in {"blocks", "tables"}


@pytest.mark.parametrize("module", sorted(set(MODULES) - MAKERS))
def test_no_view_calls_a_string_markup(module: str) -> None:
    assert [ast.unparse(call) for call in calls(MODULES[module], "Markup") if call.args] == []


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"mrkdwn"}))
def test_patterns_are_ours(module: str) -> None:
    for name, at in OURS.items():
        given = [call.args[at] for call in calls(MODULES[module], name) if call.args]
        assert [ast.unparse(one) for one in given if not isinstance(one, ast.Constant)] in (
            [],
            ["language.translate(', ')"],
        )


@pytest.mark.parametrize("method", SENDERS)
def test_slack_is_told_by_few(method: str) -> None:
    named = {name for name, tree in MODULES.items() for node in ast.walk(tree) if getattr(node, "attr", "") == method}
    assert named <= SENDERS[method]
    assert named


def test_every_message_that_is_sent_says_how_slack_is_to_read_it() -> None:
    """`message_calls.call_slack` says so for those that go through it."""
    direct = [
        call
        for name in ("chat_postMessage", "chat_postEphemeral", "chat_update")
        for call in calls(MODULES["background"], name)
    ]
    assert len(direct) == 3
    assert all("parse" in {keyword.arg for keyword in call.keywords} for call in direct)
    for method in ("chat_postMessage", "chat_postEphemeral", "chat_update"):
        assert not list(calls(MODULES["message_calls"], method)), "hand it to message_calls.call_slack"


def test_what_goes_through_call_says_how_slack_is_to_read_it() -> None:
    """The text of an edit is read otherwise than that of a message, unless Slack is told."""
    sent: list[dict[str, Any]] = []

    def method(**content: Any) -> Any:
        sent.append(content)
        if content["blocks"]:
            raise SlackApiError("", slack_response(200, "invalid_blocks"))  # type: ignore[no-untyped-call]  # slack_sdk's

    call_slack(method, text="text", blocks=[{"type": "divider"}])
    assert [one["parse"] for one in sent] == ["none", "none"]
    assert sent[1]["blocks"] == []


def slack_response(status: int, error: str) -> Any:
    return SlackResponse(
        client=None, http_verb="POST", api_url="", req_args={}, data={"ok": False, "error": error}, headers={},
        status_code=status,
    )  # fmt: skip
