"""Builders of the commands: each turns parsed arguments into one command, or refuses them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.core.commands.aliases import LANGUAGE_ALIASES
from bot.core.commands.command import (
    COMPARE_AXES,
    COST_SCOPES,
    DEFAULT_SAMPLES,
    PICTURE_FLAG,
    RUN_LISTS,
    WORKSPACE_LANGUAGE,
    CompareRuns,
    Explain,
    Launch,
    ListRuns,
    Resume,
    Retry,
    SetLanguage,
    ShowAudit,
    ShowChart,
    ShowCost,
    ShowHistory,
    ShowSamples,
    Stop,
)
from bot.core.commands.typed_people import match_person, parse_person
from bot.core.model.audit import AuditFilter
from bot.core.model.characters import to_plain_hyphens
from bot.core.model.rollout import MAX_SAMPLES, SampleOrder
from bot.core.model.run_filter import STATE_TESTS, RunFilter, is_person_id, parse_since
from bot.core.model.state_names import STATE_NAMES, find_states
from bot.core.model.typed_quantities import parse_timespan
from bot.core.model.typed_text import ParsedArguments, format_inline_code, parse_whole_option
from bot.core.model.valid_names import list_valid_names, unknown_name_error
from bot.errors import UserError
from bot.phrase import LANGUAGES, N_, Phrase

MAX_LOG_LINES = 10_000
"""Maximum log lines that one command may request."""

DEFAULT_AUDIT_DAYS = 1
"""Days that an audit covers where the person gives no span."""

MAX_AUDIT_PERIOD = timedelta(days=9_999)

MAX_STEP = 10**9 - 1
"""Maximum number of a step that can be typed."""

VALIDATION_WORD = "validation"
"""The word for samples of a validation."""

SAMPLE_WORDS = (*SampleOrder, VALIDATION_WORD)
"""The words that `/verl samples` accepts beside the name of a run."""

MAX_CHARTS = 2
"""Maximum charts in a message: Slack draws no more (docs.slack.dev, data visualization block)."""


def build_launch_command(arguments: ParsedArguments) -> Launch:
    return Launch(
        arguments.names[0],
        arguments.parameters,
        arguments.overrides,
        "dry-run" in arguments.flags,
        "yes" in arguments.flags,
    )


def build_relaunch_command(kind: type[Retry] | type[Resume], arguments: ParsedArguments) -> Retry | Resume:
    return kind(arguments.names[0], arguments.parameters, arguments.overrides, "dry-run" in arguments.flags)


LIST_WORDS = {"my": "mine", "我的": "mine", "全部": "all", "所有": "all"}
"""Other words for a list of runs."""


def build_list_command(arguments: ParsedArguments) -> ListRuns:
    refuse_person_as_list(arguments.names)
    typed = [name.lower() for name in arguments.names]
    words = [LIST_WORDS.get(word, word) for word in typed if word not in ("run", "runs", "jobs", "任务")]
    criteria = parse_run_filter(arguments)
    # A name of two words without quotes: `who=ben carter`.
    if words and criteria.who and not is_person_id(criteria.who) and words[0] not in (*RUN_LISTS, *STATE_TESTS):
        criteria, words = replace(criteria, who=f"{criteria.who} {words[0]}"), words[1:]
    # A state of several words without quotes: `state=over the limit`, or `list over the limit`.
    if words and criteria.state and criteria.state not in STATE_TESTS and words[0] not in RUN_LISTS:
        criteria, words = replace(criteria, state=" ".join((criteria.state, *words))), []
    if words and not criteria.state and names_state(" ".join(words)):
        criteria, words = replace(criteria, state=" ".join(words)), []
    # One's own runs of a list: `list ended mine`.
    if len(words) == 2 and "mine" in words and not criteria.who:
        words, criteria = [word for word in words if word != "mine"], replace(criteria, who="me")
    if len(words) > 1:
        raise UserError(
            Phrase("I didn't understand {word}.", word=format_inline_code(words[1])),
            Phrase("Name one list: `/verl list ended`; narrow it down with `recipe=`, `who=` or `name=`."),
        )
    which = words[0] if words else "active"
    if which in RUN_LISTS:
        return ListRuns(which, criteria)
    if which in STATE_TESTS and not criteria.state:
        return ListRuns("active", replace(criteria, state=which))
    raise unknown_name_error("list", which, RUN_LISTS)


def names_state(text: str) -> bool:
    """Return whether a text is a state as lists show it, or may be one in another language."""
    is_list = text in (*RUN_LISTS, *STATE_TESTS)
    return not is_list and (not text.isascii() or find_states(text, {name: [name] for name in STATE_NAMES}) != ())


def refuse_person_as_list(names: tuple[str, ...]) -> None:
    """Raise UserError if a person, as Slack or a person writes one, is named where a list is expected."""
    person = next((name for name in names if name.startswith(("@", "<@"))), None)
    if person:
        problem = Phrase("{person} is no list of runs.", person=format_inline_code(person))
        raise UserError(problem, Phrase("For the runs of a person, type `/verl list who=@PERSON`."))


def parse_run_filter(arguments: ParsedArguments) -> RunFilter:
    """Return the filter of a list of runs.

    Raises:
        UserError: a value is no person, or no time.
    """
    state, since = ((arguments.get_option(name) or "").lower() for name in ("state", "since"))
    if since and parse_since(since, datetime.now(UTC), UTC) is None:
        raise UserError(
            Phrase("`{name}` cannot be {value}.", name="since", value=format_inline_code(since)),
            Phrase("Give a day or a time span: `mon`, `yesterday`, `2026-11-03`, `12h`, `7d`."),
        )
    recipe, name = ((arguments.get_option(key) or "").lower() for key in ("recipe", "name"))
    return RunFilter(recipe, parse_person(arguments), state, since, name)


def build_history_command(arguments: ParsedArguments) -> ShowHistory:
    """Return the command for a run's history, or for what one person did to it.

    Raises:
        UserError: neither a run nor a person is named.
    """
    run, who = arguments.get_name(0) or "", parse_person(arguments)
    if not run and not who:
        usage, example = "history RUN", "history ppo-7f3a"
        how = Phrase("Type `/verl {usage}`, such as `/verl {example}`.", usage=usage, example=example)
        raise UserError(Phrase("Which run?"), how)
    return ShowHistory(run, who)


WORDS_OF_COST = ("this", "of", "for", "the", "by")
COST_WORDS = {
    **dict.fromkeys(("all", "workspace", "everyone", "total", "本月", "全部"), "month"),
    **dict.fromkeys(("团队", "频道", "channel"), "team"),
    **dict.fromkeys(("我的", "my", "me"), "mine"),
}
"""Other words for what costs."""

OTHER_TIMES = ("last", "today", "yesterday", "week", "year")

HOW_TO_ASK_COSTS = N_(
    "Type `/verl cost mine`, `/verl cost team`, `/verl cost month` or `/verl cost RUN`; `/verl list all since=7d` "
    "lists the runs of a time with their costs."
)


def build_cost_command(arguments: ParsedArguments) -> ShowCost:
    words = [word for word in arguments.names if word.lower() not in WORDS_OF_COST]
    name, person = words[0] if words else COST_SCOPES[0], parse_person(arguments)
    # The scopes are of this month: `cost team this month`.
    is_month_named = len(words) == 2 and name.lower() in COST_SCOPES and words[1].lower() == "month"
    if len(words) > 1 and not is_month_named:
        unclear = Phrase("I didn't understand {word}.", word=format_inline_code(words[1]))
        raise UserError(unclear, Phrase(HOW_TO_ASK_COSTS))
    if name.lower() in OTHER_TIMES or parse_timespan(name) is not None:
        raise UserError(Phrase("Costs are shown for this month or for a run."), Phrase(HOW_TO_ASK_COSTS))
    name = COST_WORDS.get(name.lower(), name)
    if person or name.startswith(("@", "<@")):
        mentioned = match_person(name)
        return ShowCost("", person or (mentioned[1] if mentioned else name.lower()))
    return ShowCost(name.lower() if name.lower() in COST_SCOPES else name)


def read_sample_numbers(arguments: ParsedArguments) -> ParsedArguments:
    """Return the arguments with `step 3` and `n 5` as settings.

    Raises:
        UserError: a number alone may be a step or a count.
    """
    run, *words = arguments.names
    parameters, names, place = list(arguments.parameters), [run], 0
    while place < len(words):
        word, following = words[place].lower(), words[place + 1 : place + 2]
        if word in ("step", "n") and following and following[0].isdecimal():
            parameters.append((word, following[0]))
            place += 2
            continue
        if word.isdecimal():
            which = Phrase("Type `step={number}` for the samples of a step, or `n={number}` for so many.", number=word)
            raise UserError(Phrase("I didn't understand {word}.", word=format_inline_code(word)), which)
        names.append(words[place])
        place += 1
    return replace(arguments, names=tuple(names), parameters=tuple(parameters))


def build_samples_command(arguments: ParsedArguments) -> ShowSamples:
    """Return the command for samples: one word for the order, and `validation`, in any order.

    Raises:
        UserError: a word is neither, or two orders are given.
    """
    arguments = read_sample_numbers(arguments)
    words = [word.lower() for word in arguments.names[1:]]
    orders = [word for word in dict.fromkeys(words) if word != VALIDATION_WORD]
    if orders and orders[0] not in list(SampleOrder):
        word = format_inline_code(orders[0])
        raise UserError(Phrase("I didn't understand {word}.", word=word), list_valid_names(SAMPLE_WORDS))
    if len(orders) > 1:
        raise UserError(Phrase("Give one of `best`, `worst` and `random`."), Phrase("For example `best step=40`."))
    return ShowSamples(
        arguments.names[0],
        parse_whole_option(arguments, "step", 0, MAX_STEP) if arguments.get_option("step") is not None else None,
        SampleOrder(orders[0]) if orders else SampleOrder.RANDOM,
        parse_whole_option(arguments, "n", 1, MAX_SAMPLES) if arguments.get_option("n") else DEFAULT_SAMPLES,
        is_validation=VALIDATION_WORD in words,
    )


RUN_ID_SHAPE = re.compile(r"\b[a-z0-9-]{1,80}-[0-9a-f]{4,8}\b", re.IGNORECASE)
"""What a run's id looks like among the words of a question: `ppo-7f3a`."""


