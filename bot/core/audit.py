"""The audit: who did what to a run, and what the bot did by itself. One event a change, made from the records. Pure.

An event holds what it changed, before and after, so that a run's events put together equal its record
(`replay_events`):
no event can be missing unnoticed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.run import Run
from bot.core.status import Status
from bot.origin import Origin

Value = str | float | bool | None
"""The value of one field in an event: flat, as in JSON."""

BOT = "verlbot"
"""Names the bot in place of a person's id, where the bot acts by itself, by a rule."""


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
    why: str = ""
    rule: str = ""
    before: Mapping[str, Value] = field(default_factory=dict)
    after: Mapping[str, Value] = field(default_factory=dict)


def audited(run: Run) -> dict[str, Value]:
    """Return what the audit records of a run: every request of a person, and every status that the bot set.

    Values that are absent, or not set yet, are left out.
    """
    return {name: value for name, value in facts_of(run).items() if value is not None}


def facts_of(run: Run) -> dict[str, Value]:
    """Return every audited field of a run with its value; None if it is absent."""
    approval, keeping, rhythm = run.approval, run.keeping, run.rhythm
    facts = approval.facts if approval and approval.granted else None
    return {
        "line": run.line,
        "requester": run.requester,
        "channel": run.channel,
        "task_hash": run.task_hash,
        "budget_dollars": run.budget_dollars,
        "lease_hours": run.lease / timedelta(hours=1),
        "approval_causes": " ".join(approval.causes) if approval else None,
        "approved": approval.granted if approval and approval.by else None,
        "approved_by": approval.by if approval else None,
        "approved_dollars": facts.dollars if facts else None,
        "approved_gpu_hours": facts.gpu_hours if facts else None,
        "stop_requested_by": run.stop_requested_by,
        "save_before_stop": keeping.save_asked or None,
        "model_lost_by": keeping.lost_by,
        "gone_by": run.memory.gone_by or None,
        "kept_until": iso(keeping.keep_until),
        "kept_by": keeping.keep_by,
        "muted": " ".join(mute.finding for mute in run.mutes) or None,
        "muted_by": run.mutes[-1].by if run.mutes else None,
        "amended_by": run.amendments[-1].by if run.amendments else None,
        "summary_steps": float(rhythm.steps) if rhythm and rhythm.steps else None,
        "summary_hours": rhythm.period / timedelta(hours=1) if rhythm and rhythm.period else None,
        "follow_until": iso(run.follow.until) if run.follow else None,
        "followed_by": run.follow.by if run.follow else None,
        "status": run.status.value,
        "reason": run.reason.value if run.reason else None,
        "launches_asked": float(run.asks),
        "removal_asked_at": iso(run.downed_at),
        "autostop_set_at": iso(run.mending.tried_at) if run.mending else None,
        "autostop_put_off_until": iso(keeping.held_until),
        "fetch_began_at": iso(keeping.began_at),
        "model_given_up_at": iso(keeping.given_up_at),
        "alarmed_at": iso(run.alarmed_at),
    }


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


@dataclass(frozen=True, slots=True)
class Wish:
    """A change that a person makes: its name, and the field that says who made it."""

    what: str
    who: str


WISHES: Mapping[str, Wish] = {
    "line": Wish("launch", "requester"),
    "approved": Wish("approve", "approved_by"),
    "gone_by": Wish("confirm gone", "gone_by"),
    "model_lost_by": Wish("give up model", "model_lost_by"),
    "stop_requested_by": Wish("stop", "stop_requested_by"),
    "budget_dollars": Wish("set budget", "amended_by"),
    "lease_hours": Wish("extend lease", "amended_by"),
    "kept_until": Wish("keep cluster", "kept_by"),
    "muted": Wish("mute finding", "muted_by"),
    "follow_until": Wish("follow log", "followed_by"),
    "summary_steps": Wish("set summaries", ""),
    "summary_hours": Wish("set summaries", ""),
    "save_before_stop": Wish("stop", "stop_requested_by"),
}
"""The act of a person by the field that shows it, the most specific first: one change may move several fields."""

