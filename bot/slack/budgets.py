"""The caps of a person, a channel and the workspace, and how much of them is used. Pure: values in, messages out."""

from collections.abc import Sequence

from bot.core.command import SetMonthlyBudget
from bot.core.policy import Measure, Scope
from bot.core.purse import CapUsage
from bot.language import N_
from bot.slack import words
from bot.slack.answers import Answer, build_answer, build_text_answer
from bot.slack.blocks import context, section
from bot.slack.phrases import join_list, join_sentences, ngettext, translate
from bot.slack.text import Markup, join_parts, mention, mention_person_or_group, mrkdwn

SCOPE_HEADINGS = {
    Scope.PERSON: N_("Yours"),
    Scope.TEAM: N_("This channel's"),
    Scope.WORKSPACE: N_("Everybody's"),
}
MONTHLY_BUDGET_SET = {
    Scope.PERSON: N_("{person} may spend {dollars} a month now."),
    Scope.TEAM: N_("The runs of this channel may spend {dollars} a month now, together."),
    Scope.WORKSPACE: N_("The runs of everybody may spend {dollars} a month now, together."),
}
MONTHLY_BUDGET_EXHAUSTED = N_(
    "*{spent} are spent already*: what runs is to end, unless more is given. Its threads say when."
)
MONTH_USAGE = N_("{spent} spent this month, and {held} by the budgets of open runs")


def render_budget_overview(cap_usages: Sequence[CapUsage], approvers: Sequence[str]) -> Answer:
    """Return the usage of each cap, one line per scope."""
    blocks = [
        section(mrkdwn("*{}* · {}", translate(SCOPE_HEADINGS[scope]), render_scope_usage(cap_usages, scope)))
        for scope in Scope
    ]
    if approvers:
        people = join_list(map(mention_person_or_group, approvers))
        blocks.append(context(translate("{people} can give more.", people=people)))
    return build_answer(translate("What is taken and left"), blocks)


def render_scope_usage(cap_usages: Sequence[CapUsage], scope: Scope) -> Markup:
    """Return the usage of the caps of one scope."""
    return join_parts(" · ", (render_cap_usage(usage) for usage in cap_usages if usage.scope is scope))


def render_cap_usage(usage: CapUsage) -> Markup:
    """Return the usage of one measure, with its cap if it has one."""
    match usage.measure:
        case Measure.RUNS:
            return render_usage_of_cap(
                ngettext("{count} run", "{count} runs", round(usage.used)), format_cap(usage.cap)
            )
        case Measure.GPUS:
            return render_usage_of_cap(
                ngettext("{count} GPU", "{count} GPUs", round(usage.used)), format_cap(usage.cap)
            )
        case Measure.DOLLARS_PER_HOUR:
            return render_usage_of_cap(
                words.format_hourly_rate(usage.used), words.format_dollars(usage.cap) if usage.cap is not None else None
            )
        case Measure.DOLLARS_PER_MONTH:
            month = translate(
                MONTH_USAGE,
                spent=words.format_dollars(usage.spent),
                held=words.format_dollars(usage.used - usage.spent),
            )
            return render_usage_of_cap(month, words.format_dollars(usage.cap) if usage.cap is not None else None)


def format_cap(cap: float | None) -> str | None:
    """Return a cap on a number as text; None for no cap."""
    return None if cap is None else f"{cap:g}"


def render_usage_of_cap(usage: Markup, cap: str | None) -> Markup:
    """Return the usage, followed by its cap."""
    return join_parts(" ", [usage, translate("of {most}", most=cap)]) if cap else usage


def acknowledge_monthly_budget(command: SetMonthlyBudget, spent_dollars: float) -> Answer:
    """Return the new monthly budget, with a warning if it is spent already."""
    confirmation = translate(
        MONTHLY_BUDGET_SET[command.scope], person=mention(command.person), dollars=words.format_dollars(command.dollars)
    )
    warning = (
        translate(MONTHLY_BUDGET_EXHAUSTED, spent=words.format_dollars(spent_dollars))
        if spent_dollars and command.dollars <= spent_dollars
        else Markup()
    )
    return build_text_answer(mrkdwn(":moneybag: {}", join_sentences(confirmation, warning)))
