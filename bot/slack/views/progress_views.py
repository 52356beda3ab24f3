"""A run's progress and its summaries, as people read them. Pure."""

from collections.abc import Collection
from datetime import datetime

from bot.core.frameworks import FRAMEWORK
from bot.core.model.metrics import STEP_PART_NAMES
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import ProgressSnapshot
from bot.core.rules.forecast import Horizon, build_forecast
from bot.phrase import N_, Phrase, Text
from bot.slack.views import wording
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    date_and_time,
    escape,
    join_markup_sentences,
    join_parts,
    mrkdwn,
    render_phrase,
)

KEYS = FRAMEWORK.keys

MIN_STEPS_FOR_FORECAST = 2
"""Minimum steps before an end is forecast: the first one compiles and warms up."""

TREND_ARROWS = {1: "▲", 0: "", -1: "▼"}


def progress_line(run: Run, now: datetime) -> Markup:
    """Return the run's progress and its end; empty before the first step."""
    metrics = metrics_line(run.training.progress, is_final=run.is_finished)
    return join_parts(" · ", [metrics, *list_pace_and_end(run, now)])


def list_pace_and_end(run: Run, now: datetime) -> list[Markup]:
    """Return the run's pace and its end, where they are known; nothing before the first step, and once it has
    finished.
    """
    progress = run.training.progress
    parts: list[Markup] = []
    if run.is_finished or progress.step is None:
        return []
    if progress.seconds_per_step is not None:
        parts.append(render_phrase("{seconds} s/step", seconds=format_seconds(progress.seconds_per_step)))
    end = build_forecast(run, now) if len(progress.step_times) >= MIN_STEPS_FOR_FORECAST else None
    if end and progress.steps_left:
        parts.append(format_eta(end.ends_at, now))
    return parts


def format_eta(end: datetime | Horizon, now: datetime) -> Markup:
    """Return when a run will end, or that no date can be given."""
    match end:
        case datetime():
            return render_phrase("ETA {time}", time=date_and_time(end, now))
        case Horizon.BEYOND_A_YEAR:
            return render_phrase("ETA unknown: more than a year")


def metrics_line(
    progress: Progress, metrics: tuple[str, ...] = (), unreliable: Collection[str] = (), is_final: bool = False
) -> Markup:
    """Return step, reward and validation on one line, then the further metrics that are wanted; empty before the first
    step.

    Args:
        unreliable: keys of metrics whose values mean nothing.
        is_final: whether the training is over, so that its best validation counts, and not its newest.
    """
    if progress.step is None:
        return Markup()
    step_text = f"{progress.step}/{progress.last_step}" if progress.last_step else progress.step
    parts = [render_phrase("step {step}", step=step_text)]
    if (reward := progress.reward) is not None:
        parts.append(
            join_parts(
                " ",
                [render_phrase("reward {value}", value=format_number(reward)), TREND_ARROWS[progress.rewards.trend]],
            )
        )
    if progress.reward is None and progress.loss is not None:
        parts.append(render_phrase("loss {value}", value=describe_loss(progress)))
    if is_final and progress.validation is not None:
        parts.append(render_phrase("best val {value}", value=describe_best_validation(progress)))
    elif progress.validation is not None:
        parts.append(render_phrase("val {value}", value=describe_validation(progress)))
    return join_parts(" · ", [*parts, further_metrics_line(progress, metrics, unreliable)])


def further_metrics_line(progress: Progress, metrics: tuple[str, ...], unreliable: Collection[str] = ()) -> Markup:
    """Return the further metrics that are wanted, on one line.

    Args:
        metrics: beginnings of their keys.
        unreliable: keys of metrics whose values mean nothing.
    """
    further = [
        key
        for key in progress.metrics
        if metrics and key.startswith(metrics) and not KEYS.is_outcome(key)  # which have words of their own
    ]
    values = {
        key: render_phrase("unknown") if key in unreliable else format_number(progress.metrics[key])
        for key in sorted(further)
    }
    return join_parts(" · ", [mrkdwn("{} {}", code(key), value) for key, value in values.items()])


PROGRESS_BAR_CHARACTERS = 20


