"""What a launch comes to: the plan with its task, the order to the cloud, and the safeguards that it lacks. Pure."""

import json
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from bot.core.model import typed_text
from bot.core.model.accelerators import list_accelerators
from bot.core.model.cluster import read_idle_minutes
from bot.core.model.code_version import GITHUB_URL, CodeVersion, check_out
from bot.core.model.cpu_request import request_cpus
from bot.core.model.managed_job import is_managed, may_rent_controller
from bot.core.model.parameter import Parameter, Value
from bot.core.model.recipe import (
    BUCKET,
    BUDGET,
    CODE,
    CONTROLLER,
    KEEP,
    LEASE,
    NAME,
    NONE,
    RESUME,
    SPOT,
    VOLUME,
    WHY,
    Recipe,
    Task,
)
from bot.core.model.resources import list_resources
from bot.core.model.training_framework import Framework
from bot.core.model.typed_text import describe_override_refusal
from bot.core.model.valid_names import list_valid_names
from bot.errors import UserError
from bot.phrase import Phrase

RUN_ID_VARIABLE = "VERLBOT_RUN_ID"
"""Environment variable of every task: the run's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """A launch, worked out before anything is recorded or requested.

    Attributes:
        recipe: the recipe that is launched.
        task: the task for SkyPilot, complete except for the values of secrets.
        command_line: the command that makes this plan, as it can be typed.
        parameters: the settings of the user, as typed.
        overrides: Hydra overrides, one shell word each.
        budget_dollars, lease: the limits of the run.
        checkpoint_store: the bucket or volume that outlives the cluster, or None.
        why: the reason that the user gives; empty for none.
        keep: how long the cluster is kept for a look after its job has failed; None where neither the user nor the
            recipe says it.
        code: the version of the repository in which its scripts run; None for none.
    """

    recipe: Recipe
    task: Task
    command_line: str
    parameters: tuple[tuple[str, str], ...]
    overrides: tuple[str, ...]
    budget_dollars: float
    lease: timedelta
    checkpoint_store: str | None
    name: str = ""
    why: str = ""
    keep: timedelta | None = None
    code: CodeVersion | None = None

    @property
    def nodes(self) -> int:
        """Return the number of nodes."""
        return int(self.task.get("num_nodes") or 1)

    @property
    def gpus(self) -> str:
        """Return the accelerators of one node, such as `H100:8`: all kinds that SkyPilot may choose from; empty for
        none.
        """
        kinds = (kind for choice in list_resources(self.task) for kind in list_accelerators(choice.get("accelerators")))
        return ", ".join(dict.fromkeys(kinds))

    @property
    def infra(self) -> str:
        """Return the infra that the task names, in SkyPilot's notation; empty if SkyPilot may choose."""
        return str(resources(self.task).get("infra") or "")

    @property
    def hash(self) -> str:
        return hash_task(self.task)

    @property
    def checkpoints_ephemeral(self) -> bool:
        """Return whether checkpoints are written, but not to a store that outlives the cluster."""
        return self.recipe.checkpoints is not None and self.checkpoint_store is None

    @property
    def checkpoints(self) -> str:
        """Return the folder on each node that checkpoints are written to; empty if the recipe writes none."""
        if self.recipe.checkpoints is None:
            return ""
        return str((self.task.get("envs") or {}).get(self.recipe.checkpoints.variable) or "")


def hash_task(task: Task) -> str:
    """Return the SHA-256 of the exact task, over its canonical JSON: 64 hexadecimal digits."""
    return sha256(json.dumps(task, sort_keys=True).encode()).hexdigest()


def build_launch_plan(
    recipe: Recipe,
    parameters: tuple[tuple[str, str], ...],
    overrides: tuple[str, ...],
    run_id: str,
    code_host_url: str = GITHUB_URL,
) -> LaunchPlan:
    """Return the plan of a launch: the recipe's task with the user's settings written into it.

    Args:
        code_host_url: the web address of the host of the team's repositories.

    Raises:
        UserError: a parameter is unknown or its value is not valid, the recipe takes no overrides, or two settings
            exclude each other.
    """
    parameters = tuple((recipe.find_parameter(name).name, text) for name, text in parameters)
    settings = dict(parameters)
    values = {name: recipe.find_parameter(name).parse(text) for name, text in parameters}
    refuse_conflicts(recipe, settings, overrides)
    task = deepcopy({key: value for key, value in recipe.task.items() if key != "_metadata"})
    task["name"] = run_id
    off = {"findings_off": list(recipe.findings_off)} if recipe.findings_off else {}
    task["_metadata"] = {"verlbot": {"run": run_id, "recipe": recipe.name, **off}}
    set_path(task, f"envs.{RUN_ID_VARIABLE}", run_id)
    for name, value in values.items():
        set_parameter(task, recipe.find_parameter(name), value, settings[name].strip())
    refuse_spot(task, settings)
    request_cpus(task, recipe, settings)
    checkpoint_store = mount_checkpoint_store(task, recipe, settings.get(BUCKET.name), settings.get(VOLUME.name))
    code = CodeVersion.parse(settings[CODE.name].strip(), code_host_url) if CODE.name in settings else None
    check_out(task, code)
    if overrides:
        task["run"] = with_overrides(str(task.get("run") or ""), overrides)
    return LaunchPlan(
        recipe=recipe,
        task=task,
        command_line=typed_text.join_words(
            ("launch", recipe.name, *(f"{name}={text}" for name, text in parameters), *overrides)
        ),
        parameters=parameters,
        overrides=overrides,
        budget_dollars=float(values.get(BUDGET.name, recipe.budget_dollars)),
        lease=timedelta(hours=float(values.get(LEASE.name, recipe.lease_hours))),
        checkpoint_store=checkpoint_store,
        name=settings.get(NAME.name, "").strip(),
        why=settings.get(WHY.name, "").strip(),
        keep=find_keep(recipe, values),
        code=code,
    )


