"""Metrics in braces over several lines."""

import pytest

from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.model.metrics import LogEvent, ProgressBar, StepMetrics, TotalSteps

RUNNER = "(Runner pid=5) "
EASY_STEP = """Step 3
{'actor': {'entropy_loss': 0.41, 'grad_norm': nan, 'lr': 1e-06},
 'critic': {'rewards': {'max': 1.0, 'mean': 0.42}},
 'timing_s': {'step': 61.2}}"""
BAR = "Running step:   5%|▌         | 3/60 [03:04<58:08, 61.20s/it]"


def read(text: str) -> list[LogEvent]:
    reader, events = LogParser().parse(text)
    return events + reader.finish()[1]


def with_prefix(text: str) -> str:
    return "".join(f"{RUNNER}{line}\n" for line in text.split("\n"))


def test_a_step_in_nested_braces_is_read_under_verls_keys() -> None:
    row, bar = read(with_prefix(f"{EASY_STEP}\n{BAR}"))
    assert isinstance(row, StepMetrics)
    assert row.step == 3
    expected = {
        "actor/entropy_loss": 0.41,
        "actor/grad_norm": float("nan"),
        "actor/lr": 1e-06,
        "critic/rewards/max": 1.0,
        "critic/rewards/mean": 0.42,
        "timing_s/step": 61.2,
    }
    assert row.values == pytest.approx(expected, nan_ok=True)
    assert bar == ProgressBar(3, 60, 61.2)


@pytest.mark.parametrize("cut", range(0, len(with_prefix(EASY_STEP)), 7))
def test_a_step_in_braces_may_come_in_two_pieces(cut: int) -> None:
    text = with_prefix(EASY_STEP)
    reader, first = LogParser().parse(text[:cut])
    assert [event.step for event in first + reader.parse(text[cut:])[1] if isinstance(event, StepMetrics)] == [3]


@pytest.mark.parametrize("answer", ["Step 1\nTotal training steps: 9", "Step 1\n\nTotal training steps: 9"])
def test_a_heading_without_braces_swallows_nothing(answer: str) -> None:
    assert read(with_prefix(answer)) == [TotalSteps(9)]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(
            "(\"Final validation metrics: {'val-core/a/acc/mean@1': \"\n"
            " \"np.float64(1.0), 'val-aux/num_turns/mean': \"\n"
            " 'np.float64(2.0)}')",
            id="the last value alone",
        ),
        pytest.param(
            "('Final validation metrics: '\n \"{'val-core/a/acc/mean@1': np.float64(1.0), \"\n"
            " \"'val-aux/num_turns/mean': np.float64(2.0)}\")",
            id="the name alone",
        ),
    ],
)
def test_whatever_pprint_puts_on_a_line_of_its_own_is_read(block: str) -> None:
    assert read(with_prefix(block)) == [StepMetrics(0, {"val-core/a/acc/mean@1": 1.0, "val-aux/num_turns/mean": 2.0})]
