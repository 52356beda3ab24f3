"""Settings with which verl would fail, hang or waste its machines, by the rules of verl 0.9.1's own code. Pure."""

from collections.abc import Sequence

from bot.core.frameworks.verl.run_settings import RunSettings
from bot.core.model.recipe import Task
from bot.errors import UnsuitableSetting
from bot.phrase import N_, Phrase, Text, join_list

BATCH, MINI_BATCH, GROUP_SIZE = (
    "data.train_batch_size",
    "actor_rollout_ref.actor.ppo_mini_batch_size",
    "actor_rollout_ref.rollout.n",
)
TENSOR, DATA, PIPELINE = (
    f"actor_rollout_ref.rollout.{name}"
    for name in ("tensor_model_parallel_size", "data_parallel_size", "pipeline_model_parallel_size")
)
SEQUENCE = "actor_rollout_ref.actor.ulysses_sequence_parallel_size"
MEGATRON = tuple(
    f"actor_rollout_ref.actor.megatron.{name}"
    for name in ("tensor_model_parallel_size", "pipeline_model_parallel_size", "context_parallel_size")
)

SEPARATE_TRAINER = "separate_async"
"""The trainer whose rollouts have GPUs of their own."""

GROUPED_ESTIMATORS = ("grpo", "rloo", "reinforce_plus_plus_baseline", "grpo_passk", "gdpo", "opo")
"""Estimators that compare answers to the same prompt."""

FLASH_ATTENTION = ("flash-attn", "flash_attn")
"""Names under which a setup installs it."""

PADDING = N_("verl fills a batch up with padding that trains nothing.")


def refuse_unfit_run(task: Task, overrides: Sequence[str]) -> None:
    """Refuse a run that verl would refuse on the machines, or that would train on padding.

    Args:
        overrides: Hydra overrides, which the task's script passes on.

    Raises:
        UnsuitableSetting: a setting does not fit the number of GPUs, or another setting; the hint names one that does.
    """
    settings = RunSettings.read(task, overrides)
    refuse_critic_without_attention(settings, task)
    refuse_uneven_mini_batch(settings)
    if settings.gpus is None:
        return
    if settings.get("model_engine") == "megatron":
        refuse_uneven_training(settings, MEGATRON)
    else:
        refuse_uneven_training(settings, (SEQUENCE,))
        refuse_unequal_shares(settings, settings.nodes * settings.gpus)
    refuse_uneven_rollout(settings, settings.gpus)


def warn_of_group(task: Task, overrides: Sequence[str]) -> list[Text]:
    """Return a warning where an estimator compares the answers to a prompt, and each prompt has one."""
    settings = RunSettings.read(task, overrides)
    estimator = settings.get("algorithm.adv_estimator")
    if estimator not in GROUPED_ESTIMATORS or settings.get_number(GROUP_SIZE) != 1:
        return []
    return [
        Phrase(
            "`{estimator}` compares the answers to one prompt, and `{option}` is 1: set it to 8, for example.",
            estimator=estimator,
            option=GROUP_SIZE,
        )
    ]


def refuse_critic_without_attention(settings: RunSettings, task: Task) -> None:
    """Refuse a critic on machines without FlashAttention, which it always loads (`load_valuehead_model`).

    Only a container's image has it, unless the task's setup names it.

    Raises:
        UnsuitableSetting: the task has no image, and installs verl without FlashAttention.
    """
    setup = str(task.get("setup") or "")
    installs = "pip install" in setup and not any(name in setup for name in FLASH_ATTENTION)
    if (task.get("resources") or {}).get("image_id") or not settings.needs_critic or not installs:
        return
    raise UnsuitableSetting(
        Phrase("PPO's critic needs FlashAttention, which is in the recipe's image but not on machines without it."),
        Phrase(
            "Leave out `image=none`, launch a recipe without a critic such as `grpo`, or install `flash-attn` in the "
            "recipe's `setup`."
        ),
        setting="image",
    )


