"""The parts of a training with verl, for errors whose own line says nothing of their cause. What they say is a guess.

The outer parts count first, such as the start of the rollout engine; then the part whose code raised the error.
(Sources: modules and functions of verl 0.4 to 0.9, vLLM 0.8 to 0.11, SGLang 0.4, transformers 4 and Megatron-LM.)
"""

from collections.abc import Mapping

from bot.core.model.failure import UNKNOWN_CAUSES, FailureKind, FailurePlace


def say(kind: FailureKind) -> Mapping[FailureKind, FailureKind]:
    """Return that errors of an unknown cause are of this kind."""
    return dict.fromkeys(UNKNOWN_CAUSES, kind)


OUTER_AREAS = (
    FailurePlace("/model_merger/ | model_merger.py | in merge_and_save", say(FailureKind.MERGE_FAILED)),
    FailurePlace(
        " in update_weights | in receive_weights | in sync_weights | in sync_rollout_weights | in _update_weights | "
        "in update_weights_from | in rollout_mode | in _resume_weights | /checkpoint_engine/ | /sharding_manager/ | "
        "weight_transfer | ::CheckpointEngine | in sync_param",
        say(FailureKind.WEIGHT_SYNC),
    ),
    FailurePlace(
        " in launch_server | in _launch_server | in create_engine_config | in from_engine_args | in from_vllm_config | "
        "in _init_executor | in init_worker | in init_device | in initialize_from_config | in _initialize_kv_caches | "
        "in determine_available_memory | in profile_run | in capture_model | in compile_or_warm_up_model | "
        "in _launch_subprocesses | in launch_subprocesses | in init_device_graphs | in init_cuda_graphs | "
        "in initialize_dummy | in init_memory_pool | in init_attention_backend | in init_torch_distributed | "
        "in run_server | in _init_inference_engine | in init_engine | in _init_engine | in init_standalone | "
        "in init_hybrid | in _initialize_llm_servers | = EngineCoreProc( | self.inference_engine = | self._engine = ",
        say(FailureKind.ROLLOUT_SETUP),
    ),
    FailurePlace(
        "/verl/utils/dataset/ | /torch/utils/data/ | /torchdata/ | in collate_fn | in __getitem__ | in load_dataset | "
        "in create_rl_dataset | in _create_dataloader | in read_parquet | in _read_files",
        say(FailureKind.DATA_INVALID),
    ),
    FailurePlace(
        "/agent_loop/ | /verl/tools/ | /interactions/ | /tool_parser | in run_agent_loop | in _run_agent_loop",
        say(FailureKind.AGENT_CODE),
    ),
)
"""Parts that count wherever below them an error was raised; of several the innermost."""

OWN_AREAS = (
    # Answers that cannot be turned into text: that says nothing of the prompts.
    FailurePlace(" in _decode | in decode | in batch_decode", {}, is_innermost=True),
    FailurePlace(
        "/transformers/tokenization | /transformers/processing_ | /transformers/image_processing | "
        "/transformers/image_utils | /transformers/video | /transformers/utils/chat_template | /tokenizers/ | "
        "/transformers/models/ … /processing_ | /transformers/models/ … /image_processing | "
        "/transformers/models/ … /tokenization | /qwen_vl_utils/ | /PIL/ | /verl/utils/tokenizer",
        say(FailureKind.TOKENIZATION),
        is_innermost=True,
    ),
    FailurePlace(
        "/megatron/ | /Megatron | /mbridge/ | /megatron_bridge/ | /transformer_engine/ | /verl/models/mcore/ | "
        "/workers/engine/megatron | megatron_utils.py | megatron_workers.py | megatron_actor.py",
        say(FailureKind.MEGATRON_CODE),
        is_innermost=True,
    ),
    FailurePlace(
        "/verl/models/ | /transformers/models/ | /transformers/modeling_ | /transformers/integrations/ | "
        "/transformers_modules/ | /liger_kernel/ | /flash_attn | /peft/ | /fla/ | /xformers/ | /deepspeed/ | "
        "/verl/utils/ulysses | /verl/utils/kernel/ | /verl/utils/experimental/ | /verl/utils/torch_functional | "
        "/verl/utils/attention | /transformers/",
        say(FailureKind.MODEL_CODE),
        is_innermost=True,
    ),
    FailurePlace(
        "/vllm/ | /sglang/ | /tensorrt_llm/ | /sgl_kernel/ | /flashinfer/ | /xgrammar/ | /outlines/ | /vllm_ascend/ | "
        "/vllm_rollout/ | /sglang_rollout/ | /trtllm_rollout/",
        say(FailureKind.ROLLOUT_CODE),
        is_innermost=True,
    ),
    FailurePlace(
        "core_algos.py | in compute_advantage | in compute_policy_loss | rollout_corr | in compute_return | "
        "/workers/utils/losses.py | in apply_kl_penalty",
        say(FailureKind.LOSS_CODE),
        is_innermost=True,
    ),
    FailurePlace("/verl/ | /recipe/", say(FailureKind.FRAMEWORK_CODE), is_innermost=True),
)
"""Parts that count where their own code raised the error."""

AREAS = (*OUTER_AREAS, *OWN_AREAS)
