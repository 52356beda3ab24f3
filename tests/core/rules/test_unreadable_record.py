"""What is done about a run whose record cannot be read."""

from datetime import timedelta
from typing import Any

import pytest

from bot.core.model.cluster import Ending, Observation, RequestState
from bot.core.model.run_stub import RunStub
from bot.core.rules.actions import ReconcileTimings
from bot.core.rules.unreadable_record import UnreadableRun, UnreadableRunStep, decide_unreadable_step
from tests.builders import NOON, at, up

RULES = ReconcileTimings(
    teardown_confirm=timedelta(seconds=5), launch_confirm=timedelta(seconds=30), teardown_retry=timedelta(seconds=60)
)
STUB = RunStub(run_id="ppo-7f3a", requester="U0ANA", channel="C0TRAIN", launch_requested_at=NOON.timestamp())
LEASED = RunStub(run_id="ppo-7f3a", launch_requested_at=NOON.timestamp(), lease_ends_at=at(3600).timestamp())
WAITS = RunStub(run_id="ppo-7f3a", requester="U0ANA")


def a_record(**changes: Any) -> UnreadableRun:
    return UnreadableRun(run_id="ppo-7f3a", discovered_at=NOON, **changes)


@pytest.mark.parametrize(
    ("record", "stub", "seen", "seconds", "step"),
    [
        pytest.param(a_record(), LEASED, up(), 3599, UnreadableRunStep.WAIT, id="its lease goes on"),
        pytest.param(a_record(), LEASED, up(), 3600, UnreadableRunStep.TEAR_DOWN, id="its lease is over"),
        pytest.param(
            a_record(), LEASED, None, 3600, UnreadableRunStep.TEAR_DOWN, id="its lease is over and no look succeeds",
        ),
        pytest.param(a_record(), STUB, up(), 1e6, UnreadableRunStep.WAIT, id="no lease is known"),
        pytest.param(
            a_record(stop_requested_by="U"), STUB, up(), 1, UnreadableRunStep.TEAR_DOWN, id="a person stops it",
        ),
        pytest.param(
            a_record(stop_requested_by="U", teardown_requested_at=at(1)), STUB, up(), 60, UnreadableRunStep.WAIT,
            id="a moment ago",
        ),
        pytest.param(
            a_record(stop_requested_by="U", teardown_requested_at=at(1)), STUB, up(), 61, UnreadableRunStep.TEAR_DOWN,
            id="removal again",
        ),
        pytest.param(
            a_record(stop_requested_by="U", teardown_requested_at=at(600), first_teardown_requested_at=at(1)),
            STUB, up(), 601, UnreadableRunStep.REPORT_OVERDUE, id="it does not go",
        ),
        pytest.param(
            a_record(
                stop_requested_by="U", teardown_requested_at=at(600), first_teardown_requested_at=at(1),
                overdue_reported=True,
            ),
            STUB, up(), 660, UnreadableRunStep.TEAR_DOWN, id="it does not go and people know",
        ),
        pytest.param(
            a_record(absent_since=at(0)), STUB, Observation(), 29, UnreadableRunStep.WAIT, id="absent for a moment",
        ),
        pytest.param(
            a_record(absent_since=at(0)), STUB, Observation(), 30, UnreadableRunStep.TEAR_DOWN,
            id="absent, one may arrive",
        ),
        pytest.param(
            a_record(absent_since=at(0), teardown_requested_at=at(-9)), STUB, Observation(), 30,
            UnreadableRunStep.ARCHIVE, id="for good",
        ),
        pytest.param(
            a_record(absent_since=at(0)), STUB, Observation(ending=Ending.DOWNED), 5, UnreadableRunStep.ARCHIVE,
            id="confirmed",
        ),
        pytest.param(
            a_record(absent_since=at(0)), STUB, Observation(ending=Ending.DOWNED), 4, UnreadableRunStep.WAIT,
            id="seen once",
        ),
        pytest.param(
            a_record(), STUB, Observation(ending=Ending.DOWNED), 99, UnreadableRunStep.WAIT, id="first seen to be gone",
        ),
        pytest.param(
            a_record(absent_since=at(0)), WAITS, Observation(), 30, UnreadableRunStep.ARCHIVE,
            id="nothing was asked for",
        ),
        pytest.param(
            a_record(), STUB, Observation(request=RequestState.LIVE), 99, UnreadableRunStep.WAIT,
            id="a launch is under way",
        ),
    ],
)  # fmt: skip
def test_its_lease_and_people_end_it_and_absence_settles_it(
    record: UnreadableRun, stub: RunStub, seen: Observation | None, seconds: float, step: UnreadableRunStep
) -> None:
    assert decide_unreadable_step(record, stub, seen, at(seconds), RULES) is step


def test_a_look_that_shows_it_again_begins_the_absence_anew() -> None:
    record = a_record().record_observation(Observation(), at(1)).record_observation(Observation(), at(9))
    assert record.absent_since == at(1)
    assert record.record_observation(None, at(10)) == record
    assert record.record_observation(up(), at(10)).absent_since is None


@pytest.mark.parametrize(
    ("looks", "step"),
    [
        pytest.param([Observation()], UnreadableRunStep.ARCHIVE, id="the cloud has forgotten it"),
        pytest.param([None, Observation()], UnreadableRunStep.ARCHIVE, id="no look succeeded before"),
        pytest.param([up(), Observation()], UnreadableRunStep.TEAR_DOWN, id="it was shown after the person said so"),
    ],
)
def test_a_persons_word_that_it_is_gone_counts_until_a_look_shows_it(
    looks: list[Observation | None], step: UnreadableRunStep
) -> None:
    shown = RunStub(run_id="ppo-7f3a", launch_requested_at=NOON.timestamp(), was_shown=True)
    record = a_record().request_stop("U0ANA", confirms_gone=True)
    for number, seen in enumerate(looks):
        record = record.record_observation(seen, at(number))
    assert decide_unreadable_step(record, shown, looks[-1], at(10), RULES) is step
