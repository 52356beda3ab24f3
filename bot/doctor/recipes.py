"""Judgement of the recipes: whether they are valid, and whether their secrets are set. By name; no value is read."""

from collections.abc import Collection, Mapping, Sequence

from bot.core.plan import find_missing_secrets
from bot.core.recipe import Recipe
from bot.doctor.finding import DoctorFinding, failure, join_names, ok, skip

RECIPES, SECRETS = "recipes", "recipes' secrets"


def judge_recipes(problems: Mapping[str, Sequence[str]], folder: str) -> DoctorFinding:
    """Judge whether the recipes are valid.

    Args:
        problems: of each recipe, what is wrong with it.
    """
    if not problems:
        return failure(RECIPES, f"none in {folder}", "Set VERLBOT_RECIPES_DIR to a folder with files NAME.yaml.")
    broken = {name: why for name, why in problems.items() if why}
    if broken:
        problem_list = "; ".join(f"`{name}`: {' '.join(why)}" for name, why in broken.items())
        return failure(
            RECIPES,
            f"{len(broken)} of {len(problems)} are not valid: {problem_list}",
            f"Mend them until `verlbot recipes check {folder}` finds nothing.",
        )
    return ok(RECIPES, f"all valid: {join_names(sorted(problems))}")


def judge_secrets(recipes: Sequence[Recipe], secret_names: Collection[str]) -> DoctorFinding:
    """Judge whether the secrets of the recipes are set.

    Args:
        known: names of the environment's variables that are no settings.
    """
    if not recipes:
        return skip(SECRETS, "no recipe is valid")
    lacking = {recipe.name: find_missing_secrets(recipe.task, secret_names) for recipe in recipes}
    needed = sorted({name for names in lacking.values() for name in names})
    if needed:
        affected = join_names([f"`{recipe}`" for recipe, names in lacking.items() if names])
        return failure(
            SECRETS,
            f"{join_names(needed)} not set, and {affected} cannot be launched without",
            f"Set {join_names(needed)} in the bot's environment.",
        )
    secrets = {name for recipe in recipes for name in recipe.task.get("secrets") or {}}
    there, absent = sorted(secrets & set(secret_names)), sorted(secrets - set(secret_names))
    parts = [f"{join_names(there)} set"] if there else []
    parts += [f"{join_names(absent)} not set, which the recipes can do without"] if absent else []
    return ok(SECRETS, "; ".join(parts) or "they need none")
