"""Sick rewards: lost again, equal for all answers, dominated by the wrong part, or at rest."""

import pytest

from bot.core.frameworks.verl.detectors.reward import (
    detect_hopeless_groups,
    detect_plateau,
    detect_reward_collapse,
    detect_reward_parts,
    detect_saturated_groups,
)
from bot.core.model.finding import HealthRules, Severity
from tests.core.frameworks.verl.detectors.windows import constant, series, verdict, window

REWARD, SCORE = "critic/rewards/mean", "critic/score/mean"
GROUPS = HealthRules(group_size=8)


@pytest.mark.parametrize(
    ("rewards", "found"),
    [
        pytest.param([0.1] * 20, "unknown", id="too few steps"),
        pytest.param([0.1] * 30, "healthy", id="nothing was gained"),
        pytest.param([0.1] * 10 + [0.9] * 20, "healthy", id="it is kept"),
        pytest.param([0.1] * 10 + [0.9] * 20 + [0.5] * 10, "healthy", id="half is lost"),
        pytest.param([0.1] * 10 + [0.9] * 20 + [0.1] * 10, Severity.WARNING, id="all is lost"),
        pytest.param([0.1] * 10 + [0.9] * 20 + [0.1] * 30, Severity.STOP, id="all is lost, and stays so"),
    ],
)
def test_a_reward_that_is_lost_again_is_found(rewards: list[float], found: Severity | str) -> None:
    assert verdict(detect_reward_collapse(window(series(REWARD, rewards), {"reward": 0.1}))) == found


ALIKE = {"critic/advantages/max": 0.0, "critic/advantages/min": 0.0}


@pytest.mark.parametrize(
    ("row", "easy", "hard"),
    [
        pytest.param({SCORE: 0.5}, "healthy", "healthy", id="half of the answers are right"),
        pytest.param({SCORE: 0.93}, Severity.NOTE, "healthy", id="most are right"),
        pytest.param({SCORE: 0.99}, Severity.WARNING, "healthy", id="nearly all are right"),
        pytest.param({SCORE: 0.01}, "healthy", Severity.WARNING, id="hardly any is right"),
        pytest.param({SCORE: 0.5, **ALIKE}, "healthy", Severity.WARNING, id="no advantage at all"),
        pytest.param({REWARD: 0.5}, "unknown", "unknown", id="no score"),
    ],
)
def test_prompts_that_are_too_easy_or_too_hard_are_found(
    row: dict[str, float], easy: Severity | str, hard: Severity | str
) -> None:
    rows = window([row] * 60, rules=GROUPS)
    assert (verdict(detect_saturated_groups(rows)), verdict(detect_hopeless_groups(rows))) == (easy, hard)


def test_a_run_may_score_nothing_at_first() -> None:
    assert detect_hopeless_groups(window(constant(SCORE, 0.0, 50), rules=GROUPS)) is None


def test_without_groups_no_group_is_judged() -> None:
    assert detect_saturated_groups(window(constant(SCORE, 0.99, 60))) is None


@pytest.mark.parametrize(
    ("loud", "found"),
    [
        pytest.param("rewards/format/mean", Severity.WARNING, id="the form"),
        pytest.param("rewards/correctness/mean", "healthy", id="the task"),
    ],
)
def test_a_reward_that_one_part_dominates_is_found(loud: str, found: Severity | str) -> None:
    parts = ("rewards/format/mean", "rewards/correctness/mean")
    jumps = [0.0, 0.7, 0.2, 1.0]
    rows = [{part: jumps[at % 4] if part == loud else 0.01 * jumps[at % 4] for part in parts} for at in range(120)]
    assert verdict(detect_reward_parts(window(rows))) == found
    assert detect_reward_parts(window(rows[:119])) is None, "parts saturate in the first steps of every run"


@pytest.mark.parametrize(
    ("rewards", "found"),
    [
        pytest.param([0.01 * at for at in range(200)], "healthy", id="it rises"),
        pytest.param([0.01 * at for at in range(100)] + [1.0] * 100, Severity.NOTE, id="it rests"),
        pytest.param([1.0] * 149, "unknown", id="too few steps"),
    ],
)
def test_a_reward_at_rest_is_noted(rewards: list[float], found: Severity | str) -> None:
    assert verdict(detect_plateau(window(series(REWARD, rewards), {"reward": 0.0}))) == found
