"""Charts as answers: each with its description in words, and two runs side by side. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.core.model.code_version import CodeVersion
from bot.core.model.metrics import MetricWord
from bot.core.model.recipe import CODE
from bot.core.model.run import Run
from bot.core.rules.chart_data import MIN_POINTS, Chart, ChartLine, RunHistory, choose_reward, get_validation_series
from bot.core.rules.downsample import render_sparkline
from bot.core.rules.setting_differences import SettingDifference, SettingValue
from bot.phrase import N_
from bot.runtime.failure_isolation import render_or_fallback
from bot.slack.views import wording
from bot.slack.views.blocks import Block, context, section
from bot.slack.views.message import Answer, build_answer, build_native_chart, format_x_value, is_chart
from bot.slack.views.mrkdwn import Markup, code, join_parts, mrkdwn, render_phrase, translate_text
from bot.slack.views.progress_views import describe_value_at, find_best_validation, format_number, format_seconds

MAX_DIFFERENCES = 12
"""Maximum settings of a comparison: more are not readable on a phone."""


def remove_charts(original: Answer, note: Markup) -> Answer:
    """Return the answer without its charts, and with a note why."""
    blocks = [block for block in original["blocks"] if not is_chart(block)]
    return add_note({**original, "blocks": blocks}, note)


def add_note(original: Answer, note: Markup) -> Answer:
    """Return the answer with a note under it."""
    return build_answer(original["text"], [*original["blocks"], context(note)])


# One run.


def build_plot_answer(run_history: RunHistory, selected_charts: Sequence[Chart]) -> Answer:
    """Return charts of a run, each with its lines in words."""
    blocks: list[Block] = []
    for chart in selected_charts:
        chart_block = build_native_chart(chart)
        blocks += [chart_block] if chart_block else []
        blocks.append(context(join_parts("\n", map(describe_series, chart.lines))))
        if not chart.is_drawable:
            blocks.append(context(explain_missing_chart(run_history.run, chart)))
    if saves_text := describe_saves(selected_charts[0].marks):
        blocks.append(context(mrkdwn(":floppy_disk: {}", saves_text)))
    return build_answer(join_parts(" · ", [chart.title for chart in selected_charts]), blocks)


TOO_FEW_POINTS = N_("No chart yet: it needs {most} points, and there are {count}. Ask again in a few steps: {command}")
TOO_FEW_POINTS_AT_END = N_("No chart: it needs {most} points, and the run ended with {count}.")


def explain_missing_chart(run: Run, chart: Chart) -> Markup:
    """Return why a chart is not drawn, and when it will be."""
    count = max((len(line.points) for line in chart.lines), default=0)
    return render_phrase(
        TOO_FEW_POINTS_AT_END if run.is_finished else TOO_FEW_POINTS,
        most=MIN_POINTS,
        count=count,
        command=code(f"/verl plot {run.id}"),
    )


SERIES_SUMMARY = N_("{metric} {curve} {last} at step {step}, between {low} and {high}")
CONSTANT_SERIES = N_("{metric} {curve} {last} at every step")
EMPTY_SERIES = N_("{metric}: no number yet")


def describe_series(series: ChartLine) -> Markup:
    """Return a line in words, for people who see no chart, and for numbers that a chart does not show."""
    if not series.points:
        return render_phrase(EMPTY_SERIES, metric=series.name)
    step, last = series.points[-1]
    values = [value for _, value in series.points]
    return render_phrase(
        SERIES_SUMMARY if min(values) < max(values) else CONSTANT_SERIES,
        metric=series.name,
        curve=render_sparkline(series.points),
        last=format_number(last),
        step=format_x_value(step),
        low=format_number(min(values)),
        high=format_number(max(values)),
    )


def describe_saves(steps: Sequence[float]) -> Markup:
    """Return the step of the newest checkpoint. Logs do not time every save, so that the marks are no count of them."""
    return render_phrase("newest checkpoint: step {step}", step=format_x_value(steps[-1])) if steps else Markup()


# Two runs.


def build_comparison_answer(
    a: RunHistory, b: RunHistory, chart: Chart | None, now: datetime, differences: Sequence[SettingDifference]
) -> Answer:
    """Return two runs in one chart, what each has reached, and which settings differ."""
    chart_block = render_or_fallback(a.run, lambda _: build_native_chart(chart), lambda _: None) if chart else None
    lines = [describe_safely(run_history, now) for run_history in (a, b)]
    blocks = [*([chart_block] if chart_block else []), section(join_parts("\n", lines))]
    if chart_block is None:
        blocks.append(
            context(render_phrase("No chart: the two runs share fewer than five points, or report different metrics."))
        )
    blocks.append(section(describe_config_diff(a.run.id, differences)))
    return build_answer(render_phrase("{a} and {b} compared", a=a.run.id, b=b.run.id), blocks)


def describe_safely(run_history: RunHistory, now: datetime) -> Markup:
    """Return the progress of one of the two; an error in it does not affect the other."""
    return render_or_fallback(
        run_history.run, lambda _: describe_progress(run_history, now), lambda run: wording.unshown_line(run.id)
    )


def describe_progress(run_history: RunHistory, now: datetime) -> Markup:
    """Return a run's progress: what it has reached, in how many steps, how fast, and at what cost."""
    run, reward = run_history.run, choose_reward(run_history.history)
    parts = [mrkdwn("{} {}", wording.link_run(run), wording.describe_state(run))]
    if reward:
        sign = -1 if reward.word == MetricWord.LOSS else 1  # of losses the lowest is best
        step, best = max(reward.series, key=lambda point: (sign * point[1], -point[0]))
        last = format_number(reward.series[-1][1])
        parts.append(mrkdwn("{} {} {}", translate_text(reward.name), render_sparkline(reward.series), last))
        parts.append(render_phrase("best {value} (step {step})", value=format_number(best), step=step))
    parts.extend(list_validation_parts(run_history))
    if run.training.progress.step is not None:
        parts.append(render_phrase("step {step}", step=run.training.progress.step))
    if run.training.progress.seconds_per_step is not None:
        parts.append(render_phrase("{seconds} s/step", seconds=format_seconds(run.training.progress.seconds_per_step)))
    cost = run.cost(now)
    parts.append(render_phrase("price unknown") if cost is None else wording.format_dollars(cost))
    return join_parts(" · ", parts)


