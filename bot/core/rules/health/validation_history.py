"""The validations of a run, kept apart from its rows."""

from collections.abc import Sequence

from bot.core.model.measurement import REWARD_STEPS, RowWindow, ValidationResult
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
    for index, row in enumerate(rows):
        is_new = index >= first or row.at >= since  # a validation may come late, after rows of later steps
        if is_new and row.step <= newest and (result := read_validation(rows, row, keys)):
            validations = append_validation(validations, result)
    return validations[-MAX_VALIDATIONS:]


def read_validation(rows: Sequence[StepMetrics], row: StepMetrics, keys: MetricKeys) -> ValidationResult | None:
    """Return the validation that a row reports, by the number that its card shows; None where it reports none."""
    key = keys.find_validation_key(row.values)
    if key is None:
        return None
    return ValidationResult(row.step, row.at, row.values[key], measure_reward_at(rows, row.step, keys), key)


def append_validation(validations: tuple[ValidationResult, ...], new: ValidationResult) -> tuple[ValidationResult, ...]:
    """Return the validations with a later one; unchanged where it is known. Numbers under another key are dropped,
    because they measure something else.
    """
    if not validations or new.step > validations[-1].step:
        return (*(known for known in validations if known.key in ("", new.key)), new)
    return validations


def measure_reward_at(rows: Sequence[StepMetrics], step: int, keys: MetricKeys) -> float | None:
    """Return the median reward of the steps up to a step; None if too few have one."""
    return RowWindow([row for row in rows if row.step <= step]).compute_median(
        keys.by_word[MetricWord.REWARD], REWARD_STEPS
    )
