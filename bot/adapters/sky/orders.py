"""The SkyPilot task of a launch order. Pure."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from bot.adapters.sky.autostops import AUTOSTOP_WAIT_FOR
from bot.core.autostop import read_idle_minutes
from bot.core.order import LaunchOrder
from bot.core.plan import resources
from bot.core.recipe import Task


def complete_task(order: LaunchOrder, secrets: Mapping[str, str]) -> Task:
    """Return the task with the values of its secrets, with labels of its origin, and with an autostop.

    SkyPilot sets the autostop of a managed job's clusters itself, for a controller that dies: ten minutes, whatever the
    task requests.
    """
    task: dict[str, Any] = deepcopy(dict(order.task))
    secret_values = {name: secrets[name] for name in order.secrets if name in secrets}
    task["envs"] = dict(order.environment)
    if secret_values:
        task["secrets"] = {**(task.get("secrets") or {}), **secret_values}
    requirements = task["resources"] = dict(task.get("resources") or {})
    if order.is_managed:
        requirements.pop("autostop", None)
    else:
        requirements["autostop"] = build_autostop(task)
    requirements["labels"] = {**(requirements.get("labels") or {}), **build_labels(order.tags)}
    task["_metadata"] = {"verlbot": dict(order.tags)}
    return task


def build_autostop(task: Task) -> dict[str, Any] | bool:
    """Return the task's autostop as every infra accepts it: it removes the cluster, since few infras can stop it.

    An open SSH session that was forgotten keeps no cluster alive, unless the task says so.

    >>> build_autostop({"resources": {"autostop": 10}})
    {'wait_for': 'jobs', 'idle_minutes': 10, 'down': True}
    """
    task_autostop, minutes = resources(task).get("autostop"), read_idle_minutes(task)
    if minutes is None:
        return False
    options = dict(task_autostop) if isinstance(task_autostop, Mapping) else {}
    return {"wait_for": AUTOSTOP_WAIT_FOR, **options, "idle_minutes": minutes, "down": True}


def build_labels(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags in the form that every cloud accepts: at most 63 lower-case letters, digits and dashes.

    >>> build_labels({"person": "U0ANA", "task": "9f" * 32})
    {'verlbot-person': 'u0ana', 'verlbot-task': '9f9f9f9f9f9f9f9f'}
    """
    return {f"verlbot-{key}": value.lower()[: 16 if key == "task" else 63] for key, value in tags.items()}
