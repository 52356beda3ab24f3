"""Errors for unknown names: they list the valid names, the closest first."""

from collections.abc import Iterable
from difflib import get_close_matches

from bot.core.line import shown
from bot.errors import UserError
from bot.language import listing, mark, say, together

MOST_NAMED = 24
"""Maximum valid names that an error lists; it counts the rest."""

LONGEST_NAME = 120
"""Maximum characters of a listed name: verl's keys of metrics are long, and people type no longer ones."""


MISSING = {
    "choice": mark("There is no choice {word}."),
    "command": mark("There is no command {word}."),
    "language": mark("There is no language {word}."),
    "list": mark("There is no list {word}."),
    "recipe": mark("There is no recipe {word}."),
    "report": mark("There is no report {word}."),
    "run": mark("There is no run {word}."),
    "time zone": mark("There is no time zone {word}."),
}
MISSING_OF = {
    "finding": mark("`{owner}` names a finding that there is not: {word}."),
    "flag": mark("`{owner}` has no flag {word}."),
    "metric": mark("`{owner}` has no metric {word}."),
    "node": mark("`{owner}` has no node {word}."),
    "option": mark("`{owner}` has no option {word}."),
    "parameter": mark("`{owner}` has no parameter {word}."),
}
"""By what is missing. These are whole sentences, because a noun changes the words around it in most languages."""


def unknown(noun: str, word: str, valid: Iterable[str], otherwise: str = "", of: str = "") -> UserError:
    """Return the error for a name that is not one of the valid ones.

    Args:
        noun: a key of `MISSING_PHRASES`, or, with `owner`, of `MISSING_OF_OWNER_PHRASES`.
        fallback_hint: the hint where no name is valid.
        owner: what the name would belong to.

    >>> unknown("recipe", "pppo", ["grpo", "ppo"]).sentence
    'There is no recipe `pppo`. Did you mean `ppo`? Valid: `ppo`, `grpo`.'
    >>> unknown("parameter", "node", ["nodes"], of="ppo").sentence
    '`ppo` has no parameter `node`. Did you mean `nodes`? Valid: `nodes`.'
    """
    names = sorted(valid)
    near = get_close_matches(word.lower(), names, n=3, cutoff=0.6)
    ordered = near + [name for name in names if name not in near]
    guess = say("Did you mean {name}?", name=shown(near[0], LONGEST_NAME)) if near else ""
    missing = say(MISSING_OF[noun] if of else MISSING[noun], owner=of, word=shown(word))
    return UserError(missing, together(guess, listed(ordered) or otherwise))


def listed(names: list[str]) -> str:
    """Return the valid names as a sentence; empty where there are none."""
    if not names:
        return ""
    shown_names = listing(shown(name, LONGEST_NAME) for name in names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    if more > 0:
        return say("Valid: {names} and {count} more.", names=shown_names, count=more)
    return say("Valid: {names}.", names=shown_names)


def no_override(name: str, override: str) -> str:
    """Return why a recipe or command refuses a Hydra override."""
    return say("`{name}` takes no Hydra override such as {override}.", name=name, override=shown(override))
