"""Runs that verl would refuse on the machines, or that would waste them."""

from typing import Any

import pytest

from bot.core.frameworks.verl.run_checks import refuse_unfit_run, warn_of_group
from tests.builders import refusal_of

TP, ULYSSES = (
    "actor_rollout_ref.rollout.tensor_model_parallel_size",
    "actor_rollout_ref.actor.ulysses_sequence_parallel_size",
)
MINI, GROUP, BATCH = (
    "actor_rollout_ref.actor.ppo_mini_batch_size",
    "actor_rollout_ref.rollout.n",
    "data.train_batch_size",
)
GRPO = "algorithm.adv_estimator=grpo"
FITTING = (GRPO, f"{TP}=1", f"{BATCH}=64", f"{MINI}=16", f"{GROUP}=8")


def a_task(gpus: str = "H100:8", nodes: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a task on these machines, in an image."""
    return {"num_nodes": nodes, "resources": {"accelerators": gpus, "image_id": "docker:x"}, "run": '"$@"'} | changes


def refuse(task: dict[str, Any], *overrides: str) -> str:
    """Return what the refusal of a run says; empty where it may be launched."""
    refusal = refusal_of(lambda: refuse_unfit_run(task, (*FITTING, *overrides)))
    return f"{refusal} {refusal.hint}" if refusal else ""


@pytest.mark.parametrize(
    ("gpus", "nodes", "overrides", "said"),
    [
        pytest.param("H100:8", 1, (), "", id="one engine a GPU"),
        pytest.param("H100:8", 1, (f"{TP}=4",), "", id="two engines"),
        pytest.param("H100:1", 2, (f"{TP}=2",), "", id="an engine on two nodes"),
        pytest.param("H100:2", 1, (f"{TP}=4",), f"For example `{TP}=2`.", id="more than there are"),
        pytest.param("H100:6", 1, (f"{TP}=4", f"{GROUP}=6"), f"For example `{TP}=3`.", id="a remainder"),
        pytest.param("H100:1", 1, (f"~{TP}",), "", id="a deletion is not read"),
        pytest.param("H100:8", 1, ("actor_rollout_ref.rollout.pipeline_model_parallel_size=3",), "3 GPUs", id="stages"),
        pytest.param("H100:8", 1, ("actor_rollout_ref.rollout.data_parallel_size=16",), "16 GPUs", id="replicas"),
        pytest.param("H100:8", 1, (f"{TP}=3", "trainer.v1.trainer_mode=separate_async"), "", id="GPUs of their own"),
        pytest.param("H100:8,A100:4", 1, (f"{TP}=3",), "", id="a number of GPUs that is not chosen yet"),
        pytest.param("H100:8,A100:8", 1, (f"{TP}=3",), "3 GPUs", id="eight GPUs of either kind"),
        pytest.param("H100:8", 1, (f"{ULYSSES}=2",), "", id="sequences on two GPUs"),
        pytest.param("H100:8", 1, (f"{ULYSSES}=3",), f"For example `{ULYSSES}=1`.", id="sequences on three"),
        pytest.param(
            "H100:8",
            1,
            ("model_engine=megatron", "actor_rollout_ref.actor.megatron.tensor_model_parallel_size=3"),
            "splits the training over 3 GPUs",
            id="Megatron's parts",
        ),
    ],
)
def test_parts_must_divide_the_gpus(gpus: str, nodes: int, overrides: tuple[str, ...], said: str) -> None:
    refusal = refuse(a_task(gpus, nodes), *overrides)
    assert said in refusal
    assert bool(refusal) is bool(said)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        pytest.param((f"{BATCH}=4", f"{MINI}=8"), f"For example `{MINI}=4`.", id="a batch below the mini-batch"),
        pytest.param((f"{BATCH}=36", f"{MINI}=16"), f"For example `{MINI}=12`.", id="a remainder"),
        pytest.param((f"{MINI}=4", f"{GROUP}=1"), f"For example `{MINI}=8`.", id="fewer answers than GPUs"),
        pytest.param((f"{MINI}=4", f"{GROUP}=1", f"{ULYSSES}=2"), "", id="GPUs that share a sequence"),
        pytest.param((f"{BATCH}=$X",), "", id="a batch that is not known"),
    ],
)
def test_a_batch_must_be_whole_mini_batches_and_those_whole_shares(overrides: tuple[str, ...], said: str) -> None:
    refusal = refuse(a_task(), *overrides)
    assert said in refusal
    assert bool(refusal) is bool(said)


INSTALL = "python3 -m pip install 'verl[vllm]==0.9.1'"


@pytest.mark.parametrize(
    ("changes", "overrides", "is_refused"),
    [
        pytest.param({"setup": INSTALL}, (), False, id="an image"),
        pytest.param({"setup": INSTALL, "resources": {}}, (), True, id="none"),
        pytest.param({"setup": INSTALL, "resources": {}}, (GRPO,), False, id="no critic"),
        pytest.param({"setup": f"{INSTALL} flash-attn", "resources": {}}, (), False, id="installed"),
        pytest.param({"setup": "true", "resources": {}}, (), False, id="a machine with verl on it"),
    ],
)
def test_a_critic_without_flash_attention_is_refused(
    changes: dict[str, Any], overrides: tuple[str, ...], is_refused: bool
) -> None:
    refusal = refusal_of(
        lambda: refuse_unfit_run(a_task(**changes), (f"{TP}=1", f"{MINI}=8", f"{BATCH}=8", *overrides))
    )
    assert (refusal is not None and "FlashAttention" in str(refusal)) is is_refused


@pytest.mark.parametrize(
    ("overrides", "is_warned"),
    [((GRPO,), True), ((GRPO, f"{GROUP}=8"), False), ((f"{GROUP}=1",), False), ((GRPO, f"{GROUP}=$X"), False)],
)
def test_groups_of_one_answer_are_warned_of(overrides: tuple[str, ...], is_warned: bool) -> None:
    assert bool(warn_of_group(a_task(), overrides)) is is_warned
