"""That so much of a month's dollars is spent. Pure: a record in, messages of its thread out."""

from bot.core.policy import Scope
from bot.core.purse_share import PurseShare
from bot.core.run import Run
from bot.language import mark, say, together
from bot.slack import words
from bot.slack.blocks import section
from bot.slack.message import Message
from bot.slack.text import code

SPENT = {
    Scope.PERSON: mark("*{percent} % of what {person} may spend this month is spent*: {spent} of {most}."),
    Scope.TEAM: mark("*{percent} % of what this channel may spend this month is spent*: {spent} of {most}."),
    Scope.EVERYBODY: mark("*{percent} % of what everybody may spend this month is spent*: {spent} of {most}."),
}
ALL_SPENT = mark("What runs goes on within its own budget; nothing new is launched.")
SHOWS = mark("{command} shows what is left.")


def purse_messages(run: Run) -> list[Message]:
    """That so much of a month's dollars is spent, for the channel to hear."""
    return [share_message(one) for one in run.purses]


def share_message(found: PurseShare) -> Message:
    scope, _, whose = found.purse.partition(":")
    dollars = {"spent": words.dollars(found.spent), "most": words.dollars(found.most)}
    told = say(SPENT[Scope(scope)], percent=found.percent, person=f"<@{whose}>", **dollars)
    then = say(ALL_SPENT) if found.percent >= 100 else say(SHOWS, command=code("/verl budget"))
    sentence = f":moneybag: {together(told, then)}"
    key = f"purse-{found.purse.replace(':', '-')}-{found.month}-{found.most:g}-{found.percent}"
    return Message(key, sentence, (section(sentence),), broadcast=True)
