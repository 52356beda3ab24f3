"""A "cpu" platform for verl, and a generator in place of vLLM: what verl loads by `VERL_USE_EXTERNAL_MODULES`.

Every Ray worker imports it, in verl's environment, so it imports nothing of this project.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch
from transformers import PreTrainedModel
from verl.plugin.platform import PlatformBase
from verl.plugin.platform.platform_manager import PlatformRegistry
from verl.workers.rollout import base, replica

GIBIBYTE = 2**30
MAX_LORA_RANK = 512
"""vLLM's own."""


class CpuDevice(ModuleType):
    """What verl asks of `torch.cuda`, answered for a machine without one."""

    def __getattr__(self, name: str) -> Any:
        """Whatever `torch.cpu` has too."""
        return getattr(torch.cpu, name)

    @staticmethod
    def is_available() -> bool:
        return False

    @staticmethod
    def get_device_name(*_: Any) -> str:
        """A name that verl knows, for its table of speeds."""
        return "NVIDIA H100 80GB HBM3"

    @staticmethod
    def mem_get_info(*_: Any) -> tuple[int, int]:
        """Bytes that are free, and all."""
        return 8 * GIBIBYTE, 16 * GIBIBYTE

    @staticmethod
    def no_bytes(*_: Any) -> int:
        return 0

    @staticmethod
    def nothing(*_: Any) -> None:
        return None

    memory_allocated = memory_reserved = max_memory_allocated = max_memory_reserved = no_bytes
    empty_cache = ipc_collect = reset_peak_memory_stats = set_device = manual_seed = manual_seed_all = nothing
    set_per_process_memory_fraction = synchronize = nothing
    get_rng_state = staticmethod(lambda *_: torch.get_rng_state())
    set_rng_state = staticmethod(lambda state, *_: torch.set_rng_state(state))


@PlatformRegistry.register(platform="cpu")
class CpuPlatform(PlatformBase):
    """One "GPU" of Ray's is one process on this machine's CPU."""

    device_name = "cpu"
    vendor_name = "none"
    device_module = CpuDevice("verl_bed_device")

    def is_available(self) -> bool:
        return True

    def current_device(self) -> str:
        return "cpu"

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None:
        pass

    def synchronize(self, device_index: int | None = None) -> None:
        pass

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        pass

    def empty_cache(self) -> None:
        pass

    def get_device_capability(self, device_index: int = 0) -> tuple[None, None]:
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        yield

    def profiler_start(self) -> None:
        pass

    def profiler_stop(self) -> None:
        pass

    def ray_resource_name(self) -> str:
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

    def is_ipc_supported(self) -> bool:
        return False

    def cudart(self) -> None:
        return None


def load_replica() -> type:
    """Return the stand-in for vLLM; only the trainer's own process imports it."""
    from verl_bed_rollout import CpuReplica

    return CpuReplica


def get_vllm_max_lora_rank(lora_rank: int) -> int:
    """Return a rank that vLLM allows: here each up to its highest."""
    if not 0 < lora_rank <= MAX_LORA_RANK:
        raise ValueError(f"lora_rank must be from 1 to {MAX_LORA_RANK}, but got {lora_rank}")
    return lora_rank


# verl asks its part for vLLM, which takes vLLM itself.
for name in ("verl.workers.rollout.vllm_rollout", "verl.workers.rollout.vllm_rollout.utils"):
    sys.modules[name] = ModuleType(name)
sys.modules["verl.workers.rollout.vllm_rollout.utils"].get_vllm_max_lora_rank = get_vllm_max_lora_rank  # type: ignore[attr-defined]

# The recipes say `rollout.name=vllm`, and go on saying so.
base._ROLLOUT_REGISTRY["vllm", "async"] = "verl_bed_rollout.CpuServerAdapter"
replica.RolloutReplicaRegistry.register("vllm", load_replica)


def init_process_group(
    backend: str | None = None, *args: Any, _real: Any = torch.distributed.init_process_group, **named: Any
) -> None:
    """verl names a backend for the CPU and one for its device, which are the same here: torch takes each once."""
    _real("cpu:gloo" if backend == "cpu:gloo,cpu:gloo" else backend, *args, **named)


def choose_attention(
    self: PreTrainedModel,
    implementation: str | None,
    *args: Any,
    _real: Any = PreTrainedModel._check_and_adjust_attn_implementation,
    **named: Any,
) -> str:
    """flash-attn runs on GPUs alone, and verl's critic asks for it by name."""
    return _real(self, "sdpa" if implementation == "flash_attention_2" else implementation, *args, **named)


def stay_unpinned(self: torch.Tensor, *_: Any) -> torch.Tensor:
    """Memory is pinned for copies to a GPU."""
    return self


torch.distributed.init_process_group = init_process_group
torch.Tensor.pin_memory = stay_unpinned
PreTrainedModel._check_and_adjust_attn_implementation = choose_attention
