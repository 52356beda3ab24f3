"""The parser: from a typed line to a command."""

import re
from dataclasses import replace

from bot.core.commands.aliases import GREETINGS, find_language_of, resolve_command_word
from bot.core.commands.builders import RUN_ID_SHAPE, SAMPLE_WORDS
from bot.core.commands.command import FOLLOW_FLAG, Command, ShowHelp, ShowWelcome
from bot.core.commands.free_text import FREE_TEXT_SETTINGS, is_flag, join_sentences_of
from bot.core.commands.limit_builders import refuse_equals_sign, simplify_time
from bot.core.commands.log_builder import begins_log_option
from bot.core.commands.sentence_signs import forgives_signs, refuse_question, strip_sentence_signs
from bot.core.commands.specs import COMMAND_SPECS, RUN_COMMANDS, CommandSpec
from bot.core.commands.typed_people import match_person
from bot.core.commands.unknown_commands import refuse_sentence, shell_command_error, unknown_command_error
from bot.core.masking.masker import SHAPE_MASKER, Masker
from bot.core.model import typed_text
from bot.core.model.characters import to_half_width
from bot.core.model.metrics import is_metric_word
from bot.core.model.near_names import find_near_names
from bot.core.model.recipe import BUDGET
from bot.core.model.typed_quantities import parse_amount, parse_timespan
from bot.core.model.typed_text import (
    ParsedArguments,
    TypedLine,
    describe_override_refusal,
    format_inline_code,
    quote_word,
    show_typed_names,
)
from bot.core.model.valid_names import MISSING_OF_OWNER_PHRASES, unknown_name_error
from bot.errors import Denied, UserError
from bot.phrase import N_, Phrase, Text, join_sentences, name_person

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
    line = typed_text.read_line(strip_back_ticks(text))
    joined = " ".join(line.words)
    for variant in (*line.words, joined, to_half_width(joined)):  # without the quotes and signs that may hide a secret
        refuse_secret(variant, masker)
    if len(line.words) > 1 and line.words[0].lower() in PREFIXES:
        line = line.drop_first_word()
    if not line.words:
        return ShowHelp()
    bare, signs = strip_sentence_signs(line.words)
    if not signs:
        return parse_line(line, thread_run)
    try:
        command = parse_line(replace(line, words=bare), thread_run)
    except UserError:  # the error for the whole line shows what was typed
        return parse_line(line, thread_run)
    if forgives_signs(command):
        return command
    refuse_question(signs, bare, command, thread_run)
    # What acts stays as it was typed.
    return parse_line(line, thread_run)


def strip_back_ticks(text: str) -> str:
    """Return a line without the back-ticks around all of it, which are copied with a command.

    >>> strip_back_ticks("`status one`"), strip_back_ticks("status `one`")
    ('status one', 'status `one`')
    """
    bare = text.strip()
    return bare.strip("`") if bare.startswith("`") and bare.endswith("`") else text


def parse_line(line: TypedLine, thread_run: str | None) -> Command:
    """Return the command of the words of a line.

    Raises:
        UserError: they are not a valid command.
    """
    words = line.words
    word = resolve_command_word(to_half_width(words[0]))
    if word in GREETINGS:
        return ShowWelcome()
    spec = COMMAND_SPECS.get(word)
    if spec is None:
        raise unknown_command_error(words, thread_run)
    if len(words) == 1 and word == "help":
        return ShowHelp(None, find_language_of(words[0]))
    if len(words) == 1 and spec.default is not None and not (thread_run and word == "compare"):
        return spec.default
    if word in ("budget", "extend"):
        refuse_equals_sign(words, thread_run)
    if words[0].lower() != word:
        refuse_sentence(words, spec, thread_run)
    arguments = sort_words(join_sentences_of(line, spec), spec)
    arguments = replace(arguments, text=line.take_text(1, len(words)))
    return spec.build(check_arguments(arguments, spec, thread_run))


PREFIXES = ("/verl", "verl", "/verlbot", "verlbot", "@verlbot")
"""What people type before a command out of habit, where it is not needed."""

