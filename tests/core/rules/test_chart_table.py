"""A chart as Slack takes it: round positions at even distances, and a value of every line at each."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.rules.chart_axis import DOLLAR_AXIS, STEP_AXIS, TIME_AXIS
from bot.core.rules.chart_data import Chart, ChartLine, RunHistory, build_comparison_chart, build_reward_chart
from bot.core.rules.chart_table import ChartTable, build_table
from bot.i18n import render
from bot.phrase import Phrase
from tests.builders import running
from tests.core.rules.test_chart_data import REWARD, VAL, history, shown


def table_of(*lines: ChartLine, axis: str = STEP_AXIS) -> ChartTable | None:
    return build_table(Chart(Phrase("t"), Phrase("x"), Phrase("y"), lines, axis=axis))


def line_of(*points: tuple[float, float], sparse: bool = False) -> ChartLine:
    return ChartLine("reward", points, sparse)


def names_of(table: ChartTable | None) -> list[str]:
    return [render(name) for name, _ in table.lines] if table else []


def test_a_table_holds_the_validation_beside_the_reward_as_it_was_known_then() -> None:
    table = build_table(shown(build_reward_chart(running(), history())))
    assert table is not None
    reward, validation = dict(zip(table.xs, table.lines[0][1], strict=True)), table.lines[1][1]
    assert table.xs == tuple(range(5, 101, 5))
    assert reward[100] == pytest.approx(1.0, abs=0.02)  # many points are smoothed
    assert validation == tuple(max(step // 10 * 10, 10) / 200 for step in table.xs)


def test_validation_that_begins_late_says_in_its_name_where() -> None:
    table = build_table(shown(build_reward_chart(running(), history(every=40))))
    assert names_of(table) == ["reward", "validation from 40"]
    assert table is not None
    assert table.lines[1][1] == tuple(0.4 if step >= 80 else 0.2 for step in table.xs)


def test_a_line_between_kept_points_is_straight() -> None:
    table = table_of(line_of((0, 0.0), (10, 1.0), (40, 4.0), (90, 9.0), (100, 10.0)))
    assert table is not None
    assert table.lines[0][1] == pytest.approx([x / 10 for x in table.xs])


@pytest.mark.parametrize("count", [pytest.param(4, id="four"), pytest.param(5, id="five")])
def test_nothing_is_drawn_before_five_points(count: int) -> None:
    points = tuple((float(step), 0.1) for step in range(1, count + 1))
    chart = Chart("t", "x", "y", (line_of(*points),))
    assert (chart.is_drawable, build_table(chart) is not None) == (count == 5, count == 5)


def test_two_runs_have_a_table_of_the_stretch_that_both_have() -> None:
    a, b = RunHistory(running(), history()), RunHistory(running(id="b"), history(40))
    table = build_table(shown(build_comparison_chart(a, b)))
    assert table is not None
    assert (table.xs[0], table.xs[-1]) == (2, 40)
    assert table.lines[0][1] == pytest.approx(table.lines[1][1], abs=0.02)  # the longer one is smoothed


@pytest.mark.parametrize(
    "steps", [pytest.param(range(200, 300), id="none"), pytest.param(range(98, 300), id="three steps")]
)
def test_two_runs_that_share_no_stretch_have_no_table(steps: range) -> None:
    late = MetricsHistory.from_stored({}, [StepMetrics(step, {REWARD: 1.0}) for step in steps])
    a, b = RunHistory(running(), history()), RunHistory(running(id="b"), late)
    assert build_table(shown(build_comparison_chart(a, b))) is None


X = st.one_of(st.integers(0, 10_000).map(float), st.floats(-1e300, 1e300))
POINTS = st.lists(st.tuples(X, st.floats(-1e300, 1e300)), max_size=300, unique_by=lambda one: one[0])


@given(POINTS, POINTS, st.sampled_from([STEP_AXIS, TIME_AXIS, DOLLAR_AXIS]), st.booleans())
def test_whatever_a_run_reports_its_table_is_one_that_slack_takes(
    rewards: list[tuple[float, float]], validations: list[tuple[float, float]], axis: str, sparse: bool
) -> None:
    lines = (line_of(*sorted(rewards)), replace(line_of(*sorted(validations)), name=VAL, is_sparse=sparse))
    if table := table_of(*lines, axis=axis):
        assert 5 <= len(table.xs) <= 20
        assert len(set(table.labels)) == len(table.xs)
        assert list(table.xs) == sorted(set(table.xs))
        assert all(len(values) == len(table.xs) for _, values in table.lines)
        # Even distances: Slack draws one label beside the other, whatever they read.
        gaps = [b - a for a, b in zip(table.xs, table.xs[1:], strict=False)]
        assert max(gaps) == pytest.approx(min(gaps), rel=1e-3)
