"""Audit events as people read them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from bot.core.model.audit import BOT, AuditEvent, AuditValue
from bot.core.model.people import Act
from bot.core.model.policy import APPROVAL_RULE, Measure, Scope, cap_rule
from bot.core.model.run import Run
from bot.core.model.run_state import ApprovalCause, Reason
from bot.core.model.state_names import REASON_STATES
from bot.core.rules.unstarted_runs import is_unstarted
from bot.i18n import render
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.blocks import context, section
from bot.slack.views.message import Answer, FileUpload, build_answer, build_text_answer
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    channel_link,
    code,
    date,
    escape,
    join_markup_list,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
    render_plural,
    translate_text,
)

MAX_SHOWN_EVENTS = 20
"""Maximum events of one message; more go into a file, or are left out of a run's history."""

REFUSED_PREFIX = "refused: "

ENDED, SETTLED = "end", "settle"
"""The names of the end of a run and of its record in the audit."""

CAUSES_FIELD, MOMENT_FIELDS = "approval_causes", ("kept_until", "follow_until")
"""The fields whose values are shown in words, and as moments."""

CLOSED_WITHOUT_REQUEST = N_("closed it: no machines were requested")
CLOSED_WITHOUT_CLUSTER = N_("confirmed that it has no machines, and closed it")

UNLAUNCHED_REASONS = (Reason.REFUSED, Reason.NOT_APPROVED, Reason.CAP_EXCEEDED)
"""Reasons of runs that requested no machines."""

ACTION_PHRASES: Mapping[str, str] = {
    "launch": N_("requested the launch"),
    "approve": N_("approved the launch"),
    "refuse": N_("declined the launch"),
    "stop": N_("requested the stop"),
    "confirm gone": N_("confirmed that its machines are gone"),
    "give up model": N_("discarded its model"),
    "set budget": N_("set its budget"),
    "extend lease": N_("extended its lease"),
    "keep cluster": N_("kept its cluster longer"),
    "mute finding": N_("muted a finding"),
    "follow log": N_("followed its log"),
    "set summaries": N_("set how often it posts summaries"),
    "ask for approval": N_("requested an approval"),
    "need no approval": N_("found that it needs no approval"),
    "ask for launch": N_("requested its machines"),
    "ask for launch again": N_("requested its machines again"),
    "see it run": N_("saw it running"),
    SETTLED: N_("confirmed its cluster gone, and closed it"),
    "ask for removal": N_("requested the deletion of its cluster"),
    "set autostop": N_("set its autostop"),
    "put off autostop": N_("postponed its autostop"),
    "fetch model": N_("began to look for a checkpoint to download"),
    "alarm": N_("warned that its cluster is still up"),
    "change": N_("changed its record"),
    "forget": N_("deleted its records"),
    "take back": N_("took it back from its cluster, because its record was lost"),
    "set monthly budget": N_("set a monthly budget"),
    "remove cluster": N_("requested the deletion of a cluster without a run"),
    "leave cluster": N_("kept a cluster without a run"),
    "adopt cluster": N_("adopted a cluster without a run"),
    "schedule report": N_("scheduled a report"),
    "change report": N_("changed a report"),
    "end report": N_("turned off a report"),
    "change policy": N_("read a changed policy file"),
    "allow outside launch": N_("allowed a launch outside Slack"),
    "refuse outside launch": N_("refused a launch outside Slack"),
}
"""The phrase for each action, by its name in the audit."""

STOP_WITH_DISCARD = N_("requested the stop and discarded its model")
STOP_OF_GONE = N_("requested the stop and confirmed that its machines are gone")
STOP_AFTER_SAVE = N_("requested the stop once a checkpoint is saved")
"""The acts of a person who requested a stop in the same moment."""

END_PHRASES: Mapping[Reason, str] = {
    Reason.SUCCEEDED: N_("saw that it succeeded"),
    Reason.FAILED: N_("saw that it failed"),
    Reason.SETUP_FAILED: N_("saw that its setup failed"),
    Reason.DRIVER_DIED: N_("saw that its driver process died"),
    Reason.LAUNCH_FAILED: N_("saw that its launch failed"),
    Reason.CANCELLED_EXTERNALLY: N_("saw that it was cancelled outside verlbot"),
    Reason.STOPPED: N_("began to stop it as requested"),
    Reason.BUDGET_EXCEEDED: N_("began to stop it: budget used up"),
    Reason.MONTHLY_BUDGET_EXCEEDED: N_("began to stop it: monthly budget used up"),
    Reason.LEASE_EXPIRED: N_("began to stop it: lease ended"),
    Reason.SICK: N_("began to stop it: sick training"),
    Reason.AUTODOWNED: N_("saw that autostop stopped it"),
    Reason.DOWNED_EXTERNALLY: N_("saw that its cluster was deleted outside verlbot"),
    Reason.CLUSTER_LOST: N_("saw that its cluster is lost"),
    Reason.REFUSED: N_("ended it: an approver declined it"),
    Reason.NOT_APPROVED: N_("ended it: no approver decided in time"),
    Reason.CAP_EXCEEDED: N_("ended it: it would exceed a spending limit"),
}
"""The phrase for the end of a run, which verlbot did or only saw."""

