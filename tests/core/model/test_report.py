from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from bot.core.model.money import Bill, Rate
from bot.core.model.progress import Progress, Sparkline
from bot.core.model.report import (
    NothingDue,
    Report,
    ReportDelivery,
    ReportDue,
    ReportUnconfirmed,
    decide_report_step,
    fell_in_quiet_hours,
    has_nothing_new,
)
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.model.schedule import QuietHours
from bot.core.rules.costs import calendar_month
from bot.core.rules.report_content import DigestDollars, build_digest_content, list_costs
from tests.builders import NOON, a_run, at, running

JANUARY = calendar_month(NOON, UTC)
NIGHT = QuietHours(time(22), time(7))


def a_report(**changes: Any) -> Report:
    """Asked for at noon on a Friday."""
    defaults: dict[str, Any] = {
        "id": "report-1",
        "channel": "C0TRAIN",
        "by": "U0ANA",
        "when": "daily 09:00",
        "zone": "UTC",
        "last_due_at": NOON,
        "covered_until": NOON,
    }
    return Report(**defaults | changes)


def on(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("report", "now", "step"),
    [
        pytest.param(a_report(), on(2, 18), NothingDue(on(3, 9)), id="nothing before its first time"),
        pytest.param(a_report(), on(3, 9), ReportDue(on(3, 9)), id="its time has come"),
        pytest.param(a_report(), on(3, 15), ReportDue(on(3, 9)), id="missed, and told late"),
        pytest.param(a_report(), on(6, 15), ReportDue(on(6, 9)), id="several missed: the newest"),
        pytest.param(a_report(last_due_at=on(3, 9)), on(3, 9, 1), NothingDue(on(4, 9)), id="told"),
        pytest.param(a_report(last_due_at=on(3, 9)), on(3, 8), NothingDue(on(3, 9)), id="a clock that went back"),
        pytest.param(a_report(when="every 2h", quiet=NIGHT), on(2, 23), NothingDue(on(3, 7)), id="quiet until seven"),
        pytest.param(a_report(when="every 2h", quiet=NIGHT), on(3, 7), ReportDue(on(3, 6)), id="what waited for seven"),
        pytest.param(
            a_report(when="every 2h", quiet=NIGHT, last_due_at=on(3, 6)),
            on(3, 7, 1),
            NothingDue(on(3, 8)),
            id="and goes on then",
        ),
        pytest.param(
            a_report(when="every 1h", quiet=NIGHT), on(3, 7), ReportDue(on(3, 7)), id="a new one at seven itself"
        ),
        pytest.param(
            a_report(pending_delivery=ReportDelivery(on(3, 9), on(3, 9), {})),
            on(3, 23),
            ReportUnconfirmed(ReportDelivery(on(3, 9), on(3, 9), {})),
            id="a doubt comes first",
        ),
    ],
)
def test_the_next_step_is(report: Report, now: datetime, step: object) -> None:
    assert decide_report_step(report, now, UTC) == step


def test_what_was_told_is_told_no_more_and_what_follows_is_reckoned_from_it() -> None:
    telling = ReportDelivery(on(3, 9), on(3, 9, 2), {"ppo-7f3a": 4.0})
    told = a_report().begin_delivery(telling).record_delivery(telling)
    assert (told.last_due_at, told.covered_until, told.run_costs, told.pending_delivery) == (
        on(3, 9),
        on(3, 9, 2),
        {"ppo-7f3a": 4.0},
        None,
    )


def test_another_schedule_has_missed_nothing() -> None:
    changed = a_report().change(on(5, 12), "daily 10:00", "UTC", None, everywhere=False)
    assert decide_report_step(changed, on(5, 12), UTC) == NothingDue(on(6, 10))


def test_the_next_board_that_is_promised_is_not_in_the_quiet_hours() -> None:
    report = a_report(when="daily 03:00", quiet=NIGHT)
    assert report.find_next_delivery(NOON, UTC) == on(3, 7)
    assert fell_in_quiet_hours(report, on(3, 3), UTC)


@pytest.mark.parametrize(
    ("report", "active", "ended", "silent"),
    [
        pytest.param(a_report(when="every 2h"), 0, 0, False, id="its first board"),
        pytest.param(a_report(when="every 2h", delivery_count=1), 0, 0, True, id="nothing runs, as was said"),
        pytest.param(
            a_report(when="every 2h", delivery_count=1, run_costs={"r": 1.0}), 0, 0, False, id="something ran then"
        ),
        pytest.param(a_report(when="every 2h", delivery_count=1), 1, 0, False, id="something runs"),
        pytest.param(a_report(when="every 2h", delivery_count=1), 0, 1, False, id="something has ended"),
        pytest.param(a_report(delivery_count=1), 0, 0, False, id="the board of a day"),
    ],
)
def test_that_nothing_runs_is_told_once(report: Report, active: int, ended: int, silent: bool) -> None:
    assert has_nothing_new(report, active, ended) is silent


def ended(seconds: float, **changes: Any) -> Run:
    return running(**changes).close(Reason.SUCCEEDED, at(seconds))


