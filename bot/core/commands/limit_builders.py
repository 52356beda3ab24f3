"""Builders of the commands for a lease and for budgets: what is not exact is refused, with the line to type."""

import re
from datetime import timedelta

from bot.core.commands.command import (
    MAX_LEASE_HOURS,
    Extend,
    SetBudget,
    SetMonthlyBudget,
    ShowBudgets,
    ShowRunBudget,
)
from bot.core.commands.typed_people import match_person, refuse_user_group
from bot.core.model.characters import to_half_width
from bot.core.model.policy import Scope
from bot.core.model.run_filter import ME
from bot.core.model.typed_quantities import parse_amount, parse_budget, parse_timespan
from bot.core.model.typed_text import ParsedArguments, format_inline_code, quote_word
from bot.errors import UserError
from bot.phrase import Phrase, Text

MAX_HOURS_WITHOUT_UNIT = 12
"""The largest number that means hours where a person names no unit; a larger one may as well mean minutes."""

MAX_NUMBER_DIGITS = 10
"""Maximum digits of a number whose unit is asked for; a longer one is no time at all."""


def build_extend_command(arguments: ParsedArguments) -> Extend:
    """Return the command for a span as people write it: `2h`, `90 minutes`, `1d`; a small number alone means hours.

    Raises:
        UserError: the text is no such span, it is too long, or its number may mean minutes or hours.
    """
    run, text = arguments.names[0], " ".join(arguments.names[1:])
    if text.isdecimal() and len(text) < MAX_NUMBER_DIGITS and int(text) > MAX_HOURS_WITHOUT_UNIT:
        choices = Phrase("Type `extend {run} {count}m` or `extend {run} {count}h`.", run=run, count=text)
        raise UserError(Phrase("`{count}` may mean minutes or hours.", count=text), choices)
    timespan = parse_timespan(text, "h")
    if timespan is None or not timedelta() < timespan <= timedelta(hours=MAX_LEASE_HOURS):
        problem = Phrase("A lease cannot be extended by {value}.", value=format_inline_code(text))
        raise UserError(problem, suggest_extension(run, text))
    return Extend(run, timespan.total_seconds() / 3600)


WORDS_AROUND_TIMES = re.compile(r"^(?:by|for|another|\+) ?| (?:more|longer|please|pls)$")
SIGNS_BEHIND_TIMES = " .,!。"
HALF_HOUR = re.compile(r"(?:a )?half (?:an )?hour|半(?:个)?小时")


