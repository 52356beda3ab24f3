"""verl's options: what they say of a run, and advice that can be followed."""

import re

import pytest

from bot.core.frameworks.verl.detectors import DETECTORS
from bot.core.frameworks.verl.option_keys import OPTION_LIST
from bot.core.frameworks.verl.options import STALL_ADVICE, adapt_rules
from bot.core.model.finding import HealthRules

TREE = OPTION_LIST.trees["verl.trainer.main_ppo"]
OPTION = re.compile(rf"`(\+?)((?:{'|'.join(TREE.list_below(''))})\.\w[\w.]*)")

STALL_TEXTS = {
    "a silent log": STALL_ADVICE.silent_log,
    "a busy log": STALL_ADVICE.busy_log,
    "no first step": STALL_ADVICE.no_first_step,
}
DETECTOR_TEXTS = {
    f"{detector.name} {number}": text for detector in DETECTORS for number, text in enumerate(detector.advice)
}


def test_advice_for_a_stall_names_options_of_verl() -> None:
    options = {option for _, option in OPTION.findall(" ".join(STALL_TEXTS.values()))}
    assert {"data.max_response_length", "trainer.nnodes"} <= options


@pytest.mark.parametrize(
    "advice", [pytest.param(text, id=name) for name, text in (STALL_TEXTS | DETECTOR_TEXTS).items()]
)
def test_advice_names_options_that_verl_has_and_reads(advice: str) -> None:
    for plus, option in OPTION.findall(advice):
        is_added = bool(plus) and (TREE.is_below_open(option) or option.rpartition(".")[2] in TREE.read_names)
        assert is_added or TREE.options[option].engines, option
        assert option not in TREE.unread


def test_a_setting_that_is_given_twice_counts_as_it_was_given_last() -> None:
    run = "algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n=4 actor_rollout_ref.rollout.n=8"
    assert adapt_rules({"run": run}, HealthRules()).group_size == 8


def test_rules_know_the_batch_and_the_memory_of_a_task() -> None:
    task = {"run": 'data.train_batch_size="$BATCH"', "envs": {"BATCH": "256"}, "resources": {"memory": "128+"}}
    rules = adapt_rules(task, HealthRules())
    assert (rules.batch_prompts, rules.host_memory_gigabytes) == (256, 128.0)


@pytest.mark.parametrize(
    ("run", "clip"),
    [
        pytest.param("", 1.0, id="verl's default"),
        pytest.param("actor_rollout_ref.actor.grad_clip=0.5", 0.5, id="the name of older versions"),
        pytest.param(
            "actor_rollout_ref.actor.optim.clip_grad=1 'actor_rollout_ref.actor.optim.clip_grad=8.0'", 8.0, id="two"
        ),
        pytest.param("critic.optim.clip_grad=8.0", 1.0, id="of the critic"),
        pytest.param("actor_rollout_ref.actor.optim.clip_grad=null", 0.0, id="no clip"),
    ],
)
def test_rules_know_the_norm_to_which_gradients_are_clipped(run: str, clip: float) -> None:
    assert adapt_rules({"run": run}, HealthRules()).gradient_clip == clip


@pytest.mark.parametrize("memory", ["x4", "4x", "", None, "9" * 40, {"gigabytes": 4}])
def test_memory_that_is_no_number_of_gigabytes_is_unknown(memory: object) -> None:
    assert adapt_rules({"run": "", "resources": {"memory": memory}}, HealthRules()).host_memory_gigabytes is None
