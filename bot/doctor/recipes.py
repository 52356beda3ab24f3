"""Judgement of the recipes: whether they are valid, and whether their secrets are set. By name; no value is read."""

from collections.abc import Collection, Mapping, Sequence

from bot.core.plan import missing_secrets
from bot.core.recipe import Recipe
from bot.doctor.finding import Finding, failure, ok, several, skipped

RECIPES, SECRETS = "recipes", "recipes' secrets"


def judge_recipes(problems: Mapping[str, Sequence[str]], folder: str) -> Finding:
    """Judge whether the recipes are valid.

    Args:
        problems: of each recipe, what is wrong with it.
    """
    if not problems:
        return failure(RECIPES, f"none in {folder}", "Set VERLBOT_RECIPES_DIR to a folder with files NAME.yaml.")
    broken = {name: why for name, why in problems.items() if why}
    if broken:
        told = "; ".join(f"`{name}`: {' '.join(why)}" for name, why in broken.items())
        return failure(
            RECIPES,
            f"{len(broken)} of {len(problems)} are not valid: {told}",
            f"Mend them until `verlbot recipes check {folder}` finds nothing.",
        )
    return ok(RECIPES, f"all valid: {several(sorted(problems))}")


def judge_secrets(recipes: Sequence[Recipe], known: Collection[str]) -> Finding:
    """Judge whether the secrets of the recipes are set.

    Args:
        known: names of the environment's variables that are no settings.
    """
    if not recipes:
        return skipped(SECRETS, "no recipe is valid")
    lacking = {recipe.name: missing_secrets(recipe.task, known) for recipe in recipes}
    needed = sorted({name for names in lacking.values() for name in names})
    if needed:
        of = several([f"`{recipe}`" for recipe, names in lacking.items() if names])
        return failure(
            SECRETS,
            f"{several(needed)} not set, and {of} cannot be launched without",
            f"Set {several(needed)} in the bot's environment.",
        )
    asked = {name for recipe in recipes for name in recipe.task.get("secrets") or {}}
    there, absent = sorted(asked & set(known)), sorted(asked - set(known))
    parts = [f"{several(there)} set"] if there else []
    parts += [f"{several(absent)} not set, which the recipes can do without"] if absent else []
    return ok(SECRETS, "; ".join(parts) or "they need none")
