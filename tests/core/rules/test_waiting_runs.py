"""A run that waits is launched or ended; where the store may lack its launch, its cluster is looked for first."""

from dataclasses import replace
from datetime import datetime

import pytest

from bot.core.model.cluster import Ending, Observation, RequestState
from bot.core.model.orphan import ListedCluster
from bot.core.model.run import Run
from bot.core.model.run_state import Approval, Reason, RunStatus
from bot.core.rules.actions import (
    Action,
    Close,
    EstimatePrice,
    Provision,
    ReconcileTimings,
    RecoverLaunch,
    UsualAction,
)
from bot.core.rules.decide import decide
from bot.core.rules.waiting_runs import decide_waiting, recover_launch
from tests.builders import NOON, NOTHING, PROVISIONING, a_run, at, up

PENDING = a_run()
STOPPED = PENDING.request_stop("U0BEN", at(5))
ASKED = a_run(status=RunStatus.AWAITING_APPROVAL, approval=Approval(("U0LEA",), at(60), "0" * 64), priced_at=NOON)
SET_BACK = ReconcileTimings(store_changed_at=at(1))
GONE = Observation(ending=Ending.DOWNED, cluster_id="old")
OWN = ListedCluster(id="new", name=PENDING.cluster, status=up().cluster, launched_at=at(3), run_label=PENDING.id)
PRICED = replace(OWN, dollars_per_hour=6.0)
FOREIGN = replace(OWN, tags={"asked": "7"})


@pytest.mark.parametrize(
    ("run", "observation", "action"),
    [
        pytest.param(PENDING, None, None, id="no answer"),
        pytest.param(PENDING, NOTHING, Provision(), id="no trace"),
        pytest.param(PENDING, up(), Provision(), id="a cluster of its name, of which the launch finds out"),
        pytest.param(STOPPED, None, Close(Reason.STOPPED), id="stopped without an answer"),
        pytest.param(STOPPED, up(), Close(Reason.STOPPED), id="stopped, and another bot's cluster of its name"),
        pytest.param(ASKED, NOTHING, None, id="not answered"),
        pytest.param(replace(ASKED, spending=PENDING.spending), NOTHING, EstimatePrice(), id="not priced"),
        pytest.param(ASKED.record_approval_decision("U0LEA", True, at(9)), NOTHING, Provision(), id="approved"),
        pytest.param(ASKED.record_approval_decision("U0LEA", False, at(9)), None, Close(Reason.REFUSED), id="refused"),
        pytest.param(ASKED.request_stop("U0BEN", at(5)), None, Close(Reason.STOPPED), id="stopped unapproved"),
    ],
)
def test_the_record_of_a_store_that_did_not_change_is_believed(
    run: Run, observation: Observation | None, action: Action | None
) -> None:
    assert decide(run, observation, at(10), ReconcileTimings()) == action
    assert decide(run, observation, at(10), ReconcileTimings(store_changed_at=at(-1))) == action


@pytest.mark.parametrize("run", [PENDING, STOPPED, ASKED])
@pytest.mark.parametrize("observation", [up(), PROVISIONING, GONE], ids=["up", "on its way", "gone"])
def test_a_launch_that_a_changed_store_may_lack_is_looked_for(run: Run, observation: Observation) -> None:
    usual = decide_waiting(run, observation, at(10), ReconcileTimings())
    assert not isinstance(usual, RecoverLaunch)
    assert decide(run, observation, at(10), SET_BACK) == RecoverLaunch(observation, usual)
    assert decide(run, None, at(10), SET_BACK) is None
    assert decide(run, NOTHING, at(10), SET_BACK) == decide(run, NOTHING, at(10), ReconcileTimings())


@pytest.mark.parametrize(
    ("listed", "observation", "usual", "launched_at", "cluster_id"),
    [
        pytest.param(OWN, up(), Provision(), at(3), "new", id="it is up"),
        pytest.param(replace(OWN, launched_at=at(-9)), up(), None, NOON, "new", id="launched before it was asked for"),
        pytest.param(replace(OWN, launched_at=None), up(), None, at(10), "new", id="it is not known when"),
        pytest.param(None, GONE, Close(Reason.STOPPED), at(10), "old", id="it is gone"),
        pytest.param(None, PROVISIONING, Close(Reason.STOPPED), at(10), "", id="it is on its way"),
    ],
)
def test_what_is_found_is_recorded_as_the_launch(
    listed: ListedCluster | None,
    observation: Observation,
    usual: UsualAction | None,
    launched_at: datetime,
    cluster_id: str,
) -> None:
    run = recover_launch(PENDING, listed, RecoverLaunch(observation, usual), at(10))
    assert run is not None
    assert (run.status, run.launch.first_requested_at, run.observed.memory.cluster_id) == (
        RunStatus.LAUNCHING,
        launched_at,
        cluster_id,
    )
    assert run.launch.is_recovered, "it is not launched again"


def test_what_is_found_costs_as_it_is_listed() -> None:
    run = recover_launch(PENDING, PRICED, RecoverLaunch(up(), None), at(10))
    assert run is not None
    assert run.spending.rate is not None
    assert run.spending.rate.dollars_per_hour == 6.0


@pytest.mark.parametrize(
    ("run", "listed", "observation", "usual"),
    [
        pytest.param(PENDING, FOREIGN, up(), Close(Reason.STOPPED), id="labels of another order"),
        pytest.param(PENDING, replace(OWN, run_label="ppo-0001"), up(), None, id="the label of another run"),
        pytest.param(PENDING, None, PROVISIONING, Provision(), id="a launch under way, which a launch finds by itself"),
        pytest.param(
            a_run(managed=True),
            None,
            Observation(request=RequestState.LIVE),
            Close(Reason.STOPPED),
            id="a launch of a managed job under way, which may be another's",
        ),
    ],
)
def test_what_is_not_its_launch_changes_nothing(
    run: Run, listed: ListedCluster | None, observation: Observation, usual: UsualAction | None
) -> None:
    assert recover_launch(run, listed, RecoverLaunch(observation, usual), at(10)) is None
