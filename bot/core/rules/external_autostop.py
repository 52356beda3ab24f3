"""Autostop of external launches: a task with none, or with a longer one, gets the policy's. Pure."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.model.cluster import read_idle_minutes
from bot.core.model.policy import AutostopRemedy, ExternalLaunchPolicy
from bot.core.model.recipe import Task
from bot.core.model.resources import get_cloud_name, list_resources
from bot.phrase import Text

CLOUDS_WITHOUT_AUTODOWN = ("hyperbolic", "primeintellect", "verda", "yotta")
"""Clouds for which SkyPilot supports no autodown (0.14.1: clouds without AUTODOWN)."""

NO_AUTOSTOP = "It has no autostop; {most} idle minutes are the most that this team allows."
AUTOSTOP_TOO_LONG = "Its autostop of {found} idle minutes is too long; {most} are the most that this team allows."
AUTOSTOP_SUGGESTION = (
    "Launch it with `-i {most} --down`, which removes the cluster after that, "
    "or with `-i {most}`, which stops it where its infra can."
)
AUTOSTOP_ADDED = (
    "verlbot: this cluster had no autostop. It removes itself after {most} idle minutes, as the team's policy says."
)
AUTOSTOP_SHORTENED = (
    "verlbot: the autostop of this cluster is {most} idle minutes, not {found}, as the team's policy says."
)


@dataclass(frozen=True, slots=True)
class AutostopVerdict:
    """The decision about a task's autostop.

    Attributes:
        task: the task as it may be launched.
        refusal: why it may not be launched; empty where it may.
    """

    task: Task
    refusal: Text = ""


def enforce_autostop(task: Task, external_policy: ExternalLaunchPolicy) -> AutostopVerdict:
    """Return the task with every choice of machines removing itself in time, where it can.

    A change to the task is printed in the job's log.
    """
    max_minutes = external_policy.autostop_idle_minutes
    if max_minutes is None:
        return AutostopVerdict(task)
    unsafe_minutes = [
        parse_idle_minutes(choice)
        for choice in list_resources(task)
        if supports_autodown(choice) and not is_within_limit(parse_idle_minutes(choice), max_minutes)
    ]
    if not unsafe_minutes:
        return AutostopVerdict(task)
    longest = None if None in unsafe_minutes else max(minutes for minutes in unsafe_minutes if minutes is not None)
    if external_policy.autostop is AutostopRemedy.REFUSE:
        refusal = (NO_AUTOSTOP if longest is None else AUTOSTOP_TOO_LONG).format(most=max_minutes, found=longest)
        return AutostopVerdict(task, f"{refusal} {AUTOSTOP_SUGGESTION.format(most=max_minutes)}")
    sentence = (AUTOSTOP_ADDED if longest is None else AUTOSTOP_SHORTENED).format(most=max_minutes, found=longest)
    return AutostopVerdict(with_log_sentence(with_autostop(task, max_minutes), sentence))


def parse_idle_minutes(choice: Mapping[str, Any]) -> int | None:
    """Return the idle minutes of a choice's autostop; None where it has none.

    >>> (parse_idle_minutes({}), parse_idle_minutes({"autostop": False}),
    ...  parse_idle_minutes({"autostop": {"idle_minutes": -1}}))
    (None, None, None)
    >>> parse_idle_minutes({"autostop": {"idle_minutes": 90}}), parse_idle_minutes({"autostop": "2h"})
    (90, 120)
    """
    autostop = choice.get("autostop")
    minutes = autostop.get("idle_minutes", 0) if isinstance(autostop, Mapping) else autostop
    if minutes is None or minutes is False or str(minutes).startswith("-"):
        return None
    return read_idle_minutes({"resources": {"autostop": minutes}})


def is_within_limit(minutes: int | None, max_minutes: int) -> bool:
    return minutes is not None and minutes <= max_minutes


def supports_autodown(choice: Mapping[str, Any]) -> bool:
    """Return whether the cloud of a choice supports autodown."""
    return get_cloud_name(choice) not in CLOUDS_WITHOUT_AUTODOWN


def with_autostop(task: Task, max_minutes: int) -> Task:
    """Return the task with the policy's autostop.

    Choices without autostop get one that removes the cluster, which every infra supports. A longer one only gets
    shorter.
    """
    resources = dict(task.get("resources") or {})
    kind = next((kind for kind in ("any_of", "ordered") if resources.get(kind)), None)
    if kind is None:
        return {**task, "resources": limit_autostop(resources, max_minutes)}
    return {
        **task,
        "resources": {**resources, kind: [limit_autostop(choice, max_minutes) for choice in resources[kind]]},
    }


def limit_autostop(choice: Mapping[str, Any], max_minutes: int) -> Mapping[str, Any]:
    """Return a choice of machines with at most this autostop."""
    minutes, autostop = parse_idle_minutes(choice), choice.get("autostop")
    if not supports_autodown(choice) or is_within_limit(minutes, max_minutes):
        return choice
    # A choice without autostop gets autodown, because some infra cannot stop a cluster.
    settings = {"down": True} if minutes is None else dict(autostop) if isinstance(autostop, Mapping) else {}
    return {**choice, "autostop": {**settings, "idle_minutes": max_minutes}}


def with_log_sentence(task: Task, sentence: str) -> Task:
    """Return the task with a sentence for the person who launched it.

    SkyPilot has no place for it, so the first line of the job's log, on one node, shows it.
    """
    if not task.get("run"):
        return task
    command = f'[ "${{SKYPILOT_NODE_RANK:-0}}" != 0 ] || echo {shlex.quote(sentence)}'
    return {**task, "run": f"{command}\n{task['run']}"}
