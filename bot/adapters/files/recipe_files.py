"""The folder of recipes: YAML files into recipes, and tasks into YAML for people to read."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import yaml

from bot.adapters.files.recipe_library import insert_library, list_versions
from bot.adapters.files.recipe_schema import BatchRuleYaml, MetadataYaml, ParameterYaml, ResourcesYaml, TaskYaml
from bot.adapters.files.yaml_reader import check_json_compatible, describe_error, load_yaml
from bot.core.frameworks import FRAMEWORK
from bot.core.model.linear_patterns import compile_pattern
from bot.core.model.parameter import Parameter
from bot.core.model.recipe import (
    CODE,
    BatchRule,
    CheckpointSettings,
    CpuNeed,
    Recipe,
    Task,
    build_common_parameters,
)
from bot.core.model.rollout import OutputFiles
from bot.core.model.typed_text import format_inline_code
from bot.core.model.valid_names import unknown_name_error
from bot.core.rules.health.stall import STALL_NAME
from bot.errors import UserError
from bot.phrase import N_, Phrase, Text
from bot.runtime.secret_filter import GENERAL_MASKER

METADATA_PATH = "_metadata.verlbot"
"""Where a recipe states what the bot needs and SkyPilot does not."""

PROGRAMS = {"verl": "verl.trainer.main_ppo", "verl-sft": "verl.trainer.sft_trainer"}
"""What `overrides` says, with the module of verl's whose settings the overrides are."""

FINDING_NAMES = {detector.name for detector in FRAMEWORK.detectors}

ACCELERATOR_PATTERN = re.compile(r"\s*[^:,{}]{1,60}+(:\d{1,4}(\.\d{1,4})?)?\s*")
"""A name and a count: `H100:8`. The bot checks it here because msgspec 0.22 frees memory twice on a union of a text
with a pattern and a mapping.
"""


class RecipeFolder:
    """Recipes as files `NAME.yaml` of one folder; a changed file counts from its next use, one of the library too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache: dict[str, tuple[object, Recipe]] = {}

    def list_names(self) -> Sequence[str]:
        """Return the names of all recipes, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.yaml"))

    def get(self, name: str) -> Recipe:
        """Return the recipe of this name.

        Raises:
            UserError: there is none, or its file is not valid.
        """
        names = self.list_names()
        name = name if name in names else name.lower()
        if name not in names:
            raise unknown_name_error("recipe", name, names, Phrase("The folder of recipes is empty."))
        path = self._folder / f"{name}.yaml"
        version = (path.stat().st_mtime_ns, list_versions(self._folder))
        cached = self._cache.get(name)
        if cached is None or cached[0] != version:
            cached = (version, parse_recipe(name, read_recipe_text(name, path), self._folder))
            self._cache[name] = cached
        return cached[1]

    def list_valid_recipes(self) -> list[Recipe]:
        """Return the recipes whose files are valid."""
        recipes = []
        for name in self.list_names():
            with suppress(UserError, OSError):
                recipes.append(self.get(name))
        return recipes

    def to_yaml(self, task: Task) -> str:
        """Return the task as YAML, for people to read."""
        return yaml.dump(dict(task), Dumper=ReadableDumper, sort_keys=False, allow_unicode=True, width=100)


