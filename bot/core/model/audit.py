"""The audit: who did what to a run, and what the bot did by itself. One event a change, made from the records. Pure.

An event holds what it changed, before and after, so that a run's events put together equal its record
(`replay_events`):
no event can be missing unnoticed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.model.approved_facts import find_approved_facts
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.phrase import Text


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from.

    Attributes:
        user: Slack id of the person. door: `command`, `mention`, `button`, `form` or `page`.
        channel: Slack id; empty for the bot's own page.
    """

    user: str
    door: str
    channel: str = ""


AuditValue = str | float | bool | None
"""The value of one field in an event: flat, as in JSON."""

BOT = "verlbot"
"""Names the bot in place of a person's id, where the bot acts by itself, by a rule."""

DEMO = "demo"
"""Names the demo in place of a person's id: when it is closed, it stops its runs, and no person does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One change, or one refusal.

    Attributes:
        who: Slack's id of a person, or `verlbot`. door, channel: as of `Origin`; empty if the bot acts by itself.
        what: the act, such as `launch` or `set budget`. on: a run's id, a cluster, a monthly budget, `policy`.
        why: the reason that a person gave, or the text of a refusal.
        rule: the rule by which the bot acted, such as `lease_over`.
        before, after: values of the fields that changed.
    """

    at: datetime
    who: str
    what: str
    on: str
    door: str = ""
    channel: str = ""
    why: Text = ""
    rule: str = ""
    before: Mapping[str, AuditValue] = field(default_factory=dict)
    after: Mapping[str, AuditValue] = field(default_factory=dict)


def snapshot_run(run: Run) -> dict[str, AuditValue]:
    """Return what the audit records of a run: every request of a person, and every status that the bot set.

    Values that are absent, or not set yet, are left out.
    """
    return {name: value for name, value in collect_fields(run).items() if value is not None}


def collect_fields(run: Run) -> dict[str, AuditValue]:
    """Return every audited field of a run with its value; None if it is absent."""
    approval, rescue, interval = run.approval, run.checkpoint_rescue, run.requests.summary_interval
    approved = find_approved_facts(run)
    return {
        "line": run.command_line,
        "requester": run.requester,
        "channel": run.channel,
        "task_hash": run.plan.task_hash,
        "budget_dollars": run.limits.budget_dollars,
        "lease_hours": run.limits.lease / timedelta(hours=1),
        "approval_causes": " ".join(approval.causes) if approval else None,
        "approved": approval.granted if approval and approval.by else None,
        "approved_by": approved.by if approved else approval.by if approval else None,
        "approved_dollars": approved.facts.approved_dollars if approved else None,
        "approved_gpu_hours": approved.facts.gpu_hours if approved else None,
        "stop_requested_by": run.requests.stop_requested_by,
        "save_before_stop": rescue.is_save_requested or None,
        "model_lost_by": rescue.discard_approved_by,
        "gone_by": run.observed.memory.confirmed_gone_by or None,
        "kept_until": format_iso(rescue.keep_cluster_until),
        "kept_by": rescue.keep_requested_by,
        "muted": " ".join(mute.finding for mute in run.requests.mutes) or None,
        "muted_by": run.requests.mutes[-1].by if run.requests.mutes else None,
        "amended_by": run.limits.changes[-1].by if run.limits.changes else None,
        "summary_steps": float(interval.steps) if interval and interval.steps else None,
        "summary_hours": interval.period / timedelta(hours=1) if interval and interval.period else None,
        "follow_until": format_iso(run.requests.follow.until) if run.requests.follow else None,
        "followed_by": run.requests.follow.by if run.requests.follow else None,
        "status": run.status.value,
        "reason": run.reason.value if run.reason else None,
        "launches_asked": float(run.launch.attempts),
        "removal_asked_at": format_iso(run.teardown.requested_at),
        "autostop_set_at": format_iso(run.observed.autostop_repair.tried_at) if run.observed.autostop_repair else None,
        "autostop_put_off_until": format_iso(rescue.autostop_postponed_until),
        "fetch_began_at": format_iso(rescue.started_at),
        "model_given_up_at": format_iso(rescue.abandoned_at),
        "alarmed_at": format_iso(run.teardown.overdue_since),
    }