def suggest_extension(run: str, text: str) -> Text:
    """Return how to type a time that is nearly one; it is not guessed, because it costs money.

    >>> [str(suggest_extension("ppo-7f3a", text)) for text in ("2h.", "by 1,5h", "half an hour", "2h30")]
    ['Type `/verl extend ppo-7f3a 2h`.', 'Type `/verl extend ppo-7f3a 1.5h`.', 'Type `/verl extend ppo-7f3a 30m`.', \
'Type `/verl extend ppo-7f3a 2h 30m`.']
    """
    bare = simplify_time(text)
    timespan = parse_timespan(bare, "h")
    if timespan and timedelta() < timespan <= timedelta(hours=MAX_LEASE_HOURS):
        return show_line("extend", run, bare)
    if parse_timespan(run) is not None:  # the other way round: `extend 2h one`
        return show_line("extend", text, run)
    return Phrase("Give a time such as `2h`, `90m` or `1d`, at most {most} days.", most=MAX_LEASE_HOURS // 24)


def simplify_time(text: str) -> str:
    """Return a typed time without the words and signs around it, with a point and units.

    >>> simplify_time("by 2h."), simplify_time("1,5h"), simplify_time("2h30")
    ('2h', '1.5h', '2h 30m')
    """
    bare = " ".join(to_half_width(text).lower().split()).rstrip(SIGNS_BEHIND_TIMES)
    bare = WORDS_AROUND_TIMES.sub("", bare).rstrip(SIGNS_BEHIND_TIMES)
    with_point = re.sub(r"^(\d+),(\d+)", r"\1.\2", re.sub(r"^(\d+h) ?(\d\d)$", r"\1 \2m", bare))
    return HALF_HOUR.sub("30m", with_point)


def show_line(word: str, name: str, value: str) -> Phrase:
    """Return the line to type, with the name of a run or a person and the value for it."""
    line = f"/verl {word} {name if name.startswith('<@') else quote_word(name)} {value}"
    return Phrase("Type {command}.", command=format_inline_code(line, MAX_SHOWN_CHARACTERS))


MAX_SHOWN_CHARACTERS = 120
"""Maximum characters of a line that is shown to be typed."""

BUDGET_SCOPES = {"team": Scope.TEAM, "workspace": Scope.WORKSPACE}


def build_budget_command(
    arguments: ParsedArguments,
) -> SetBudget | SetMonthlyBudget | ShowBudgets | ShowRunBudget:
    """Return the command for a run's budget, or for a month's: the channel's, the workspace's, or a person's.

    Without dollars, the command shows the budget. A person is written as Slack writes a mention: `<@U0ANA|ana>`.

    Raises:
        UserError: there is no such person, or the amount is none.
    """
    name, *amount = join_budget_name(arguments.names)
    refuse_user_group(name)
    refuse_amount_as_name(name, " ".join(amount))
    mentioned, is_typed = match_person(name), name.startswith("@") or name.lower() == ME
    person = mentioned[1] if mentioned else name.lower() if is_typed else ""
    scope = Scope.PERSON if person else BUDGET_SCOPES.get(name.lower())
    if not amount:
        return ShowBudgets(scope, person) if scope else ShowRunBudget(name)
    dollars = parse_budget(" ".join(amount))
    return SetMonthlyBudget(scope, dollars, person) if scope else SetBudget(name, dollars)


WORDS_BEFORE_AMOUNTS = ("to", "up", "at", "of", "is", "be")
"""Words that people put before an amount."""


def join_budget_name(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words with a name of several words before an amount as one: `budget ana roth 30`.

    >>> join_budget_name(("ana", "roth", "30")), join_budget_name(("ppo-7f3a", "1", "000"))
    (('ana roth', '30'), ('ppo-7f3a', '1', '000'))

    Raises:
        UserError: a word before the amount belongs neither to a name nor to it; the hint is the line without it.
    """
    *words, last = names
    if len(words) < 2 or parse_amount(last) is None or any(char.isdecimal() for char in "".join(words[1:])):
        return names
    if words[-1].lower() in WORDS_BEFORE_AMOUNTS:
        name = " ".join(word for word in words if word.lower() not in WORDS_BEFORE_AMOUNTS)
        raise UserError(
            Phrase("I didn't understand {word}.", word=format_inline_code(words[-1])), show_line("budget", name, last)
        )
    is_relative = words[1].lower() in ("by", "another")
    return (words[0], f"by {last}") if is_relative else (" ".join(words), last)


MAX_DIGITS_ALONE = 3
"""Maximum digits of an amount alone: more may be the end of a run's id."""


def refuse_amount_as_name(name: str, amount: str) -> None:
    """Raise UserError for an amount in place of a run: `budget 30`, `budget 30 one`."""
    if parse_amount(name) is None or (amount and parse_amount(amount) is not None):
        return
    if amount:
        problem = Phrase("{text} is not an amount of dollars.", text=format_inline_code(amount))
        raise UserError(problem, show_line("budget", amount, name))
    if len(name) <= MAX_DIGITS_ALONE or not name.isdecimal():
        how = Phrase("Type {command}.", command=format_inline_code(f"/verl budget RUN {name}"))
        raise UserError(Phrase("Which run?"), how)


QUANTITY_WORDS = ("dollars", "budget", "amount", "usd", "lease", "time", "hours", "by", "to")
"""What people call an amount or a time before `=`."""


def refuse_equals_sign(words: tuple[str, ...], thread_run: str | None) -> None:
    """Raise UserError for a lease or a budget with an equals sign: `budget team=500`, `extend one = 2h`.

    Args:
        words: of the line, the command first.
    """
    if not any("=" in word for word in words[1:]):
        return
    parts = [part for part in " ".join(words[1:]).replace("=", " ").split() if part.lower() not in QUANTITY_WORDS]
    if len(parts) == 1 and thread_run:
        parts = [thread_run, *parts]
    problem = Phrase("`{command}` takes no `=`.", command=words[0])
    if len(parts) != 2:
        example = "`/verl extend ppo-7f3a 2h`, `/verl budget ppo-7f3a 300`"
        raise UserError(problem, Phrase("Such as {example}.", example=example))
    raise UserError(problem, show_line(words[0], *parts))
