"""`verlbot recipes check`: validates every recipe as the bot and as SkyPilot would, without network access."""

from collections.abc import Callable
from pathlib import Path

from bot.adapters.recipes import FolderOfRecipes
from bot.adapters.sky.schema import problem
from bot.core.plan import plan
from bot.core.recipe import Recipe, Task
from bot.errors import UserError


def check(folder: Path) -> int:
    """Print a line for each recipe with its problems; return 0 if there are none, else 1."""
    recipes = FolderOfRecipes(folder)
    names = recipes.names()
    if not names:
        raise UserError(f"There are no recipes in {folder}.", "A recipe is a file NAME.yaml.")
    wrong = 0
    for name in names:
        problems = problems_of(recipes, name)
        wrong += bool(problems)
        print(f"{'✗' if problems else '✓'} {name}" + "".join(f"\n    {one}" for one in problems))
    return 1 if wrong else 0


def problems_of(recipes: FolderOfRecipes, name: str, judged: Callable[[Task], str | None] = problem) -> list[str]:
    """Return the problems of a recipe.

    They are those of the bot, of SkyPilot with the file as it is, and of SkyPilot with the task as the bot would launch
    it.

    Args:
        judge: SkyPilot's validation of a task; in this process unless given.
    """
    try:
        recipe = recipes.get(name)
        launched = plan(recipe, kept(recipe), ("+a.b=c d",) if recipe.takes_overrides else (), f"{name}-0000")
    except UserError as error:
        return [str(error)]
    found = {"as it stands": judged(recipe.task), "as it is launched": judged(launched.task)}
    problems = [f"{where}: {why}" for where, why in found.items() if why]
    if recipe.takes_overrides and '"$@"' not in str(recipe.task.get("run")):
        problems.append('it takes overrides, and its `run` passes none on: it needs "$@"')
    return problems


def kept(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """Return the settings of a typical launch: checkpoints on a volume."""
    return (("volume", "models"),) if recipe.checkpoints else ()
