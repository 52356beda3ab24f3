"""What people see of a cluster that no run owns. Pure: a record in, one message out."""

from datetime import datetime

from bot.core.orphans import Claim, Orphan
from bot.core.seen import Cluster
from bot.language import mark, say, say_many, together
from bot.slack import words
from bot.slack.blocks import Block, actions, button, confirm, context, section
from bot.slack.message import Message
from bot.slack.text import code, date, escape

REMOVE, LEAVE = "remove_orphan", "leave_orphan"
"""The buttons."""

DAY_AND_TIME = "{date_short_pretty} {time}"

STANDS = {
    Claim.ENDED: mark("*{cluster} stands, and its run has ended.*"),
    Claim.NAMED: mark("*{cluster} stands, and no run of mine owns it.* It has a name or a label as mine have."),
    Claim.NOBODY: mark("*{cluster} stands, and no run owns it.* It was launched without me."),
}
REMOVING = mark("I am removing it.")
REMOVAL_ASKED = mark("{person} has me remove it.")
LEFT = mark("{person} leaves it as it is.")
FAILED = mark("Its removal has failed and is asked for again: {why}")
GONE = mark("*{cluster} is gone*: nothing of it was seen, twice.")
QUESTION = mark("{cluster} of {person} is removed with all that is on it, whoever uses it.")
QUESTION_OF_NOBODY = mark("{cluster} is removed with all that is on it, whoever uses it.")


def orphan_message(orphan: Orphan, now: datetime) -> Message:
    """As it should stand now."""
    text = f"{icon(orphan)} {together(headline(orphan), what_next(orphan))}"
    blocks = [section(text), context(" · ".join(filter(None, [*facts(orphan), money(orphan, now)])))]
    if orphan.gone_at is None and (shown := buttons(orphan)):
        blocks.append(actions(*shown))
    return Message("orphan", text, tuple(blocks), edited=True)


def icon(orphan: Orphan) -> str:
    return ":white_check_mark:" if orphan.gone_at else ":ghost:"


def headline(orphan: Orphan) -> str:
    return say(GONE if orphan.gone_at else STANDS[orphan.claim], cluster=code(orphan.standing.name))


def what_next(orphan: Orphan) -> str:
    if orphan.left_by and not orphan.gone_at:
        return say(LEFT, person=f"<@{orphan.left_by}>")
    asked = say(REMOVAL_ASKED, person=f"<@{orphan.remove_by}>") if orphan.remove_by else ""
    if orphan.gone_at or not orphan.going:
        return asked
    failed = say(FAILED, why=escape(orphan.trouble)) if orphan.trouble else ""
    return together(asked or say(REMOVING), failed)


def facts(orphan: Orphan) -> list[str]:
    found = orphan.standing
    nodes = say_many("{count} node", "{count} nodes", found.nodes)
    machines = say("{machines} on {infra}", machines=nodes, infra=escape(say(found.infra))) if found.infra else nodes
    by = say("by SkyPilot user {person}", person=code(found.user)) if found.user else ""
    return [by, machines, say("since {time}", time=date(found.since or orphan.seen_at, DAY_AND_TIME))]


def money(orphan: Orphan, now: datetime) -> str:
    if orphan.standing.status is Cluster.STOPPED:
        return say("stopped: its disks go on billing")
    spent, rate = orphan.dollars(now), orphan.standing.dollars_per_hour
    if spent is None or rate is None:
        return say(words.UNPRICED)
    return say("{dollars} so far at {rate}", dollars=words.dollars(spent), rate=words.hourly(rate))


def buttons(orphan: Orphan) -> list[Block]:
    if orphan.remove_by:
        return []
    leave = button(say("Leave it"), LEAVE, orphan.id)
    return [remove(orphan), *([] if orphan.left_by or orphan.downed_at else [leave])]


def remove(orphan: Orphan) -> Block:
    """After a question: somebody may be at work there."""
    cluster, user = code(orphan.standing.name), orphan.standing.user
    question = say(QUESTION, cluster=cluster, person=code(user)) if user else say(QUESTION_OF_NOBODY, cluster=cluster)
    asked = confirm(say("Remove this cluster?"), question, say("Remove it"), say("Keep it"))
    return button(say("Remove it"), REMOVE, orphan.id, asked, "danger")