APPROVAL_CAUSE_NAMES: Mapping[ApprovalCause, str] = {
    ApprovalCause.DOLLARS: N_("its cost"),
    ApprovalCause.DAY: N_("the launches of its owner within a day"),
    ApprovalCause.GPU_HOURS: N_("its GPU-hours"),
    ApprovalCause.UNPRICED: N_("its unknown price"),
}

REFUSED_ACT_PHRASES: Mapping[str, str] = {
    Act.READ: N_("was not allowed to look at it"),
    Act.LAUNCH: N_("was not allowed to launch"),
    Act.STOP: N_("was not allowed to stop it"),
    Act.TUNE: N_("was not allowed to change what it reports"),
    Act.EXTEND: N_("was not allowed to extend it"),
    Act.SET_BUDGET: N_("was not allowed to change its budget"),
    Act.DISCARD: N_("was not allowed to discard its model"),
    Act.REPORT: N_("was not allowed to schedule a report"),
    Act.APPROVE: N_("was not allowed to approve or decline it"),
    Act.SET_MONTHLY_BUDGET: N_("was not allowed to set a monthly budget"),
    Act.MANAGE_CLUSTER: N_("was not allowed to manage a cluster"),
    Act.FORGET: N_("was not allowed to delete records"),
    Act.AUDIT: N_("was not allowed to read the audit"),
    "type a secret": N_("typed what looks like a secret"),
}
"""The phrase for each act that a person was refused; other refusals are by a limit."""

LIMIT_NAMES: Mapping[str, str] = {
    cap_rule(Scope.PERSON, Measure.RUNS): N_("a person's limit of runs at once"),
    cap_rule(Scope.PERSON, Measure.GPUS): N_("a person's limit of GPUs at once"),
    cap_rule(Scope.PERSON, Measure.DOLLARS_PER_HOUR): N_("a person's limit of dollars an hour"),
    cap_rule(Scope.PERSON, Measure.DOLLARS_PER_MONTH): N_("a person's monthly budget"),
    cap_rule(Scope.TEAM, Measure.RUNS): N_("the channel's limit of runs at once"),
    cap_rule(Scope.TEAM, Measure.GPUS): N_("the channel's limit of GPUs at once"),
    cap_rule(Scope.TEAM, Measure.DOLLARS_PER_HOUR): N_("the channel's limit of dollars an hour"),
    cap_rule(Scope.TEAM, Measure.DOLLARS_PER_MONTH): N_("the channel's monthly budget"),
    cap_rule(Scope.WORKSPACE, Measure.RUNS): N_("the workspace's limit of runs at once"),
    cap_rule(Scope.WORKSPACE, Measure.GPUS): N_("the workspace's limit of GPUs at once"),
    cap_rule(Scope.WORKSPACE, Measure.DOLLARS_PER_HOUR): N_("the workspace's limit of dollars an hour"),
    cap_rule(Scope.WORKSPACE, Measure.DOLLARS_PER_MONTH): N_("the workspace's monthly budget"),
}
"""The name of each limit that refuses, by its rule."""

RULE_PHRASES: Mapping[str, str] = {
    "remove_asked": N_("as a person requested"),
    "adoption_over": N_("its time was over"),
    "run_ended": N_("its run has ended"),
    "unreadable_record": N_("the record of its run cannot be read"),
    "store_lost": "",
}
"""Why the bot acted, by the rule; empty where the act says it."""

FIELD_PHRASES: Mapping[str, str] = {
    "line": N_("command"),
    "budget_dollars": N_("budget in dollars"),
    "lease_hours": N_("lease in hours"),
    "approval_causes": N_("needs approval because of"),
    "approved_dollars": N_("approved dollars"),
    "approved_gpu_hours": N_("approved GPU-hours"),
    "muted": N_("muted"),
    "kept_until": N_("until"),
    "follow_until": N_("until"),
    "summary_steps": N_("every (steps)"),
    "summary_hours": N_("every (hours)"),
    "dollars_per_month": N_("dollars a month"),
    "changed": N_("changed"),
    "schedule": N_("schedule"),
}
"""The changed fields that a message shows; the file shows all."""


