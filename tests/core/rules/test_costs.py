"""What a month has cost: by hand, and that its parts are the whole, as properties."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.ledger import format_month
from bot.core.model.money import Bill, Rate
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.costs import CostTotals, Month, belongs_to_month, calendar_month, compute_monthly_costs
from tests.builders import NOON, a_run, at, change_run, launching, running

HOUR = 3600.0
LATER = at(40 * 24 * HOUR)
"""February 11th."""


def ended(asked: float, until: float, **changes: object) -> Run:
    """Asked for and gone, in hours after noon of January 2nd."""
    changes = {
        "first_launch_requested_at": at(asked * HOUR),
        "finished_at": at(until * HOUR),
        "closed_at": at(until * HOUR),
    } | changes
    return change_run(running(status=RunStatus.ENDED, reason=Reason.SUCCEEDED), **changes)


@pytest.mark.parametrize(
    ("now", "zone", "name", "begin", "end"),
    [
        pytest.param(NOON, "UTC", "2026-01", "01-01 00", "02-01 00", id="by the clock of all"),
        pytest.param(NOON, "Asia/Shanghai", "2026-01", "12-31 16", "01-31 16", id="east"),
        pytest.param(
            datetime(2026, 2, 1, 3, tzinfo=UTC), "America/New_York", "2026-01", "01-01 05", "02-01 05", id="west"
        ),
        pytest.param(
            datetime(2026, 3, 30, tzinfo=UTC), "Europe/Berlin", "2026-03", "02-28 23", "03-31 22", id="summer time"
        ),
        pytest.param(datetime(2026, 12, 31, tzinfo=UTC), "UTC", "2026-12", "12-01 00", "01-01 00", id="the last one"),
    ],
)
def test_a_month_is_that_of_the_workspaces_clock(now: datetime, zone: str, name: str, begin: str, end: str) -> None:
    found = calendar_month(now, ZoneInfo(zone))
    assert found.name == format_month(now, ZoneInfo(zone))
    assert (found.name, f"{found.begin:%m-%d %H}", f"{found.end:%m-%d %H}") == (name, begin, end)


@pytest.mark.parametrize(
    ("run", "months"),
    [
        pytest.param(ended(0, 2), ["2026-01"], id="it began and ended in it"),
        pytest.param(ended(0, 31 * 24), ["2026-02"], id="it ended in the next: whole there"),
        pytest.param(running(), ["2026-02"], id="it stands: in this one"),
        pytest.param(
            running(status=RunStatus.STOPPING, reason=Reason.FAILED, finished_at=at(1)),
            ["2026-02"],
            id="it is over, and bills",
        ),
        pytest.param(a_run(), [], id="it waits"),
        pytest.param(replace(a_run(), status=RunStatus.ENDED, closed_at=at(1)), [], id="stopped before any machine"),
    ],
)
def test_a_run_counts_in(run: Run, months: list[str]) -> None:
    there = [calendar_month(moment, UTC) for moment in (NOON, LATER)]
    assert [month.name for month in there if belongs_to_month(run, month, LATER)] == months


def test_those_that_still_bill_stand_first_by_their_rate_and_then_what_cost_most() -> None:
    runs = [
        ended(0, 1, id="cheap"), ended(0, 9, id="dear"), running(id="slow", first_launch_requested_at=at(0)),
        running(id="fast", first_launch_requested_at=at(2 * HOUR), rate=Rate(9.0, "x")),
        running(id="unknown", rate=None),
    ]  # fmt: skip
    found = compute_monthly_costs(runs, calendar_month(NOON, UTC), at(3 * HOUR))
    assert [one.run for one in found.charges] == ["fast", "slow", "unknown", "dear", "cheap"]


@pytest.mark.parametrize(
    ("run", "hourly"),
    [
        pytest.param(running(), 4.0, id="it runs"),
        pytest.param(launching(), 4.0, id="its machines come"),
        pytest.param(running(status=RunStatus.STOPPING, reason=Reason.FAILED), 4.0, id="its machines go"),
        pytest.param(running(bill=Bill(1.0, Rate(5.0, "x"), NOON)), 5.0, id="by its bill"),
        pytest.param(
            running(bill=Bill(1.0, Rate(5.0, "x"), NOON, is_closed=True)), 0.0, id="it waits for machines anew"
        ),
        pytest.param(ended(0, 1), 0.0, id="it has ended"),
        pytest.param(running(rate=None), 0.0, id="nobody knows"),
    ],
)
def test_an_hour_more_costs(run: Run, hourly: float) -> None:
    assert compute_monthly_costs([run], calendar_month(NOON, UTC), at(HOUR)).total.dollars_per_hour == hourly


def test_a_run_that_ends_while_it_is_looked_for_counts_once_and_as_ended() -> None:
    found = compute_monthly_costs([running(), ended(0, 2)], calendar_month(NOON, UTC), at(5 * HOUR))
    assert found.total == CostTotals(dollars=8.0, idle=0.0, dollars_per_hour=0.0, runs=1, billing=0, unpriced=0)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(running(rate=None), id="nobody knows"),
        pytest.param(running(rate=Rate(0.0, "SkyPilot")), id="a rate of nothing"),
        pytest.param(running(rate=None, bill=Bill(0.0, Rate(0.0, "SkyPilot"), at(60))), id="a bill of nothing"),
        pytest.param(
            running(rate=None, bill=Bill(0.0, Rate(float("nan"), "SkyPilot"), at(60))), id="a bill of no number"
        ),
    ],
)
def test_zero_is_unpriced_and_never_free(run: Run) -> None:
    assert (run.cost(at(HOUR)), run.spending.hourly_rate) == (None, None)
    whole = compute_monthly_costs([run], calendar_month(NOON, UTC), at(HOUR)).total
    assert (whole.dollars, whole.unpriced, whole.runs) == (0.0, 1, 1)


def test_a_bill_of_nothing_leaves_the_price_table_its_word() -> None:
    run = running(rate=Rate(4.0, "the price table"), bill=Bill(0.0, Rate(0.0, "SkyPilot"), at(60)))
    assert (run.cost(at(HOUR)), run.spending.hourly_rate) == (4.0, Rate(4.0, "the price table"))


@pytest.mark.parametrize(
    ("run", "dollars"),
    [
        pytest.param(a_run(), 0.0, id="nothing while it waits"),
        pytest.param(launching(), 8.0, id="while its machines come"),
        pytest.param(running(running_at=at(HOUR)), 8.0, id="from the ask on, not from when its job ran"),
        pytest.param(
            running(status=RunStatus.STOPPING, reason=Reason.FAILED, finished_at=at(HOUR)),
            8.0,
            id="on while its machines go",
        ),
        pytest.param(ended(0, 1.5, finished_at=at(HOUR)), 6.0, id="until they were seen to be gone"),
        pytest.param(running(launch_requested_at=at(HOUR)), 8.0, id="asked for again: from the first time"),
    ],
)
def test_cost_begins_with_the_ask_for_machines_and_ends_when_they_are_seen_to_be_gone(run: Run, dollars: float) -> None:
    assert run.cost(at(2 * HOUR)) == pytest.approx(dollars)


HOURS = st.floats(0.0, 80 * 24.0)
RATES = st.none() | st.builds(Rate, st.sampled_from([0.0, 0.5, 4.0, 31.25]), st.just("x"))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A run at any point of its life."""
    asked, ran, over, gone = sorted(draw(HOURS) for _ in range(4))
    found = a_run(
        id=f"ppo-{draw(st.integers(0, 40))}",
        requester=draw(st.sampled_from(["U0ANA", "U0BEN", "U0LEA"])),
        recipe=draw(st.sampled_from(["ppo", "grpo"])),
        infra=draw(st.sampled_from(["", "k8s", "slurm/one"])),
        rate=draw(RATES),
    )
    steps: list[dict[str, object]] = [
        {"status": RunStatus.LAUNCHING, "first_launch_requested_at": at(asked * HOUR)},
        {"status": RunStatus.RUNNING, "running_at": at(ran * HOUR)},
        {"status": RunStatus.STOPPING, "reason": Reason.FAILED, "finished_at": at(over * HOUR)},
        {"status": RunStatus.ENDED, "closed_at": at(gone * HOUR)},
    ]
    for step in steps[: draw(st.integers(0, 4))]:
        found = change_run(found, **step)
    return found


