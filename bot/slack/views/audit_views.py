"""Audit events as people read them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bot.core.model.audit import BOT, AuditEvent, AuditValue
from bot.core.model.run import Run
from bot.i18n import render
from bot.phrase import N_
from bot.slack.views.blocks import context, section
from bot.slack.views.message import Answer, FileUpload, build_answer, build_text_answer
from bot.slack.views.mrkdwn import (
    Markup,
    channel_link,
    code,
    date,
    escape,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
    render_plural,
    translate_text,
)
from bot.slack.views.run_limits import DAY_AND_TIME

MAX_SHOWN_EVENTS = 20
"""Maximum events of one message; more go into a file, or are left out of a run's history."""

REFUSED_PREFIX = "refused: "

ACTION_PHRASES: Mapping[str, str] = {
    "launch": N_("asked for the launch"),
    "approve": N_("approved the launch"),
    "refuse": N_("refused the launch"),
    "stop": N_("asked to stop it"),
    "confirm gone": N_("said that its machines are gone"),
    "give up model": N_("gave up its model"),
    "set budget": N_("set its budget"),
    "extend lease": N_("extended its lease"),
    "keep cluster": N_("kept its cluster longer"),
    "mute finding": N_("muted a finding"),
    "follow log": N_("followed its log"),
    "set summaries": N_("set how often it posts summaries"),
    "ask for approval": N_("asked for an approval"),
    "need no approval": N_("found that it needs no approval"),
    "ask for launch": N_("asked for its machines"),
    "ask for launch again": N_("asked for its machines again"),
    "see it run": N_("saw it run"),
    "end": N_("ended it"),
    "settle": N_("saw its cluster gone, and closed it"),
    "ask for removal": N_("asked for the removal of its cluster"),
    "set autostop": N_("set its autostop"),
    "put off autostop": N_("put off its autostop"),
    "fetch model": N_("began to fetch its model"),
    "alarm": N_("warned that its cluster does not go"),
    "change": N_("changed its record"),
    "forget": N_("deleted what was kept of it"),
    "set monthly budget": N_("set a monthly budget"),
    "remove cluster": N_("asked to remove a cluster that no run owns"),
    "leave cluster": N_("left a cluster that no run owns"),
    "adopt cluster": N_("adopted a cluster that no run owns"),
    "schedule report": N_("scheduled a report"),
    "change report": N_("changed a report"),
    "end report": N_("ended a report"),
    "change policy": N_("read a changed policy file"),
    "allow outside launch": N_("let a launch outside Slack pass"),
    "refuse outside launch": N_("refused a launch outside Slack"),
}
"""The phrase for each action, by its name in the audit."""

FIELD_PHRASES: Mapping[str, str] = {
    "line": N_("command"),
    "budget_dollars": N_("budget in dollars"),
    "lease_hours": N_("lease in hours"),
    "approval_causes": N_("needs approval because of"),
    "approved_dollars": N_("up to so many dollars"),
    "approved_gpu_hours": N_("up to so many GPU-hours"),
    "muted": N_("muted"),
    "kept_until": N_("until"),
    "follow_until": N_("until"),
    "summary_steps": N_("every so many steps"),
    "summary_hours": N_("every so many hours"),
    "dollars_per_month": N_("dollars a month"),
    "changed": N_("changed"),
    "schedule": N_("schedule"),
}
"""The changed fields that a message shows; the file shows all."""


def render_run_history(run: Run, events: Sequence[AuditEvent]) -> Answer:
    """Return the events of a run, the oldest first; the last `MAX_SHOWN_EVENTS` if there are more."""
    head = render_phrase("Who did what to {run}, and what I did by myself.", run=code(run.id))
    if not events:
        return build_text_answer(render_phrase("Nothing is recorded of {run}.", run=code(run.id)))
    left_out = len(events) - MAX_SHOWN_EVENTS
    notes = [
        context(render_plural("{count} earlier event is left out.", "{count} earlier events are left out.", left_out))
    ]
    lines = section(
        join_parts("\n", (render_event_line(event, with_subject=False) for event in events[-MAX_SHOWN_EVENTS:]))
    )
    return build_answer(head, [section(head), lines, *(notes if left_out > 0 else [])])


def render_events(events: Sequence[AuditEvent]) -> Answer:
    """Return the events that match a search, the newest first."""
    if not events:
        nothing = render_phrase("Nothing of that kind is recorded.")
        return build_text_answer(
            mrkdwn(
                "{} {}", nothing, render_phrase("`/verl audit 30d` looks further back; `/verl help audit` says how.")
            )
        )
    head = render_plural("{count} event, the newest first.", "{count} events, the newest first.", len(events))
    return build_answer(head, [section(head), section(join_parts("\n", map(render_event_line, events)))])


def render_file_summary(count: int) -> Markup:
    """Return the text of a message that carries the events as a file."""
    return render_plural("{count} event, as a file.", "{count} events, as a file.", count)


def render_event_line(event: AuditEvent, with_subject: bool = True) -> Markup:
    """Return an event as one line: time, actor, action, subject and changes.

    Args:
        with_subject: whether to name the subject; a run's own history names it once.
    """
    actor = code(BOT) if event.who == BOT else mention(event.who)
    parts = [mrkdwn("{} · {} {}", date(event.at, DAY_AND_TIME), actor, render_event_action(event))]
    parts += [code(event.on)] if event.on and with_subject else []
    parts += [render_phrase("by the rule {rule}", rule=code(event.rule))] if event.rule else []
    parts += [render_phrase("in {channel}", channel=channel_link(event.channel))] if event.channel else []
    parts += [
        render_field_change(name, event.before.get(name), value)
        for name, value in event.after.items()
        if name in FIELD_PHRASES
    ]
    parts += [render_phrase("why: {why}", why=escape(event.why))] if event.why else []
    return join_parts(" · ", parts)


def render_event_action(event: AuditEvent) -> Markup:
    """Return the action of an event in words."""
    if event.what.startswith(REFUSED_PREFIX):
        return render_phrase("was refused: {act}", act=code(event.what.removeprefix(REFUSED_PREFIX)))
    return translate_text(ACTION_PHRASES[event.what]) if event.what in ACTION_PHRASES else code(event.what)


def render_field_change(name: str, before: AuditValue, after: AuditValue) -> Markup:
    """Return the change of one field: its old value, if there is one, and its new value."""
    label = translate_text(FIELD_PHRASES[name])
    if before is None:
        return mrkdwn("{} {}", label, code(format_value(after)))
    return mrkdwn("{} {} → {}", label, code(format_value(before)), code(format_value(after)))


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
