"""The settings that the line of an error names are found by verl's names and by those of the engines."""

import pytest

from bot.core.frameworks.verl.named_settings import ENGINE_NAMES, MAX_SETTINGS, SETTINGS, find_settings

ROLLOUT = "actor_rollout_ref.rollout"


@pytest.mark.parametrize(
    ("error", "frame", "settings"),
    [
        ("ValueError: max_num_seqs (64) is too small", "", (f"{ROLLOUT}.max_num_seqs",)),
        ("ValueError: --max-num-seqs is too small", "", (f"{ROLLOUT}.max_num_seqs",)),
        ("AssertionError: config.rollout.n is 1", "", (f"{ROLLOUT}.n",)),
        ("AssertionError: n is 1", "", ()),
        ("ValueError: `tensor_parallel_size` is 3", "", (f"{ROLLOUT}.tensor_model_parallel_size",)),
        ("ValueError: mem_fraction_static is 2", "", (f"{ROLLOUT}.gpu_memory_utilization",)),
        ("AssertionError: response_length is 7", "", ()),
        ("ValueError: the model is too big", "", ()),
        ("ValueError: use --acme-mode", "vllm/config.py, line 3, in f", (f"{ROLLOUT}.engine_kwargs.vllm.acme_mode",)),
        ("ValueError: use --acme-mode", "sglang/a.py, line 3, in f", (f"{ROLLOUT}.engine_kwargs.sglang.acme_mode",)),
        ("ValueError: use --acme-mode", "verl/a.py, line 3, in f", ()),
        ("KeyError", "", ()),
    ],
)
def test_a_setting_is_known_by_its_name(error: str, frame: str, settings: tuple[str, ...]) -> None:
    assert find_settings(error, frame) == settings


def test_megatrons_settings_are_named_where_megatron_raises() -> None:
    error = "AssertionError: pipeline_model_parallel_size is 3"
    assert find_settings(error, "megatron/core/a.py, line 3, in f") == (
        "actor_rollout_ref.actor.megatron.pipeline_model_parallel_size",
    )


def test_few_settings_are_named() -> None:
    names = " ".join(key.rpartition(".")[2] for key in SETTINGS.options)
    assert len(find_settings(f"ValueError: {names}")) == MAX_SETTINGS


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_an_engines_name_leads_to_a_setting_that_verl_takes(name: str) -> None:
    setting = ENGINE_NAMES[name]
    assert setting in SETTINGS.options or SETTINGS.is_below_open(setting)
