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
from bot.adapters.charts import DOTS_PER_INCH, HEIGHT, WIDTH, picture
from bot.adapters.painter import Painter
from bot.core.figure import Told, compare_figure, reward_figure
from bot.core.history import RECENT_ROWS, History
from bot.core.row import Row
from bot.core.thin import thinned
from bot.slack.charts import native
from tests.builders import NOON, running

STEPS, TIMES = 100_000, 20
LIMIT_MS = 150.0


def measure() -> None:
    a, b = running(), running(id="ppo-9c21")
    told = [Told(run, history(seed)) for seed, run in enumerate((a, b))]
    reward, both = reward_figure(a, told[0].history), compare_figure(told[0], told[1], "time")
    assert reward
    assert both
    print(f"{sum(len(line.points) for line in reward.lines)} points are kept of {STEPS:,} steps")
    with TemporaryDirectory() as folder:
        painter = Painter(Path(folder), {})
        first = once(lambda: painter.paint(reward))
        timed = {
            "matplotlib, empty axes": times(empty),
            "picture of the reward": times(lambda: picture(reward)),
            "picture of two runs": times(lambda: picture(both)),
            "… from the process that draws": times(lambda: painter.paint(both)),
            "Slack's chart, from the history": times(lambda: native(reward_figure(a, told[0].history) or reward)),
            "20 points of 100,000": times(lambda: thinned(WHOLE, 20)),
        }
        size = psutil.Process(painter._process.pid).memory_full_info().uss if painter._process else 0
        painter.stop()
    report(timed)
    print(
        f"the process that draws: {first * 1000:.0f} ms until its first picture, {size / 2**20:.0f} MiB until it ends"
    )


WHOLE = [(step, random.Random(step).random()) for step in range(STEPS)]


def history(seed: int) -> History:
    """A training of so many steps as the store keeps it."""
    source, found = random.Random(seed), History()
    for start in range(0, STEPS, RECENT_ROWS):
        found = History.of(
            found.folded, [*found.rows, *(row(source, start + at) for at in range(RECENT_ROWS))]
        ).compact()
    return found


def row(source: random.Random, step: int) -> Row:
    values = {"critic/rewards/mean": step / STEPS + source.gauss(0, 0.05)}
    values |= {"val-core/gsm8k/reward/mean@1": step / STEPS} if step % 500 == 0 else {}
    values |= {"timing_s/save_checkpoint": 30.0} if step % 5_000 == 0 else {}
    return Row(step, values, NOON.timestamp() + step * 2.0)


def empty() -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(WIDTH, HEIGHT), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(sheet)
    sheet.add_subplot()
    found = BytesIO()
    sheet.savefig(found, format="png")
    return found.getvalue()


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
    for name, found in timed.items():
        late = "" if median(found) * 1000 < LIMIT_MS else f"   over {LIMIT_MS:g} ms"
        print(f"{name:34}{median(found) * 1000:9.2f} ms{p95(found) * 1000:9.2f} ms{median(found) / base:15.2f}x{late}")
