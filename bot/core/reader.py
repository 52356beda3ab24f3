"""verl's log parser: from text in pieces of any size to events, that is steps with their metrics, totals, paces and
checkpoints.

verl prints one line a step, `step:12 - key:value - …`, behind the prefixes of Ray and SkyPilot, between tqdm's bars,
and sometimes joined to the text of another process. It also prints the model's answers, and they may look like
anything. So a line counts as a step only if the whole grammar matches and its keys are those that the run prints.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from bot.core.fact import Fact, Resumed
from bot.core.grammar import FEWEST_KEYS, METRICS, bare, dict_row, find_step, json_row, other_fact, pairs, verls
from bot.core.row import VALIDATING, Row

MARKS = (
    "step:",
    "Training Progress:",
    "Total training steps:",
    "Total steps:",
    "global_step_",
    "global step to",
    "alidation metrics: ",
    '{"step"',
    "[prompt]",
    "[score]",
    "[ground_truth]",
)
"""Every line that matters contains one of these marks; all other lines, most of a log, are passed over."""

LONGEST_LINE = 1_048_576 + 4_096
"""Maximum characters of a line: a megabyte and the prefixes. Most of verl's lines have some thousands, but 14
validation sources with 32 answers each print 136 KB."""

REMEMBERED_KEYS = 256
"""Maximum keys of a row that are remembered to recognise the run's later rows; verl has about eighty."""


@dataclass(frozen=True, slots=True)
class Reader:
    """The state of the parser between two pieces of a log.

    However a log is cut into pieces, the events are the same.

    Attributes:
        partial_line: half a line, whose other half comes with the next piece.
        block: validation metrics that are spread over several lines, and whose end has not come yet.
        sampling: whether the lines are the model's answers.
        step: of the last row, or of the checkpoint that the training resumed from.
        keys: of the last row of a training step.
        unfamiliar_keys: keys of a line that looked like a row but did not belong to the run.
    """

    rest: str = ""
    block: str = ""
    sampling: bool = False
    step: int | None = None
    keys: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()

    def read(self, text: str, at: float = 0.0) -> tuple[Self, list[Fact]]:
        r"""Return the parser for the next piece, and the events of all lines that this piece completes.

        Args:
            at: Unix seconds of now, for the rows.

        >>> reader, facts = Reader().read("step:1 - critic/rewards/mean:0.5\nstep:2 - critic/rew")
        >>> facts
        [Row(step=1, values={'critic/rewards/mean': 0.5}, at=0.0)]
        >>> reader.read("ards/mean:np.float64(0.75)\n")[1]
        [Row(step=2, values={'critic/rewards/mean': 0.75}, at=0.0)]
        """
        text = self.rest + text
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        # Of a line that is too long to be verl's, only enough is kept that it is still too long.
        reader = replace(self, rest=text[end : end + LONGEST_LINE + 1], block="")
        facts: list[Fact] = []
        lines = Lines(text, end)
        block = Block(self.block)
        while line := lines.next_line() if block else lines.next_marked():
            if len(line) <= LONGEST_LINE:
                reader = reader.take(bare(line), at, facts, block)
        return replace(reader, block=block.text), facts

    def finish(self, at: float = 0.0) -> tuple[Self, list[Fact]]:
        """Return the events of the last line, because no further text will complete it."""
        return self.read("\n", at) if self.rest else (self, [])

    def take(self, line: str, at: float, facts: list[Fact], block: "Block") -> Self:
        """Return the parser after one complete line without prefixes, and append the line's events to `events`."""
        if block and not self._ends_block(line, at, facts, block):
            return self
        if line.startswith(("[prompt]", "[response]")):
            return replace(self, sampling=True)
        if line.startswith(("[score]", "[ground_truth]")):
            return replace(self, sampling=False)
        if row := self._row(line, at):
            if not self._is_ours(row):
                return replace(self, strange=tuple(row.values)[:REMEMBERED_KEYS])
            facts.append(row)
            return self._after(row)
        # A model's answer may look like any other line.
        if self.sampling:
            return self
        if found := METRICS.search(line):
            block.begin()
            self._ends_block(found[1], at, facts, block)
            return self
        other = other_fact(line)
        if other is None:
            return self
        facts.append(other)
        return replace(self, step=other.step, keys=()) if isinstance(other, Resumed) else self

    def _ends_block(self, line: str, at: float, facts: list[Fact], block: "Block") -> bool:
        """Add a line to validation metrics in braces. Return whether it is not part of them, and still has to be
        parsed.
        """
        if find_step(line):  # another line interrupts the block
            block.end()
            return True
        if (text := block.add(line)) and (row := dict_row(text, self.step or 0, at)):
            facts.append(row)
        return False

    def _row(self, line: str, at: float) -> Row | None:
        if line.startswith('{"step"'):
            row = json_row(line, at)
        elif found := find_step(line):
            row = Row(int(found[1]), pairs(found[2]), at)
        else:
            return None
        return row if row and row.values else None

    def _is_ours(self, row: Row) -> bool:
        """Return whether the run prints such rows: the model's answer may look like one."""
        if not row.trains:
            return not self.sampling and (self.step is None or row.step in (self.step, self.step + 1))
        if not self.keys:
            return not self.sampling
        return alike(row, self.keys) or (not self.sampling and self._takes_over(row))

    def _takes_over(self, row: Row) -> bool:
        """Return whether another program has started to train in the same job: it printed two lines of its own in
        succession.
        """
        return len(verls(row.values)) >= FEWEST_KEYS and bool(self.strange) and alike(row, self.strange)

    def _after(self, row: Row) -> Self:
        keys = self.keys
        if row.trains and tuple(row.values) != keys:
            # Validation keys are left out, because not every row has them.
            keys = tuple(key for key in row.values if not key.startswith(VALIDATING))[:REMEMBERED_KEYS]
        return replace(self, step=row.step, keys=keys, strange=(), sampling=False)


