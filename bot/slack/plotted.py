"""Charts as answers: each with its description in words, and two runs side by side. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.core.contrast import Difference, differences
from bot.core.figure import Figure, Line, Told
from bot.core.metric import reward_of, validations
from bot.core.thin import sparkline
from bot.isolation import render_one
from bot.language import mark
from bot.slack import words
from bot.slack.answers import Answer, answer
from bot.slack.blocks import Block, context, section
from bot.slack.charts import is_chart, label, native
from bot.slack.phrases import say, say_many, translate
from bot.slack.standing import seconds, written
from bot.slack.text import Markup, code, joined, mrkdwn

MOST_DIFFERENCES = 12
"""Maximum settings of a comparison: more are not readable on a phone."""


def without(shown: Answer, note: Markup) -> Answer:
    """Return the answer without its charts, and with a note why."""
    blocks = [block for block in shown["blocks"] if not is_chart(block)]
    return answer(shown["text"], [*blocks, context(note)])


# One run.


def plotted(told: Told, figures: Sequence[Figure]) -> Answer:
    """Return charts of a run, each with its lines in words."""
    blocks: list[Block] = []
    for figure in figures:
        drawn = native(figure)
        blocks += [drawn] if drawn else []
        blocks.append(context(joined("\n", map(in_words, figure.lines))))
    if saved := saves(figures[0].marks):
        blocks.append(context(mrkdwn(":floppy_disk: {}", saved)))
    return answer(joined(" · ", [figure.title for figure in figures]), blocks)


LINE = mark("{metric} {curve} {last} at step {step}, between {low} and {high}")
NO_LINE = mark("{metric}: no number yet")


def in_words(line: Line) -> Markup:
    """Return a line in words, for people who see no chart, and for numbers that a chart does not show."""
    if not line.points:
        return say(NO_LINE, metric=line.name)
    step, last = line.points[-1]
    values = [value for _, value in line.points]
    return say(
        LINE,
        metric=line.name,
        curve=sparkline(line.points),
        last=written(last),
        step=label(step),
        low=written(min(values)),
        high=written(max(values)),
    )


def saves(steps: Sequence[float]) -> Markup:
    """Return how many checkpoints the chart marks, and the step of the last."""
    if not steps:
        return Markup()
    last = label(steps[-1])
    return say_many(
        "{count} checkpoint, of step {step}", "{count} checkpoints, the last of step {step}", len(steps), step=last
    )


# Two runs.


def compared(a: Told, b: Told, figure: Figure | None, now: datetime) -> Answer:
    """Return two runs in one chart, what each has reached, and which settings differ."""
    drawn = render_one(a.run, lambda _: native(figure), lambda _: None) if figure else None
    lines = [shown_standing(one, now) for one in (a, b)]
    blocks = [*([drawn] if drawn else []), section(joined("\n", lines))]
    if drawn is None:
        blocks.append(context(say("There is nothing that one chart could show of both.")))
    blocks.append(section(contrast(a, b)))
    return answer(say("{a} and {b} compared", a=a.run.id, b=b.run.id), blocks)


def shown_standing(told: Told, now: datetime) -> Markup:
    """Return the progress of one of the two; an error in it does not affect the other."""
    return render_one(told.run, lambda _: standing(told, now), lambda run: words.unshown(run.id))


def standing(told: Told, now: datetime) -> Markup:
    """Return a run's progress: what it has reached, in how many steps, how fast, and at what cost."""
    run, found = told.run, reward_of(told.history)
    parts = [mrkdwn("{} {}", code(run.id), words.state(run))]
    if found:
        step, best = max(found.series, key=lambda point: (point[1], -point[0]))
        last = written(found.series[-1][1])
        parts.append(mrkdwn("{} {} {}", translate(found.name), sparkline(found.series), last))
        parts.append(say("best {value} (step {step})", value=written(best), step=step))
    if validation := validations(told.history):
        parts.append(say("val {value} (step {step})", value=written(validation[-1][1]), step=label(validation[-1][0])))
    if run.progress.step is not None:
        parts.append(say("step {step}", step=run.progress.step))
    if run.progress.seconds_per_step is not None:
        parts.append(say("{seconds} s/step", seconds=seconds(run.progress.seconds_per_step)))
    cost = run.cost(now)
    parts.append(say("unpriced") if cost is None else words.dollars(cost))
    return joined(" · ", parts)


def contrast(a: Told, b: Told) -> Markup:
    """Return the settings that differ."""
    found = differences(a.run, b.run)
    if not found:
        return say("Both were launched with the same settings.")
    lines = [mrkdwn("• {}", difference(one)) for one in found[:MOST_DIFFERENCES]]
    if len(found) > MOST_DIFFERENCES:
        lines.append(say("… and {count} more", count=len(found) - MOST_DIFFERENCES))
    return joined("\n", [say("Set otherwise, {a} first:", a=code(a.run.id)), *lines])


def difference(one: Difference) -> Markup:
    """Return one setting with its two values."""
    values = [say("not set") if value is None else code(value) for value in (one.a, one.b)]
    return say("{setting}: {a}, {b}", setting=code(one.name), a=values[0], b=values[1])
