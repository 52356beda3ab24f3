"""verl's own errors, and where a training of verl's is complete."""

import pytest

from bot.core.frameworks.verl.verl_errors import find_completion
from bot.core.model.failure import FailureKind
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.failure_search import classify_failure

ERRORS = [
    (FailureKind.RECIPE_CHECK, "verl recipe: GROUP_SIZE (1) must be at least 2."),
    (
        FailureKind.FILTERED_GROUPS,
        "ValueError: num_gen_batches=6 >= max_num_gen_batches=6. Generated too many. Please check if your data are",
    ),
    (FailureKind.TOO_FEW_GPUS, "ValueError: Total available GPUs 4 is less than total desired GPUs 32"),
    (
        FailureKind.TENSOR_PARALLEL,
        "AssertionError: rollout world_size: 6 is not divisible by infer_world_size: 4",
    ),
    (
        FailureKind.TENSOR_PARALLEL,
        "AssertionError: n_gpus (12) must be divisible by model_parallel_size (8) times context_parallel_size (1)",
    ),
    (
        FailureKind.TENSOR_PARALLEL,
        "AssertionError: tensor parallel size should be less than or equal to the world size",
    ),
    (
        FailureKind.SEQUENCE_PARALLEL,
        "AssertionError: First dimension of the tensor should be divisible by tensor parallel size",
    ),
    (FailureKind.SEQUENCE_PARALLEL, "AssertionError: num_heads (14) must be divisible by ulysses sequence size(4)"),
    (
        FailureKind.SEQUENCE_PARALLEL,
        "ValueError: When using sequence parallelism for actor/ref policy, you must enable `use_remove_padding`.",
    ),
    (
        FailureKind.MICRO_BATCH,
        "ValueError: [critic] Please set at least one of 'critic.ppo_micro_batch_size' or 'critic.ppo_micro_batch",
    ),
    (
        FailureKind.SEQUENCE_LIMIT,
        "AssertionError: max_token_len must be greater than the sequence length. Got max_token_len=2048 and max_s=3072",
    ),
    (FailureKind.BATCH_SIZE, "ValueError: train_batch_size (16) must be >= actor.ppo_mini_batch_size (64)"),
    (FailureKind.BATCH_SIZE, "AssertionError: real_train_batch_size (30) must be divisible by minimal possible batch"),
    (FailureKind.BATCH_SIZE, "AssertionError: only support equal chunk. Got size of DataProto 5 and chunk 4."),
    (FailureKind.BATCH_SIZE, "AssertionError: 30 % 8 != 0"),
    (
        FailureKind.BATCH_SIZE,
        "ValueError: ppo_micro_batch_size (2) * ulysses_sequence_parallel_size (1) must be >= n_gpus (8)",
    ),
    (FailureKind.PROMPT_TOO_LONG, "NotImplementedError: sequence_length=700 is larger than max_length=512"),
    (FailureKind.PROMPT_TOO_LONG, "RuntimeError: Prompt length 700 is longer than 512."),
    (FailureKind.REWARD_FUNCTION, "NotImplementedError: Reward function is not implemented for data_source='acme'"),
    (FailureKind.DATA_INVALID, "AssertionError: Train dataloader is empty!"),
    (FailureKind.DATA_INVALID, "KeyError: 'prompt'"),
    (
        FailureKind.CHECKPOINT_MISSING,
        "FileNotFoundError: [Errno 2] No such file or directory: '/c/global_step_9/actor/model_world_size_8_rank_0.pt'",
    ),
    (
        FailureKind.AGENT_SETUP,
        "AssertionError: Agent loop planner not registered, registered agent loops: dict_keys([])",
    ),
    (FailureKind.AGENT_SETUP, "ValueError: Unknown tool parser: acme"),
    (FailureKind.REWARD_CODE, "TimeoutError: compute_score timed out after 30s"),
    (FailureKind.REWARD_CODE, "TypeError: compute_score() got an unexpected keyword argument 'acme'"),
    (FailureKind.REWARD_CODE, "TypeError: compute_score() missing 1 required positional argument: 'acme'"),
    (FailureKind.REWARD_CODE, "TypeError: compute_score() takes 2 positional arguments but 4 were given"),
    (FailureKind.CONFIG_KEY, "ValueError: Rollout mode 'sync' has been removed. Please set it to async."),
    (FailureKind.ASSERTION, "AssertionError: batch size 3 != 4"),
]


@pytest.mark.parametrize(("kind", "line"), ERRORS, ids=[f"{kind}-{line[:40]}" for kind, line in ERRORS])
def test_an_error_of_verl_has_a_kind(kind: FailureKind, line: str) -> None:
    verdict = classify_failure(line)
    assert verdict is not None
    assert verdict[0] is kind


OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.20 GiB."


