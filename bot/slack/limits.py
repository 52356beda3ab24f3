"""Warnings before a limit ends a run, and changes of the limits with their authors. Pure: a record in, thread messages
out.
"""

from datetime import datetime, timedelta

from bot.core.amendment import Amendment, Limit
from bot.core.forecast import Horizon, ends_at, forecast
from bot.core.policy import APPROVAL_RULE, BUDGET_RULE, LEASE_RULE, Measure, Scope, cap_rule
from bot.core.run import Run
from bot.core.shadow import Shadow
from bot.core.warning import BudgetAhead, BudgetSpent, LeaseEnds, warnings
from bot.language import mark
from bot.slack import words
from bot.slack.blocks import Block, actions, button, confirm, section
from bot.slack.message import Message, said
from bot.slack.models import save_and_stop
from bot.slack.phrases import say, together
from bot.slack.text import Markup, code, date, mention, mrkdwn

EXTEND = "extend"
EXTENSIONS_HOURS = (2, 8)
"""Hours that the buttons of a warning offer."""

DAY_AND_TIME = "{date_short_pretty} {time}"

SPENT = mark("*{percent} % of its budget is spent*: {spent} of {budget}.")
AHEAD = mark(
    "At its pace it ends at {dollars}, *{over} over its budget of {budget}*, which is spent at step {step}, {time}."
)
WITHIN = mark("Its forecast is within its budget again: {dollars} of {budget}.")
RAISE = mark("It is ended there; {command} gives it another budget.")
ENDS = mark("*Its lease ends {time}*, in less than {left}. Then it is ended, and its cluster removed.")
NEEDS = mark("At its pace it needs until {time}.")
BUDGET = mark("Its budget is {after} now, {before} before, by {person}.")
LEASE = mark("Its lease ends {time} now, by {person}.")

ENDED = {
    BUDGET_RULE: mark("In earnest it would be ended now: its budget is spent. The rule {rule} is only rehearsed."),
    LEASE_RULE: mark("In earnest it would be ended now: its lease is over. The rule {rule} is only rehearsed."),
    **dict.fromkeys(
        (cap_rule(scope, Measure.DOLLARS_PER_MONTH) for scope in Scope),
        mark("In earnest it would be ended now: this month's dollars are spent. The rule {rule} is only rehearsed."),
    ),
}
HELD_UP = {
    APPROVAL_RULE: mark("Its launch would wait for an approver, but the rule {rule} is only rehearsed."),
}
REFUSED = mark("In earnest its launch would have been refused. The rule {rule} is only rehearsed.")
SPENT_THEN = mark("It has cost {spent} so far.")


def limit_messages(run: Run, now: datetime) -> list[Message]:
    """Return the warnings that are due, the forecasts that recovered, and the changes of the limits with their
    authors.
    """
    due = [warning_message(run, now, one) for one in warnings(run, now)]
    changed = [amended(run, number, one) for number, one in enumerate(run.amendments, 1)]
    return [*changed, *due, *within(run, now), *(shadowed(run, one) for one in run.shadows)]


def warning_message(run: Run, now: datetime, found: BudgetSpent | BudgetAhead | LeaseEnds) -> Message:
    """Return the message for one warning."""
    match found:
        case BudgetSpent(percent):
            return budget_message(run, f"budget-{percent}", mrkdwn(":moneybag: {}", budget_spent(run, now, percent)))
        case BudgetAhead():
            return budget_message(run, "ahead", mrkdwn(":crystal_ball: {}", budget_ahead(run, now)))
        case LeaseEnds(left):
            return lease_message(run, now, left)


def budget_message(run: Run, kind: str, text: Markup) -> Message:
    """Return a warning about the budget, which is sent once for each budget that the run is given."""
    how_to_raise = say(RAISE, command=code(f"/verl budget {run.id} {2 * run.budget_dollars:g}"))
    return Message(
        f"{kind}-{run.budget_dollars:g}",
        together(text, how_to_raise),
        (section(together(addressed(run, text), how_to_raise)),),
        broadcast=True,
    )


def addressed(run: Run, text: Markup) -> Markup:
    """Return the text followed by a mention of the requester."""
    return mrkdwn("{} {}", text, mention(run.requester))


def budget_spent(run: Run, now: datetime, percent: int) -> Markup:
    """Return how much of its budget the run has used, in percent and in dollars."""
    spent, budget = words.dollars(run.cost(now) or 0.0), words.dollars(run.budget_dollars)
    return say(SPENT, percent=percent, spent=spent, budget=budget)