def parse_recipe(name: str, text: str, folder: Path | None = None) -> Recipe:
    """Return the recipe of a file's text.

    Args:
        folder: where the file is, with the library of scripts that the recipe may read.

    Raises:
        UserError: the text is not YAML, or what the bot needs is missing or wrong; the message names the place.
    """
    task = parse_task(name, text, folder)
    raw_metadata = (task.get("_metadata") or {}).get("verlbot")
    if raw_metadata is None:
        raise invalid_recipe_error(name, Phrase("it has no `{place}`", place=METADATA_PATH))
    try:
        metadata = msgspec.convert(raw_metadata, MetadataYaml)
    except msgspec.ValidationError as error:
        raise invalid_recipe_error(name, describe_error(error, METADATA_PATH)) from error
    check_finding_names(name, metadata.findings_off, FINDING_NAMES)
    check_finding_names(name, metadata.finding_actions, {*FINDING_NAMES, STALL_NAME})
    check_no_secret_values(name, task)
    layout = metadata.checkpoints
    checkpoints = CheckpointSettings(layout.variable, layout.mount, layout.resume) if layout else None
    if metadata.files and not layout:
        raise invalid_recipe_error(name, Phrase("`{place}.files` needs `checkpoints` too", place=METADATA_PATH))
    if metadata.code and task.get("workdir"):
        raise invalid_recipe_error(
            name, Phrase("`{place}.code` needs a task without a `workdir` of its own", place=METADATA_PATH)
        )
    if layout and layout.resume:
        read_task_value(name, task, f"envs.{layout.resume}")
    own = tuple(build_parameter(name, key, entry, task) for key, entry in metadata.parameters.items())
    code = (CODE,) if metadata.code else ()
    common = build_common_parameters(
        task, checkpoints, metadata.budget_dollars, metadata.lease_hours, metadata.keep_hours
    )
    return Recipe(
        name=name,
        title=metadata.title,
        description=" ".join(metadata.description.split()),
        parameters=(*own, *code, *common),
        takes_overrides=bool(metadata.overrides),
        program=PROGRAMS[metadata.overrides] if isinstance(metadata.overrides, str) else "",
        takes_code=metadata.code,
        batch_rules=tuple(build_batch_rule(name, rule, metadata.parameters) for rule in metadata.batches),
        cpu_need=CpuNeed(metadata.cpus.base, metadata.cpus.per_gpu) if metadata.cpus else None,
        secrets=metadata.secrets,
        budget_dollars=metadata.budget_dollars,
        lease_hours=metadata.lease_hours,
        metrics=tuple(metadata.metrics),
        findings_off=tuple(metadata.findings_off),
        finding_actions=metadata.finding_actions,
        keep_hours=metadata.keep_hours,
        checkpoints=checkpoints,
        files=metadata.files.to_model() if metadata.files else OutputFiles(),
        task=task,
    )


