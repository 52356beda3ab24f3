"""What an absence proves, and what is done about a run that the cloud does not remember."""

from datetime import timedelta
from typing import Any

import pytest

from bot.core.model.checkpoint import CheckpointRescue, SaveGrace
from bot.core.model.cluster import (
    Ambiguity,
    CloudMemory,
    ClusterState,
    Ending,
    JobState,
    Observation,
    Outage,
    PendingConfirmation,
    RequestState,
    is_forgotten,
)
from bot.core.model.money import Bill, Rate
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import (
    Action,
    AwaitConfirmation,
    BeginTeardown,
    Close,
    NoteMemoryLoss,
    Provision,
    RecordObservation,
    RequestTeardown,
    WaitForCheckpoint,
)
from bot.core.rules.decide import decide
from tests.builders import NOON, a_run, at, launching, running, up
from tests.core.rules.test_decide import RULES

FIRST, SECOND = "1 system", "2 system"
BILL = Bill(1.0, Rate(4.0, "SkyPilot"), NOON)


@pytest.mark.parametrize(
    ("was_shown", "asked", "seen", "forgotten"),
    [
        pytest.param(True, "", Observation(), True, id="shown before, and now no trace of it"),
        pytest.param(True, FIRST, Observation(server=FIRST), True, id="the same, of a database that is older than it"),
        pytest.param(
            True, FIRST, Observation(request=RequestState.FAILED, server=FIRST), True, id="though its request is known"
        ),
        pytest.param(True, FIRST, Observation(ending=Ending.LOST, server=FIRST), False, id="its ending is known"),
        pytest.param(True, FIRST, Observation(cluster=ClusterState.UP, server=SECOND), False, id="it is there"),
        pytest.param(
            True, FIRST, Observation(request=RequestState.LIVE, server=SECOND), False, id="its launch is under way"
        ),
        pytest.param(False, "", Observation(), False, id="never shown, and nobody knows who was asked"),
        pytest.param(False, FIRST, Observation(server=FIRST), False, id="never shown, by who was asked"),
        pytest.param(False, FIRST, Observation(), False, id="never shown, by nobody knows whom"),
        pytest.param(False, FIRST, Observation(server=SECOND), True, id="never shown, by another than was asked"),
        pytest.param(
            False, FIRST, Observation(request=RequestState.FAILED, server=SECOND), False, id="which knows the request"
        ),
        pytest.param(
            False, FIRST, Observation(request=RequestState.SUCCEEDED, server=SECOND), True, id="which knows of success"
        ),
    ],
)
def test_absence_proves_something_only_where_there_is_a_memory(
    was_shown: bool, asked: str, seen: Observation, forgotten: bool
) -> None:
    assert is_forgotten(was_shown, asked, seen) is forgotten


@pytest.mark.parametrize(
    ("run", "shown"),
    [
        pytest.param(a_run(), False, id="new"),
        pytest.param(launching(), False, id="asked for"),
        pytest.param(launching(memory=CloudMemory(cluster_id="9f")), True, id="by its id"),
        pytest.param(running(), True, id="by its job, as records of older versions have it"),
        pytest.param(launching(bill=BILL), True, id="by its bill"),
        pytest.param(
            launching().record_observation(Observation(cluster=ClusterState.INIT, cluster_id="9f"), NOON),
            True,
            id="by one look",
        ),
    ],
)
def test_a_run_knows_whether_its_cluster_was_shown(run: Run, shown: bool) -> None:
    assert run.was_shown is shown
    assert run.cluster_ref.was_shown is shown


LOST = CloudMemory(cluster_id="9f", server=FIRST, loss=Outage(NOON))
NOTHING = Observation(server=SECOND)
DOUBT = PendingConfirmation(Ambiguity.FORGOTTEN, NOON, NOON)
MODEL = {
    "checkpoints_ephemeral": True,
    "checkpoint_folder": "~/m",
    "progress": Progress(step=9, checkpoint="~/m/c", checkpoint_step=9),
}


def over(**changes: Any) -> Run:
    """Stopped at noon."""
    stopped = {"status": RunStatus.STOPPING, "reason": Reason.STOPPED, "finished_at": NOON, "log_saved_at": NOON}
    return running(**stopped | {"memory": LOST} | changes)


