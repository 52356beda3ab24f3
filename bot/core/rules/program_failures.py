"""Texts by which failures of programs are known: of Python, packages, models, data, files and the network.

They come after the framework's own, in the order that counts: the first kind that occurs is a line's. (Sources: the
messages of CPython, torch 2, transformers 4, huggingface_hub, vLLM, Megatron-LM, OmegaConf, requests, git and apt.)
"""

from collections.abc import Sequence

from bot.core.model.failure import FailureKind, FailureTexts

LAST_TEXTS: Sequence[FailureTexts] = (
    FailureTexts(
        FailureKind.NETWORK,
        "^wandb: … network error | ^wandb: … timed out | ^wandb: … connection | ^wandb. … commerror … timed out | "
        "^wandb. … commerror … timeout | ^wandb. … commerror … connection | ^wandb. … commerror … max retries",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.TOOL_SERVER,
        "mcperror:  | mcp.shared.exceptions | fastmcp.exceptions",
    ),
    FailureTexts(
        FailureKind.WANDB,
        "^wandb: error",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.WANDB,
        "^wandb. … error",
    ),
    FailureTexts(
        FailureKind.DEVICE_MISMATCH,
        "to be on the same device | on the compute device | and weight type … should be the same | "
        "expected device … but got device",
    ),
    FailureTexts(
        FailureKind.NAN_LOSS,
        "contains either `inf`, `nan` | returned nan values in its | found invalid values … nan | loss is nan | "
        "nan in loss | nan loss | nan detected in loss | loss is not finite | nan or inf in loss",
    ),
    FailureTexts(
        FailureKind.MODEL_UNKNOWN,
        "repositorynotfounderror | revisionnotfounderror | is not a valid model identifier | "
        "incorrect path_or_model_id | no supported config format | hfvalidationerror | "
        "does not appear to have a file named | "
        "entrynotfounderror | no file named … found in directory | can't load tokenizer for | "
        "offlinemodeisenabled",
    ),
    FailureTexts(
        FailureKind.HUGGING_FACE,
        "401 client error | 403 client error … huggingface | ^invalid user token",
    ),
    FailureTexts(
        FailureKind.NETWORK,
        "429 client error | too many requests | toomanyrequests | error code: 429 | error code: 500 | "
        "error code: 502 | error code: 503 | error code: 504 | apiconnectionerror | apitimeouterror | ratelimiterror | "
        "connecterror | pooltimeout | writetimeout | connection refused | connection attempts failed | "
        "servertimeouterror | statuscode.unavailable | docker.errors. | kubernetes.client.exceptions | "
        "redis.exceptions. | pymongo.errors. | elastic_transport. | "
        "error sending request | request error | request failed | failed to connect | "
        "could not connect | cannot connect | unable to connect | no route to host | is unreachable | "
        "api server | "
        "500 server error | 502 server error | 503 server error | "
        "504 server error | returned error: 429 | returned error: 50 | connection reset by peer | "
        "connectionreseterror | connectionrefusederror | connectionabortederror | connectionerror | "
        "clientconnectorerror | clientoserror | serverdisconnectederror | remotedisconnected | protocolerror | "
        "chunkedencodingerror | incompleteread | readtimeout | connecttimeout | read timed out | "
        "connection timed out | max retries exceeded | temporary failure in name resolution | "
        "name or service not known | failed to resolve | could not resolve host | gaierror | sslerror | "
        "exceptions.timeout | timeoutexception | httpstatuserror | urlopen error | clientresponseerror | "
        "deadline exceeded | deadline_exceeded | service unavailable | bad gateway | gateway timeout | "
        "unexpected_eof_while_reading | we couldn't connect to 'https:// | localentrynotfounderror | "
        "unable to access 'https:// | rpc failed; curl | early eof",
    ),
    FailureTexts(
        FailureKind.NETWORK,
        "could not resolve host | toomanyrequests:  | "
        "returned error: 429 | returned error: 50 | ^fatal: unable to access | "
        "^error: rpc failed; curl | ^e: failed to fetch | ^e: unable to fetch | failed to download … timed out",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.CONTAINER,
        "pyxis: container start failed | pyxis: couldn't start container | pyxis: failed to import | "
        "oci runtime create failed | oci runtime exec failed | failed to create shim task | nvidia-container-cli:  | "
        "error response from daemon:  | failed to pull image | failed to pull and unpack | errimagepull | "
        "imagepullbackoff | invalidimagename | createcontainererror | createcontainerconfigerror | "
        "runcontainererror | exec format error | ^fatal:   | while making image from oci registry",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.REMOTE_CODE,
        "trust_remote_code=true | contains custom code which must be executed",
    ),
    FailureTexts(
        FailureKind.MODEL_UNSUPPORTED,
        "does not recognize this architecture | has no … implementation | "
        "unsupported model | model type … is not | model … is not supported | model … not supported yet | "
        "architecture … is not supported | model architectures … are not supported | "
        "unrecognized model in | unrecognized configuration class | has no vllm implementation | "
        "failed to be inspected",
    ),
    FailureTexts(
        FailureKind.CHAT_TEMPLATE,
        "chat_template is not set | no chat template | cannot use chat template | jinja2.exceptions.",
    ),
    FailureTexts(
        FailureKind.GPU_UNSUPPORTED,
        "flashattention only supports ampere | unsupported fa version | compute capability | "
        "bfloat16 is only supported | "
        "does not support bfloat16 | only supported on gpus with compute capability | "
        "not supported on this gpu",
    ),
    FailureTexts(
        FailureKind.CHECKPOINT_MISMATCH,
        "error(s) in loading state_dict | world size mismatch | missing key(s) in state_dict | "
        "unexpected key(s) in state_dict | size mismatch for | size mismatch between saved | "
        "missing key in checkpoint state_dict | doesn't match the size of optimizer's group | "
        "has a different number of parameter groups | loaded state dict contains a parameter group | "
        "shape mismatch for loaded",
    ),
    FailureTexts(
        FailureKind.CHECKPOINT_CORRUPT,
        "pytorchstreamreader failed | failed finding central directory | invalid load key | unpicklingerror | "
        "eoferror: ran out of input | the file might be corrupted | error while deserializing header | "
        "invalid header | metadataincompletebuffer",
    ),
    FailureTexts(
        FailureKind.SEQUENCE_PARALLEL,
        "first dimension of the tensor should be divisible by tensor parallel size | ulysses | sequence parallel",
    ),
    FailureTexts(
        FailureKind.MEGATRON_PARALLEL,
        "multiple of tensor_model_parallel_size | multiple of tensor_parallel_size | num_moe_experts … divisible | "
        "experts … divisible by expert | divisible by expert_model_parallel_size | "
        "number of experts … expert parallel | num_layers … pipeline | number of layers … pipeline | "
        "divisible by pipeline | virtual_pipeline_model_parallel_size | num_query_groups … multiple | "
        "multiple of context_parallel_size | divisible by context_parallel_size",
    ),
    FailureTexts(
        FailureKind.TENSOR_PARALLEL,
        "attention heads … divisible by | divisible by tensor parallel size | "
        "divisible by tensor_model_parallel_size | divisible by tensor-model-parallel-size | "
        "divisible by tp_size | is not divisible by tensor_model_parallel_size | "
        "num_attention_heads … divisible | num_query_groups … divisible | "
        "kv heads … divisible | world size … is larger than the number of available gpus | "
        "required gpus exceeds the total number of available gpus | "
        "pipeline_model_parallel_size | is not divisible … parallel | "
        "parallel size … is not divisible",
    ),
    FailureTexts(
        FailureKind.PROMPT_TOO_LONG,
        "prompt length of … is longer than | prompt (length … is longer than | prompt length … is longer than | "
        "maximum context length is … however, you requested | is longer than the model's context length | "
        "exceeds the maximum allowed length | exceeds the model's maximum context length | "
        "exceeds model's maximum context length | max_tokens must be at least 1, got",
    ),
    FailureTexts(
        FailureKind.IMAGE_TOKENS,
        "image features and image tokens do not match | video features and video tokens do not match | "
        "image tokens … do not match | mismatch in `image` token count | multimodal placeholders",
    ),
    FailureTexts(
        FailureKind.BATCHED_TOKENS,
        "max_num_batched_tokens … is smaller than | max_num_batched_tokens is smaller than",
    ),
    FailureTexts(
        FailureKind.IMAGE_LIMIT,
        "at most … may be provided in one",
    ),
    FailureTexts(
        FailureKind.CONTEXT_LENGTH,
        "is greater than the derived max_model_len | greater than the derived context_length | indexing errors | "
        "unable to determine model context length | context length should be greater than",
    ),
    FailureTexts(
        FailureKind.DATA_MISSING,
        "filenotfounderror … .parquet | no such file or directory … .parquet | filenotfounderror … .jsonl | "
        "datafilesnotfounderror | datasetnotfounderror | unable to find … .parquet | couldn't find a dataset | "
        "couldn't find any data file",
    ),
    FailureTexts(
        FailureKind.DATA_INVALID,
        "dataloader is empty | got num_samples=0 | parquet magic bytes | arrowinvalid | datasetgenerationerror | "
        "dataset is empty | jsondecodeerror | pyarrow.lib. | pandas.errors. | polars.exceptions.",
    ),
    FailureTexts(
        FailureKind.CHECKPOINT_MISSING,
        "filenotfounderror … .pt' | filenotfounderror … .distcp | filenotfounderror … checkpoint | "
        "checkpointexception | checkpointingexception … does not exist | cannot find checkpoint",
    ),
    FailureTexts(
        FailureKind.CONFIG_KEY,
        "is not in struct | unexpected keyword argument | instantiationexception | error in call to target | "
        "error locating target | configattributeerror | configkeyerror | missingmandatoryvalue | "
        "omegaconf.errors.",
    ),
    FailureTexts(
        FailureKind.RUNTIME_ENV,
        "failed to upload working_dir | package size … exceeds | installing the runtime_env | "
        "failed to install pip packages",
    ),
    FailureTexts(
        FailureKind.CONFIG_KEY,
        "error: unrecognized arguments:",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.BUILD_FAILED,
        "the detected cuda version … mismatches | cuda_home environment variable is not set | ninja build failed | "
        "error building extension | nvcc: not found",
    ),
    FailureTexts(
        FailureKind.PACKAGE_UNAVAILABLE,
        "no matching distribution found | could not find a version that satisfies | resolutionimpossible | "
        "conflicting dependencies | no solution found when resolving | unable to locate package | "
        "^fatal: repository … not found | ^remote: repository not found | ^fatal: remote branch … not found | "
        "^error: pathspec … did not match",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.MISSING_MODULE,
        "failed to find c compiler | modulenotfounderror | no module named | packagenotfounderror | "
        "seems to be not installed | "
        "requires the following packages that were not found | distributionnotfound",
    ),
    FailureTexts(
        FailureKind.LIBRARY_MISMATCH,
        "undefined symbol | internal assert failed | module 'vllm … has no attribute | "
        "module 'transformers … has no attribute | "
        "module 'flash_attn … has no attribute | module 'sglang … has no attribute | cannot import name | "
        "version `glibc | cannot open shared object file | binary incompatibility | "
        "is not compatible with this build | compiled using numpy 1.x | "
        "version mismatch: the cluster was started with | for a normal functioning of this module | "
        "partially initialized module | versionconflict | mismatched versions | compatible with … installed | "
        "no dot product attention backend | attention backend … is available | descriptors cannot be created",
    ),
    FailureTexts(
        FailureKind.MISSING_MODULE,
        "pip install | pip3 install | uv pip | please install | is not installed",
    ),
    FailureTexts(
        FailureKind.LIBRARY_MISMATCH,
        "^importerror",
    ),
    FailureTexts(
        FailureKind.KERNEL_COMPILE,
        "ptxas | codegen error | outofresources | inductorerror | backendcompilerfailed | torch._dynamo.exc. | "
        "triton.compiler. | triton.runtime.errors | compilationerror | nvrtc error",
    ),
    FailureTexts(
        FailureKind.KERNEL_COMPILE,
        "ptxas fatal",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.FSDP_SETUP,
        "transformer layer class | use_orig_params",
    ),
    FailureTexts(
        FailureKind.NOTHING_TO_TRAIN,
        "does not require grad and does not have a grad_fn | optimizer got an empty parameter list | "
        "target modules … not found in the base model | no trainable parameters",
    ),
    FailureTexts(
        FailureKind.PERMISSION_DENIED,
        "permissionerror | permission denied | read-only file system | operation not permitted | accessdenied | "
        "access denied | an error occurred (403) | an error occurred (forbidden) | not authorized to perform | "
        "does not have storage. | insufficient permission | authorizationpermissionmismatch | expiredtoken | "
        "invalidaccesskeyid | signaturedoesnotmatch | nocredentialserror | unable to locate credentials | "
        "defaultcredentialserror | authenticationerror | unauthorized | invalid api key",
    ),
    FailureTexts(
        FailureKind.PERMISSION_DENIED,
        "permission denied (publickey | ^fatal: authentication failed | ^fatal: could not read username for",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.FILE_MISSING,
        "filenotfounderror | no such file or directory | notadirectoryerror",
    ),
    FailureTexts(
        FailureKind.FILE_MISSING,
        "can't open file '",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.ROLLOUT_HANG,
        "asyncio.exceptions.timeouterror | ^timeouterror",
    ),
    FailureTexts(
        FailureKind.DIVISION_BY_ZERO,
        "zerodivisionerror",
    ),
    FailureTexts(
        FailureKind.NODE_MEMORY,
        "^memoryerror",
    ),
    FailureTexts(
        FailureKind.CONFIG_VALUE,
        "validationerror | yaml.scanner. | yaml.parser. | argumenterror | "
        "validation error for | validation errors for | is greater than max_lora_rank | "
        "valueerror … must be one of | valueerror … should be one of | valueerror … expected one of | "
        "valueerror … invalid value for | valueerror … must be positive | valueerror … must be greater than | "
        "valueerror … must be less than | valueerror … must be between | valueerror … must be at least | "
        "unknown quantization method | notimplementederror … is not supported | "
        "valueerror: unknown | valueerror: unsupported | notimplementederror: unknown | "
        "notimplementederror: unsupported | not compatible with | incompatible with | cannot be used with | "
        "cannot be used together | mutually exclusive | not registered | "
        "flashattention only support fp16 and bf16",
    ),
    FailureTexts(
        FailureKind.TENSOR_SHAPE,
        "is invalid for input of size | shapes cannot be multiplied | must match the size of tensor | "
        "must match the existing size | to have the same dtype | expected scalar type | "
        "stack expects each tensor to be equal size | sizes of tensors must match | shape mismatch:  | "
        "size does not match | could not broadcast | dtype mismatch | dimension out of range | "
        "tensor of shape | must have shape | expected shape | wrong shape | invalid shape | incompatible shape | "
        "should have the same shape | identical batch size | cannot be concatenated",
    ),
    FailureTexts(
        FailureKind.ASSERTION,
        "^assertionerror",
    ),
    FailureTexts(
        FailureKind.RUNTIME_ERROR,
        "^runtimeerror",
    ),
    FailureTexts(
        FailureKind.CODE_ERROR,
        "^attributeerror | ^typeerror | ^nameerror | ^unboundlocalerror | ^indexerror | ^keyerror | ^valueerror | "
        "^syntaxerror | ^indentationerror | ^notimplementederror | ^recursionerror | picklingerror | "
        "^unicodedecodeerror",
    ),
)
