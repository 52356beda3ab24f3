"""Which runs a list shows, by what was typed: a recipe, a person, a state, a day."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.core.model.run import Run
from bot.core.model.run_filter import ENDED_STATES, EVERY_RUN, MAX_AGE, STATE_TESTS, RunFilter, parse_since
from bot.core.model.run_state import Reason, RunStatus
from tests.builders import NOON, a_run, at, launching, running

ENDED = {
    reason: a_run(status=RunStatus.ENDED, reason=reason) for reason in (Reason.SUCCEEDED, Reason.FAILED, Reason.STOPPED)
}
RUNS = {
    "awaiting": a_run(status=RunStatus.AWAITING_APPROVAL),
    "pending": a_run(),
    "launching": launching(),
    "running": running(),
    "stopping": running(status=RunStatus.STOPPING, reason=Reason.FAILED),
    "succeeded": ENDED[Reason.SUCCEEDED],
    "failed": ENDED[Reason.FAILED],
    "stopped": ENDED[Reason.STOPPED],
}


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("approval", {"awaiting"}),
        ("waiting", {"pending"}),
        ("launching", {"launching"}),
        ("running", {"running"}),
        ("stopping", {"stopping"}),
        ("ended", {"succeeded", "failed", "stopped"}),
        ("succeeded", {"succeeded"}),
        ("failed", {"stopping", "failed"}),
        ("stopped", {"stopped"}),
    ],
)
def test_a_state_shows_the_runs_that_are_in_it(state: str, shown: set[str]) -> None:
    chosen = RunFilter(state=state)
    assert {name for name, run in RUNS.items() if chosen.matches(run, "U0ANA", None)} == shown


def test_the_state_of_a_declined_launch_can_be_typed() -> None:
    declined = a_run(status=RunStatus.ENDED, reason=Reason.REFUSED)
    assert RunFilter(state="declined").matches(declined, "U0ANA", None)
    assert RunFilter(state="declined").includes_ended


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_every_run_is_in_a_state_that_can_be_typed(run: Run) -> None:
    assert any(test(run) for test in STATE_TESTS.values())


@pytest.mark.parametrize(
    ("chosen", "is_shown"),
    [
        pytest.param(EVERY_RUN, True, id="no filter"),
        pytest.param(RunFilter(recipe="ppo"), True, id="its recipe"),
        pytest.param(RunFilter(recipe="grpo"), False, id="another recipe"),
        pytest.param(RunFilter(who="me"), True, id="me"),
        pytest.param(RunFilter(who="U0ANA"), True, id="an id"),
        pytest.param(RunFilter(who="U0BEN"), False, id="another person"),
        pytest.param(RunFilter(recipe="ppo", state="ended"), False, id="all of several must hold"),
    ],
)
def test_a_filter_leaves_out_what_differs(chosen: RunFilter, is_shown: bool) -> None:
    assert chosen.matches(a_run(requester="U0ANA"), "U0ANA", None) is is_shown


def test_me_is_the_person_who_asks() -> None:
    assert not RunFilter(who="me").matches(a_run(requester="U0ANA"), "U0BEN", None)


def test_since_counts_from_the_launch_on() -> None:
    run = a_run(created_at=NOON)
    assert EVERY_RUN.matches(run, "U0ANA", NOON)
    assert not EVERY_RUN.matches(run, "U0ANA", at(0.001))


@pytest.mark.parametrize(
    ("who", "name"),
    [("", ""), ("me", ""), ("U0ANA", ""), ("@ana", "ana"), ("ana", "ana"), ("王芳", "王芳")],
)
def test_a_person_is_looked_for_by_name_only_where_one_was_typed(who: str, name: str) -> None:
    assert RunFilter(who=who).person_name == name


def test_ended_runs_are_looked_through_for_a_day_or_a_state_that_they_have() -> None:
    assert all(RunFilter(state=state).includes_ended for state in ENDED_STATES)
    assert RunFilter(since="today").includes_ended
    assert not any(RunFilter(state=state).includes_ended for state in STATE_TESTS.keys() - set(ENDED_STATES))
    assert (EVERY_RUN.includes_ended, EVERY_RUN.is_empty, RunFilter(who="me").is_empty) == (False, True, False)


SHANGHAI = ZoneInfo("Asia/Shanghai")
FRIDAY_EVENING = datetime(2026, 1, 2, 20, 30, tzinfo=UTC)
"""A Friday in UTC, and a Saturday in Shanghai."""


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        pytest.param("today", datetime(2026, 1, 3, tzinfo=SHANGHAI), id="the reader's day"),
        pytest.param("Yesterday", datetime(2026, 1, 2, tzinfo=SHANGHAI), id="the day before"),
        pytest.param("sat", datetime(2026, 1, 3, tzinfo=SHANGHAI), id="the day that it is"),
        pytest.param("sun", datetime(2025, 12, 28, tzinfo=SHANGHAI), id="a day of last week"),
        pytest.param("wednesday", datetime(2025, 12, 31, tzinfo=SHANGHAI), id="a day of last year"),
        pytest.param("2024-02-29", datetime(2024, 2, 29, tzinfo=SHANGHAI), id="a date"),
        pytest.param("90 minutes", FRIDAY_EVENING - timedelta(minutes=90), id="a span"),
        pytest.param("2天", FRIDAY_EVENING - timedelta(days=2), id="a Chinese span"),
        pytest.param("999999w", FRIDAY_EVENING - MAX_AGE, id="longer than any run is kept"),
        pytest.param("2023-02-29", None, id="a date that does not exist"),
        pytest.param("２０２４-０１-０１", None, id="digits that are not ASCII"),
        pytest.param("su", None, id="two letters of a day"),
        pytest.param("never", None, id="no day"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_since_takes_days_of_the_reader_dates_and_spans(text: str, begin: datetime | None) -> None:
    assert parse_since(text, FRIDAY_EVENING, SHANGHAI) == begin