def format_iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


@dataclass(frozen=True, slots=True)
class RequestedAct:
    """A change that a person makes: its name, and the field that says who made it."""

    what: str
    who: str


REQUESTED_ACT_BY_FIELD: Mapping[str, RequestedAct] = {
    "line": RequestedAct("launch", "requester"),
    "approved": RequestedAct("approve", "approved_by"),
    "gone_by": RequestedAct("confirm gone", "gone_by"),
    "model_lost_by": RequestedAct("give up model", "model_lost_by"),
    "stop_requested_by": RequestedAct("stop", "stop_requested_by"),
    "budget_dollars": RequestedAct("set budget", "amended_by"),
    "lease_hours": RequestedAct("extend lease", "amended_by"),
    "kept_until": RequestedAct("keep cluster", "kept_by"),
    "muted": RequestedAct("mute finding", "muted_by"),
    "follow_until": RequestedAct("follow log", "followed_by"),
    "summary_steps": RequestedAct("set summaries", ""),
    "summary_hours": RequestedAct("set summaries", ""),
    "save_before_stop": RequestedAct("stop", "stop_requested_by"),
}
"""The act of a person by the field that shows it, the most specific first: one change may move several fields."""

BOT_ACT_BY_STATUS: Mapping[str, str] = {
    RunStatus.AWAITING_APPROVAL: "ask for approval",
    RunStatus.PENDING: "need no approval",
    RunStatus.LAUNCHING: "ask for launch",
    RunStatus.RUNNING: "see it run",
    RunStatus.STOPPING: "end",
    RunStatus.ENDED: "settle",
}
"""The act of the bot, by the status that it set."""

BOT_ACT_BY_FIELD: Mapping[str, str] = {
    "launches_asked": "ask for launch again",
    "removal_asked_at": "ask for removal",
    "autostop_set_at": "set autostop",
    "autostop_put_off_until": "put off autostop",
    "fetch_began_at": "fetch model",
    "model_given_up_at": "give up model",
    "alarmed_at": "alarm",
    "approval_causes": "ask for approval",
}
"""The act of the bot, by the field that shows it, if the status did not change."""


def build_run_event(before: Run | None, after: Run, at: datetime, origin: Origin | None) -> AuditEvent | None:
    """Return the event of one change of a run's record; None if it changed nothing that is audited.

    Args:
        origin: where the change came from; None if the bot acted by itself.
    """
    old, new = snapshot_run(before) if before else {}, snapshot_run(after)
    changed_fields = [name for name in dict.fromkeys((*new, *old)) if old.get(name) != new.get(name)]
    if not changed_fields:
        return None
    request = next(
        (candidate for name, candidate in REQUESTED_ACT_BY_FIELD.items() if name in changed_fields and name in new),
        None,
    )
    what = request.what if request else describe_bot_act(changed_fields, after)
    # Both answers of an approver set the same field.
    if request and request.what == "approve" and not new["approved"]:
        what = "refuse"
    person = str(new.get(request.who) or "") if request else ""
    return AuditEvent(
        at=at,
        who=(person or (origin.user if origin else "") or BOT) if request else BOT,
        what=what,
        on=after.id,
        door=origin.door if request and origin else "",
        channel=origin.channel if request and origin else "",
        why=find_why(after, what) if request else "",
        rule="" if request else find_rule(changed_fields, new),
        before={name: old[name] for name in changed_fields if name in old},
        after={name: new.get(name) for name in changed_fields},
    )


def find_why(run: Run, what: str) -> str:
    """Return the reason that a person gave for a launch, or for a decision about it."""
    if what == "launch":
        return run.why
    return run.approval.note if run.approval and what in ("approve", "refuse") else ""


def describe_bot_act(changed_fields: Iterable[str], run: Run) -> str:
    """Return what the bot did. A value that was removed, such as an approval that covers too
    little, is the bot's act."""
    # An approval that no longer covers the launch was removed, so the bot asks for a new one.
    if "approved" in changed_fields:
        return BOT_ACT_BY_FIELD["approval_causes"]
    if "status" in changed_fields:
        return BOT_ACT_BY_STATUS[run.status]
    return next((what for name, what in BOT_ACT_BY_FIELD.items() if name in changed_fields), "change")