@pytest.mark.parametrize(
    ("run", "seen", "seconds", "action"),
    [
        pytest.param(a_run(), NOTHING, 1, Provision(SECOND), id="a new run is asked of who answers"),
        pytest.param(
            running(),
            NOTHING,
            1,
            AwaitConfirmation(PendingConfirmation(Ambiguity.FORGOTTEN, at(1), at(1))),
            id="at one look",
        ),
        pytest.param(running(pending_confirmation=DOUBT), NOTHING, 5, NoteMemoryLoss(), id="at two looks"),
        pytest.param(running(memory=LOST), NOTHING, 9_999, None, id="nothing is concluded"),
        pytest.param(
            launching(memory=CloudMemory(server=FIRST), pending_confirmation=DOUBT),
            NOTHING,
            5,
            NoteMemoryLoss(),
            id="not asked again",
        ),
        pytest.param(
            running(memory=LOST, stop_requested_by="U"), NOTHING, 9, BeginTeardown(Reason.STOPPED), id="stopped"
        ),
        pytest.param(
            running(memory=LOST, lease=timedelta(hours=1)),
            NOTHING,
            3600,
            BeginTeardown(Reason.LEASE_EXPIRED),
            id="its lease",
        ),
        pytest.param(
            running(memory=LOST, rate=Rate(4, "x"), budget_dollars=1.0),
            NOTHING,
            901,
            BeginTeardown(Reason.BUDGET_EXCEEDED),
            id="its budget",
        ),
        pytest.param(
            running(memory=LOST, lease=timedelta(hours=1), checkpoints_ephemeral=True, progress=Progress(step=10)),
            NOTHING,
            3600,
            WaitForCheckpoint(SaveGrace(Reason.LEASE_EXPIRED, at(4200))),
            id="it may save first",
        ),
        pytest.param(over(), NOTHING, 1, RequestTeardown(), id="its removal is asked for"),
        pytest.param(over(teardown_requested_at=NOON), NOTHING, 59, None, id="not at once again"),
        pytest.param(over(teardown_requested_at=NOON), NOTHING, 60, RequestTeardown(), id="again and again"),
        pytest.param(
            over(teardown_requested_at=at(9_000)), NOTHING, 9_001, None, id="that it does not go is not known"
        ),
        pytest.param(
            over(teardown_requested_at=NOON, memory=CloudMemory()),
            NOTHING,
            1,
            AwaitConfirmation(PendingConfirmation(Ambiguity.FORGOTTEN, at(1), at(1))),
            id="forgotten while it was being removed",
        ),
        pytest.param(over(**MODEL), NOTHING, 1, None, id="a model is there alone"),
        pytest.param(over(lease=timedelta(), **MODEL), NOTHING, 3_600, RequestTeardown(), id="its time is over"),
        pytest.param(
            over(**MODEL, checkpoint_rescue=CheckpointRescue(discard_approved_by="U", discard_approved_at=NOON)),
            NOTHING,
            1,
            RequestTeardown(),
            id="it may be lost",
        ),
        pytest.param(
            over(memory=CloudMemory(loss=Outage(NOON), confirmed_gone_by="U")),
            NOTHING,
            1,
            Close(Reason.STOPPED),
            id="a person's word",
        ),
        pytest.param(running(memory=LOST), up(), 9, RecordObservation(up()), id="remembered"),
        pytest.param(
            over(teardown_requested_at=NOON),
            up(),
            9,
            RecordObservation(up()),
            id="remembered while it is being removed",
        ),
        pytest.param(
            running(memory=LOST),
            Observation(ending=Ending.AUTODOWNED),
            9,
            RecordObservation(Observation(ending=Ending.AUTODOWNED)),
            id="remembered as gone",
        ),
    ],
)
def test_decide(run: Run, seen: Observation, seconds: float, action: Action | None) -> None:
    assert decide(run, seen, at(seconds), RULES) == action


def test_what_is_remembered_again_is_as_before_but_for_a_removal_that_nobody_heard() -> None:
    run = over(teardown_requested_at=at(1)).record_observation(up(JobState.RUNNING, cluster_id="9f"), at(60))
    assert run.observed.memory == CloudMemory(cluster_id="9f", server=FIRST, loss=Outage(NOON, at(60)))
    assert run.teardown.requested_at is None


@pytest.mark.parametrize(
    ("run", "by"),
    [
        pytest.param(running(memory=LOST), "U0ANA", id="while the cloud cannot tell"),
        pytest.param(running(), None, id="while it can"),
        pytest.param(over(status=RunStatus.ENDED), None, id="of one that has ended"),
    ],
)
def test_a_persons_word_counts_where_the_cloud_cannot_tell(run: Run, by: str | None) -> None:
    assert run.confirm_gone("U0ANA").observed.memory.confirmed_gone_by == by
