"""The error for a name that is none of the valid ones: what is nearly the same, and what is valid."""

from collections.abc import Iterable, Sequence

from bot.core.model.near_names import find_near_names
from bot.core.model.typed_text import format_inline_code, quote_word
from bot.errors import UnknownName
from bot.phrase import N_, Phrase, Text, join_list, join_sentences

MAX_NAMES = 8
"""Maximum valid names that an error lists; it counts the rest."""

MAX_NAME_CHARACTERS = 120
"""Maximum characters of a listed name: keys of metrics are long, and people type no longer ones."""

IDENTIFIERS = ("run", "report")
"""What is named by ids: two ids that share half of their characters have nothing to do with each other."""

PLACES_OF_NAMES = {
    "command": "/verl help",
    "parameter": "/verl describe {owner}",
    "recipe": "/verl recipes",
    "run": "/verl list all",
}
"""The command that lists all names of a kind."""

MISSING_PHRASES = {
    "choice": N_("There is no choice {word}."),
    "command": N_("There is no command {word}."),
    "language": N_("There is no language {word}."),
    "list": N_("There is no list {word}."),
    "recipe": N_("There is no recipe {word}."),
    "report": N_("There is no report {word}."),
    "run": N_("There is no run {word}."),
}
MISSING_OF_OWNER_PHRASES = {
    "finding": N_("`{owner}` names an unknown finding: {word}."),
    "flag": N_("`{owner}` has no flag {word}."),
    "metric": N_("`{owner}` has no metric {word}."),
    "node": N_("`{owner}` has no node {word}."),
    "option": N_("`{owner}` has no option {word}."),
    "parameter": N_("`{owner}` has no parameter {word}."),
}
"""By what is missing. These are whole sentences, because a noun changes the words around it in most languages."""


def unknown_name_error(
    noun: str,
    word: str,
    valid: Iterable[str],
    fallback_hint: Text = "",
    owner: str = "",
    meant: str = "",
    other_names: Iterable[str] = (),
) -> UnknownName:
    """Return the error for a name that is not one of the valid ones.

    Args:
        noun: a key of `MISSING_PHRASES`, or, with `owner`, of `MISSING_OF_OWNER_PHRASES`.
        fallback_hint: the hint where no name is valid.
        owner: what the name would belong to.
        meant: the word that is compared with the valid names, where it is not the typed one.
        other_names: valid names that are suggested, but not listed.

    >>> str(unknown_name_error("recipe", "pppo", ["grpo", "ppo"]).sentence)
    'There is no recipe `pppo`. Did you mean `ppo`? Valid: `ppo`, `grpo`.'
    >>> str(unknown_name_error("parameter", "node", ["nodes"], owner="ppo").sentence)
    '`ppo` has no parameter `node`. Did you mean `nodes`? Valid: `nodes`.'
    """
    names = list(dict.fromkeys(valid))
    listed = find_near_names(meant or word, names, 1 if noun in IDENTIFIERS else None)
    near = [*listed, *find_near_names(meant or word, other_names)]
    # Of two ids that are equally near, neither is what was meant.
    if noun in IDENTIFIERS and len(near) > 1:
        listed = near = []
    ordered = listed + [name for name in names if name not in listed]
    guess = suggest_name(near[0]) if near else ""
    missing = Phrase(
        MISSING_OF_OWNER_PHRASES[noun] if owner else MISSING_PHRASES[noun], owner=owner, word=format_inline_code(word)
    )
    place = PLACES_OF_NAMES.get(noun, "").format(owner=owner)
    hint = join_sentences(guess, list_valid_names(ordered, place) or fallback_hint)
    return UnknownName(missing, hint, near[0] if near else "")


def suggest_name(name: str) -> Phrase:
    """Return the question whether a valid name was meant, as it must be typed."""
    return Phrase("Did you mean {name}?", name=format_inline_code(quote_word(name), MAX_NAME_CHARACTERS))


def list_valid_names(names: Sequence[str], place: str = "") -> Text:
    """Return the valid names as a sentence; empty where there are none.

    Args:
        place: the command that lists them all; empty for none.

    >>> str(list_valid_names([str(number) for number in range(20)], "/verl list all"))
    'Valid: `0`, `1`, `2`, `3`, `4`, `5`, `6`, `7`, and 12 more: `/verl list all`.'
    """
    if not names:
        return ""
    shown_names = join_list(format_inline_code(name, MAX_NAME_CHARACTERS) for name in names[:MAX_NAMES])
    more = len(names) - MAX_NAMES
    if more > 0 and place:
        return Phrase("Valid: {names}, and {count} more: `{command}`.", names=shown_names, count=more, command=place)
    if more > 0:
        return Phrase("Valid: {names} and {count} more.", names=shown_names, count=more)
    return Phrase("Valid: {names}.", names=shown_names)