def find_rule(changed_fields: Iterable[str], new: Mapping[str, AuditValue]) -> str:
    """Return the rule by which the bot acted: why a run is finished, or why it needs an approval."""
    if {"approval_causes", "approved"} & set(changed_fields) and "approval_causes" in new:
        return f"approval: {new['approval_causes']}"
    return str(new.get("reason") or "")


def build_request_event(
    what: str,
    on: str,
    at: datetime,
    origin: Origin | None,
    why: Text = "",
    after: Mapping[str, AuditValue] | None = None,
    before: Mapping[str, AuditValue] | None = None,
) -> AuditEvent:
    """Return the event of a request that changes no run's record, or that was refused.

    Args:
        why: the text of the refusal. before, after: the values before and now.
    """
    source = origin or Origin(BOT, "")
    return AuditEvent(
        at=at,
        who=source.user,
        what=what,
        on=on,
        door=source.door,
        channel=source.channel,
        why=why,
        before=before or {},
        after=after or {},
    )


def replay_events(events: Iterable[AuditEvent]) -> dict[str, AuditValue]:
    """Return the fields that a run's events put together: `snapshot_run` of its record, if no event is missing."""
    fields: dict[str, AuditValue] = {}
    for event in events:
        fields |= event.after
    return {name: value for name, value in fields.items() if value is not None}


SYNONYMS: Mapping[str, str] = {
    "refuse": "decline",
    "confirm gone": "machines",
    "give up model": "discard",
    "set budget": "raise",
    "settle": "close",
    "ask for approval": "request",
    "ask for launch": "request",
    "ask for launch again": "request",
    "ask for removal": "delete",
    "put off autostop": "postpone",
    "fetch model": "download",
    "alarm": "warn",
    "forget": "delete",
    "remove cluster": "delete",
    "leave cluster": "keep",
    "end report": "turn off",
    "refuse outside launch": "decline",
}
"""Other words for an act, as messages say it and as people search for it."""

STOPPING_REASONS = (
    Reason.STOPPED,
    Reason.BUDGET_EXCEEDED,
    Reason.MONTHLY_BUDGET_EXCEEDED,
    Reason.LEASE_EXPIRED,
    Reason.SICK,
)
"""Reasons for which the bot itself stops a run; of the others it only sees the end."""


def find_synonyms(event: AuditEvent) -> str:
    """Return other words for the act of an event."""
    if event.what == BOT_ACT_BY_STATUS[RunStatus.STOPPING] and event.rule in STOPPING_REASONS:
        return "stop"
    # A stop that discards the model too is recorded by its graver part.
    stop = "stop" if event.after.get("stop_requested_by") else ""
    return f"{SYNONYMS.get(event.what, '')} {stop}"


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events a person wants to read.

    Attributes:
        since: how far back. who: Slack's id of a person, or `verlbot`; empty for everyone.
        what: the beginning of a word of the act, or of another word for it; a part of its rule, or of what it was done
            to; empty for anything.
    """

    since: timedelta
    who: str = ""
    what: str = ""

    def matches(self, event: AuditEvent, now: datetime) -> bool:
        """Return whether the filter selects an event.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
        >>> stop = AuditEvent(at=noon, who="U1", what="refused: stop", on="ppo-1")
        >>> hour = timedelta(hours=1)
        >>> [AuditFilter(hour, who, what).matches(stop, noon) for who, what in [("U1", "STOP"), ("U2", ""), ("", "x")]]
        [True, False, False]
        >>> ends = [AuditEvent(at=noon, who=BOT, what="end", on="p", rule=rule) for rule in ("lease_over", "failed")]
        >>> [AuditFilter(hour, what="stop").matches(end, noon) for end in ends]
        [True, False]
        """
        words, subjects = f" {event.what} {find_synonyms(event)}".lower(), f"{event.rule} {event.on}".lower()
        # The beginning of a word of an act: a stop is none of autostop.
        is_named = f" {self.what.lower()}" in words or self.what.lower() in subjects
        return event.at >= now - self.since and self.who in ("", event.who) and is_named
