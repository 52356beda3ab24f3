"""A run of which every text says where it stands, so that one that is read by the wrong person is known by its name."""

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, cast

from bot.core.model.run import Run
from bot.phrase import Phrase
from tests.builders import NOON

MARK = "planted"
"""Begins every text that is planted."""

OPEN = {
    "id": "everybody sees that a run exists",
    "recipe": "of what recipe",
    "requester": "whose it is",
    "channel": "Slack shows its name to those alone who are in it",
    "thread_channel": "likewise",
    "stop_requested_by": "a person",
    "infra": "costs are told by it",
    "gpus": "costs are told by it",
    "rate": "where its price comes from",
    "bill": "where its price comes from",
    "budget_thresholds": "budgets",
    "budget_overruns": "budgets",
    "approval": "people, and dollars",
    "limit_changes": "people, and limits",
    "mutes": "people, and slugs of findings",
    "follow": "what was asked is shown in its own thread alone",
    "sent_messages": "ids of messages",
    "task_hash": "a hash",
    "request_id": "SkyPilot's id",
    "memory": "whether SkyPilot remembers it",
    "metrics": "of the recipe",
    "secrets": "names, of the recipe",
    "resumes": "of the recipe",
    "checkpoints": "of the recipe",
}
"""Fields that hold text, and are shown to everybody, or nowhere but in its own channel; and why that is right."""

PLANTED = (
    *("why", "image", "checkpoint_store", "detail", "failure", "policy_hits", "last_error", "pending_confirmation"),
    *("outage", "autostop_repair", "recoveries", "manual_command", "progress", "health", "unreliable_metrics"),
    *("summary", "checkpoint_rescue"),
)
"""Fields that hold what a run prints, was set to, or does, beside its line."""


@cache
def hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def holds_text(hint: Any) -> bool:
    """Return whether a value of this type can hold free text."""
    if hint in (str, Phrase):
        return True
    if is_dataclass(hint):
        return any(map(holds_text, hints(cast(Any, hint)).values()))
    return any(holds_text(one) for one in typing.get_args(hint))


def planted(hint: Any, name: str) -> Any:
    """Return a value of this type, every text of which is the mark and the name."""
    origin, args = typing.get_origin(hint), [one for one in typing.get_args(hint) if one is not type(None)]
    simple = {str: f"{MARK}-{name}", bool: False, int: 1, float: 1.0, datetime: NOON, timedelta: timedelta(hours=1)}
    if hint in simple:
        return simple[hint]
    if hint is Phrase:
        return Phrase("{what}", what=planted(str, name))
    if origin in (typing.Union, types.UnionType):
        return planted(args[0], name)
    if origin is tuple and args[-1] is not Ellipsis:
        return tuple(planted(one, name) for one in args)
    if origin in (tuple, list, Sequence):
        return (planted(args[0], name),)
    if origin is not None and issubclass(origin, Mapping):
        return {planted(args[0], name): planted(args[1], name)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    return hint(**{one.name: planted(hints(hint)[one.name], f"{name}.{one.name}") for one in fields(hint)})


def plant(run: Run, line: str) -> Run:
    """Return the run with a text in each field that can hold one.

    Args:
        line: what it was launched by, the mark in it.
    """
    made = {name: planted(hints(Run)[name], name) for name in PLANTED}
    texts = {name: getattr(made["checkpoint_rescue"], name) for name in ("last_error", "download", "torn_checkpoints")}
    made["checkpoint_rescue"] = replace(run.checkpoint_rescue, **texts)  # of its dates, those that it has
    made["progress"] = replace(made["progress"], step=20, checkpoint_step=20, rewards=run.progress.rewards)
    return replace(run, command_line=line, **made)
