"""A launch plan: the recipe's task with every setting of the user written into it."""

import json
import shlex
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from bot.core import line
from bot.core.choices import choices, kinds_of
from bot.core.managed import is_managed
from bot.core.nearest import no_override
from bot.core.parameter import Parameter, Value
from bot.core.recipe import BUCKET, BUDGET, CONTROLLER, LEASE, NONE, RESUME, SPOT, VOLUME, WHY, Recipe, Task
from bot.errors import UserError
from bot.language import listing, say, say_many

RUN_ID_VARIABLE = "VERLBOT_RUN_ID"
"""Environment variable of every task: the run's id."""

SCRIPT_LINES = 6
"""Maximum lines of each script in a launch preview: those that the bot adds, and a few of the recipe's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
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
    """

    recipe: Recipe
    task: Task
    line: str
    parameters: tuple[tuple[str, str], ...]
    overrides: tuple[str, ...]
    budget_dollars: float
    lease: timedelta
    place: str | None
    why: str = ""

    @property
    def nodes(self) -> int:
        """Return the number of nodes."""
        return int(self.task.get("num_nodes") or 1)

    @property
    def gpus(self) -> str:
        """Return the accelerators of one node, such as `H100:8`: all kinds that SkyPilot may choose from; empty for
        none.
        """
        kinds = (kind for one in choices(self.task) for kind in kinds_of(one.get("accelerators")))
        return ", ".join(dict.fromkeys(kinds))

    @property
    def infra(self) -> str:
        """Return the infra that the task names, in SkyPilot's notation; empty if SkyPilot may choose."""
        return str(resources(self.task).get("infra") or "")

    @property
    def hash(self) -> str:
        return task_hash(self.task)

    @property
    def model_dies(self) -> bool:
        """Return whether checkpoints are written, but not to a store that outlives the cluster."""
        return self.recipe.checkpoints is not None and self.place is None

    @property
    def checkpoints(self) -> str:
        """Return the folder on each node that checkpoints are written to; empty if the recipe writes none."""
        if self.recipe.checkpoints is None:
            return ""
        return str((self.task.get("envs") or {}).get(self.recipe.checkpoints.variable) or "")


def task_hash(task: Task) -> str:
    """Return the SHA-256 of the exact task, over its canonical JSON: 64 hexadecimal digits."""
    return sha256(json.dumps(task, sort_keys=True).encode()).hexdigest()


def plan(recipe: Recipe, typed: tuple[tuple[str, str], ...], overrides: tuple[str, ...], run_id: str) -> Plan:
    """Return the plan of a launch: the recipe's task with the user's settings written into it.

    Raises:
        UserError: a parameter is unknown or its value is not valid, the recipe takes no overrides, or two settings
            exclude each other.
    """
    typed = tuple((recipe.parameter(name).name, text) for name, text in typed)
    given = dict(typed)
    values = {name: recipe.parameter(name).read(text) for name, text in typed}
    refuse_conflicts(recipe, given, overrides)
    task = deepcopy({key: value for key, value in recipe.task.items() if key != "_metadata"})
    task["name"] = run_id
    off = {"findings_off": list(recipe.findings_off)} if recipe.findings_off else {}
    task["_metadata"] = {"verlbot": {"run": run_id, "recipe": recipe.name, **off}}
    put(task, f"envs.{RUN_ID_VARIABLE}", run_id)
    for name, value in values.items():
        set_parameter(task, recipe.parameter(name), value, given[name].strip())
    refuse_spot(task, given)
    place = keep_checkpoints(task, recipe, given.get(BUCKET.name), given.get(VOLUME.name))
    if overrides:
        task["run"] = with_words(str(task.get("run") or ""), overrides)
    return Plan(
        recipe=recipe,
        task=task,
        line=line.join(("launch", recipe.name, *(f"{name}={text}" for name, text in typed), *overrides)),
        parameters=typed,
        overrides=overrides,
        budget_dollars=float(values.get(BUDGET.name, recipe.budget_dollars)),
        lease=timedelta(hours=float(values.get(LEASE.name, recipe.lease_hours))),
        place=place,
        why=given.get(WHY.name, "").strip(),
    )