def format_progress_bar(step: int, last: int) -> str:
    """Return how much is done as a bar of text.

    >>> format_progress_bar(15, 60), format_progress_bar(7, 3)
    ('▓▓▓▓▓░░░░░░░░░░░░░░░', '▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓')
    """
    filled = min(max(PROGRESS_BAR_CHARACTERS * step // max(last, 1), 0), PROGRESS_BAR_CHARACTERS)
    return "▓" * filled + "░" * (PROGRESS_BAR_CHARACTERS - filled)


def describe_reward(progress: Progress) -> Markup:
    """Return the reward with its trend; empty where there is none."""
    if progress.reward is None:
        return Markup()
    return join_parts(" ", [format_number(progress.reward), TREND_ARROWS[progress.rewards.trend]])


def describe_loss(progress: Progress) -> Markup:
    """Return the loss of a training without a reward, with its trend and that of the validation; empty for none."""
    if progress.loss is None or progress.reward is not None:
        return Markup()
    value = join_parts(" ", [format_number(progress.loss), TREND_ARROWS[progress.losses.trend]])
    if progress.validation_loss is None:
        return value
    return join_parts(", ", [value, render_phrase("validation {value}", value=format_number(progress.validation_loss))])


def describe_validation(progress: Progress) -> Markup:
    """Return the newest validation with its step; empty where there is none."""
    if progress.validation is None:
        return Markup()
    return describe_value_at(progress.validation, progress.validated_step)


def describe_value_at(value: float, step: int | None) -> Markup:
    """Return a value with its step; the value alone where the step is not known."""
    if step is None:
        return escape(format_number(value))
    return render_phrase("{value} (step {step})", value=format_number(value), step=step)


def find_best_validation(progress: Progress) -> tuple[float, int | None] | None:
    """Return the best validation with its step, which is None where it is not known; None before any validation."""
    totals, last = progress.training_totals, progress.validation
    if totals.best_validation is None:
        return None if last is None else (last, progress.validated_step)
    is_last = totals.best_validation_step is None and totals.best_validation == last
    return totals.best_validation, progress.validated_step if is_last else totals.best_validation_step


def describe_best_validation(progress: Progress) -> Markup:
    """Return the best validation with its step; empty before any validation."""
    best = find_best_validation(progress)
    return Markup() if best is None else describe_value_at(*best)


def describe_validation_briefly(run: Run) -> Markup:
    """Return the validation for a table: the newest of a run that trains, the best of one that has finished, each with
    its step; empty before any validation.
    """
    progress = run.training.progress
    if not run.is_finished or progress.validation is None:
        return describe_validation(progress)
    return render_phrase("best {value}", value=describe_best_validation(progress))


def describe_validations(progress: Progress) -> list[Markup]:
    """Return the newest validation, and the results of the other data sources where there are several."""
    return [describe_validation(progress), describe_sources(progress)]


MIN_SHOWN_SHARE = 0.01
"""Minimum share of a step's time that is shown."""


def describe_time_parts(progress: Progress) -> Markup:
    """Return where the time of the newest step went, the longest part first; empty where the run reports no parts."""
    total = sum(progress.time_parts.values())
    if total <= 0:
        return Markup()
    parts = sorted(progress.time_parts.items(), key=lambda item: -item[1])
    shares = [
        mrkdwn("{} {}", render_phrase(STEP_PART_NAMES[part]), f"{seconds / total:.0%}")
        for part, seconds in parts
        if seconds >= MIN_SHOWN_SHARE * total
    ]
    return render_phrase("Where its time goes: {parts}", parts=join_parts(", ", shares)) if shares else Markup()


def describe_metrics_origin(run: Run) -> Markup:
    """Return where the run's metrics are read; empty before its first step."""
    if run.training.progress.step is None:
        return Markup()
    origin = run.training.metrics_origin
    if origin and origin.file:
        return render_phrase("Metrics: from the file {file}", file=code(origin.file))
    why: Text = origin.why if origin else Phrase("I have not read a file of metrics.")
    if not run.plan.files.metrics:
        why = Phrase("Its recipe names no file of metrics.")
    return join_markup_sentences(Phrase("Metrics: from the console."), why)


MAX_SHOWN_SOURCES = 3
"""Maximum data sources beside the one that is judged: a field of the card has room for as many."""

OTHER_SOURCES = N_("{source} counts, the first of {count} data sources; {others}")


def describe_sources(progress: Progress) -> Markup:
    """Return which of several data sources counts, with the results of others; empty where there is one at most."""
    results = KEYS.list_validations(progress.metrics)
    if progress.validation_key is None or progress.validation_key not in results or len(results) < 2:
        return Markup()
    others = [key for key in results if key != progress.validation_key]
    shown = [mrkdwn("{} {}", name_source(key), format_number(results[key])) for key in others[:MAX_SHOWN_SOURCES]]
    return render_phrase(
        OTHER_SOURCES,
        source=name_source(progress.validation_key),
        count=len(results),
        others=join_parts(", ", [*shown, *(["…"] if len(others) > len(shown) else [])]),
    )


def name_source(key: str) -> Markup:
    """Return the name of the data that a result was measured on, or its key where that names none."""
    return code(KEYS.find_validation_source(key) or key)


def format_number(value: float) -> str:
    """Return a number with as many digits as a reader needs.

    >>> format_number(0.6123), format_number(1e-06), format_number(1234.5)
    ('0.61', '1e-06', '1,234.5')
    """
    if value and not 0.01 <= abs(value) < 1e6:
        return f"{value:.2g}"
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.1f}"


def format_seconds(value: float) -> str:
    """Return seconds, with a decimal below ten.

    >>> format_seconds(58.3), format_seconds(1.23), format_seconds(1e300)
    ('58', '1.2', '1e+300')
    """
    # Records of older verlbots contain any number that a log printed.
    if value >= 1e9:
        return f"{value:.2g}"
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def summary_line(run: Run, now: datetime) -> Markup:
    """Return the current summary: steps, reward, validation, pace, end, dollars; empty for none."""
    summary = run.training.summary
    if summary is None or not summary.number or run.is_finished:
        return Markup()
    parts = [
        wording.link_run(run),
        describe_steps(run, summary.before, summary.now),
        *list_metric_changes(summary.before, summary.now),
        *list_pace_and_end(run, now),
    ]
    return mrkdwn(":bar_chart: {}", join_parts(" · ", [*parts, describe_cost_change(run, summary.before, summary.now)]))


STEPS_OF_TOTAL = N_("steps {before} → {now} of {last}")


def describe_steps(run: Run, before: ProgressSnapshot, now: ProgressSnapshot) -> Markup:
    """Return the steps before and now, of the total where known."""
    last = run.training.progress.last_step
    if last:
        return render_phrase(STEPS_OF_TOTAL, before=before.step, now=now.step, last=last)
    return render_phrase("steps {before} → {now}", before=before.step, now=now.step)


def list_metric_changes(before: ProgressSnapshot, now: ProgressSnapshot) -> list[Markup]:
    """Return reward and validation, each with its change."""
    metrics = [
        (N_("reward {value}"), before.reward, now.reward),
        (N_("val {value}"), before.validation, now.validation),
        (N_("loss {value}"), before.loss, None if now.reward is not None else now.loss),
    ]
    return [
        render_phrase(phrase, value=format_change(previous, value))
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


COST_SINCE_SUMMARY = N_("{spent} of {budget} ({more} since the last summary)")
COST_SINCE_THEN = N_("{spent} of {budget} ({more} since then)")
"""The cost in a sentence that begins with the time that it covers."""


def describe_cost_change(
    run: Run, before: ProgressSnapshot, now: ProgressSnapshot, phrase: str = COST_SINCE_SUMMARY
) -> Markup:
    """Return the dollars spent between two moments, and those in all of the budget."""
    if now.dollars is None:
        return render_phrase("price unknown")
    fields = {"spent": wording.format_dollars(now.dollars), "budget": wording.format_dollars(run.limits.budget_dollars)}
    if before.dollars is None:
        return render_phrase("{spent} of {budget}", **fields)
    increase = wording.format_dollars(max(now.dollars - before.dollars, 0.0))
    return render_phrase(phrase, more=increase, **fields)
