"""Rollout and training disagree on the probabilities of the same tokens."""

import pytest

from bot.core.frameworks.verl.detectors.rollout_gap import detect_rollout_gap
from bot.core.model.finding import Severity
from tests.core.frameworks.verl.detectors.windows import constant, verdict, window

GAP, CORRELATION = "training/rollout_probs_diff_mean", "training/rollout_actor_probs_pearson_corr"
VALID, SIZE = "training/rollout_probs_diff_valid", "rollout_corr/rollout_is_eff_sample_size"


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        pytest.param(GAP, 0.004, "healthy", id="usual by verl's FAQ"),
        pytest.param(GAP, 0.007, Severity.NOTE, id="more than usual"),
        pytest.param(GAP, 0.011, Severity.WARNING, id="a fault by verl's FAQ"),
        pytest.param(CORRELATION, 0.99, "healthy", id="correlated"),
        pytest.param(CORRELATION, 0.5, Severity.WARNING, id="hardly correlated"),
        pytest.param(CORRELATION, -0.2, Severity.WARNING, id="correlated the other way"),
        pytest.param("rollout_corr/kl", -0.2, Severity.WARNING, id="KL of either sign"),
        pytest.param("actor/rollout_corr/kl", 0.2, Severity.WARNING, id="KL in bypass mode"),
        pytest.param("mismatch/mismatch_kl", 0.2, Severity.WARNING, id="KL of verl 0.6"),
        pytest.param("rollout_corr/chi2_token", 0.01, "healthy", id="chi-squared near 0"),
        pytest.param("rollout_corr/chi2_token", 1.5, Severity.WARNING, id="chi-squared above 1"),
        pytest.param(SIZE, 0.9, "healthy", id="nearly all samples count"),
        pytest.param(SIZE, 0.2, Severity.WARNING, id="few samples count"),
        pytest.param("rollout_corr/rollout_is_mean", 1.0, "healthy", id="weights of 1"),
        pytest.param("rollout_corr/rollout_is_mean", 2.5, Severity.WARNING, id="weights too high"),
        pytest.param("rollout_corr/rollout_is_mean", 0.3, Severity.WARNING, id="weights too low"),
        pytest.param("rollout_corr/rollout_is_mean", 0.0, Severity.WARNING, id="weights of 0"),
        pytest.param("rollout_corr/rollout_is_veto_fraction", 0.2, Severity.WARNING, id="many vetoes"),
        pytest.param("critic/rewards/mean", 0.2, "unknown", id="not compared at all"),
    ],
)
def test_a_gap_is_found_by_each_of_its_signs(key: str, value: float, found: Severity | str) -> None:
    assert verdict(detect_rollout_gap(window(constant(key, value, 5)))) == found


def test_a_gap_that_importance_weights_correct_for_is_a_note() -> None:
    assert verdict(detect_rollout_gap(window([{GAP: 0.02, SIZE: 0.8}] * 5))) == Severity.NOTE


def test_a_gap_of_no_token_says_nothing() -> None:
    assert detect_rollout_gap(window([{GAP: 0.5, VALID: 0.0}] * 5)) is None


def test_the_worst_sign_speaks_and_names_its_bound() -> None:
    measurement = detect_rollout_gap(window([{GAP: 0.012, CORRELATION: 0.1}] * 5))
    assert measurement is not None
    assert f"`{CORRELATION}` is 0.1, beyond its bound of 0.9." in str(measurement.evidence)