def check_finding_names(owner: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raise a `UserError` if one of the names is no finding's."""
    if unknown := [finding for finding in names if finding not in known]:
        raise unknown_name_error("finding", unknown[0], sorted(known), owner=owner)


def read_recipe_text(name: str, path: Path) -> str:
    """Return the text of a recipe's file.

    Raises:
        UserError: the file cannot be read, or is not UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise invalid_recipe_error(name, describe_error(error)) from error


def parse_task(name: str, text: str, folder: Path | None = None) -> dict[str, Any]:
    """Return the task of a file's text, of values that JSON has too, because the task is recorded as JSON.

    Raises:
        UserError: the text is not a task.
    """
    try:
        task = load_yaml(text)
        if not isinstance(task, dict):
            raise invalid_recipe_error(name, Phrase("it is not a mapping"))
        check_json_compatible(task)
        check_accelerators(name, msgspec.convert(task, TaskYaml).resources)
        return insert_library(task, folder) if folder else task
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise invalid_recipe_error(name, describe_error(error)) from error


def build_batch_rule(recipe: str, entry: BatchRuleYaml, parameters: Mapping[str, ParameterYaml]) -> BatchRule:
    """Return a rule for a batch.

    Raises:
        UserError: it names something that is no parameter of the recipe.
    """
    if unknown := [name for name in (*entry.product, *entry.options) if name not in parameters]:
        raise unknown_name_error("parameter", unknown[0], parameters, owner=recipe)
    return BatchRule(tuple(entry.product), entry.multiple, entry.per_gpu, entry.options)


def check_accelerators(name: str, resources: ResourcesYaml | None) -> None:
    """Raise UserError if the number of an accelerator cannot be read, because its cost would be unknown."""
    if resources is None:
        return
    for choice in (resources, *(resources.any_of or ()), *(resources.ordered or ())):
        for kind in choice.list_accelerators():
            if not ACCELERATOR_PATTERN.fullmatch(kind):
                raise invalid_recipe_error(
                    name,
                    Phrase(
                        "`{place}` cannot be {value}", place="resources.accelerators", value=format_inline_code(kind)
                    ),
                )


def check_no_secret_values(name: str, task: dict[str, Any]) -> None:
    """Raise UserError if a recipe contains the value of a secret.

    The recipe's task is recorded, and shown to everyone who launches it.
    """
    for key, value in (task.get("secrets") or {}).items():
        if value not in (None, ""):
            raise secret_value_error(name, f"secrets.{key}")
    for key, value in (task.get("envs") or {}).items():
        if isinstance(value, str) and GENERAL_MASKER.find_secret(f"{key}={value}"):
            raise secret_value_error(name, f"envs.{key}")
    for key, value in task.items():
        text = "" if key in ("secrets", "envs") else json.dumps(value)
        if secret_kind := GENERAL_MASKER.find_secret(text, by_name=False):
            raise secret_value_error(name, f"{key} ({secret_kind})")


def secret_value_error(name: str, place: str) -> UserError:
    """Return the error for a recipe that contains the value of a secret."""
    why = Phrase("the value of a secret is written in `{place}`", place=place)
    return UserError(
        Phrase("The recipe `{name}` is not valid: {why}.", name=name, why=why),
        Phrase(
            "Write only its name under `secrets:`, with nothing after the colon, and set the variable in the "
            "bot's environment."
        ),
    )


def build_parameter(recipe: str, name: str, entry: ParameterYaml, task: dict[str, Any]) -> Parameter:
    """Return a parameter with the default from the task.

    Raises:
        UserError: the task has no default, or the parameter does not accept it.
    """
    try:
        compile_pattern(entry.pattern or "")
    except UserError as error:
        why = Phrase("the pattern of {name}: {why}", name=name, why=error.sentence)
        raise invalid_recipe_error(recipe, why) from error
    sets = entry.sets or f"envs.{name.upper().replace('-', '_')}"
    new_parameter = Parameter(
        name=name,
        kind=entry.type,
        meaning=entry.meaning,
        target=sets,
        default=read_task_value(recipe, task, sets),
        minimum=entry.minimum,
        maximum=entry.maximum,
        choices=tuple(entry.choices),
        pattern=entry.pattern,
        shape=entry.shape,
        unit=entry.unit,
        option=entry.option,
    )
    try:
        if new_parameter.default:
            new_parameter.parse(new_parameter.default)
    except UserError as error:
        why = Phrase("the default of {name} in the task: {why}", name=name, why=error.sentence)
        raise invalid_recipe_error(recipe, why) from error
    return new_parameter


def read_task_value(recipe: str, task: dict[str, Any], path: str) -> str:
    """Return the value at a dotted path of the task, as text.

    Raises:
        UserError: the task has no value there, or more than one.
    """
    value: Any = task
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            raise invalid_recipe_error(
                recipe, Phrase("a parameter sets {path}, which the task does not have", path=path)
            )
        value = value[key]
    if isinstance(value, dict | list):
        raise invalid_recipe_error(
            recipe, Phrase("a parameter sets {path}, where the task has more than one value", path=path)
        )
    return str(value).lower() if isinstance(value, bool) else str(value)


NOT_VALID_CLAUSE = N_("The recipe `{name}` is not valid: {why}.")
NOT_VALID_SENTENCE = N_("The recipe `{name}` is not valid: {why}")


def invalid_recipe_error(name: str, why: Text) -> UserError:
    """Return the error for a recipe that is not valid, and why."""
    is_sentence = str(why).endswith(".")
    key = NOT_VALID_SENTENCE if is_sentence else NOT_VALID_CLAUSE
    return UserError(Phrase(key, name=name, why=why), Phrase("`verlbot recipes check` checks all recipes."))


class ReadableDumper(yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper):  # type: ignore[misc]  # either base
    """A YAML dumper that writes scripts as blocks, not as one quoted line."""


def represent_text(_: ReadableDumper, text: str) -> yaml.ScalarNode:
    """Return the YAML node of a text, as a block if it has several lines."""
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


ReadableDumper.add_representer(str, represent_text)
