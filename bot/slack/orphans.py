"""The message about a cluster that no run owns. Pure: a record in, one message out."""

from datetime import datetime, timedelta

from bot.core.orphans import ADOPTION_TIME, Orphan, Ownership
from bot.core.seen import ClusterState
from bot.language import N_
from bot.slack import words
from bot.slack.blocks import Block, actions, button, confirmation, context, section
from bot.slack.message import Message
from bot.slack.phrases import join_sentences, ngettext, translate, translate_text
from bot.slack.text import Markup, code, date, emoji, join_parts, mention, mrkdwn

REMOVE, LEAVE, ADOPT = "remove_orphan", "leave_orphan", "adopt_orphan"
"""Action ids of the buttons."""

DAY_AND_TIME = "{date_short_pretty} {time}"

ORPHAN_HEADLINES = {
    Ownership.ENDED_RUN: N_("*{cluster} stands, and its run has ended.*"),
    Ownership.REAPPEARED: N_(
        "*{cluster} is running, and its run ended because I could see nothing of it.* I do not remove it by myself: "
        "copy its checkpoints first."
    ),
    Ownership.OUR_NAME: N_("*{cluster} stands, and no run of mine owns it.* It has a name or a label as mine have."),
    Ownership.UNCLAIMED: N_("*{cluster} stands, and no run owns it.* It was launched without me."),
}
REMOVAL_BEGINS = N_("I am removing it.")
REMOVAL_REQUESTED = N_("{person} has me remove it.")
LEFT_ALONE = N_("{person} leaves it as it is.")
ADOPTED_UNTIL = N_("{person} has adopted it: it stands until {time}, and is removed then.")
ADOPTION_EXPIRED = N_("{person} had adopted it until {time}, and that is over.")
REMOVAL_SOON = N_("{person} :alarm_clock: *{cluster} is removed {time}*, unless it is kept longer by the button above.")
REMOVAL_FAILED = N_("Its removal has failed and is asked for again: {why}")
CONFIRMED_GONE = N_("*{cluster} is gone*: nothing of it was seen, twice.")
REMOVE_QUESTION = N_("{cluster} of {person} is removed with all that is on it, whoever uses it.")
ADOPT_QUESTION = N_(
    "You answer for {cluster} then. It stands for {hours} hours more, and is removed after that with all that is on "
    "it, whoever uses it. An hour before you are told."
)
REMOVE_QUESTION_WITHOUT_OWNER = N_("{cluster} is removed with all that is on it, whoever uses it.")


def build_orphan_message(orphan: Orphan, now: datetime) -> Message:
    """Return the message as it should be now."""
    text = mrkdwn(
        "{} {}", orphan_icon(orphan), join_sentences(orphan_headline(orphan), describe_next_action(orphan, now))
    )
    blocks = [section(text), context(join_parts(" · ", [*list_facts(orphan), describe_orphan_cost(orphan, now)]))]
    if orphan.gone_at is None and (elements := orphan_buttons(orphan, now)):
        blocks.append(actions(*elements))
    return Message("orphan", text, tuple(blocks), is_edited=True)


def orphan_icon(orphan: Orphan) -> Markup:
    """Return the emoji of the headline."""
    return emoji(":white_check_mark:" if orphan.gone_at else ":ghost:")


def orphan_headline(orphan: Orphan) -> Markup:
    """Return what the cluster is: which run left it behind, or why it looks like ours."""
    if orphan.ownership is Ownership.REAPPEARED and orphan.owner and not orphan.gone_at:
        return join_sentences(
            translate(ORPHAN_HEADLINES[orphan.ownership], cluster=code(orphan.cluster.name)), mention(orphan.owner)
        )
    return translate(
        CONFIRMED_GONE if orphan.gone_at else ORPHAN_HEADLINES[orphan.ownership], cluster=code(orphan.cluster.name)
    )


def describe_next_action(orphan: Orphan, now: datetime) -> Markup:
    """Return what happens to the cluster next, and at whose request."""
    if orphan.left_alone_by and not orphan.gone_at:
        return translate(LEFT_ALONE, person=mention(orphan.left_alone_by))
    cause = (
        translate(REMOVAL_REQUESTED, person=mention(orphan.removal_requested_by))
        if orphan.removal_requested_by
        else describe_adoption(orphan, now)
    )
    if orphan.gone_at or not orphan.is_due_for_removal(now):
        return cause
    failure = translate(REMOVAL_FAILED, why=orphan.last_error) if orphan.last_error else Markup()
    return join_sentences(
        cause if orphan.removal_requested_by else join_sentences(cause, translate(REMOVAL_BEGINS)), failure
    )


