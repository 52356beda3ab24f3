"""verl's log parser: from text in pieces of any size to events, that is steps with their metrics, totals, paces and
checkpoints.

verl prints one line a step, `step:12 - key:value - …`, behind the prefixes of Ray and SkyPilot, between tqdm's bars,
and sometimes joined to the text of another process. It also prints the model's answers, and they may look like
anything. So a line counts as a step only if the whole grammar matches, its keys are verl's or those that the run
prints, and its step follows the last one. The fully asynchronous trainer prints several kinds of line a step.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from bot.core.frameworks.verl.log_blocks import STEP_HEADING, MetricsBlock, parse_block
from bot.core.frameworks.verl.log_grammar import (
    MIN_VERL_KEYS,
    VALIDATION_METRICS_LINE,
    find_step,
    parse_event,
    parse_json_metrics,
    parse_pairs,
    select_verl_keys,
)
from bot.core.frameworks.verl.metric_keys import VERL_KEYS, count_family_keys, is_own_line
from bot.core.model.log_text import strip_prefixes
from bot.core.model.metrics import LogEvent, StepMetrics, TrainingResumed

LINE_MARKS = (
    "step:",
    "Training Progress:",
    "Running step:",
    "Epoch ",
    "Step ",
    "Total training steps:",
    "Total steps:",
    "global_step_",
    "global step to",
    "View run",
    "alidation metrics: ",
    '{"step"',
    "[prompt]",
    "[score]",
    "[ground_truth]",
)
"""Every line that matters contains one of these marks; all other lines, most of a log, are passed over."""

MAX_LINE_CHARACTERS = 1_048_576 + 4_096
"""Maximum characters of a line: a megabyte and the prefixes. Most of verl's lines have some thousands, but 14
validation sources with 32 answers each print 136 KB."""

FIRST_STEPS = (0, 1)
"""Steps with which a program begins."""

MAX_LATE_STEPS = 8
"""Maximum steps by which a validation may come late: the fully asynchronous trainer logs it once it is done."""

MIN_UNQUOTED_KEYS = 16
"""Minimum keys of verl's on a line by which it is a step's and no answer's, where a sample has begun and its end was
not printed."""

REMEMBERED_KEYS = 256
"""Maximum keys of a row that are remembered to recognise the run's later rows; verl has about eighty."""


