"""How much of a monthly budget is used. Pure: a record in, thread messages out."""

from bot.core.overdraft import Overdraft
from bot.core.policy import Scope
from bot.core.purse_share import PurseShare
from bot.core.run import Run
from bot.language import mark
from bot.slack import words
from bot.slack.blocks import section
from bot.slack.message import Message
from bot.slack.phrases import say, together
from bot.slack.text import code, date, mention, mrkdwn

SPENT = {
    Scope.PERSON: mark("*{percent} % of what {person} may spend this month is spent*: {spent} of {most}."),
    Scope.TEAM: mark("*{percent} % of what this channel may spend this month is spent*: {spent} of {most}."),
    Scope.EVERYBODY: mark("*{percent} % of what everybody may spend this month is spent*: {spent} of {most}."),
}
ALL_SPENT = mark("Nothing new is launched; what becomes of each run, its own thread says.")
OVERDRAWN = {
    Scope.PERSON: mark("*What {person} may spend this month is spent*: {spent} of {most}."),
    Scope.TEAM: mark("*What this channel may spend this month is spent*: {spent} of {most}."),
    Scope.EVERYBODY: mark("*What everybody may spend this month is spent*: {spent} of {most}."),
}
ENDS = mark(
    "This run is to end at {time}, and saves first where it can, unless an approver gives more before: {command}."
)
GOES_ON = mark("There is more to spend again since {time}, and it goes on.")
SHOWS = mark("{command} shows what is left.")


def purse_messages(run: Run) -> list[Message]:
    """Return the messages about used shares of a monthly budget, for the channel; and that the run ends for an
    exhausted one.
    """
    overdrawn = [one for one in run.overdrafts if not one.rehearsed]
    return [*map(share_message, run.purses), *(overdraft_message(run, one) for one in overdrawn)]


def overdraft_message(run: Run, found: Overdraft) -> Message:
    """Return one message about an exhausted budget, edited once the budget is raised."""
    scope, whose = scope_of(found.purse)
    dollars = {"spent": words.dollars(found.spent), "most": words.dollars(found.most)}
    told = say(OVERDRAWN[scope], person=mention(whose), **dollars)
    asked = "@person" if scope is Scope.PERSON else str(scope)
    then = say(ENDS, time=date(found.until), command=code(f"/verl budget {asked} DOLLARS"))
    if found.made_good_at:
        then = say(GOES_ON, time=date(found.made_good_at))
    text = mrkdwn(":moneybag: {}", together(told, then))
    state = "good" if found.made_good_at else ""
    key = f"overdraft-{found.rule}-{found.until.timestamp():.0f}"
    return Message(key, text, (section(mrkdwn("{} {}", text, mention(run.requester))),), urgent=state, edited=True)


def scope_of(purse: str) -> tuple[Scope, str]:
    """Return the scope and the owner of a monthly budget.

    >>> scope_of("team:C0TRAIN")
    (<Scope.TEAM: 'team'>, 'C0TRAIN')
    """
    scope, _, whose = purse.partition(":")
    return Scope(scope), whose


def share_message(found: PurseShare) -> Message:
    """Return the message that a share of a monthly budget is used."""
    scope, whose = scope_of(found.purse)
    dollars = {"spent": words.dollars(found.spent), "most": words.dollars(found.most)}
    told = say(SPENT[scope], percent=found.percent, person=mention(whose), **dollars)
    then = say(ALL_SPENT) if found.percent >= 100 else say(SHOWS, command=code("/verl budget"))
    sentence = mrkdwn(":moneybag: {}", together(told, then))
    key = f"purse-{found.purse.replace(':', '-')}-{found.month}-{found.most:g}-{found.percent}"
    return Message(key, sentence, (section(sentence),), broadcast=True)
