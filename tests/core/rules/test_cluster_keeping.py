"""How long a failed run's cluster is kept for a look, what ends that earlier, and what the tick does meanwhile."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.core.model.cluster import Ambiguity, JobState, Observation, PendingConfirmation
from bot.core.model.money import BudgetOverrun
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import (
    Action,
    AwaitConfirmation,
    PostponeAutostop,
    RaiseAlarm,
    ReconcileTimings,
    RequestTeardown,
)
from bot.core.rules.cluster_keeping import find_keep_end, is_kept, may_be_kept
from bot.core.rules.decide import decide
from tests.builders import GONE, NOON, NOTHING, at, change_run, running, up

HALF_HOUR = timedelta(minutes=30)
FAILED = up(JobState.FAILED)
RULES = ReconcileTimings()
MONTH_SPENT = BudgetOverrun("team.dollars_per_month", "team:C0TRAIN", 61.0, 60.0, at(600))
ABSENT = PendingConfirmation(Ambiguity.ABSENT, at(60), at(60))


def kept(**changes: Any) -> Run:
    """Return a run that failed at noon, and whose cluster is kept for half an hour, its last lines read."""
    over = {"status": RunStatus.STOPPING, "reason": Reason.FAILED, "finished_at": NOON, "log_saved_at": NOON}
    failed = change_run(running(), **over | {"job": JobState.FAILED, "keep_on_failure": HALF_HOUR} | changes)
    return failed.record_observation(FAILED, NOON)


@pytest.mark.parametrize(
    ("run", "until"),
    [
        pytest.param(kept(), at(1800), id="failed"),
        pytest.param(kept(reason=Reason.SETUP_FAILED), at(1800), id="setup failed"),
        pytest.param(kept(reason=Reason.DRIVER_DIED), at(1800), id="driver died"),
        pytest.param(kept(lease=timedelta(minutes=10)), at(600), id="the lease ends earlier"),
        pytest.param(kept(budget_dollars=1.0), at(900), id="the budget ends earlier, at four dollars an hour"),
        pytest.param(kept(budget_overruns=(MONTH_SPENT,)), at(600), id="a monthly budget ends earlier"),
        pytest.param(
            kept(budget_overruns=(replace(MONTH_SPENT, is_report_only=True),)), at(1800), id="a month is only reported"
        ),
        pytest.param(
            kept(budget_overruns=(replace(MONTH_SPENT, resolved_at=at(30)),)), at(1800), id="a month was given more"
        ),
        pytest.param(kept(keep_on_failure=timedelta()), None, id="not wanted"),
        pytest.param(kept(managed=True), None, id="a managed job"),
        *(
            pytest.param(kept(reason=reason), None, id=reason.value)
            for reason in Reason
            if reason not in (Reason.FAILED, Reason.SETUP_FAILED, Reason.DRIVER_DIED)
        ),
    ],
)
def test_only_a_failed_job_keeps_its_cluster_and_a_limit_ends_it_earlier(run: Run, until: datetime | None) -> None:
    assert find_keep_end(run) == until
    assert is_kept(run, at(60)) is (until is not None)
    assert not until or not is_kept(run, until)


@pytest.mark.parametrize(
    ("run", "seen", "seconds", "action"),
    [
        pytest.param(kept(), FAILED, 60, None, id="it is kept"),
        pytest.param(kept(), None, 60, None, id="nothing is seen"),
        pytest.param(kept(), FAILED, 1200, None, id="no alarm while it is kept"),
        pytest.param(kept(), FAILED, 1800, RequestTeardown(), id="its time is over"),
        pytest.param(kept(), None, 1800, RequestTeardown(), id="its time is over, and nothing is seen"),
        pytest.param(kept(budget_dollars=1.0), FAILED, 901, RequestTeardown(), id="its budget is used up"),
        pytest.param(kept(lease=timedelta(minutes=10)), FAILED, 600, RequestTeardown(), id="its lease is over"),
        pytest.param(kept(budget_overruns=(MONTH_SPENT,)), FAILED, 600, RequestTeardown(), id="a month is used up"),
        pytest.param(kept().request_stop("U0BEN", at(60)), FAILED, 61, RequestTeardown(), id="a person stops it"),
        pytest.param(
            kept(teardown_requested_at=at(1800)), FAILED, 1800 + 600, RaiseAlarm(), id="it does not go afterwards"
        ),
        pytest.param(
            kept(), NOTHING, 60, AwaitConfirmation(replace(ABSENT, ambiguity=Ambiguity.FORGOTTEN)), id="forgotten"
        ),
        pytest.param(kept(), GONE, 60, AwaitConfirmation(ABSENT), id="removed by another person"),
        pytest.param(
            kept(requested_autostop_minutes=5, autostop_minutes=5),
            up(JobState.FAILED, autostop_minutes=5),
            1,
            PostponeAutostop(at(1800)),
            id="its autostop waits",
        ),
    ],
)
def test_what_the_tick_does_with_a_kept_cluster(
    run: Run, seen: Observation | None, seconds: float, action: Action | None
) -> None:
    assert decide(run, seen, at(seconds), RULES) == action


@pytest.mark.parametrize(
    ("run", "ends"),
    [
        pytest.param(kept(), True, id="kept"),
        pytest.param(kept(teardown_requested_at=at(5)), False, id="its removal is requested"),
        pytest.param(kept(stop_requested_by="U0BEN"), False, id="a person stopped it before it failed"),
        pytest.param(kept(keep_on_failure=timedelta()), False, id="not kept"),
    ],
)
def test_a_stop_of_a_finished_run_counts_only_where_it_is_kept(run: Run, ends: bool) -> None:
    assert may_be_kept(run) is ends
    assert not may_be_kept(run.request_stop("U0BEN", at(60)))
