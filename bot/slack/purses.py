"""How much of a monthly budget is used. Pure: a record in, thread messages out."""

from bot.core.overdraft import BudgetOverrun
from bot.core.policy import Scope
from bot.core.purse_share import BudgetThreshold
from bot.core.run import Run
from bot.language import N_
from bot.slack import words
from bot.slack.blocks import section
from bot.slack.message import Message
from bot.slack.phrases import join_sentences, translate
from bot.slack.text import code, date, mention, mrkdwn

THRESHOLD_REACHED = {
    Scope.PERSON: N_("*{percent} % of what {person} may spend this month is spent*: {spent} of {most}."),
    Scope.TEAM: N_("*{percent} % of what this channel may spend this month is spent*: {spent} of {most}."),
    Scope.WORKSPACE: N_("*{percent} % of what everybody may spend this month is spent*: {spent} of {most}."),
}
NO_NEW_LAUNCHES = N_("Nothing new is launched; what becomes of each run, its own thread says.")
BUDGET_EXHAUSTED = {
    Scope.PERSON: N_("*What {person} may spend this month is spent*: {spent} of {most}."),
    Scope.TEAM: N_("*What this channel may spend this month is spent*: {spent} of {most}."),
    Scope.WORKSPACE: N_("*What everybody may spend this month is spent*: {spent} of {most}."),
}
RUN_ENDS = N_(
    "This run is to end at {time}, and saves first where it can, unless an approver gives more before: {command}."
)
BUDGET_RESTORED = N_("There is more to spend again since {time}, and it goes on.")
HOW_TO_SHOW_BUDGET = N_("{command} shows what is left.")


def list_monthly_budget_messages(run: Run) -> list[Message]:
    """Return the messages about used shares of a monthly budget, for the channel; and that the run ends for an
    exhausted one.
    """
    enforced = [overrun for overrun in run.budget_overruns if not overrun.is_report_only]
    return [
        *map(build_threshold_message, run.budget_thresholds),
        *(build_overrun_message(run, overrun) for overrun in enforced),
    ]


def build_overrun_message(run: Run, overrun: BudgetOverrun) -> Message:
    """Return one message about an exhausted budget, edited once the budget is raised."""
    scope, owner = parse_scope(overrun.budget_key)
    dollars = {
        "spent": words.format_dollars(overrun.spent_dollars),
        "most": words.format_dollars(overrun.limit_dollars),
    }
    headline = translate(BUDGET_EXHAUSTED[scope], person=mention(owner), **dollars)
    budget_name = "@person" if scope is Scope.PERSON else str(scope)
    consequence = translate(RUN_ENDS, time=date(overrun.until), command=code(f"/verl budget {budget_name} DOLLARS"))
    if overrun.resolved_at:
        consequence = translate(BUDGET_RESTORED, time=date(overrun.resolved_at))
    text = mrkdwn(":moneybag: {}", join_sentences(headline, consequence))
    state = "good" if overrun.resolved_at else ""
    key = f"overdraft-{overrun.rule}-{overrun.until.timestamp():.0f}"
    return Message(key, text, (section(mrkdwn("{} {}", text, mention(run.requester))),), urgent=state, is_edited=True)


def parse_scope(budget_key: str) -> tuple[Scope, str]:
    """Return the scope and the owner of a monthly budget.

    >>> parse_scope("team:C0TRAIN")
    (<Scope.TEAM: 'team'>, 'C0TRAIN')
    """
    scope, _, owner = budget_key.partition(":")
    return Scope(scope), owner


def build_threshold_message(threshold: BudgetThreshold) -> Message:
    """Return the message that a share of a monthly budget is used."""
    scope, owner = parse_scope(threshold.budget_key)
    dollars = {
        "spent": words.format_dollars(threshold.spent_dollars),
        "most": words.format_dollars(threshold.limit_dollars),
    }
    headline = translate(THRESHOLD_REACHED[scope], percent=threshold.percent, person=mention(owner), **dollars)
    consequence = (
        translate(NO_NEW_LAUNCHES)
        if threshold.percent >= 100
        else translate(HOW_TO_SHOW_BUDGET, command=code("/verl budget"))
    )
    sentence = mrkdwn(":moneybag: {}", join_sentences(headline, consequence))
    key = f"purse-{threshold.budget_key.replace(':', '-')}-{threshold.month}-{threshold.limit_dollars:g}-{threshold.percent}"
    return Message(key, sentence, (section(sentence),), broadcast=True)
