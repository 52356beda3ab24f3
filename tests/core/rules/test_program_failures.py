"""Errors of programs, models, data, files and the network: each has a kind."""

import pytest

from bot.core.model.failure import FailureKind
from bot.core.rules.failure_search import classify_failure

ERRORS = [
    (FailureKind.GPU_UNSUPPORTED, "ValueError: Unsupported FA version: None"),
    (FailureKind.MODEL_UNKNOWN, "ValueError: No supported config format found in acme/llama-4b"),
    (FailureKind.DEVICE_MISMATCH, "AssertionError: Expects weight to be on the compute device cuda:1, was on cpu"),
    (FailureKind.MODEL_UNSUPPORTED, "ValueError: AcmeForCausalLM has no Acme implementation, and the other one fails"),
    (FailureKind.MODEL_UNSUPPORTED, "ValueError: Unsupported model acme_moe for now"),
    (FailureKind.CHAT_TEMPLATE, "ValueError: No chat template is set for this tokenizer."),
    (FailureKind.GPU_UNSUPPORTED, "ValueError: Bfloat16 is only supported on newer GPUs. Use half instead."),
    (FailureKind.DATA_INVALID, "pyarrow.lib.ArrowTypeError: Expected bytes, got a 'list' object"),
    (FailureKind.NETWORK, "httpx.HTTPStatusError: Server error '502 Bad Gateway' for url 'http://judge:80/v1'"),
    (FailureKind.PERMISSION_DENIED, "openai.AuthenticationError: the key is wrong"),
    (FailureKind.CONFIG_VALUE, "yaml.scanner.ScannerError: mapping values are not allowed here"),
    (FailureKind.LIBRARY_MISMATCH, 'RuntimeError: pool.empty() INTERNAL ASSERT FAILED at "x.cpp":12, please report'),
    (
        FailureKind.DEVICE_MISMATCH,
        "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:3 and cpu!",
    ),
    (
        FailureKind.NAN_LOSS,
        "RuntimeError: probability tensor contains either `inf`, `nan` or element < 0",
    ),
    (FailureKind.NAN_LOSS, "RuntimeError: Function 'MulBackward0' returned nan values in its 0th output."),
    (
        FailureKind.MODEL_UNKNOWN,
        "OSError: acme/llama-4b is not a local folder and is not a valid model identifier listed on 'https://hf.co'",
    ),
    (
        FailureKind.MODEL_UNKNOWN,
        "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1)",
    ),
    (
        FailureKind.MODEL_UNKNOWN,
        "huggingface_hub.errors.HFValidationError: Repo id must be in the form 'repo_name' or 'namespace/repo_name'",
    ),
    (
        FailureKind.PERMISSION_DENIED,
        "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the PutObject operation: no",
    ),
    (FailureKind.PERMISSION_DENIED, "botocore.exceptions.NoCredentialsError: Unable to locate credentials"),
    (FailureKind.PERMISSION_DENIED, "Forbidden: 403 x@acme does not have storage.objects.create access to the bucket"),
    (FailureKind.PERMISSION_DENIED, "fatal: Authentication failed for 'https://git.acme.dev/verl.git/'"),
    (
        FailureKind.RUNTIME_ENV,
        "ValueError: Local directory /tmp/pip/4 for URI pip://4 is missing: it failed while installing the runtime_env",
    ),
    (FailureKind.DATA_INVALID, "KeyError: 'pixel_values'"),
    (FailureKind.CONFIG_VALUE, "AssertionError: max_resp_len must be larger than overlong_buffer.len"),
    (FailureKind.PACKAGE_UNAVAILABLE, "fatal: repository 'https://git.acme.dev/verl.git/' not found"),
    (FailureKind.PACKAGE_UNAVAILABLE, "fatal: Remote branch v9 not found in upstream origin"),
    (FailureKind.HUGGING_FACE, "huggingface_hub.errors.GatedRepoError: 403 Client Error."),
    (
        FailureKind.NETWORK,
        "requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://hf.co/api",
    ),
    (FailureKind.NETWORK, "ConnectionResetError: [Errno 104] Connection reset by peer"),
    (
        FailureKind.NETWORK,
        "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='hf.co', port=443): Read timed out. (timeout=10)",
    ),
    (FailureKind.NETWORK, "socket.gaierror: [Errno -3] Temporary failure in name resolution"),
    (
        FailureKind.MODEL_UNSUPPORTED,
        "ValueError: The checkpoint has model type `new9` but Transformers does not recognize this architecture.",
    ),
    (
        FailureKind.MODEL_UNSUPPORTED,
        "ValueError: Model architectures ['New9ForCausalLM'] are not supported for now.",
    ),
    (
        FailureKind.REMOTE_CODE,
        "ValueError: acme/m contains custom code which must be executed to correctly load the model.",
    ),
    (
        FailureKind.CHAT_TEMPLATE,
        "ValueError: Cannot use chat template functions because tokenizer.chat_template is not set",
    ),
    (FailureKind.GPU_UNSUPPORTED, "RuntimeError: FlashAttention only supports Ampere GPUs or newer."),
    (FailureKind.CHECKPOINT_MISMATCH, "RuntimeError: Error(s) in loading state_dict for LlamaForCausalLM:"),
    (
        FailureKind.CHECKPOINT_MISMATCH,
        "ValueError: loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
    ),
    (
        FailureKind.CHECKPOINT_CORRUPT,
        "RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory",
    ),
    (FailureKind.CHECKPOINT_CORRUPT, "_pickle.UnpicklingError: invalid load key, 'v'."),
    (
        FailureKind.TENSOR_PARALLEL,
        "ValueError: Total number of attention heads (14) must be divisible by tensor parallel size (4).",
    ),
    (
        FailureKind.TENSOR_PARALLEL,
        "ValueError: World size (16) is larger than the number of available GPUs (8) in this node.",
    ),
    (
        FailureKind.PROMPT_TOO_LONG,
        "ValueError: The decoder prompt (length 2301) is longer than the maximum model length of 2048.",
    ),
    (
        FailureKind.PROMPT_TOO_LONG,
        "ValueError: The input (4100 tokens) is longer than the model's context length (4096 tokens).",
    ),
    (
        FailureKind.BATCHED_TOKENS,
        "ValueError: max_num_batched_tokens (2048) is smaller than max_model_len (4096).",
    ),
    (
        FailureKind.CONTEXT_LENGTH,
        "ValueError: User-specified max_model_len (9000) is greater than the derived max_model_len (4096).",
    ),
    (FailureKind.DATA_MISSING, "FileNotFoundError: Unable to find '/data/math/test.parquet'"),
    (FailureKind.DATA_MISSING, "datasets.exceptions.DatasetNotFoundError: Dataset 'acme/x' doesn't exist on the Hub"),
    (FailureKind.DATA_INVALID, "pyarrow.lib.ArrowInvalid: Parquet magic bytes not found in footer."),
    (FailureKind.DATA_INVALID, "ValueError: num_samples should be a positive integer, but got num_samples=0"),
    (FailureKind.CONFIG_KEY, "omegaconf.errors.ConfigKeyError: Key 'kl_loss' is not in struct"),
    (FailureKind.CONFIG_KEY, "TypeError: AlgoConfig.__init__() got an unexpected keyword argument 'beta'"),
    (FailureKind.CONFIG_KEY, "omegaconf.errors.MissingMandatoryValue: Missing mandatory value: data.train_files"),
    (FailureKind.MISSING_MODULE, "ModuleNotFoundError: No module named 'liger_kernel'"),
    (
        FailureKind.LIBRARY_MISMATCH,
        "ImportError: /x/flash_attn_2_cuda.so: undefined symbol: _ZN3c104cuda9SetDeviceEi",
    ),
    (FailureKind.LIBRARY_MISMATCH, "ImportError: cannot import name 'LLMEngine' from 'vllm' (/x/__init__.py)"),
    (
        FailureKind.LIBRARY_MISMATCH,
        "ImportError: /lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by x.so)",
    ),
    (FailureKind.PERMISSION_DENIED, "PermissionError: [Errno 13] Permission denied: '/ckpt/global_step_5'"),
    (FailureKind.PERMISSION_DENIED, "OSError: [Errno 30] Read-only file system: '/data/out'"),
    (FailureKind.FILE_MISSING, "FileNotFoundError: [Errno 2] No such file or directory: 'tools.yaml'"),
    (FailureKind.ROLLOUT_HANG, "ray.exceptions.GetTimeoutError: Get timed out: some object(s) not ready."),
    (FailureKind.NAN_LOSS, "AssertionError: Infinity or NaN in loss"),
    (FailureKind.BUILD_FAILED, "OSError: CUDA_HOME environment variable is not set. Please set it."),
    (FailureKind.LIBRARY_MISMATCH, "AttributeError: module 'vllm' has no attribute 'LLM'"),
    (
        FailureKind.MEGATRON_PARALLEL,
        "AssertionError: number of layers should be divisible by the pipeline parallel size",
    ),
    (FailureKind.TENSOR_PARALLEL, "RuntimeError: world_size (8) is not divisible by 16"),
    (FailureKind.CHECKPOINT_MISMATCH, "AssertionError: world size mismatch: the checkpoint has 8 ranks, this job 4"),
    (FailureKind.DIVISION_BY_ZERO, "ZeroDivisionError: float division by zero"),
    (FailureKind.NODE_MEMORY, "MemoryError"),
    (FailureKind.ASSERTION, "AssertionError: shape is off"),
    (FailureKind.TENSOR_SHAPE, "RuntimeError: stack expects each tensor to be equal size"),
    (FailureKind.TENSOR_SHAPE, "RuntimeError: shape '[1, -1, 28, 128]' is invalid for input of size 917504"),
    (FailureKind.TENSOR_SHAPE, "RuntimeError: expected mat1 and mat2 to have the same dtype, but got: float != half"),
    (FailureKind.RUNTIME_ERROR, "RuntimeError: the tables are turned"),
    (FailureKind.NETWORK, "docker: Error response from daemon: toomanyrequests: You have reached your pull limit."),
    (FailureKind.IMAGE_TOKENS, "ValueError: Image features and image tokens do not match: tokens: 9, features 16"),
    (FailureKind.CONFIG_VALUE, "ValueError: LoRA rank 128 is greater than max_lora_rank 64."),
    (FailureKind.CONFIG_VALUE, "ValueError: kv_cache_dtype must be one of ['auto', 'fp8'], got 'fp7'."),
    (
        FailureKind.MEGATRON_PARALLEL,
        "ValueError: num_attention_heads (14) must be a multiple of tensor_model_parallel_size",
    ),
    (
        FailureKind.MEGATRON_PARALLEL,
        "ValueError: num_moe_experts: 60 must be divisible by expert_model_parallel_size: 8",
    ),
    (FailureKind.MEGATRON_PARALLEL, "AssertionError: num_layers must be divisible by pipeline_model_parallel_size"),
    (FailureKind.CODE_ERROR, "KeyError: 'lr_warmup'"),
    (FailureKind.MISSING_MODULE, "RuntimeError: Failed to find C compiler. Please specify via CC."),
    (FailureKind.CHECKPOINT_MISSING, "m.core.CheckpointingException: Checkpoint directory /c/dist_ckpt does not exist"),
    (FailureKind.CODE_ERROR, "_pickle.PicklingError: Can't pickle <function f>: it's not the same object"),
    (FailureKind.CODE_ERROR, "AttributeError: 'NoneType' object has no attribute 'strip'"),
    (FailureKind.NETWORK, "openai.RateLimitError: Error code: 429 - {'error': {}}"),
    (FailureKind.NETWORK, "Exception: request failed after 5 tries, is the API server up?"),
    (FailureKind.NETWORK, "docker.errors.DockerException: Error: FileNotFoundError(2, 'No such file or directory')"),
    (FailureKind.CONFIG_KEY, "omegaconf.errors.UnsupportedInterpolationType: acme.select"),
    (FailureKind.WORKER_DIED, "EOFError"),
    (FailureKind.CHECKPOINT_CORRUPT, "EOFError: Ran out of input"),
    (FailureKind.RUNTIME_ENV, "ValueError: Failed to upload working_dir /job: Package size (9MiB) exceeds 5MiB"),
    (FailureKind.TENSOR_SHAPE, "ValueError: ids should be a 3D tensor of shape (4, batch, length)"),
    (FailureKind.TOOL_SERVER, "mcp.shared.exceptions.McpError: session closed"),
    (FailureKind.MISSING_MODULE, "AssertionError: acme_gemm is not available. Run `pip install acme_gemm`."),
    (FailureKind.LIBRARY_MISMATCH, "ImportError: acme_kernel could not load its operators"),
    (FailureKind.LIBRARY_MISMATCH, "ValueError: no attention backend for these inputs is available"),
    (FailureKind.KERNEL_COMPILE, "triton.runtime.errors.OutOfResources: out of resource: shared memory"),
    (FailureKind.KERNEL_COMPILE, "torch._inductor.exc.InductorError: LoweringException: x"),
    (FailureKind.FSDP_SETUP, "Exception: Could not find the transformer layer class Acme to wrap"),
    (FailureKind.NOTHING_TO_TRAIN, "ValueError: optimizer got an empty parameter list"),
    (FailureKind.IMAGE_LIMIT, "ValueError: At most 3 video(s) may be provided in one prompt."),
    (FailureKind.CONFIG_VALUE, "ValueError: Unsupported kl_penalty: k9"),
    (FailureKind.CONFIG_VALUE, "AssertionError: acme segments are not compatible with the acme pool"),
    (FailureKind.TENSOR_SHAPE, "AssertionError: both must have an identical batch size: 9 and 8"),
    (FailureKind.EXCEPTION, "my.own.StrangeError: whatever"),
]


@pytest.mark.parametrize(("kind", "line"), ERRORS, ids=[f"{kind}-{line[:30]}" for kind, line in ERRORS])
def test_an_exception_has_a_kind(kind: FailureKind, line: str) -> None:
    verdict = classify_failure(line)
    assert verdict is not None
    assert verdict[0] is kind


@pytest.mark.parametrize(
    "line",
    [
        "INFO torch.distributed is ready on all ranks",
        "UserWarning: torchtitan engine is not available: ModuleNotFoundError(\"No module named 'torchtitan'\")",
        "Port 8000 is already in use, trying port 8001",
        "'nccl_timeout': 600,",
        "file_system_monitor.cc:116: /tmp/ray/session_1 is over 95% full, available space: 12 GB.",
    ],
)
def test_a_line_of_a_healthy_log_has_none(line: str) -> None:
    assert classify_failure(line, is_exception=False) is None