def alike(row: Row, keys: Sequence[str]) -> bool:
    """Return whether a row has half of these keys."""
    return 2 * len(row.values.keys() & set(keys)) >= len(keys)


class Block:
    """Validation metrics as pprint breaks them into lines, up to the brace that ends them.

    Args:
        text: the lines so far; empty before the block begins.
    """

    def __init__(self, text: str) -> None:
        self._parts = [text] if text else []
        self._size = len(text)
        self._is_open = "{" in text

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def text(self) -> str:
        return " ".join(self._parts)

    def begin(self) -> None:
        self._parts, self._size, self._is_open = [""], 0, False

    def end(self) -> None:
        self._parts, self._size, self._is_open = [], 0, False

    def add(self, line: str) -> str | None:
        """Add a line. Return the whole text if the line ends the block, and None if the block continues or the line is
        not part of it.

        The lines are joined once, however many there are.
        """
        part = line.strip().strip("()").strip('"')
        self._parts.append(part)
        self._size += len(part) + 1
        self._is_open = self._is_open or "{" in part
        whole = self.text if "}" in line and self._is_open else None
        # A block opens with a brace: text before it is not part of one.
        is_none = not self._is_open and bool(part)
        if whole is not None or is_none or self._size > LONGEST_LINE:
            self.end()
        return whole


class Lines:
    """The complete lines of a text, one after the other, or only those that may matter.

    Each mark, and each kind of line end, is searched for once in the whole text, by `str.find`, which passes over the
    rest at the speed of memory.
    """

    def __init__(self, text: str, end: int) -> None:
        self._text, self._end, self._at = text, end, 0
        self._next = dict.fromkeys((*MARKS, "\n", "\r"), -1)

    def next_line(self) -> str | None:
        """Return the next line that is not empty; None at the end."""
        while self._at < self._end:
            if line := self._line_from(self._at):
                return line
        return None

    def next_marked(self) -> str | None:
        """Return the next line with a mark in it; None at the end."""
        nearest = min(map(self._find, MARKS))
        if nearest >= self._end:
            self._at = self._end
            return None
        before = max(self._text.rfind("\n", self._at, nearest), self._text.rfind("\r", self._at, nearest))
        return self._line_from(max(before + 1, self._at))

    def _find(self, mark: str) -> int:
        """Return the next position of a mark; the end of the text if there is none."""
        if self._next[mark] < self._at:
            found = self._text.find(mark, self._at, self._end)
            self._next[mark] = self._end if found < 0 else found
        return self._next[mark]

    def _line_from(self, start: int) -> str:
        self._at = start
        end = min(self._find("\n"), self._find("\r"))
        self._at = end + 1
        return self._text[start:end]
