"""SkyPilot tasks: built from a launch order, checked for what the bot does not support, and validated."""

import os
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from bot.adapters.sky.sdk_clusters import AUTOSTOP_WAIT_FOR
from bot.core.model.cluster import read_idle_minutes
from bot.core.model.launch_plan import LaunchOrder, resources
from bot.core.model.recipe import Task
from bot.phrase import N_, Phrase, Text


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


LABEL_PREFIX = "verlbot-"
"""Begins the keys of the labels that the bot writes on a cluster."""


def build_labels(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags in the form that every cloud accepts: at most 63 lower-case letters, digits and dashes.

    >>> build_labels({"person": "U0ANA", "task": "9f" * 32})
    {'verlbot-person': 'u0ana', 'verlbot-task': '9f9f9f9f9f9f9f9f'}
    """
    return {f"{LABEL_PREFIX}{key}": value.lower()[: 16 if key == "task" else 63] for key, value in tags.items()}


def read_tags(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that a cluster's labels were made of, in lower case.

    >>> read_tags({"verlbot-person": "u0ana", "team": "nlp"})
    {'person': 'u0ana'}
    """
    return {key.removeprefix(LABEL_PREFIX): value for key, value in labels.items() if key.startswith(LABEL_PREFIX)}


SLURM_REFUSALS = {
    (False, False): "",
    (True, False): N_("Slurm without containers takes no image: add `image=none`."),
    (False, True): N_("Slurm without containers opens no ports: add `ports=none`."),
    (True, True): N_("Slurm without containers takes no image and opens no ports: add `image=none` and `ports=none`."),
}
"""Why Slurm refuses the task, by whether it requests an image and whether it requests ports."""


def find_local_paths(task: Task) -> list[str]:
    """Return the files of this machine that SkyPilot would upload for the task.

    >>> find_local_paths({"workdir": ".", "file_mounts": {"/data": "s3://data", "/src": "~/src"}})
    ['`.`', '`~/src`']
    """
    return [f"`{source}`" for source in find_sources(task) if "://" not in source]


def find_sources(task: Task) -> Iterator[str]:
    """Yield the task's working directory and the sources of its file mounts."""
    if isinstance(task.get("workdir"), str):
        yield task["workdir"]
    for mount in (task.get("file_mounts") or {}).values():
        source = mount.get("source") if isinstance(mount, Mapping) else mount
        yield from [source] if isinstance(source, str) else source or []


def find_slurm_refusal(task: Task) -> Text | None:
    """Return what Slurm does not support, with what to type instead (sky/clouds/slurm.py); None if it supports all.

    >>> str(find_slurm_refusal({"resources": {"image_id": "docker:a", "ports": 8265}}))
    'Slurm without containers takes no image and opens no ports: add `image=none` and `ports=none`.'
    """
    requirements = resources(task)
    if requirements.get("use_spot"):
        return Phrase("Slurm has no spot machines: leave out `spot=true`, or choose a recipe without `use_spot`.")
    return Phrase(SLURM_REFUSALS[bool(requirements.get("image_id")), bool(requirements.get("ports"))]) or None


def find_schema_problem(task: Task) -> str | None:
    """Return why SkyPilot would reject the task, in SkyPilot's words; None where it would accept the task.

    Neither a server nor a cloud is called: this is SkyPilot's schema and its parsing of the task.
    """
    os.environ.setdefault("SKYPILOT_DISABLE_USAGE_COLLECTION", "1")
    os.environ.setdefault("SKYPILOT_DISABLE_LOCAL_API_SERVER", "1")
    import sky  # 2 s and 160 MB, which the bot's own process avoids  # noqa: PLC0415

    try:
        sky_task: Any = sky.Task.from_yaml_config(deepcopy(dict(task)))
        sky_task.validate_name()
    except Exception as error:  # SkyPilot raises many kinds; each message addresses the task's author
        return " ".join(str(error).split()) or type(error).__name__
    return None
