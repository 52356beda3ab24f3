"""A run of which every text names its own field, so that one that is read by the wrong person is known by its name."""

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
from tests.builders import NOON, PARTS

MARK = "planted"
"""Begins every text that is planted."""

OPEN = {
    "id": "everybody sees that a run exists",
    "recipe": "of what recipe",
    "requester": "whose it is",
    "channel": "Slack shows its name to those alone who are in it",
    "messages.thread_channel": "likewise",
    "requests.stop_requested_by": "a person",
    "plan.infra": "costs are told by it",
    "observed.infra": "costs are told by it",
    "plan.gpus": "costs are told by it",
    "spending.rate": "where its price comes from",
    "spending.bill": "where its price comes from",
    "spending.budget_thresholds": "budgets",
    "spending.budget_overruns": "budgets",
    "approval": "people, and dollars",
    "limits.changes": "people, and limits",
    "requests.mutes": "people, and slugs of findings",
    "requests.follow": "what was asked is shown in its own thread alone",
    "messages.sent": "ids of messages",
    "plan.task_hash": "a hash",
    "launch.request_id": "SkyPilot's id",
    "observed.memory": "whether SkyPilot remembers it",
    "plan.metrics": "of the recipe",
    "plan.program": "of the recipe",
    "plan.secrets": "names, of the recipe",
    "plan.resumes": "of the recipe",
    "plan.checkpoint_folder": "of the recipe",
    "plan.files": "of the recipe",
    "plan.finding_actions": "of the recipe",
    "plan.option_parameters": "shown nowhere",
}
"""Fields that hold text, and are shown to everybody, or nowhere but in its own channel; and why that is right."""

PLANTED = (
    *(
        "name",
        "why",
        "detail",
        "failure",
        "policy_hits",
        "lineage",
        "checkpoint_rescue",
        "plan.image",
        "plan.code",
        "plan.checkpoint_store",
        "plan.warnings",
    ),
    *("launch.last_error", "teardown.last_error", "teardown.manual_command"),
    *("observed.pending_confirmation", "observed.outage", "observed.autostop_repair", "observed.recoveries"),
    *("training.progress", "training.health", "training.unreliable_metrics", "training.summary"),
    *("training.finding_samples", "training.metrics_origin"),
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


def list_fields() -> dict[str, Any]:
    """Return the types of a run's fields; those of a record that it is made of are named like `plan.image`."""
    own = {name: hint for name, hint in hints(Run).items() if name not in PARTS}
    return own | {f"{part}.{name}": hint for part, kind in PARTS.items() for name, hint in hints(kind).items()}


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
    made = {name: planted(hint, name) for name, hint in list_fields().items() if name in PLANTED}
    texts = {name: getattr(made["checkpoint_rescue"], name) for name in ("last_error", "download", "torn_checkpoints")}
    made["checkpoint_rescue"] = replace(run.checkpoint_rescue, **texts)  # of its dates, those that it has
    known = {"step": 20, "checkpoint_step": 20, "rewards": run.training.progress.rewards}
    made["training.progress"] = replace(made["training.progress"], **known)
    for part in PARTS:
        own = {name.removeprefix(f"{part}."): made.pop(name) for name in list(made) if name.startswith(f"{part}.")}
        made[part] = replace(getattr(run, part), **own)
    return replace(run, command_line=line, **made)
