"""The folder of recipes: YAML files into recipes, and tasks into YAML for people to read."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from bot.adapters.secret_filter import FAST
from bot.adapters.yaml_files import describe_error, load_yaml, refuse_unwritable
from bot.core.expression import compile_pattern
from bot.core.health.detectors import DETECTORS
from bot.core.line import shown
from bot.core.nearest import unknown
from bot.core.parameter import Kind, Parameter
from bot.core.recipe import Checkpoints, Recipe, Task, common_parameters
from bot.errors import UserError
from bot.language import say


class ParameterYaml(msgspec.Struct, forbid_unknown_fields=True):
    """One entry under `_metadata.verlbot.parameters`; the fields are those of `Parameter`."""

    type: Kind
    meaning: str
    sets: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: list[str] = []
    pattern: str | None = None
    shape: str = ""
    unit: str = ""


class CheckpointsYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Where a recipe writes its checkpoints, and how it resumes from one."""

    variable: str
    mount: str
    resume: str = ""


METADATA = "_metadata.verlbot"
"""Where a recipe states what the bot needs and SkyPilot does not."""

FINDINGS = {one.name for one in DETECTORS}


ACCELERATOR = re.compile(r"\s*[^:,{}]{1,60}+(:\d{1,4}(\.\d{1,4})?)?\s*")
"""A name and a count: `H100:8`. The bot checks it here because msgspec 0.22 frees memory twice on a union of a text
with a pattern and a mapping.
"""


class ChoiceYaml(msgspec.Struct):
    """The part of one option of a task's resources that the bot reads; SkyPilot chooses among the options."""

    infra: str | None = None
    cloud: str | None = None
    accelerators: str | dict[str, float | None] | list[str] | None = None

    def kinds(self) -> list[str]:
        """Return the accelerators that are written as text, one each."""
        written = self.accelerators
        return written.split(",") if isinstance(written, str) else written if isinstance(written, list) else []


class ResourcesYaml(ChoiceYaml):
    """The part of a task's resources that the bot reads."""

    any_of: list[ChoiceYaml] | None = None
    ordered: list[ChoiceYaml] | None = None


class TaskYaml(msgspec.Struct):
    """The part of a task that the bot itself reads or writes; SkyPilot checks the rest."""

    num_nodes: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    resources: ResourcesYaml | None = None
    envs: dict[str, str | int | float | bool | None] | None = None
    secrets: dict[str, str | int | float | bool | None] | None = None
    setup: str | None = None
    run: str | None = None
    file_mounts: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = msgspec.field(default=None, name="_metadata")


Dollars = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
Hours = Annotated[float, msgspec.Meta(gt=0, le=24 * 90)]


class MetadataYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The mapping under `_metadata.verlbot`; the fields are those of `Recipe`."""

    title: str
    description: str
    budget_dollars: Dollars
    lease_hours: Hours
    metrics: list[str]
    findings_off: list[str] = []
    parameters: dict[str, ParameterYaml] = {}
    overrides: bool = False
    secrets: dict[str, str] = {}
    checkpoints: CheckpointsYaml | None = None


class FolderOfRecipes:
    """Recipes as files `NAME.yaml` of one folder; a changed file counts from its next use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[int, Recipe]] = {}

    def names(self) -> Sequence[str]:
        """Return the names of all recipes, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.yaml"))

    def get(self, name: str) -> Recipe:
        """Return the recipe of this name.

        Raises:
            UserError: there is none, or its file is not valid.
        """
        names = self.names()
        name = name if name in names else name.lower()
        if name not in names:
            raise unknown("recipe", name, names, say("The folder of recipes is empty."))
        path = self._folder / f"{name}.yaml"
        changed = path.stat().st_mtime_ns
        known = self._read.get(name)
        if known is None or known[0] != changed:
            known = (changed, parse(name, text_of(name, path)))
            self._read[name] = known
        return known[1]

    def valid_ones(self) -> list[Recipe]:
        """Return the recipes whose files are valid."""
        found = []
        for name in self.names():
            with suppress(UserError, OSError):
                found.append(self.get(name))
        return found

    def write(self, task: Task) -> str:
        """Return the task as YAML, for people to read."""
        return yaml.dump(dict(task), Dumper=ReadableDumper, sort_keys=False, allow_unicode=True, width=100)


def parse(name: str, text: str) -> Recipe:
    """Return the recipe of a file's text.

    Raises:
        UserError: the text is not YAML, or what the bot needs is missing or wrong; the message names the place.
    """
    task = task_of(name, text)
    found = (task.get("_metadata") or {}).get("verlbot")
    if found is None:
        raise broken(name, say("it has no `{place}`", place=METADATA))
    try:
        metadata = msgspec.convert(found, MetadataYaml)
    except msgspec.ValidationError as error:
        raise broken(name, describe_error(error, METADATA)) from error
    if strange := [finding for finding in metadata.findings_off if finding not in FINDINGS]:
        raise unknown("finding", strange[0], sorted(FINDINGS), of=name)
    refuse_secrets(name, task)
    kept = metadata.checkpoints
    checkpoints = Checkpoints(kept.variable, kept.mount, kept.resume) if kept else None
    if kept and kept.resume:
        standing(name, task, f"envs.{kept.resume}")
    own = tuple(parameter(name, key, entry, task) for key, entry in metadata.parameters.items())
    return Recipe(
        name=name,
        title=metadata.title,
        description=" ".join(metadata.description.split()),
        parameters=own + common_parameters(task, checkpoints, metadata.budget_dollars, metadata.lease_hours),
        takes_overrides=metadata.overrides,
        secrets=metadata.secrets,
        budget_dollars=metadata.budget_dollars,
        lease_hours=metadata.lease_hours,
        metrics=tuple(metadata.metrics),
        findings_off=tuple(metadata.findings_off),
        checkpoints=checkpoints,
        task=task,
    )


def text_of(name: str, path: Path) -> str:
    """Return the text of a recipe's file.

    Raises:
        UserError: the file cannot be read, or is not UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise broken(name, describe_error(error)) from error


