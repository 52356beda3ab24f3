"""Description of a failed run: its first error, the likely cause, the remedy, what is lost. Pure."""

import re
from datetime import datetime

from bot.core.digest import Digest, Kind
from bot.core.failure import diagnose
from bot.core.loss import loss
from bot.core.run import Run
from bot.language import mark
from bot.slack import models, words
from bot.slack.phrases import listing, say, say_many, together
from bot.slack.text import Markup, code, escape, joined

SHOWN_ERROR = 200
"""Maximum characters of an error in a headline; the excerpt has more."""

CAUSES = {
    Kind.GPU_MEMORY: mark("A GPU ran out of memory."),
    Kind.NODE_MEMORY: mark("A node ran out of main memory, and Ray ended a worker."),
    Kind.NCCL_TIMEOUT: mark("The GPUs waited for one of them until NCCL gave up; most often it had died or hung."),
    Kind.NCCL_ERROR: mark("The GPUs could not talk to each other."),
    Kind.WORKER_DIED: mark("A worker died without a word; most often its machine had no memory left."),
    Kind.DISK_FULL: mark("A disk is full."),
    Kind.HUGGING_FACE: mark("Hugging Face did not give out a model or a data set."),
    Kind.WANDB: mark("Weights & Biases refused, or was out of reach."),
    Kind.DATA_MISSING: mark("A file of the data is not there."),
    Kind.OVERRIDE: mark("Hydra does not take one of the overrides."),
    Kind.BATCH_SIZE: mark("A batch cannot be divided among the GPUs."),
    Kind.KILLED: mark("The machine killed it (exit code 137); most often it had no memory left."),
    Kind.CRASHED: mark("It crashed outside of Python (exit code 139); most often a driver or library does not fit."),
}

REMEDIES = {
    Kind.GPU_MEMORY: mark(
        "Lower `actor_rollout_ref.actor.ppo_max_token_len_per_gpu` (without dynamic batches "
        "`ppo_micro_batch_size_per_gpu`), or `actor_rollout_ref.rollout.gpu_memory_utilization`."
    ),
    Kind.NODE_MEMORY: mark(
        "Take machines with more (`memory` in the recipe), or leave weights on the GPUs: "
        "`actor_rollout_ref.actor.fsdp_config.param_offload=False`."
    ),
    Kind.NCCL_TIMEOUT: mark(
        "Look for what the others printed: `/verl logs {run} grep=error`. Where a step just takes that long, "
        "raise `actor_rollout_ref.nccl_timeout`, in seconds."
    ),
    Kind.NCCL_ERROR: mark(
        "NCCL prints why with `NCCL_DEBUG: INFO` among the `envs` of the recipe. An admin can also launch it with "
        "`+ray_kwargs.ray_init.runtime_env.env_vars.NCCL_DEBUG=INFO`."
    ),
    Kind.WORKER_DIED: mark(
        "Look for what it printed before: `/verl logs {run} lines=500`. Or take machines with more memory "
        "(`memory` in the recipe)."
    ),
    Kind.DISK_FULL: mark(
        "Keep fewer checkpoints, `trainer.max_actor_ckpt_to_keep=1`, or write them to a `volume=` or `bucket=`."
    ),
    Kind.HUGGING_FACE: mark("Accept its terms on its page, and give the bot an `HF_TOKEN`."),
    Kind.WANDB: mark("Check the bot's `WANDB_API_KEY`, or do without: `trainer.logger=[console,file]`."),
    Kind.DATA_MISSING: mark(
        "`data.train_files` and `data.val_files` say where they are; the recipe's setup must put them on every node."
    ),
    Kind.OVERRIDE: mark("Check how it is spelled; a `+` before the key adds one that verl's config lacks."),
    Kind.BATCH_SIZE: mark(
        "Make `data.train_batch_size` × `actor_rollout_ref.rollout.n` a multiple of the number of GPUs, and "
        "`data.train_batch_size` at least `actor_rollout_ref.actor.ppo_mini_batch_size`."
    ),
    Kind.KILLED: mark("Take machines with more memory (`memory` in the recipe)."),
    Kind.CRASHED: mark("Launch it with the recipe's own image, or on other machines."),
}

