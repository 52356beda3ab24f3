"""Messages about clusters: without a run, forgotten by SkyPilot, or without their autostop. Pure."""

from datetime import datetime, timedelta

from bot.core.model.cluster import AutostopRepair, ClusterState
from bot.core.model.orphan import ADOPTION_TIME, Orphan, Ownership
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.blocks import Block, actions, button, confirmation, context, section
from bot.slack.views.message import Message
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    code,
    command_code,
    date,
    emoji,
    escape,
    join_markup_sentences,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
    render_plural,
    translate_text,
)

AUTOSTOP_CANCELLED = N_("The autostop of {run} was cancelled outside verlbot.")
AUTOSTOP_CHANGED = N_("The autostop of {run} was changed outside verlbot, to {minutes} idle min.")
AUTOSTOP_MISSING = N_("The cluster of {run} had no autostop.")
CHANGED_BY = N_("According to SkyPilot, {person} did this.")
CHANGED_BY_UNKNOWN = N_(
    "SkyPilot does not say who did this. It also changes the autostop by itself if it considers a cluster broken."
)
AUTOSTOP_REPAIR_PENDING = N_("I am setting it to {minutes} idle min.")
AUTOSTOP_REPAIRED = N_("I set it to {minutes} idle min.")
AUTOSTOP_UNSUPPORTED = N_("I cannot set it here, so SkyPilot will not remove the cluster if I am down. Reason: {why}")

TEARDOWN_OVERDUE = N_("*{cluster} is still up* {time} after {run} ended.")
TEARDOWN_OVERDUE_WITH_RATE = N_("*{cluster} is still up* {time} after {run} ended, and costs {rate}.")
TEARDOWN_RETRY = N_("I keep asking SkyPilot to delete it.")
MANUAL_TEARDOWN = N_("To delete it by hand: {command}.")


def build_cluster_alerts(run: Run) -> list[Message]:
    """Return the alerts of a run. Each is also posted in the channel, because it is about unwatched cost."""
    return [message for message in (build_autostop_alert(run), build_teardown_alert(run)) if message]


def build_autostop_alert(run: Run) -> Message | None:
    """Return the message about a changed autostop; each change has a message of its own. None if nothing changed."""
    repair = run.observed.autostop_repair
    if repair is None:
        return None
    text = join_markup_sentences(
        render_autostop_change(run, repair), render_autostop_author(repair), render_autostop_repair(run, repair)
    )
    state = "over" if repair.is_finished else "tried"
    return build_alert(run, f"autostop-{repair.since.timestamp():.0f}", mrkdwn(":zzz: {}", text), state)


def render_autostop_change(run: Run, repair: AutostopRepair) -> Markup:
    """Return how the autostop was changed."""
    if repair.observed_minutes is not None:
        return render_phrase(AUTOSTOP_CHANGED, run=wording.link_run(run), minutes=repair.observed_minutes)
    return render_phrase(AUTOSTOP_CANCELLED if repair.was_set else AUTOSTOP_MISSING, run=wording.link_run(run))


def render_autostop_author(repair: AutostopRepair) -> Markup:
    """Return who changed the autostop according to the cloud; empty before the cloud was queried."""
    # The cloud names an author once it accepts a new setting; an autostop that was never set has none.
    if repair.setting is None or (repair.observed_minutes is None and not repair.was_set):
        return Markup()
    return (
        render_phrase(CHANGED_BY, person=code(repair.setting.by))
        if repair.setting.by
        else render_phrase(CHANGED_BY_UNKNOWN)
    )


def render_autostop_repair(run: Run, repair: AutostopRepair) -> Markup:
    """Return whether the bot could set the autostop again."""
    if repair.refusal:
        return render_phrase(AUTOSTOP_UNSUPPORTED, why=repair.refusal)
    return render_phrase(
        AUTOSTOP_REPAIRED if repair.repaired_at else AUTOSTOP_REPAIR_PENDING, minutes=run.plan.autostop_minutes
    )


def build_teardown_alert(run: Run) -> Message | None:
    """Return the alert about a cluster that is not removed.

    None once the run has ended: the alert is never sent late, because a cluster that is gone needs none.
    """
    if run.teardown.overdue_since is None or run.finished_at is None or run.status is not RunStatus.STOPPING:
        return None
    about = {
        "run": wording.link_run(run),
        "cluster": code(run.cluster),
        "time": wording.format_duration(run.teardown.overdue_since - run.finished_at),
    }
    overdue = render_phrase(TEARDOWN_OVERDUE, **about)
    if run.spending.hourly_rate:
        overdue = render_phrase(
            TEARDOWN_OVERDUE_WITH_RATE,
            **about,
            rate=wording.format_hourly_rate(run.spending.hourly_rate.dollars_per_hour),
        )
    manual_teardown = (
        render_phrase(MANUAL_TEARDOWN, command=command_code(run.teardown.manual_command))
        if run.teardown.manual_command
        else Markup()
    )
    why = escape(run.teardown.last_error or "")
    return build_alert(
        run,
        "alarm",
        mrkdwn(
            ":rotating_light: {}", join_markup_sentences(overdue, why, render_phrase(TEARDOWN_RETRY), manual_teardown)
        ),
        "",
    )