def build_explain_command(arguments: ParsedArguments) -> Explain:
    """Return the command for a run: the only word, or the one in a question that looks like a run, or the thread's.

    Raises:
        UserError: a question that names no run, outside of a run's thread.
    """
    names = arguments.names
    shaped = RUN_ID_SHAPE.search(to_plain_hyphens(" ".join(names)))
    named = shaped[0] if shaped else names[0] if len(names) == 1 else arguments.thread_run
    if not named:
        raise UserError(Phrase("Which run?"), Phrase("Name it: `/verl explain ppo-7f3a`, or ask in its thread."))
    return Explain(named)


def build_stop_command(arguments: ParsedArguments) -> Stop:
    return Stop(
        arguments.names[0],
        parse_yes_no(arguments, "save"),
        parse_yes_no(arguments, "gone") or False,
        is_named=not arguments.omits_run,
    )


def parse_yes_no(arguments: ParsedArguments, key: str) -> bool | None:
    """Return the value of a yes-or-no option; None where it was not typed.

    Raises:
        UserError: the value is neither.
    """
    word = arguments.get_option(key)
    values = {None: None, "yes": True, "no": False}
    if word is not None:
        word = word.lower()
    if word not in values:
        raise UserError(
            Phrase("`{name}` must be `yes` or `no`, not {value}.", name=key, value=format_inline_code(word or "")),
            Phrase("Such as `{name}=yes`.", name=key),
        )
    return values[word]


