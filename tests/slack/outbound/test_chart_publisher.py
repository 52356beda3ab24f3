"""What a refused chart switches off: itself, or every chart of the workspace for a day."""

from datetime import timedelta

import pytest

from bot.slack.outbound.chart_publisher import MAX_REFUSED_CHARTS, REFUSAL_LIFETIME, ChartMode, ChartModes
from tests.builders import NOON

DAMAGED = "[ERROR] names of series must be unique [json-pointer:/blocks/0/chart/series]"


@pytest.mark.parametrize(
    ("reasons", "other"),
    [
        pytest.param([], ChartMode.NATIVE, id="no reason: the one chart"),
        pytest.param([DAMAGED], ChartMode.NATIVE, id="a chart that is wrong: the one chart"),
        pytest.param(
            ["[ERROR] unsupported type: data_visualization [json-pointer:/blocks/0/type]"],
            ChartMode.PICTURES,
            id="an unknown block: every chart",
        ),
        pytest.param(["data_visualization is not enabled for this team"], ChartMode.PICTURES, id="not in this plan"),
    ],
)
def test_a_refusal_concerns_the_chart_or_the_workspace_by_its_reason(reasons: list[str], other: ChartMode) -> None:
    modes = ChartModes(lambda: NOON)
    modes.refuse(ChartMode.NATIVE, ["Reward of a"], reasons)
    assert modes.choose(["Reward of a"]) is ChartMode.PICTURES
    assert modes.choose(["Reward of b"]) is other


@pytest.mark.parametrize(
    ("reasons", "mode"),
    [
        pytest.param([], ChartMode.PICTURES, id="unexplained: the workspace"),
        pytest.param([DAMAGED], ChartMode.NATIVE, id="explained: each one alone"),
    ],
)
def test_many_refused_charts_switch_the_workspace_only_where_nothing_explains_them(
    reasons: list[str], mode: ChartMode
) -> None:
    modes = ChartModes(lambda: NOON)
    for number in range(MAX_REFUSED_CHARTS):
        assert modes.choose([f"Reward of {number}"]) is ChartMode.NATIVE
        modes.refuse(ChartMode.NATIVE, [f"Reward of {number}"], reasons)
    assert modes.choose(["Reward of another"]) is mode


def test_a_refused_chart_is_tried_again_after_a_day() -> None:
    now = [NOON]
    modes = ChartModes(lambda: now[0])
    modes.refuse(ChartMode.NATIVE, ["a"])
    modes.refuse(ChartMode.PICTURES, ["a"])
    assert modes.choose(["a"]) is ChartMode.WORDS
    now[0] += REFUSAL_LIFETIME - timedelta(seconds=1)
    assert modes.choose(["a"]) is ChartMode.WORDS
    now[0] += timedelta(seconds=1)
    assert modes.choose(["a"]) is ChartMode.NATIVE
