"""The settings in which two runs differ, with the recipe's own value where a run set none. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.core.model.parameter import Parameter
from bot.core.model.recipe import BUDGET, LEASE, NAME, WHY, Task
from bot.core.model.run import Run
from bot.core.model.run_state import RunLimit
from bot.core.rules.relaunch import collect_settings

NO_SETTINGS = (NAME.name, WHY.name)
"""What a launch is called and is for, which changes nothing in its training."""

NO_DEFAULTS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class SettingValue:
    """The value of a setting in one run; is_default if the recipe set it and no person."""

    text: str
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """One setting that two runs do not share; None if neither a person nor the recipe set it."""

    name: str
    a: SettingValue | None
    b: SettingValue | None


def find_differences(
    a: Run, b: Run, a_defaults: Mapping[str, str] = NO_DEFAULTS, b_defaults: Mapping[str, str] = NO_DEFAULTS
) -> list[SettingDifference]:
    """Return the settings that differ, in the order in which they were typed, the recipe first.

    Args:
        a_defaults, b_defaults: the recipe's own values in each run, by name; empty if they are not known.
    """
    first_settings, second_settings = collect_settings(a), collect_settings(b)
    compared = [
        SettingDifference(
            name, find_value(name, first_settings, a_defaults), find_value(name, second_settings, b_defaults)
        )
        for name in {**first_settings, **second_settings}
        if name not in NO_SETTINGS
    ]
    return [one for one in compared if (one.a and one.a.text) != (one.b and one.b.text)]


def find_value(name: str, settings: Mapping[str, str], defaults: Mapping[str, str]) -> SettingValue | None:
    """Return what was typed for a setting, or else the recipe's own value; None if there is neither."""
    if name in settings:
        return SettingValue(settings[name])
    return SettingValue(defaults[name], is_default=True) if defaults.get(name) else None


def collect_defaults(run: Run, task: Task, parameters: Iterable[Parameter]) -> Mapping[str, str]:
    """Return the recipe's own values of what a run did not set, by name.

    A parameter's value is that of the run's recorded task, because the recipe's file may have changed since.

    Args:
        task: the run's, as it was launched; parameters: those of its recipe.
    """
    options = {one.option: one.value for one in run.plan.option_parameters if one.option}
    values = {parameter.name: read_path(task, parameter.target) for parameter in parameters if parameter.target}
    limits = {
        BUDGET.name: f"{find_first_limit(run, RunLimit.BUDGET, run.limits.budget_dollars):g}",
        LEASE.name: f"{find_first_limit(run, RunLimit.LEASE, run.limits.lease.total_seconds() / 3600):g}",
    }
    typed = collect_settings(run)
    return {name: value for name, value in (options | values | limits).items() if value and name not in typed}


def read_path(task: Task, path: str) -> str:
    """Return the value at a dotted path of a task as text; empty if there is none, or more than one.

    >>> read_path({"envs": {"STEPS": "60"}}, "envs.STEPS"), read_path({"num_nodes": 2}, "num_nodes")
    ('60', '2')
    >>> read_path({"resources": {"accelerators": ["L4:1", "T4:2"]}}, "resources.accelerators")
    ''
    """
    value: Any = task
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if value is None or not isinstance(value, str | int | float):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def find_first_limit(run: Run, limit: RunLimit, value: float) -> float:
    """Return a limit as it was at the launch, before people changed it.

    Args:
        value: the limit now.
    """
    return next((change.before for change in run.limits.changes if change.limit is limit), value)
