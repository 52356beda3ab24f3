"""An error that does not name its cause has that of the part of the training that raised it."""

import pytest

from bot.core.model.failure import FailureKind
from bot.core.rules.failure_diagnosis import diagnose

LIBRARIES = "/opt/env/lib/python3.12/site-packages"


def lay_out(frames: list[tuple[str, str]], error: str) -> str:
    shown = [
        f'  File "{path if path[0] == "/" else f"{LIBRARIES}/{path}"}", line 7, in {name}\n    x()'
        for path, name in frames
    ]
    return "\n".join(["Traceback (most recent call last):", *shown, error])


FIT = ("verl/trainer/ppo/ray_trainer.py", "fit")
TORCH = ("torch/nn/modules/module.py", "_call_impl")
K = FailureKind
AREAS = {
    "the engine while it starts": (
        [("verl/workers/rollout/vllm_rollout/server.py", "launch_server"), ("vllm/v1/worker/w.py", "start")],
        "IndexError: pop from empty list",
        K.ROLLOUT_SETUP,
    ),
    "the engine while it runs": ([("vllm/v1/core/sched.py", "step")], "AssertionError", K.ROLLOUT_CODE),
    "weights on their way to the engine": (
        [("verl/workers/engine_workers.py", "update_weights"), ("vllm/v1/worker/w.py", "apply")],
        "KeyError: 'layers.0.acme'",
        K.WEIGHT_SYNC,
    ),
    "the data": ([FIT, ("torch/utils/data/dataloader.py", "__next__")], "TypeError: no list", K.DATA_INVALID),
    "a team's agent loop": (
        [("verl/experimental/agent_loop/agent_loop.py", "generate"), ("/root/agents/mine.py", "run")],
        "KeyError: 'answer'",
        K.AGENT_CODE,
    ),
    "the processor of images": (
        [FIT, ("transformers/models/acme_vl/image_processing_acme_vl.py", "preprocess")],
        "ValueError: height is 0",
        K.TOKENIZATION,
    ),
    "answers that are no text": (
        [FIT, ("transformers/tokenization_utils_fast.py", "_decode")],
        "OverflowError: out of range",
        K.EXCEPTION,
    ),
    "the model, below torch's frames": (
        [FIT, TORCH, ("transformers/models/acme/modeling_acme.py", "forward"), TORCH],
        "RuntimeError: no storage",
        K.MODEL_CODE,
    ),
    "Megatron": ([FIT, ("megatron/core/transformer/moe/router.py", "forward")], "AssertionError", K.MEGATRON_CODE),
    "the loss": ([FIT, ("verl/trainer/ppo/core_algos.py", "compute_loss")], "KeyError: 'uid'", K.LOSS_CODE),
    "a converted checkpoint": (
        [("verl/model_merger/base.py", "save"), ("transformers/modeling_utils.py", "save")],
        "TypeError: no dict",
        K.MERGE_FAILED,
    ),
    "verl itself": ([FIT, ("verl/protocol.py", "union")], "AssertionError: not the same", K.FRAMEWORK_CODE),
    "verl itself, from a folder of its source": ([("/root/verl/verl/a.py", "f")], "NameError: y", K.FRAMEWORK_CODE),
    "code of a team": ([FIT, ("/root/mine/score.py", "judge")], "IndexError: list index", K.USER_CODE),
    "a check in code of a team": ([("/root/mine/score.py", "judge")], "AssertionError: no rows", K.ASSERTION),
    "a library that verl does not use": ([("acme/core.py", "judge")], "IndexError: list index", K.CODE_ERROR),
    "two versions of libraries": (
        [FIT, ("vllm/v1/core/sched.py", "step")],
        "AttributeError: 'AcmeConfig' object has no attribute 'head_dim'",
        K.LIBRARY_MISMATCH,
    ),
    "a plain value": (
        [FIT, ("vllm/v1/core/sched.py", "step")],
        "AttributeError: 'NoneType' object has no attribute 'head_dim'",
        K.ROLLOUT_CODE,
    ),
    "an argument of another version": (
        [FIT, ("vllm/engine/arg.py", "f")],
        "TypeError: Engine.__init__() got an unexpected keyword argument 'rate'",
        K.LIBRARY_MISMATCH,
    ),
    "an argument that a team typed": (
        [("verl/utils/config.py", "to_dataclass")],
        "TypeError: ActorConfig.__init__() got an unexpected keyword argument 'rate'",
        K.CONFIG_KEY,
    ),
    "the version of a library": (
        [FIT, ("verl/utils/acme.py", "f")],
        "AssertionError: please make sure acme-attn>=2.4 is there",
        K.LIBRARY_MISMATCH,
    ),
    "a number that is too small": ([FIT, ("verl/utils/acme.py", "f")], "AssertionError: rate >= 2.4", K.FRAMEWORK_CODE),
    "a checkpoint that the code has no function for": (
        [FIT, ("verl/trainer/ppo/ray_trainer.py", "_load_checkpoint")],
        "AttributeError: 'AcmeGroup' object has no attribute 'load_checkpoint'",
        K.LIBRARY_MISMATCH,
    ),
    "a reward function with other arguments": (
        [FIT, ("verl/experimental/reward_loop/naive.py", "run_single")],
        "TypeError: judge() got an unexpected keyword argument 'extra_info'",
        K.REWARD_CODE,
    ),
    "values of a reward function that have no score": (
        [FIT, ("verl/trainer/ppo/metric_utils.py", "process_validation_metrics")],
        "TypeError: unsupported operand",
        K.REWARD_CODE,
    ),
    "too few sequences for the groups": (
        [FIT, ("verl/utils/seqlen_balancing.py", "split")],
        "AssertionError: items:[1] < parts:[2]",
        K.BATCH_SIZE,
    ),
    "a template that rejects a prompt": (
        [FIT, ("transformers/processing_utils.py", "apply_chat_template")],
        "TypeError: no string",
        K.CHAT_TEMPLATE,
    ),
    "a value that is unsupported, of weights": (
        [FIT, ("mbridge/core/bridge.py", "load_weights")],
        "NotImplementedError: Unsupported parameter name: layers.0.acme",
        K.MODEL_UNSUPPORTED,
    ),
    "a value that is unsupported, of the engine": (
        [FIT, ("vllm/v1/core/sched.py", "step")],
        "ValueError: Unknown mode 7",
        K.ROLLOUT_CODE,
    ),
    "a value that is unsupported, of a team's code": (
        [("/root/mine/train.py", "main")],
        "ValueError: Unknown mode 7",
        K.CONFIG_VALUE,
    ),
    "a setting by its name": ([FIT, ("vllm/a.py", "f")], "ValueError: max_num_seqs is 0", K.CONFIG_VALUE),
    "Ray's own error": ([FIT], "ray.exceptions.RaySystemError: System error: broken", K.EXCEPTION),
}


