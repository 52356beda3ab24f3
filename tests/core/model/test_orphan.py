"""Whose a cluster is, and that no sequence of looks and wishes removes what is somebody's."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.cluster import ClusterState, Ending, Observation, RequestState
from bot.core.model.orphan import (
    ADOPTION_TIME,
    ListedCluster,
    Orphan,
    OrphanTimings,
    Ownership,
    build_orphan,
    determine_ownership,
    is_teardown_due,
    needs_attention,
)
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from tests.builders import NOON, a_run, at, running, up

PATIENCE = OrphanTimings(confirm_after=timedelta(seconds=30), teardown_retry=timedelta(minutes=2))
RUNS: Mapping[str, Run] = {
    "ppo-0001": a_run(id="ppo-0001"),
    "ppo-0002": running(id="ppo-0002"),
    "ppo-0003": running(id="ppo-0003", status=RunStatus.STOPPING),
    "ppo-0004": running(id="ppo-0004", status=RunStatus.ENDED, closed_at=at(3600)),
}


def cluster(name: str = "dev-box", run: str = "", **more: Any) -> ListedCluster:
    return replace(ListedCluster(id=f"{name}-1", name=name, status=ClusterState.UP, run_label=run), **more)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        pytest.param(cluster("verl-ppo-0001"), None, id="of a run that waits"),
        pytest.param(cluster("verl-ppo-0002"), None, id="of a run that trains"),
        pytest.param(cluster("verl-ppo-0003"), None, id="of a run whose cluster is being removed"),
        pytest.param(
            cluster("verl-ppo-0004", run_label="ppo-0004", launched_at=at(60)),
            Ownership.ENDED_RUN,
            id="of a run that has ended",
        ),
        pytest.param(
            cluster("verl-ppo-0004", run_label="ppo-0004", launched_at=at(86_400)),
            Ownership.OUR_NAME,
            id="launched long after its end",
        ),
        pytest.param(cluster("verl-ppo-0004", launched_at=at(60)), Ownership.ENDED_RUN, id="the same without a label"),
        pytest.param(
            cluster("verl-ppo-0004", run_label="ppo-0004"), Ownership.OUR_NAME, id="launched nobody knows when"
        ),
        pytest.param(cluster("verl-ppo-0009"), Ownership.OUR_NAME, id="our name, and no run"),
        pytest.param(cluster("dev-box", run_label="ppo-0009"), Ownership.OUR_NAME, id="our label, and no run"),
        pytest.param(
            cluster("dev-box", run_label="ppo-0002"),
            Ownership.OUR_NAME,
            id="the label of a run that has another cluster",
        ),
        pytest.param(
            cluster("dev-box", run_label="ppo-0004"), Ownership.OUR_NAME, id="the label of an ended run is no proof"
        ),
        pytest.param(cluster("dev-box"), Ownership.UNCLAIMED, id="nothing speaks for it"),
        pytest.param(cluster("my-verl-ppo-0004"), Ownership.UNCLAIMED, id="our name in the middle of another"),
    ],
)
def test_whose_a_cluster_is(standing: ListedCluster, expected: Ownership | None) -> None:
    assert determine_ownership(standing, RUNS.get) is expected


@pytest.mark.parametrize(
    ("orphan", "seconds", "dollars"),
    [
        pytest.param(cluster(dollars_per_hour=2.0, launched_at=NOON), 7200, 4.0, id="since its launch"),
        pytest.param(cluster(dollars_per_hour=2.0), 3600, 2.0, id="since it was first seen"),
        pytest.param(
            cluster(dollars_per_hour=2.0, launched_at=NOON + timedelta(hours=9)), 3600, 0.0, id="clocks differ"
        ),
        pytest.param(cluster(launched_at=NOON), 3600, None, id="unpriced"),
    ],
)
def test_what_it_has_cost(orphan: ListedCluster, seconds: float, dollars: float | None) -> None:
    found = build_orphan(orphan, Ownership.UNCLAIMED, NOON, PATIENCE)
    assert found.compute_dollars(NOON + timedelta(seconds=seconds)) == dollars


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["stands", "missing", "hidden", "unseen", "leave", "remove", "adopt"]), st.integers(1, 200)
    ),
    max_size=30,
)


@given(st.sampled_from(list(Ownership)), EVENTS)
def test_nothing_is_removed_but_by_a_wish_or_after_two_sights_of_what_an_ended_run_has_left(
    found: Ownership, events: list[tuple[str, int]]
) -> None:
    now = NOON
    orphan = build_orphan(cluster(), found, now, PATIENCE)
    stood, wished = [now], ""
    for event, seconds in events:
        now += timedelta(seconds=seconds)
        before = orphan
        orphan = happens(orphan, event, found, now)
        if event == "stands":
            stood.append(now)
        if event in ("leave", "remove", "adopt") and not before.gone_at:
            wished = event if event == "remove" or (event == "adopt" and wished != "remove") else wished or event
        if is_teardown_due(orphan, now, PATIENCE):
            assert wished == "remove" or (found is Ownership.ENDED_RUN and (not wished or before.teardown_requested_at))
            assert found is not Ownership.ENDED_RUN or stood[-1] - stood[0] >= PATIENCE.confirm_after
            assert needs_attention(orphan, now)
            orphan = orphan.record_teardown_request(None, now)
            assert not is_teardown_due(orphan, now, PATIENCE)
        if orphan.gone_at and not before.gone_at:
            assert event == "missing"
            assert before.missing_since
            assert now - before.missing_since >= PATIENCE.confirm_after


def test_what_is_adopted_stands_to_its_end_whose_owner_hears_of_it_once_an_hour_before() -> None:
    orphan = build_orphan(cluster(), Ownership.UNCLAIMED, NOON, PATIENCE).adopt("U0BEN", None, NOON)
    end = NOON + ADOPTION_TIME
    assert orphan.adopt("U0ANA", None, at(60)) == orphan  # a second click on the same button
    hour = timedelta(hours=1)
    warned = orphan.record_warning("1.0", end - hour)
    soon = [one.needs_warning(at) for one, at in [(orphan, end - 2 * hour), (orphan, end - hour), (warned, end - hour)]]
    assert soon == [False, True, False]
    assert orphan.record_warning(None, end - hour).needs_warning(end - hour), "nobody knows whether it has arrived"
    assert [orphan.next_event_at(at) for at in (NOON, end - hour, end)] == [end - hour, end, None]
    assert not is_teardown_due(orphan, end - timedelta(seconds=1), PATIENCE)
    assert is_teardown_due(orphan, end, PATIENCE)
    longer = warned.adopt("U0ANA", end, end - hour)
    assert (longer.adopted_by, longer.adopted_until) == ("U0ANA", end + ADOPTION_TIME)
    assert longer.needs_warning(end + ADOPTION_TIME - hour)
    assert not is_teardown_due(longer, end, PATIENCE)


def happens(orphan: Orphan, event: str, found: Ownership, now: datetime) -> Orphan:
    match event:
        case "stands":
            return orphan.record_observation(orphan.cluster, found, now, PATIENCE)
        case "missing":
            return orphan.record_absence(Observation(ending=Ending.DOWNED), now, PATIENCE)
        case "hidden":  # the list leaves it out, and a look at it alone shows it, or its launch
            return orphan.record_absence(
                up() if now.second % 2 else Observation(request=RequestState.LIVE), now, PATIENCE
            )
        case "unseen":
            return orphan.record_absence(None, now, PATIENCE)
        case "leave":
            return orphan.leave_alone("U0BEN")
        case "adopt":
            return orphan.adopt("U0BEN", orphan.adopted_until, now)
        case _:
            return orphan.request_removal("U0ANA")
