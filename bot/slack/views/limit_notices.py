"""The notice that a run's budget runs out, and the one that its lease ends: one message each, edited from the first
warning to the end. Pure: a record in, thread messages out.

An edit notifies no person, so a short reply mentions the launcher where a later warning needs an answer.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.core.model.policy import BUDGET_RULE, LEASE_RULE
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.rules.forecast import (
    BudgetSpent,
    Forecast,
    Horizon,
    LeaseEnding,
    build_forecast,
    check_budget_forecast,
    check_budget_spent,
    check_lease_end,
    estimate_run_end,
    name_budget_mute,
    suggest_budget,
)
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.blocks import Block, actions, button, confirmation, context, section
from bot.slack.views.message import Message, thread_notice
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    date_and_time,
    join_markup_sentences,
    mention,
    mrkdwn,
    render_phrase,
)
from bot.slack.views.rescue_views import save_and_stop_button

BUDGET_NOTICE, LEASE_NOTICE = "budget", "lease"
"""Keys of the two notices."""

RAISE_BUDGET, ACCEPT_BUDGET_END, EXTEND = "raise_budget", "accept_budget_end", "extend"
"""Action ids of the buttons."""

EXTENSIONS_HOURS = (2, 8)
"""Hours by which the buttons of the lease notice extend."""

NOTICE_PERIOD_FACTOR = 4
"""Time between two edits of a notice whose warning stays the same, as a multiple of a card's: only its dollars grow."""

PING_PERCENT = 80
"""Percent of a budget at which a reply mentions the launcher, where the notice is there already."""

BUDGET_USED = N_("*{run} has used {percent}% of its budget* ({spent} of {budget}).")
BUDGET_USED_UP = N_("*{run} has used up its budget* ({spent} of {budget}).")
STOPPED_BY_BUDGET = N_("*{run} used up its budget* ({spent} of {budget}) and was stopped.")
ENDED_WITHIN_BUDGET = N_("{run} has ended; it used {spent} of its budget of {budget}.")
FORECAST_EXCEEDS_BUDGET = N_("*{run} will need {dollars}*, {over} over its budget of {budget}.")
FORECAST_NEEDS = N_("At this rate it will need {dollars}, {over} over budget.")
RUNS_OUT_AT = N_("It will run out at about step {step}, {time}, and be stopped there.")
STOPS_AT_BUDGET = N_("It will be stopped at {budget}.")
CONTINUES = N_("The rule {rule} is report only, so the run will not be stopped.")
FINISHES_WITHIN = N_("At this rate it will finish at {dollars}.")
WITHIN_BUDGET = N_("*{run} is within its budget again* ({spent} of {budget}).")
END_ACCEPTED = N_("{person} lets it stop there.")
HOW_TO_RAISE = N_("To raise the budget: {command}")
RAISE_QUESTION = N_("This raises the budget of {run} from {before} to {after}.")

LEASE_ENDS = N_("*The lease of {run} ends at {time}*, in less than {left}.")
STOPS_AT_LEASE_END = N_("Then I stop the run.")
LEASE_EXTENDED = N_("*The lease of {run} was extended*: it now ends at {time}.")
LEASE_ENDED = N_("The lease of {run} ended at {time}.")
ENDED_BEFORE_LEASE = N_("{run} ended before its lease did.")
NEEDS_UNTIL = N_("At this rate the run needs until {time}.")


def list_limit_notices(run: Run, now: datetime, report_only: Collection[str]) -> list[Message]:
    """Return the notices about the budget and the lease, and the replies that mention the launcher.

    Args:
        report_only: names of the rules that end no run now.
    """
    return [*list_budget_messages(run, now, report_only), *list_lease_messages(run, now, report_only)]


# The budget


def list_budget_messages(run: Run, now: datetime, report_only: Collection[str]) -> list[Message]:
    """Return the budget's notice once it was due, and the reply that mentions the launcher."""
    spent = None if run.is_finished else find_budget_spent(run, now)
    excess = None if run.is_finished else find_excess(run, now)
    was_sent = BUDGET_NOTICE in run.messages.sent
    if not (was_sent or spent or excess):
        return []
    is_accepted = run.requests.is_muted(name_budget_mute(run.limits.budget_dollars))
    is_enforced = BUDGET_RULE not in report_only
    notice = build_budget_notice(run, now, spent, excess, is_accepted, is_enforced)
    return [notice, *([] if is_accepted else list_budget_pings(run, spent))]


