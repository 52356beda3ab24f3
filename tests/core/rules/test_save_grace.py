from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model.checkpoint import CheckpointListing, SaveGrace
from bot.core.model.cluster import ClusterState, JobState, Observation, Outage
from bot.core.model.launch_plan import DEADLINE_VARIABLE, LaunchOrder
from bot.core.model.money import BudgetOverrun, Rate
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.rules import save_grace
from bot.core.rules.save_grace import CheckpointGrace
from tests.builders import NOON, at, change_run, launching, running, up

PATIENCE = CheckpointGrace(save=timedelta(minutes=10), download=timedelta(minutes=60))
FOLDER = "~/checkpoints/ppo-7f3a/global_step_20"


def training(step: int | None = 25, saved: int | None = 20, **changes: Any) -> Run:
    """At four dollars an hour, asked for at noon; its newest checkpoint was read of a quarter of an hour later."""
    progress = Progress(step, 100, checkpoint=FOLDER if saved else None, checkpoint_step=saved)
    known = {"progress": progress, "checkpoints_ephemeral": True, "checkpoint_at": at(900) if saved else None}
    return running(**known | changes)


@pytest.mark.parametrize(
    ("lease", "budget", "rate", "ends"),
    [
        pytest.param(2, 100.0, Rate(4.0, "x"), 7200, id="the lease ends first"),
        pytest.param(12, 2.0, Rate(4.0, "x"), 1800, id="the budget is spent first"),
        pytest.param(2, 1.0, None, 7200, id="unpriced: the lease alone"),
        pytest.param(2, 1.0, Rate(0.0, "x"), 7200, id="free: the lease alone"),
        pytest.param(2, 1e300, Rate(1e-9, "x"), 7200, id="a budget that lasts for ever"),
    ],
)
def test_a_program_is_told_the_earlier_of_its_two_ends(
    lease: float, budget: float, rate: Rate | None, ends: float
) -> None:
    assert save_grace.find_deadline(launching(lease=timedelta(hours=lease), budget_dollars=budget, rate=rate)) == at(
        ends
    )


@pytest.mark.parametrize(
    ("envs", "told"),
    [
        pytest.param(None, "1767355200", id="in verl's own variable"),
        pytest.param({DEADLINE_VARIABLE: "7"}, "7", id="unless the recipe knows better"),
    ],
)
def test_an_order_tells_the_deadline_beside_the_task(envs: dict[str, str] | None, told: str) -> None:
    task = {"envs": envs, "run": "true"}
    assert LaunchOrder("verl-x", task, deadline=NOON).environment[DEADLINE_VARIABLE] == told
    assert task == {"envs": envs, "run": "true"}


STOPPED: dict[str, Any] = {"stop_requested_by": "U0BEN", "stop_requested_at": at(3600)}
SAVE = training(**STOPPED).checkpoint_rescue.request_stop("U0BEN", True, at(3600))


def overdrawn(*found: tuple[float, bool]) -> Run:
    """A run whose months are spent, each with its end and whether it is only rehearsed."""
    known = tuple(
        BudgetOverrun(f"{number}.dollars_per_month", "workspace", 9.0, 8.0, at(end), rehearsed)
        for number, (end, rehearsed) in enumerate(found)
    )
    return training(budget_overruns=known)


def test_a_month_is_over_when_its_rule_says_so_and_not_when_one_in_the_shadow_would() -> None:
    run = overdrawn((100, True), (3600, False), (7200, False))
    assert save_grace.find_end_time(run, Reason.MONTHLY_BUDGET_EXCEEDED, at(4000)) == at(3600)


def test_a_run_that_is_over_is_told_of_no_month_any_more() -> None:
    run = training().begin_teardown(Reason.STOPPED, None, at(60))
    assert run.record_budget_overruns({"a": BudgetOverrun("a", "workspace", 9.0, 8.0, at(900))}, at(60)) == run