def build_alert(run: Run, key: str, text: Markup, urgent_state: str) -> Message:
    """Return an alert with a mention of the requester."""
    blocks = (section(mrkdwn("{} {}", text, mention(run.requester))),)
    return Message(key, text, blocks, urgent=urgent_state, is_edited=bool(urgent_state), broadcast=True)


ORPHAN = "orphan"
"""Key of the message about a cluster that no run owns."""

REMOVE, LEAVE, ADOPT = "remove_orphan", "leave_orphan", "adopt_orphan"
"""Action ids of the buttons."""

ORPHAN_HEADLINES = {
    Ownership.ENDED_RUN: N_("*{cluster} is still up, although its run has ended.*"),
    Ownership.REAPPEARED: N_(
        "*{cluster} is running again. I had ended its run because SkyPilot did not show the cluster.* I will not "
        "delete it by myself: copy the checkpoints first."
    ),
    Ownership.OUR_NAME: N_(
        "*{cluster} belongs to no run.* Its name looks like one of mine, but I have no record of it."
    ),
    Ownership.UNCLAIMED: N_("*{cluster} was launched outside verlbot.*"),
}
REMOVAL_BEGINS = N_("I am deleting it.")
REMOVAL_REQUESTED = N_("{person} asked me to delete it.")
LEFT_ALONE = N_("{person} chose to keep it.")
ADOPTED_UNTIL = N_("{person} adopted it: I keep it until {time}, then delete it.")
ADOPTION_EXPIRED = N_("{person} adopted it until {time}; that time is over.")
REMOVAL_SOON = N_(
    "{person} :alarm_clock: *{cluster} will be deleted at {time}.* To keep it longer, press the button above."
)
REMOVAL_FAILED = N_("Deleting the cluster failed; I keep trying. {why}")
CONFIRMED_GONE = N_("*{cluster}: machines confirmed gone.*")
REMOVE_QUESTION = N_("{cluster} of {person} will be deleted with everything on it, even if it is in use.")
ADOPT_QUESTION = N_(
    "You will own {cluster}. I keep it for {hours} more hours, then delete it with everything on it, even if it is "
    "in use. I warn you an hour before."
)
REMOVE_QUESTION_WITHOUT_OWNER = N_("{cluster} will be deleted with everything on it, even if it is in use.")


def build_orphan_messages(orphan: Orphan, now: datetime) -> list[Message]:
    """Return the message about a cluster, and the warning of its end once that is due."""
    message = build_orphan_message(orphan, now)
    if not orphan.needs_warning(now):
        return [message]
    text = describe_removal_warning(orphan)
    return [message, Message(name_removal_warning(orphan), text, (section(text),), broadcast=True)]


def name_removal_warning(orphan: Orphan) -> str:
    """Return the key of the warning, which names the end that it is about."""
    return f"warning-{orphan.adopted_until.timestamp():.0f}" if orphan.adopted_until else "warning"


def build_orphan_message(orphan: Orphan, now: datetime) -> Message:
    """Return the message as it should be now."""
    text = mrkdwn(
        "{} {}", orphan_icon(orphan), join_markup_sentences(orphan_headline(orphan), describe_next_action(orphan, now))
    )
    blocks = [section(text), context(join_parts(" · ", [*list_facts(orphan), describe_orphan_cost(orphan, now)]))]
    if orphan.gone_at is None and (elements := orphan_buttons(orphan, now)):
        blocks.append(actions(*elements))
    return Message(ORPHAN, text, tuple(blocks), urgent=get_urgent_state(orphan), is_edited=True)


def get_urgent_state(orphan: Orphan) -> str:
    """Return the part of a record whose change is shown at once."""
    requests = (
        orphan.removal_requested_by,
        orphan.left_alone_by,
        orphan.adopted_until,
        orphan.teardown_requested_at is None,
    )
    return "|".join(map(str, (*requests, orphan.last_error, orphan.gone_at, orphan.ownership)))


def orphan_icon(orphan: Orphan) -> Markup:
    """Return the emoji of the headline."""
    return emoji(":white_check_mark:" if orphan.gone_at else ":ghost:")


def orphan_headline(orphan: Orphan) -> Markup:
    """Return what the cluster is: which run left it behind, or why it looks like ours."""
    if orphan.ownership is Ownership.REAPPEARED and orphan.owner and not orphan.gone_at:
        return join_markup_sentences(
            render_phrase(ORPHAN_HEADLINES[orphan.ownership], cluster=code(orphan.cluster.name)), mention(orphan.owner)
        )
    return render_phrase(
        CONFIRMED_GONE if orphan.gone_at else ORPHAN_HEADLINES[orphan.ownership], cluster=code(orphan.cluster.name)
    )