def budget_ahead(run: Run, now: datetime) -> Markup:
    """Return by how much the forecast exceeds the budget, and when the budget is used up; empty without a forecast."""
    ahead = forecast(run, now)
    if ahead is None or ahead.dollars is None or run.hourly is None:
        return Markup()
    left = max(run.budget_dollars - (run.cost(now) or 0.0), 0.0) / run.hourly.dollars_per_hour
    return say(
        AHEAD,
        dollars=words.dollars(ahead.dollars),
        over=words.dollars(ahead.dollars - run.budget_dollars),
        budget=words.dollars(run.budget_dollars),
        step=ahead.over_at_step,
        time=date(now + timedelta(hours=left), DAY_AND_TIME),
    )


def within(run: Run, now: datetime) -> list[Message]:
    """Return the message that the forecast is within the budget again, where an earlier message reported an excess."""
    ahead = forecast(run, now)
    # Only a warning that was sent needs to be taken back.
    if f"ahead-{run.budget_dollars:g}" not in run.posted or ahead is None or ahead.dollars is None:
        return []
    if ahead.dollars > run.budget_dollars:
        return []
    dollars, budget = words.dollars(ahead.dollars), words.dollars(run.budget_dollars)
    text = say(WITHIN, dollars=dollars, budget=budget)
    return [said(f"within-{run.budget_dollars:g}", mrkdwn(":white_check_mark: {}", text))]


def lease_message(run: Run, now: datetime, left: timedelta) -> Message:
    """Return the warning before the end of the lease. Each of its buttons extends only the lease that it was shown
    with.
    """
    end = run.lease_ends_at or now
    text = say(ENDS, time=date(end, DAY_AND_TIME), left=words.lasted(left))
    text = mrkdwn(":alarm_clock: {}", together(text, needing(ends_at(run.progress, now), end)))
    buttons = [extension(run, end, hours) for hours in EXTENSIONS_HOURS]
    return Message(
        f"lease-{left.total_seconds() / 60:.0f}-{end.timestamp():.0f}",
        text,
        (section(addressed(run, text)), actions(*buttons, *saving(run), stop(run))),
        broadcast=True,
    )


def needing(needed: datetime | Horizon | None, end: datetime) -> Markup:
    """Return until when a run needs its machines, where that is after the end of its lease."""
    match needed:
        case Horizon.BEYOND_A_YEAR:
            return say("At its pace it needs more than a year.")
        case datetime() if needed > end:
            return say(NEEDS, time=date(needed, DAY_AND_TIME))
        case _:
            return Markup()


def extension(run: Run, end: datetime, hours: int) -> Block:
    """Return the button that extends the lease; its value names the run, the hours and the end of the lease."""
    label = say("Extend {hours} h", hours=hours)
    return button(label, f"{EXTEND}-{hours}", f"{run.id} {hours} {end.timestamp():.0f}")


def saving(run: Run) -> list[Block]:
    """Return the button that saves and stops, for a run that writes checkpoints."""
    return [save_and_stop(run)] if run.model_dies or run.place else []


def stop(run: Run) -> Block:
    """Return the button that stops the run after a confirmation."""
    question = say("{run} ends and its cluster is removed. What it has not saved is lost.", run=code(run.id))
    asked = confirm(say("Stop this run?"), question, say("Stop it"), say("Keep it"))
    return button(say("Stop"), "stop", run.id, asked, "danger")


def shadowed(run: Run, found: Shadow) -> Message:
    """Return what a rule would have done that the policy only reports."""
    spent = say(SPENT_THEN, spent=words.dollars(found.cost)) if found.cost else Markup()
    rehearsed = ENDED[found.rule] if found.ends else HELD_UP.get(found.rule, REFUSED)
    text = together(say(rehearsed, rule=code(found.rule)), spent)
    return said(f"shadow-{found.rule}{'-end' if found.ends else ''}", mrkdwn(":busts_in_silhouette: {}", text))


def amended(run: Run, number: int, found: Amendment) -> Message:
    """Return the message about a changed limit and its author."""
    person = mention(found.by)
    match found.limit:
        case Limit.BUDGET:
            before, after = words.dollars(found.before), words.dollars(found.after)
            text = say(BUDGET, before=before, after=after, person=person)
        case Limit.LEASE:
            # A lease is counted from the first launch request, as hours in all.
            end = (run.first_asked_at or run.created_at) + timedelta(hours=found.after)
            text = say(LEASE, time=date(end, DAY_AND_TIME), person=person)
    return said(f"amended-{number}", mrkdwn(":memo: {}", text))
