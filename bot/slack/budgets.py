"""The caps of a person, a channel and the workspace, and how much of them is used. Pure: values in, messages out."""

from collections.abc import Sequence

from bot.core.command import GiveMonth
from bot.core.policy import Measure, Scope
from bot.core.purse import Taken
from bot.language import mark
from bot.slack import words
from bot.slack.answers import Answer, answer, text
from bot.slack.blocks import context, section
from bot.slack.phrases import listing, say, say_many, together
from bot.slack.text import Markup, holder, joined, mention, mrkdwn

HEADS = {
    Scope.PERSON: mark("Yours"),
    Scope.TEAM: mark("This channel's"),
    Scope.EVERYBODY: mark("Everybody's"),
}
GIVEN = {
    Scope.PERSON: mark("{person} may spend {dollars} a month now."),
    Scope.TEAM: mark("The runs of this channel may spend {dollars} a month now, together."),
    Scope.EVERYBODY: mark("The runs of everybody may spend {dollars} a month now, together."),
}
SPENT_ALREADY = mark("*{spent} are spent already*: what runs is to end, unless more is given. Its threads say when.")
OF_MONTH = mark("{spent} spent this month, and {held} by the budgets of open runs")


def overview(found: Sequence[Taken], approvers: Sequence[str]) -> Answer:
    """Return the usage of each cap, one line per scope."""
    blocks = [section(mrkdwn("*{}* · {}", say(HEADS[scope]), line(found, scope))) for scope in Scope]
    if approvers:
        people = listing(map(holder, approvers))
        blocks.append(context(say("{people} can give more.", people=people)))
    return answer(say("What is taken and left"), blocks)


def line(found: Sequence[Taken], scope: Scope) -> Markup:
    """Return the usage of the caps of one scope."""
    return joined(" · ", (measured(one) for one in found if one.scope is scope))


def measured(one: Taken) -> Markup:
    """Return the usage of one measure, with its cap if it has one."""
    match one.measure:
        case Measure.RUNS:
            return of(say_many("{count} run", "{count} runs", round(one.taken)), count(one.most))
        case Measure.GPUS:
            return of(say_many("{count} GPU", "{count} GPUs", round(one.taken)), count(one.most))
        case Measure.DOLLARS_PER_HOUR:
            return of(words.hourly(one.taken), words.dollars(one.most) if one.most is not None else None)
        case Measure.DOLLARS_PER_MONTH:
            month = say(OF_MONTH, spent=words.dollars(one.spent), held=words.dollars(one.taken - one.spent))
            return of(month, words.dollars(one.most) if one.most is not None else None)


def count(most: float | None) -> str | None:
    """Return a cap on a number as text; None for no cap."""
    return None if most is None else f"{most:g}"


def of(taken: Markup, most: str | None) -> Markup:
    """Return the usage, followed by its cap."""
    return joined(" ", [taken, say("of {most}", most=most)]) if most else taken


def given(asked: GiveMonth, spent: float) -> Answer:
    """Return the new monthly budget, with a warning if it is spent already."""
    told = say(GIVEN[asked.scope], person=mention(asked.person), dollars=words.dollars(asked.dollars))
    over = say(SPENT_ALREADY, spent=words.dollars(spent)) if spent and asked.dollars <= spent else Markup()
    return text(mrkdwn(":moneybag: {}", together(told, over)))