@pytest.mark.parametrize(
    ("run", "reason", "now", "until"),
    [
        pytest.param(training(lease=timedelta(hours=1)), Reason.LEASE_EXPIRED, 3600, 4200, id="the lease: for a save"),
        pytest.param(
            training(lease=timedelta(hours=1)), Reason.LEASE_EXPIRED, 4200, None, id="no longer than the grace"
        ),
        pytest.param(
            training(lease=timedelta(hours=1), checkpoint_at=at(3300)),
            Reason.LEASE_EXPIRED,
            3600,
            None,
            id="it saved before, as it was told",
        ),
        pytest.param(training(20, 20, lease=timedelta(hours=1)), Reason.LEASE_EXPIRED, 3600, None, id="all is saved"),
        pytest.param(
            training(None, None, lease=timedelta(hours=1)), Reason.LEASE_EXPIRED, 3600, None, id="no step yet"
        ),
        pytest.param(training(job=JobState.SETTING_UP), Reason.LEASE_EXPIRED, 43200, None, id="it does not train yet"),
        pytest.param(training(checkpoints_ephemeral=False), Reason.LEASE_EXPIRED, 43200, None, id="it saves nothing"),
        pytest.param(
            training(checkpoints_ephemeral=False, checkpoint_store="volume m"),
            Reason.LEASE_EXPIRED,
            43200,
            43800,
            id="a volume is saved to too",
        ),
        pytest.param(training(budget_dollars=2.0), Reason.BUDGET_EXCEEDED, 2100, 2400, id="since the budget was spent"),
        pytest.param(training(budget_dollars=2.0), Reason.BUDGET_EXCEEDED, 2400, None, id="however late that is seen"),
        pytest.param(training(**STOPPED), Reason.STOPPED, 3600, None, id="a plain stop waits for none"),
        pytest.param(
            training(19, 20, **STOPPED), Reason.STOPPED, 3600, 4200, id="but for the one that is being written"
        ),
        pytest.param(
            training(checkpoint_rescue=SAVE, **STOPPED), Reason.STOPPED, 3700, 4200, id="save and stop: for a save"
        ),
        pytest.param(
            launching(checkpoints_ephemeral=True, checkpoint_rescue=SAVE, **STOPPED),
            Reason.STOPPED,
            3700,
            None,
            id="save and stop, before it has machines",
        ),
        pytest.param(
            training(checkpoint_rescue=SAVE, checkpoint_at=at(3650), **STOPPED),
            Reason.STOPPED,
            3700,
            None,
            id="which has come",
        ),
        pytest.param(
            training(19, 20, checkpoint_rescue=SAVE.request_stop("U0LEA", False, at(3650)), **STOPPED),
            Reason.STOPPED,
            3700,
            None,
            id="it may be lost",
        ),
    ],
)
def test_an_end_waits_for_a_checkpoint_that_may_come(run: Run, reason: Reason, now: float, until: float | None) -> None:
    expected = SaveGrace(reason, at(until)) if until is not None else None
    assert save_grace.find_save_grace(run, reason, up(), at(now), PATIENCE) == expected


@pytest.mark.parametrize(
    ("seen", "waits"),
    [
        pytest.param(None, True, id="nobody answers"),
        pytest.param(up(JobState.RUNNING), True, id="it trains"),
        pytest.param(Observation(), False, id="nothing is there"),
        pytest.param(up(cluster=ClusterState.STOPPED), False, id="its cluster is stopped"),
    ],
)
def test_nothing_is_waited_for_where_nothing_trains(seen: Observation | None, waits: bool) -> None:
    run = training(lease=timedelta(hours=1))
    assert (save_grace.find_save_grace(run, Reason.LEASE_EXPIRED, seen, at(3600), PATIENCE) is not None) is waits


OVER = training(**STOPPED).begin_teardown(Reason.STOPPED, None, at(3600))


@pytest.mark.parametrize(
    ("run", "keeps"),
    [
        pytest.param(OVER, True, id="on its cluster alone"),
        pytest.param(training(), False, id="it is not over"),
        pytest.param(
            change_run(OVER, checkpoints_ephemeral=False, checkpoint_store="volume m"), False, id="in a volume"
        ),
        pytest.param(change_run(OVER, progress=Progress(3)), False, id="nothing saved"),
        pytest.param(OVER.request_stop("U0LEA", at(3700), save=False), False, id="it may be lost"),
        pytest.param(OVER.abandon_checkpoint(at(3700)), False, id="it was given up"),
        pytest.param(change_run(OVER, managed=True), False, id="its machines go by themselves"),
        pytest.param(OVER.record_teardown_request(at(3700)), False, id="its removal was asked for"),
    ],
)
def test_a_cluster_is_kept_for_what_is_on_it_alone(run: Run, keeps: bool) -> None:
    assert save_grace.needs_rescue(run) is keeps