def find_budget_spent(run: Run, now: datetime) -> BudgetSpent | None:
    """Return the highest reached percentage of a budget that can still end the run."""
    return None if run.launch.first_requested_at is None else check_budget_spent(run, now)


def find_excess(run: Run, now: datetime) -> Forecast | None:
    """Return the forecast where it exceeds the budget: by more than paces vary, for the first warning."""
    if check_budget_forecast(run, now):
        return build_forecast(run, now)
    prediction = build_forecast(run, now) if BUDGET_NOTICE in run.messages.sent else None
    exceeds_budget = prediction is not None and (prediction.dollars or 0.0) > run.limits.budget_dollars
    return prediction if exceeds_budget else None


def build_budget_notice(
    run: Run, now: datetime, spent: BudgetSpent | None, excess: Forecast | None, is_accepted: bool, is_enforced: bool
) -> Message:
    """Return the notice at its present warning, with buttons while a person can still decide."""
    text = mrkdwn(":moneybag: {}", describe_budget(run, now, spent, excess, is_accepted, is_enforced))
    is_open = not run.is_finished and bool(spent or excess) and not (spent and spent.percent >= 100)
    advised = suggest_budget(run, now)
    blocks = [section(mrkdwn("{} {}", text, mention(run.requester)) if is_open else text)]
    if is_open:
        buttons = budget_buttons(run, float(advised), is_accepted or not is_enforced)
        command = code(f"/verl budget {run.id} {advised}")
        blocks += [context(render_phrase(HOW_TO_RAISE, command=command)), actions(*buttons)]
    return Message(
        BUDGET_NOTICE,
        text,
        tuple(blocks),
        urgent=name_budget_warning(run, spent, excess, is_accepted),
        is_edited=True,
        broadcast=True,
        period_factor=NOTICE_PERIOD_FACTOR,
    )


def name_budget_warning(run: Run, spent: BudgetSpent | None, excess: Forecast | None, is_accepted: bool) -> str:
    """Return the part of the notice whose change is shown at once; its first word is the warning."""
    warning = "over" if run.is_finished else str(spent.percent) if spent else "ahead" if excess else "within"
    return f"{warning} {run.limits.budget_dollars:g}{' accepted' if is_accepted else ''}"


def describe_budget(
    run: Run, now: datetime, spent: BudgetSpent | None, excess: Forecast | None, is_accepted: bool, is_enforced: bool
) -> Markup:
    """Return what is used of the budget, what the run needs, and where it will be stopped, if it will be."""
    about = {
        "run": wording.link_run(run),
        "spent": wording.format_dollars(run.cost(now) or 0.0),
        "budget": wording.format_dollars(run.limits.budget_dollars),
    }
    if run.is_finished:
        return render_phrase(
            STOPPED_BY_BUDGET if run.reason is Reason.BUDGET_EXCEEDED else ENDED_WITHIN_BUDGET, **about
        )
    continues = Markup() if is_enforced else render_phrase(CONTINUES, rule=code(BUDGET_RULE))
    if spent and spent.percent >= 100:
        return join_markup_sentences(render_phrase(BUDGET_USED_UP, **about), continues)
    if not (spent or excess):
        return join_markup_sentences(render_phrase(WITHIN_BUDGET, **about), describe_needs(run, now, excess))
    head = (
        render_phrase(BUDGET_USED, percent=compute_used_percent(run, now), **about)
        if spent
        else render_phrase(FORECAST_EXCEEDS_BUDGET, **about, **describe_excess(run, excess))
    )
    needs = describe_needs(run, now, excess) if spent else Markup()
    accepted = find_acceptance(run) if is_accepted else Markup()
    return join_markup_sentences(head, needs, continues or describe_stop(run, now, excess), accepted)


def describe_excess(run: Run, excess: Forecast | None) -> dict[str, Markup]:
    """Return the forecast and its excess over the budget, in dollars."""
    dollars = (excess and excess.dollars) or 0.0
    return {
        "dollars": wording.format_dollars(dollars),
        "over": wording.format_dollars(max(dollars - run.limits.budget_dollars, 0.0)),
    }


def describe_needs(run: Run, now: datetime, excess: Forecast | None) -> Markup:
    """Return what the run will cost at its end; empty without a forecast."""
    if excess:
        return render_phrase(FORECAST_NEEDS, **describe_excess(run, excess))
    prediction = build_forecast(run, now)
    if prediction is None or prediction.dollars is None:
        return Markup()
    return render_phrase(FINISHES_WITHIN, dollars=wording.format_dollars(prediction.dollars))


