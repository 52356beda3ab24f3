"""Which runs never had a cluster."""

from typing import Any

import pytest

from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.unstarted_runs import is_unstarted
from tests.builders import a_run, launching, running


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_run(status=RunStatus.ENDED, reason=Reason.REFUSED), True),
        (a_run(status=RunStatus.ENDED, reason=Reason.CAP_EXCEEDED), True),
        (a_run(), False),
        (launching(reason=Reason.LAUNCH_FAILED), True),
        (launching(reason=Reason.STOPPED), True),
        (launching(reason=Reason.CLUSTER_LOST), False),
        (running(reason=Reason.STOPPED), False),
    ],
    ids=["declined", "over the limit", "waiting", "launch failed", "stopped before a cluster", "lost", "ran"],
)
def test_a_run_is_unstarted_if_it_ended_without_a_cluster(run: Any, expected: bool) -> None:
    assert is_unstarted(run) is expected
