"""The pictures of charts, from seeded runs, at the widths and on the backgrounds of Slack: `make charts`.

A picture has a paper of its own, so that it is the same on both backgrounds; it is shown on the one and the other.
"""

import math
import random
from io import BytesIO
from pathlib import Path

from PIL import Image

from bot.adapters.charts.chart_renderer import render_chart
from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.rules.chart_data import Chart, RunHistory, build_comparison_chart, build_metric_chart, build_reward_chart
from tests.builders import NOON, running

PICTURES = Path(__file__).parent / "pictures" / "charts"

PHONE, DESKTOP = 360, 560
"""Pixels of a message's width on a phone, and of a picture on a desktop."""

BACKGROUNDS = {"light": "#ffffff", "dark": "#1a1d21"}
MARGIN = 16


def history(seed: int, steps: int, top: float, seconds: float = 60.0) -> MetricsHistory:
    """A training as it goes: fast at first, noisy, validated every 20 steps, saved every 100."""
    source, rows = random.Random(seed), []  # noqa: S311  # noise, no secret
    for step in range(1, steps + 1):
        reward = top * (1 - math.exp(-step / (steps / 4)))
        values = {
            "critic/rewards/mean": min(max(reward + source.gauss(0, 0.035), 0.0), 1.0),
            "actor/kl_loss": 0.002 * step / steps * source.lognormvariate(0, 0.3),
        }
        if step % 20 == 0:
            values["val-core/gsm8k/reward/mean@1"] = reward * 0.92 + source.gauss(0, 0.008)
        if step % 100 == 0:
            values["timing_s/save_checkpoint"] = 30.0
        rows.append(StepMetrics(step, values, NOON.timestamp() + 300 + step * seconds))
    return MetricsHistory.from_stored({}, rows).compact()


def figures() -> dict[str, Chart]:
    a, b = running(), running(id="ppo-9c21")
    first, second = history(1, 420, 0.7), history(2, 600, 0.62, 40.0)
    found = {
        "reward": build_reward_chart(a, first),
        "metric": build_metric_chart(a, first, "kl"),
        "compare": build_comparison_chart(RunHistory(a, first), RunHistory(b, second)),
        "compare-by-time": build_comparison_chart(RunHistory(a, first), RunHistory(b, second), "time"),
        "compare-by-dollars": build_comparison_chart(RunHistory(a, first), RunHistory(b, second), "dollars"),
        "beginning": build_reward_chart(a, history(3, 9, 0.3)),
    }
    return {name: figure for name, figure in found.items() if figure}


def shown(png: bytes, width: int, background: str) -> Image.Image:
    """The picture as wide as a client shows it, on that client's background."""
    drawn = Image.open(BytesIO(png)).convert("RGB")
    scaled = drawn.resize((width, drawn.height * width // drawn.width), Image.Resampling.LANCZOS)
    found = Image.new("RGB", (width + 2 * MARGIN, scaled.height + 2 * MARGIN), background)
    found.paste(scaled, (MARGIN, MARGIN))
    return found


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, figure in figures().items():
        png = render_chart(figure)
        for place, width, theme in (("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")):
            small = shown(png, width, BACKGROUNDS[theme]).quantize(128, method=Image.Quantize.MEDIANCUT)
            small.save(PICTURES / f"{name}-{place}-{theme}.png", optimize=True)


if __name__ == "__main__":
    main()