def describe_stop(run: Run, now: datetime, excess: Forecast | None) -> Markup:
    """Return where the run will be stopped: the step and the time where a forecast gives them, else the dollars.

    Empty where the forecast has the run finish within its budget.
    """
    forecast = build_forecast(run, now)
    if excess is None and forecast and forecast.dollars is not None and forecast.dollars <= run.limits.budget_dollars:
        return Markup()
    rate = run.spending.hourly_rate
    if excess is None or excess.budget_exhausted_at_step is None or rate is None:
        return render_phrase(STOPS_AT_BUDGET, budget=wording.format_dollars(run.limits.budget_dollars))
    hours_left = max(run.limits.budget_dollars - (run.cost(now) or 0.0), 0.0) / rate.dollars_per_hour
    runs_out_at = date_and_time(now + timedelta(hours=hours_left), now)
    return render_phrase(RUNS_OUT_AT, step=excess.budget_exhausted_at_step, time=runs_out_at)


def find_acceptance(run: Run) -> Markup:
    """Return who lets the run stop at its budget."""
    mute_name = name_budget_mute(run.limits.budget_dollars)
    person = next((mute.by for mute in run.requests.mutes if mute.finding == mute_name), "")
    return render_phrase(END_ACCEPTED, person=mention(person)) if person else Markup()


def budget_buttons(run: Run, advised_dollars: float, is_accepted: bool) -> list[Block]:
    """Return the buttons for what people may decide about the budget."""
    accept = button(render_phrase("Let it stop"), ACCEPT_BUDGET_END, f"{run.id} {run.limits.budget_dollars!r}")
    return [raise_button(run, advised_dollars), *save_buttons(run), *([] if is_accepted else [accept])]


def raise_button(run: Run, after: float) -> Block:
    """Return the button that raises the budget after a confirmation; it counts only for the budget shown.

    Args:
        after: dollars of the budget that it offers.
    """
    before = run.limits.budget_dollars
    amounts = {"before": wording.format_dollars(before), "after": wording.format_dollars(after)}
    question = render_phrase(RAISE_QUESTION, run=code(run.id), **amounts)
    label = render_phrase("Raise to {dollars}", dollars=amounts["after"])
    dialog = confirmation(
        render_phrase("Raise the budget?"), question, render_phrase("Raise it"), render_phrase("Cancel"), "primary"
    )
    return button(label, RAISE_BUDGET, f"{run.id} {before!r} {after!r}", dialog, "primary")


def compute_used_percent(run: Run, now: datetime) -> int:
    """Return how much of its budget a run has spent, in whole percent."""
    return wording.compute_whole_percent(run.cost(now) or 0.0, run.limits.budget_dollars)


def list_budget_pings(run: Run, spent: BudgetSpent | None) -> list[Message]:
    """Return the reply that mentions the launcher at 80% of a budget, unless the notice itself began there.

    It names no percentage: the notice is edited as the dollars grow, and the reply is not.
    """
    key = f"budget-{PING_PERCENT}-{run.limits.budget_dollars:g}"
    notice = run.messages.sent.get(BUDGET_NOTICE)
    warned_before = notice is not None and int_or_zero(notice.urgent.partition(" ")[0]) < PING_PERCENT
    is_due = spent is not None and spent.percent == PING_PERCENT and warned_before
    if key not in run.messages.sent and not is_due:
        return []
    about = {"run": wording.link_run(run), "budget": wording.format_dollars(run.limits.budget_dollars)}
    head = render_phrase("*{run} has used most of its budget* of {budget}.", **about)
    return [thread_notice(key, mrkdwn("{} :moneybag: {}", mention(run.requester), head))]


def int_or_zero(word: str) -> int:
    """Return a word as a whole number; 0 where it is none."""
    return int(word) if word.isdecimal() else 0


# The lease


def list_lease_messages(run: Run, now: datetime, report_only: Collection[str]) -> list[Message]:
    """Return the lease's notice once it was due, and the reply that mentions the launcher shortly before the end."""
    warning = None if run.is_finished or run.launch.first_requested_at is None else check_lease_end(run, now)
    if warning is None and LEASE_NOTICE not in run.messages.sent:
        return []
    notice = build_lease_notice(run, now, warning, is_enforced=LEASE_RULE not in report_only)
    return [notice, *list_lease_pings(run, warning)]