def render_run_history(run: Run, events: Sequence[AuditEvent], who: str = "") -> Answer:
    """Return the events of a run, the oldest first; the last `MAX_SHOWN_EVENTS` if there are more.

    Args:
        who: Slack's id of the person whose events these are; empty for everyone.
    """
    head = render_phrase("What people and I did to {run}.", run=wording.link_run(run))
    if who:
        head = render_phrase("What {person} did to {run}.", person=mention(who), run=wording.link_run(run))
    if not events and who:
        nothing = render_phrase("{person} did nothing to {run}.", person=mention(who), run=wording.link_run(run))
        return build_text_answer(nothing)
    if not events:
        return build_text_answer(render_phrase("No events are recorded for {run}.", run=wording.link_run(run)))
    closing = choose_closing_phrase(run)
    groups = group_repeats(events, with_subject=False, closing=closing)
    left_out = sum(map(len, groups[:-MAX_SHOWN_EVENTS]))
    notes = [
        context(render_plural("{count} earlier event is left out.", "{count} earlier events are left out.", left_out))
    ]
    lines = section(join_parts("\n", (render_repeats(group, False, closing) for group in groups[-MAX_SHOWN_EVENTS:])))
    return build_answer(head, [section(head), lines, *(notes if left_out > 0 else [])])


def render_events(events: Sequence[AuditEvent]) -> Answer:
    """Return the events that match a search, the newest first."""
    if not events:
        nothing = render_phrase("No matching events.")
        return build_text_answer(
            mrkdwn(
                "{} {}", nothing, render_phrase("`/verl audit 30d` looks further back; `/verl help audit` shows more.")
            )
        )
    head = render_plural("{count} event, the newest first.", "{count} events, the newest first.", len(events))
    return build_answer(head, [section(head), section(join_parts("\n", map(render_repeats, group_repeats(events))))])


def render_file_summary(count: int) -> Markup:
    """Return the text of a message that carries the events as a file."""
    return render_plural("{count} event, as a file.", "{count} events, as a file.", count)


def choose_closing_phrase(run: Run) -> str:
    """Return the phrase for the end of a run's record: whether it had a cluster that could be gone."""
    if run.launch.first_requested_at is None:
        return CLOSED_WITHOUT_REQUEST
    return CLOSED_WITHOUT_CLUSTER if is_unstarted(run) else ACTION_PHRASES[SETTLED]


def group_repeats(
    events: Iterable[AuditEvent], with_subject: bool = True, closing: str = ""
) -> list[Sequence[AuditEvent]]:
    """Return the events with those together that follow one another and read the same but for their times."""
    return [tuple(group) for _, group in groupby(events, lambda event: render_event_text(event, with_subject, closing))]


def render_repeats(events: Sequence[AuditEvent], with_subject: bool = True, closing: str = "") -> Markup:
    """Return events that read the same as one line: when the first and the last were, and how many they are; empty for
    none.
    """
    if not events:
        return Markup()
    times = sorted({event.at for event in events})
    shown_times = [date(at, "{date_short_pretty} {time}") for at in dict.fromkeys((times[0], times[-1]))]
    text = render_event_text(events[0], with_subject, closing)
    line = mrkdwn("{} · {}", join_parts(" – ", shown_times), text)
    return mrkdwn("{} · × {}", line, len(events)) if len(events) > 1 else line


def render_event_text(event: AuditEvent, with_subject: bool = True, closing: str = "") -> Markup:
    """Return an event in words, without its time: actor, action, subject and changes.

    Args:
        with_subject: whether to name the subject; a run's own history names it once.
        closing: the phrase for the end of a record; unless given, by the rule of the event.
    """
    actor = code(BOT) if event.who == BOT else mention(event.who)
    parts = [mrkdwn("{} {}", actor, render_event_action(event, closing))]
    parts += [render_subject(event.on)] if event.on and with_subject else []
    rule = render_rule(event)
    parts += [rule] if rule else []
    parts += [render_phrase("in {channel}", channel=channel_link(event.channel))] if event.channel else []
    parts += [
        render_field_change(name, event.before.get(name), value)
        for name, value in event.after.items()
        if name in FIELD_PHRASES
    ]
    parts += [render_phrase(choose_reason_phrase(event), why=escape(event.why))] if event.why else []
    return join_parts(" · ", parts)


def choose_reason_phrase(event: AuditEvent) -> str:
    """Return what the text of an event is: the note of an approval, my answer to a refused person, or a reason."""
    if event.what.startswith(REFUSED_PREFIX):
        return N_("my answer: {why}")
    return N_("note: {why}") if event.what == Act.APPROVE else N_("why: {why}")


