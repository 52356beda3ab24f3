"""verl's options: what they say of a run, and advice that can be followed."""

import re

import pytest

from bot.core.frameworks.verl.options import STALL_ADVICE, adapt_rules
from bot.core.model.finding import HealthRules

OPTION = re.compile(r"`\+?((?:actor_rollout_ref|data|trainer|algorithm|reward|ray_kwargs)\.[\w.]+)")


def test_advice_for_a_stall_names_options_of_verl() -> None:
    advice = f"{STALL_ADVICE.silent_log} {STALL_ADVICE.busy_log} {STALL_ADVICE.no_first_step}"
    assert {"actor_rollout_ref.nccl_timeout", "data.max_response_length", "trainer.nnodes"} <= set(
        OPTION.findall(advice)
    )


def test_a_setting_that_is_given_twice_counts_as_it_was_given_last() -> None:
    run = "algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n=4 actor_rollout_ref.rollout.n=8"
    assert adapt_rules({"run": run}, HealthRules()).group_size == 8


def test_rules_know_the_batch_and_the_memory_of_a_task() -> None:
    task = {"run": 'data.train_batch_size="$BATCH"', "envs": {"BATCH": "256"}, "resources": {"memory": "128+"}}
    rules = adapt_rules(task, HealthRules())
    assert (rules.batch_prompts, rules.host_memory_gigabytes) == (256, 128.0)


@pytest.mark.parametrize("memory", ["x4", "4x", "", None, "9" * 40, {"gigabytes": 4}])
def test_memory_that_is_no_number_of_gigabytes_is_unknown(memory: object) -> None:
    assert adapt_rules({"run": "", "resources": {"memory": memory}}, HealthRules()).host_memory_gigabytes is None