STATES: Mapping[str, str] = {
    Status.AWAITING_APPROVAL: "ask for approval",
    Status.PENDING: "need no approval",
    Status.LAUNCHING: "ask for launch",
    Status.RUNNING: "see it run",
    Status.STOPPING: "end",
    Status.ENDED: "settle",
}
"""The act of the bot, by the status that it set."""

OWN_ACTS: Mapping[str, str] = {
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


def run_event(before: Run | None, after: Run, at: datetime, origin: Origin | None) -> AuditEvent | None:
    """Return the event of one change of a run's record; None if it changed nothing that is audited.

    Args:
        origin: where the change came from; None if the bot acted by itself.
    """
    old, new = audited(before) if before else {}, audited(after)
    changed = [name for name in dict.fromkeys((*new, *old)) if old.get(name) != new.get(name)]
    if not changed:
        return None
    wish = next((one for name, one in WISHES.items() if name in changed and name in new), None)
    what = wish.what if wish else own_act(changed, after)
    # Both answers of an approver set the same field.
    if wish and wish.what == "approve" and not new["approved"]:
        what = "refuse"
    named = str(new.get(wish.who) or "") if wish else ""
    return AuditEvent(
        at=at,
        who=(named or (origin.user if origin else "") or BOT) if wish else BOT,
        what=what,
        on=after.id,
        door=origin.door if wish and origin else "",
        channel=origin.channel if wish and origin else "",
        why=after.why if wish and wish.what == "launch" else "",
        rule="" if wish else rule_of(changed, new),
        before={name: old[name] for name in changed if name in old},
        after={name: new.get(name) for name in changed},
    )


def own_act(changed: Iterable[str], run: Run) -> str:
    """Return what the bot did. A value that was removed, such as an approval that covers too
    little, is the bot's act."""
    # An approval that no longer covers the launch was removed, so the bot asks for a new one.
    if "approved" in changed:
        return OWN_ACTS["approval_causes"]
    if "status" in changed:
        return STATES[run.status]
    return next((what for name, what in OWN_ACTS.items() if name in changed), "change")


def rule_of(changed: Iterable[str], new: Mapping[str, Value]) -> str:
    """Return the rule by which the bot acted: why a run is finished, or why it needs an approval."""
    if {"approval_causes", "approved"} & set(changed) and "approval_causes" in new:
        return f"approval: {new['approval_causes']}"
    return str(new.get("reason") or "")


def wish_event(
    what: str,
    on: str,
    at: datetime,
    origin: Origin | None,
    why: str = "",
    after: Mapping[str, Value] | None = None,
    before: Mapping[str, Value] | None = None,
) -> AuditEvent:
    """Return the event of a request that changes no run's record, or that was refused.

    Args:
        why: the text of the refusal. before, after: the values before and now.
    """
    found = origin or Origin(BOT, "")
    return AuditEvent(
        at=at,
        who=found.user,
        what=what,
        on=on,
        door=found.door,
        channel=found.channel,
        why=why,
        before=before or {},
        after=after or {},
    )


def replay(events: Iterable[AuditEvent]) -> dict[str, Value]:
    """Return the fields that a run's events put together: `snapshot_run` of its record, if no event is missing."""
    found: dict[str, Value] = {}
    for event in events:
        found |= event.after
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events a person wants to read.

    Attributes:
        since: how far back. who: Slack's id of a person, or `verlbot`; empty for everyone.
        what: a word in the act, or in what it was done to; empty for anything.
    """

    since: timedelta
    who: str = ""
    what: str = ""

    def takes(self, event: AuditEvent, now: datetime) -> bool:
        """Return whether the filter selects an event.

        >>> from datetime import UTC
        >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
        >>> stop = AuditEvent(at=noon, who="U1", what="refused: stop", on="ppo-1")
        >>> hour = timedelta(hours=1)
        >>> [AuditFilter(hour, who, what).takes(stop, noon) for who, what in [("U1", "STOP"), ("U2", ""), ("", "x")]]
        [True, False, False]
        """
        named = self.what.lower() in f"{event.what} {event.on}".lower()
        return event.at >= now - self.since and self.who in ("", event.who) and named