def build_audit_command(arguments: ParsedArguments) -> ShowAudit:
    """Return the command for an audit of a span and of a person.

    People write the span as `12h` or `7d`, where a number alone means days, and the person by mention or name;
    `verlbot` is the bot itself.

    Raises:
        UserError: the text is no such span.
    """
    text = " ".join(arguments.names).lower()
    since = parse_timespan(text, "d") if text else timedelta(days=DEFAULT_AUDIT_DAYS)
    if since is None or not timedelta() < since <= MAX_AUDIT_PERIOD:
        raise UserError(
            Phrase("{text} is not a duration.", text=format_inline_code(text)),
            Phrase("Give hours or days: `12h`, `7d`."),
        )
    return ShowAudit(AuditFilter(since, parse_person(arguments), arguments.get_option("what") or ""))


def build_plot_command(arguments: ParsedArguments) -> ShowChart:
    run, metrics = arguments.names[0], tuple(dict.fromkeys(arguments.names[1:]))
    if len(metrics) > MAX_CHARTS:
        too_many = Phrase("I can draw {most} charts at a time.", most=MAX_CHARTS)
        raise UserError(too_many, Phrase("Ask for the others in a second command."))
    return ShowChart(run, metrics, picture=PICTURE_FLAG in arguments.flags)


WORDS_BETWEEN_RUNS = ("and", "vs", "vs.", "versus", "with", "to", "&", "和", "与")


def build_compare_command(arguments: ParsedArguments) -> CompareRuns:
    by = (arguments.get_option("by") or COMPARE_AXES[0]).lower()
    if by not in COMPARE_AXES:
        raise UserError(
            Phrase("`{name}` cannot be {value}.", name="by", value=format_inline_code(by)),
            list_valid_names(list(COMPARE_AXES)),
        )
    names = [name for name in arguments.names if name.lower() not in WORDS_BETWEEN_RUNS]
    if len(names) > 2:
        raise UserError(Phrase("`compare` takes two runs."), Phrase("Type `/verl compare A B`."))
    first, second = [*names, "", ""][:2]
    return CompareRuns(first, second, by)


def build_set_language_command(arguments: ParsedArguments) -> SetLanguage:
    """Return the command for a language in any spelling: `zh-CN`, `zh_cn`, `Chinese`, `中文`.

    Raises:
        UserError: there is no such language.
    """
    word = arguments.get_name(0)
    languages = {name.lower(): name for name in (*LANGUAGES, WORKSPACE_LANGUAGE)}
    spelling = word.lower().replace("_", "-") if word else ""
    language = languages.get(spelling) or LANGUAGE_ALIASES.get(spelling)
    if word and not language:
        raise unknown_name_error("language", word, languages.values())
    return SetLanguage(language)