def find_keep(recipe: Recipe, values: Mapping[str, Value]) -> timedelta | None:
    """Return how long a failed cluster is kept, as the user or else the recipe says; None where neither does."""
    hours = values.get(KEEP.name, recipe.keep_hours)
    return None if hours is None else timedelta(hours=float(hours))


def refuse_conflicts(recipe: Recipe, settings: Mapping[str, str], overrides: tuple[str, ...]) -> None:
    """Raise UserError if the recipe takes no overrides, or if two settings exclude each other."""
    if overrides and not recipe.takes_overrides:
        names = [parameter.name for parameter in recipe.parameters]
        raise UserError(
            describe_override_refusal(recipe.name, overrides[0]),
            list_valid_names(names, f"/verl describe {recipe.name}"),
        )
    if BUCKET.name in settings and VOLUME.name in settings:
        raise UserError(
            Phrase("Checkpoints can be saved in one place only."), Phrase("Give `bucket=` or `volume=`, not both.")
        )
    if RESUME.name in settings and not {BUCKET.name, VOLUME.name} & set(settings):
        raise UserError(
            Phrase("A new machine has no checkpoint to resume from."),
            Phrase("Give the `volume=` or `bucket=` of the earlier run too."),
        )


def refuse_spot(task: Task, settings: Mapping[str, str]) -> None:
    """Raise UserError for a spot machine without a managed job: the provider may reclaim it, and SkyPilot relaunches
    only a managed job then.
    """
    if SPOT.name in settings and resources(task).get("use_spot") and not is_managed(task):
        raise UserError(
            Phrase("The provider can reclaim a spot machine at any time, and the run would end."),
            Phrase("Give `managed=true` too: then SkyPilot restarts it."),
        )
    if CONTROLLER.name in settings and not is_managed(task):
        raise UserError(
            Phrase("Only managed jobs have a controller."),
            Phrase("Give `managed=true` too, or leave out `controller=`."),
        )


def set_parameter(task: dict[str, Any], parameter: Parameter, value: Value, text: str) -> None:
    """Write a value to the place in the task that its parameter sets.

    An environment variable gets a whole number or a flag in one spelling, which scripts can rely on, and any other
    value as it was typed.
    """
    if parameter.removable and text == NONE:
        remove_path(task, parameter.target)
    elif parameter.target.startswith("envs."):
        # A bool is an int too: a flag becomes `true` or `false`.
        set_path(task, parameter.target, str(value).lower() if isinstance(value, int) else text)
    elif parameter.target:
        set_path(task, parameter.target, value)


def set_path(task: dict[str, Any], path: str, value: Value | Mapping[str, Any]) -> None:
    """Set the value at a dotted path, and create the missing mappings on the way."""
    *parents, last = path.split(".")
    for parent in parents:
        task[parent] = task.get(parent) or {}  # a key may have no value
        task = task[parent]
    task[last] = value


def remove_path(task: dict[str, Any], path: str) -> None:
    """Remove the value at a dotted path."""
    *parents, last = path.split(".")
    for parent in parents:
        task = task[parent]
    del task[last]


def mount_checkpoint_store(task: dict[str, Any], recipe: Recipe, bucket: str | None, volume: str | None) -> str | None:
    """Mount the bucket or volume on every node and point the recipe at it. Return the store in words, or None.

    A bucket is mounted with SkyPilot's MOUNT_CACHED: writes go to the disk first and are uploaded in the background,
    because a checkpoint is written in one burst of gigabytes.
    """
    if recipe.checkpoints is None or not (bucket or volume):
        return None
    mount = recipe.checkpoints.mount
    if bucket:
        task.setdefault("file_mounts", {})[mount] = {"source": bucket, "mode": "MOUNT_CACHED"}
    else:
        task.setdefault("volumes", {})[mount] = volume
    set_path(task, f"envs.{recipe.checkpoints.variable}", mount)
    return bucket or f"volume {volume}"


