"""The progress of a training in a line: step, reward, validation, pace, end. Values in, words out."""

from collections.abc import Collection
from datetime import datetime

from bot.core.forecast import Horizon, build_forecast
from bot.core.progress import Progress
from bot.core.row import REWARD, SCORE, VALIDATION_METRICS
from bot.core.run import Run
from bot.slack.phrases import translate
from bot.slack.text import Markup, code, date, join_parts, mrkdwn

NAMED_METRICS = (*REWARD, *SCORE, *VALIDATION_METRICS)
"""Metrics that have a word of their own."""

MIN_STEPS_FOR_FORECAST = 2
"""Minimum steps before an end is forecast: the first one compiles and warms up."""

TREND_ARROWS = {1: "▲", 0: "", -1: "▼"}


def progress_line(run: Run, now: datetime) -> Markup:
    """Return the run's progress and its end; empty before the first step."""
    return join_parts(" · ", [metrics_line(run.progress), *list_pace_and_end(run, now)])


def list_pace_and_end(run: Run, now: datetime) -> list[Markup]:
    """Return the run's pace and its end, where they are known; nothing before the first step, and once it has
    finished.
    """
    progress = run.progress
    parts: list[Markup] = []
    if run.is_finished or progress.step is None:
        return []
    if progress.seconds_per_step is not None:
        parts.append(translate("{seconds} s/step", seconds=format_seconds(progress.seconds_per_step)))
    end = build_forecast(run, now) if len(progress.step_times) >= MIN_STEPS_FOR_FORECAST else None
    if end and progress.steps_left:
        parts.append(format_eta(end.ends_at))
    return parts


def format_eta(end: datetime | Horizon) -> Markup:
    """Return when a run will end, or that no date can be given."""
    match end:
        case datetime():
            return translate("ETA {time}", time=date(end, "{date_short_pretty} {time}"))
        case Horizon.BEYOND_A_YEAR:
            return translate("ETA unknown: more than a year")


def metrics_line(progress: Progress, metrics: tuple[str, ...] = (), unreliable: Collection[str] = ()) -> Markup:
    """Return step, reward and validation on one line, then the further metrics that are wanted; empty before the first
    step.

    Args:
        unreliable: keys of metrics whose values mean nothing.
    """
    if progress.step is None:
        return Markup()
    step_text = f"{progress.step}/{progress.last_step}" if progress.last_step else progress.step
    parts = [translate("step {step}", step=step_text)]
    if (reward := progress.reward) is not None:
        parts.append(
            join_parts(
                " ", [translate("reward {value}", value=format_number(reward)), TREND_ARROWS[progress.rewards.trend]]
            )
        )
    if (validation := progress.validation) is not None:
        parts.append(
            translate("val {value} (step {step})", value=format_number(validation), step=progress.validated_step)
        )
    further = [
        key for key in progress.metrics if metrics and key.startswith(metrics) and not key.startswith(NAMED_METRICS)
    ]
    values = {
        key: translate("unknown") if key in unreliable else format_number(progress.metrics[key])
        for key in sorted(further)
    }
    parts += [mrkdwn("{} {}", code(key), value) for key, value in values.items()]
    return join_parts(" · ", parts)


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