@pytest.mark.parametrize("name", AREAS)
def test_the_part_that_raised_an_error_tells_its_kind(name: str) -> None:
    frames, error, kind = AREAS[name]
    found = diagnose(lay_out(frames, error))
    assert found is not None
    assert (found.kind, found.error) == (kind, error)


def test_the_place_is_the_newest_code_that_is_not_of_torch_or_ray() -> None:
    frames = [FIT, ("transformers/models/acme/modeling_acme.py", "forward"), TORCH, ("ray/worker.py", "get")]
    found = diagnose(lay_out(frames, "RuntimeError: no storage"))
    assert found is not None
    assert found.place == "transformers/models/acme/modeling_acme.py, line 7, in forward"


def test_an_error_without_a_traceback_has_no_place() -> None:
    found = diagnose("RuntimeError: no storage")
    assert found is not None
    assert (found.place, found.kind) == ("", K.RUNTIME_ERROR)


def test_a_known_cause_counts_before_one_that_the_place_alone_tells() -> None:
    guess = lay_out([FIT], "IndexError: list index out of range")
    known = lay_out([FIT], "FileNotFoundError: [Errno 2] No such file or directory: '/data/train.parquet'")
    chain = "\n\nDuring handling of the above exception, another exception occurred:\n\n"
    found = diagnose(guess + chain + known)
    assert found is not None
    assert found.kind is K.DATA_MISSING
