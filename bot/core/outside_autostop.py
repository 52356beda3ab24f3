"""Autostop of what is launched beside the bot: a task that has none, or a longer one, gets the policy's. Pure."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.autostop import asked_minutes
from bot.core.choices import choices, cloud_of
from bot.core.policy import Outside, Remedy
from bot.core.recipe import Task

CANNOT = ("hyperbolic", "primeintellect", "verda", "yotta")
"""Clouds of which SkyPilot can have none (0.14.1: clouds without AUTODOWN)."""

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
    """What became of a task.

    Attributes:
        task: as it may be launched; refusal: why it may not; empty where it may.
    """

    task: Task
    refusal: str = ""


def keep(task: Task, outside: Outside) -> Kept:
    """A task whose every choice of machines removes itself in time, where it can; told in its log if that is new."""
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
    """
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
    return cloud_of(choice) not in CANNOT


def mended(task: Task, most: int) -> Task:
    """Those that have none get one that removes the cluster, as every infra can; of others only the time is cut."""
    resources = dict(task.get("resources") or {})
    kind = next((kind for kind in ("any_of", "ordered") if resources.get(kind)), None)
    if kind is None:
        return {**task, "resources": shortened(resources, most)}
    return {**task, "resources": {**resources, kind: [shortened(one, most) for one in resources[kind]]}}


def shortened(choice: Mapping[str, Any], most: int) -> Mapping[str, Any]:
    found, asked = idle_minutes(choice), choice.get("autostop")
    if not can(choice) or within(found, most):
        return choice
    own = {"down": True} if found is None else dict(asked) if isinstance(asked, Mapping) else {}
    return {**choice, "autostop": {**own, "idle_minutes": most}}


def told(task: Task, sentence: str) -> Task:
    """SkyPilot has no word for whoever launched: the first line of the job's log, on one node, is one."""
    if not task.get("run"):
        return task
    said = f'[ "${{SKYPILOT_NODE_RANK:-0}}" != 0 ] || echo {shlex.quote(sentence)}'
    return {**task, "run": f"{said}\n{task['run']}"}
