"""Detector of rollouts that are lost: verl leaves out those that raise an error, and fills the batch with padding."""

from bot.core.frameworks.verl.metric_keys import FAILED_ROLLOUTS, PADDED_SHARE
from bot.core.model.finding import Severity
from bot.core.model.measurement import Measurement, RowWindow, format_percent
from bot.phrase import N_, Phrase, plural_phrase

LOSS_STEPS = 5
"""Number of steps over which losses are averaged."""

FAILED_ROLLOUTS_ADVICE = N_(
    "Find the error in the log (`grep=_run_prompt`): a tool's server that fails, a time limit or a prompt that is too"
    " long is the usual cause. `trainer.v1.sampler.sync_refill_failed_groups=True` draws other prompts in place of"
    " those whose rollouts all fail."
)
PADDING_ADVICE = N_(
    "Make `data.train_batch_size` times `actor_rollout_ref.rollout.n` a multiple of"
    " `actor_rollout_ref.actor.ppo_mini_batch_size` times `actor_rollout_ref.rollout.n`, and of the number of GPUs."
)


def detect_lost_rollouts(window: RowWindow) -> Measurement | None:
    """Measure the rollouts of the last steps that failed, and the share of their batches that is padding.

    A step without such lines in the log lost none.
    """
    has_losses = any(row.find_first((*FAILED_ROLLOUTS, *PADDED_SHARE)) is not None for row in window.rows)
    if not has_losses or len(window.rows) < LOSS_STEPS:
        return None
    rules, rows = window.rules, window.rows[-LOSS_STEPS:]
    failed = [row.find_first(FAILED_ROLLOUTS) or 0.0 for row in rows]
    padded = sum(row.find_first(PADDED_SHARE) or 0.0 for row in rows) / LOSS_STEPS
    steps = sum(count > 0 for count in failed)
    level = max(padded / rules.padded_note, steps / rules.failed_rollout_steps)
    if level < 1:
        return Measurement(level)
    severity = Severity.WARNING if padded >= rules.padded_warning else Severity.NOTE
    if not steps:
        return Measurement(
            level,
            severity,
            Phrase("verl fills part of each batch with padding: the batch does not divide evenly."),
            Phrase(
                "{share} of the samples of the last {steps} steps are padding.",
                share=format_percent(padded),
                steps=LOSS_STEPS,
            ),
            Phrase(PADDING_ADVICE),
        )
    return Measurement(
        level,
        severity,
        Phrase("Rollouts fail, and training goes on without them."),
        plural_phrase(
            "{count} rollout of the last {steps} steps raised an error; {share} of the samples are padding in its"
            " place.",
            "{count} rollouts of the last {steps} steps raised an error; {share} of the samples are padding in place"
            " of them.",
            round(sum(failed)),
            steps=LOSS_STEPS,
            share=format_percent(padded),
        ),
        Phrase(FAILED_ROLLOUTS_ADVICE),
    )
