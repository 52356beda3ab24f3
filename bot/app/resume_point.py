"""The checkpoint that a resume by the policy continues from: the newest of those before the finding that is whole."""

import logging
from collections.abc import Callable
from functools import partial

from bot.app.ports import CheckpointSource
from bot.core.model.lineage import PolicyResume
from bot.core.model.run import Run
from bot.core.rules.policy_resumes import list_sound_checkpoints, locate_named_checkpoint
from bot.errors import BeingStopped, Unavailable, UserError
from bot.phrase import N_, Phrase, Text

log = logging.getLogger(__name__)

NONE_WHOLE = N_("No checkpoint from before the finding is complete; the newest is that of step {step}: {why}")


def check_resume_point(cloud: CheckpointSource, run: Run) -> Callable[[PolicyResume], PolicyResume]:
    """Look at the cluster for the checkpoint of a run's resume; return the change of the resume that follows.

    Raises:
        BeingStopped: the bot ends.
    """
    resume = run.lineage.resume
    checkpoints = list_sound_checkpoints(run, resume.before_step) if resume else []
    first_flaw: Text = ""
    for step, name in checkpoints:
        try:
            flaw = cloud.find_checkpoint_flaw(run.cluster_ref, locate_named_checkpoint(run, name))
        except BeingStopped:
            raise
        except Unavailable as error:
            log.warning("run %s: whether %s is whole is not known: %s", run.id, name, error)
            return PolicyResume.record_failed_check
        except UserError as error:
            flaw = error.message
        if flaw is None:
            return partial(PolicyResume.record_whole_checkpoint, step=step, checkpoint=name)
        log.warning("run %s: %s is not whole: %s", run.id, name, flaw)
        first_flaw = first_flaw or flaw
    why = Phrase(NONE_WHOLE, step=checkpoints[0][0] if checkpoints else 0, why=first_flaw)
    return partial(PolicyResume.refuse, why=why)
