"""An order as SkyPilot gets it. Pure."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from bot.adapters.sky.autostops import WAIT_FOR
from bot.core.autostop import asked_minutes
from bot.core.order import Order
from bot.core.plan import resources
from bot.core.recipe import Task


def completed(order: Order, secrets: Mapping[str, str]) -> Task:
    """The task with its secrets' values, with what tells whose it is, and with an autostop.

    A managed job's clusters get theirs of SkyPilot, for when its controller dies: ten minutes, whatever is asked.
    """
    task: dict[str, Any] = deepcopy(dict(order.task))
    known = {name: secrets[name] for name in order.secrets if name in secrets}
    task["envs"] = dict(order.environment)
    if known:
        task["secrets"] = {**(task.get("secrets") or {}), **known}
    asked = task["resources"] = dict(task.get("resources") or {})
    if order.managed:
        asked.pop("autostop", None)
    else:
        asked["autostop"] = autostop(task)
    asked["labels"] = {**(asked.get("labels") or {}), **labels(order.tags)}
    task["_metadata"] = {"verlbot": dict(order.tags)}
    return task


def autostop(task: Task) -> dict[str, Any] | bool:
    """The task's autostop as every infra takes it: one that removes the cluster, because few can only stop it.

    A forgotten SSH session keeps nothing alive, unless the task says so.

    >>> autostop({"resources": {"autostop": 10}})
    {'wait_for': 'jobs', 'idle_minutes': 10, 'down': True}
    """
    given, minutes = resources(task).get("autostop"), asked_minutes(task)
    if minutes is None:
        return False
    own = dict(given) if isinstance(given, Mapping) else {}
    return {"wait_for": WAIT_FOR, **own, "idle_minutes": minutes, "down": True}


def labels(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags in the form that every cloud takes: at most 63 lower-case letters, digits, dashes.

    >>> labels({"person": "U0ANA", "task": "9f" * 32})
    {'verlbot-person': 'u0ana', 'verlbot-task': '9f9f9f9f9f9f9f9f'}
    """
    return {f"verlbot-{key}": value.lower()[: 16 if key == "task" else 63] for key, value in tags.items()}
