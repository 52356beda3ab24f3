"""`verlbot recipes check`: validates every recipe as the bot and as SkyPilot would, without network access."""

from collections.abc import Callable
from pathlib import Path

from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.sky.task_builder import find_schema_problem
from bot.core.model.launch_plan import build_launch_plan
from bot.core.model.recipe import Recipe, Task
from bot.errors import UserError


def check_recipes(folder: Path) -> int:
    """Print a line for each recipe with its problems; return 0 if there are none, else 1."""
    recipes = RecipeFolder(folder)
    names = recipes.list_names()
    if not names:
        raise UserError(f"There are no recipes in {folder}.", "A recipe is a file NAME.yaml.")
    wrong_count = 0
    for name in names:
        problems = find_problems(recipes, name)
        wrong_count += bool(problems)
        print(f"{'✗' if problems else '✓'} {name}" + "".join(f"\n    {message}" for message in problems))
    return 1 if wrong_count else 0


def find_problems(
    recipes: RecipeFolder, name: str, judge: Callable[[Task], str | None] = find_schema_problem
) -> list[str]:
    """Return the problems of a recipe.

    They are those of the bot, of SkyPilot with the file as it is, with the library inserted, and of SkyPilot with the
    task as the bot would launch it.

    Args:
        judge: SkyPilot's validation of a task; in this process unless given.
    """
    try:
        recipe = recipes.get(name)
        launched = build_launch_plan(
            recipe, list_typical_settings(recipe), ("+a.b=c d",) if recipe.takes_overrides else (), f"{name}-0000"
        )
    except UserError as error:
        return [str(error)]
    verdicts = {"as written": judge(recipe.task), "as launched": judge(launched.task)}
    problems = [f"{form}: {why}" for form, why in verdicts.items() if why]
    if recipe.takes_overrides and '"$@"' not in str(recipe.task.get("run")):
        problems.append('it takes overrides, and its `run` passes none on: it needs "$@"')
    return problems


def list_typical_settings(recipe: Recipe) -> tuple[tuple[str, str], ...]:
    """Return the settings of a typical launch: checkpoints on a volume."""
    return (("volume", "models"),) if recipe.checkpoints else ()
