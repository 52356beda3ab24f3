"""What a refused resume says of a run's checkpoint: as much as is known, and no more."""

from typing import Any

import pytest

from bot.core.model.checkpoint import CheckpointRescue, TornCheckpoint
from bot.core.model.progress import Progress
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.relaunch import refuse_resume
from tests.builders import at, refusal_of, running

ENDED = {
    "resumes": True,
    "checkpoints_ephemeral": True,
    "progress": Progress(20),
    "reason": Reason.DOWNED_EXTERNALLY,
    "status": RunStatus.ENDED,
}
SAVED = Progress(20, checkpoint="/checkpoints/ppo-7f3a/global_step_20", checkpoint_step=20)
IN_VOLUME = {"checkpoints_ephemeral": False, "checkpoint_store": "volume m"}
UNSTARTED = {"progress": Progress(), "running_at": None, "job": None, "reason": Reason.LEASE_EXPIRED}
TORN = CheckpointRescue(torn_checkpoints=(TornCheckpoint(20, "a file is missing"),), none_complete_at=at(60))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param(
            {},
            "I do not know whether it saved a checkpoint, because I could not read the log to the end, and the cluster "
            "was gone before I could look.",
            id="its log was not read to the end",
        ),
        pytest.param({"log_saved_at": at(60)}, "its log shows no checkpoint.", id="its log was read to the end"),
        pytest.param(
            {"checkpoint_rescue": CheckpointRescue(no_checkpoint_at=at(60))},
            "its cluster had no checkpoint.",
            id="its cluster was searched",
        ),
        pytest.param(
            {"checkpoint_rescue": CheckpointRescue(started_at=at(60), discard_approved_by="U0LEA")},
            "I do not know whether it had a checkpoint, because @U0LEA chose to delete its cluster before I could "
            "search it.",
            id="a person ended the search",
        ),
        pytest.param(
            {"checkpoint_rescue": CheckpointRescue(started_at=at(60), abandoned_at=at(90))},
            "I do not know whether it saved a checkpoint, because I could not search its cluster in time.",
            id="the search took too long",
        ),
        pytest.param(UNSTARTED, "it ended before its training began, so it has no checkpoint.", id="it never trained"),
        pytest.param(
            IN_VOLUME,
            "its log shows no checkpoint; if there is one, it is in `volume m › ppo-7f3a`.",
            id="a volume outlives its cluster",
        ),
        pytest.param(
            IN_VOLUME | {"progress": Progress(20, checkpoint="/other/global_step_20", checkpoint_step=20)},
            "its step-20 checkpoint was saved outside `volume m`, so no other run finds it.",
            id="it was saved outside its volume",
        ),
        pytest.param(
            {"progress": SAVED, "checkpoint_rescue": CheckpointRescue(discard_approved_by="U0LEA")},
            "@U0LEA chose to discard its step-20 checkpoint.",
            id="a person discarded it",
        ),
        pytest.param(
            {"progress": SAVED, "checkpoint_rescue": CheckpointRescue(abandoned_at=at(90))},
            "its step-20 checkpoint was lost with its cluster.",
            id="its download took too long",
        ),
        pytest.param({"progress": SAVED}, "its step-20 checkpoint was lost with its cluster.", id="it was lost"),
        pytest.param(
            {"progress": SAVED, "checkpoint_rescue": TORN}, "none of its checkpoints was complete.", id="it was torn"
        ),
        pytest.param({"checkpoint_rescue": TORN}, "none of its checkpoints was complete.", id="a torn one was found"),
    ],
)
def test_a_refused_resume_says_no_more_of_a_checkpoint_than_is_known(changes: dict[str, Any], why: str) -> None:
    refusal = refusal_of(lambda: refuse_resume(running(**ENDED | changes)))
    assert refusal
    assert str(refusal.sentence) == f"`ppo-7f3a` can't be resumed: {why} `/verl retry ppo-7f3a` starts it over."