@dataclass(frozen=True, slots=True)
class LogParser:
    """The state of the parser between two pieces of a log.

    However a log is cut into pieces, the events are the same.

    Attributes:
        partial_line: half a line, whose other half comes with the next piece.
        block: metrics that are spread over several lines, and whose end has not come yet.
        sampling: whether the lines are the model's answers.
        step: of the last row, or of the checkpoint that the training resumed from.
        keys: of the last row of the longest kind that the run prints, without validations.
        other_keys: of the last row of another kind.
        unfamiliar_keys: keys of a line that looked like a row but did not belong to the run.
    """

    partial_line: str = ""
    block: str = ""
    sampling: bool = False
    step: int | None = None
    keys: tuple[str, ...] = ()
    unfamiliar_keys: tuple[str, ...] = ()
    other_keys: tuple[str, ...] = ()

    def parse(self, text: str, at: float = 0.0) -> tuple[Self, list[LogEvent]]:
        r"""Return the parser for the next piece, and the events of all lines that this piece completes.

        Args:
            at: Unix seconds of now, for the rows.

        >>> reader, facts = LogParser().parse("step:1 - critic/rewards/mean:0.5\nstep:2 - critic/rew")
        >>> facts
        [StepMetrics(step=1, values={'critic/rewards/mean': 0.5}, at=0.0)]
        >>> reader.parse("ards/mean:np.float64(0.75)\n")[1]
        [StepMetrics(step=2, values={'critic/rewards/mean': 0.75}, at=0.0)]
        """
        text = self.partial_line + text
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        # Of a line that is too long to be verl's, only enough is kept that it is still too long.
        reader = replace(self, partial_line=text[end : end + MAX_LINE_CHARACTERS + 1], block="")
        events: list[LogEvent] = []
        lines = LineScanner(text, end)
        block = MetricsBlock(self.block)
        while line := lines.next_line() if block else lines.next_marked_line():
            if len(line) <= MAX_LINE_CHARACTERS:
                reader = reader.parse_line(strip_prefixes(line), at, events, block)
        return replace(reader, block=block.text), events

    def interrupt(self) -> Self:
        """Return the parser without any unfinished line or block, because lines are missing."""
        return replace(self, partial_line="", block="", sampling=False)

    def resume_at(self, step: int) -> Self:
        """Return the parser after a step that the record has already."""
        return replace(self, step=step)

    def finish(self, at: float = 0.0) -> tuple[Self, list[LogEvent]]:
        """Return the events of the last line, because no further text will complete it."""
        return self.parse("\n", at) if self.partial_line else (self, [])

    def parse_line(self, line: str, at: float, events: list[LogEvent], block: "MetricsBlock") -> Self:
        """Return the parser after one complete line without prefixes, and append the line's events to `events`."""
        if block and not self._ends_block(line, at, events, block):
            return self
        if line.startswith(("[prompt]", "[response]")):
            return replace(self, sampling=True)
        if line.startswith(("[score]", "[ground_truth]")):
            return replace(self, sampling=False)
        if row := self._parse_row(line, at):
            if not self._belongs_to_run(row):
                return replace(self, unfamiliar_keys=tuple(row.values)[:REMEMBERED_KEYS])
            events.append(row)
            return self._record_row(row)
        # A model's answer may look like any other line.
        if self.sampling:
            return self
        if STEP_HEADING.fullmatch(line.rstrip()):
            block.begin(line.rstrip())
            return self
        if metrics_match := VALIDATION_METRICS_LINE.search(line):
            block.begin()
            self._ends_block(metrics_match[1], at, events, block)
            return self
        event = parse_event(line)
        if event is None:
            return self
        events.append(event)
        return replace(self, step=event.step, keys=(), other_keys=()) if isinstance(event, TrainingResumed) else self

    def _ends_block(self, line: str, at: float, events: list[LogEvent], block: "MetricsBlock") -> bool:
        """Add a line to metrics in braces. Return whether it is not part of them, and still has to be parsed."""
        if find_step(line) or block.is_foreign(line):  # another line interrupts the block
            block.end()
            return True
        if (text := block.add_line(line)) and (row := parse_block(text, self.step or 0, at)):
            events.append(row)
        return False

    def _parse_row(self, line: str, at: float) -> StepMetrics | None:
        if line.startswith('{"step"'):
            row = parse_json_metrics(line, at)
        elif step_match := find_step(line):
            row = StepMetrics(int(step_match[1]), VERL_KEYS.limit(parse_pairs(step_match[2])), at)
        else:
            return None
        return row if row and row.values else None

    def _belongs_to_run(self, row: StepMetrics) -> bool:
        """Return whether the run prints such rows: the model's answer may look like one."""
        if self.keys and shares_keys(row, self.keys):
            return True
        count = count_family_keys(row.values)
        # Before a run has shown its keys, nothing but their number tells its step from an answer.
        if self.sampling:
            return not self.keys and count >= MIN_UNQUOTED_KEYS
        if self.other_keys and shares_keys(row, self.other_keys):
            return True
        if not VERL_KEYS.is_training_step(row):
            return self.step is None or self.step - MAX_LATE_STEPS <= row.step <= self.step + 1
        if not self.keys:
            return True
        return self._is_plausible(row, count) or self._is_new_program(row)

    def _is_plausible(self, row: StepMetrics, family_count: int) -> bool:
        """Return whether a row of a kind that the run has not printed before is verl's, by its keys and its step."""
        is_next = self.step is None or row.step in (self.step, self.step + 1)
        if family_count >= MIN_VERL_KEYS:
            return is_next or row.step in FIRST_STEPS
        return is_next and is_own_line(row.values)

    def _is_new_program(self, row: StepMetrics) -> bool:
        """Return whether another program has started to train in the same job: it printed two lines of its own in
        succession.
        """
        return (
            len(select_verl_keys(row.values)) >= MIN_VERL_KEYS
            and bool(self.unfamiliar_keys)
            and shares_keys(row, self.unfamiliar_keys)
        )

    def _record_row(self, row: StepMetrics) -> Self:
        # Nearly every row has the keys of the one before, and costs no more than this comparison.
        if tuple(row.values) == self.keys:
            return replace(self, step=row.step, unfamiliar_keys=(), sampling=False)
        # Validation keys are left out, because not every row has them.
        keys = tuple(key for key in row.values if not VERL_KEYS.is_validation(key))[:REMEMBERED_KEYS]
        is_late = self.step is not None and row.step < self.step and not VERL_KEYS.is_training_step(row)
        reader = replace(self, step=self.step if is_late else row.step, unfamiliar_keys=(), sampling=False)
        if not keys or keys in (self.keys, self.other_keys):
            return reader
        if not self.keys or shares_keys(row, self.keys):
            return replace(reader, keys=keys)
        if len(keys) > len(self.keys) and not (self.other_keys and shares_keys(row, self.other_keys)):
            return replace(reader, keys=keys, other_keys=self.keys)
        return replace(reader, other_keys=keys)


def shares_keys(row: StepMetrics, keys: Sequence[str]) -> bool:
    """Return whether a row has half of these keys."""
    return 2 * sum(map(row.values.__contains__, keys)) >= len(keys)


class LineScanner:
    """The complete lines of a text, one after the other, or only those that may matter.

    Each mark, and each kind of line end, is searched for once in the whole text, by `str.find`, which passes over the
    rest at the speed of memory.
    """

    def __init__(self, text: str, end: int) -> None:
        self._text, self._end, self._at = text, end, 0
        self._next = dict.fromkeys((*LINE_MARKS, "\n", "\r"), -1)

    def next_line(self) -> str | None:
        """Return the next line that is not empty; None at the end."""
        while self._at < self._end:
            if line := self._read_line_from(self._at):
                return line
        return None

    def next_marked_line(self) -> str | None:
        """Return the next line with a mark in it; None at the end."""
        nearest = min(map(self._find_mark, LINE_MARKS))
        if nearest >= self._end:
            self._at = self._end
            return None
        before = max(self._text.rfind("\n", self._at, nearest), self._text.rfind("\r", self._at, nearest))
        return self._read_line_from(max(before + 1, self._at))

    def _find_mark(self, mark: str) -> int:
        """Return the next position of a mark; the end of the text if there is none."""
        if self._next[mark] < self._at:
            index = self._text.find(mark, self._at, self._end)
            self._next[mark] = self._end if index < 0 else index
        return self._next[mark]

    def _read_line_from(self, start: int) -> str:
        self._at = start
        end = min(self._find_mark("\n"), self._find_mark("\r"))
        self._at = end + 1
        return self._text[start:end]
