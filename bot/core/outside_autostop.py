"""Autostop of external launches: a task with none, or with a longer one, gets the policy's. Pure."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.autostop import asked_minutes
from bot.core.choices import choices, cloud_of
from bot.core.policy import Outside, Remedy
from bot.core.recipe import Task

CANNOT = ("hyperbolic", "primeintellect", "verda", "yotta")
"""Clouds for which SkyPilot supports no autodown (0.14.1: clouds without AUTODOWN)."""

LACKS = "It has no autostop; {most} idle minutes are the most that this team allows."
LONGER = "Its autostop of {found} idle minutes is too long; {most} are the most that this team allows."
WAY_OUT = (
    "Launch it with `-i {most} --down`, which removes the cluster after that, "
    "or with `-i {most}`, which stops it where its infra can."
)
ADDED = "verlbot: this cluster had no autostop. It removes itself after {most} idle minutes, as the team's policy says."
CUT = "verlbot: the autostop of this cluster is {most} idle minutes, not {found}, as the team's policy says."


@dataclass(frozen=True, slots=True)
class Kept:
    """The decision about a task's autostop.

    Attributes:
        task: the task as it may be launched.
        refusal: why it may not be launched; empty where it may.
    """

    task: Task
    refusal: str = ""


def keep(task: Task, outside: Outside) -> Kept:
    """Return the task with every choice of machines removing itself in time, where it can.

    A change to the task is printed in the job's log.
    """
    most = outside.autostop_idle_minutes
    if most is None:
        return Kept(task)
    found = [idle_minutes(one) for one in choices(task) if can(one) and not within(idle_minutes(one), most)]
    if not found:
        return Kept(task)
    longest = None if None in found else max(minutes for minutes in found if minutes is not None)
    if outside.autostop is Remedy.REFUSE:
        why = (LACKS if longest is None else LONGER).format(most=most, found=longest)
        return Kept(task, f"{why} {WAY_OUT.format(most=most)}")
    said = (ADDED if longest is None else CUT).format(most=most, found=longest)
    return Kept(told(mended(task, most), said))


def idle_minutes(choice: Mapping[str, Any]) -> int | None:
    """Return the idle minutes of a choice's autostop; None where it has none.

    >>> idle_minutes({}), idle_minutes({"autostop": False}), idle_minutes({"autostop": {"idle_minutes": -1}})
    (None, None, None)
    >>> idle_minutes({"autostop": {"idle_minutes": 90}}), idle_minutes({"autostop": "2h"})
    (90, 120)
    """
    asked = choice.get("autostop")
    given = asked.get("idle_minutes", 0) if isinstance(asked, Mapping) else asked
    if given is None or given is False or str(given).startswith("-"):
        return None
    return asked_minutes({"resources": {"autostop": given}})


def within(minutes: int | None, most: int) -> bool:
    return minutes is not None and minutes <= most


def can(choice: Mapping[str, Any]) -> bool:
    """Return whether the cloud of a choice supports autodown."""
    return cloud_of(choice) not in CANNOT


def mended(task: Task, most: int) -> Task:
    """Return the task with the policy's autostop.

    Choices without autostop get one that removes the cluster, which every infra supports. A longer one only gets
    shorter.
    """
    resources = dict(task.get("resources") or {})
    kind = next((kind for kind in ("any_of", "ordered") if resources.get(kind)), None)
    if kind is None:
        return {**task, "resources": shortened(resources, most)}
    return {**task, "resources": {**resources, kind: [shortened(one, most) for one in resources[kind]]}}


def shortened(choice: Mapping[str, Any], most: int) -> Mapping[str, Any]:
    """Return a choice of machines with at most this autostop."""
    found, asked = idle_minutes(choice), choice.get("autostop")
    if not can(choice) or within(found, most):
        return choice
    # A choice without autostop gets autodown, because some infra cannot stop a cluster.
    own = {"down": True} if found is None else dict(asked) if isinstance(asked, Mapping) else {}
    return {**choice, "autostop": {**own, "idle_minutes": most}}


def told(task: Task, sentence: str) -> Task:
    """Return the task with a sentence for the person who launched it.

    SkyPilot has no place for it, so the first line of the job's log, on one node, shows it.
    """
    if not task.get("run"):
        return task
    said = f'[ "${{SKYPILOT_NODE_RANK:-0}}" != 0 ] || echo {shlex.quote(sentence)}'
    return {**task, "run": f"{said}\n{task['run']}"}
