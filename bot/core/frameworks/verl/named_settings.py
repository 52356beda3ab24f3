"""Which of verl's settings the line of an error names, by their own name or by that of the engine that takes them."""

import re
from collections.abc import Iterable, Mapping

from bot.core.frameworks.verl.option_keys import OPTION_LIST

MAX_ERROR_CHARACTERS = 2000
"""Maximum characters of an error that are searched for settings."""

MAX_SETTINGS = 3
MIN_NAME_CHARACTERS = 8
"""Fewer characters, or a single word, may be anything."""

NAME = re.compile(r"(?<![\w.-])-{0,2}([A-Za-z_][\w.-]{1,120})")
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]{2,60})")
"""An option of an engine's own command line."""

SETTINGS = OPTION_LIST.trees["verl.trainer.main_ppo"]

ROLLOUT, ACTOR, MODEL = "actor_rollout_ref.rollout", "actor_rollout_ref.actor", "actor_rollout_ref.model"
OVERRIDE = f"{MODEL}.override_config"
ENGINE_NAMES: Mapping[str, str] = {
    "attn_implementation": f"{OVERRIDE}.attn_implementation",
    "rope_scaling": f"{OVERRIDE}.rope_scaling",
    "max_position_embeddings": f"{OVERRIDE}.max_position_embeddings",
    "tensor_parallel_size": f"{ROLLOUT}.tensor_model_parallel_size",
    "mem_fraction_static": f"{ROLLOUT}.gpu_memory_utilization",
    "context_length": f"{ROLLOUT}.max_model_len",
    "max_seq_len": f"{ROLLOUT}.max_model_len",
    "max_running_requests": f"{ROLLOUT}.max_num_seqs",
    "chunked_prefill_size": f"{ROLLOUT}.max_num_batched_tokens",
    "disable_cuda_graph": f"{ROLLOUT}.enforce_eager",
    "max_lora_rank": f"{MODEL}.lora_rank",
    "limit_mm_per_prompt": f"{ROLLOUT}.limit_images",
    "gradient_checkpointing": f"{MODEL}.enable_gradient_checkpointing",
    "sequence_parallel_size": f"{ACTOR}.ulysses_sequence_parallel_size",
}
"""What engines and models call settings that verl has under another name."""

ENGINE_FOLDERS = {"vllm/": "vllm", "sglang/": "sglang"}
PREFERRED_GROUPS = (MODEL, ACTOR, ROLLOUT, "data.", "algorithm.", "trainer.", "reward.", "critic.")
TENSOR_NAMES = ("response_length", "prompt_length", "data_source", "ground_truth")
"""Names of settings that are in most messages those of a tensor or a column."""


def find_settings(error: str, frame: str = "") -> tuple[str, ...]:
    """Return the full names of the settings that the line of an error names, at most `MAX_SETTINGS`.

    Args:
        frame: the line of the traceback that raised it, which tells the engine that takes an option.

    >>> find_settings("ValueError: max_num_seqs (64) is too small")
    ('actor_rollout_ref.rollout.max_num_seqs',)
    >>> [name.removeprefix(ROLLOUT) for name in find_settings("ValueError: use --block-size", "vllm/config.py, line 3")]
    ['.engine_kwargs.vllm.block_size']
    """
    message = error[:MAX_ERROR_CHARACTERS].partition(": ")[2]
    names = [match[1].replace("-", "_").strip("._") for match in NAME.finditer(message)]
    settings = [setting for name in names for setting in list_settings(name, frame)]
    engine = next((engine for folder, engine in ENGINE_FOLDERS.items() if folder in frame), None)
    if not settings and engine:
        flags = [match[1].replace("-", "_") for match in FLAG.finditer(message)]
        settings = [f"{ROLLOUT}.engine_kwargs.{engine}.{flag}" for flag in flags]
    return tuple(dict.fromkeys(settings))[:MAX_SETTINGS]


def list_settings(name: str, frame: str) -> list[str]:
    """Return the settings that a name may mean, the most likely first.

    >>> list_settings("config.rollout.n", ""), list_settings("n", "")
    (['actor_rollout_ref.rollout.n'], [])
    """
    *groups, last = name.split(".")
    if last in ENGINE_NAMES:
        return [ENGINE_NAMES[last]]
    meant = [words for words in SETTINGS.by_last_word.get(last, ()) if ".".join(words) not in SETTINGS.unread]
    if groups and (in_group := [words for words in meant if words[-2:-1] == (groups[-1],)]):
        return choose_settings(in_group, frame)
    is_clear = "_" in last and len(last) >= MIN_NAME_CHARACTERS and last not in TENSOR_NAMES
    return choose_settings(meant, frame) if is_clear else []


def choose_settings(settings: Iterable[tuple[str, ...]], frame: str) -> list[str]:
    """Return the full names of those settings that the frame and the usual use make the most likely."""
    names = [".".join(words) for words in settings]
    is_rollout = any(folder in frame for folder in ENGINE_FOLDERS)
    chosen = [name for name in names if name.startswith(ROLLOUT)] if is_rollout else []
    chosen = chosen or [name for name in names if ("megatron" in name) == ("megatron" in frame.lower())] or names
    best = min(map(rank_setting, chosen), default=None)
    return [name for name in chosen if rank_setting(name) == best]


def rank_setting(name: str) -> tuple[int, int]:
    """Return the rank of a setting among those of the same last word, the lowest first."""
    groups = [index for index, group in enumerate(PREFERRED_GROUPS) if name.startswith(group)]
    return (groups[0] if groups else len(PREFERRED_GROUPS), name.count("."))
