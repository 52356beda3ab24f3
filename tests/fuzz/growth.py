"""Log text of fuzzed pieces, repeated: twice as much takes about twice the time. Not in the unit tests: it measures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hypothesis import strategies as st

from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.log_cursor import LogCursor
from bot.core.rules.log_lines import append_log, find_failure, replace_surrogates, truncate_log
from bot.runtime.secret_filter import SecretFilter
from tests.fuzz.logs import LINES, SOURCES
from tests.fuzz.target import Check, Target
from tests.fuzz.texts import ANY, changed
from tests.linear import seconds

LARGE, LEAST_SECONDS, MOST_RATIO, TRIES = 20_000, 0.004, 2.6, 5
"""Characters of the smaller text; below these seconds it is quick enough; of the times of the two; before it fails."""

PIECES = st.builds(
    lambda source, line, end: source + line[:400] + end,
    SOURCES,
    changed(LINES) | ANY,
    st.sampled_from(["\n", "", "\r", " "]),
).filter(bool)

OPERATIONS: dict[str, Callable[[str], object]] = {
    "mask": SecretFilter({}).mask,
    "read": lambda text: LogCursor().read_tail(text, 1.0, is_final=True),
    "diagnose": lambda text: diagnose(text, 2),
    "failure": find_failure,
    "keep": lambda text: truncate_log(append_log(truncate_log(text[: len(text) // 2]), text)),
}


@contextmanager
def opened() -> Iterator[Check]:
    yield lambda pieces: check(replace_surrogates("".join(pieces)))  # as every log is read (bot/app/log_ingest.py)


def check(piece: str) -> None:
    text = piece * (LARGE // len(piece) + 1)
    for name, operation in OPERATIONS.items():
        assert is_linear(operation, text), f"{name} takes more than {MOST_RATIO} times as long for twice {piece!r}"


def is_linear(operation: Callable[[str], object], text: str) -> bool:
    """Whether twice the text takes about twice the time; a ratio that is too high each time is none of chance."""
    for _ in range(TRIES):
        once = seconds(operation, text, 2)
        if once < LEAST_SECONDS or seconds(operation, text + text, 2) <= MOST_RATIO * once:
            return True
    return False


TARGET = Target(
    name="growth",
    promise="twice the log takes about twice the time",
    examples=st.lists(PIECES, min_size=1, max_size=3),
    opened=opened,
    slice=0,
)
