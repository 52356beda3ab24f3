"""The SkyPilot task of a launch order. Pure."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from bot.adapters.sky.autostops import WAIT_FOR
from bot.core.autostop import asked_minutes
from bot.core.order import Order
from bot.core.plan import resources
from bot.core.recipe import Task


def completed(order: Order, secrets: Mapping[str, str]) -> Task:
    """Return the task with the values of its secrets, with labels of its origin, and with an autostop.

    SkyPilot sets the autostop of a managed job's clusters itself, for a controller that dies: ten minutes, whatever the
    task requests.
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
    """Return the task's autostop as every infra accepts it: it removes the cluster, since few infras can stop it.

    An open SSH session that was forgotten keeps no cluster alive, unless the task says so.

    >>> autostop({"resources": {"autostop": 10}})
    {'wait_for': 'jobs', 'idle_minutes': 10, 'down': True}
    """
    given, minutes = resources(task).get("autostop"), asked_minutes(task)
    if minutes is None:
        return False
    own = dict(given) if isinstance(given, Mapping) else {}
    return {"wait_for": WAIT_FOR, **own, "idle_minutes": minutes, "down": True}


def labels(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags in the form that every cloud accepts: at most 63 lower-case letters, digits and dashes.

    >>> labels({"person": "U0ANA", "task": "9f" * 32})
    {'verlbot-person': 'u0ana', 'verlbot-task': '9f9f9f9f9f9f9f9f'}
    """
    return {f"verlbot-{key}": value.lower()[: 16 if key == "task" else 63] for key, value in tags.items()}
