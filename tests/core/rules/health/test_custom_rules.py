"""What a task tells of how its numbers are to be judged."""

from typing import Any

import pytest

from bot.core.model.finding import HealthRules
from bot.core.model.health_state import HealthState
from bot.core.model.metrics import StepMetrics
from bot.core.rules.health.custom_rules import adapt_rules
from bot.core.rules.health.judge import judge

GRPO = 'python -m verl algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n="$GROUP_SIZE"'
OFF = {"_metadata": {"verlbot": {"findings_off": ["not-a-number"]}}}


@pytest.mark.parametrize(
    ("task", "size"),
    [
        pytest.param({"run": GRPO, "envs": {"GROUP_SIZE": "8"}}, 8, id="by a variable"),
        pytest.param({"run": GRPO + " actor_rollout_ref.rollout.n=4"}, 4, id="by an override, which comes last"),
        pytest.param({"run": GRPO.replace("grpo", "gae"), "envs": {"GROUP_SIZE": "8"}}, None, id="no groups in PPO"),
        pytest.param(
            {"run": GRPO + " algorithm.adv_estimator=gae", "envs": {"GROUP_SIZE": "8"}}, None, id="overridden by PPO"
        ),
        pytest.param({"run": GRPO, "envs": {"GROUP_SIZE": "1"}}, None, id="groups of one are none"),
        pytest.param({"run": GRPO}, None, id="nobody knows"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_how_many_answers_are_compared(task: dict[str, Any], size: int | None) -> None:
    assert adapt_rules(task, HealthRules()).group_size == size


@pytest.mark.parametrize(
    ("run", "tools"),
    [
        ("x actor_rollout_ref.rollout.multi_turn.tool_config_path=tools.yaml", True),
        ('x actor_rollout_ref.rollout.multi_turn.function_tool_path="$HOME/t.py"', True),
        ("x actor_rollout_ref.rollout.multi_turn.enable=True", False),
        ("x rollout.multi_turn.tool_config_path=t.yaml actor.rollout.multi_turn.tool_config_path=null", False),
    ],
)
def test_whether_tools_are_meant_to_be_called(run: str, tools: bool) -> None:
    assert adapt_rules({"run": run}, HealthRules()).expects_tools is tools


@pytest.mark.parametrize(("task", "found"), [pytest.param({}, 1, id="usual"), pytest.param(OFF, 0, id="off")])
def test_a_finding_that_means_nothing_for_a_recipe_is_not_looked_for(task: dict[str, Any], found: int) -> None:
    rows = [
        StepMetrics(step, {"actor/grad_norm": 1.0 if step < 9 else float("nan")}, float(step)) for step in range(1, 10)
    ]
    watch = HealthState()
    for end in range(1, 10):
        watch = judge(rows[:end], watch, adapt_rules(task, HealthRules()))
    assert len(watch.open_findings) == found


def test_a_size_of_many_digits_is_no_group() -> None:
    run = f"algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n={'9' * 6000}"
    assert adapt_rules({"run": run}, HealthRules()).group_size is None
