"""How large a training will be, and what will not fit."""

from typing import Any

import pytest

from bot.core.frameworks.verl.run_settings import RunSettings
from bot.core.frameworks.verl.size_forecast import (
    count_parameters,
    describe_checkpoint_sizes,
    forecast_checkpoints,
    list_size_warnings,
)

GRPO, PATH, CRITIC = "algorithm.adv_estimator=grpo", "actor_rollout_ref.model.path", "critic.model.path"
SEVEN = (GRPO, f"{PATH}=Qwen/Qwen2.5-7B-Instruct", "trainer.max_actor_ckpt_to_keep=2")
OFFLOAD = "actor_rollout_ref.actor.fsdp_config"


def a_task(gpus: str = "H100:1", nodes: int = 1, **resources: Any) -> dict[str, Any]:
    """Return a task on these machines."""
    return {"num_nodes": nodes, "resources": {"accelerators": gpus, "infra": "k8s", **resources}, "run": '"$@"'}


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.5),
        ("meta-llama/Llama-3.1-70B", 70),
        ("mistralai/Mixtral-8x7B-v0.1", 56),
        ("Qwen/Qwen3-30B-A3B", 30),
        ("HuggingFaceTB/SmolLM2-135M", 0.135),
        ("~/models/own", None),
        ("org/v2.5Beta", None),
        ("", None),
        ("9" * 5000 + "B", None),
    ],
)
def test_a_models_name_tells_its_size(name: str, billions: float | None) -> None:
    assert count_parameters(name) == billions


@pytest.mark.parametrize(
    ("overrides", "one", "at_once"),
    [
        pytest.param(SEVEN, 84, 168, id="weights and moments, two kept"),
        pytest.param((*SEVEN, "trainer.max_actor_ckpt_to_keep=1"), 84, 168, id="the new one beside the old one"),
        pytest.param((*SEVEN, "trainer.max_actor_ckpt_to_keep=null"), 84, None, id="all kept"),
        pytest.param((*SEVEN, "actor_rollout_ref.model.lora_rank=32"), 28, 56, id="LoRA"),
        pytest.param(
            (*SEVEN, "actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra,hf_model]"),
            98,
            196,
            id="a copy for Hugging Face",
        ),
        pytest.param(
            (f"{PATH}=x-1B", f"{CRITIC}=x-2B", "trainer.max_actor_ckpt_to_keep=3", "trainer.max_critic_ckpt_to_keep=2"),
            36,
            108,
            id="a critic",
        ),
    ],
)
def test_a_checkpoint_has_weights_and_moments(overrides: tuple[str, ...], one: float, at_once: float | None) -> None:
    forecast = forecast_checkpoints(RunSettings.read(a_task(), overrides))
    assert forecast is not None
    assert (forecast.one, forecast.all) == (one, at_once)


def test_sizes_are_said_where_they_are_known() -> None:
    assert str(describe_checkpoint_sizes(a_task(), SEVEN)) == "checkpoints: about 84 GB each, up to 168 GB at once"
    assert describe_checkpoint_sizes(a_task(), (GRPO, f"{PATH}=own")) == ""
    assert describe_checkpoint_sizes(a_task(), (f"{PATH}=x-1B", f"{CRITIC}=own")) == ""


@pytest.mark.parametrize(
    ("gpus", "nodes", "overrides", "is_warned"),
    [
        pytest.param("H100:1", 1, (), True, id="112 GB on 80"),
        pytest.param("H100:1", 2, (), False, id="56 GB on 80"),
        pytest.param("H200:1", 1, (), False, id="112 GB on 141"),
        pytest.param("L4:4", 1, (), True, id="28 GB on 24"),
        pytest.param("L4:8", 1, (), False, id="14 GB on 24"),
        pytest.param("Own:1", 1, (), False, id="a GPU that is not known"),
        pytest.param("H100:1,H200:1", 1, (), False, id="GPUs that are not chosen"),
        pytest.param("H100:1", 1, (f"{PATH}=own",), False, id="a model of unknown size"),
        pytest.param("H100:1", 1, (f"{OFFLOAD}.optimizer_offload=True",), True, id="the optimizer comes back"),
        pytest.param("H100:1", 1, (f"{OFFLOAD}.offload_policy=True",), False, id="it stays in main memory"),
        pytest.param("H100:1", 1, (f"{OFFLOAD}.model_dtype=bf16",), False, id="16 bits"),
        pytest.param("H100:4", 1, (f"{OFFLOAD}.fsdp_size=1",), True, id="a copy on each GPU"),
        pytest.param("H100:1", 1, ("actor_rollout_ref.model.lora_rank=32",), False, id="LoRA"),
        pytest.param("H100:1", 1, ("model_engine=megatron",), False, id="another engine"),
    ],
)
def test_a_training_that_does_not_fit_its_gpus_is_warned_of(
    gpus: str, nodes: int, overrides: tuple[str, ...], is_warned: bool
) -> None:
    warnings = [str(warning) for warning in list_size_warnings(a_task(gpus, nodes), (*SEVEN, *overrides))]
    assert any("GB on each GPU" in warning for warning in warnings) is is_warned


def test_a_warning_says_how_many_gpus_are_enough() -> None:
    (warning,) = map(str, list_size_warnings(a_task(), SEVEN))
    assert "about 112 GB on each GPU, and one H100 has 80 GB: 16 bytes" in warning
    assert "× 7 billion parameters ÷ the number of GPUs (1). Take at least 2 GPUs" in warning


@pytest.mark.parametrize(
    ("memory", "is_warned"), [("64+", True), ("100+", True), ("128+", False), (None, False), ("x", False)]
)
def test_offloaded_weights_that_do_not_fit_the_machine_are_warned_of(memory: str | None, is_warned: bool) -> None:
    overrides = (*SEVEN, f"{OFFLOAD}.optimizer_offload=True", f"{OFFLOAD}.param_offload=True")
    warnings = [str(warning) for warning in list_size_warnings(a_task("H200:1", memory=memory), overrides)]
    size = (memory or "").strip("+")
    said = (
        "The offloaded weights and optimizer need about 84 GB of each machine's memory, and the recipe asks for "
        f"{size} GB (`memory`)."
    )
    assert warnings == ([said] if is_warned else [])


@pytest.mark.parametrize(
    ("nodes", "resources", "more", "is_warned"),
    [
        pytest.param(1, {"infra": "aws"}, {}, False, id="242 GB on a cloud's 256"),
        pytest.param(1, {"infra": "aws", "disk_size": 200}, {}, True, id="on 200"),
        pytest.param(2, {"infra": "aws", "disk_size": 200}, {}, False, id="half of it on each node"),
        pytest.param(1, {"disk_size": "200"}, {}, True, id="written as text"),
        pytest.param(1, {}, {}, False, id="a pod's disk is not known"),
        pytest.param(1, {"disk_size": 200}, {"volumes": {"/checkpoints": "models"}}, False, id="a volume"),
    ],
)
def test_checkpoints_that_do_not_fit_the_disk_are_warned_of(
    nodes: int, resources: dict[str, Any], more: dict[str, Any], is_warned: bool
) -> None:
    task = a_task("H200:1", nodes, **resources) | more
    assert any("GB of disk" in str(warning) for warning in list_size_warnings(task, SEVEN)) is is_warned
