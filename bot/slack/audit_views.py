"""Audit events as people read them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bot.core.audit import BOT, AuditEvent, Value
from bot.core.run import Run
from bot.language import mark
from bot.slack.answers import Answer, answer, text
from bot.slack.blocks import context, section
from bot.slack.files import Upload
from bot.slack.limits import DAY_AND_TIME
from bot.slack.phrases import say, say_many, translate
from bot.slack.text import Markup, channel, code, date, escape, joined, mention, mrkdwn

SHOWN_EVENTS = 20
"""Maximum events of one message; more go into a file, or are left out of a run's history."""

REFUSED = "refused: "

ACTS: Mapping[str, str] = {
    "launch": mark("asked for the launch"),
    "approve": mark("approved the launch"),
    "refuse": mark("refused the launch"),
    "stop": mark("asked to stop it"),
    "confirm gone": mark("said that its machines are gone"),
    "give up model": mark("gave up its model"),
    "set budget": mark("set its budget"),
    "extend lease": mark("extended its lease"),
    "keep cluster": mark("kept its cluster longer"),
    "mute finding": mark("muted a finding"),
    "follow log": mark("followed its log"),
    "set summaries": mark("set how often its thread is told"),
    "ask for approval": mark("asked for an approval"),
    "need no approval": mark("found that it needs no approval"),
    "ask for launch": mark("asked for its machines"),
    "ask for launch again": mark("asked for its machines again"),
    "see it run": mark("saw it run"),
    "end": mark("ended it"),
    "settle": mark("saw its cluster gone, and closed it"),
    "ask for removal": mark("asked for the removal of its cluster"),
    "set autostop": mark("set its autostop"),
    "put off autostop": mark("put off its autostop"),
    "fetch model": mark("began to fetch its model"),
    "alarm": mark("warned that its cluster does not go"),
    "change": mark("changed its record"),
    "forget": mark("deleted what was kept of it"),
    "set monthly budget": mark("set a monthly budget"),
    "remove cluster": mark("asked to remove a cluster that no run owns"),
    "leave cluster": mark("left a cluster that no run owns"),
    "adopt cluster": mark("adopted a cluster that no run owns"),
    "schedule report": mark("scheduled a report"),
    "change report": mark("changed a report"),
    "end report": mark("ended a report"),
    "change policy": mark("read a changed policy file"),
    "allow outside launch": mark("let a launch outside Slack pass"),
    "refuse outside launch": mark("refused a launch outside Slack"),
}
"""The phrase for each action, by its name in the audit."""

FIELDS: Mapping[str, str] = {
    "line": mark("command"),
    "budget_dollars": mark("budget in dollars"),
    "lease_hours": mark("lease in hours"),
    "approval_causes": mark("needs approval because of"),
    "approved_dollars": mark("up to so many dollars"),
    "approved_gpu_hours": mark("up to so many GPU-hours"),
    "muted": mark("muted"),
    "kept_until": mark("until"),
    "follow_until": mark("until"),
    "summary_steps": mark("every so many steps"),
    "summary_hours": mark("every so many hours"),
    "dollars_per_month": mark("dollars a month"),
    "changed": mark("changed"),
    "schedule": mark("schedule"),
}
"""The changed fields that a message shows; the file shows all."""


def history(run: Run, events: Sequence[AuditEvent]) -> Answer:
    """Return the events of a run, the oldest first; the last `MAX_SHOWN_EVENTS` if there are more."""
    head = say("Who did what to {run}, and what I did by myself.", run=code(run.id))
    if not events:
        return text(say("Nothing is recorded of {run}.", run=code(run.id)))
    left_out = len(events) - SHOWN_EVENTS
    notes = [context(say_many("{count} earlier event is left out.", "{count} earlier events are left out.", left_out))]
    lines = section(joined("\n", (line(event, named=False) for event in events[-SHOWN_EVENTS:])))
    return answer(head, [section(head), lines, *(notes if left_out > 0 else [])])


def found(events: Sequence[AuditEvent]) -> Answer:
    """Return the events that match a search, the newest first."""
    if not events:
        nothing = say("Nothing of that kind is recorded.")
        return text(mrkdwn("{} {}", nothing, say("`/verl audit 30d` looks further back; `/verl help audit` says how.")))
    head = say_many("{count} event, the newest first.", "{count} events, the newest first.", len(events))
    return answer(head, [section(head), section(joined("\n", map(line, events)))])


def filed(count: int) -> Markup:
    """Return the text of a message that carries the events as a file."""
    return say_many("{count} event, as a file.", "{count} events, as a file.", count)


def line(event: AuditEvent, named: bool = True) -> Markup:
    """Return an event as one line: time, actor, action, subject and changes.

    Args:
        with_subject: whether to name the subject; a run's own history names it once.
    """
    who = code(BOT) if event.who == BOT else mention(event.who)
    parts = [mrkdwn("{} · {} {}", date(event.at, DAY_AND_TIME), who, act(event))]
    parts += [code(event.on)] if event.on and named else []
    parts += [say("by the rule {rule}", rule=code(event.rule))] if event.rule else []
    parts += [say("in {channel}", channel=channel(event.channel))] if event.channel else []
    parts += [changed(name, event.before.get(name), value) for name, value in event.after.items() if name in FIELDS]
    parts += [say("why: {why}", why=escape(event.why))] if event.why else []
    return joined(" · ", parts)


def act(event: AuditEvent) -> Markup:
    """Return the action of an event in words."""
    if event.what.startswith(REFUSED):
        return say("was refused: {act}", act=code(event.what.removeprefix(REFUSED)))
    return translate(ACTS[event.what]) if event.what in ACTS else code(event.what)


def changed(name: str, before: Value, after: Value) -> Markup:
    """Return the change of one field: its old value, if there is one, and its new value."""
    label = translate(FIELDS[name])
    if before is None:
        return mrkdwn("{} {}", label, code(spelled(after)))
    return mrkdwn("{} {} → {}", label, code(spelled(before)), code(spelled(after)))


def spelled(value: Value) -> str:
    """Return a value as text."""
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value is None else str(value)


def as_file(events: Iterable[AuditEvent], now: datetime) -> Upload:
    """Return events as a file of tab-separated columns, for a person or a spreadsheet."""
    rows = ["time\twho\twhat\ton\tdoor\tchannel\trule\twhy\tbefore\tafter", *map(row, events)]
    return Upload(f"audit-{now:%Y-%m-%d}.tsv", say("Audit until {day}", day=f"{now:%Y-%m-%d}"), "\n".join(rows))


def pairs(values: Mapping[str, Value]) -> str:
    """Return fields as `name=value` pairs."""
    return " ".join(f"{name}={spelled(value)}" for name, value in values.items())


def row(event: AuditEvent) -> str:
    """Return an event as a line of tab-separated columns."""
    before, after = pairs(event.before), pairs(event.after)
    at = event.at.isoformat(timespec="seconds")
    columns = (at, event.who, event.what, event.on, event.door, event.channel, event.rule, event.why, before, after)
    return "\t".join(" ".join(column.split()) for column in columns)
