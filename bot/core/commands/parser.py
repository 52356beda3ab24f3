"""The parser: from a typed line to a command."""

import re

from bot.core.commands.command import Command, ShowHelp
from bot.core.commands.specs import COMMAND_SPECS, RUN_COMMANDS, CommandSpec
from bot.core.masking.masker import SHAPE_MASKER, Masker
from bot.core.model import typed_text
from bot.core.model.metrics import is_metric_word
from bot.core.model.typed_text import ParsedArguments, describe_override_refusal, format_inline_code, unknown_name_error
from bot.errors import Denied, UserError
from bot.phrase import N_, Phrase, Text, join_sentences

HOW_TO_PASS_SECRETS = N_(
    "Slack has it now: revoke it. A run gets a secret from the bot's environment: name it under `secrets:` of the "
    "recipe, and set the variable where the bot runs. `/verl describe RECIPE` shows which secrets a recipe takes."
)
"""The hint to a user who typed a secret."""


def parse_command(text: str, thread_run: str | None = None, masker: Masker = SHAPE_MASKER) -> Command:
    """Return the command that a user typed after `/verl`.

    Args:
        text: the line, without `/verl`.
        thread_run: the run whose thread the user typed in; it is used where a RUN is left out.
        masker: recognises secrets.

    >>> parse_command("launch ppo nodes=2 trainer.total_epochs=3")
    Launch(recipe='ppo', parameters=(('nodes', '2'),), overrides=('trainer.total_epochs=3',), dry_run=False, sure=False)

    Raises:
        UserError: the line is not a valid command; the hint names what is valid. If the line contains a secret, no part
            of it is in the error.
    """
    refuse_secret(text, masker)  # first, because other errors show a part of the line
    words = typed_text.split_words(text)
    for variant in (*words, " ".join(words)):  # without the quotes and long dashes that may hide a secret
        refuse_secret(variant, masker)
    if not words:
        return ShowHelp()
    spec = COMMAND_SPECS.get(words[0].lower())
    if spec is None:
        raise unknown_name_error("command", words[0], COMMAND_SPECS)
    if len(words) == 1 and spec.default is not None:
        return spec.default
    arguments = sort_words(words[1:], spec)
    return spec.build(check_arguments(arguments, spec, thread_run))


def refuse_secret(text: str, masker: Masker = SHAPE_MASKER) -> None:
    """Raise Denied if a line contains a secret, before any part of it is recorded or shown."""
    if label := masker.find_secret(text):
        kind = f"`{label}`"
        message = Phrase("Your line holds what looks like a secret: {kind}. The bot has not kept the line.", kind=kind)
        raise Denied(message, Phrase(HOW_TO_PASS_SECRETS), act="type a secret")


def sort_words(words: tuple[str, ...], spec: CommandSpec) -> ParsedArguments:
    """Return the words sorted into names, parameters, overrides and flags, by the way they are written."""
    names, parameters, overrides, flags = [], [], [], []
    for word in words:
        key, equals, value = word.partition("=")
        # The user wrote spaces around the equals sign.
        if word.startswith("="):
            raise UserError(
                Phrase("{word} follows a space.", word=format_inline_code(word)),
                Phrase("Write it without spaces: `nodes=2`."),
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
    return ParsedArguments(tuple(names), tuple(parameters), tuple(overrides), frozenset(flags))


def is_override(key: str, has_value: bool) -> bool:
    """Return whether a word is a Hydra override: `a.b=1`, `+a=1`, `~a`, `group/sub=x`, `group@package=x`.

    Without a value only a deletion (`~a`) is an override. (Source: Hydra's basic override syntax.)
    """
    return key.startswith("~") or (has_value and re.search(r"^\+|[./@]", key) is not None)


def refuse_repeated(parameters: list[tuple[str, str]]) -> None:
    """Raise UserError if a parameter occurs twice."""
    values: dict[str, str] = {}
    for key, value in parameters:
        if key in values:
            once = Phrase("Give it once: {setting}.", setting=format_inline_code(f"{key}={values[key]}"))
            raise UserError(Phrase("{key} is given twice.", key=format_inline_code(key)), once)
        values[key] = value


def check_arguments(arguments: ParsedArguments, spec: CommandSpec, thread_run: str | None) -> ParsedArguments:
    """Return the arguments with the run of this thread filled in where it was left out.

    Raises:
        UserError: the command does not take one of the words, or lacks one.
    """
    for flag in sorted(arguments.flags):
        if flag not in spec.flags:
            valid = [f"--{flag}" for flag in spec.flags]
            raise unknown_name_error(
                "flag", flag if flag.startswith("-") else f"--{flag}", valid, usage_hint(spec), owner=spec.word
            )
    names = (thread_run, *arguments.names) if thread_run and omits_run(arguments.names, spec) else arguments.names
    if len(names) < len(spec.required):
        raise UserError(
            Phrase("`{command}` needs {name}.", command=spec.word, name=spec.required[len(names)]),
            Phrase("Type `/verl {usage}`, such as `/verl {example}`.", usage=spec.usage, example=spec.example),
        )
    if len(names) > spec.max_names:
        surplus = Phrase(
            "{word} is one word too many for `{command}`.", word=format_inline_code(names[-1]), command=spec.word
        )
        raise UserError(surplus, surplus_hint(spec))
    if not spec.takes_settings:
        refuse_settings(arguments, spec)
    return ParsedArguments(names, arguments.parameters, arguments.overrides, arguments.flags, thread_run)


def omits_run(names: tuple[str, ...], spec: CommandSpec) -> bool:
    """Return whether the command means the run of its thread: it names none, or only the second of two, or a metric."""
    if spec.word not in RUN_COMMANDS:
        return False
    return len(names) < max(len(spec.required), 1) or (spec.variadic is not None and is_metric_word(names[0]))


def surplus_hint(spec: CommandSpec) -> Text:
    settings = Phrase("Settings are written `key=value`, and values with spaces in quotes.")
    return join_sentences(usage_hint(spec), settings if spec.takes_settings else "")


def usage_hint(spec: CommandSpec) -> Text:
    return Phrase("Type `/verl {usage}`.", usage=spec.usage)


def refuse_settings(arguments: ParsedArguments, spec: CommandSpec) -> None:
    """Raise UserError for a parameter or an override that the command does not take."""
    for key, _ in arguments.parameters:
        if key not in spec.options:
            raise unknown_name_error("option", key, spec.options, usage_hint(spec), owner=spec.word)
    for override in arguments.overrides:
        raise UserError(describe_override_refusal(spec.word, override), usage_hint(spec))
