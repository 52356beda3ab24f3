"""Why no checkpoint of an ended run is left to resume from, as far as that is known. Pure."""

from bot.core.model.run import Run
from bot.core.rules.save_grace import may_have_trained
from bot.core.rules.unknown_checkpoints import is_checkpoint_unknown, is_search_given_up
from bot.phrase import Phrase, name_person


def explain_absent_checkpoint(run: Run) -> Phrase:
    """Return why no checkpoint of a run is known to outlive its cluster, as its card and `/verl artifacts` say it."""
    step, store = run.training.progress.checkpoint_step, run.plan.checkpoint_store
    if step is None:
        return explain_unseen_checkpoint(run)
    if store:
        return Phrase(
            "its step-{step} checkpoint was saved outside `{place}`, so no other run finds it.",
            step=step,
            place=store,
        )
    if run.checkpoint_rescue.discard_approved_by:
        person = name_person(run.checkpoint_rescue.discard_approved_by)
        return Phrase("{person} chose to discard its step-{step} checkpoint.", person=person, step=step)
    if run.checkpoint_rescue.none_complete_at:
        return Phrase("none of its checkpoints was complete.")
    return Phrase("its step-{step} checkpoint was lost with its cluster.", step=step)


def explain_unseen_checkpoint(run: Run) -> Phrase:
    """Return what is known of a checkpoint that no log line has named, once the run has ended."""
    rescue, store = run.checkpoint_rescue, run.plan.checkpoint_store
    if store:
        return Phrase("its log shows no checkpoint; if there is one, it is in `{place}`.", place=f"{store} › {run.id}")
    if rescue.no_checkpoint_at:
        return Phrase("its cluster had no checkpoint.")
    if rescue.none_complete_at:
        return Phrase("none of its checkpoints was complete.")
    if run.training.progress.step is None and not may_have_trained(run):
        return Phrase("it ended before its training began, so it has no checkpoint.")
    if is_search_given_up(run) and rescue.discard_approved_by:
        return Phrase(
            "I do not know whether it had a checkpoint, because {person} chose to delete its cluster before I could "
            "search it.",
            person=name_person(rescue.discard_approved_by),
        )
    if is_search_given_up(run) and run.teardown.log_saved_at is None:
        return Phrase("I do not know whether it saved a checkpoint, because I could not search its cluster in time.")
    if is_checkpoint_unknown(run):
        return Phrase(
            "I do not know whether it saved a checkpoint, because I could not read the log to the end, and the cluster "
            "was gone before I could look."
        )
    return Phrase("its log shows no checkpoint.")
