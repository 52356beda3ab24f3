"""Reward that goes up while validation falls: the model learns the grader, not the task."""

from collections.abc import Sequence
from statistics import median

from bot.core.health.finding import Severity
from bot.core.health.window import WELL, Symptom, Validated, Window, number, scatter
from bot.core.row import REWARD, Row
from bot.language import say

SMOOTHED = 3
"""Validations that are taken together, because one alone scatters."""

AROUND = 20
"""Steps whose median is the reward at one of them."""

KEPT = 48
"""Validations that are remembered: of a run that validates every hundred steps, nearly five thousand."""

SCATTERED = 12
"""The last validations, by which it is told how much."""


def validated(rows: Sequence[Row]) -> bool:
    """Whether the newest row tells of a validation, or the one before does by now: verl may tell it after the step."""
    return any(row.validation is not None for row in rows[-2:])


def noted(known: Sequence[Validated], rows: Sequence[Row], since: float) -> tuple[Validated, ...]:
    """The validations with those that the rows tell of since; a training that went back has not been further.

    Args:
        since: when the last row came that was looked at before; of those that came with it some may not have been.
    """
    newest = rows[-1].step
    kept = tuple(one for one in known if one.step <= newest)
    earlier = (at for at in range(len(rows) - 1, -1, -1) if rows[at].at < since)
    first = 0 if known and not kept else next(earlier, 0)  # one before, whose validation verl may tell after it
    for row in (row for row in rows[first:] if row.step <= newest):
        if (value := row.validation) is not None and (not kept or row.step > kept[-1].step):
            kept = (*kept, Validated(row.step, row.at, value, reward_at(rows, row.step)))
    return kept[-KEPT:]


def reward_at(rows: Sequence[Row], step: int) -> float | None:
    return Window([row for row in rows if row.step <= step]).middle(REWARD, AROUND)


def smoothed(found: Sequence[Validated]) -> list[tuple[Validated, float]]:
    """Each with the median of itself and the two before it."""
    ends = range(SMOOTHED, len(found) + 1)
    return [(found[end - 1], median(one.value for one in found[end - SMOOTHED : end])) for end in ends]


def gains(window: Window) -> tuple[float, float] | None:
    """By how much validation has risen since it began, at most and at least, as shares of where it was; None where
    nobody knows yet. The two differ by what it scatters."""
    first, values = window.start.get("validation"), [one.value for one in window.validations]
    if len(values) < 2 * SMOOTHED or first is None:
        return None
    gain, noise, scale = median(values[-SMOOTHED:]) - first, 2 * scatter(values[-SCATTERED:]), max(abs(first), 0.05)
    return (gain + noise) / scale, gain / scale


def validation_falls(window: Window) -> Symptom | None:
    """Told at validations only."""
    rules = window.rules
    if not validated(window.rows):
        return None
    found = smoothed(window.validations)
    if len(found) < SMOOTHED:
        return None
    (peak, best), now = max(found, key=lambda one: one[1]), found[-1][1]
    noise = scatter([one.value for one in window.validations[-SCATTERED:]])
    level = (best - now) / max(rules.validation_drop_share * abs(best), rules.validation_drop_least, 4 * noise)
    before, reward = peak.reward, window.middle(REWARD, AROUND)
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
