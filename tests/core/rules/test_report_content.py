from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, Summary, SummaryInterval
from bot.core.model.sent_message import SentMessage
from bot.core.rules.report_content import prepare_summary
from tests.builders import NOON, at, change_run, running

HOURLY, STEPS, NEVER = SummaryInterval(period=timedelta(hours=1)), SummaryInterval(steps=20), SummaryInterval()


def stepped(run: Run, step: int, reward: float = 0.5) -> Run:
    return replace(
        run,
        training=run.training.record_progress(
            Progress(step, 435, {"critic/rewards/mean": reward}, reward=reward), NOON
        ),
    )


def begun(step: int = 1) -> Run:
    """Its first step was read at noon."""
    return prepare_summary(stepped(running(), step), NOON, HOURLY)


def posted(run: Run, ts: str | None = "1.0") -> Run:
    """What is to be told was sent."""
    assert run.training.summary is not None
    return replace(run, messages=run.messages.record_sent(run.training.summary.key, SentMessage(ts, "", "", NOON)))


@pytest.mark.parametrize(
    ("step", "seconds", "rhythm", "due"),
    [
        pytest.param(40, 3599, HOURLY, False, id="not yet an hour"),
        pytest.param(40, 3600, HOURLY, True, id="an hour"),
        pytest.param(1, 7200, HOURLY, False, id="no step in an hour is nothing to tell"),
        pytest.param(20, 60, STEPS, False, id="not yet twenty steps"),
        pytest.param(21, 60, STEPS, True, id="twenty steps"),
        pytest.param(300, 86_400, NEVER, False, id="never"),
        pytest.param(21, 60, SummaryInterval(20, timedelta(hours=1)), True, id="steps before time"),
        pytest.param(5, 3600, SummaryInterval(20, timedelta(hours=1)), True, id="time before steps"),
    ],
)
def test_a_summary_is_due_after(step: int, seconds: float, rhythm: SummaryInterval, due: bool) -> None:
    run = prepare_summary(stepped(begun(), step), at(seconds), rhythm)
    assert run.training.summary is not None
    assert bool(run.training.summary.number) is due


def test_what_a_person_has_set_counts_before_what_is_usual() -> None:
    run = prepare_summary(stepped(change_run(begun(), summary_interval=NEVER), 40), at(9000), HOURLY)
    assert run.training.summary is not None
    assert run.training.summary.number == 0


def test_a_summary_tells_from_where_the_last_one_was_to_where_it_is() -> None:
    run = posted(prepare_summary(stepped(begun(), 44, 0.41), at(3600), HOURLY))
    run = prepare_summary(stepped(run, 90, 0.48), at(7200), HOURLY)
    assert run.training.summary is not None
    assert (run.training.summary.number, run.training.summary.before.step, run.training.summary.now.step) == (2, 44, 90)
    assert (run.training.summary.before.reward, run.training.summary.now.reward) == (0.41, 0.48)
    assert list(run.messages.sent) == []  # of the last one nothing more need be remembered


def test_one_that_slack_has_not_taken_grows_into_the_next() -> None:
    run = prepare_summary(stepped(begun(), 44), at(3600), HOURLY)
    run = prepare_summary(stepped(run, 90), at(7200), HOURLY)
    assert run.training.summary is not None
    assert (run.training.summary.number, run.training.summary.before.step, run.training.summary.now.step) == (1, 1, 90)


def test_one_of_unknown_fate_is_waited_for() -> None:
    run = posted(prepare_summary(stepped(begun(), 44), at(3600), HOURLY), ts=None)
    assert prepare_summary(stepped(run, 90), at(7200), HOURLY).training.summary == run.training.summary


@pytest.mark.parametrize(
    "run", [running(), replace(stepped(running(), 9), reason=Reason.STOPPED)], ids=["untrained", "over"]
)
def test_before_the_first_step_and_after_the_end_there_is_none(run: Run) -> None:
    assert prepare_summary(run, at(9000), HOURLY) == run


moves = st.lists(st.tuples(st.integers(-3, 30), st.integers(1, 4000), st.sampled_from(["taken", "lost", "late"])))


@given(moves, st.sampled_from([HOURLY, STEPS, SummaryInterval(50, timedelta(minutes=30))]))
def test_summaries_are_a_chain_without_gaps(moves: list[Any], rhythm: SummaryInterval) -> None:
    """Each begins where the one before ended, whatever Slack takes when, and whether the training goes back."""
    run, step, seconds = begun(), 1, 0
    told: list[Summary] = []
    for forward, later, fate in moves:
        step, seconds = max(step + forward, 0), seconds + later
        run = prepare_summary(stepped(run, step), at(seconds), rhythm)
        due = run.training.summary
        assert due is not None
        if due.key in run.messages.sent:
            run = posted(run)
        elif due.number and fate != "lost":
            told.append(due)
            run = posted(run, ts="1.0" if fate == "taken" else None)  # or that it arrived is known only later
    assert [one.number for one in told] == list(range(1, len(told) + 1))
    assert all(later.before == earlier.now for earlier, later in pairwise(told))
