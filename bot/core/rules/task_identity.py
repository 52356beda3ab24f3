"""A task in one canonical form: whether two tasks are the same, although SkyPilot has rewritten one of them. Pure.

A key that is not named here is compared unchanged, so that a key of a later SkyPilot makes two tasks differ, not agree.
How SkyPilot 0.14.1 writes each key was measured with `sky.Task.from_yaml_config(...).to_yaml_config()`;
tests/app/test_admin_policy_server.py checks this module against it.
"""

import re
from collections.abc import Mapping
from typing import Any

from bot.core.model.accelerators import list_accelerators
from bot.core.model.launch_plan import DEADLINE_VARIABLE
from bot.core.model.recipe import Task
from bot.core.model.resources import count_nodes, list_resources

OWN_LABEL_PREFIX = "verlbot-"
"""Prefix of the labels that the bot adds to each launch."""

UPLOADED = "(uploaded)"
"""The word in place of a local path: SkyPilot's client uploads it, and its server knows it by another path."""

VARIABLE = re.compile(r"\$\{?\b([a-zA-Z_][a-zA-Z0-9_]*)\b\}?", re.ASCII)
"""A variable as SkyPilot fills it in (sky/task.py, `_fill_in_env_vars`)."""

FILLED_IN_SECTIONS = ("file_mounts", "volumes", "service", "workdir")
"""Sections in which SkyPilot fills in variables."""

NOT_COMPARED = {"_metadata", "_user_specified_yaml", "file_mounts_mapping", "secrets"}
"""Keys that are not compared: descriptions without an effect; the places of uploads; and secrets, whose names
`secret_names` returns."""

NOT_COMPARED_OF_RESOURCES = {
    "any_of",
    "ordered",
    "autostop",  # the bot sets it with each launch, and again if an observation shows another one
    "job_recovery",  # SkyPilot fills in its default
    "cloud",
    "region",
    "zone",
    "_requires_fuse",
    "_no_missing_accel_warnings",
    "_is_image_managed",
    "_docker_username_for_runpod",
}

DOCKER_LOGIN = ("SKYPILOT_DOCKER_USERNAME", "SKYPILOT_DOCKER_PASSWORD", "SKYPILOT_DOCKER_SERVER")
"""Variables and secrets from which SkyPilot builds `_docker_login_config`."""

HOOK_EVENTS, HOOK_SECONDS = ["stop", "preemption", "down"], 3600
"""Events and timeout of a hook that names none (sky/resources.py)."""

UNIT_GIGABYTES = {"": 1, "gb": 1, "g": 1, "gi": 1, "tb": 1024, "t": 1024, "ti": 1024}


def task_fingerprint(task: Task) -> dict[str, object]:
    """Return the properties that identify a task, in a form that SkyPilot's rewriting does not change.

    The deadline is left out: it is no part of the task, because the bot sets it with each launch.
    """
    envs = {str(name): str(value) for name, value in (task.get("envs") or {}).items() if name != DEADLINE_VARIABLE}
    section = {key: fill_in_variables(task[key], envs) if key in FILLED_IN_SECTIONS else task[key] for key in task}
    config, hooks = split_config_and_hooks(section.pop("config", None))
    has_login = any(name in envs or name in secret_names(task) for name in DOCKER_LOGIN)
    identity = {key: normalise_value(value) for key, value in section.items() if key not in NOT_COMPARED}
    identity |= {
        "envs": envs,
        "hooks": hooks,
        "num_nodes": count_nodes(task),
        "file_mounts": {str(at): normalise_mount(source) for at, source in (section.get("file_mounts") or {}).items()},
        "workdir": normalise_workdir(section.get("workdir")),
        "resources": sorted(repr(normalise_machine(choice, config, has_login)) for choice in list_resources(task)),
    }
    return {key: value for key, value in identity.items() if value not in ("", None, {}, [])}


def secret_names(task: Task) -> frozenset[str]:
    """Return the names of a task's secrets, references to SkyPilot's own included."""
    secrets = task.get("secrets") or ()
    return frozenset(map(str, secrets))


def normalise_machine(choice: Mapping[str, Any], config: Mapping[str, Any], has_login: bool) -> dict[str, object]:
    """Return one choice of machines, with the values that its task's `config` overrides there."""
    identity = {key: normalise_value(value) for key, value in choice.items() if key not in NOT_COMPARED_OF_RESOURCES}
    if has_login:  # built from variables or secrets whose names are compared
        identity.pop("_docker_login_config", None)
    overrides = {**config, **(choice.get("_cluster_config_overrides") or {})}
    labels = {str(key): str(value) for key, value in (choice.get("labels") or {}).items()}
    identity |= {
        "infra": normalise_infra(choice),
        "accelerators": [normalise_accelerator(kind) for kind in list_accelerators(choice.get("accelerators"))],
        "image_id": normalise_images(choice.get("image_id")),
        "ports": normalise_ports(choice.get("ports")),
        "labels": {key: value for key, value in labels.items() if not key.startswith(OWN_LABEL_PREFIX)},
        "use_spot": bool(choice.get("use_spot")),
        "_cluster_config_overrides": normalise_value(overrides),
    }
    identity |= {key: normalise_amount(choice.get(key)) for key in ("cpus", "memory", "disk_size")}
    present = {key: value for key, value in identity.items() if value not in ("", None, {}, [], False)}
    return dict(sorted(present.items()))