SILENT = {"running_at": None, "job": None, "outage": Outage(NOON)}
FIRST_SEEN = {"running_at": None, "job": None}


@pytest.mark.parametrize(
    ("reason", "known", "may"),
    [
        pytest.param(Reason.SUCCEEDED, FIRST_SEEN, True, id="succeeded"),
        pytest.param(Reason.FAILED, FIRST_SEEN, True, id="failed"),
        pytest.param(Reason.DRIVER_DIED, FIRST_SEEN, True, id="its driver died"),
        pytest.param(Reason.CANCELLED_EXTERNALLY, FIRST_SEEN, True, id="cancelled by others"),
        pytest.param(Reason.SETUP_FAILED, FIRST_SEEN, False, id="failed in its setup"),
        pytest.param(Reason.LAUNCH_FAILED, FIRST_SEEN, False, id="not launched"),
        pytest.param(Reason.STOPPED, FIRST_SEEN, False, id="stopped before it was seen to run"),
        pytest.param(Reason.STOPPED, SILENT, True, id="stopped while nothing could be seen"),
        pytest.param(Reason.LEASE_EXPIRED, SILENT, True, id="its lease has ended meanwhile"),
        pytest.param(Reason.STOPPED, FIRST_SEEN | {"job": JobState.RUNNING}, True, id="seen to run once it was over"),
        pytest.param(Reason.STOPPED, {"running_at": NOON}, True, id="seen to run"),
    ],
)
def test_a_run_may_have_trained_though_no_look_has_shown_it(reason: Reason, known: dict[str, Any], may: bool) -> None:
    assert save_grace.may_have_trained(running(**known).begin_teardown(reason, None, at(60))) is may


NOT_WHOLE = replace(
    OVER,
    checkpoint_rescue=OVER.checkpoint_rescue.record_torn(20, "It is torn.", 2).record_integrity(False, at(5400)),
)


@pytest.mark.parametrize(
    ("run", "until"),
    [
        pytest.param(NOT_WHOLE, 5400 + 3600, id="none is whole: for the grace, from when that was found"),
        pytest.param(NOT_WHOLE.keep_cluster(at(20000), "U0ANA"), 20000, id="unless a person says"),
        pytest.param(
            replace(NOT_WHOLE, checkpoint_rescue=NOT_WHOLE.checkpoint_rescue.record_integrity(True, at(5500))),
            43200,
            id="or there is one",
        ),
        pytest.param(change_run(NOT_WHOLE, lease=timedelta(hours=1)), 7200, id="and no longer than another would be"),
        pytest.param(OVER, 43200, id="to the lease's end"),
        pytest.param(change_run(OVER, lease=timedelta(hours=1)), 7200, id="where that is over, for the grace"),
        pytest.param(OVER.keep_cluster(at(9000), "U0ANA"), 9000, id="as long as a person has said"),
        pytest.param(
            replace(OVER, checkpoint_rescue=replace(OVER.checkpoint_rescue, failure_count=1)),
            5400 + 1800,
            id="an older record, which does not name their folder, for the grace",
        ),
    ],
)
def test_a_model_is_given_up_at_a_time_that_is_known(run: Run, until: float) -> None:
    assert save_grace.rescue_deadline(run, PATIENCE) == at(until)


@pytest.mark.parametrize(
    ("shelf", "torn", "chosen", "whole"),
    [
        pytest.param(CheckpointListing((20, 40), 40), (), 40, True, id="the newest"),
        pytest.param(
            CheckpointListing((20, 40), 40), ((40, 1),), 40, True, id="found torn once: it may still be written"
        ),
        pytest.param(CheckpointListing((20, 40), 40), ((40, 2),), 20, True, id="found torn twice: the next"),
        pytest.param(CheckpointListing((20, 40), 40), ((40, 2), (20, 2)), 40, False, id="all torn"),
        pytest.param(CheckpointListing((20, 40)), ((40, 2),), 20, True, id="without a name for the newest"),
    ],
)
def test_the_newest_that_may_be_whole_is_fetched(
    shelf: CheckpointListing, torn: tuple[tuple[int, int], ...], chosen: int, whole: bool
) -> None:
    run = training()
    for step, looks in torn:
        run = replace(run, checkpoint_rescue=run.checkpoint_rescue.record_torn(step, "It is torn.", looks))
    assert run.checkpoint_rescue.choose_checkpoint(shelf) == (chosen, whole)
