"""Runs as rows: what each cell shows, in both languages, and that one run that cannot be shown hides no other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model.money import Rate
from bot.core.model.progress import Progress, StepTime
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.i18n import use_language
from bot.slack.views.run_table import (
    build_run_table,
    describe_age,
    describe_cost_of_budget,
    describe_end_time,
    describe_steps_done,
    name_plainly,
    name_with_note,
)
from bot.slack.views.tables import render_cell
from tests.builders import a_run, at, change_run, launching, running

STEPPING = Progress(
    40, 100, reward=0.61, validation=0.5, stepped_at=at(2400).timestamp(), step_times=(StepTime(60.0),) * 10
)


def training(**changes: Any) -> Run:
    return running(**{"progress": STEPPING, "rate": Rate(6.0, "x")} | changes)


def read_rows(runs: list[Run], language: str = "en") -> list[list[str]]:
    with use_language(language):
        table = build_run_table(runs, at(3600), name_plainly({"U0ANA": "Ana"}))
    return [[str(render_cell(cell)) for cell in row] for row in table["rows"]]


def test_a_row_shows_a_run_at_a_glance() -> None:
    heading, row = read_rows([training(why="a larger batch")])
    assert heading == ["Run", "State", "Progress", "Reward", "Validation", "ETA", "Cost", "Who", "Age"]
    shown = dict(zip(heading, row, strict=True))
    assert "`ppo-7f3a`" in shown["Run"]
    assert shown["Run"].endswith("a larger batch")
    assert {key: shown[key] for key in ("Progress", "Reward", "Validation", "Cost", "Who", "Age")} == {
        "Progress": "40/100 40%",
        "Reward": "0.61",
        "Validation": "0.50",
        "Cost": "$6.00 / $100.00",
        "Who": "Ana",
        "Age": "1 h",
    }


def test_columns_that_no_run_fills_are_left_out() -> None:
    (heading, _) = read_rows([a_run()])
    assert heading == ["Run", "State", "Cost", "Who", "Age"]


def test_a_run_that_cannot_be_shown_has_its_id_and_hides_no_other() -> None:
    broken = replace(training(), id="ppo-0000", training=None)  # type: ignore[arg-type]  # as a bug would leave it
    rows = read_rows([broken, training()])
    assert rows[1][0] == "`ppo-0000`"
    assert rows[1][1].startswith("cannot be shown")
    assert rows[2][2] == "40/100 40%"


def test_the_table_is_in_the_language_of_its_reader() -> None:
    heading, row = read_rows([training()], "zh-CN")
    assert not set(heading) & {"Run", "State", "Progress", "Cost", "Who", "Age"}
    assert row[2] == "40/100 40%"


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        pytest.param(Progress(), "", id="no step"),
        pytest.param(Progress(7), "7", id="no total"),
        pytest.param(Progress(0, 60), "0/60 0%", id="none done"),
        pytest.param(Progress(59, 60, from_zero=True), "59/59 100%", id="counted from zero"),
    ],
)
def test_steps_have_their_share_where_the_total_is_known(progress: Progress, shown: str) -> None:
    assert describe_steps_done(running(progress=progress)) == shown


@pytest.mark.parametrize(
    ("run", "shown"),
    [
        pytest.param(training(), f"<!date^{at(6000).timestamp():.0f}^", id="an end"),
        pytest.param(training(progress=replace(STEPPING, step_times=(StepTime(60.0),))), "", id="one step"),
        pytest.param(training(progress=replace(STEPPING, step=100)), "", id="its last step"),
        pytest.param(training(progress=replace(STEPPING, total_steps=10**9)), "over a year", id="no date"),
        pytest.param(replace(training(), status=RunStatus.ENDED, reason=Reason.STOPPED), "", id="over"),
    ],
)
def test_an_end_is_forecast_after_two_steps(run: Run, shown: str) -> None:
    end = describe_end_time(run, at(2430))
    assert end.startswith(shown)
    assert bool(end) is bool(shown)


@pytest.mark.parametrize(
    ("run", "shown"),
    [
        pytest.param(a_run(), "budget $100.00", id="before any machine"),
        pytest.param(launching(rate=None), "price unknown", id="no price"),
        pytest.param(training(budget_dollars=0.5), "$6.00 / $0.50", id="over its budget"),
    ],
)
def test_the_cost_is_beside_the_budget(run: Run, shown: str) -> None:
    assert describe_cost_of_budget(run, at(3600)) == shown


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (timedelta(seconds=-30), "0 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47, minutes=59), "47 h"),
        (timedelta(hours=48), "2 d"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_an_age_has_one_unit(age: timedelta, shown: str) -> None:
    assert describe_age(a_run(), at(0) + age) == shown


def test_a_private_run_says_so_and_a_long_reason_is_cut() -> None:
    noted = name_with_note(change_run(a_run(), why="<!channel> " + "x" * 100), "")
    assert "<!channel>" not in noted
    assert noted.endswith("…")


def test_a_person_without_a_known_name_is_an_id_that_notifies_no_one() -> None:
    show = name_plainly({"U0ANA": "<!here>", "U0BEN": ""})
    assert [show(user) for user in ("U0ANA", "U0BEN", "U0LEA")] == ["&lt;!here&gt;", "`U0BEN`", "`U0LEA`"]
