"""What verl will be run with: scripts, variables and overrides together."""

import pytest

from bot.core.frameworks.verl.run_settings import RunSettings

SCRIPT = """
mini_batch=$((BATCH / 4))
gpus=$((SKYPILOT_NUM_NODES * SKYPILOT_NUM_GPUS_PER_NODE))
huge=$((BATCH / ZERO))
train \\
  data.train_batch_size="$BATCH" \\
  actor_rollout_ref.actor.ppo_mini_batch_size="$mini_batch" \\
  actor_rollout_ref.rollout.n=4 actor_rollout_ref.rollout.n=8 \\
  trainer.project_name="${NAME}" \\
  data.max_prompt_length="$unknown" \\
  "$@"
"""
TASK = {
    "num_nodes": 2,
    "resources": {"accelerators": "H100:4"},
    "envs": {"BATCH": "64", "NAME": "toy", "ZERO": "0"},
    "run": SCRIPT,
}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        pytest.param("data.train_batch_size", "64", id="a variable"),
        pytest.param("trainer.project_name", "toy", id="a variable in braces"),
        pytest.param("actor_rollout_ref.actor.ppo_mini_batch_size", "16", id="a quotient"),
        pytest.param("actor_rollout_ref.rollout.n", "8", id="the last of two"),
        pytest.param("actor_rollout_ref.rollout.tensor_model_parallel_size", "2", id="verl's default"),
        pytest.param("data.max_prompt_length", "", id="an unknown variable"),
        pytest.param("trainer.own", "", id="not set"),
    ],
)
def test_a_setting_is_the_scripts_or_verls(option: str, value: str) -> None:
    assert RunSettings.read(TASK, ()).get(option) == value


def test_an_override_counts_in_place_of_the_script() -> None:
    settings = RunSettings.read(TASK, ("data.train_batch_size=32", "++actor_rollout_ref.rollout.n='2'", "~trainer.x"))
    assert (settings.get_number("data.train_batch_size"), settings.get_number("actor_rollout_ref.rollout.n")) == (32, 2)
    assert settings.overridden == {"data.train_batch_size", "actor_rollout_ref.rollout.n"}


def test_the_machines_are_those_of_the_task() -> None:
    settings = RunSettings.read(TASK, ())
    assert (settings.nodes, settings.gpus, settings.all_gpus, settings.variables["gpus"]) == (2, 4, 8, "8")
    open_choice = RunSettings.read({"resources": {"accelerators": "H100:8,A100:4"}}, ())
    assert (open_choice.nodes, open_choice.gpus, open_choice.all_gpus) == (1, None, None)


@pytest.mark.parametrize(
    ("overrides", "needs"),
    [
        ((), True),
        (("algorithm.adv_estimator=grpo",), False),
        (("algorithm.adv_estimator=grpo", "critic.enable=True"), True),
        (("critic.enable=false",), False),
        (("critic.enable=null",), True),
    ],
)
def test_a_critic_is_trained_with_gae_or_where_it_is_set(overrides: tuple[str, ...], needs: bool) -> None:
    assert RunSettings.read({"run": ""}, overrides).needs_critic is needs


def test_a_long_script_is_read_in_a_moment() -> None:
    for part in ("a.b=", "a." * 50, "x=$((a * ", "$", "a=$((b * c))\n"):
        RunSettings.read({"run": part * (200_000 // len(part))}, ())