@pytest.mark.parametrize(
    ("task", "frame", "line", "kind"),
    [
        ("WorkerDict.actor_rollout_update_actor", "in update_policy", OOM, FailureKind.GPU_MEMORY),
        ("WorkerDict.ref_compute_ref_log_prob", "in forward", OOM, FailureKind.LOG_PROB_MEMORY),
        ("WorkerDict.actor_rollout_compute_log_prob", "in forward", OOM, FailureKind.LOG_PROB_MEMORY),
        ("WorkerDict.critic_update_critic", "in backward", OOM, FailureKind.CRITIC_MEMORY),
        ("WorkerDict.actor_rollout_generate_sequences", "in wake_up", OOM, FailureKind.ROLLOUT_MEMORY),
        ("WorkerDict.actor_rollout_init_model", "in load", OOM, FailureKind.GPU_MEMORY),
        ("TaskRunner.run", "in compute_score", "TypeError: expected string", FailureKind.REWARD_CODE),
        (
            "TaskRunner.run",
            "in compute_score",
            "json.decoder.JSONDecodeError: Expecting value",
            FailureKind.REWARD_CODE,
        ),
        ("TaskRunner.run", "in read", "json.decoder.JSONDecodeError: Expecting value", FailureKind.DATA_INVALID),
        ("TaskRunner.run", "in compute_score", "ConnectionError: refused", FailureKind.REWARD_SERVER),
        ("RewardLoopWorker.compute_score_batch", "in run", "TimeoutError", FailureKind.REWARD_SERVER),
        ("TaskRunner.run", "in batch_search", "requests.exceptions.ConnectTimeout: x", FailureKind.TOOL_SERVER),
        ("WorkerDict.actor_rollout_save_checkpoint", "in save_checkpoint", OOM, FailureKind.SAVE_MEMORY),
        ("WorkerDict.init_model", "in get_fsdp_wrap_policy", "Exception: no layer matches", FailureKind.FSDP_SETUP),
        (
            "WorkerDict.update",
            "in default_weight_loader",
            "AssertionError: (2,) != (3,)",
            FailureKind.MODEL_UNSUPPORTED,
        ),
        ("W.load", "in load_checkpoint", "RuntimeError: 3 entries, not 2", FailureKind.CHECKPOINT_MISMATCH),
        ("W.save", "in save_checkpoint", "RuntimeError: stream is broken", FailureKind.SAVE_FAILED),
        ("W.load", "in load_state_dict", OOM, FailureKind.GPU_MEMORY),
        ("EngineCore.run", "in add_lora", "ValueError: acme.weight is not supported", FailureKind.LORA_UNSUPPORTED),
        ("EngineCore.run", "in load_weights", "KeyError: 'acme.0.lora_A.weight'", FailureKind.LORA_UNSUPPORTED),
        ("EngineCore.run", "in load_weights", "KeyError: 'acme.0.base_layer.weight'", FailureKind.LORA_UNSUPPORTED),
        ("EngineCore.run", "in load_weights", "KeyError: 'acme.0.weight'", FailureKind.MODEL_UNSUPPORTED),
        ("TaskRunner.run", "in fit", "TypeError: expected string", FailureKind.USER_CODE),
    ],
)
def test_where_verl_was_makes_an_error_more_exact(task: str, frame: str, line: str, kind: FailureKind) -> None:
    found = diagnose(
        f"ray.exceptions.RayTaskError(X): ray::{task}() (pid=7, ip=10.0.0.4, actor_id=1, repr=<x>)\n"
        f'  File "/opt/job/x.py", line 9, {frame}\n    call()\n{line}'
    )
    assert found is not None
    assert (found.kind, found.error) == (kind, line)


def test_the_place_of_an_error_is_not_that_of_the_next_one() -> None:
    survived = f'Traceback (most recent call last):\n  File "/opt/job/x.py", line 9, in compute_score\n{OOM}'
    found = diagnose(f'{survived}\nTraceback (most recent call last):\n  File "/x.py", line 1, in y\nTypeError: z')
    assert found is not None
    assert found.kind is FailureKind.GPU_MEMORY
    found = diagnose('Traceback (most recent call last):\n  File "/x.py", line 1, in y\nTypeError: z')
    assert found is not None
    assert found.kind is FailureKind.USER_CODE


def test_a_program_that_raises_an_error_outside_of_any_function_is_a_part_of_the_training_too() -> None:
    found = diagnose(
        'Traceback (most recent call last):\n  File "/x/model_merger.py", line 81, in <module>\nAssertionError'
    )
    assert found is not None
    assert found.kind is FailureKind.MERGE_FAILED


def test_a_checkpoint_that_verl_loads_into_the_actor_alone_is_no_mismatch() -> None:
    trace = 'Traceback (most recent call last):\n  File "/opt/verl/workers/w.py", line 902, in load_checkpoint'
    found = diagnose(f"{trace}\nAssertionError: Checkpoint loading is only supported for Actor or Rollout, not False")
    assert found is not None
    assert found.kind is FailureKind.REFERENCE_CHECKPOINT


@pytest.mark.parametrize(
    ("line", "is_complete"),
    [
        ("Training Progress: 100%|████| 435/435 [1:10:40<00:00, 64.47s/it]", True),
        ("(\"Final validation metrics: {'val-core/x': 0.5}\")", True),
        ("Training Progress:   0%|          | 0/435 [00:00<?, ?it/s]", False),
        ("Total training steps: 435", False),
        ("Running step: 100%|████| 60/60 [30:00<00:00, 30.0s/it]", True),
        ("Epoch 1/6:   0%|          | 0/62 [00:00<?, ?it/s]", False),
        ("Epoch 2/6:   0%|          | 0/62 [00:00<?, ?it/s]", None),
        ("Epoch 5/6: 100%|████| 62/62 [06:31<00:00, 6.31s/it]", None),
        ("Epoch 6/6: 100%|████| 62/62 [06:31<00:00, 6.31s/it]", True),
        ("Loading checkpoint shards: 100%|████| 2/2 [00:10<00:00, 5.12s/it]", None),
        ("Training Progress:  17%|█▌  | 73/435 [1:12:31<6:01:14, 59.87s/it]", None),
        ("Training Progress: 100%", None),
        ("step:435 - a/b:1", None),
    ],
)
def test_a_training_is_complete_after_its_last_step(line: str, is_complete: bool | None) -> None:
    assert find_completion(line) is is_complete
