"""How large a training will be: its memory on each GPU and machine, and its checkpoints. Estimates, and pure.

verl 0.9.1 trains with FSDP in `model_dtype`, 32-bit floats unless set otherwise: weights, gradients and Adam's two
moments, so 16 bytes for each parameter, shared by the GPUs. What is offloaded returns to the GPU for each update, but
for `offload_policy`. A checkpoint has the weights and the moments. The number of parameters is the one in the model's
name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.frameworks.verl.options import find_memory
from bot.core.frameworks.verl.run_settings import RunSettings
from bot.core.model.accelerators import find_gpu_gigabytes
from bot.core.model.recipe import Task, parse_accelerators
from bot.core.model.resources import get_cloud_name
from bot.phrase import Phrase, Text

MODEL, CRITIC_MODEL = "actor_rollout_ref.model.path", "critic.model.path"
ACTOR_FSDP, CRITIC_FSDP = "actor_rollout_ref.actor.fsdp_config", "critic.fsdp"
KEPT, CRITIC_KEPT = "trainer.max_actor_ckpt_to_keep", "trainer.max_critic_ckpt_to_keep"
LORA_RANK = "actor_rollout_ref.model.lora_rank"

PARAMETERS_IN_NAME = re.compile(r"(?<![A-Za-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([BbMm])(?![A-Za-z0-9])")
"""`7B`, `0.5B`, `135M` or `8x7B` in a model's name; not the `A3B` of a mixture of experts, which counts active ones."""

WEIGHT_BYTES, GRADIENT_BYTES, MOMENT_BYTES = 4, 4, 8
"""Bytes of a parameter in 32-bit floats; half of that in 16 bits."""

MODEL_COPY_BYTES = 2
"""Bytes of a parameter of a downloaded model, and of a checkpoint's copy for Hugging Face."""

MEMORY_SHARE = 0.95
"""Share of a GPU's memory that a training may fill: the rest is CUDA's own. Activations are not counted."""

HOST_SHARE = 0.8
"""Share of a machine's memory that offloaded weights may fill: Ray and its store need the rest."""

DEFAULT_DISK_GIGABYTES = 256
"""Disk that SkyPilot gives a cloud's machine unless `disk_size` says else. (Source: SkyPilot's page of the task.)"""

SYSTEM_GIGABYTES = 60
"""Disk that the system, verl's image and its packages take. (Estimate: the image has 25 GB packed.)"""

PLACES_WITHOUT_DISK_SIZE = ("kubernetes", "slurm", "ssh", "local")
"""Places where a task's `disk_size` does not say how large a disk is."""


@dataclass(frozen=True, slots=True)
class CheckpointForecast:
    """How large checkpoints will be, all nodes together.

    Attributes:
        one: gigabytes of one, the critic's too.
        kept: how many are kept; None for all.
    """

    one: float
    kept: int | None

    @property
    def all(self) -> float | None:
        """Return the gigabytes of those that are on the disk at once; None where all are kept."""
        # verl deletes the only one once the next is complete.
        return None if self.kept is None else self.one * max(self.kept, 2)


def count_parameters(model: str) -> float | None:
    """Return the billions of parameters that a model's name tells; None where it tells none.

    >>> [count_parameters(name) for name in ("Qwen2.5-7B-Instruct", "Qwen3-30B-A3B", "SmolLM-135M", "8x7B", "gpt2")]
    [7.0, 30.0, 0.135, 56.0, None]
    """
    sizes = [
        float(size) * int(experts or 1) / (1 if unit in "Bb" else 1000)
        for experts, size, unit in PARAMETERS_IN_NAME.findall(model)
    ]
    return max(sizes, default=0.0) or None


def forecast_checkpoints(settings: RunSettings) -> CheckpointForecast | None:
    """Return how large the checkpoints will be; None where the model's size is not known."""
    actor, critic = count_parameters(settings.get(MODEL)), count_parameters(settings.get(CRITIC_MODEL))
    if not actor or (settings.needs_critic and not critic):
        return None
    trained = 0 if is_lora(settings) else MOMENT_BYTES
    contents = settings.get("actor_rollout_ref.actor.checkpoint.save_contents")
    copy = MODEL_COPY_BYTES if "hf_model" in contents else 0
    one = actor * (WEIGHT_BYTES + trained + copy)
    if settings.needs_critic and critic:
        one += critic * (WEIGHT_BYTES + MOMENT_BYTES)
    kept = [settings.get_number(KEPT), settings.get_number(CRITIC_KEPT) if settings.needs_critic else 1]
    return CheckpointForecast(one, None if None in kept else max(number for number in kept if number is not None))


def is_lora(settings: RunSettings) -> bool:
    return bool(settings.get_number(LORA_RANK) or settings.get_number("actor_rollout_ref.model.lora.rank"))


def describe_checkpoint_sizes(task: Task, overrides: Sequence[str]) -> Text:
    """Return how large the checkpoints of a run will be; empty where that is not known."""
    forecast = forecast_checkpoints(RunSettings.read(task, overrides))
    if forecast is None:
        return ""
    if forecast.all is None:
        return Phrase("checkpoints: about {size} GB each, and all are kept", size=format_gigabytes(forecast.one))
    return Phrase(
        "checkpoints: about {size} GB each, up to {all} GB at once",
        size=format_gigabytes(forecast.one),
        all=format_gigabytes(forecast.all),
    )


