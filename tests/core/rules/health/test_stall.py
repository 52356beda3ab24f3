"""A training that stands still is told from one that compiles, validates or saves; and who went quiet."""

import math
from dataclasses import replace

import pytest

from bot.core.model.finding import HealthRules, Severity
from bot.core.model.metrics import StepMetrics, TrainingPhase
from bot.core.rules.health.stall import LivenessSignals, detect_stall, measure_pace

NOW = 1_760_000_000.0
MINUTE = 60.0
TRAINED = [StepMetrics(step, {"timing_s/step": 58.0 + step % 5, "critic/rewards/mean": 0.5}) for step in range(1, 30)]
TIMED = [
    *TRAINED,
    StepMetrics(30, {"timing_s/step": 120.0, "timing_s/testing": 600.0, "timing_s/save_checkpoint": 300.0}),
]


def quiet(
    step: float | None,
    line: float | None,
    doing: TrainingPhase = TrainingPhase.TRAINING,
    answers: bool = True,
    began: float = 600.0,
) -> LivenessSignals:
    """So many minutes ago."""
    return LivenessSignals(
        began_at=NOW - began * MINUTE,
        step_at=None if step is None else NOW - step * MINUTE,
        line_at=None if line is None else NOW - line * MINUTE,
        is_answering=answers,
        phase=doing,
    )


@pytest.mark.parametrize(
    ("rows", "seen", "says"),
    [
        pytest.param(TRAINED, quiet(3, 3), None, id="a slow step"),
        pytest.param(TRAINED, quiet(6, 6), "The log has gone silent: the training hangs.", id="a hang"),
        pytest.param(TRAINED, quiet(12, 0.5), "The log continues, but no step completes.", id="a reward without end"),
        pytest.param(TRAINED, quiet(20, 20, TrainingPhase.VALIDATING), None, id="a validation"),
        pytest.param(
            TRAINED,
            quiet(50, 50, TrainingPhase.VALIDATING),
            "The log has been silent since a validation began.",
            id="…",
        ),
        pytest.param(TRAINED, quiet(15, 15, TrainingPhase.SAVING), None, id="a checkpoint"),
        pytest.param(
            TRAINED,
            quiet(25, 25, TrainingPhase.SAVING),
            "The log has been silent since the run began to save a checkpoint.",
            id="… …",
        ),
        pytest.param(
            TIMED, quiet(40, 40, TrainingPhase.VALIDATING), None, id="a validation that takes as long as it does"
        ),
        pytest.param(TIMED, quiet(22, 22, TrainingPhase.SAVING), None, id="a checkpoint that takes as long as it does"),
        pytest.param([], quiet(None, 5, began=30), None, id="it compiles"),
        pytest.param([], quiet(None, 5, began=50), "The first step is overdue.", id="it does not begin"),
        pytest.param(TRAINED[:1], quiet(30, 1), None, id="after the first step no pace is known"),
        pytest.param(
            TRAINED,
            quiet(12, 12, answers=False),
            "The cluster does not answer, and the last step was long ago.",
            id="nobody answers",
        ),
    ],
)
def test_what_is_said_of_silence(rows: list[StepMetrics], seen: LivenessSignals, says: str | None) -> None:
    found = detect_stall(rows, NOW, seen, HealthRules())
    assert (found and str(found.what)) == says


@pytest.mark.parametrize(
    ("seen", "severity"),
    [
        pytest.param(quiet(40, 40), Severity.WARNING, id="a while"),
        pytest.param(quiet(50, 50), Severity.STOP, id="longer than NCCL waits"),
        pytest.param(quiet(50, 1), Severity.WARNING, id="while the log goes on"),
        pytest.param(quiet(50, 50, answers=False), Severity.WARNING, id="while nobody can know"),
        pytest.param(quiet(None, 300), Severity.WARNING, id="before it began"),
    ],
)
def test_it_is_dead_only_where_that_is_seen(seen: LivenessSignals, severity: Severity) -> None:
    rows = [] if seen.step_at is None else TRAINED
    found = detect_stall(rows, NOW, seen, HealthRules())
    assert found
    assert found.severity is severity


def test_a_run_of_slow_steps_is_given_as_many_times_as_long() -> None:
    slow = [replace(row, values={"timing_s/step": 900.0}) for row in TRAINED]
    assert detect_stall(slow, NOW, quiet(55, 55), HealthRules()) is None
    found = detect_stall(slow, NOW, quiet(61, 61), HealthRules())
    assert found is not None
    assert str(found.evidence) == (
        "No step for 1 h 1 min since step 29: 4 times the usual 900 s. The last line of the log was read 1 h 1 min ago."
    )


def test_the_finding_is_the_same_as_long_as_it_stands() -> None:
    early, late = (detect_stall(TRAINED, NOW + more, quiet(6, 6), HealthRules()) for more in (0.0, 600.0))
    assert early
    assert late
    assert early.key == late.key
    assert (early.since_step, early.since_at) == (29, NOW - 6 * MINUTE)


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [
        pytest.param(TRAINED, 60.0, id="as the steps say"),
        pytest.param(
            [StepMetrics(step, {"a": 1.0}, NOW + 40 * step) for step in range(9)], 40.0, id="by when they were read"
        ),
        pytest.param(
            [StepMetrics(step, {"a": 1.0}, NOW) for step in range(9)], None, id="not where all were read at once"
        ),
        pytest.param([*TRAINED, StepMetrics(30, {"timing_s/step": 900.0})], 60.0, id="a long one moves nothing"),
        pytest.param(TRAINED[:1], None, id="not after one"),
        pytest.param([], None, id="not before"),
    ],
)
def test_the_pace_is_the_middle_of_the_last_steps(rows: list[StepMetrics], seconds: float | None) -> None:
    assert measure_pace(rows) == seconds


@pytest.mark.parametrize("seconds", [1e30, 1e7, math.inf, -5.0])
def test_times_that_nobody_believes_do_not_hide_a_stall(seconds: float) -> None:
    keys = ("timing_s/step", "timing_s/testing", "timing_s/save_checkpoint")
    rows = [StepMetrics(step, dict.fromkeys(keys, seconds), NOW - 4 * 3600 + 60 * step) for step in range(1, 30)]
    for doing in TrainingPhase:
        assert detect_stall(rows, NOW, quiet(240, 240, doing), HealthRules()) is not None
