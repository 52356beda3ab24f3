"""Any text as a log: nothing raises, nothing that comes of it is beyond its bounds, and none takes long.

`pytest --hypothesis-profile=explore tests/core/frameworks/verl/test_log_parser_fuzz.py` tries thousands of new texts.
"""

import time

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.sky.refusal_advice import describe_error
from bot.adapters.sky.sdk_clusters import remove_skypilot_lines
from bot.core.model.log_text import MAX_LINE_CHARACTERS
from bot.core.model.metrics import (
    LARGEST_FLOAT32,
    MAX_KEY_CHARACTERS,
    MAX_KEYS,
    SMALLEST_FLOAT32,
    CheckpointSaved,
    LogEvent,
    ProgressBar,
    StepMetrics,
    TotalSteps,
    TrackerLinked,
    TrainingResumed,
)
from bot.core.model.tracker import TRACKER_ADDRESS
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.log_cursor import REMEMBERED_LINES, LogCursor
from bot.core.rules.log_lines import (
    MAX_SAVED_BYTES,
    append_log,
    find_failure,
    merge_logs,
    replace_surrogates,
    select_lines,
    truncate_log,
)
from tests.examples import examples
from tests.linear import hard_texts, uses

SECONDS_A_CHARACTER, FLOOR_SECONDS = 20e-6, 0.2
"""That reading, keeping, showing and diagnosing a text may take together: twenty times what they take."""

PIECES = st.sampled_from(
    [
        "step:",
        "step:1 - ",
        "a/b:0.5",
        " - ",
        "critic/rewards/mean:",
        "np.float64(",
        "tensor(0.5, device='cuda:0')",
        "nan",
        "inf",
        "1e308",
        "1e-320",
        "(pid=7) ",
        "(head, rank=0, pid=1) ",
        "(worker1, rank=1, pid=2, ip=10.0.0.2)",
        "\x1b[36m",
        "\x1b[",
        "[rank3]: ",
        "ERROR 01-01 10:00:00 [x.py:1] ",
        '{"step": 1, "data": {',
        '"a/b": 1',
        "}}",
        "{",
        "}",
        "'",
        '"',
        "Initial validation metrics: ",
        "Final validation metrics: {'val-core/a': 0.5,",
        "Training Progress:",
        " 1%|x| 1/9 ",
        "[0:01<0:02, 1.00s/it]",
        "Total training steps: ",
        "global_step_",
        "Saving checkpoint to /c/global_step_3",
        "Resuming from /c/global_step_3",
        "Setting global step to ",
        "[prompt]",
        "[response]",
        "[score]",
        "[ground_truth]",
        "Traceback (most recent call last):",
        "Exception ignored in",
        "ray::f() (pid=7, ip=1.2.3.4)",
        "RuntimeError: CUDA out",
        "During handling of the above exception",
        "AssertionError",
        "wandb.errors.Error",
        "FileNotFoundError .parquet",
        "ERROR: Job 1 failed with return code list: [137]",
        "[repeated 3x across cluster]",
        "<sky-payload>",
        "✓ Job finished",
        "9",
        "A",
        "a",
        "é",
        "\U0001f600",
        "\x00",
        "\u202e",
        "\t",
        " ",
        ".",
        "_",
        ":",
        "/",
        "|",
        "\r",
        "\n",
        "\r\n",
    ]
)
TEXTS = st.lists(
    st.builds(
        lambda piece, count: piece * count, PIECES | st.text(max_size=9), st.sampled_from([1, 1, 1, 1, 2, 40, 3000])
    ),
    max_size=30,
).map("".join)

HARD = [make for use in uses() for make in hard_texts(use.pattern)]


def check(text: str) -> None:
    """Read, keep, show and diagnose a log in two looks."""
    start = time.thread_time()
    text = replace_surrogates(text)
    half = text[: len(text) // 2]
    reading, facts = LogCursor().read_tail(half, 1.0)
    reading, more = reading.read_tail(text, 2.0, is_final=True)
    for fact in (*facts, *more):
        assert is_bounded(fact), fact
    assert msgspec.json.decode(msgspec.json.encode(reading), type=LogCursor) == reading
    assert len(reading.last_digests) <= REMEMBERED_LINES
    kept = truncate_log(append_log(truncate_log(half), text))
    assert len(kept.encode()) <= MAX_SAVED_BYTES
    assert all(len(line) <= MAX_LINE_CHARACTERS for line in (*kept.split("\n"), *select_lines(text, 50)))
    diagnose(merge_logs(kept, text), 2)
    find_failure(text)
    remove_skypilot_lines(text)
    describe_error("ValueError", text)
    assert time.thread_time() - start < FLOOR_SECONDS + SECONDS_A_CHARACTER * len(text)


def is_bounded(fact: LogEvent) -> bool:
    match fact:
        case StepMetrics(step, values):
            sizes = [abs(value) for value in values.values()]
            keys = all(0 < len(key) <= MAX_KEY_CHARACTERS and key.isprintable() for key in values)
            numbers = all(
                not size or SMALLEST_FLOAT32 <= size <= LARGEST_FLOAT32 or not size < float("inf") for size in sizes
            )
            return 0 <= step < 10**9 and len(values) <= MAX_KEYS and keys and numbers
        case TotalSteps(steps) | TrainingResumed(steps):
            return 0 <= steps < 10**9
        case ProgressBar(done, total, seconds):
            return 0 <= done < 10**9 and 0 <= total < 10**9 and 0 <= seconds <= 1e9
        case TrackerLinked(address):
            return TRACKER_ADDRESS.fullmatch(address) is not None and len(address) <= 600
        case CheckpointSaved(folder, step):
            return 0 <= step < 10**9 and len(folder) < 2_000


@given(TEXTS)
@examples(200)
def test_any_text_may_be_a_log(text: str) -> None:
    check(text)


@given(
    st.sampled_from(HARD), st.sampled_from(HARD), st.integers(1, 20_000), st.sampled_from(["", "\n", "\r", "(pid=7) "])
)
@examples(100)
def test_what_is_hard_for_one_expression_may_be_a_log(first: object, second: object, size: int, between: str) -> None:
    assert callable(first)
    assert callable(second)
    check(first(size) + between + second(size))