NONE_SEEN = mark("No checkpoint was seen in its log: nothing is left of {amount}.")
NONE_SEEN_YET = mark("No checkpoint was seen in its log: nothing is left of {amount}, unless there is one in {place}.")
NOTHING_LEFT = mark("Nothing is left of {amount}.")
LOST_DOLLARS = mark("Since then {dollars} are lost.")
MAY_BE_CUT = mark("It ended while that was being written: it may not be whole.")


def digest_of(run: Run, log: str) -> Digest | None:
    """Return why a run failed, if its log shows it; from the saved log lines if the end of the log
    could not be read."""
    if run.reason is None or not run.reason.is_told_by_log:
        return None
    return run.failure or diagnose("\n".join([log, run.detail or ""]), run.nodes)


KILLED = re.compile(r"\bSIG[A-Z]+\b|\b(?:134|137|139|143)\b")
"""Matches exit codes of signals: a killed process prints nothing, and the others only print that it is missing."""


def why(run: Run, found: Digest | None) -> Markup:
    """Return the error and where it occurred, or the run's own detail if its log has no error."""
    if found is None or (run.detail and not found.excerpt):
        return escape(run.detail or "")
    # The error in the log may come from another process than the killed one, so the signal is shown first.
    killed = run.detail if run.detail and KILLED.search(run.detail) else ""
    return joined(" · ", [killed, code(found.error, SHOWN_ERROR), place(found)])


def place(found: Digest) -> Markup:
    """Return the node and the rank of an error.

    >>> place(Digest("KeyError", node=1, rank=12)), place(Digest("KeyError"))
    ('node 1, rank 12', '')
    """
    address = code(found.address) if found.address else Markup()
    node = say("node {node}", node=found.node) if found.node is not None else address
    rank = say("rank {rank}", rank=found.rank) if found.rank is not None else Markup()
    return listing([node, rank])


def advice(run: Run, found: Digest | None) -> Markup:
    """Return the likely cause and the remedy; empty for an unknown error, because nothing is guessed."""
    if found is None or found.kind is None:
        return Markup()
    return together(say(CAUSES[found.kind]), say(REMEDIES[found.kind], run=run.id))


def left(run: Run, now: datetime) -> Markup:
    """Return where the checkpoint is, and what is lost if the run failed."""
    found = run.progress
    if run.reason is None or not run.reason.is_failure or found.step is None:
        return models.model(run)
    gone = loss(run, now)
    dollars = None if gone.dollars is None else words.dollars(gone.dollars)
    if gone.since is not None:
        return together(models.model(run), since(gone.steps, dollars), Markup() if gone.whole else say(MAY_BE_CUT))
    amount = say("what it has cost") if dollars is None else say("its {dollars}", dollars=dollars)
    if found.checkpoint is None and run.place:
        return say(NONE_SEEN_YET, amount=amount, place=code(f"{run.place} › {run.id}"))
    if found.checkpoint is None:
        # A recipe without checkpoints has none to lose.
        return say(NONE_SEEN, amount=amount) if run.model_dies else Markup()
    nothing = Markup() if run.place or run.keeping.fetched else say(NOTHING_LEFT, amount=amount)
    return together(models.model(run), nothing)


def since(steps: int, dollars: Markup | None) -> Markup:
    """Return the steps and dollars that are lost since the newest checkpoint."""
    if dollars is None:
        return say_many(
            "Since then {count} step is lost, unpriced.", "Since then {count} steps are lost, unpriced.", steps
        )
    if not steps:
        return say(LOST_DOLLARS, dollars=dollars)
    return say_many(
        "Since then {count} step and {dollars} are lost.",
        "Since then {count} steps and {dollars} are lost.",
        steps,
        dollars=dollars,
    )