def list_size_warnings(task: Task, overrides: Sequence[str]) -> list[Text]:
    """Return what will not fit: the training on its GPUs, what is offloaded, and checkpoints on the disk."""
    settings = RunSettings.read(task, overrides)
    warnings = [warn_of_gpu_memory(settings, task), warn_of_host_memory(settings, task), warn_of_disk(settings, task)]
    return [warning for warning in warnings if warning]


def warn_of_gpu_memory(settings: RunSettings, task: Task) -> Text:
    """Return a warning where weights, gradients and moments do not fit a GPU; empty where they do, or it is unknown."""
    accelerators, billions = parse_accelerators(task), count_parameters(settings.get(MODEL))
    gigabytes = find_gpu_gigabytes(accelerators.name) if accelerators else None
    shards = settings.get_number(f"{ACTOR_FSDP}.fsdp_size") or -1
    shards = shards if shards > 0 else settings.all_gpus or 0
    is_fsdp = settings.get("model_engine") in ("", "dp")
    if not gigabytes or not billions or not shards or accelerators is None or not is_fsdp or is_lora(settings):
        return ""
    if settings.is_on(f"{ACTOR_FSDP}.offload_policy"):
        return ""
    half = 2 if settings.get(f"{ACTOR_FSDP}.model_dtype") in ("bf16", "bfloat16", "fp16", "float16") else 1
    size = (WEIGHT_BYTES + GRADIENT_BYTES + MOMENT_BYTES) // half
    needed = billions * size / shards
    if needed <= gigabytes * MEMORY_SHARE:
        return ""
    return Phrase(
        "The training needs about {needed} GB on each GPU, and one {gpu} has {size} GB: {bytes} bytes (weights, "
        "gradients, Adam) × {billions} billion parameters ÷ the number of GPUs ({shards}). Take at least {enough} "
        "GPUs, a smaller model, or LoRA (`{option}=32`).",
        needed=format_gigabytes(needed),
        gpu=accelerators.name,
        size=gigabytes,
        bytes=size,
        billions=f"{billions:g}",
        shards=shards,
        enough=int(-(-billions * size // (gigabytes * MEMORY_SHARE))),
        option=LORA_RANK,
    )


def warn_of_host_memory(settings: RunSettings, task: Task) -> Text:
    """Return a warning where what is offloaded does not fit a machine's memory; empty where it does, or is unknown."""
    memory = find_memory(task)
    offloaded = 0.0
    for model, fsdp in ((MODEL, ACTOR_FSDP), (CRITIC_MODEL, CRITIC_FSDP if settings.needs_critic else "")):
        billions = count_parameters(settings.get(model)) or 0.0
        moments = MOMENT_BYTES if fsdp and settings.is_on(f"{fsdp}.optimizer_offload") else 0
        weights = WEIGHT_BYTES if fsdp and settings.is_on(f"{fsdp}.param_offload") else 0
        offloaded += billions * (weights + moments) / settings.nodes
    if memory is None or offloaded <= memory * HOST_SHARE:
        return ""
    return Phrase(
        "The offloaded weights and optimizer need about {needed} GB of each machine's memory, and the recipe asks for "
        "{size} GB (`memory`).",
        needed=format_gigabytes(offloaded),
        size=format_gigabytes(memory),
    )


def warn_of_disk(settings: RunSettings, task: Task) -> Text:
    """Return a warning where checkpoints do not fit the disk of a machine; empty where they do, or it is unknown.

    Each node has its part of a checkpoint.
    """
    forecast, resources = forecast_checkpoints(settings), task.get("resources") or {}
    typed = str(resources.get("disk_size") or "").removesuffix("GB").strip()
    is_vm = get_cloud_name(resources) not in ("", *PLACES_WITHOUT_DISK_SIZE)
    disk = float(typed) if typed.isdecimal() and len(typed) < 10 else DEFAULT_DISK_GIGABYTES if is_vm else None
    if forecast is None or disk is None or task.get("volumes"):
        return ""
    models = {settings.get(MODEL), settings.get(CRITIC_MODEL) if settings.needs_critic else ""}
    copies = sum(count_parameters(model) or 0.0 for model in models) * MODEL_COPY_BYTES
    needed = (forecast.all or forecast.one) / settings.nodes + SYSTEM_GIGABYTES + copies
    if needed <= disk:
        return ""
    return Phrase(
        "A machine needs about {needed} GB of disk for the system, the model and checkpoints, and has {size} GB "
        "(`disk_size` in the recipe). Keep fewer checkpoints (`{option}=1`), or write them to a volume.",
        needed=format_gigabytes(needed),
        size=format_gigabytes(disk),
        option=KEPT,
    )


def format_gigabytes(size: float) -> str:
    """Return gigabytes as people read them.

    >>> format_gigabytes(6.04), format_gigabytes(111.6), format_gigabytes(2300)
    ('6', '112', '2,300')
    """
    return f"{size:.1f}" if size < 1 else f"{round(size):,}"