MONTHS = [calendar_month(at(days * 24 * HOUR), UTC) for days in (0, 31, 60)]
MANY = st.lists(runs(), max_size=30, unique_by=lambda run: run.id)
NOW = at(81 * 24 * HOUR)


@pytest.mark.slow
@given(MANY, st.sampled_from(MONTHS))
def test_the_parts_by_person_recipe_and_infra_each_are_the_whole(found: list[Run], month: Month) -> None:
    account = compute_monthly_costs(found, month, NOW)
    for parts in (account.by_person, account.by_recipe, account.by_infra):
        total = sum(parts.values(), CostTotals())
        for figure in ("dollars", "idle", "dollars_per_hour", "runs", "billing", "unpriced"):
            assert getattr(total, figure) == pytest.approx(getattr(account.total, figure))


@pytest.mark.slow
@given(MANY)
def test_every_run_that_has_ever_billed_counts_in_one_month_alone(found: list[Run]) -> None:
    """The story is of January 2nd to March 24th, so three months hold it all."""
    counted = [one.run for month in MONTHS for one in compute_monthly_costs(found, month, NOW).charges]
    assert sorted(counted) == sorted(run.id for run in found if run.launch.first_requested_at)


@given(MANY, st.sampled_from(MONTHS))
def test_what_was_idle_is_never_more_than_what_was_paid(found: list[Run], month: Month) -> None:
    for one in compute_monthly_costs(found, month, NOW).charges:
        assert 0.0 <= one.idle <= (one.dollars or 0.0) + timedelta.resolution.total_seconds()
        assert one.dollars is None or one.dollars >= 0.0
