"""Warnings before a limit ends a run, and changes of the limits with their authors. Pure: a record in, thread messages
out.
"""

from datetime import datetime, timedelta

from bot.core.model.policy import APPROVAL_RULE, BUDGET_RULE, LEASE_RULE, Measure, Scope, cap_rule
from bot.core.model.run import Run
from bot.core.model.run_state import LimitChange, PolicyHit, RunLimit
from bot.core.rules.forecast import (
    BudgetForecastExceeded,
    BudgetSpent,
    Horizon,
    LeaseEnding,
    build_forecast,
    estimate_end,
    find_warnings,
)
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.blocks import Block, actions, button, confirmation, section
from bot.slack.views.message import Message, thread_notice
from bot.slack.views.mrkdwn import Markup, code, date, join_markup_sentences, mention, mrkdwn, render_phrase
from bot.slack.views.rescue_views import save_and_stop_button

EXTEND = "extend"
EXTENSIONS_HOURS = (2, 8)
"""Hours that the buttons of a warning offer."""

DAY_AND_TIME = "{date_short_pretty} {time}"

BUDGET_USED = N_("*{percent} % of its budget is spent*: {spent} of {budget}.")
FORECAST_EXCEEDS_BUDGET = N_(
    "At its pace it ends at {dollars}, *{over} over its budget of {budget}*, which is spent at step {step}, {time}."
)
FORECAST_WITHIN_BUDGET = N_("Its forecast is within its budget again: {dollars} of {budget}.")
HOW_TO_RAISE_BUDGET = N_("It is ended there; {command} gives it another budget.")
LEASE_ENDS = N_("*Its lease ends {time}*, in less than {left}. Then it is ended, and its cluster removed.")
NEEDS_UNTIL = N_("At this rate {run} needs until {time}.")
BUDGET_CHANGED = N_("{person} changed the budget of {run} from {before} to {after}.")
LEASE_CHANGED = N_("{person} extended the lease of {run}: it now ends at {time}.")

WOULD_END = {
    BUDGET_RULE: N_("Test rule {rule}: {run} would have been stopped now (budget used up)."),
    LEASE_RULE: N_("Test rule {rule}: {run} would have been stopped now (lease ended)."),
    **dict.fromkeys(
        (cap_rule(scope, Measure.DOLLARS_PER_MONTH) for scope in Scope),
        N_("Test rule {rule}: {run} would have been stopped now (monthly budget used up)."),
    ),
}
WOULD_WAIT = {
    APPROVAL_RULE: N_("Test rule {rule}: {run} would have needed approval."),
}
WOULD_REFUSE = N_("Test rule {rule}: the launch of {run} would have been refused.")
COST_SO_FAR = N_("Cost so far: {spent}.")


def list_limit_messages(run: Run, now: datetime) -> list[Message]:
    """Return the warnings that are due, the forecasts that recovered, and the changes of the limits with their
    authors.
    """
    due = [build_warning_message(run, now, entry) for entry in find_warnings(run, now)]
    changed = [limit_change_message(run, number, entry) for number, entry in enumerate(run.limits.changes, 1)]
    return [
        *changed,
        *due,
        *list_within_budget_messages(run, now),
        *(report_only_message(run, entry) for entry in run.policy_hits),
    ]


def build_warning_message(
    run: Run, now: datetime, warning: BudgetSpent | BudgetForecastExceeded | LeaseEnding
) -> Message:
    """Return the message for one warning."""
    match warning:
        case BudgetSpent(percent):
            return build_budget_message(
                run, f"budget-{percent}", mrkdwn(":moneybag: {}", describe_budget_use(run, now, percent))
            )
        case BudgetForecastExceeded():
            return build_budget_message(run, "ahead", mrkdwn(":crystal_ball: {}", describe_forecast_excess(run, now)))
        case LeaseEnding(time_left):
            return build_lease_message(run, now, time_left)


def build_budget_message(run: Run, kind: str, text: Markup) -> Message:
    """Return a warning about the budget, which is sent once for each budget that the run is given."""
    how_to_raise = render_phrase(
        HOW_TO_RAISE_BUDGET, command=code(f"/verl budget {run.id} {2 * run.limits.budget_dollars:g}")
    )
    return Message(
        f"{kind}-{run.limits.budget_dollars:g}",
        join_markup_sentences(text, how_to_raise),
        (section(join_markup_sentences(mention_requester(run, text), how_to_raise)),),
        broadcast=True,
    )


def mention_requester(run: Run, text: Markup) -> Markup:
    """Return the text followed by a mention of the requester."""
    return mrkdwn("{} {}", text, mention(run.requester))


def describe_budget_use(run: Run, now: datetime, percent: int) -> Markup:
    """Return how much of its budget the run has used, in percent and in dollars."""
    cost, budget = wording.format_dollars(run.cost(now) or 0.0), wording.format_dollars(run.limits.budget_dollars)
    return render_phrase(BUDGET_USED, percent=percent, spent=cost, budget=budget)


