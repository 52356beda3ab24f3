"""The settings in which two runs differ, by the commands that launched them."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.command import Launch
from bot.core.parse import parse_command
from bot.core.run import Run
from bot.errors import UserError


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """One setting that two runs do not share; None if a run did not set it, so that the recipe's own value applies."""

    name: str
    a: str | None
    b: str | None


def find_differences(a: Run, b: Run) -> list[SettingDifference]:
    """Return the settings that differ, in the order in which they were typed, the recipe first."""
    first_settings, second_settings = collect_settings(a), collect_settings(b)
    compared = [
        SettingDifference(name, first_settings.get(name), second_settings.get(name))
        for name in {**first_settings, **second_settings}
    ]
    return [difference for difference in compared if difference.a != difference.b]


def collect_settings(run: Run) -> Mapping[str, str]:
    """Return what was typed, by name; of an override that was given twice, the last, which is the one that Hydra uses.

    >>> from tests.builders import a_run
    >>> collect_settings(a_run(command_line="launch ppo nodes=2 +a.b=1 a.b=2 ~c"))
    {'recipe': 'ppo', 'nodes': '2', 'a.b': '2', '~c': ''}
    """
    values = {"recipe": run.recipe}
    try:
        launch = parse_command(run.command_line)
    except UserError:  # an older verlbot accepted commands that this one does not
        return values
    if isinstance(launch, Launch):
        values |= dict(launch.parameters)
        for override in launch.overrides:
            name, _, value = override.partition("=")
            values[name.lstrip("+")] = value
    return values
