"""The lines of a log's text that may matter: few of all lines, or nearly all where a log has little but steps."""

import re
from collections.abc import Iterator

from bot.core.frameworks.verl.rollout_losses import PADDING_MARK, ROLLOUT_MARK
from bot.core.frameworks.verl.step_layout import STEP_MARK

OTHER_MARKS = (
    "Training Progress:",
    "Epoch ",
    "Step ",
    "Total training steps:",
    "Total steps:",
    "global_step_",
    "global step to",
    "View run",
    "TensorBoard ",
    "alidation metrics: ",
    ROLLOUT_MARK,
    PADDING_MARK,
    '{"step"',
    "[prompt]",
    "[score]",
    "[ground_truth]",
)

ANY_OTHER_MARK = re.compile("|".join(map(re.escape, OTHER_MARKS)))

MAX_SHORT_GAP = 1_024
"""Maximum characters that one expression searches for all other marks. It takes longer a character than a search for
each of them, but need not begin a dozen times."""

LINE_MARKS = (STEP_MARK, *OTHER_MARKS)
"""Every line that matters contains one of these marks; all other lines, most of a log, are passed over."""


class LineScanner:
    """The complete lines of a text, one after the other, or only those that may matter.

    Each mark, and each kind of line end, is searched for once in the whole text, by `str.find`, which passes over the
    rest at the speed of memory. Lines of steps, the longest ones, are not searched for the other marks.
    """

    def __init__(self, text: str, end: int) -> None:
        self._text, self._end, self._at = text, end, 0
        self._newline = self._carriage_return = -1
        self._step_line = -1
        self._marks: Iterator[int] = iter(())

    def next_line(self) -> str | None:
        """Return the next line that is not empty; None at the end."""
        while self._at < self._end:
            if line := self._read_line_from(self._at):
                return line
        return None

    def next_marked_line(self) -> str | None:
        """Return the next line with a mark in it; None at the end."""
        if self._at > self._step_line:
            self._find_next_step()
        for mark in self._marks:
            if mark >= self._at:
                return self._read_line_from(self._find_line_start(mark))
        if self._step_line < self._end:
            return self._read_line_from(self._step_line)
        self._at = self._end
        return None

    def _find_next_step(self) -> None:
        """Find the line of the next step, and the other marks before it."""
        mark = self._text.find(STEP_MARK, self._at, self._end)
        self._step_line = self._end if mark < 0 else self._find_line_start(mark)
        self._marks = iter(self._find_other_marks() if self._at < self._step_line else ())

    def _find_other_marks(self) -> list[int]:
        """Return where the other marks are before the next step's line, in order."""
        if self._step_line - self._at <= MAX_SHORT_GAP:
            return [match.start() for match in ANY_OTHER_MARK.finditer(self._text, self._at, self._step_line)]
        places: list[int] = []
        for mark in OTHER_MARKS:
            index = self._text.find(mark, self._at, self._step_line)
            while index >= 0:
                places.append(index)
                index = self._text.find(mark, index + len(mark), self._step_line)
        return sorted(places)

    def _find_line_start(self, index: int) -> int:
        """Return where the line begins that a place of the text is in."""
        last_end = self._text.rfind("\n", self._at, index)
        # The next one after an earlier line is known, and most logs have none for long stretches.
        if self._carriage_return < index:
            last_end = max(last_end, self._text.rfind("\r", self._at, index))
        return max(last_end + 1, self._at)

    def _read_line_from(self, start: int) -> str:
        if self._newline < start:
            self._newline = self._find_character("\n", start)
        if self._carriage_return < start:
            self._carriage_return = self._find_character("\r", start)
        end = min(self._carriage_return, self._newline)
        self._at = end + 1
        return self._text[start:end]

    def _find_character(self, character: str, start: int) -> int:
        """Return the next place of a character; the end of the text if there is none."""
        index = self._text.find(character, start, self._end)
        return self._end if index < 0 else index
