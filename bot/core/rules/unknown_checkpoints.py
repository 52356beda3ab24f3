"""Runs of which it is unknown whether they have saved a checkpoint. Pure."""

from bot.core.model.run import Run
from bot.core.rules.save_grace import may_have_trained


def is_checkpoint_unknown(run: Run) -> bool:
    """Return whether a finished run may have saved a checkpoint on its cluster that nothing has shown: its log was not
    read to the end, and no look at the cluster has found that there is none.

    SkyPilot keeps the log of a managed job after its cluster is gone.
    """
    progress, rescue = run.training.progress, run.checkpoint_rescue
    return (
        run.is_finished
        and run.plan.checkpoints_ephemeral
        and not run.plan.managed
        and progress.checkpoint is None
        and run.teardown.log_saved_at is None
        and rescue.no_checkpoint_at is None
        and (progress.step is not None or may_have_trained(run))
    )


def is_search_given_up(run: Run) -> bool:
    """Return whether a cluster was searched for a checkpoint that no log has named, and then deleted without a result:
    a person decided so, or the time was over.
    """
    rescue = run.checkpoint_rescue
    was_discarded = rescue.discard_approved_by is not None and rescue.started_at is not None
    return run.training.progress.checkpoint is None and (rescue.abandoned_at is not None or was_discarded)
