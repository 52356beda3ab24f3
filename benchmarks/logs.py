"""Logs of verl to measure with: real ones from a folder that VERLBOT_LOGS names, else one made after them."""

import math
import os
import random
from collections.abc import Iterator
from pathlib import Path

STEPS, TEST_EVERY = 435, 10
KEYS = [f"critic/{name}/{part}" for name in ("advantages", "returns", "values") for part in ("mean", "max", "min")]


def logs(containing: str = "") -> list[tuple[str, str]]:
    """Name and text of each that has this text in it."""
    folder = os.environ.get("VERLBOT_LOGS")
    paths = sorted(Path(folder).glob("*.log")) if folder else []
    real = [(path.stem[-28:], path.read_bytes().decode(errors="replace")) for path in paths]
    fitting = [(name, text) for name, text in real if containing in text]
    return fitting or [("made, 435 steps", "\n".join(made(random.Random(7))) + "\n")]


def made(dice: random.Random) -> Iterator[str]:
    """A run that learns, with Ray's prefixes, progress bars, answers of the model and a validation every ten steps."""
    ray = "\x1b[36m(TaskRunner pid=3165)\x1b[0m "
    yield f"{ray}Total training steps: {STEPS}"
    elapsed = 0.0
    for step in range(1, STEPS + 1):
        reward = 0.6 / (1 + math.exp((60 - step) / 20)) + dice.gauss(0, 0.02)
        seconds = dice.gauss(70, 2) + (16 if step % TEST_EVERY == 0 else 0) + (60 if step == 1 else 0)
        elapsed += seconds
        values = {
            "training/global_step": step,
            "critic/rewards/mean": reward,
            "critic/score/mean": reward,
            "actor/entropy": 0.4 * math.exp(-step / 200) + 0.05,
            "actor/grad_norm": abs(dice.gauss(1, 0.3)),
            "response_length/mean": dice.gauss(250, 10),
            "timing_s/step": seconds,
            "perf/throughput": dice.gauss(1200, 50),
            **{key: dice.gauss(0, 1) for key in KEYS},
        }
        if step % TEST_EVERY == 0:
            values["val-core/openai/gsm8k/reward/mean@1"] = reward * 0.9
            yield f"{ray}[prompt] How many clips did Natalia sell?"
            yield f"{ray}[response] step:{step * 7} - first add the numbers - then stop"
            yield f"{ray}[score] 0.0"
        yield ray + f"step:{step} - " + " - ".join(f"{key}:np.float64({value!r})" for key, value in values.items())
        yield f"{ray}Training Progress: {step * 100 // STEPS}%|█| {step}/{STEPS} [1:00<1:00, {elapsed / step:.2f}s/it]"