def refuse_uneven_rollout(settings: RunSettings, gpus: int) -> None:
    """Refuse engines of the rollout that do not share the GPUs out evenly.

    Raises:
        UnsuitableSetting: an engine's GPUs do not divide those of the run, or are on a part of a node.
    """
    if settings.get("trainer.v1.trainer_mode") == SEPARATE_TRAINER:
        return
    sizes = [settings.get_number(option) for option in (TENSOR, DATA, PIPELINE)]
    tensor, data, pipeline = (size or 0 for size in sizes)
    engine = tensor * data * pipeline
    if not engine or fits_nodes(engine, settings.nodes, gpus):
        return
    other = data * pipeline
    choices = [size for size in range(tensor, 0, -1) if fits_nodes(size * other, settings.nodes, gpus)]
    hint = Phrase("For example {choices}.", choices=f"`{TENSOR}={choices[0]}`") if choices else ""
    raise UnsuitableSetting(
        Phrase(
            "An engine of the rollout takes {engine} GPUs ({settings}), which must divide the GPUs: {nodes} × {gpus}.",
            engine=engine,
            settings=join_list(
                f"`{option}={size}`" for option, size in zip((TENSOR, DATA, PIPELINE), sizes, strict=True) if size != 1
            ),
            nodes=settings.nodes,
            gpus=gpus,
        ),
        hint,
        setting=TENSOR if TENSOR in settings.overridden else "gpus",
    )


def fits_nodes(engine: int, nodes: int, gpus: int) -> bool:
    """Return whether engines of so many GPUs use all GPUs, each within a node or on whole nodes.

    >>> fits_nodes(4, 1, 8), fits_nodes(4, 1, 2), fits_nodes(2, 2, 1), fits_nodes(3, 1, 8), fits_nodes(16, 2, 8)
    (True, False, True, False, True)
    """
    return nodes * gpus % engine == 0 and (gpus % engine == 0 or engine % gpus == 0)


def refuse_uneven_training(settings: RunSettings, options: Sequence[str]) -> None:
    """Refuse a training that is split into parts which do not divide the GPUs.

    Raises:
        UnsuitableSetting: the product of the parts does not divide the number of GPUs.
    """
    sizes = {option: settings.get_number(option) or 1 for option in options}
    parts = 1
    for size in sizes.values():
        parts *= size
    if (settings.all_gpus or 0) % parts == 0:
        return
    named = [option for option, size in sizes.items() if size != 1]
    raise UnsuitableSetting(
        Phrase(
            "{settings} splits the training over {parts} GPUs, which must divide the {gpus} GPUs of the run.",
            settings=join_list(f"`{option}={sizes[option]}`" for option in named),
            parts=parts,
            gpus=settings.all_gpus or 0,
        ),
        Phrase("For example {choices}.", choices=f"`{named[0]}=1`"),
        setting=named[0],
    )


def refuse_uneven_mini_batch(settings: RunSettings) -> None:
    """Refuse a batch that is no multiple of its mini-batch, which verl's default trainer pads silently.

    Raises:
        UnsuitableSetting: the batch is smaller than the mini-batch, or leaves a remainder.
    """
    batch, mini_batch = settings.get_number(BATCH), settings.get_number(MINI_BATCH)
    if not batch or not mini_batch or batch % mini_batch == 0:
        return
    fitting = max(size for size in range(1, min(batch, mini_batch) + 1) if batch % size == 0)
    raise UnsuitableSetting(
        Phrase(
            "`{batch_option}` is {batch}, which is not a multiple of `{mini_option}` ({mini_batch}). {why}",
            batch_option=BATCH,
            batch=batch,
            mini_option=MINI_BATCH,
            mini_batch=mini_batch,
            why=Phrase(PADDING),
        ),
        Phrase("For example {choices}.", choices=f"`{MINI_BATCH}={fitting}`"),
        setting=MINI_BATCH if MINI_BATCH in settings.overridden else BATCH,
    )


def refuse_unequal_shares(settings: RunSettings, gpus: int) -> None:
    """Refuse a mini-batch whose answers cannot be shared out equally among the GPUs (`train_mini_batch`).

    Raises:
        UnsuitableSetting: mini-batch × group leaves a remainder.
    """
    mini_batch, group = settings.get_number(MINI_BATCH), settings.get_number(GROUP_SIZE)
    shares = gpus // (settings.get_number(SEQUENCE) or 1)
    if not mini_batch or not group or mini_batch * group % shares == 0:
        return
    fitting = next(size for size in range(mini_batch, mini_batch + shares + 1) if size * group % shares == 0)
    raise UnsuitableSetting(
        Phrase(
            "`{mini_option}` × `{group_option}` is {size}, and must be a multiple of the {gpus} GPUs.",
            mini_option=MINI_BATCH,
            group_option=GROUP_SIZE,
            size=mini_batch * group,
            gpus=shares,
        ),
        Phrase("For example {choices}.", choices=f"`{MINI_BATCH}={fitting}`"),
        setting=MINI_BATCH,
    )