def render_subject(subject: str) -> Markup:
    """Return what an event is about: of a monthly budget, its person or its channel by name."""
    scope, _, owner = subject.partition(":")
    match scope:
        case Scope.PERSON if owner:
            return mention(owner)
        case Scope.TEAM if owner:
            return channel_link(owner)
        case Scope.WORKSPACE:
            return render_phrase("the workspace")
        case _:
            return code(subject)


def render_event_action(event: AuditEvent, closing: str = "") -> Markup:
    """Return the action of an event in words; see `render_event_text`."""
    if event.what == SETTLED and (closing or event.rule in UNLAUNCHED_REASONS):
        return translate_text(closing or CLOSED_WITHOUT_REQUEST)
    if event.what.startswith(REFUSED_PREFIX):
        act = event.what.removeprefix(REFUSED_PREFIX)
        if act in REFUSED_ACT_PHRASES:
            return translate_text(REFUSED_ACT_PHRASES[act])
        limit = translate_text(LIMIT_NAMES[act]) if act in LIMIT_NAMES else code(act)
        return render_phrase("was refused by {limit}", limit=limit)
    if event.what == ENDED and event.rule in END_PHRASES:
        return translate_text(END_PHRASES[Reason(event.rule)])
    if event.after.get("stop_requested_by") and (act := choose_stop_phrase(event)):
        return translate_text(act)
    return translate_text(ACTION_PHRASES[event.what]) if event.what in ACTION_PHRASES else code(event.what)


def choose_stop_phrase(event: AuditEvent) -> str:
    """Return what a person did who requested a stop; empty for a plain stop."""
    match event.what:
        case "give up model":
            return STOP_WITH_DISCARD
        case "confirm gone":
            return STOP_OF_GONE
        case _:
            return STOP_AFTER_SAVE if event.after.get("save_before_stop") else ""


def render_rule(event: AuditEvent) -> Markup:
    """Return the rule by which the bot acted, in words; empty where there is none, or the rest of the line says it."""
    kind, _, causes = event.rule.partition(": ")
    if kind == APPROVAL_RULE and causes:
        # The causes are among the changed fields, unless an approval that covers too little was removed.
        return Markup() if CAUSES_FIELD in event.after else render_field_change(CAUSES_FIELD, None, causes)
    if not event.rule or (event.what == ENDED and event.rule in END_PHRASES):
        return Markup()
    if event.rule in REASON_STATES:
        return render_phrase("outcome: {outcome}", outcome=translate_text(REASON_STATES[Reason(event.rule)]))
    if event.rule in RULE_PHRASES:
        return translate_text(RULE_PHRASES[event.rule])
    return render_phrase("by rule {rule}", rule=code(event.rule))


def render_field_change(name: str, before: AuditValue, after: AuditValue) -> Markup:
    """Return the change of one field: its old value, if there is one, and its new value."""
    label, now = translate_text(FIELD_PHRASES[name]), render_value(name, after)
    return (
        mrkdwn("{} {}", label, now) if before is None else mrkdwn("{} {} → {}", label, render_value(name, before), now)
    )


def render_value(name: str, value: AuditValue) -> Markup:
    """Return the value of a field in words, as a moment, or as code."""
    if name == CAUSES_FIELD and isinstance(value, str):
        causes = [cause for cause in ApprovalCause if cause in value.split()]
        return join_markup_list([translate_text(APPROVAL_CAUSE_NAMES[cause]) for cause in causes]) or code(value)
    if name in MOMENT_FIELDS and isinstance(value, str):
        try:
            return date(datetime.fromisoformat(value), DAY_AND_TIME)
        except ValueError:
            return code(value)
    return code(format_value(value))


def format_value(value: AuditValue) -> str:
    """Return a value as text."""
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value is None else str(value)


def build_events_file(events: Iterable[AuditEvent], now: datetime) -> FileUpload:
    """Return events as a file of tab-separated columns, for a person or a spreadsheet."""
    rows = ["time\twho\twhat\ton\tdoor\tchannel\trule\twhy\tbefore\tafter", *map(format_event_row, events)]
    return FileUpload(
        f"audit-{now:%Y-%m-%d}.tsv", render_phrase("Audit until {day}", day=f"{now:%Y-%m-%d}"), "\n".join(rows)
    )


def format_fields(values: Mapping[str, AuditValue]) -> str:
    """Return fields as `name=value` pairs."""
    return " ".join(f"{name}={format_value(value)}" for name, value in values.items())


def format_event_row(event: AuditEvent) -> str:
    """Return an event as a line of tab-separated columns."""
    before, after = format_fields(event.before), format_fields(event.after)
    at = event.at.isoformat(timespec="seconds")
    subject = (at, event.who, event.what, event.on, event.door, event.channel, event.rule)
    columns = (*subject, render(event.why), before, after)
    return "\t".join(" ".join(column.split()) for column in columns)