def list_validation_parts(run_history: RunHistory) -> list[Markup]:
    """Return the best validation of a run and, where it differs, the newest, each with its step; nothing before any."""
    series, best = get_validation_series(run_history.history), find_best_validation(run_history.run.training.progress)
    if not series:
        return []
    last_step, last = series[-1]
    measured = [(value, int(step)) for step, value in series]
    # Of very long runs, the history has not every validation; the record has the best one.
    value, step = max([*measured, *([best] if best else [])], key=lambda point: point[0])
    shown = render_phrase("best val {value}", value=describe_value_at(value, step))
    newest = render_phrase("val {value}", value=describe_value_at(last, int(last_step)))
    if format_number(value) == format_number(last):
        return [shown if run_history.run.is_finished else newest]
    return [shown, render_phrase("last {value}", value=describe_value_at(last, int(last_step)))]


def describe_config_diff(first_id: str, differences: Sequence[SettingDifference]) -> Markup:
    """Return the settings that differ."""
    if not differences:
        return render_phrase("Both were launched with the same settings.")
    lines = [mrkdwn("• {}", describe_difference(difference)) for difference in differences[:MAX_DIFFERENCES]]
    if len(differences) > MAX_DIFFERENCES:
        lines.append(render_phrase("… and {count} more", count=len(differences) - MAX_DIFFERENCES))
    return join_parts("\n", [render_phrase("Different settings ({a} first):", a=code(first_id)), *lines])


def describe_difference(difference: SettingDifference) -> Markup:
    """Return one setting with its two values."""
    values = [describe_value(difference.name, value) for value in (difference.a, difference.b)]
    return render_phrase("{setting}: {a}, {b}", setting=code(difference.name), a=values[0], b=values[1])


def describe_value(name: str, value: SettingValue | None) -> Markup:
    """Return the value of a setting in one run."""
    if value is None:
        return render_phrase("not set")
    text = CodeVersion.parse(value.text).label if name == CODE.name and value.text else value.text
    return render_phrase("{value} (default)", value=code(text)) if value.is_default else code(text)
