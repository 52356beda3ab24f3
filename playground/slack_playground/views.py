"""Modals, in stacks before people, and Homes: opened, pushed, changed and taken away."""

from collections.abc import Iterator
from uuid import uuid4

from slack_playground.checks import Refusal
from slack_playground.elements import with_ids
from slack_playground.slack import Slack
from slack_playground.workspace import Json, View

STACK = 3
"""Views over one another, at most (docs.slack.dev, modals)."""

WINDOWS = 8
"""Windows of a person with an open form, at most: a window that is closed says nothing, and its form would stay."""

BOT_ID = "B0VERLBOT"


def stack_key(user: str, window: str) -> str:
    """The key of a stack: each window of a person's browser has one of its own, as each client of Slack's has."""
    return f"{user} {window}" if window else user


def top(slack: Slack, user: str, window: str = "") -> View | None:
    """The modal in front of a person."""
    stack = slack.modals.get(stack_key(user, window))
    return stack[-1] if stack else None


def open_modal(slack: Slack, user: str, body: Json, channel: str, window: str = "") -> View:
    """A new stack of one, in place of what stood there."""
    slack.modals.pop(stack_key(user, window), None)
    own = [key for key in slack.modals if key.partition(" ")[0] == user]
    for oldest in own[: max(len(own) - WINDOWS + 1, 0)]:
        del slack.modals[oldest]
    return _stacked(slack, user, body, channel, window)


def push(slack: Slack, user: str, body: Json, window: str = "") -> View:
    """One more over the person's others."""
    below = top(slack, user, window)
    if below is None:
        raise Refusal("not_found")
    if len(slack.modals[stack_key(user, window)]) >= STACK:
        raise Refusal("push_limit_reached")
    return _stacked(slack, user, body, below.channel, window)


def _stacked(slack: Slack, user: str, body: Json, channel: str, window: str) -> View:
    check_external_id(slack, body)
    stack = slack.modals.setdefault(stack_key(user, window), [])
    view = View(slack.workspace.next_id("V"), user, body, channel=channel)
    view.root, view.previous = (stack[0].id, stack[-1].id) if stack else (view.id, "")
    stack.append(view)
    return replace_body(slack, view, body)


def publish(slack: Slack, user: str, body: Json) -> View:
    """A person's Home, which keeps its id when it changes."""
    check_external_id(slack, body, slack.workspace.homes.get(user))
    view = slack.workspace.homes.setdefault(user, View(slack.workspace.next_id("V"), user, body))
    view.root = view.id
    return replace_body(slack, view, body)


def replace_body(slack: Slack, view: View, body: Json) -> View:
    check_external_id(slack, body, view)
    with_ids(body.get("blocks") or [])
    view.body, view.hash = body, f"{int(slack.now())}.{uuid4().hex[:8]}"
    slack.touch()
    return view


def pop(slack: Slack, user: str, window: str = "") -> None:
    """Take the topmost away."""
    key = stack_key(user, window)
    slack.modals[key].pop()
    if not slack.modals[key]:
        del slack.modals[key]
    slack.touch()


def clear(slack: Slack, user: str, window: str = "") -> None:
    """Take them all away."""
    slack.modals.pop(stack_key(user, window), None)
    slack.touch()


def every(slack: Slack) -> Iterator[View]:
    """All that an app can change."""
    for stack in slack.modals.values():
        yield from stack
    yield from slack.workspace.homes.values()


def check_external_id(slack: Slack, body: Json, but: View | None = None) -> None:
    """An app's own name of a view is unique in the team."""
    wanted = body.get("external_id")
    if wanted and any(view.body.get("external_id") == wanted for view in every(slack) if view is not but):
        raise Refusal("duplicate_external_id")


def rendered(slack: Slack, view: View, values: Json | None = None) -> Json:
    """A view as the API and payloads have it; `values` is what its fields hold."""
    own = {"private_metadata": "", "callback_id": "", "external_id": "", "title": None, "close": None, "submit": None}
    return {
        **own,
        "clear_on_close": False,
        "notify_on_close": False,
        **view.body,
        "id": view.id,
        "team_id": slack.workspace.team,
        "app_id": slack.workspace.app,
        "app_installed_team_id": slack.workspace.team,
        "bot_id": BOT_ID,
        "hash": view.hash,
        "root_view_id": view.root,
        "previous_view_id": view.previous or None,
        "state": {"values": values or {}},
    }