@pytest.mark.parametrize(
    ("report", "runs", "active", "over"),
    [
        pytest.param(a_report(), [running(id="a")], ["a"], [], id="active"),
        pytest.param(a_report(), [ended(60, id="a")], [], ["a"], id="ended since"),
        pytest.param(a_report(covered_until=at(100)), [ended(60, id="a")], [], [], id="ended before"),
        pytest.param(
            a_report(covered_until=at(100), run_costs={"a": 1.0}), [ended(60, id="a")], [], ["a"], id="it was active"
        ),
        pytest.param(a_report(), [running(id="a", channel="C0RANDOM")], [], [], id="another channel's"),
        pytest.param(a_report(everywhere=True), [running(id="a", channel="C0RANDOM")], ["a"], [], id="of all"),
        pytest.param(a_report(channel="D01"), [running(id="a")], ["a"], [], id="a person's own"),
        pytest.param(a_report(channel="D01"), [running(id="a", requester="U0BEN")], [], [], id="somebody else's"),
    ],
)
def test_a_board_tells_of(report: Report, runs: list[Run], active: list[str], over: list[str]) -> None:
    found = build_digest_content(report, runs, [run for run in runs if run.closed_at], JANUARY, at(200))
    assert ([run.id for run in found.active], [run.id for run in found.ended]) == (active, over)


HOUR = 3600.0


@pytest.mark.parametrize(
    ("run", "spent", "since", "total"),
    [
        pytest.param(running(), {"ppo-7f3a": 4.0}, 4.0, 8.0, id="since what the last board told"),
        pytest.param(running(), {}, 4.0, 8.0, id="by the rate where it told nothing"),
        pytest.param(running(first_launch_requested_at=at(1.5 * HOUR)), {}, 2.0, 2.0, id="launched since"),
        pytest.param(ended(1.5 * HOUR), {"ppo-7f3a": 4.0}, 2.0, 6.0, id="ended since"),
        pytest.param(
            running(bill=Bill(3.0, Rate(4.0, "b"), at(2 * HOUR))), {"ppo-7f3a": 4.0}, 0.0, 3.0, id="a smaller bill"
        ),
    ],
)
def test_dollars_since_the_last_board_and_in_all(
    run: Run, spent: dict[str, float | None], since: float, total: float
) -> None:
    """A run at four dollars an hour, asked for at noon; a board at one, and another at two."""
    report = a_report(covered_until=at(HOUR), run_costs=spent)
    found = build_digest_content(report, [run], [run] if run.closed_at else [], JANUARY, at(2 * HOUR))
    assert found.dollars == DigestDollars(since, total)


def test_what_ended_before_the_last_board_counts_in_the_month_alone() -> None:
    report = a_report(covered_until=at(HOUR))
    earlier, lasting = (
        ended(0.5 * HOUR, id="a", infra="k8s"),
        running(id="b", infra="aws", first_launch_requested_at=at(HOUR)),
    )
    found = build_digest_content(report, [lasting], [earlier], JANUARY, at(2 * HOUR))
    assert list(found.by_infra.items()) == [("aws", DigestDollars(4.0, 4.0)), ("k8s", DigestDollars(0.0, 2.0))]
    assert (found.dollars, found.month_costs.total.runs, [run.id for run in found.runs]) == (
        DigestDollars(4.0, 6.0),
        2,
        ["b"],
    )


def test_what_ended_last_month_since_the_last_board_counts_since_then_alone() -> None:
    february = calendar_month(on(31, 23) + timedelta(hours=2), UTC)
    late = replace(ended(0, id="a", first_launch_requested_at=on(31, 22)), finished_at=on(31, 23), closed_at=on(31, 23))
    found = build_digest_content(
        a_report(covered_until=on(31, 9)), [], [late], february, february.begin + timedelta(hours=9)
    )
    assert found.dollars == DigestDollars(4.0, 0.0)


def test_dollars_go_by_person_and_recipe_and_those_of_what_has_no_price_to_nobody() -> None:
    runs = [
        running(id="a"), running(id="b", recipe="grpo", requester="U0BEN", rate=Rate(8.0, "x")),
        running(id="c", rate=None, requester="U0LEA"), a_run(id="d", rate=None),
    ]  # fmt: skip
    found = build_digest_content(a_report(), runs, [], JANUARY, at(HOUR))
    assert list(found.by_person.items()) == [("U0BEN", DigestDollars(8.0, 8.0)), ("U0ANA", DigestDollars(4.0, 4.0))]
    assert list(found.by_recipe) == ["grpo", "ppo"]


def test_what_the_next_board_reckons_from_is_what_active_runs_have_cost() -> None:
    assert list_costs([running(id="a"), ended(60, id="b"), running(id="c", rate=None)], at(HOUR)) == {
        "a": 4.0,
        "c": None,
    }


def test_the_best_validation_is_of_each_recipe_and_not_only_of_the_newest_step() -> None:
    def trained(*points: tuple[int, float]) -> Progress:
        return Progress(50, validations=Sparkline(points))

    runs = [
        running(id="a", progress=trained((10, 0.6), (20, 0.4))),
        running(id="b", progress=trained((10, 0.5))),
        running(id="c", recipe="grpo", progress=trained((10, 0.1))),
        running(id="d", recipe="smoke"),
    ]
    best = build_digest_content(a_report(), runs, [], JANUARY, at(60)).best
    assert {recipe: (one.run.id, one.step, one.value) for recipe, one in best.items()} == {
        "ppo": ("a", 10, 0.6),
        "grpo": ("c", 10, 0.1),
    }


def test_leases_that_end_within_a_day_are_told_the_next_one_first() -> None:
    runs = [running(id=name, lease=timedelta(hours=hours)) for name, hours in (("a", 20), ("b", 3), ("c", 30))]
    stopping = replace(running(id="d"), reason=Reason.STOPPED)
    assert [run.id for run in build_digest_content(a_report(), [*runs, stopping], [], JANUARY, at(60)).ending_soon] == [
        "b",
        "a",
    ]
