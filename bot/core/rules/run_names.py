"""Names that people give to runs: which of them a command could take for something else. Pure."""

import re
from collections.abc import Collection

from bot.core.commands.aliases import CHINESE_ALIASES, ENGLISH_ALIASES, GREETINGS
from bot.core.commands.builders import COST_WORDS, LIST_WORDS, OTHER_TIMES, SAMPLE_WORDS, WORDS_BETWEEN_RUNS
from bot.core.commands.command import COST_SCOPES, RUN_LISTS
from bot.core.commands.limit_builders import BUDGET_SCOPES
from bot.core.commands.log_builder import NUMBER_WORDS, SEARCH_WORDS
from bot.core.commands.parser import PREFIXES, looks_like_amount
from bot.core.commands.report_command import SCHEDULE_WORDS
from bot.core.commands.specs import COMMAND_SPECS
from bot.core.model.characters import to_plain_hyphens
from bot.core.model.metrics import DISPLAY_NAMES, TIME_WORD
from bot.core.model.recipe import NAME
from bot.core.model.run_filter import STATE_TESTS
from bot.core.model.typed_quantities import parse_timespan
from bot.core.model.typed_text import format_inline_code, quote_word
from bot.errors import UnsuitableSetting
from bot.phrase import Phrase

COMMAND_WORDS = frozenset(
    (
        *COMMAND_SPECS,
        *ENGLISH_ALIASES,
        *CHINESE_ALIASES,
        *GREETINGS,
        *PREFIXES,
        *COST_SCOPES,
        *RUN_LISTS,
        *STATE_TESTS,
        *BUDGET_SCOPES,
        *SAMPLE_WORDS,
        *COST_WORDS,
        *LIST_WORDS,
        *OTHER_TIMES,
        *WORDS_BETWEEN_RUNS,
        *NUMBER_WORDS,
        *SEARCH_WORDS,
        *SCHEDULE_WORDS,
        *(metric.lower() for metric in DISPLAY_NAMES),
        TIME_WORD,
        "now",
        "off",
        "me",
    )
)
"""Words that commands take beside the name of a run, in small letters."""

ID_ENDING = re.compile(r"[0-9a-f]{4,8}")
"""What follows the recipe in a run's id, and is enough to name the run."""


def refuse_unusable_name(name: str, recipes: Collection[str]) -> None:
    """Refuse a name that a command would take for something else.

    Args:
        recipes: the names of all recipes.

    Raises:
        UnsuitableSetting: it looks like an id, an amount, a time or a mention, or is a word that commands know.
    """
    word = " ".join(to_plain_hyphens(name).casefold().split())
    recipe, _, ending = word.rpartition("-")
    is_ending = ID_ENDING.fullmatch(ending) is not None
    if is_ending and (recipe in recipes or (not recipe and any(char.isdecimal() for char in ending))):
        raise build_refusal(Phrase("`name` must not look like the id of a run, as {name} does.", name=show(name)), name)
    if word in COMMAND_WORDS or word in recipes:
        raise build_refusal(Phrase("`name` must not be a word of a command, as {name} is.", name=show(name)), name)
    if looks_like_amount(word) or parse_timespan(word, "h") is not None:
        raise build_refusal(Phrase("`name` must not be a number or a time, as {name} is.", name=show(name)), name)
    if word.startswith(("@", "<", "-")) or "=" in word:
        raise build_refusal(Phrase("`name` must be letters, digits and spaces, not {name}.", name=show(name)), name)


def build_refusal(message: Phrase, name: str) -> UnsuitableSetting:
    """Return the refusal of a name, with a name like it that commands take."""
    letters = "".join(char for char in name if char.isalnum() or char in " -_.")
    example = quote_word(f"my {letters.strip(' -_.')}".strip())
    return UnsuitableSetting(message, Phrase("Such as `name={name}`.", name=example), setting=NAME.name)


def show(name: str) -> str:
    return format_inline_code(name)


def build_name_refusal(name: str, run_id: str) -> UnsuitableSetting:
    """Return the refusal of a name that an active run has, with a name that is not in use."""
    message = Phrase("{name} is the name of `{run}`, which is active.", name=format_inline_code(name), run=run_id)
    return UnsuitableSetting(
        message, Phrase("Type another one, such as `name={name}`.", name=quote_word(f"{name} 2")), setting=NAME.name
    )
