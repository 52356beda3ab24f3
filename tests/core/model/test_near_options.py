"""Settings of verl that people mistype, and the one that they mean."""

from time import perf_counter

import pytest

from bot.core.frameworks.verl.option_keys import OPTION_LIST
from bot.core.model.near_options import find_near_options, measure_word

TREE = OPTION_LIST.trees["verl.trainer.main_ppo"]
ACTOR, ROLLOUT, MODEL = (f"actor_rollout_ref.{part}" for part in ("actor", "rollout", "model"))

MISSPELT = {
    "actor.optim.lr": f"{ACTOR}.optim.lr",
    f"{ACTOR}.lr": f"{ACTOR}.optim.lr",
    f"{ACTOR}.optim.learnrate": None,
    f"{ACTOR}.clip_grad": f"{ACTOR}.optim.clip_grad",
    f"{ACTOR}.entropy_coef": f"{ACTOR}.entropy_coeff",
    f"{ACTOR}.use_kl": f"{ACTOR}.use_kl_loss",
    f"{ACTOR}.micro_batch_size_per_gpu": f"{ACTOR}.ppo_micro_batch_size_per_gpu",
    f"{ACTOR}.fsdp.param_offload": f"{ACTOR}.fsdp_config.param_offload",
    "actor_rollout_ref.actr.kl_loss_coef": f"{ACTOR}.kl_loss_coef",
    "actor.ppo_mini_batch_size": f"{ACTOR}.ppo_mini_batch_size",
    "actor_rollout_ref.ref.param_offload": "actor_rollout_ref.ref.fsdp_config.param_offload",
    "rollout.n": f"{ROLLOUT}.n",
    f"{ROLLOUT}.gpu_memory_utilisation": f"{ROLLOUT}.gpu_memory_utilization",
    f"{ROLLOUT}.tensor_parallel_size": f"{ROLLOUT}.tensor_model_parallel_size",
    f"{ROLLOUT}.temprature": f"{ROLLOUT}.temperature",
    f"{ROLLOUT}.max_model_length": f"{ROLLOUT}.max_model_len",
    f"{ROLLOUT}.multiturn.enable": f"{ROLLOUT}.multi_turn.enable",
    f"{ROLLOUT}.engine_kwargs.vlm": f"{ROLLOUT}.engine_kwargs.vllm",
    f"{MODEL}.lora_rnk": f"{MODEL}.lora_rank",
    "model.path": f"{MODEL}.path",
    "critic.lr": "critic.optim.lr",
    "algorithm.kl_coef": "algorithm.kl_ctrl.kl_coef",
    "algorithm.adv_estimater": "algorithm.adv_estimator",
    "custom_reward_function.pth": "custom_reward_function.path",
    "reward_manager.name": "reward.reward_manager.name",
    "trainer.savefreq": "trainer.save_freq",
    "trainer.save_frequency": "trainer.save_freq",
    "trainer.total_epoch": "trainer.total_epochs",
    "trainr.logger": "trainer.logger",
    "trainer.nodes": "trainer.nnodes",
    "trainer.gpus_per_node": "trainer.n_gpus_per_node",
    "trainer.max_ckpt_to_keep": "trainer.max_actor_ckpt_to_keep",
    "trainer.val_before_training": "trainer.val_before_train",
    "data.max_response_len": "data.max_response_length",
    "data.max_length": "data.max_prompt_length",
    "data.train_batchsize": "data.train_batch_size",
    "data.train_file": "data.train_files",
    "data.shufle": "data.shuffle",
    "foo.bar": None,
    "zzz": None,
}
"""What was typed, with the nearest setting; None where none is near."""


@pytest.mark.parametrize(("typed", "meant"), [pytest.param(*entry, id=entry[0]) for entry in MISSPELT.items()])
def test_the_setting_that_is_meant_comes_first(typed: str, meant: str | None) -> None:
    near = find_near_options(typed, TREE, "dp")
    assert (near[0] if near else None) == meant
    assert len(near) <= 3


def test_the_settings_of_the_engine_come_first() -> None:
    assert find_near_options("critic.param_offload", TREE, "dp")[0] == "critic.fsdp.param_offload"
    assert find_near_options("critic.param_offload", TREE, "megatron")[0] == "critic.megatron.param_offload"


def test_a_setting_that_nothing_reads_is_not_suggested() -> None:
    assert "actor_rollout_ref.actor.grad_clip" in TREE.unread
    assert find_near_options("actor.grad_clip", TREE, "dp")[0] == f"{ACTOR}.optim.clip_grad"
    assert find_near_options("nccl_timeout", TREE, "dp") == []


@pytest.mark.parametrize("typed", ["x" * 8000, ".".join("abcdefgh" * 400), "a." * 2000, "lr." * 2000, ""])
def test_a_long_name_is_compared_in_a_moment(typed: str) -> None:
    find_near_options("trainer.save_freq", TREE, "dp")
    measure_word.cache_clear()
    begin = perf_counter()
    find_near_options(typed, TREE, "dp")
    assert perf_counter() - begin < 1
