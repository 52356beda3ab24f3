"""Values that verl takes for a setting, where it takes no other ones: it would refuse them on rented machines.

Source: verl 0.9.1, the files named beside each. `tests/verl/test_option_values.py` looks them up in the pinned version.
"""

from collections.abc import Mapping

from bot.core.model.option_tree import ValueSet

ALGORITHMS = "trainer/ppo/core_algos.py"
ESTIMATORS = ValueSet(
    (
        "gae", "grpo", "reinforce_plus_plus", "reinforce_plus_plus_baseline", "remax", "rloo", "opo", "grpo_passk",
        "gpg", "rloo_vectorized", "grpo_vectorized", "optimal_token_baseline", "tir_optimal_token_baseline", "gdpo",
    ),
    ALGORITHMS,
    is_open=True,
)  # fmt: skip
POLICY_LOSSES = ValueSet(
    (
        "vanilla", "dppo_tv", "dppo_kl", "gspo", "sapo", "gpg", "clip_cov", "kl_cov", "geo_mean", "dro", "cispo",
        "bypass_mode",
    ),
    ALGORITHMS,
    is_open=True,
)  # fmt: skip
LOSS_SUMS = ValueSet(
    ("token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-sum-norm", "seq-mean-token-mean"), ALGORITHMS
)
KL_FORMULAS = ValueSet(("kl", "k1", "abs", "mse", "k2", "low_var_kl", "k3"), ALGORITHMS, suffix="+")
KL_CONTROLS = ValueSet(("fixed", "adaptive"), ALGORITHMS)
ROLLOUTS = ValueSet(("vllm", "sglang", "trtllm"), "workers/rollout/base.py", is_open=True)
REWARD_MANAGERS = ValueSet(
    ("naive", "dapo", "gdpo", "remote", "rate_limited"), "experimental/reward_loop/reward_manager", is_open=True
)
RESUMES = ValueSet(("disable", "auto", "resume_path"), "trainer/ppo/v1/trainer_base.py")

OPTION_VALUES: Mapping[str, ValueSet] = {
    "algorithm.adv_estimator": ESTIMATORS,
    "algorithm.kl_penalty": KL_FORMULAS,
    "algorithm.kl_ctrl.type": KL_CONTROLS,
    "actor_rollout_ref.actor.policy_loss.loss_mode": POLICY_LOSSES,
    "actor_rollout_ref.actor.loss_agg_mode": LOSS_SUMS,
    "actor_rollout_ref.actor.kl_loss_type": KL_FORMULAS,
    "actor_rollout_ref.rollout.name": ROLLOUTS,
    "reward.reward_manager.name": REWARD_MANAGERS,
    "trainer.resume_mode": RESUMES,
}
"""The settings whose values are checked before a launch."""
