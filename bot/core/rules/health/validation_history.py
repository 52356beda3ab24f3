"""The validations of a run, kept apart from its rows."""

from collections.abc import Sequence

from bot.core.model.finding import REWARD_STEPS, RowWindow, ValidationResult
from bot.core.model.metrics import MetricWord, StepMetrics
from bot.core.model.training_framework import MetricKeys

MAX_VALIDATIONS = 48
"""Maximum validations that are remembered: nearly five thousand steps of a run that validates every hundred steps."""


def add_validations(
    known_validations: Sequence[ValidationResult], rows: Sequence[StepMetrics], since: float, keys: MetricKeys
) -> tuple[ValidationResult, ...]:
    """Return the known validations with those that the rows have reported since.

    If the training went back to an earlier step, later validations are dropped.

    Args:
        since: when the last row that was judged before was read; validations of rows read then may still be missing.
    """
    newest = rows[-1].step
    validations = tuple(validation for validation in known_validations if validation.step <= newest)
    earlier_indexes = (at for at in range(len(rows) - 1, -1, -1) if rows[at].at < since)
    # Start one row earlier, because a training may report a validation after its step.
    first = 0 if known_validations and not validations else next(earlier_indexes, 0)
    for row in (row for row in rows[first:] if row.step <= newest):
        if (value := keys.find_validation(row.values)) is not None and (
            not validations or row.step > validations[-1].step
        ):
            validations = (
                *validations,
                ValidationResult(row.step, row.at, value, measure_reward_at(rows, row.step, keys)),
            )
    return validations[-MAX_VALIDATIONS:]


def measure_reward_at(rows: Sequence[StepMetrics], step: int, keys: MetricKeys) -> float | None:
    """Return the median reward of the steps up to a step; None if too few have one."""
    return RowWindow([row for row in rows if row.step <= step]).compute_median(
        keys.by_word[MetricWord.REWARD], REWARD_STEPS
    )
