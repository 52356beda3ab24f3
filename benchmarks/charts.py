"""Milliseconds a chart of 100,000 steps takes, as Slack draws it and as a picture, against empty axes of matplotlib."""

import random
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

from benchmarks.answer import p95
from bot.adapters.charts.chart_renderer import DOTS_PER_INCH, HEIGHT_INCHES, WIDTH_INCHES, render_chart
from bot.adapters.charts.render_worker import ProcessChartRenderer
from bot.core.model.history import MIN_RECENT_ROWS, MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.rules.chart_data import RunHistory, build_comparison_chart, build_reward_chart
from bot.core.rules.downsample import downsample
from bot.slack.views.message import build_native_chart
from tests.builders import NOON, running

STEPS, TIMES = 100_000, 20
LIMIT_MS = 150.0


def measure() -> None:
    a, b = running(), running(id="ppo-9c21")
    histories = [RunHistory(run, history(seed)) for seed, run in enumerate((a, b))]
    reward, both = (
        build_reward_chart(a, histories[0].history),
        build_comparison_chart(histories[0], histories[1], "time"),
    )
    assert reward
    assert both
    print(f"{sum(len(line.points) for line in reward.lines)} points are kept of {STEPS:,} steps")
    with TemporaryDirectory() as folder:
        painter = ProcessChartRenderer(Path(folder), {})
        first = once(lambda: painter.render(reward))
        timed = {
            "matplotlib, empty axes": times(empty),
            "picture of the reward": times(lambda: render_chart(reward)),
            "picture of two runs": times(lambda: render_chart(both)),
            "… from the process that draws": times(lambda: painter.render(both)),
            "Slack's chart, from the history": times(
                lambda: build_native_chart(build_reward_chart(a, histories[0].history) or reward)
            ),
            "20 points of 100,000": times(lambda: downsample(WHOLE, 20)),
        }
        size = psutil.Process(painter._process.pid).memory_full_info().uss if painter._process else 0
        painter.stop()
    report(timed)
    print(
        f"the process that draws: {first * 1000:.0f} ms until its first picture, {size / 2**20:.0f} MiB until it ends"
    )


WHOLE = [(step, random.Random(step).random()) for step in range(STEPS)]


def history(seed: int) -> MetricsHistory:
    """A training of so many steps as the store keeps it."""
    source, long = random.Random(seed), MetricsHistory()
    for start in range(0, STEPS, MIN_RECENT_ROWS):
        long = MetricsHistory.from_stored(
            long.buckets_by_metric,
            [*long.rows, *(row(source, start + at) for at in range(MIN_RECENT_ROWS))],
        ).compact()
    return long


def row(source: random.Random, step: int) -> StepMetrics:
    values = {"critic/rewards/mean": step / STEPS + source.gauss(0, 0.05)}
    values |= {"val-core/gsm8k/reward/mean@1": step / STEPS} if step % 500 == 0 else {}
    values |= {"timing_s/save_checkpoint": 30.0} if step % 5_000 == 0 else {}
    return StepMetrics(step, values, NOON.timestamp() + step * 2.0)


def empty() -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(sheet)
    sheet.add_subplot()
    picture = BytesIO()
    sheet.savefig(picture, format="png")
    return picture.getvalue()


def times(action: Callable[[], object]) -> list[float]:
    action()
    return [once(action) for _ in range(TIMES)]


def once(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def report(timed: dict[str, list[float]]) -> None:
    base = median(next(iter(timed.values())))
    print(f"{'':34}{'median':>12}{'p95':>12}{'of empty axes':>16}")
    for name, took in timed.items():
        late = "" if median(took) * 1000 < LIMIT_MS else f"   over {LIMIT_MS:g} ms"
        print(f"{name:34}{median(took) * 1000:9.2f} ms{p95(took) * 1000:9.2f} ms{median(took) / base:15.2f}x{late}")