def build_lease_notice(run: Run, now: datetime, warning: LeaseEnding | None, is_enforced: bool) -> Message:
    """Return the notice at its present warning. Each of its buttons extends only the lease that it was shown with."""
    end = run.lease_ends_at or now
    text = mrkdwn(":alarm_clock: {}", describe_lease(run, now, warning, end, is_enforced))
    blocks = [section(mrkdwn("{} {}", text, mention(run.requester)) if warning else text)]
    if warning:
        extend = [extend_button(run, end, hours) for hours in EXTENSIONS_HOURS]
        blocks.append(actions(*extend, *save_buttons(run)))
    state = f"{warning.within.total_seconds() / 60:.0f}" if warning else "over" if run.is_finished else "extended"
    return Message(
        LEASE_NOTICE,
        text,
        tuple(blocks),
        urgent=f"{state} {end.timestamp():.0f}",
        is_edited=True,
        broadcast=True,
        period_factor=NOTICE_PERIOD_FACTOR,
    )


def describe_lease(run: Run, now: datetime, warning: LeaseEnding | None, end: datetime, is_enforced: bool) -> Markup:
    """Return when the lease ends, whether the run is stopped then, and what it still needs."""
    about = {"run": wording.link_run(run), "time": date_and_time(end, now)}
    continues = Markup() if is_enforced else render_phrase(CONTINUES, rule=code(LEASE_RULE))
    if warning and now >= end:
        return join_markup_sentences(render_phrase(LEASE_ENDED, **about), continues)
    if warning:
        left = wording.format_duration(warning.within)
        needed = describe_time_needed(run, estimate_run_end(run, now), end, now)
        stop = continues or render_phrase(STOPS_AT_LEASE_END)
        return join_markup_sentences(render_phrase(LEASE_ENDS, left=left, **about), stop, needed)
    if not run.is_finished:
        return render_phrase(LEASE_EXTENDED, **about)
    return render_phrase(LEASE_ENDED if run.reason is Reason.LEASE_EXPIRED else ENDED_BEFORE_LEASE, **about)


def describe_time_needed(run: Run, needed_until: datetime | Horizon | None, end: datetime, now: datetime) -> Markup:
    """Return until when a run needs its machines, where that is after the end of its lease."""
    match needed_until:
        case Horizon.BEYOND_A_YEAR:
            return render_phrase("At this rate {run} needs more than a year.", run=wording.link_run(run))
        case datetime() if needed_until > end:
            return render_phrase(NEEDS_UNTIL, time=date_and_time(needed_until, now))
        case _:
            return Markup()


def list_lease_pings(run: Run, warning: LeaseEnding | None) -> list[Message]:
    """Return the reply that mentions the launcher at the last warning, unless the notice itself began there."""
    end = run.lease_ends_at
    notice = run.messages.sent.get(LEASE_NOTICE)
    if end is None or warning is None:
        return []
    key = f"lease-{warning.within.total_seconds() / 60:.0f}-{end.timestamp():.0f}"
    state = f"{key.removeprefix('lease-').replace('-', ' ')}"
    if key not in run.messages.sent and (notice is None or notice.urgent == state or not is_last_warning(run, warning)):
        return []
    about = {"run": wording.link_run(run), "left": wording.format_duration(warning.within)}
    head = render_phrase("*The lease of {run} ends* in less than {left}.", **about)
    return [thread_notice(key, mrkdwn("{} :alarm_clock: {}", mention(run.requester), head))]


def is_last_warning(run: Run, warning: LeaseEnding) -> bool:
    """Return whether no further warning comes before the end of the lease."""
    return warning.within <= min(run.plan.lease_warnings, default=timedelta())


def extend_button(run: Run, end: datetime, hours: int) -> Block:
    """Return the button that extends the lease; its value names the run, the hours and the end of the lease."""
    label = render_phrase("Extend {hours} h", hours=hours)
    return button(label, f"{EXTEND}-{hours}", f"{run.id} {hours} {end.timestamp():.0f}")


def save_buttons(run: Run) -> list[Block]:
    """Return the button that saves and stops, for a run that writes checkpoints."""
    return [save_and_stop_button(run)] if run.plan.checkpoints_ephemeral or run.plan.checkpoint_store else []