TIME_SETTINGS = ("lease", "since")
"""Settings whose values may have a unit after a space: `lease=2 hours`."""


def refuse_secret(text: str, masker: Masker = SHAPE_MASKER) -> None:
    """Raise Denied if a line contains a secret, before any part of it is recorded or shown."""
    if label := masker.find_secret(text):
        kind = f"`{label}`"
        message = Phrase("Your line holds what looks like a secret: {kind}. The bot has not kept the line.", kind=kind)
        raise Denied(message, Phrase(HOW_TO_PASS_SECRETS), act="type a secret")


def sort_words(words: tuple[str, ...], spec: CommandSpec) -> ParsedArguments:
    """Return the words sorted into names, parameters, overrides and flags, by the way they are written."""
    names, overrides, flags = [], [], []
    parameters: list[tuple[str, str]] = []
    for before, word in zip(("", *words), words, strict=False):
        typed_key, equals, value = word.partition("=")
        key = to_half_width(typed_key)
        refuse_space_around_equals(word)
        if is_flag(word):
            is_short = word == "-f" and FOLLOW_FLAG in spec.flags
            flags.append(FOLLOW_FLAG if is_short else word.removeprefix("--"))
        elif is_override(key, bool(equals)):
            overrides.append(f"{key}{equals}{value}")
        elif equals:
            is_free = key.lower() in FREE_TEXT_SETTINGS
            parameters.append((key.lower(), show_typed_names(value) if is_free else to_half_width(value)))
        elif parameters and (continues_time(before, word) or continues_amount(before, word)):
            parameters[-1] = (parameters[-1][0], f"{parameters[-1][1]} {word}")
        elif word.lower() in spec.flags and not spec.takes_settings:
            # The dashes may be left out where no setting could be meant.
            flags.append(word.lower())
        else:
            names.append(key)
    refuse_repeated(parameters)
    return ParsedArguments(tuple(names), tuple(parameters), tuple(overrides), frozenset(flags))


def continues_time(before: str, word: str) -> bool:
    """Return whether a word is the unit of the setting before it: `hours` in `lease=2 hours`."""
    key, _, value = before.partition("=")
    return key.lower() in TIME_SETTINGS and parse_timespan(f"{value} {word}") is not None


def continues_amount(before: str, word: str) -> bool:
    """Return whether a word is the rest of a budget with a space in it, which is then refused as a whole.

    >>> continues_amount("budget=1", "000"), continues_amount("nodes=1", "000"), continues_amount("budget=1", "30")
    (True, False, False)
    """
    key, _, value = before.partition("=")
    return key.lower() == BUDGET.name and re.fullmatch(r"\$?\d{1,3} \d{3}", f"{value} {word}", re.ASCII) is not None


def refuse_space_around_equals(word: str) -> None:
    """Raise UserError if a person wrote spaces around the equals sign of a setting."""
    if word.startswith("="):
        raise UserError(Phrase("Remove the spaces around `=`."), Phrase("Write it as `nodes=2`."))


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
            refuse_dashed_setting(flag, spec)
            valid = [f"--{flag}" for flag in spec.flags]
            raise unknown_name_error(
                "flag", flag if flag.startswith("-") else f"--{flag}", valid, usage_hint(spec), owner=spec.word
            )
    renamed = tuple((spec.option_aliases.get(key, key), value) for key, value in arguments.parameters)
    arguments = replace(arguments, parameters=renamed)
    fills_in_run = thread_run is not None and omits_run(arguments.names, spec)
    names = (thread_run, *arguments.names) if thread_run and fills_in_run else arguments.names
    if len(names) < len(spec.required):
        raise UserError(
            Phrase(QUESTIONS_BY_NAME[find_missing_name(names, spec)]),
            Phrase("Type `/verl {usage}`, such as `/verl {example}`.", usage=spec.usage, example=spec.example),
        )
    if spec.word == "recipes" and names and names[0].lower() == "check":
        raise shell_command_error("check")
    if len(names) > spec.max_names:
        surplus_word = names[int(spec.max_names)]
        surplus = Phrase("I didn't understand {word}.", word=format_inline_code(surplus_word))
        if spec.word == "approve" and RUN_ID_SHAPE.fullmatch(surplus_word) is None:
            raise UserError(surplus, suggest_note(arguments, thread_run))
        raise UserError(surplus, surplus_hint(spec, surplus_word, names))
    if not spec.takes_settings:
        refuse_settings(arguments, spec)
    if spec.word in RUN_COMMANDS and spec.word not in ("budget", "cost"):
        # A reason may begin with a person, where the run is left out.
        refuse_person(() if spec.word == "decline" and thread_run else names, spec)
    return replace(arguments, names=names, thread_run=thread_run, omits_run=fills_in_run)


