"""A sick policy: too far from its reference, without exploration, or limited by clipping."""

import pytest

from bot.core.frameworks.verl.detectors.policy_loss import (
    detect_clip_saturation,
    detect_entropy_collapse,
    detect_kl_blow_up,
)
from bot.core.model.finding import Severity
from tests.core.frameworks.verl.detectors.windows import constant, series, verdict, window

KL, UPDATE, ENTROPY, CLIPPED = "actor/kl_loss", "actor/ppo_kl", "actor/entropy", "actor/pg_clipfrac"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        pytest.param(constant(ENTROPY, 1.0, 9), "unknown", id="no KL at all"),
        pytest.param(constant(KL, 0.9, 100), "healthy", id="high from the start"),
        pytest.param(series(KL, [0.1] * 60 + [0.9] * 40), Severity.WARNING, id="high, and it has doubled"),
        pytest.param(series(KL, [0.1] * 60 + [0.4] * 40), "healthy", id="it has doubled, and is not high"),
        pytest.param(constant(KL, 2.0, 9), Severity.WARNING, id="extreme, however it got there"),
        pytest.param(constant(UPDATE, 0.1, 5), Severity.WARNING, id="updates too large"),
        pytest.param(constant(UPDATE, -0.1, 5), Severity.WARNING, id="updates too large, below zero"),
        pytest.param(series(UPDATE, [0, 0, 0, 0.4, 0.4]), "healthy", id="two updates too large"),
        pytest.param([{KL: 0.1, UPDATE: 0.4}] * 9, Severity.WARNING, id="of the two, the worse counts"),
    ],
)
def test_a_model_that_runs_away_from_its_reference_is_found(
    rows: list[dict[str, float]], found: Severity | str
) -> None:
    assert verdict(detect_kl_blow_up(window(rows))) == found


@pytest.mark.parametrize(
    ("values", "start", "found"),
    [
        pytest.param([0.1] * 10, {}, "unknown", id="no start"),
        pytest.param([0.06] * 10, {"entropy": 1.0}, "healthy", id="low, and it does not fall"),
        pytest.param([0.05] * 10, {"entropy": 1.0}, Severity.WARNING, id="dead, however it got there"),
        pytest.param([0.3] * 10 + [0.14] * 60, {"entropy": 1.0}, Severity.WARNING, id="low, and halved in 60 steps"),
        pytest.param([0.6] * 10 + [0.3] * 60, {"entropy": 1.0}, "healthy", id="halved, and not low"),
        pytest.param([1.0] * 20 + [0.2] * 20, {"entropy": 1.0}, Severity.WARNING, id="a cliff"),
    ],
)
def test_a_model_that_stops_exploring_is_found(
    values: list[float], start: dict[str, float], found: Severity | str
) -> None:
    assert verdict(detect_entropy_collapse(window(series(ENTROPY, values), start))) == found


@pytest.mark.parametrize(
    ("share", "count", "found"),
    [
        pytest.param(0.19, 20, "healthy", id="below the bound"),
        pytest.param(0.2, 20, Severity.WARNING, id="at the bound"),
        pytest.param(0.9, 9, "unknown", id="too few steps"),
    ],
)
def test_clipping_that_takes_much_of_every_update_is_found(share: float, count: int, found: Severity | str) -> None:
    assert verdict(detect_clip_saturation(window(constant(CLIPPED, share, count)))) == found
