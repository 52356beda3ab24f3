"""The fast path for step lines returns what the plain parser returns, from any line, or leaves the line to it."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.frameworks.verl.line_parser import LineParser
from bot.core.frameworks.verl.log_blocks import MetricsBlock
from bot.core.frameworks.verl.log_grammar import find_step, parse_pairs
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.frameworks.verl.step_layout import MAX_LAYOUTS, StepLayouts
from bot.core.model.log_text import strip_prefixes
from bot.core.model.metrics import LogEvent
from tests.examples import examples

USUAL = "step:3 - critic/rewards/mean:0.25 - actor/lr:np.float64(1e-06) - num_turns/min:np.int32(2)"


def parse_plainly(raw: str) -> tuple[int, dict[str, float]] | None:
    match = find_step(strip_prefixes(raw))
    return (int(match[1]), parse_pairs(match[2])) if match else None


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(USUAL, id="numpy's numbers and plain ones"),
        pytest.param(f"\x1b[36m(TaskRunner pid=8)\x1b[0m {USUAL}", id="Ray's prefix"),
        pytest.param(f"(head, rank=0, pid=1) (TaskRunner pid=8) {USUAL}", id="SkyPilot's and Ray's"),
        pytest.param(f"2026-11-30T14:20:51.566275000Z stdout F {USUAL}", id="a container's stamp"),
        pytest.param("step:3 - critic/lr(1e-4):0.100 - actor/lr:np.float64(0.5)", id="a key with brackets"),
        pytest.param("step:3 - critic/score/mean:nan - actor/pg_loss:-inf", id="not-a-number and infinity"),
        pytest.param("step:3 - a/b:1_0 - c/d: 0.5", id="numbers that Python alone reads"),
    ],
)
def test_a_usual_line_takes_the_fast_path_from_the_first_time_on(line: str) -> None:
    layouts = StepLayouts()
    expected = repr(parse_plainly(line))
    assert [repr(layouts.parse_line(line)) for _ in range(2)] == [expected, expected]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(USUAL.replace("1e-06)", "1e-06"), id="a bracket that does not close"),
        pytest.param(USUAL.replace("0.25", "0.25)"), id="a bracket that does not open"),
        pytest.param(USUAL.replace("0.25", "0.25)").replace("1e-06)", "1e-06"), id="a bracket at another number"),
        pytest.param(USUAL.replace("0.25", "None"), id="no number"),
        pytest.param(USUAL.replace("actor/lr", "actor/l r"), id="a key with a space"),
        pytest.param(USUAL.replace("actor/lr", "critic/rewards/mean"), id="a key that comes twice"),
        pytest.param(USUAL.replace("actor/lr", "actor/[36mlr"), id="a colour in a key"),
        pytest.param(f"{USUAL}(TaskRunner pid=1) INFO: one - two", id="another process's text at its end"),
        pytest.param(f"an answer with {USUAL}", id="text before it"),
        pytest.param(USUAL.replace("step:3", "step:1234567890"), id="a step of ten digits"),
    ],
)
def test_any_other_line_is_left_to_the_plain_parser(line: str) -> None:
    layouts = StepLayouts()
    assert layouts.parse_line(USUAL) == parse_plainly(USUAL)
    assert layouts.parse_line(line) is None


PARTS = st.sampled_from(
    [
        *("step:3 - ", "step:4 - ", "step:", " - ", "a/b:0.5", "c/d:np.float64(0.25)", "e/f:np.int32(2)", "g:nan"),
        *("k(1):0.1", "a:b:1", "x:None", "y:tensor(0.5)", ":", ")", "(", "np.float64(", "0.5", " ", "\t", "\x1b[0m"),
        *("[36m", "\x1b[36m(TaskRunner pid=8)\x1b[0m ", "(head, rank=0, pid=1) ", "é", "\x85", "\u3000", "_", "["),
    ]
)
LINES = st.lists(PARTS, max_size=12).map("".join)


@given(st.lists(LINES, min_size=1, max_size=6))
@examples(500)
@example(["step:3 - a:nan:x - b:1", "step:3 - a:1:x - nan:1"])
def test_whatever_lines_came_before_the_fast_path_agrees_with_the_plain_parser(lines: list[str]) -> None:
    layouts = StepLayouts()
    for line in lines:
        fast = layouts.parse_line(line)
        assert fast is None or repr(fast) == repr(parse_plainly(line)), line


class PlainLayouts(StepLayouts):
    """No fast path."""

    def parse_line(self, raw: str) -> None:
        return None


def read(text: str, cuts: Sequence[int]) -> list[LogEvent]:
    """Return the events of a text that comes cut at these places."""
    reader, events = LogParser(), []
    for start, end in pairwise([0, *sorted(cuts), len(text)]):
        reader, found = reader.parse(text[start:end])
        events += found
    return events + reader.finish()[1]


def read_plainly(text: str) -> list[LogEvent]:
    """Return the events of a text whose lines are all parsed, one by one, without the fast path and without marks."""
    parser = LineParser(0.0, MetricsBlock(""), False, None, (), (), (), layouts=PlainLayouts())
    for line in text.replace("\r", "\n").split("\n"):
        parser.parse_line(line)
    return parser.events


LOG_LINES = LINES | st.sampled_from(
    [
        USUAL,
        USUAL.replace("step:3", "step:4"),
        f"\x1b[36m(TaskRunner pid=8)\x1b[0m {USUAL}",
        "step:4 - val-core/a/acc/mean@1:0.5 - critic/rewards/mean:0.5 - actor/lr:np.float64(1e-06)",
        "step:4 - fully_async/rollouter/total:7 - fully_async/rollouter/idle:0.5",
        "step:2 - val-core/a/acc/mean@1:0.5",
        "[prompt] Why?",
        "[prompt] step:9 - a/b:1.0",
        "[score] 1",
        "Training Progress:  17%|███▏ | 73/435 [1:12:31<6:01:14, 59.87s/it]",
        "Initial validation metrics: {'val-core/a': 0.5,\n 'val-core/b': np.float64(0.25)}",
        "Resuming from /c/global_step_3",
        "Saving checkpoint to /c/global_step_3",
        '{"step": 4, "data": {"critic/rewards/mean": 0.25, "actor/lr": 1e-06}}',
        "",
    ]
)


@given(st.lists(LOG_LINES, max_size=14).map("\n".join), st.data())
@examples(300)
def test_a_log_has_the_same_events_by_both_paths_however_it_is_cut(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    assert repr(read(text, cuts)) == repr(read_plainly(text))


def test_no_more_layouts_are_remembered_than_the_bound() -> None:
    layouts = StepLayouts()
    for count in range(1, 5 * MAX_LAYOUTS):
        layouts.parse_line("step:1 - " + " - ".join(f"a/{key}:1" for key in range(count)))
    assert len(layouts) <= MAX_LAYOUTS
