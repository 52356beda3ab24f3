"""Main memory that fills up, and steps that take ever longer."""

from math import exp

import pytest

from bot.core.frameworks.verl.detectors.machine import detect_memory_growth, detect_slow_steps
from bot.core.model.finding import HealthRules, Severity
from tests.core.frameworks.verl.detectors.windows import series, verdict, window

MEMORY, SECONDS, LENGTH = "actor/perf/cpu_memory_used_gb", "timing_s/step", "response_length/mean"


@pytest.mark.parametrize(
    ("values", "size", "found"),
    [
        pytest.param([100.0] * 80, 256.0, "healthy", id="at rest"),
        pytest.param([100 + 0.05 * step for step in range(80)], 256.0, "healthy", id="hardly grows"),
        pytest.param([50 + 50 * (1 - exp(-step / 8)) for step in range(80)], 256.0, "healthy", id="caches that fill"),
        pytest.param([100 + 30.0 * (step % 30 < 15) for step in range(80)], 256.0, "healthy", id="up and down"),
        pytest.param([100 + step for step in range(80)], 256.0, Severity.WARNING, id="full within a hundred steps"),
        pytest.param([100 + 0.5 * step for step in range(80)], 900.0, Severity.NOTE, id="full much later"),
        pytest.param([100 + 0.5 * step for step in range(80)], None, Severity.NOTE, id="its size is unknown"),
        pytest.param([100 + step for step in range(80)], None, Severity.WARNING, id="size unknown, grown by half"),
        pytest.param([100 + step for step in range(20)], 256.0, "unknown", id="too few steps"),
    ],
)
def test_memory_that_grows_is_found(values: list[float], size: float | None, found: Severity | str) -> None:
    rules = HealthRules(host_memory_gigabytes=size)
    assert verdict(detect_memory_growth(window(series(MEMORY, values), rules=rules))) == found


def test_the_step_at_which_memory_is_full_is_named() -> None:
    rows = series(MEMORY, [100.0 + step for step in range(80)])
    measurement = detect_memory_growth(window(rows, rules=HealthRules(host_memory_gigabytes=200.0)))
    assert measurement is not None
    # Ray kills at 190 GB, and the median of the last ten steps is 174.5 GB at step 80.
    assert "the 200 GB of the machine are full at step 95." in str(measurement.evidence)


@pytest.mark.parametrize(
    ("seconds", "length", "found"),
    [
        pytest.param(70.0, 100.0, "healthy", id="hardly longer"),
        pytest.param(100.0, 100.0, Severity.NOTE, id="longer"),
        pytest.param(150.0, 100.0, Severity.WARNING, id="more than twice as long"),
        pytest.param(150.0, 250.0, "healthy", id="because responses are longer"),
        pytest.param(150.0, 40.0, Severity.WARNING, id="although responses are shorter"),
    ],
)
def test_steps_that_take_longer_are_found(seconds: float, length: float, found: Severity | str) -> None:
    rows = [{SECONDS: seconds, LENGTH: length}] * 40
    assert verdict(detect_slow_steps(window(rows, {"seconds": 60.0, "length": 100.0}))) == found


def test_the_time_of_a_step_is_unknown_without_a_start() -> None:
    assert detect_slow_steps(window(series(SECONDS, [60.0] * 40))) is None
