"""A summary in a run's thread: what has changed since the last one. Pure: a run in, a message out."""

from datetime import datetime

from bot.core.run import Run
from bot.core.standings import ProgressSnapshot
from bot.language import N_
from bot.slack import words
from bot.slack.phrases import translate
from bot.slack.standing import format_number, list_pace_and_end
from bot.slack.text import Markup, join_parts, mrkdwn


def summary_line(run: Run, now: datetime) -> Markup:
    """Return the current summary: steps, reward, validation, pace, end, dollars; empty for none."""
    summary = run.summary
    if summary is None or not summary.number or run.is_finished:
        return Markup()
    parts = [
        describe_steps(run, summary.before, summary.now),
        *list_metric_changes(summary.before, summary.now),
        *list_pace_and_end(run, now),
    ]
    return mrkdwn(":bar_chart: {}", join_parts(" · ", [*parts, describe_cost_change(run, summary.before, summary.now)]))


STEPS_OF_TOTAL = N_("steps {before} → {now} of {last}")


def describe_steps(run: Run, before: ProgressSnapshot, now: ProgressSnapshot) -> Markup:
    """Return the steps before and now, of the total where known."""
    last = run.progress.last_step
    if last:
        return translate(STEPS_OF_TOTAL, before=before.step, now=now.step, last=last)
    return translate("steps {before} → {now}", before=before.step, now=now.step)


def list_metric_changes(before: ProgressSnapshot, now: ProgressSnapshot) -> list[Markup]:
    """Return reward and validation, each with its change."""
    metrics = [
        (N_("reward {value}"), before.reward, now.reward),
        (N_("val {value}"), before.validation, now.validation),
    ]
    return [
        translate(phrase, value=format_change(previous, value))
        for phrase, previous, value in metrics
        if value is not None
    ]


def format_change(before: float | None, now: float) -> str:
    """Return a value, with the previous one and an arrow where it has changed.

    >>> format_change(0.41, 0.482), format_change(0.48, 0.41), format_change(0.41, 0.412), format_change(None, 0.5)
    ('0.41 → 0.48 ▲', '0.48 → 0.41 ▼', '0.41', '0.50')
    """
    if before is None or format_number(before) == format_number(now):
        return format_number(now)
    return f"{format_number(before)} → {format_number(now)} {'▲' if now > before else '▼'}"


def describe_cost_change(run: Run, before: ProgressSnapshot, now: ProgressSnapshot) -> Markup:
    """Return the dollars spent since the last summary, and those in all of the budget."""
    if now.dollars is None:
        return translate("unpriced")
    fields = {"spent": words.format_dollars(now.dollars), "budget": words.format_dollars(run.budget_dollars)}
    if before.dollars is None:
        return translate("{spent} of {budget}", **fields)
    increase = words.format_dollars(max(now.dollars - before.dollars, 0.0))
    return translate("{more} more, {spent} of {budget}", more=increase, **fields)
