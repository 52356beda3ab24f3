"""What is done about a run whose record cannot be read."""

from datetime import timedelta
from typing import Any

import pytest

from bot.core.rules import Rules
from bot.core.run_stub import RunStub
from bot.core.seen import Ending, Request, Seen
from bot.core.unreadable import Step, UnreadableRun, next_step
from tests.builders import NOON, at, running, up

RULES = Rules(gone=timedelta(seconds=5), ask_again=timedelta(seconds=30), down_again=timedelta(seconds=60))
STUB = RunStub(run_id="ppo-7f3a", requester="U0ANA", channel="C0TRAIN", asked_at=NOON.timestamp())
LEASED = RunStub(run_id="ppo-7f3a", asked_at=NOON.timestamp(), lease_ends_at=at(3600).timestamp())
WAITS = RunStub(run_id="ppo-7f3a", requester="U0ANA")


def a_record(**changes: Any) -> UnreadableRun:
    return UnreadableRun(run_id="ppo-7f3a", found_at=NOON, **changes)


@pytest.mark.parametrize(
    ("record", "stub", "seen", "seconds", "step"),
    [
        pytest.param(a_record(), LEASED, up(), 3599, Step.WAIT, id="its lease goes on"),
        pytest.param(a_record(), LEASED, up(), 3600, Step.REMOVE, id="its lease is over"),
        pytest.param(a_record(), LEASED, None, 3600, Step.REMOVE, id="its lease is over and no look succeeds"),
        pytest.param(a_record(), STUB, up(), 1e6, Step.WAIT, id="no lease is known"),
        pytest.param(a_record(stop_requested_by="U"), STUB, up(), 1, Step.REMOVE, id="a person stops it"),
        pytest.param(a_record(stop_requested_by="U", removal_at=at(1)), STUB, up(), 60, Step.WAIT, id="a moment ago"),
        pytest.param(
            a_record(stop_requested_by="U", removal_at=at(1)), STUB, up(), 61, Step.REMOVE, id="removal again"
        ),
        pytest.param(
            a_record(stop_requested_by="U", removal_at=at(600), first_removal_at=at(1)),
            STUB, up(), 601, Step.ALARM, id="it does not go",
        ),
        pytest.param(
            a_record(stop_requested_by="U", removal_at=at(600), first_removal_at=at(1), alarmed=True),
            STUB, up(), 660, Step.REMOVE, id="it does not go and people know",
        ),
        pytest.param(a_record(absent_since=at(0)), STUB, Seen(), 29, Step.WAIT, id="absent for a moment"),
        pytest.param(a_record(absent_since=at(0)), STUB, Seen(), 30, Step.REMOVE, id="absent, one may arrive"),
        pytest.param(a_record(absent_since=at(0), removal_at=at(-9)), STUB, Seen(), 30, Step.SETTLE, id="for good"),
        pytest.param(a_record(absent_since=at(0)), STUB, Seen(ending=Ending.DOWNED), 5, Step.SETTLE, id="confirmed"),
        pytest.param(a_record(absent_since=at(0)), STUB, Seen(ending=Ending.DOWNED), 4, Step.WAIT, id="seen once"),
        pytest.param(a_record(), STUB, Seen(ending=Ending.DOWNED), 99, Step.WAIT, id="first seen to be gone"),
        pytest.param(a_record(absent_since=at(0)), WAITS, Seen(), 30, Step.SETTLE, id="nothing was asked for"),
        pytest.param(a_record(), STUB, Seen(request=Request.LIVE), 99, Step.WAIT, id="a launch is under way"),
    ],
)  # fmt: skip
def test_its_lease_and_people_end_it_and_absence_settles_it(
    record: UnreadableRun, stub: RunStub, seen: Seen | None, seconds: float, step: Step
) -> None:
    assert next_step(record, stub, seen, at(seconds), RULES) is step


def test_a_look_that_shows_it_again_begins_the_absence_anew() -> None:
    record = a_record().observe(Seen(), at(1)).observe(Seen(), at(9))
    assert record.absent_since == at(1)
    assert record.observe(None, at(10)) == record
    assert record.observe(up(), at(10)).absent_since is None


@pytest.mark.parametrize(
    ("looks", "step"),
    [
        pytest.param([Seen()], Step.SETTLE, id="the cloud has forgotten it"),
        pytest.param([None, Seen()], Step.SETTLE, id="no look succeeded before"),
        pytest.param([up(), Seen()], Step.REMOVE, id="it was shown after the person said so"),
    ],
)
def test_a_persons_word_that_it_is_gone_counts_until_a_look_shows_it(looks: list[Seen | None], step: Step) -> None:
    shown = RunStub(run_id="ppo-7f3a", asked_at=NOON.timestamp(), was_shown=True)
    record = a_record().request_stop("U0ANA", gone=True)
    for number, seen in enumerate(looks):
        record = record.observe(seen, at(number))
    assert next_step(record, shown, looks[-1], at(10), RULES) is step


def test_a_stub_has_what_ends_a_run() -> None:
    run = running(managed=True, thread_channel="D0ANA")
    stub = RunStub.of_run(run)
    assert (stub.cluster, stub.lease_end, stub.watched.managed) == (run.cluster, run.lease_ends_at, True)
    assert (stub.requester, stub.channel) == ("U0ANA", "D0ANA")
    assert stub.dollars(at(1800)) == run.cost(at(1800)) == 2.0
    assert WAITS.dollars(at(1800)) == 0.0
