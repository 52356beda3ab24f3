"""A summary in a run's thread: what has changed since the last one. Pure: a run in, a message out."""

from datetime import datetime

from bot.core.run import Run
from bot.core.standings import Standing
from bot.language import mark
from bot.slack import words
from bot.slack.phrases import say
from bot.slack.standing import ahead, written
from bot.slack.text import Markup, joined, mrkdwn


def changes(run: Run, now: datetime) -> Markup:
    """Return the current summary: steps, reward, validation, pace, end, dollars; empty for none."""
    told = run.summary
    if told is None or not told.number or run.over:
        return Markup()
    parts = [steps(run, told.before, told.now), *numbers(told.before, told.now), *ahead(run, now)]
    return mrkdwn(":bar_chart: {}", joined(" · ", [*parts, dollars(run, told.before, told.now)]))


OF = mark("steps {before} → {now} of {last}")


def steps(run: Run, before: Standing, now: Standing) -> Markup:
    """Return the steps before and now, of the total where known."""
    last = run.progress.last_step
    if last:
        return say(OF, before=before.step, now=now.step, last=last)
    return say("steps {before} → {now}", before=before.step, now=now.step)


def numbers(before: Standing, now: Standing) -> list[Markup]:
    """Return reward and validation, each with its change."""
    found = [
        (mark("reward {value}"), before.reward, now.reward),
        (mark("val {value}"), before.validation, now.validation),
    ]
    return [say(phrase, value=moved(was, value)) for phrase, was, value in found if value is not None]


def moved(before: float | None, now: float) -> str:
    """Return a value, with the previous one and an arrow where it has changed.

    >>> moved(0.41, 0.482), moved(0.48, 0.41), moved(0.41, 0.412), moved(None, 0.5)
    ('0.41 → 0.48 ▲', '0.48 → 0.41 ▼', '0.41', '0.50')
    """
    if before is None or written(before) == written(now):
        return written(now)
    return f"{written(before)} → {written(now)} {'▲' if now > before else '▼'}"


def dollars(run: Run, before: Standing, now: Standing) -> Markup:
    """Return the dollars spent since the last summary, and those in all of the budget."""
    if now.dollars is None:
        return say("unpriced")
    spent = {"spent": words.dollars(now.dollars), "budget": words.dollars(run.budget_dollars)}
    if before.dollars is None:
        return say("{spent} of {budget}", **spent)
    more = words.dollars(max(now.dollars - before.dollars, 0.0))
    return say("{more} more, {spent} of {budget}", more=more, **spent)
