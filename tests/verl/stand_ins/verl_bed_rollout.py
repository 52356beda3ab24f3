"""A rollout server in which transformers generates, in place of vLLM's; and what a test wants to go wrong in it.

`VERL_BED_FAULT` holds JSON: `{"kind": …, "from_step": 2, "share": 0.1}`. From that version of the weights on, this
share of generations (all, unless said) does as `kind` says: `raise` an error, run `out_of_memory`, `hang`, or `die`
with the whole server. `VERL_BED_TOOL_CALLS` is the share of answers that call the calculator.
"""

import asyncio
import json
import logging
import os
import random
import signal
import time
from collections.abc import Iterator
from typing import Any

import ray
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from verl.workers.rollout.base import BaseRollout
from verl.workers.rollout.replica import RolloutReplica, TokenOutput

logger = logging.getLogger("verl.bed")

MOST_TOOL_CALLS = 2
"""In one conversation, so that each comes to its answer."""

TOOL_CALL = '<tool_call>\n{"name": "calculator", "arguments": {"expression": "3 + 4 * 2"}}\n</tool_call><|im_end|>'
OUT_OF_MEMORY = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.07 GiB is free."
)


def server_name(replica_rank: int) -> str:
    return f"vllm_server_{replica_rank}_0"


class CpuServerAdapter(BaseRollout):
    """The side in the trainer's workers: sends the weights over."""

    def __init__(self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1) -> None:
        super().__init__(config, model_config, device_mesh)
        rank, workers = int(os.environ["RANK"]), self.config.tensor_model_parallel_size
        self.replica_rank = rank // workers if replica_rank == -1 else replica_rank
        self.is_leader_rank = rank % workers == 0

    async def resume(self, tags: list[str]) -> None:
        pass

    async def release(self) -> None:
        pass

    async def update_weights(
        self,
        weights: Iterator[tuple[str, torch.Tensor]],
        global_steps: int | None = None,
        peft_config: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """All ranks gather each tensor; the first of a replica sends them. With LoRA, these are the adapters alone."""
        arrays = {name: tensor.detach().float().cpu().numpy() for name, tensor in weights}
        if self.is_leader_rank:
            server = ray.get_actor(server_name(self.replica_rank))
            scale = peft_config["lora_alpha"] / peft_config["r"] if peft_config else 0.0
            await server.load_weights.remote(arrays, global_steps, scale)


class Fault:
    """What goes wrong, as a test asked."""

    def __init__(self, text: str) -> None:
        found = json.loads(text or "{}")
        self.kind = found.get("kind", "")
        self.from_step = found.get("from_step", 0)
        self.share = found.get("share", 1.0)
        self.random = random.Random(0)

    async def strike(self, step: int) -> None:
        if not self.kind or step < self.from_step or self.random.random() >= self.share:
            return
        match self.kind:
            case "raise":
                raise RuntimeError("the tool's server answered 502 Bad Gateway")
            case "out_of_memory":
                raise torch.OutOfMemoryError(OUT_OF_MEMORY)
            case "hang":
                await asyncio.Event().wait()
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case kind:
                raise ValueError(f"VERL_BED_FAULT knows no {kind}")


class CpuServer:
    """The actor that generates, one token at a time."""

    def __init__(self, config: Any, model_config: Any) -> None:
        torch.set_num_threads(1)
        path = os.path.expanduser(model_config.path)
        self.config = config
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        # With LoRA vLLM reads the model from the disk, since verl sends no more than adapters.
        is_preloaded = config.load_format == "safetensors"
        self.model = (
            AutoModelForCausalLM.from_pretrained(path)
            if is_preloaded
            else AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(path))
        )
        self.model = self.model.float().eval()
        self.base = {name: tensor.clone() for name, tensor in self.model.state_dict().items()} if is_preloaded else {}
        self.fault = Fault(os.environ.get("VERL_BED_FAULT", ""))
        self.tool_calls = float(os.environ.get("VERL_BED_TOOL_CALLS", "0"))
        self.random = random.Random(0)
        self.step = 0

    async def load_weights(self, arrays: dict[str, Any], global_steps: int | None, scale: float = 0.0) -> None:
        """Take all weights; or adapters, which have a scale."""
        started = time.monotonic()
        found = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        if scale:
            found = self.merge(found, scale)
        missing = self.model.load_state_dict(found, strict=False)
        if missing.unexpected_keys:
            raise ValueError(f"weights that the model lacks: {missing.unexpected_keys}")
        self.step = global_steps or 0
        logger.info("weights of step %s loaded in %.2f s", self.step, time.monotonic() - started)

    def merge(self, adapters: dict[str, torch.Tensor], scale: float) -> dict[str, torch.Tensor]:
        """Return the weights of the layers that have adapters, with these in them."""
        merged = {}
        for name, down in adapters.items():
            layer, found, _ = name.removeprefix("base_model.model.").partition(".lora_A.")
            if found:
                up = adapters[name.replace(".lora_A.", ".lora_B.")]
                merged[f"{layer}.weight"] = self.base[f"{layer}.weight"] + scale * up @ down
        if not merged:
            raise ValueError(f"no adapters among {sorted(adapters)[:5]}")
        return merged

    async def set_global_steps(self, global_steps: int) -> None:
        self.step = global_steps

    async def abort_all_requests(self, reject_request: bool = False) -> dict[str, Any]:
        return {"aborted_count": 0, "request_ids": []}

    async def nothing(self, **_: Any) -> None:
        pass

    wake_up = sleep = clear_kv_cache = release_kv_cache = resume_kv_cache = resume_generation = nothing
    start_profile = stop_profile = nothing

    async def generate(
        self, prompt_ids: list[int], sampling_params: dict[str, Any], request_id: str, **_: Any
    ) -> TokenOutput:
        await self.fault.strike(self.step)
        room = self.config.prompt_length + self.config.response_length - len(prompt_ids)
        length = max(1, min(sampling_params.get("max_tokens") or room, self.config.response_length, room))
        if self.calls_a_tool(prompt_ids):
            ids = self.tokenizer.encode(TOOL_CALL, add_special_tokens=False)[:length]
            return self.output(ids, [-1.0] * len(ids))
        await asyncio.sleep(0)
        return self.output(*self.sample(prompt_ids, length, sampling_params.get("temperature", 1.0)))

    def calls_a_tool(self, prompt_ids: list[int]) -> bool:
        """Whether this answer is a call, if the conversation has not had its calls already."""
        opening = self.tokenizer.convert_tokens_to_ids("<tool_call>")
        # The system's message shows one call, as an example.
        return self.random.random() < self.tool_calls and prompt_ids.count(opening) <= MOST_TOOL_CALLS

    @torch.no_grad()
    def sample(self, prompt_ids: list[int], length: int, temperature: float) -> tuple[list[int], list[float]]:
        """Sample up to `length` tokens, and the logarithm of each one's probability; the likeliest at temperature 0."""
        ids: list[int] = []
        logarithms: list[float] = []
        cache, words = None, torch.tensor([prompt_ids])
        while len(ids) < length:
            result = self.model(words, past_key_values=cache, use_cache=True)
            cache = result.past_key_values
            scores = torch.log_softmax(result.logits[0, -1] / (temperature or 1.0), dim=-1)
            chosen = int(torch.multinomial(scores.exp(), 1)) if temperature else int(scores.argmax())
            ids.append(chosen)
            logarithms.append(float(scores[chosen]))
            if chosen == self.tokenizer.eos_token_id:
                break
            words = torch.tensor([[chosen]])
        return ids, logarithms

    def output(self, ids: list[int], logarithms: list[float]) -> TokenOutput:
        return TokenOutput(
            token_ids=ids,
            log_probs=logarithms,
            stop_reason="completed",
            num_preempted=0,
            extra_fields={"global_steps": self.step},
        )


class CpuReplica(RolloutReplica):
    """The side in verl's trainer: starts the server beside the workers."""

    async def launch_servers(self) -> None:
        # vLLM's replica has the same check, which a tensor-parallel size larger than the GPUs fails.
        if len(self.workers) != self.world_size:
            raise AssertionError(f"worker number {len(self.workers)} not equal to world size {self.world_size}")
        options = {"name": server_name(self.replica_rank), "max_concurrency": 1000, "num_cpus": 0}
        server = ray.remote(CpuServer).options(**options).remote(self.config, self.model_config)
        await server.set_global_steps.remote(0)
        self.servers.append(server)
        self._server_handle, self._server_address = server, f"127.0.0.1:{40000 + self.replica_rank}"
