"""The most that a launch can cost, and which of its limits sets it: the same number everywhere. Pure."""

from datetime import timedelta

from bot.core.model.money import Rate, compute_max_dollars
from bot.core.model.run import Run
from bot.phrase import describe_duration
from bot.slack.views import wording
from bot.slack.views.mrkdwn import Markup, render_phrase


def describe_max_cost(budget_dollars: float, lease: timedelta, rate: Rate | None, is_unpriced: bool = False) -> Markup:
    """Return the most that a launch can cost, with what limits it.

    Args:
        rate: None where the price is not known yet: then the budget counts.
        is_unpriced: whether no price can be known, so that no budget can stop the run.
    """
    if is_unpriced:
        return render_phrase("an unknown amount (no price is known, so no budget can stop it)")
    most = compute_max_dollars(budget_dollars, lease, rate)
    dollars = wording.format_dollars(most)
    if rate is None or most >= budget_dollars:
        return render_phrase("at most *{dollars}* (its budget)", dollars=dollars)
    return render_phrase(
        "at most *{dollars}* ({time} at {rate}; its budget is {budget})",
        dollars=dollars,
        time=describe_duration(lease),
        rate=wording.format_hourly_rate(rate.dollars_per_hour),
        budget=wording.format_dollars(budget_dollars),
    )


def describe_max_cost_of_run(run: Run) -> Markup:
    """Return the most that a run can cost by its limits as they are now."""
    rate = run.spending.hourly_rate
    is_unpriced = run.spending.priced_at is not None and rate is None
    return describe_max_cost(run.limits.budget_dollars, run.limits.lease, rate, is_unpriced)
