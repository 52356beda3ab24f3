"""The settings in which two runs differ, read from their records and recipes."""

from collections.abc import Mapping, Sequence

from bot.app.ports import RecipeSource
from bot.app.store_ports import RunReader
from bot.core.model.run import Run
from bot.core.rules.setting_differences import SettingDifference, collect_defaults, find_differences
from bot.errors import UnreadableRecord, UserError


def compare_settings(a: Run, b: Run, store: RunReader, recipes: RecipeSource) -> Sequence[SettingDifference]:
    """Return the settings that differ, with the recipe's own value where a run set none."""
    return find_differences(a, b, *(read_defaults(run, store, recipes) for run in (a, b)))


def read_defaults(run: Run, store: RunReader, recipes: RecipeSource) -> Mapping[str, str]:
    """Return the recipe's own values of what a run did not set, by name; none if the recipe or the task is gone."""
    try:
        return collect_defaults(run, store.get_task(run.id), recipes.get(run.recipe).parameters)
    except (UnreadableRecord, UserError):
        return {}
