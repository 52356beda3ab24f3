"""The message about a cluster that no run owns. Pure: a record in, one message out."""

from datetime import datetime, timedelta

from bot.core.orphans import ADOPTED, Claim, Orphan
from bot.core.seen import Cluster
from bot.language import mark
from bot.slack import words
from bot.slack.blocks import Block, actions, button, confirm, context, section
from bot.slack.message import Message
from bot.slack.phrases import say, say_many, together, translate
from bot.slack.text import Markup, code, date, emoji, joined, mention, mrkdwn

REMOVE, LEAVE, ADOPT = "remove_orphan", "leave_orphan", "adopt_orphan"
"""Action ids of the buttons."""

DAY_AND_TIME = "{date_short_pretty} {time}"

STANDS = {
    Claim.ENDED: mark("*{cluster} stands, and its run has ended.*"),
    Claim.RETURNED: mark(
        "*{cluster} is running, and its run ended because I could see nothing of it.* I do not remove it by myself: "
        "copy its checkpoints first."
    ),
    Claim.NAMED: mark("*{cluster} stands, and no run of mine owns it.* It has a name or a label as mine have."),
    Claim.NOBODY: mark("*{cluster} stands, and no run owns it.* It was launched without me."),
}
REMOVING = mark("I am removing it.")
REMOVAL_ASKED = mark("{person} has me remove it.")
LEFT = mark("{person} leaves it as it is.")
ADOPTED_UNTIL = mark("{person} has adopted it: it stands until {time}, and is removed then.")
OVER = mark("{person} had adopted it until {time}, and that is over.")
ENDS = mark("{person} :alarm_clock: *{cluster} is removed {time}*, unless it is kept longer by the button above.")
FAILED = mark("Its removal has failed and is asked for again: {why}")
GONE = mark("*{cluster} is gone*: nothing of it was seen, twice.")
QUESTION = mark("{cluster} of {person} is removed with all that is on it, whoever uses it.")
ADOPTING = mark(
    "You answer for {cluster} then. It stands for {hours} hours more, and is removed after that with all that is on "
    "it, whoever uses it. An hour before you are told."
)
QUESTION_OF_NOBODY = mark("{cluster} is removed with all that is on it, whoever uses it.")


def orphan_message(orphan: Orphan, now: datetime) -> Message:
    """Return the message as it should be now."""
    text = mrkdwn("{} {}", icon(orphan), together(headline(orphan), what_next(orphan, now)))
    blocks = [section(text), context(joined(" · ", [*facts(orphan), money(orphan, now)]))]
    if orphan.gone_at is None and (shown := buttons(orphan, now)):
        blocks.append(actions(*shown))
    return Message("orphan", text, tuple(blocks), edited=True)


def icon(orphan: Orphan) -> Markup:
    """Return the emoji of the headline."""
    return emoji(":white_check_mark:" if orphan.gone_at else ":ghost:")


def headline(orphan: Orphan) -> Markup:
    """Return what the cluster is: which run left it behind, or why it looks like ours."""
    if orphan.claim is Claim.RETURNED and orphan.owner and not orphan.gone_at:
        return together(say(STANDS[orphan.claim], cluster=code(orphan.standing.name)), mention(orphan.owner))
    return say(GONE if orphan.gone_at else STANDS[orphan.claim], cluster=code(orphan.standing.name))


def what_next(orphan: Orphan, now: datetime) -> Markup:
    """Return what happens to the cluster next, and at whose request."""
    if orphan.left_by and not orphan.gone_at:
        return say(LEFT, person=mention(orphan.left_by))
    asked = say(REMOVAL_ASKED, person=mention(orphan.remove_by)) if orphan.remove_by else adoption(orphan, now)
    if orphan.gone_at or not orphan.going(now):
        return asked
    failed = say(FAILED, why=orphan.trouble) if orphan.trouble else Markup()
    return together(asked if orphan.remove_by else together(asked, say(REMOVING)), failed)


def adoption(orphan: Orphan, now: datetime) -> Markup:
    """Return who has adopted the cluster; empty where no person has."""
    if orphan.adopted_by is None or orphan.adopted_until is None or orphan.gone_at:
        return Markup()
    about = {"person": mention(orphan.adopted_by), "time": date(orphan.adopted_until, DAY_AND_TIME)}
    return say(OVER if orphan.lapsed(now) else ADOPTED_UNTIL, **about)


def ends(orphan: Orphan) -> Markup:
    """Return the warning, for the person who has adopted it, that the cluster is removed within the hour."""
    time = date(orphan.adopted_until, DAY_AND_TIME) if orphan.adopted_until else ""
    return say(ENDS, person=mention(orphan.adopted_by), cluster=code(orphan.standing.name), time=time)


def facts(orphan: Orphan) -> list[Markup]:
    """Return the cluster's user, machines and age."""
    found = orphan.standing
    nodes = say_many("{count} node", "{count} nodes", found.nodes)
    machines = say("{machines} on {infra}", machines=nodes, infra=translate(found.infra)) if found.infra else nodes
    by = say("by SkyPilot user {person}", person=code(found.user)) if found.user else Markup()
    return [by, machines, say("since {time}", time=date(found.since or orphan.seen_at, DAY_AND_TIME))]


def money(orphan: Orphan, now: datetime) -> Markup:
    """Return what the cluster has cost, and at which rate."""
    if orphan.standing.status is Cluster.STOPPED:
        return say("stopped: its disks go on billing")
    spent, rate = orphan.dollars(now), orphan.standing.dollars_per_hour
    if spent is None or rate is None:
        return say(words.UNPRICED)
    return say("{dollars} so far at {rate}", dollars=words.dollars(spent), rate=words.hourly(rate))


def buttons(orphan: Orphan, now: datetime) -> list[Block]:
    """Return the buttons for what people may do now."""
    if orphan.remove_by or orphan.lapsed(now):
        return []
    if orphan.downed_at:
        return [remove(orphan)]
    leave = button(say("Leave it"), LEAVE, orphan.id)
    return [remove(orphan), adopt(orphan), *([] if orphan.left_by or orphan.adopted_by else [leave])]


def adopt(orphan: Orphan) -> Block:
    """Return the button that adopts the cluster, or keeps it longer. It extends only the end that it was shown with."""
    hours = ADOPTED // timedelta(hours=1)
    shown = orphan.adopted_until.timestamp() if orphan.adopted_until else 0
    value = f"{orphan.id} {shown:.0f}"
    if orphan.adopted_until:
        return button(say("Keep {hours} h longer", hours=hours), ADOPT, value)
    question = say(ADOPTING, cluster=code(orphan.standing.name), hours=hours)
    asked = confirm(say("Adopt this cluster?"), question, say("Adopt it"), say("Cancel"))
    return button(say("Adopt it for {hours} h", hours=hours), ADOPT, value, asked)


def remove(orphan: Orphan) -> Block:
    """Return the button that removes the cluster after a confirmation: a person may be at work there."""
    cluster, user = code(orphan.standing.name), orphan.standing.user
    question = say(QUESTION, cluster=cluster, person=code(user)) if user else say(QUESTION_OF_NOBODY, cluster=cluster)
    asked = confirm(say("Remove this cluster?"), question, say("Remove it"), say("Keep it"))
    return button(say("Remove it"), REMOVE, orphan.id, asked, "danger")
