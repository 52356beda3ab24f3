"""Reward that goes up while validation falls: the model learns the grader, not the task."""

from collections.abc import Sequence
from statistics import median

from bot.core.health.finding import Severity
from bot.core.health.window import WELL, Symptom, Window, number, scatter
from bot.core.row import REWARD, Row
from bot.language import say

SMOOTHED = 3
"""Validations that are taken together, because one alone scatters."""

SCATTERED = 12
"""The last validations, by which it is told how much."""


def validations(window: Window) -> list[tuple[Row, float]]:
    return [(row, value) for row in window.rows if (value := row.validation) is not None]


def validated(rows: Sequence[Row]) -> bool:
    """Whether the newest row tells of a validation, or the one before does by now: verl may tell it after the step."""
    return any(row.validation is not None for row in rows[-2:])


def smoothed(found: list[tuple[Row, float]]) -> list[tuple[Row, float]]:
    """Each with the median of itself and the two before it."""
    ends = range(SMOOTHED, len(found) + 1)
    return [(found[end - 1][0], median(value for _, value in found[end - SMOOTHED : end])) for end in ends]


def gains(found: Sequence[tuple[Row, float]], window: Window) -> tuple[float, float] | None:
    """By how much validation has risen since it began, at most and at least, as shares of where it was; None where
    nobody knows yet. The two differ by what it scatters."""
    first = window.start.get("validation")
    if len(found) < 2 * SMOOTHED or first is None:
        return None
    values = [value for _, value in found]
    gain, noise, scale = median(values[-SMOOTHED:]) - first, 2 * scatter(values[-SCATTERED:]), max(abs(first), 0.05)
    return (gain + noise) / scale, gain / scale


def validation_falls(window: Window) -> Symptom | None:
    """Told at validations only."""
    rules = window.rules
    if not validated(window.rows):
        return None
    told = validations(window)
    found = smoothed(told)
    if len(found) < SMOOTHED:
        return None
    (peak, best), now = max(found, key=lambda one: one[1]), found[-1][1]
    noise = scatter([value for _, value in told[-SCATTERED:]])
    level = (best - now) / max(rules.validation_drop_share * abs(best), rules.validation_drop_least, 4 * noise)
    before, reward = around(window, peak), window.middle(REWARD, 20)
    if before is None or reward is None or reward - before < 0.5 * scatter(window.values(REWARD, 100)):
        return WELL
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.WARNING,
        say("The reward rises while validation falls: the model may be learning the grader, not the task."),
        say(
            "Validation is {now}, {best} at step {step}; the reward went from {before} to {reward} since.",
            now=number(now),
            best=number(best),
            step=peak.step,
            before=number(before),
            reward=number(reward),
        ),
        say(
            "Read answers of high reward (`trainer.rollout_data_dir`), check the reward function"
            " (`reward.custom_reward_function.path`), and keep the checkpoint of the best validation"
            " (`trainer.save_freq`)."
        ),
        peak,
    )


def around(window: Window, row: Row) -> float | None:
    """The reward of the twenty rows up to that one."""
    later = sum(one.step > row.step for one in window.rows)
    return window.middle(REWARD, 20, back=later)