def refuse_dashed_setting(flag: str, spec: CommandSpec) -> None:
    """Raise UserError for a setting that is written as programs take it: `--nodes=2`, `--lines 50`."""
    key, equals, value = flag.partition("=")
    is_setting = spec.takes_settings and (equals or (len(key) > 1 and not find_near_names(key, spec.flags)))
    if not flag.startswith("-") and (key in spec.options or is_setting):
        problem = Phrase(MISSING_OF_OWNER_PHRASES["flag"], owner=spec.word, word=format_inline_code(f"--{flag}"))
        written = format_inline_code(f"{key}={value or spec.options.get(key, 'VALUE')}")
        raise UserError(problem, Phrase("Write it without dashes: {setting}.", setting=written))


def refuse_person(names: tuple[str, ...], spec: CommandSpec) -> None:
    """Raise UserError if a person is named where a run is expected."""
    mentioned = next(filter(None, map(match_person, names)), None)
    if typed := next((name for name in names if name.startswith("@") and match_person(name) is None), None):
        shown = format_inline_code(typed)
        problem = Phrase("`{command}` takes a run, and {person} is a person.", command=spec.word, person=shown)
        raise UserError(problem, Phrase("The runs of a person: `/verl list who={person}`", person=quote_word(typed)))
    if mentioned is None:
        return
    person = name_person(mentioned[1])
    problem = Phrase("`{command}` takes a run, and {person} is a person.", command=spec.word, person=person)
    runs = Phrase("The runs of {person}: `/verl list who=`{person}", person=person)
    raise UserError(problem, runs)


QUESTIONS_BY_NAME = {
    "RECIPE": N_("Which recipe?"),
    "RUN": N_("Which run?"),
    "TIME": N_("By how much time?"),
}
"""The question for each name that a command needs."""


def find_missing_name(names: tuple[str, ...], spec: CommandSpec) -> str:
    """Return which of the required names was not typed: the run, where there is only a time."""
    is_time_alone = "TIME" in spec.required and len(names) == 1 and parse_timespan(names[0]) is not None
    return "RUN" if is_time_alone else spec.required[len(names)]


def omits_run(names: tuple[str, ...], spec: CommandSpec) -> bool:
    """Return whether the command means the run of its thread: it names none, or only the second of two, or a metric."""
    if spec.word not in RUN_COMMANDS:
        return False
    match spec.word:
        case "extend":
            return not names or parse_timespan(simplify_time(" ".join(names)), "h") is not None
        case "budget":
            return len(names) > 0 and looks_like_amount(names[0])
        case "logs":
            return not names or begins_log_option(names[0])
        case "samples":
            return not names or names[0].lower() in SAMPLE_WORDS
        case "compare":
            return len(names) < 2
    return len(names) < max(len(spec.required), 1) or (spec.variadic is not None and is_metric_word(names[0]))


def looks_like_amount(word: str) -> bool:
    """Return whether a word is meant as an amount, however it is written, and not as the name of a run.

    >>> looks_like_amount("3,50"), looks_like_amount("3€"), looks_like_amount("7f3a")
    (True, True, False)
    """
    return parse_amount(word) is not None or re.fullmatch(r"[-+]?[$€£¥]?[\d.,]+[$€£¥]?", word) is not None


MAX_HINT_CHARACTERS = 80
"""Maximum characters of a typed name that a hint repeats."""


