"""Builders of the commands: each turns parsed arguments into one command, or refuses them."""

import re
from datetime import timedelta

from bot.core.commands.command import (
    COMPARE_AXES,
    COST_SCOPES,
    MAX_LEASE_HOURS,
    RUN_LISTS,
    WORKSPACE_LANGUAGE,
    CompareRuns,
    Extend,
    Launch,
    ListRuns,
    SetBudget,
    SetLanguage,
    SetMonthlyBudget,
    ShowAudit,
    ShowChart,
    ShowCost,
    ShowLogs,
    Stop,
)
from bot.core.model.audit import BOT, AuditFilter
from bot.core.model.policy import Scope
from bot.core.model.typed_text import (
    ParsedArguments,
    format_inline_code,
    list_valid_names,
    parse_whole_option,
    unknown_name_error,
)
from bot.errors import UserError
from bot.phrase import LANGUAGES, Phrase

MAX_LOG_LINES = 10_000
"""Maximum log lines that one command may request."""

DEFAULT_AUDIT_DAYS = 1
"""Days that an audit covers where the person gives no span."""

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


def build_list_command(arguments: ParsedArguments) -> ListRuns:
    which = (arguments.get_name(0) or "active").lower()
    if which not in RUN_LISTS:
        raise unknown_name_error("list", which, RUN_LISTS)
    return ListRuns(which)


def build_cost_command(arguments: ParsedArguments) -> ShowCost:
    name = arguments.get_name(0) or COST_SCOPES[0]
    return ShowCost(name.lower() if name.lower() in COST_SCOPES else name)


def build_logs_command(arguments: ParsedArguments) -> ShowLogs:
    return ShowLogs(
        arguments.names[0],
        lines=parse_whole_option(arguments, "lines", 1, MAX_LOG_LINES)
        if arguments.get_option("lines") is not None
        else None,
        grep=arguments.get_option("grep") or None,
        node=parse_whole_option(arguments, "node", 0, 999) if arguments.get_option("node") is not None else None,
        follow="follow" in arguments.flags,
    )


def build_stop_command(arguments: ParsedArguments) -> Stop:
    return Stop(arguments.names[0], parse_yes_no(arguments, "save"), parse_yes_no(arguments, "gone") or False)


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
            Phrase("`{name}` cannot be {value}.", name=key, value=format_inline_code(word or "")),
            list_valid_names(["yes", "no"]),
        )
    return values[word]


def build_extend_command(arguments: ParsedArguments) -> Extend:
    """Return the command for a span as people write it: `2h`, `90m`, `1d`; a number alone means hours.

    Raises:
        UserError: the text is no such span, or it is too long.
    """
    text = arguments.names[1].lower()
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)(m|min|h|d)?", text, re.ASCII)
    hours = float(match[1]) * {"m": 1 / 60, "min": 1 / 60, "d": 24.0}.get(match[2], 1.0) if match else 0.0
    if not 0 < hours <= MAX_LEASE_HOURS:
        valid = Phrase("Give hours, minutes or days, up to {most} d: `2h`, `90m`, `1d`.", most=MAX_LEASE_HOURS // 24)
        raise UserError(Phrase("A lease cannot be extended by {value}.", value=format_inline_code(text)), valid)
    return Extend(arguments.names[0], hours)


def build_audit_command(arguments: ParsedArguments) -> ShowAudit:
    """Return the command for an audit of a span and of a person.

    People write the span as `12h` or `7d`, where a number alone means days, and the person as a Slack mention.

    Raises:
        UserError: the text is no such span, or the person is not mentioned.
    """
    word, person_text = (arguments.get_name(0) or f"{DEFAULT_AUDIT_DAYS}d").lower(), arguments.get_option("who") or ""
    match = re.fullmatch(r"(\d{1,4})(h|d)?", word, re.ASCII)
    if match is None or not int(match[1]):
        raise UserError(
            Phrase("No time is {value}.", value=format_inline_code(word)),
            Phrase("Give hours or days: `12h`, `7d`."),
        )
    since = timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1]))
    person = PERSON_MENTION.fullmatch(person_text)
    if person_text and person is None and person_text != BOT:
        unknown_person = Phrase("{value} is not a person.", value=format_inline_code(person_text))
        raise UserError(unknown_person, Phrase("Mention a person: `who=@ana`; what I did by myself is `who=verlbot`."))
    return ShowAudit(AuditFilter(since, person[1] if person else person_text, arguments.get_option("what") or ""))


PERSON_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*+)?>")
"""A mention as Slack writes it: `<@U0ANA|ana>`."""

BUDGET_SCOPES = {"team": Scope.TEAM, "workspace": Scope.WORKSPACE}


def build_budget_command(arguments: ParsedArguments) -> SetBudget | SetMonthlyBudget:
    """Return the command for a run's budget, or for a month's: the channel's, the workspace's, or a person's.

    A person is written as Slack writes a mention: `<@U0ANA|ana>`.
    """
    name, dollars = arguments.names[0], parse_budget_dollars(arguments)
    if name.lower() in BUDGET_SCOPES:
        return SetMonthlyBudget(BUDGET_SCOPES[name.lower()], dollars)
    if person := PERSON_MENTION.fullmatch(name):
        return SetMonthlyBudget(Scope.PERSON, dollars, person[1])
    return SetBudget(name, dollars)


def parse_budget_dollars(arguments: ParsedArguments) -> float:
    """Return the dollars that were typed.

    Raises:
        UserError: the text is no amount above zero.
    """
    text = arguments.names[1].removeprefix("$").replace(",", "")
    if not re.fullmatch(r"\d{1,7}(\.\d{1,2})?", text, re.ASCII) or not float(text):
        raise UserError(
            Phrase("A budget cannot be {value}.", value=format_inline_code(arguments.names[1])),
            Phrase("Give dollars, such as `300`."),
        )
    return float(text)


def build_plot_command(arguments: ParsedArguments) -> ShowChart:
    run, metrics = arguments.names[0], tuple(dict.fromkeys(arguments.names[1:]))
    if len(metrics) > MAX_CHARTS:
        too_many = Phrase("{most} charts are the most that Slack draws in a message.", most=MAX_CHARTS)
        raise UserError(too_many, Phrase("Ask for the others in a second command."))
    return ShowChart(run, metrics)


def build_compare_command(arguments: ParsedArguments) -> CompareRuns:
    by = (arguments.get_option("by") or COMPARE_AXES[0]).lower()
    if by not in COMPARE_AXES:
        raise UserError(
            Phrase("`{name}` cannot be {value}.", name="by", value=format_inline_code(by)),
            list_valid_names(list(COMPARE_AXES)),
        )
    return CompareRuns(arguments.names[0], arguments.names[1], by)


def build_set_language_command(arguments: ParsedArguments) -> SetLanguage:
    """Return the command for a language in any spelling: `zh-CN`, `zh_cn`.

    Raises:
        UserError: there is no such language.
    """
    word = arguments.get_name(0)
    languages = {name.lower(): name for name in (*LANGUAGES, WORKSPACE_LANGUAGE)}
    language = languages.get(word.lower().replace("_", "-")) if word else None
    if word and not language:
        raise unknown_name_error("language", word, languages.values())
    return SetLanguage(language)