def with_overrides(script: str, overrides: tuple[str, ...]) -> str:
    """Return the script with the overrides as its positional parameters, so that it passes them on as `"$@"`.

    Each override is quoted as one shell word with any content; the shell evaluates nothing in it.

    >>> print(with_overrides('python3 train.py "$@"', ("data.prompt_key=a b", "x.y=$(date)")))
    set -- 'data.prompt_key=a b' 'x.y=$(date)'
    python3 train.py "$@"
    """
    return f"set -- {shlex.join(overrides)}\n{script}"


def find_missing_secrets(task: Task, available: Collection[str]) -> list[str]:
    """Return the names of secrets that the task needs and that are not available.

    SkyPilot accepts such a task, and fails its launch later (facts of 0.14: a null secret is a reference).
    """
    return [name for name, value in (task.get("secrets") or {}).items() if value is None and name not in available]


def resources(task: Task) -> Mapping[str, Any]:
    """Return the resources of a task, which each node needs; empty if the task names none."""
    return task.get("resources") or {}


DEADLINE_VARIABLE = "MLP_CURRENT_CAPACITY_BLOCK_EXPIRATION_TIMESTAMP"
"""The variable in which verl looks, in Unix seconds, for when its machines will be taken away, to save before that
(verl 0.9.1).
"""


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """A launch, as a cloud receives it.

    Attributes:
        cluster: the name, and the idempotency key: two orders of one name are one order.
        task: the task to run.
        secrets: names of secrets; the cloud adds the values that it was given.
        tags: metadata on the cluster, for people who find it elsewhere: its run, recipe, requester and task's hash.
        is_retry: whether it was requested before, so that an earlier launch of it may be in progress.
        deadline: when the run will be ended automatically, for its program to know. It is not part of the task, whose
            hash people have approved.
    """

    cluster: str
    task: Task
    secrets: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    is_retry: bool = False
    deadline: datetime | None = None

    @property
    def is_managed(self) -> bool:
        """Return whether it is to be a managed job."""
        return is_managed(self.task)

    @property
    def may_rent_controller(self) -> bool:
        """Return whether a jobs controller may be rented for it."""
        return may_rent_controller(self.task)

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the task's variables, with the deadline for its program.

        A value that the task sets itself has precedence.
        """
        deadline_variables = {DEADLINE_VARIABLE: f"{self.deadline.timestamp():.0f}"} if self.deadline else {}
        # The task's own value comes last, so it has precedence.
        return {**deadline_variables, **(self.task.get("envs") or {})}


@dataclass(frozen=True, slots=True)
class ClusterRef:
    """A reference to a cluster, with what the run's record knows of it.

    Attributes:
        cluster: the cluster's name.
        request_id: SkyPilot's id of the launch request.
        job_id: the job's number on the cluster.
        job_name: the job's name, which is the task's.
        launch_requested_at: when the cluster was first requested.
        autostop_request_id: SkyPilot's id of the bot's last request to set autostop, after the launch.
        is_managed: whether it is a managed job: then the name is the job's, and SkyPilot names its clusters.
        was_shown: whether an earlier observation has shown it.
    """

    cluster: str
    request_id: str | None = None
    job_id: int | None = None
    job_name: str | None = None
    launch_requested_at: datetime | None = None
    autostop_request_id: str | None = None
    is_managed: bool = False
    was_shown: bool = False


class Safeguard(StrEnum):
    """A safeguard that a run may lack."""

    CHECKPOINTS = "checkpoints"
    VALIDATION = "validation"
    AUTOSTOP = "autostop"


def find_missing_safeguards(plan: LaunchPlan, framework: Framework) -> tuple[Safeguard, ...]:
    """Return the safeguards that the plan lacks. Parameters cannot switch these off; Hydra overrides and a recipe can.

    The autostop of a managed job is not counted: its controller removes the cluster in any case.

    Args:
        framework: whose settings the overrides are.
    """
    missing = {
        Safeguard.CHECKPOINTS: plan.recipe.checkpoints is None
        or is_switched_off(plan.overrides, framework.checkpoint_interval_option),
        Safeguard.VALIDATION: is_switched_off(plan.overrides, framework.validation_interval_option),
        Safeguard.AUTOSTOP: read_idle_minutes(plan.task) is None and not is_managed(plan.task),
    }
    return tuple(safeguard for safeguard, is_missing in missing.items() if is_missing)


def is_switched_off(overrides: Sequence[str], key: str) -> bool:
    """Return whether a training never does something periodic: its interval is zero, negative or null.

    The last override counts.

    >>> is_switched_off(("trainer.save_freq=20", "++trainer.save_freq=-1"), "trainer.save_freq")
    True
    >>> is_switched_off(("trainer.save_freq=-1", "trainer.save_freq=20"), "trainer.save_freq")
    False
    """
    values = [
        matched[1] for override in overrides if (matched := re.fullmatch(rf"\+{{0,2}}{re.escape(key)}=(.*)", override))
    ]
    return bool(values) and re.fullmatch(r"0|-\d+|null", values[-1].strip()) is not None
