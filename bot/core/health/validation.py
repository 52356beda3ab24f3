"""Detector of reward that rises while validation falls: the model learns the grader, not the task."""

from collections.abc import Sequence
from statistics import median

from bot.core.health.finding import Severity
from bot.core.health.window import WELL, Symptom, Validated, Window, number, scatter
from bot.core.row import REWARD, Row
from bot.language import say

SMOOTHED = 3
"""Number of validations in one median, because a single one scatters."""

AROUND = 20
"""Number of steps whose median is the reward at a validation."""

KEPT = 48
"""Maximum validations that are remembered: nearly five thousand steps of a run that validates every hundred steps."""

SCATTERED = 12
"""Number of the last validations from which the scatter is measured."""


def validated(rows: Sequence[Row]) -> bool:
    """Return whether the newest row has a validation, or the one before has one by now.

    verl may report a validation after its step.
    """
    return any(row.validation is not None for row in rows[-2:])


def noted(known: Sequence[Validated], rows: Sequence[Row], since: float) -> tuple[Validated, ...]:
    """Return the known validations with those that the rows have reported since.

    If the training went back to an earlier step, later validations are dropped.

    Args:
        since: when the last row that was judged before was read; validations of rows read then may still be missing.
    """
    newest = rows[-1].step
    kept = tuple(one for one in known if one.step <= newest)
    earlier = (at for at in range(len(rows) - 1, -1, -1) if rows[at].at < since)
    # Start one row earlier, because verl may report a validation after its step.
    first = 0 if known and not kept else next(earlier, 0)
    for row in (row for row in rows[first:] if row.step <= newest):
        if (value := row.validation) is not None and (not kept or row.step > kept[-1].step):
            kept = (*kept, Validated(row.step, row.at, value, reward_at(rows, row.step)))
    return kept[-KEPT:]


def reward_at(rows: Sequence[Row], step: int) -> float | None:
    """Return the median reward of the steps up to a step; None if too few have one."""
    return Window([row for row in rows if row.step <= step]).middle(REWARD, AROUND)


def smoothed(found: Sequence[Validated]) -> list[tuple[Validated, float]]:
    """Return each validation with the median of itself and the two before it."""
    ends = range(SMOOTHED, len(found) + 1)
    return [(found[end - 1], median(one.value for one in found[end - SMOOTHED : end])) for end in ends]


def gains(window: Window) -> tuple[float, float] | None:
    """Return by how much validation has risen since the start, at most and at least, as shares of its start.

    Return None as long as that is unknown. The two differ by how much validation scatters.
    """
    first, values = window.start.get("validation"), [one.value for one in window.validations]
    if len(values) < 2 * SMOOTHED or first is None:
        return None
    gain, noise, scale = median(values[-SMOOTHED:]) - first, 2 * scatter(values[-SCATTERED:]), max(abs(first), 0.05)
    return (gain + noise) / scale, gain / scale


def validation_falls(window: Window) -> Symptom | None:
    """Measure how much validation has fallen while the reward rose; None for rows without a validation."""
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
