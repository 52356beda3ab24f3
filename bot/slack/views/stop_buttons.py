"""The buttons that stop a run or remove its cluster, and what is lost by that. Pure."""

from bot.core.model.run import Run
from bot.slack.views.blocks import Block, button, confirmation
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    join_markup_sentences,
    render_phrase,
    render_plural,
)


def can_save(run: Run) -> bool:
    """Return whether the run writes checkpoints."""
    return bool(run.plan.checkpoints_ephemeral or run.plan.checkpoint_store)


def stop_button(run: Run) -> Block:
    """Return the button that stops the run after a confirmation."""
    if run.launch.first_requested_at is None:
        question = render_phrase("{run} has no machines yet; it will not be launched.", run=code(run.id))
    else:
        question = join_markup_sentences(
            render_phrase("{run} ends and its cluster is removed.", run=code(run.id)), describe_loss_by_stop(run)
        )
    dialog = confirmation(
        render_phrase("Stop this run?"), question, render_phrase("Stop now"), render_phrase("Keep it running")
    )
    return button(render_phrase("Stop"), "stop", run.id, dialog, "danger")


def removal_button(run: Run) -> Block:
    """Return the button that ends the time for which a failed run's cluster is kept, after a confirmation."""
    dialog = confirmation(
        render_phrase("Delete the cluster?"),
        render_phrase("{run} has failed. Its cluster was kept for a look; I delete it now.", run=code(run.id)),
        render_phrase("Delete the cluster"),
        render_phrase("Keep it"),
    )
    return button(render_phrase("Delete the cluster"), "stop", run.id, dialog, "danger")


def describe_loss_by_stop(run: Run) -> Markup:
    """Return what a stop keeps of the training, and how to save first where the run can."""
    saved_step, step = run.training.progress.checkpoint_step, run.training.progress.step
    if step is None:
        return Markup()
    if saved_step is None:
        kept = render_plural(
            "Its log shows no checkpoint: its {count} step may be lost.",
            "Its log shows no checkpoint: its {count} steps may be lost.",
            step,
        )
    else:
        kept = render_phrase(
            "Its last checkpoint is from step {saved}; it is now at step {step}.", saved=saved_step, step=step
        )
    how = render_phrase("To save first, choose *Save and stop* in the … menu of its card.") if can_save(run) else ""
    return join_markup_sentences(kept, how)