def task_of(name: str, text: str) -> dict[str, Any]:
    """Return the task of a file's text, of values that JSON has too, because the task is recorded as JSON.

    Raises:
        UserError: the text is not a task.
    """
    try:
        task = load_yaml(text)
        if not isinstance(task, dict):
            raise broken(name, say("it is no mapping"))
        refuse_unwritable(task)
        refuse_accelerators(name, msgspec.convert(task, TaskYaml).resources)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise broken(name, describe_error(error)) from error
    return task


def refuse_accelerators(name: str, resources: ResourcesYaml | None) -> None:
    """Raise UserError if the number of an accelerator cannot be read, because its cost would be unknown."""
    if resources is None:
        return
    for choice in (resources, *(resources.any_of or ()), *(resources.ordered or ())):
        for kind in choice.kinds():
            if not ACCELERATOR.fullmatch(kind):
                raise broken(
                    name, say("`{place}` cannot be {value}", place="resources.accelerators", value=shown(kind))
                )


def refuse_secrets(name: str, task: dict[str, Any]) -> None:
    """Raise UserError if a recipe contains the value of a secret.

    The recipe's task is recorded, and shown to everyone who launches it.
    """
    for key, value in (task.get("secrets") or {}).items():
        if value not in (None, ""):
            raise literal(name, f"secrets.{key}")
    for key, value in (task.get("envs") or {}).items():
        if isinstance(value, str) and FAST.find_secret(f"{key}={value}"):
            raise literal(name, f"envs.{key}")
    for key, value in task.items():
        text = "" if key in ("secrets", "envs") else json.dumps(value)
        if found := FAST.find_secret(text, by_name=False):
            raise literal(name, f"{key} ({found})")


def literal(name: str, place: str) -> UserError:
    """Return the error for a recipe that contains the value of a secret."""
    why = say("it holds the value of a secret in `{place}`", place=place)
    return UserError(
        say("The recipe `{name}` is not valid: {why}.", name=name, why=why),
        say("Name it under `secrets:` with nothing after the colon, and set it in the bot's environment."),
    )


def parameter(recipe: str, name: str, entry: ParameterYaml, task: dict[str, Any]) -> Parameter:
    """Return a parameter with the default from the task.

    Raises:
        UserError: the task has no default, or the parameter does not accept it.
    """
    try:
        compile_pattern(entry.pattern or "")
    except UserError as error:
        raise broken(recipe, say("the pattern of {name}: {why}", name=name, why=error.sentence)) from error
    sets = entry.sets or f"envs.{name.upper().replace('-', '_')}"
    found = Parameter(
        name=name,
        kind=entry.type,
        meaning=entry.meaning,
        sets=sets,
        default=standing(recipe, task, sets),
        minimum=entry.minimum,
        maximum=entry.maximum,
        choices=tuple(entry.choices),
        pattern=entry.pattern,
        shape=entry.shape,
        unit=entry.unit,
    )
    try:
        if found.default:
            found.read(found.default)
    except UserError as error:
        raise broken(recipe, say("the default of {name} in the task: {why}", name=name, why=error.sentence)) from error
    return found


def standing(recipe: str, task: dict[str, Any], path: str) -> str:
    """Return the value at a dotted path of the task, as text.

    Raises:
        UserError: the task has no value there, or more than one.
    """
    value: Any = task
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            raise broken(recipe, say("a parameter sets {path}, and the task holds nothing there", path=path))
        value = value[key]
    if isinstance(value, dict | list):
        raise broken(recipe, say("a parameter sets {path}, and the task holds more than one value there", path=path))
    return str(value).lower() if isinstance(value, bool) else str(value)


def broken(name: str, why: str) -> UserError:
    """Return the error for a recipe that is not valid, and why."""
    return UserError(
        say("The recipe `{name}` is not valid: {why}.", name=name, why=why.rstrip(".")),
        say("`verlbot recipes check` looks at all of them."),
    )


class ReadableDumper(yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper):  # type: ignore[misc]  # either base
    """A YAML dumper that writes scripts as blocks, not as one quoted line."""


def write_text(_: ReadableDumper, text: str) -> yaml.ScalarNode:
    """Return the YAML node of a text, as a block if it has several lines."""
    style = "|" if "\n" in text else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


ReadableDumper.add_representer(str, write_text)