def refuse_conflicts(recipe: Recipe, given: Mapping[str, str], overrides: tuple[str, ...]) -> None:
    """Raise UserError if the recipe takes no overrides, or if two settings exclude each other."""
    if overrides and not recipe.takes_overrides:
        names = listing(f"`{parameter.name}`" for parameter in recipe.parameters)
        raise UserError(no_override(recipe.name, overrides[0]), say("Its parameters: {names}.", names=names))
    if BUCKET.name in given and VOLUME.name in given:
        raise UserError(say("Checkpoints go to one place."), say("Give `bucket=` or `volume=`, not both."))
    if RESUME.name in given and not {BUCKET.name, VOLUME.name} & set(given):
        raise UserError(
            say("A new machine holds no checkpoint to go on from."),
            say("Give the `volume=` or `bucket=` of the earlier run too."),
        )


def refuse_spot(task: Task, given: Mapping[str, str]) -> None:
    """Raise UserError for a spot machine without a managed job: the provider may reclaim it, and SkyPilot relaunches
    only a managed job then.
    """
    if SPOT.name in given and resources(task).get("use_spot") and not is_managed(task):
        raise UserError(
            say("A spot machine may be taken away at any time, and a run on it would end there."),
            say("Give `managed=true` too: then SkyPilot launches it anew."),
        )
    if CONTROLLER.name in given and not is_managed(task):
        raise UserError(
            say("Only managed jobs have a controller."), say("Give `managed=true` too, or leave out `controller=`.")
        )


def set_parameter(task: dict[str, Any], parameter: Parameter, value: Value, text: str) -> None:
    """Write a value to the place in the task that its parameter sets.

    An environment variable gets a whole number or a flag in one spelling, which scripts can rely on, and any other
    value as it was typed.
    """
    if parameter.removable and text == NONE:
        take_away(task, parameter.sets)
    elif parameter.sets.startswith("envs."):
        # A bool is an int too: a flag becomes `true` or `false`.
        put(task, parameter.sets, str(value).lower() if isinstance(value, int) else text)
    elif parameter.sets:
        put(task, parameter.sets, value)


def put(task: dict[str, Any], path: str, value: Value | Mapping[str, Any]) -> None:
    """Set the value at a dotted path, and create the missing mappings on the way."""
    *parents, last = path.split(".")
    for parent in parents:
        task[parent] = task.get(parent) or {}  # a key may have no value
        task = task[parent]
    task[last] = value


def take_away(task: dict[str, Any], path: str) -> None:
    """Remove the value at a dotted path."""
    *parents, last = path.split(".")
    for parent in parents:
        task = task[parent]
    del task[last]


def keep_checkpoints(task: dict[str, Any], recipe: Recipe, bucket: str | None, volume: str | None) -> str | None:
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
    put(task, f"envs.{recipe.checkpoints.variable}", mount)
    return bucket or f"volume {volume}"


def with_words(script: str, words: tuple[str, ...]) -> str:
    """Return the script with the overrides as its positional parameters, so that it passes them on as `"$@"`.

    Each override is quoted as one shell word with any content; the shell evaluates nothing in it.

    >>> print(with_words('python3 train.py "$@"', ("data.prompt_key=a b", "x.y=$(date)")))
    set -- 'data.prompt_key=a b' 'x.y=$(date)'
    python3 train.py "$@"
    """
    return f"set -- {shlex.join(words)}\n{script}"


def missing_secrets(task: Task, known: Collection[str]) -> list[str]:
    """Return the names of secrets that the task needs and that are not available.

    SkyPilot accepts such a task, and fails its launch later (facts of 0.14: a null secret is a reference).
    """
    return [name for name, value in (task.get("secrets") or {}).items() if value is None and name not in known]


def resources(task: Task) -> Mapping[str, Any]:
    """Return the resources of a task, which each node needs; empty if the task names none."""
    return task.get("resources") or {}


def shortened(task: Task) -> Task:
    """Return the task without the bot's own metadata, and with its scripts cut after the lines that the bot adds."""
    scripts = {key: cut_short(str(task[key])) for key in ("setup", "run") if task.get(key)}
    return {key: scripts.get(key, value) for key, value in task.items() if key != "_metadata"}


def cut_short(script: str) -> str:
    """Return the first lines of a script, and how many more there are.

    >>> cut_short("a" + chr(10) * SCRIPT_LINES + "b" + chr(10)).splitlines()[-1]
    '# … and 1 more line, as in the recipe'
    """
    lines = script.splitlines()
    if (more := len(lines) - SCRIPT_LINES) > 0:
        lines[SCRIPT_LINES:] = [
            say_many(
                "# … and {count} more line, as in the recipe", "# … and {count} more lines, as in the recipe", more
            )
        ]
    return "\n".join(lines) + "\n"
