"""Pictures are drawn in a process of their own, which ends and starts as it is needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.charts.render_worker import ProcessChartRenderer
from bot.core.rules.chart_data import Chart, ChartLine
from bot.errors import Unavailable
from bot.phrase import Phrase
from tests.adapters.charts.test_chart_renderer import figure, size
from tests.waiting import eventually


@pytest.fixture
def painter(tmp_path: Path) -> "Iterator[ProcessChartRenderer]":
    found = ProcessChartRenderer(tmp_path / "fonts", {}, idle_seconds=4)
    yield found
    found.stop()


@pytest.mark.slow
@pytest.mark.thorough
def test_figures_are_drawn_elsewhere_in_a_process_that_ends_when_none_is_wanted(painter: ProcessChartRenderer) -> None:
    from bot.adapters.charts.chart_renderer import render_chart

    assert painter.render(figure(), figure(seed=2)) == render_chart(figure(), figure(seed=2))
    process = painter._process
    assert process
    assert size(painter.render(figure(seed=2)))
    assert painter._process is process  # which has matplotlib already
    eventually(lambda: process.poll() is not None)
    assert size(painter.render(figure()))
    painter.stop()


@pytest.mark.slow
@pytest.mark.long
def test_a_painter_whose_process_dies_starts_another_and_one_that_cannot_says_so(painter: ProcessChartRenderer) -> None:
    painter.render(figure())
    assert painter._process
    painter._process.kill()
    assert size(painter.render(figure()))
    painter.stop()
    broken = Chart(Phrase("t"), Phrase("x"), Phrase("y"), (ChartLine(Phrase("a"), ((1, 2),)),), ("no number",))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        painter.render(broken)
    painter.stop()
