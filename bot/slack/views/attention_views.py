"""What needs a person, a line each: on a report and on the App Home page. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime

from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.attention import Attention, AttentionReason, check_month, list_attention
from bot.core.rules.forecast import build_forecast, suggest_budget, suggest_extension_hours
from bot.phrase import N_
from bot.runtime.failure_isolation import render_each
from bot.slack.views import wording
from bot.slack.views.finding_views import render_open_findings
from bot.slack.views.mrkdwn import (
    Markup,
    date_and_time,
    join_markup_list,
    join_parts,
    mention,
    mention_person_or_group,
    mrkdwn,
    render_phrase,
)
from bot.slack.views.progress_views import format_eta

MAX_SHOWN_LINES = 10
"""Maximum lines of this kind in one message: more are unreadable on a phone."""

ATTENTION_PHRASES = {
    AttentionReason.NEEDS_APPROVAL: N_("It needs approval from {people}. The request expires at {time}."),
    AttentionReason.MONTH_USED_UP: N_("A monthly budget is used up, so the run will be stopped at {time}."),
    AttentionReason.LEASE_TOO_SHORT: N_(
        "The lease ends at {time}, before the {eta}. To extend it: `/verl extend {run} {hours}h`."
    ),
    AttentionReason.BUDGET_TOO_SMALL: N_(
        "The forecast is {forecast}, the budget {budget}. To raise the budget: `/verl budget {run} {advised}`."
    ),
    AttentionReason.UNSAVED_MODEL: N_("The model is only on the cluster, and the lease ends at {time}."),
    AttentionReason.UNCOPIED_MODEL: N_(
        "I cannot download the model, and the cluster will be deleted at {time}. More: `/verl artifacts {run}`."
    ),
}


def render_attention(run: Run, attention: Attention, now: datetime) -> Markup:
    """Return one reason as a sentence."""
    forecast = build_forecast(run, now)
    dollars = forecast.dollars if forecast else None
    approvers = run.approval.approvers if run.approval else ()
    return render_phrase(
        ATTENTION_PHRASES[attention.reason],
        run=run.id,
        people=join_markup_list(map(mention_person_or_group, approvers)),
        time=date_and_time(attention.at, now) if attention.at else render_phrase("soon"),
        eta=format_eta(forecast.ends_at, now) if forecast else "",
        forecast=wording.format_dollars(dollars) if dollars is not None else render_phrase("more"),
        advised=suggest_budget(run, now),
        hours=suggest_extension_hours(run, now),
        budget=wording.format_dollars(run.limits.budget_dollars),
    )


def describe_end_by_month(run: Run, now: datetime) -> Markup:
    """Return when a used-up monthly budget will stop the run; empty where none will."""
    month = check_month(run)
    return mrkdwn(":moneybag: {}", render_attention(run, month, now)) if month else Markup()


def list_run_alarms(run: Run, now: datetime) -> list[Markup]:
    """Return all that needs a person about one run, a sentence each: limits, findings, and what is unknown."""
    sentences = [
        *(render_attention(run, attention, now) for attention in list_attention(run, now)),
        *render_open_findings(run),
        wording.describe_uncertainty(run),
    ]
    return [sentence for sentence in sentences if sentence]


def render_alarm_line(
    run: Run, now: datetime, show_person: Callable[[str], Markup] = mention, reader: str = ""
) -> Markup:
    """Return one line with a run, its owner and all that needs a person; empty for a run that needs none."""
    alarms = list_run_alarms(run, now)
    if not alarms:
        return Markup()
    # An owner has nothing to do about an approval, and is not notified of it.
    owner = (show_person if run.status is RunStatus.AWAITING_APPROVAL else mention)(run.requester)
    return mrkdwn("{} · {} · {}", wording.link_run(run, reader), owner, join_parts(" ", alarms))


def list_alarm_lines(
    runs: Sequence[Run], now: datetime, show_person: Callable[[str], Markup] = mention, reader: str = ""
) -> list[Markup]:
    """Return a line for each run that needs a person, and a last one for those that there is no room for."""
    lines = [
        line
        for line in render_each(runs, lambda run: render_alarm_line(run, now, show_person, reader), lambda _: Markup())
        if line
    ]
    more = len(lines) - MAX_SHOWN_LINES
    more_note = [render_phrase("… and {count} more", count=more)] if more > 0 else []
    return [*lines[:MAX_SHOWN_LINES], *more_note]
