"""The parser: from a typed line to a command."""

import re

from bot.core import line
from bot.core.command import Command, Help
from bot.core.forms import FORMS, RUN_FORMS, Form
from bot.core.line import shown
from bot.core.masking import SHAPES, Masker
from bot.core.metric import is_metric
from bot.core.nearest import no_override, unknown
from bot.core.typed import Typed
from bot.errors import Denied, UserError
from bot.language import mark, say, together

HOW_TO_PASS = mark(
    "Slack has it now: revoke it. A run gets a secret from the bot's environment: name it under `secrets:` of the "
    "recipe, and set the variable where the bot runs. `/verl describe RECIPE` shows which secrets a recipe takes."
)
"""The hint to a user who typed a secret."""


def parse(text: str, here: str | None = None, masker: Masker = SHAPES) -> Command:
    """Return the command that a user typed after `/verl`.

    Args:
        text: the line, without `/verl`.
        thread_run: the run whose thread the user typed in; it is used where a RUN is left out.
        masker: recognises secrets.

    >>> parse("launch ppo nodes=2 trainer.total_epochs=3")
    Launch(recipe='ppo', parameters=(('nodes', '2'),), overrides=('trainer.total_epochs=3',), dry_run=False, sure=False)

    Raises:
        UserError: the line is not a valid command; the hint names what is valid. If the line contains a secret, no part
            of it is in the error.
    """
    refuse_secret(text, masker)  # first, because other errors show a part of the line
    words = line.split(text)
    for typed_as in (*words, " ".join(words)):  # without the quotes and long dashes that may hide a secret
        refuse_secret(typed_as, masker)
    if not words:
        return Help()
    form = FORMS.get(words[0].lower())
    if form is None:
        raise unknown("command", words[0], FORMS)
    if len(words) == 1 and form.alone is not None:
        return form.alone
    typed = sort(words[1:], form)
    return form.make(check(typed, form, here))


def refuse_secret(text: str, masker: Masker = SHAPES) -> None:
    """Raise Denied if a line contains a secret, before any part of it is recorded or shown."""
    if found := masker.find_secret(text):
        kind = f"`{found}`"
        held = say("Your line holds what looks like a secret: {kind}. The bot has not kept the line.", kind=kind)
        raise Denied(held, say(HOW_TO_PASS), act="type a secret")


def sort(words: tuple[str, ...], form: Form) -> Typed:
    """Return the words sorted into names, parameters, overrides and flags, by the way they are written."""
    names, parameters, overrides, flags = [], [], [], []
    for word in words:
        key, equals, value = word.partition("=")
        # The user wrote spaces around the equals sign.
        if word.startswith("="):
            raise UserError(
                say("{word} stands by itself.", word=shown(word)), say("Write it without spaces: `nodes=2`.")
            )
        if word.startswith("-") and word.strip("-"):
            flags.append(word.removeprefix("--"))
        elif is_override(key, bool(equals)):
            overrides.append(word)
        elif equals:
            parameters.append((key.lower(), value))
        else:
            names.append(word)
    refuse_repeated(parameters)
    return Typed(tuple(names), tuple(parameters), tuple(overrides), frozenset(flags))


def is_override(key: str, has_value: bool) -> bool:
    """Return whether a word is a Hydra override: `a.b=1`, `+a=1`, `~a`, `group/sub=x`, `group@package=x`.

    Without a value only a deletion (`~a`) is an override. (Source: Hydra's basic override syntax.)
    """
    return key.startswith("~") or (has_value and re.search(r"^\+|[./@]", key) is not None)


def refuse_repeated(parameters: list[tuple[str, str]]) -> None:
    """Raise UserError if a parameter occurs twice."""
    seen: dict[str, str] = {}
    for key, value in parameters:
        if key in seen:
            once = say("Give it once: {setting}.", setting=shown(f"{key}={seen[key]}"))
            raise UserError(say("{key} is given twice.", key=shown(key)), once)
        seen[key] = value


def check(typed: Typed, form: Form, here: str | None) -> Typed:
    """Return the arguments with the run of this thread filled in where it was left out.

    Raises:
        UserError: the command does not take one of the words, or lacks one.
    """
    for flag in sorted(typed.flags):
        if flag not in form.flags:
            valid = [f"--{flag}" for flag in form.flags]
            raise unknown("flag", flag if flag.startswith("-") else f"--{flag}", valid, takes_none(form), of=form.word)
    names = (here, *typed.names) if here and leaves_out_run(typed.names, form) else typed.names
    if len(names) < len(form.needs):
        raise UserError(
            say("`{command}` needs {name}.", command=form.word, name=form.needs[len(names)]),
            say("Type `/verl {usage}`, such as `/verl {example}`.", usage=form.usage, example=form.example),
        )
    if len(names) > form.most:
        surplus = say("{word} is one word too many for `{command}`.", word=shown(names[-1]), command=form.word)
        raise UserError(surplus, surplus_hint(form))
    if not form.takes_settings:
        refuse_settings(typed, form)
    return Typed(names, typed.parameters, typed.overrides, typed.flags, here)


def leaves_out_run(names: tuple[str, ...], form: Form) -> bool:
    """Return whether the command means the run of its thread: it names none, or only the second of two, or a metric."""
    if form.word not in RUN_FORMS:
        return False
    return len(names) < max(len(form.needs), 1) or (form.many is not None and is_metric(names[0]))


def surplus_hint(form: Form) -> str:
    settings = say("Settings are written `key=value`, and values with spaces in quotes.")
    return together(takes_none(form), settings if form.takes_settings else "")


def takes_none(form: Form) -> str:
    return say("Type `/verl {usage}`.", usage=form.usage)


def refuse_settings(typed: Typed, form: Form) -> None:
    """Raise UserError for a parameter or an override that the command does not take."""
    for key, _ in typed.parameters:
        if key not in form.options:
            raise unknown("option", key, form.options, takes_none(form), of=form.word)
    for override in typed.overrides:
        raise UserError(no_override(form.word, override), takes_none(form))
