"""Windows of rows for the detectors, and what a detector says of one."""

from collections.abc import Mapping, Sequence

from bot.core.model.finding import HealthRules, Severity
from bot.core.model.measurement import Measurement, RowWindow, ValidationResult
from bot.core.model.metrics import StepMetrics


def window(
    rows: Sequence[Mapping[str, float]],
    start: Mapping[str, float] | None = None,
    validations: Sequence[ValidationResult] = (),
    rules: HealthRules | None = None,
) -> RowWindow:
    """Return the window of a run that has had these rows, numbered from 1."""
    steps = [StepMetrics(step, dict(values), 60.0 * step) for step, values in enumerate(rows, 1)]
    return RowWindow(steps, rules or HealthRules(), len(steps), start or {}, validations)


def constant(key: str, value: float, count: int) -> list[dict[str, float]]:
    """Return so many rows with one metric at one value."""
    return [{key: value}] * count


def series(key: str, values: Sequence[float]) -> list[dict[str, float]]:
    """Return a row for each value of one metric."""
    return [{key: value} for value in values]


def verdict(measurement: Measurement | None) -> Severity | str:
    """Return `unknown`, `healthy`, or the severity of what was found."""
    if measurement is None:
        return "unknown"
    return measurement.severity if measurement.level >= 1 else "healthy"
