"""Whose a cluster is, and that no sequence of looks and wishes removes what is somebody's."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.orphans import (
    ADOPTED,
    Claim,
    Orphan,
    Patience,
    Standing,
    claim,
    first_sight,
    is_unsettled,
    wants_removal,
)
from bot.core.run import Run
from bot.core.seen import Cluster, Ending, Request, Seen
from bot.core.status import Status
from tests.builders import NOON, a_run, at, running, up

PATIENCE = Patience(sight=timedelta(seconds=30), down_again=timedelta(minutes=2))
RUNS: Mapping[str, Run] = {
    "ppo-0001": a_run(id="ppo-0001"),
    "ppo-0002": running(id="ppo-0002"),
    "ppo-0003": running(id="ppo-0003", status=Status.STOPPING),
    "ppo-0004": running(id="ppo-0004", status=Status.ENDED, ended_at=at(3600)),
}


def cluster(name: str = "dev-box", run: str = "", **more: Any) -> Standing:
    return replace(Standing(id=f"{name}-1", name=name, status=Cluster.UP, run=run), **more)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        pytest.param(cluster("verl-ppo-0001"), None, id="of a run that waits"),
        pytest.param(cluster("verl-ppo-0002"), None, id="of a run that trains"),
        pytest.param(cluster("verl-ppo-0003"), None, id="of a run whose cluster is being removed"),
        pytest.param(cluster("verl-ppo-0004", run="ppo-0004", since=at(60)), Claim.ENDED, id="of a run that has ended"),
        pytest.param(
            cluster("verl-ppo-0004", run="ppo-0004", since=at(86_400)), Claim.NAMED, id="launched long after its end"
        ),
        pytest.param(cluster("verl-ppo-0004", since=at(60)), Claim.ENDED, id="the same without a label"),
        pytest.param(cluster("verl-ppo-0004", run="ppo-0004"), Claim.NAMED, id="launched nobody knows when"),
        pytest.param(cluster("verl-ppo-0009"), Claim.NAMED, id="our name, and no run"),
        pytest.param(cluster("dev-box", run="ppo-0009"), Claim.NAMED, id="our label, and no run"),
        pytest.param(cluster("dev-box", run="ppo-0002"), Claim.NAMED, id="the label of a run that has another cluster"),
        pytest.param(cluster("dev-box", run="ppo-0004"), Claim.NAMED, id="the label of an ended run is no proof"),
        pytest.param(cluster("dev-box"), Claim.NOBODY, id="nothing speaks for it"),
        pytest.param(cluster("my-verl-ppo-0004"), Claim.NOBODY, id="our name in the middle of another"),
    ],
)
def test_whose_a_cluster_is(standing: Standing, expected: Claim | None) -> None:
    assert claim(standing, RUNS.get) is expected


@pytest.mark.parametrize(
    ("orphan", "seconds", "dollars"),
    [
        pytest.param(cluster(dollars_per_hour=2.0, since=NOON), 7200, 4.0, id="since its launch"),
        pytest.param(cluster(dollars_per_hour=2.0), 3600, 2.0, id="since it was first seen"),
        pytest.param(cluster(dollars_per_hour=2.0, since=NOON + timedelta(hours=9)), 3600, 0.0, id="clocks differ"),
        pytest.param(cluster(since=NOON), 3600, None, id="unpriced"),
    ],
)
def test_what_it_has_cost(orphan: Standing, seconds: float, dollars: float | None) -> None:
    found = first_sight(orphan, Claim.NOBODY, NOON, PATIENCE)
    assert found.dollars(NOON + timedelta(seconds=seconds)) == dollars


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["stands", "missing", "hidden", "unseen", "leave", "remove", "adopt"]), st.integers(1, 200)
    ),
    max_size=30,
)


@given(st.sampled_from(list(Claim)), EVENTS)
def test_nothing_is_removed_but_by_a_wish_or_after_two_sights_of_what_an_ended_run_has_left(
    found: Claim, events: list[tuple[str, int]]
) -> None:
    now = NOON
    orphan = first_sight(cluster(), found, now, PATIENCE)
    stood, wished = [now], ""
    for event, seconds in events:
        now += timedelta(seconds=seconds)
        before = orphan
        orphan = happens(orphan, event, found, now)
        if event == "stands":
            stood.append(now)
        if event in ("leave", "remove", "adopt") and not before.gone_at:
            wished = event if event == "remove" or (event == "adopt" and wished != "remove") else wished or event
        if wants_removal(orphan, now, PATIENCE):
            assert wished == "remove" or (found is Claim.ENDED and (not wished or before.downed_at))
            assert found is not Claim.ENDED or stood[-1] - stood[0] >= PATIENCE.sight
            assert is_unsettled(orphan, now)
            orphan = orphan.downed(None, now)
            assert not wants_removal(orphan, now, PATIENCE)
        if orphan.gone_at and not before.gone_at:
            assert event == "missing"
            assert before.missing_since
            assert now - before.missing_since >= PATIENCE.sight


def test_what_is_adopted_stands_to_its_end_whose_owner_hears_of_it_once_an_hour_before() -> None:
    orphan = first_sight(cluster(), Claim.NOBODY, NOON, PATIENCE).adopted("U0BEN", None, NOON)
    end = NOON + ADOPTED
    assert orphan.adopted("U0ANA", None, at(60)) == orphan  # a second click on the same button
    hour = timedelta(hours=1)
    warned = orphan.warns("1.0", end - hour)
    soon = [one.ends_soon(at) for one, at in [(orphan, end - 2 * hour), (orphan, end - hour), (warned, end - hour)]]
    assert soon == [False, True, False]
    assert orphan.warns(None, end - hour).ends_soon(end - hour), "nobody knows whether it has arrived"
    assert [orphan.comes(at) for at in (NOON, end - hour, end)] == [end - hour, end, None]
    assert not wants_removal(orphan, end - timedelta(seconds=1), PATIENCE)
    assert wants_removal(orphan, end, PATIENCE)
    longer = warned.adopted("U0ANA", end, end - hour)
    assert (longer.adopted_by, longer.adopted_until) == ("U0ANA", end + ADOPTED)
    assert longer.ends_soon(end + ADOPTED - hour)
    assert not wants_removal(longer, end, PATIENCE)


def happens(orphan: Orphan, event: str, found: Claim, now: datetime) -> Orphan:
    match event:
        case "stands":
            return orphan.seen(orphan.standing, found, now, PATIENCE)
        case "missing":
            return orphan.missed(Seen(ending=Ending.DOWNED), now, PATIENCE)
        case "hidden":  # the list leaves it out, and a look at it alone shows it, or its launch
            return orphan.missed(up() if now.second % 2 else Seen(request=Request.LIVE), now, PATIENCE)
        case "unseen":
            return orphan.missed(None, now, PATIENCE)
        case "leave":
            return orphan.left("U0BEN")
        case "adopt":
            return orphan.adopted("U0BEN", orphan.adopted_until, now)
        case _:
            return orphan.removal_asked("U0ANA")
