"""What is known of a checkpoint that no log line has named."""

from typing import Any

import pytest

from bot.core.model.checkpoint import CheckpointRescue
from bot.core.model.progress import Progress
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.unknown_checkpoints import is_checkpoint_unknown
from tests.builders import at, running

UNREAD = {
    "status": RunStatus.ENDED,
    "reason": Reason.DOWNED_EXTERNALLY,
    "checkpoints_ephemeral": True,
    "progress": Progress(20),
}


@pytest.mark.parametrize("reason", [Reason.DOWNED_EXTERNALLY, Reason.AUTODOWNED, Reason.CLUSTER_LOST])
def test_a_cluster_that_was_gone_before_its_log_was_read_may_have_had_a_checkpoint(reason: Reason) -> None:
    assert is_checkpoint_unknown(running(**UNREAD | {"reason": reason}))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"status": RunStatus.RUNNING, "reason": None}, id="it still trains"),
        pytest.param({"log_saved_at": at(60)}, id="its log was read to the end"),
        pytest.param({"checkpoint_rescue": CheckpointRescue(no_checkpoint_at=at(60))}, id="a look has found none"),
        pytest.param({"progress": Progress(20, checkpoint="/c", checkpoint_step=20)}, id="its log names one"),
        pytest.param({"checkpoints_ephemeral": False}, id="its recipe saves none on its cluster"),
        pytest.param({"managed": True}, id="its log outlives its cluster"),
        pytest.param(
            {"progress": Progress(), "running_at": None, "job": None, "reason": Reason.LAUNCH_FAILED},
            id="it did not train",
        ),
    ],
)
def test_all_else_is_known(changes: dict[str, Any]) -> None:
    assert not is_checkpoint_unknown(running(**UNREAD | changes))
