"""What a resume after a finding changes, in verl's option names (0.9.1): the first setting of the finding's own advice.

A finding without an entry has no remedy in one setting: data, a reward function or machines are to be changed.
"""

from collections.abc import Mapping

from bot.core.model.training_framework import SettingChange

HALF_LEARNING_RATE = SettingChange("actor_rollout_ref.actor.optim.lr=5e-7", 0.5)
"""Half of what the run itself sets; verl's own default is 1e-6."""

HALF_CRITIC_RATE = SettingChange("critic.optim.lr=5e-6", 0.5)
"""Half of what the run itself sets; verl's own default is 1e-5."""

WIDER_CLIPPING = SettingChange("actor_rollout_ref.actor.clip_ratio_high=0.28")
"""The upper bound with which DAPO (arXiv 2503.14476) keeps the entropy; verl's default is 0.2."""

NO_ENTROPY_BONUS = SettingChange("actor_rollout_ref.actor.entropy_coeff=0")

NO_LOADER_WORKERS = SettingChange("data.dataloader_num_workers=0")

FINDING_CHANGES: Mapping[str, tuple[SettingChange, ...]] = {
    "not-a-number": (HALF_LEARNING_RATE,),
    "reward-collapse": (HALF_LEARNING_RATE,),
    "kl-blow-up": (HALF_LEARNING_RATE,),
    "entropy-collapse": (WIDER_CLIPPING,),
    "entropy-rise": (HALF_LEARNING_RATE, NO_ENTROPY_BONUS),
    "clip-saturation": (HALF_LEARNING_RATE,),
    "gradient-spikes": (HALF_LEARNING_RATE,),
    "critic-diverges": (HALF_CRITIC_RATE,),
    "memory-growth": (NO_LOADER_WORKERS,),
}
