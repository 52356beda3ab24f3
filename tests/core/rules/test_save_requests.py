"""When a program is asked for a checkpoint: once for each end, early enough, and never for nothing."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.core.model.checkpoint import SaveGrace
from bot.core.model.cluster import JobState
from bot.core.model.money import BudgetOverrun
from bot.core.model.progress import Progress, StepTime
from bot.core.model.rollout import OutputFiles
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.rules.save_grace import CheckpointGrace
from bot.core.rules.save_requests import find_next_limit, measure_save_time, must_request_save
from tests.builders import at, running, up

GRACE = CheckpointGrace()
ASKS = OutputFiles(save_request="save-request")


def training(asks: OutputFiles = ASKS, step_seconds: float = 120.0, **changes: Any) -> Run:
    """At four dollars an hour since noon; the newest checkpoint is of step 20, and the newest step 25."""
    progress = Progress(25, 100, checkpoint="~/checkpoints/ppo-7f3a/global_step_20", checkpoint_step=20)
    progress = replace(progress, step_times=(StepTime(step_seconds),) * 8)
    known = {"progress": progress, "checkpoints_ephemeral": True, "checkpoint_at": at(900)}
    run = running(**{"lease": timedelta(hours=1), **known, **changes})
    return replace(run, plan=replace(run.plan, files=asks))


def sent(run: Run, when: datetime) -> Run:
    return replace(run, checkpoint_rescue=run.checkpoint_rescue.record_save_request(when))


def stopped(run: Run) -> Run:
    """Return the run with a stop that waits for a checkpoint since half an hour after noon."""
    rescue = run.checkpoint_rescue.request_stop("U0BEN", True, at(1800))
    run = replace(run, requests=replace(run.requests, stop_requested_by="U0BEN", stop_requested_at=at(1800)))
    return replace(run, checkpoint_rescue=rescue.set_save_grace(SaveGrace(Reason.STOPPED, at(2400))))


LEAD = 6 * 60
"""Seconds before a limit: half more than a step of two minutes, and three minutes for the writing."""


@pytest.mark.parametrize(
    ("run", "now", "is_asked"),
    [
        pytest.param(training(), 3600 - LEAD - 1, False, id="the lease is far"),
        pytest.param(training(), 3600 - LEAD, True, id="the lease is near"),
        pytest.param(sent(training(), at(3600 - LEAD)), 3600 - LEAD + 30, False, id="it was asked"),
        pytest.param(sent(training(), at(900)), 3600 - LEAD, True, id="it was asked for an earlier end"),
        pytest.param(training(checkpoint_at=at(3300)), 3400, False, id="it has saved since"),
        pytest.param(training(budget_dollars=2.0), 1800 - LEAD, True, id="the budget is nearly spent"),
        pytest.param(training(OutputFiles()), 3600 - LEAD, False, id="its recipe does not look for requests"),
        pytest.param(training(job=JobState.SETTING_UP), 3600 - LEAD, False, id="it does not train yet"),
        pytest.param(training(), 1800, False, id="no end is in sight"),
        pytest.param(stopped(training()), 1801, True, id="a person stops it and wants a checkpoint"),
        pytest.param(sent(stopped(training()), at(1805)), 1810, False, id="for the stop it was asked"),
        pytest.param(stopped(training(checkpoint_at=at(1805))), 1810, False, id="it has saved since the stop"),
    ],
)
def test_a_program_is_asked_once_for_each_end(run: Run, now: float, is_asked: bool) -> None:
    observation = up(replace(run.observed).job or JobState.RUNNING)
    assert must_request_save(run, observation, at(now), GRACE) is is_asked


def test_a_request_that_did_not_arrive_is_repeated_after_a_while() -> None:
    run = stopped(training())
    run = replace(run, checkpoint_rescue=run.checkpoint_rescue.record_save_request_failure(at(1810)))
    retry = GRACE.download_retry.total_seconds()
    assert not must_request_save(run, up(JobState.RUNNING), at(1810 + retry - 1), GRACE)
    assert must_request_save(run, up(JobState.RUNNING), at(1810 + retry), GRACE)


def test_nothing_is_asked_while_a_checkpoint_is_being_written() -> None:
    run = training()
    progress = replace(run.training.progress, checkpoint_step=26)
    run = replace(run, training=replace(run.training, progress=progress))
    assert not must_request_save(stopped(run), up(JobState.RUNNING), at(1801), GRACE)


def test_the_first_of_all_limits_counts_and_a_rule_that_only_reports_does_not() -> None:
    overruns = (
        BudgetOverrun("a", "workspace", 9.0, 8.0, at(1200), True),
        BudgetOverrun("b", "workspace", 9.0, 8.0, at(2400), False),
    )
    assert find_next_limit(training(), at(600)) == at(3600)
    assert find_next_limit(training(budget_overruns=overruns), at(600)) == at(2400)


def test_a_slow_step_is_given_more_time() -> None:
    assert measure_save_time(training(step_seconds=1200.0)) == timedelta(minutes=33)
