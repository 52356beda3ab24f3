"""The progress of a training in a line: step, reward, validation, pace, end. Values in, words out."""

from collections.abc import Collection
from datetime import datetime

from bot.core.forecast import Horizon, forecast
from bot.core.progress import Progress
from bot.core.row import REWARD, SCORE, VALIDATION
from bot.core.run import Run
from bot.slack.phrases import say
from bot.slack.text import Markup, code, date, joined, mrkdwn

IN_WORDS = (*REWARD, *SCORE, *VALIDATION)
"""Metrics that have a word of their own."""

FEWEST_LAPS = 2
"""Minimum steps before an end is forecast: the first one compiles and warms up."""

ARROWS = {1: "▲", 0: "", -1: "▼"}


def standing(run: Run, now: datetime) -> Markup:
    """Return the run's progress and its end; empty before the first step."""
    return joined(" · ", [progress(run.progress), *ahead(run, now)])


def ahead(run: Run, now: datetime) -> list[Markup]:
    """Return the run's pace and its end, where they are known; nothing before the first step, and once it has
    finished.
    """
    found = run.progress
    parts: list[Markup] = []
    if run.over or found.step is None:
        return []
    if found.seconds_per_step is not None:
        parts.append(say("{seconds} s/step", seconds=seconds(found.seconds_per_step)))
    end = forecast(run, now) if len(found.laps) >= FEWEST_LAPS else None
    if end and found.steps_left:
        parts.append(eta(end.ends_at))
    return parts


def eta(end: datetime | Horizon) -> Markup:
    """Return when a run will end, or that no date can be given."""
    match end:
        case datetime():
            return say("ETA {time}", time=date(end, "{date_short_pretty} {time}"))
        case Horizon.BEYOND_A_YEAR:
            return say("ETA unknown: more than a year")


def progress(found: Progress, metrics: tuple[str, ...] = (), misleading: Collection[str] = ()) -> Markup:
    """Return step, reward and validation on one line, then the further metrics that are wanted; empty before the first
    step.

    Args:
        unreliable: keys of metrics whose values mean nothing.
    """
    if found.step is None:
        return Markup()
    at = f"{found.step}/{found.last_step}" if found.last_step else found.step
    parts = [say("step {step}", step=at)]
    if (reward := found.reward) is not None:
        parts.append(joined(" ", [say("reward {value}", value=written(reward)), ARROWS[found.rewards.trend]]))
    if (validation := found.validation) is not None:
        parts.append(say("val {value} (step {step})", value=written(validation), step=found.validated_step))
    further = [key for key in found.metrics if metrics and key.startswith(metrics) and not key.startswith(IN_WORDS)]
    known = {key: say("unknown") if key in misleading else written(found.metrics[key]) for key in sorted(further)}
    parts += [mrkdwn("{} {}", code(key), value) for key, value in known.items()]
    return joined(" · ", parts)


def written(value: float) -> str:
    """Return a number with as many digits as a reader needs.

    >>> written(0.6123), written(1e-06), written(1234.5)
    ('0.61', '1e-06', '1,234.5')
    """
    if value and not 0.01 <= abs(value) < 1e6:
        return f"{value:.2g}"
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.1f}"


def seconds(value: float) -> str:
    """Return seconds, with a decimal below ten.

    >>> seconds(58.3), seconds(1.23), seconds(1e300)
    ('58', '1.2', '1e+300')
    """
    # Records of older verlbots contain any number that a log printed.
    if value >= 1e9:
        return f"{value:.2g}"
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
