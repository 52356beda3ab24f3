"""Errors for unknown names: they list the valid names, the closest first."""

from collections.abc import Iterable
from difflib import get_close_matches

from bot.core.line import format_inline_code
from bot.errors import UserError
from bot.language import N_, join_list, join_sentences, translate

MAX_NAMES = 24
"""Maximum valid names that an error lists; it counts the rest."""

MAX_NAME_CHARACTERS = 120
"""Maximum characters of a listed name: verl's keys of metrics are long, and people type no longer ones."""


MISSING_PHRASES = {
    "choice": N_("There is no choice {word}."),
    "command": N_("There is no command {word}."),
    "language": N_("There is no language {word}."),
    "list": N_("There is no list {word}."),
    "recipe": N_("There is no recipe {word}."),
    "report": N_("There is no report {word}."),
    "run": N_("There is no run {word}."),
    "time zone": N_("There is no time zone {word}."),
}
MISSING_OF_OWNER_PHRASES = {
    "finding": N_("`{owner}` names a finding that there is not: {word}."),
    "flag": N_("`{owner}` has no flag {word}."),
    "metric": N_("`{owner}` has no metric {word}."),
    "node": N_("`{owner}` has no node {word}."),
    "option": N_("`{owner}` has no option {word}."),
    "parameter": N_("`{owner}` has no parameter {word}."),
}
"""By what is missing. These are whole sentences, because a noun changes the words around it in most languages."""


def unknown_name_error(
    noun: str, word: str, valid: Iterable[str], fallback_hint: str = "", owner: str = ""
) -> UserError:
    """Return the error for a name that is not one of the valid ones.

    Args:
        noun: a key of `MISSING_PHRASES`, or, with `owner`, of `MISSING_OF_OWNER_PHRASES`.
        fallback_hint: the hint where no name is valid.
        owner: what the name would belong to.

    >>> unknown_name_error("recipe", "pppo", ["grpo", "ppo"]).sentence
    'There is no recipe `pppo`. Did you mean `ppo`? Valid: `ppo`, `grpo`.'
    >>> unknown_name_error("parameter", "node", ["nodes"], owner="ppo").sentence
    '`ppo` has no parameter `node`. Did you mean `nodes`? Valid: `nodes`.'
    """
    names = sorted(valid)
    near = get_close_matches(word.lower(), names, n=3, cutoff=0.6)
    ordered = near + [name for name in names if name not in near]
    guess = translate("Did you mean {name}?", name=format_inline_code(near[0], MAX_NAME_CHARACTERS)) if near else ""
    missing = translate(
        MISSING_OF_OWNER_PHRASES[noun] if owner else MISSING_PHRASES[noun], owner=owner, word=format_inline_code(word)
    )
    return UserError(missing, join_sentences(guess, list_valid_names(ordered) or fallback_hint))


def list_valid_names(names: list[str]) -> str:
    """Return the valid names as a sentence; empty where there are none."""
    if not names:
        return ""
    shown_names = join_list(format_inline_code(name, MAX_NAME_CHARACTERS) for name in names[:MAX_NAMES])
    more = len(names) - MAX_NAMES
    if more > 0:
        return translate("Valid: {names} and {count} more.", names=shown_names, count=more)
    return translate("Valid: {names}.", names=shown_names)


def describe_override_refusal(name: str, override: str) -> str:
    """Return why a recipe or command refuses a Hydra override."""
    return translate(
        "`{name}` takes no Hydra override such as {override}.", name=name, override=format_inline_code(override)
    )