def suggest_note(arguments: ParsedArguments, thread_run: str | None) -> Text:
    """Return how to approve a launch with the words that were typed as a note. In the thread of a run they may all be
    its note.
    """
    named, text = arguments.names[0], arguments.text
    if thread_run is None or RUN_ID_SHAPE.fullmatch(named):
        text = text.removeprefix(named)
    run = named if thread_run is None or RUN_ID_SHAPE.fullmatch(named) else thread_run
    return hint_note(quote_word(run), text.strip(SIGNS_BEFORE_NOTE))


def hint_note(run: str, note: str) -> Text:
    """Return how to approve a launch, without a note and with one."""
    line = f"/verl approve {run}"
    noted = f"{line} note={quote_word(note[:MAX_HINT_CHARACTERS])}"
    return Phrase(
        "To approve it, type {command}; with a note, {noted}.",
        command=format_inline_code(line, MAX_HINT_CHARACTERS),
        noted=format_inline_code(noted, MAX_HINT_CHARACTERS * 2),
    )


SIGNS_BEFORE_NOTE = " ,，:：-—–"


def surplus_hint(spec: CommandSpec, word: str, names: tuple[str, ...]) -> Text:
    """Return what to type in place of a word too many: the typed words as one name, where they may be a run's."""
    if word.lower() in spec.flags:
        return Phrase("Did you mean {name}?", name=format_inline_code(f"--{word.lower()}"))
    if spec.word == "recipes":
        return Phrase("Type {command}.", command=format_inline_code(f"/verl describe {quote_word(word)}"))
    settings = Phrase("Settings are written `key=value`, and values with spaces in quotes.")
    if spec.takes_settings and (setting := guess_setting(word, names)):
        return Phrase("Write it as {setting}.", setting=format_inline_code(setting))
    names_run = spec.word in (*RUN_COMMANDS, "forget")
    is_run_alone = RUN_ID_SHAPE.fullmatch(names[0]) is not None
    if names_run and not is_run_alone and RUN_ID_SHAPE.fullmatch("-".join(names)):
        return Phrase("Type {command}.", command=format_inline_code(f"/verl {spec.word} {'-'.join(names)}"))
    line = f"/verl {spec.word} {quote_word(' '.join(names)[:MAX_HINT_CHARACTERS])}"
    shown = format_inline_code(line, MAX_HINT_CHARACTERS * 2)
    quoted = Phrase("The name of a run goes in quotes where it has spaces: {command}.", command=shown)
    spaces: Text = quoted if names_run and not is_run_alone else ""
    return join_sentences(usage_hint(spec), settings if spec.takes_settings else spaces)


def guess_setting(word: str, names: tuple[str, ...]) -> str:
    """Return a setting that is typed with a colon or a space as it must be typed; empty where there is none.

    >>> guess_setting("nodes:2", ("ppo", "nodes:2")), guess_setting("nodes", ("ppo", "nodes", "2"))
    ('nodes=2', 'nodes=2')
    >>> guess_setting("on", ("ppo", "on", "2", "nodes")), guess_setting("again", ("ppo", "again"))
    ('nodes=2', '')
    """
    key, colon, value = word.partition(":")
    following = (*names[names.index(word) + 1 :], "", "")
    if word in PREPOSITIONS:
        value, key = following[:2]
    elif not colon:
        value = following[0]
    is_value = value and (colon or value[0].isdecimal())
    return f"{key}={value}" if is_value and re.fullmatch(r"[a-z][a-z_]*", key) else ""


PREPOSITIONS = ("on", "with", "for", "in", "at", "to", "using")


def usage_hint(spec: CommandSpec) -> Text:
    return Phrase("Type `/verl {usage}`.", usage=spec.usage)


def refuse_settings(arguments: ParsedArguments, spec: CommandSpec) -> None:
    """Raise UserError for a parameter or an override that the command does not take."""
    for key, _ in arguments.parameters:
        if key not in spec.options:
            raise unknown_name_error("option", key, spec.options, usage_hint(spec), owner=spec.word)
    for override in arguments.overrides:
        raise UserError(describe_override_refusal(spec.word, override), usage_hint(spec))