def describe_next_action(orphan: Orphan, now: datetime) -> Markup:
    """Return what happens to the cluster next, and at whose request."""
    if orphan.left_alone_by and not orphan.gone_at:
        return render_phrase(LEFT_ALONE, person=mention(orphan.left_alone_by))
    cause = (
        render_phrase(REMOVAL_REQUESTED, person=mention(orphan.removal_requested_by))
        if orphan.removal_requested_by
        else describe_adoption(orphan, now)
    )
    if orphan.gone_at or not orphan.is_due_for_removal(now):
        return cause
    failure = render_phrase(REMOVAL_FAILED, why=orphan.last_error) if orphan.last_error else Markup()
    return join_markup_sentences(
        cause if orphan.removal_requested_by else join_markup_sentences(cause, render_phrase(REMOVAL_BEGINS)), failure
    )


def describe_adoption(orphan: Orphan, now: datetime) -> Markup:
    """Return who has adopted the cluster; empty where no person has."""
    if orphan.adopted_by is None or orphan.adopted_until is None or orphan.gone_at:
        return Markup()
    fields = {"person": mention(orphan.adopted_by), "time": date(orphan.adopted_until, DAY_AND_TIME)}
    return render_phrase(ADOPTION_EXPIRED if orphan.has_expired(now) else ADOPTED_UNTIL, **fields)


def describe_removal_warning(orphan: Orphan) -> Markup:
    """Return the warning, for the person who has adopted it, that the cluster is removed within the hour."""
    time = date(orphan.adopted_until, DAY_AND_TIME) if orphan.adopted_until else ""
    return render_phrase(REMOVAL_SOON, person=mention(orphan.adopted_by), cluster=code(orphan.cluster.name), time=time)


def list_facts(orphan: Orphan) -> list[Markup]:
    """Return the cluster's user, machines and age."""
    cluster = orphan.cluster
    nodes = render_plural("{count} node", "{count} nodes", cluster.nodes)
    machines = (
        render_phrase("{machines} on {infra}", machines=nodes, infra=translate_text(cluster.infra))
        if cluster.infra
        else nodes
    )
    launcher = render_phrase("by SkyPilot user {person}", person=code(cluster.user)) if cluster.user else Markup()
    return [
        launcher,
        machines,
        render_phrase("since {time}", time=date(cluster.launched_at or orphan.first_seen_at, DAY_AND_TIME)),
    ]


def describe_orphan_cost(orphan: Orphan, now: datetime) -> Markup:
    """Return what the cluster has cost, and at which rate."""
    if orphan.cluster.status is ClusterState.STOPPED:
        return render_phrase("stopped; the disks still cost money")
    cost, rate = orphan.compute_dollars(now), orphan.cluster.dollars_per_hour
    if cost is None or rate is None:
        return render_phrase(wording.UNPRICED)
    phrase = N_("{dollars} at {rate}") if orphan.gone_at else N_("{dollars} so far at {rate}")
    return render_phrase(phrase, dollars=wording.format_dollars(cost), rate=wording.format_hourly_rate(rate))


def orphan_buttons(orphan: Orphan, now: datetime) -> list[Block]:
    """Return the buttons for what people may do now."""
    if orphan.removal_requested_by or orphan.has_expired(now):
        return []
    if orphan.teardown_requested_at:
        return [remove_button(orphan)]
    leave_button = button(render_phrase("Keep it"), LEAVE, orphan.id)
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
        return button(render_phrase("Keep {hours} h longer", hours=hours), ADOPT, value)
    question = render_phrase(ADOPT_QUESTION, cluster=code(orphan.cluster.name), hours=hours)
    dialog = confirmation(
        render_phrase("Adopt this cluster?"), question, render_phrase("Adopt it"), render_phrase("Cancel")
    )
    return button(render_phrase("Adopt it for {hours} h", hours=hours), ADOPT, value, dialog)


def remove_button(orphan: Orphan) -> Block:
    """Return the button that removes the cluster after a confirmation: a person may be at work there."""
    cluster, user = code(orphan.cluster.name), orphan.cluster.user
    question = (
        render_phrase(REMOVE_QUESTION, cluster=cluster, person=code(user))
        if user
        else render_phrase(REMOVE_QUESTION_WITHOUT_OWNER, cluster=cluster)
    )
    dialog = confirmation(
        render_phrase("Delete this cluster?"), question, render_phrase("Delete it"), render_phrase("Keep it")
    )
    return button(render_phrase("Delete it"), REMOVE, orphan.id, dialog, "danger")
