"""Changes of a run's limits with their authors, and what a report-only rule would have done. Pure: a record in, thread
messages out.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.core.model.policy import APPROVAL_RULE, BUDGET_RULE, LEASE_RULE, Measure, Scope, cap_rule
from bot.core.model.run import Run
from bot.core.model.run_state import LimitChange, PolicyHit, RunLimit
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.approval_views import describe_approved_dollars
from bot.slack.views.blocks import section
from bot.slack.views.limit_notices import list_limit_notices
from bot.slack.views.lineage_views import describe_missed_resume
from bot.slack.views.message import Message, thread_notice
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    code,
    date,
    join_markup_sentences,
    mention,
    mrkdwn,
    render_phrase,
)

BUDGET_CHANGED = N_("{person} changed the budget of {run} from {before} to {after}.")
RAISE_APPROVED = N_("{run} is now approved for {most}, by {person}.")
LEASE_CHANGED = N_("{person} extended the lease of {run}: it now ends at {time}.")

WOULD_END = {
    BUDGET_RULE: N_("Test rule {rule}: {run} would have been stopped now (budget used up)."),
    LEASE_RULE: N_("Test rule {rule}: {run} would have been stopped now (lease ended)."),
    **dict.fromkeys(
        (cap_rule(scope, Measure.DOLLARS_PER_MONTH) for scope in Scope),
        N_("Test rule {rule}: {run} would have been stopped now (monthly budget used up)."),
    ),
}
WOULD_END_SICK = N_("Test rule {rule}: {run} would have been stopped at {time} (its training is sick).")
COST_SINCE_THEN = N_("It has cost {dollars} since then.")
WOULD_WAIT = {
    APPROVAL_RULE: N_("Test rule {rule}: {run} would have needed approval."),
}
WOULD_REFUSE = N_("Test rule {rule}: the launch of {run} would have been refused.")
COST_SO_FAR = N_("Cost so far: {spent}.")

REPORT_PERIOD_FACTOR = 4
"""Time between two edits of the report of a stop that was not made, as a multiple of a card's."""


def list_limit_messages(run: Run, now: datetime, report_only: Collection[str]) -> list[Message]:
    """Return the notices about the budget and the lease, and the changes of the limits with their authors.

    Args:
        report_only: names of the rules that end no run now.
    """
    return [
        *(limit_change_message(run, number, entry) for number, entry in enumerate(run.limits.changes, 1)),
        *list_limit_notices(run, now, report_only),
        *(report_only_message(run, entry, now) for entry in run.policy_hits),
    ]


def report_only_message(run: Run, hit: PolicyHit, now: datetime) -> Message:
    """Return what a rule would have done that the policy only reports."""
    if hit.ends and hit.rule not in WOULD_END:
        return build_sick_report(run, hit, now)
    cost = render_phrase(COST_SO_FAR, spent=wording.format_dollars(hit.cost)) if hit.cost else Markup()
    phrase = WOULD_END[hit.rule] if hit.ends else WOULD_WAIT.get(hit.rule, WOULD_REFUSE)
    text = join_markup_sentences(render_phrase(phrase, run=wording.link_run(run), rule=code(hit.rule)), cost)
    return thread_notice(
        f"report-only-{hit.rule}{'-end' if hit.ends else ''}", mrkdwn(":busts_in_silhouette: {}", text)
    )


def build_sick_report(run: Run, hit: PolicyHit, now: datetime) -> Message:
    """Return when a finding would have stopped the run, in one message that counts what the run has cost since."""
    dollars = compute_cost_since(run, hit, now)
    since = Markup() if dollars is None else render_phrase(COST_SINCE_THEN, dollars=wording.format_dollars(dollars))
    stop = render_phrase(WOULD_END_SICK, run=wording.link_run(run), rule=code(hit.rule), time=date(hit.at))
    text = mrkdwn(":busts_in_silhouette: {}", join_markup_sentences(stop, since, describe_missed_resume(hit)))
    key = f"report-only-{hit.rule}-end"
    return Message(key, text, (section(text),), is_edited=True, period_factor=REPORT_PERIOD_FACTOR)


def compute_cost_since(run: Run, hit: PolicyHit, now: datetime) -> float | None:
    """Return the dollars that a run has cost since a rule would have ended it; None where a cost is unknown."""
    cost = run.cost(now)
    return None if cost is None or hit.cost is None else max(cost - hit.cost, 0.0)


def limit_change_message(run: Run, number: int, change: LimitChange) -> Message:
    """Return the message about a changed limit and its author."""
    person = mention(change.by)
    match change.limit:
        case RunLimit.BUDGET:
            before, after = wording.format_dollars(change.before), wording.format_dollars(change.after)
            text = render_phrase(BUDGET_CHANGED, run=wording.link_run(run), before=before, after=after, person=person)
        case RunLimit.LEASE:
            # A lease is counted from the first launch request, as hours in all.
            end = (run.launch.first_requested_at or run.created_at) + timedelta(hours=change.after)
            text = render_phrase(LEASE_CHANGED, run=wording.link_run(run), time=date(end, DAY_AND_TIME), person=person)
    approval = Markup()
    if change.approved:
        most = describe_approved_dollars(run, change.approved)
        approval = render_phrase(RAISE_APPROVED, run=wording.link_run(run), most=most, person=person)
    return thread_notice(f"amended-{number}", mrkdwn(":memo: {}", join_markup_sentences(text, approval)))
