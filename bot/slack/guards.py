"""Alerts about safeguards that fail: an autostop that someone changed, a cluster that is not removed. Pure: a record
in, messages of its thread out.
"""

from bot.core.autostop import AutostopRepair
from bot.core.run import Run
from bot.core.status import RunStatus
from bot.language import N_
from bot.slack import words
from bot.slack.blocks import section
from bot.slack.message import Message
from bot.slack.phrases import join_sentences, translate
from bot.slack.text import Markup, code, command_code, escape, mention, mrkdwn

AUTOSTOP_CANCELLED = N_("Its autostop was cancelled outside of verlbot.")
AUTOSTOP_CHANGED = N_("Its autostop was changed outside of verlbot, to {minutes} idle min.")
AUTOSTOP_MISSING = N_("Its cluster stands without its autostop.")
CHANGED_BY = N_("SkyPilot names {person}.")
CHANGED_BY_UNKNOWN = N_("By whom is not known; SkyPilot itself does so to a cluster that it takes for broken.")
AUTOSTOP_REPAIR_PENDING = N_("I am setting it to {minutes} idle min, as asked.")
AUTOSTOP_REPAIRED = N_("It is set to {minutes} idle min, as asked.")
AUTOSTOP_UNSUPPORTED = N_("It cannot be set here, and the lease alone guards it: {why}")

TEARDOWN_OVERDUE = N_("*Its cluster does not go*: {time} after its end it still stands.")
TEARDOWN_OVERDUE_WITH_RATE = N_("*Its cluster does not go*: {time} after its end it still stands, and bills {rate}.")
TEARDOWN_RETRY = N_("I go on asking for its removal.")
MANUAL_TEARDOWN = N_("Remove it by hand: {command}")


def build_cluster_alerts(run: Run) -> list[Message]:
    """Return the alerts of a run. Each is also posted in the channel, because it is about unwatched cost."""
    return [message for message in (build_autostop_alert(run), build_teardown_alert(run)) if message]


def build_autostop_alert(run: Run) -> Message | None:
    """Return the message about a changed autostop; each change has a message of its own. None if nothing changed."""
    repair = run.autostop_repair
    if repair is None:
        return None
    text = join_sentences(
        render_autostop_change(repair), render_autostop_author(repair), render_autostop_repair(run, repair)
    )
    state = "over" if repair.is_finished else "tried"
    return build_alert(run, f"autostop-{repair.since.timestamp():.0f}", mrkdwn(":zzz: {}", text), state)


def render_autostop_change(repair: AutostopRepair) -> Markup:
    """Return how the autostop was changed."""
    if repair.observed_minutes is not None:
        return translate(AUTOSTOP_CHANGED, minutes=repair.observed_minutes)
    return translate(AUTOSTOP_CANCELLED) if repair.was_set else translate(AUTOSTOP_MISSING)


def render_autostop_author(repair: AutostopRepair) -> Markup:
    """Return who changed the autostop according to the cloud; empty before the cloud was queried."""
    # The cloud names an author once it accepts a new setting; an autostop that was never set has none.
    if repair.setting is None or (repair.observed_minutes is None and not repair.was_set):
        return Markup()
    return translate(CHANGED_BY, person=code(repair.setting.by)) if repair.setting.by else translate(CHANGED_BY_UNKNOWN)


def render_autostop_repair(run: Run, repair: AutostopRepair) -> Markup:
    """Return whether the bot could set the autostop again."""
    if repair.refusal:
        return translate(AUTOSTOP_UNSUPPORTED, why=repair.refusal)
    return translate(
        AUTOSTOP_REPAIRED if repair.repaired_at else AUTOSTOP_REPAIR_PENDING, minutes=run.requested_autostop_minutes
    )


def build_teardown_alert(run: Run) -> Message | None:
    """Return the alert about a cluster that is not removed.

    None once the run has ended: the alert is never sent late, because a cluster that is gone needs none.
    """
    if run.teardown_overdue_since is None or run.finished_at is None or run.status is not RunStatus.STOPPING:
        return None
    time = words.format_duration(run.teardown_overdue_since - run.finished_at)
    overdue = translate(TEARDOWN_OVERDUE, time=time)
    if run.hourly_rate:
        overdue = translate(
            TEARDOWN_OVERDUE_WITH_RATE, time=time, rate=words.format_hourly_rate(run.hourly_rate.dollars_per_hour)
        )
    manual_teardown = (
        translate(MANUAL_TEARDOWN, command=command_code(run.manual_command)) if run.manual_command else Markup()
    )
    why = escape(run.last_error or "")
    return build_alert(
        run,
        "alarm",
        mrkdwn(":rotating_light: {}", join_sentences(overdue, why, translate(TEARDOWN_RETRY), manual_teardown)),
        "",
    )


def build_alert(run: Run, key: str, text: Markup, urgent_state: str) -> Message:
    """Return an alert with a mention of the requester."""
    blocks = (section(mrkdwn("{} {}", text, mention(run.requester))),)
    return Message(key, text, blocks, urgent=urgent_state, is_edited=bool(urgent_state), broadcast=True)