def describe_adoption(orphan: Orphan, now: datetime) -> Markup:
    """Return who has adopted the cluster; empty where no person has."""
    if orphan.adopted_by is None or orphan.adopted_until is None or orphan.gone_at:
        return Markup()
    fields = {"person": mention(orphan.adopted_by), "time": date(orphan.adopted_until, DAY_AND_TIME)}
    return translate(ADOPTION_EXPIRED if orphan.has_expired(now) else ADOPTED_UNTIL, **fields)


def describe_removal_warning(orphan: Orphan) -> Markup:
    """Return the warning, for the person who has adopted it, that the cluster is removed within the hour."""
    time = date(orphan.adopted_until, DAY_AND_TIME) if orphan.adopted_until else ""
    return translate(REMOVAL_SOON, person=mention(orphan.adopted_by), cluster=code(orphan.cluster.name), time=time)


def list_facts(orphan: Orphan) -> list[Markup]:
    """Return the cluster's user, machines and age."""
    cluster = orphan.cluster
    nodes = ngettext("{count} node", "{count} nodes", cluster.nodes)
    machines = (
        translate("{machines} on {infra}", machines=nodes, infra=translate_text(cluster.infra))
        if cluster.infra
        else nodes
    )
    launcher = translate("by SkyPilot user {person}", person=code(cluster.user)) if cluster.user else Markup()
    return [
        launcher,
        machines,
        translate("since {time}", time=date(cluster.launched_at or orphan.first_seen_at, DAY_AND_TIME)),
    ]


def describe_orphan_cost(orphan: Orphan, now: datetime) -> Markup:
    """Return what the cluster has cost, and at which rate."""
    if orphan.cluster.status is ClusterState.STOPPED:
        return translate("stopped: its disks go on billing")
    cost, rate = orphan.compute_dollars(now), orphan.cluster.dollars_per_hour
    if cost is None or rate is None:
        return translate(words.UNPRICED)
    return translate(
        "{dollars} so far at {rate}", dollars=words.format_dollars(cost), rate=words.format_hourly_rate(rate)
    )


def orphan_buttons(orphan: Orphan, now: datetime) -> list[Block]:
    """Return the buttons for what people may do now."""
    if orphan.removal_requested_by or orphan.has_expired(now):
        return []
    if orphan.teardown_requested_at:
        return [remove_button(orphan)]
    leave_button = button(translate("Leave it"), LEAVE, orphan.id)
    return [
        remove_button(orphan),
        adopt_button(orphan),
        *([] if orphan.left_alone_by or orphan.adopted_by else [leave_button]),
    ]


def adopt_button(orphan: Orphan) -> Block:
    """Return the button that adopts the cluster, or keeps it longer. It extends only the end that it was shown with."""
    hours = ADOPTION_TIME // timedelta(hours=1)
    shown_end = orphan.adopted_until.timestamp() if orphan.adopted_until else 0
    value = f"{orphan.id} {shown_end:.0f}"
    if orphan.adopted_until:
        return button(translate("Keep {hours} h longer", hours=hours), ADOPT, value)
    question = translate(ADOPT_QUESTION, cluster=code(orphan.cluster.name), hours=hours)
    dialog = confirmation(translate("Adopt this cluster?"), question, translate("Adopt it"), translate("Cancel"))
    return button(translate("Adopt it for {hours} h", hours=hours), ADOPT, value, dialog)


def remove_button(orphan: Orphan) -> Block:
    """Return the button that removes the cluster after a confirmation: a person may be at work there."""
    cluster, user = code(orphan.cluster.name), orphan.cluster.user
    question = (
        translate(REMOVE_QUESTION, cluster=cluster, person=code(user))
        if user
        else translate(REMOVE_QUESTION_WITHOUT_OWNER, cluster=cluster)
    )
    dialog = confirmation(translate("Remove this cluster?"), question, translate("Remove it"), translate("Keep it"))
    return button(translate("Remove it"), REMOVE, orphan.id, dialog, "danger")
