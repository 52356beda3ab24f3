"""Builders of the commands: each turns parsed arguments into one command, or refuses them."""

import re
from datetime import timedelta

from bot.core.audit import BOT, AuditFilter
from bot.core.command import (
    AXES,
    COSTS,
    LISTS,
    MOST_EXTENDED_HOURS,
    WORKSPACE,
    AskAudit,
    Compare,
    Cost,
    Extend,
    GiveMonth,
    Launch,
    ListRuns,
    Logs,
    Plot,
    SetBudget,
    Speak,
    Stop,
)
from bot.core.line import shown
from bot.core.nearest import listed, unknown
from bot.core.policy import Scope
from bot.core.typed import Typed, whole
from bot.errors import UserError
from bot.language import LANGUAGES, say

MOST_LINES = 10_000
"""Maximum log lines that one command may request."""

AUDIT_DAYS = 1
"""Days that an audit covers where the person gives no span."""

MOST_CHARTS = 2
"""Maximum charts in a message: Slack draws no more (docs.slack.dev, data visualization block)."""


def make_launch(typed: Typed) -> Launch:
    return Launch(typed.names[0], typed.parameters, typed.overrides, "dry-run" in typed.flags, "yes" in typed.flags)


def make_list(typed: Typed) -> ListRuns:
    which = (typed.name(0) or "active").lower()
    if which not in LISTS:
        raise unknown("list", which, LISTS)
    return ListRuns(which)


def make_cost(typed: Typed) -> Cost:
    name = typed.name(0) or COSTS[0]
    return Cost(name.lower() if name.lower() in COSTS else name)


def make_logs(typed: Typed) -> Logs:
    return Logs(
        typed.names[0],
        lines=whole(typed, "lines", 1, MOST_LINES) if typed.option("lines") is not None else None,
        grep=typed.option("grep") or None,
        node=whole(typed, "node", 0, 999) if typed.option("node") is not None else None,
        follow="follow" in typed.flags,
    )


def make_stop(typed: Typed) -> Stop:
    return Stop(typed.names[0], yes_or_no(typed, "save"), yes_or_no(typed, "gone") or False)


def yes_or_no(typed: Typed, key: str) -> bool | None:
    """Return the value of a yes-or-no option; None where it was not typed.

    Raises:
        UserError: the value is neither.
    """
    word = typed.option(key)
    known = {None: None, "yes": True, "no": False}
    if word is not None:
        word = word.lower()
    if word not in known:
        raise UserError(say("`{name}` cannot be {value}.", name=key, value=shown(word or "")), listed(["yes", "no"]))
    return known[word]


def make_extend(typed: Typed) -> Extend:
    """Return the command for a span as people write it: `2h`, `90m`, `1d`; a number alone means hours.

    Raises:
        UserError: the text is no such span, or it is too long.
    """
    text = typed.names[1].lower()
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)(m|min|h|d)?", text, re.ASCII)
    hours = float(found[1]) * {"m": 1 / 60, "min": 1 / 60, "d": 24.0}.get(found[2], 1.0) if found else 0.0
    if not 0 < hours <= MOST_EXTENDED_HOURS:
        valid = say("Give hours, minutes or days, up to {most} d: `2h`, `90m`, `1d`.", most=MOST_EXTENDED_HOURS // 24)
        raise UserError(say("A lease cannot be extended by {value}.", value=shown(text)), valid)
    return Extend(typed.names[0], hours)


def make_audit(typed: Typed) -> AskAudit:
    """Return the command for an audit of a span and of a person.

    People write the span as `12h` or `7d`, where a number alone means days, and the person as a Slack mention.

    Raises:
        UserError: the text is no such span, or the person is not mentioned.
    """
    word, who = (typed.name(0) or f"{AUDIT_DAYS}d").lower(), typed.option("who") or ""
    found = re.fullmatch(r"(\d{1,4})(h|d)?", word, re.ASCII)
    if found is None or not int(found[1]):
        raise UserError(say("No time is {value}.", value=shown(word)), say("Give hours or days: `12h`, `7d`."))
    since = timedelta(hours=int(found[1])) if found[2] == "h" else timedelta(days=int(found[1]))
    person = PERSON.fullmatch(who)
    if who and person is None and who != BOT:
        nobody = say("{value} is nobody.", value=shown(who))
        raise UserError(nobody, say("Mention a person: `who=@ana`; what I did by myself is `who=verlbot`."))
    return AskAudit(AuditFilter(since, person[1] if person else who, typed.option("what") or ""))


PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*+)?>")
"""A mention as Slack writes it: `<@U0ANA|ana>`."""

PURSES = {"team": Scope.TEAM, "everybody": Scope.EVERYBODY}


def make_budget(typed: Typed) -> SetBudget | GiveMonth:
    """Return the command for a run's budget, or for a month's: the channel's, the workspace's, or a person's.

    A person is written as Slack writes a mention: `<@U0ANA|ana>`.
    """
    name, dollars = typed.names[0], budget_dollars(typed)
    if name.lower() in PURSES:
        return GiveMonth(PURSES[name.lower()], dollars)
    if person := PERSON.fullmatch(name):
        return GiveMonth(Scope.PERSON, dollars, person[1])
    return SetBudget(name, dollars)


def budget_dollars(typed: Typed) -> float:
    """Return the dollars that were typed.

    Raises:
        UserError: the text is no amount above zero.
    """
    text = typed.names[1].removeprefix("$").replace(",", "")
    if not re.fullmatch(r"\d{1,7}(\.\d{1,2})?", text, re.ASCII) or not float(text):
        raise UserError(
            say("A budget cannot be {value}.", value=shown(typed.names[1])), say("Give dollars, such as `300`.")
        )
    return float(text)


def make_plot(typed: Typed) -> Plot:
    run, metrics = typed.names[0], tuple(dict.fromkeys(typed.names[1:]))
    if len(metrics) > MOST_CHARTS:
        most = say("{most} charts are the most that Slack draws in a message.", most=MOST_CHARTS)
        raise UserError(most, say("Ask for the others in a second command."))
    return Plot(run, metrics)


def make_compare(typed: Typed) -> Compare:
    by = (typed.option("by") or AXES[0]).lower()
    if by not in AXES:
        raise UserError(say("`{name}` cannot be {value}.", name="by", value=shown(by)), listed(list(AXES)))
    return Compare(typed.names[0], typed.names[1], by)


def make_speak(typed: Typed) -> Speak:
    """Return the command for a language in any spelling: `zh-CN`, `zh_cn`.

    Raises:
        UserError: there is no such language.
    """
    word = typed.name(0)
    known = {name.lower(): name for name in (*LANGUAGES, WORKSPACE)}
    found = known.get(word.lower().replace("_", "-")) if word else None
    if word and not found:
        raise unknown("language", word, known.values())
    return Speak(found)