def normalise_infra(choice: Mapping[str, Any]) -> str:
    """Return an infra in one spelling.

    >>> (normalise_infra({"infra": "k8s/east"}), normalise_infra({"cloud": "AWS", "region": "us-east-1"}),
    ...  normalise_infra({"infra": "*/*"}))
    ('kubernetes/east', 'aws/us-east-1', '')
    """
    parts = str(choice.get("infra") or "").split("/")
    if not choice.get("infra"):
        parts = [str(choice.get(key) or "*") for key in ("cloud", "region", "zone")]
    cloud = parts[0].lower()
    parts[0] = {"k8s": "kubernetes"}.get(cloud, cloud)
    while parts and parts[-1] in ("", "*"):
        parts.pop()
    return "/".join(parts)


def normalise_accelerator(kind: str) -> str:
    """Return a kind of accelerator and its count in one spelling.

    >>> normalise_accelerator("h100:8.0"), normalise_accelerator("L4")
    ('H100:8', 'L4:1')
    """
    name, _, count = kind.partition(":")
    return f"{name.strip().upper()}:{float(count or 1):g}"


def normalise_images(value: object) -> list[str]:
    """Return the images; SkyPilot names the region that each is for.

    >>> normalise_images("docker:x"), normalise_images({None: "docker:x"}), normalise_images(None)
    (['docker:x'], ['docker:x'], [])
    """
    return sorted(map(str, value.values())) if isinstance(value, Mapping) else [str(value)] if value else []


def normalise_ports(value: object) -> list[tuple[int, int] | str]:
    """Return the ranges of ports; ranges that touch are merged.

    >>> normalise_ports(8080), normalise_ports(["9000-9010", 8080, "8081"]), normalise_ports("any")
    ([(8080, 8080)], [(8080, 8081), (9000, 9010)], ['any'])
    """
    entries = value if isinstance(value, list | tuple) else [] if value is None else [value]
    spans = [re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", str(entry)) for entry in entries]
    odd = sorted(str(entry) for entry, span in zip(entries, spans, strict=True) if span is None)
    merged: list[tuple[int, int]] = []
    for first, last in sorted((int(span[1]), int(span[2] or span[1])) for span in spans if span):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return [*merged, *odd]


def normalise_amount(value: object) -> str:
    """Return CPUs, or gigabytes of memory or disk, in one spelling.

    >>> (normalise_amount(16), normalise_amount("16+"), normalise_amount(64.50), normalise_amount("1TB"),
    ...  normalise_amount("512 Gi"), normalise_amount(None))
    ('16', '16+', '64.5', '1024', '512', '')
    """
    text = "" if value is None else str(value).strip()
    amount_match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([A-Za-z]{0,2})(\+?)", text)
    if not amount_match or amount_match[2].lower() not in UNIT_GIGABYTES:
        return text
    return f"{float(amount_match[1]) * UNIT_GIGABYTES[amount_match[2].lower()]:.12g}{amount_match[3]}"


def normalise_mount(source: object) -> object:
    """Return the source of a mount: a bucket's address, a storage with SkyPilot's defaults, or an upload."""
    if not isinstance(source, Mapping):
        return normalise_source(source)
    storage = {"mode": "MOUNT", "persistent": True, **source}
    storage |= {key: str(storage[key]).upper() for key in ("mode", "store") if storage.get(key)}
    return normalise_value({**storage, "source": normalise_source(storage.get("source"))})


def normalise_source(source: object) -> object:
    """Return an address unchanged, and `UPLOADED` for a local path."""
    if source is None or (isinstance(source, str) and "://" in source):
        return source
    return UPLOADED


def normalise_workdir(value: object) -> object:
    """Return a repository as it is named, and `UPLOADED` for a folder."""
    return normalise_value(value) if isinstance(value, Mapping) else UPLOADED if value else None


def split_config_and_hooks(config: object) -> tuple[Mapping[str, Any], object]:
    """Return a task's overrides of SkyPilot's configuration, and the scripts that it hooks into a cluster's life."""
    if not isinstance(config, Mapping):
        return {}, normalise_value(config)
    hooks = config.get("hooks") or []
    if isinstance(hooks, list):
        hooks = [
            {**hook, "events": hook.get("events") or HOOK_EVENTS, "timeout": hook.get("timeout") or HOOK_SECONDS}
            if isinstance(hook, Mapping)
            else hook
            for hook in hooks
        ]
    return {key: value for key, value in config.items() if key != "hooks"}, normalise_value(hooks)


def fill_in_variables(value: Any, envs: Mapping[str, str]) -> Any:
    """Return a section with the task's variables in it filled in.

    >>> fill_in_variables({"/data/${SIZE}b": ["s3://models/$SIZE", 1]}, {"SIZE": "7"})
    {'/data/7b': ['s3://models/7', 1]}
    """
    match value:
        case str():
            return VARIABLE.sub(lambda variable_match: envs.get(variable_match[1], variable_match[0]), value)
        case Mapping():
            return {fill_in_variables(key, envs): fill_in_variables(inner, envs) for key, inner in value.items()}
        case list() | tuple():
            return [fill_in_variables(inner, envs) for inner in value]
        case _:
            return value


def normalise_value(value: Any) -> Any:
    """Return a value whose `repr` is the same for equal values: keys in order, no nulls.

    >>> normalise_value({"b": 2.0, "a": {"c": None}}) == {"a": {}, "b": 2}
    True
    """
    match value:
        case Mapping():
            items = ((str(key), normalise_value(inner)) for key, inner in value.items() if inner is not None)
            return dict(sorted(items, key=lambda pair: pair[0]))
        case list() | tuple():
            return [normalise_value(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