def describe_forecast_excess(run: Run, now: datetime) -> Markup:
    """Return by how much the forecast exceeds the budget, and when the budget is used up; empty without a forecast."""
    prediction = build_forecast(run, now)
    if prediction is None or prediction.dollars is None or run.spending.hourly_rate is None:
        return Markup()
    hours_left = (
        max(run.limits.budget_dollars - (run.cost(now) or 0.0), 0.0) / run.spending.hourly_rate.dollars_per_hour
    )
    return render_phrase(
        FORECAST_EXCEEDS_BUDGET,
        dollars=wording.format_dollars(prediction.dollars),
        over=wording.format_dollars(prediction.dollars - run.limits.budget_dollars),
        budget=wording.format_dollars(run.limits.budget_dollars),
        step=prediction.budget_exhausted_at_step,
        time=date(now + timedelta(hours=hours_left), DAY_AND_TIME),
    )


def list_within_budget_messages(run: Run, now: datetime) -> list[Message]:
    """Return the message that the forecast is within the budget again, where an earlier message reported an excess."""
    prediction = build_forecast(run, now)
    # Only a warning that was sent needs to be taken back.
    if (
        f"ahead-{run.limits.budget_dollars:g}" not in run.messages.sent
        or prediction is None
        or prediction.dollars is None
    ):
        return []
    if prediction.dollars > run.limits.budget_dollars:
        return []
    dollars, budget = wording.format_dollars(prediction.dollars), wording.format_dollars(run.limits.budget_dollars)
    text = render_phrase(FORECAST_WITHIN_BUDGET, dollars=dollars, budget=budget)
    return [thread_notice(f"within-{run.limits.budget_dollars:g}", mrkdwn(":white_check_mark: {}", text))]


def build_lease_message(run: Run, now: datetime, time_left: timedelta) -> Message:
    """Return the warning before the end of the lease. Each of its buttons extends only the lease that it was shown
    with.
    """
    end = run.lease_ends_at or now
    text = render_phrase(LEASE_ENDS, time=date(end, DAY_AND_TIME), left=wording.format_duration(time_left))
    text = mrkdwn(
        ":alarm_clock: {}",
        join_markup_sentences(text, describe_time_needed(run, estimate_end(run.training.progress, now), end)),
    )
    buttons = [extend_button(run, end, hours) for hours in EXTENSIONS_HOURS]
    return Message(
        f"lease-{time_left.total_seconds() / 60:.0f}-{end.timestamp():.0f}",
        text,
        (section(mention_requester(run, text)), actions(*buttons, *save_buttons(run), stop_button(run))),
        broadcast=True,
    )


def describe_time_needed(run: Run, needed_until: datetime | Horizon | None, end: datetime) -> Markup:
    """Return until when a run needs its machines, where that is after the end of its lease."""
    match needed_until:
        case Horizon.BEYOND_A_YEAR:
            return render_phrase("At this rate {run} needs more than a year.", run=wording.link_run(run))
        case datetime() if needed_until > end:
            return render_phrase(NEEDS_UNTIL, run=wording.link_run(run), time=date(needed_until, DAY_AND_TIME))
        case _:
            return Markup()


def extend_button(run: Run, end: datetime, hours: int) -> Block:
    """Return the button that extends the lease; its value names the run, the hours and the end of the lease."""
    label = render_phrase("Extend {hours} h", hours=hours)
    return button(label, f"{EXTEND}-{hours}", f"{run.id} {hours} {end.timestamp():.0f}")


def save_buttons(run: Run) -> list[Block]:
    """Return the button that saves and stops, for a run that writes checkpoints."""
    return [save_and_stop_button(run)] if run.plan.checkpoints_ephemeral or run.plan.checkpoint_store else []


def stop_button(run: Run) -> Block:
    """Return the button that stops the run after a confirmation."""
    question = render_phrase("{run} will stop and its cluster will be deleted. Unsaved work is lost.", run=code(run.id))
    dialog = confirmation(render_phrase("Stop this run?"), question, render_phrase("Stop it"), render_phrase("Keep it"))
    return button(render_phrase("Stop"), "stop", run.id, dialog, "danger")


def report_only_message(run: Run, hit: PolicyHit) -> Message:
    """Return what a rule would have done that the policy only reports."""
    cost = render_phrase(COST_SO_FAR, spent=wording.format_dollars(hit.cost)) if hit.cost else Markup()
    phrase = WOULD_END[hit.rule] if hit.ends else WOULD_WAIT.get(hit.rule, WOULD_REFUSE)
    text = join_markup_sentences(render_phrase(phrase, run=wording.link_run(run), rule=code(hit.rule)), cost)
    return thread_notice(
        f"report-only-{hit.rule}{'-end' if hit.ends else ''}", mrkdwn(":busts_in_silhouette: {}", text)
    )


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
    return thread_notice(f"amended-{number}", mrkdwn(":memo: {}", text))
