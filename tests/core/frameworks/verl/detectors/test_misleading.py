"""Numbers that are not what they seem are named, with the reason."""

from math import nan

import pytest

from bot.core.frameworks.verl.detectors.misleading import find_unreliable_metrics
from bot.core.model.metrics import StepMetrics
from tests.core.rules.health.healthy_runs import Shape
from tests.core.rules.health.runs import said

CUT, LONGEST, KL = "response_length/clip_ratio", "response_length/max", "actor/kl_loss"


def steps(values: dict[str, float], count: int = 10) -> list[StepMetrics]:
    return [StepMetrics(step, values) for step in range(1, count + 1)]


@pytest.mark.parametrize(
    ("rows", "keys"),
    [
        pytest.param([], set(), id="nothing"),
        pytest.param(steps({CUT: 0.0, LONGEST: 3072.0}), {CUT}, id="cut by something else"),
        pytest.param(steps({CUT: 0.1, LONGEST: 4096.0}), set(), id="cut at full length"),
        pytest.param([StepMetrics(step, {CUT: 0.0, LONGEST: 900.0 + step}) for step in range(9)], set(), id="not cut"),
        pytest.param(steps({CUT: 0.0, LONGEST: 3072.0}, 3), set(), id="too early to tell"),
        pytest.param(steps({LONGEST: 256.0}), set(), id="an old version that has no ratio"),
        pytest.param(steps({"perf/mfu/actor": 0.0}), {"perf/mfu/actor"}, id="a machine of unknown speed"),
        pytest.param(steps({"perf/mfu/actor": 0.41}), set(), id="a machine of known speed"),
        pytest.param(steps({KL: 0.0}), {KL}, id="no KL term"),
        pytest.param(steps({KL: 0.0}, 1), {KL}, id="KL of the first step"),
        pytest.param([*steps({KL: 0.0}, 3), StepMetrics(4, {KL: 0.001})], set(), id="KL that has begun"),
        pytest.param([*steps({KL: 0.001}, 3), StepMetrics(4, {KL: 0.0})], set(), id="KL that is rounded"),
        pytest.param(steps({"val-core/a/acc/mean@1": nan}), {"val-core/a/acc/mean@1"}, id="padding"),
    ],
)
def test_what_is_shown_as_unknown(rows: list[StepMetrics], keys: set[str]) -> None:
    found = find_unreliable_metrics(rows)
    assert set(found) == keys
    assert all(str(reason).endswith(".") for reason in found.values())


def test_of_no_term_and_of_the_first_step_different_things_are_said() -> None:
    assert "no such term" in str(find_unreliable_metrics(steps({KL: 0.0}))[KL])
    assert "first step" in str(find_unreliable_metrics(steps({KL: 0.0}, 1))[KL])


def test_a_ratio_that_misleads_is_not_judged() -> None:
    rows = [StepMetrics(row.step, {**row.values, CUT: 0.0}) for row in Shape(steps=60).rows(0)]
    assert CUT in find_unreliable_metrics(rows)
    assert said(rows) == []
