"""A cursor in a log that is read by its last lines, which may overlap from read to read: every line is parsed once, in
order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Self

from bot.core.frameworks import FRAMEWORK, LogParser
from bot.core.model.log_text import MAX_LINE_CHARACTERS, strip_prefixes
from bot.core.model.metrics import LogEvent, StepMetrics, TrainingPhase, TrainingResumed
from bot.core.model.training_framework import Framework
from bot.core.rules.metrics_merge import MetricsMerge

REMEMBERED_LINES = 64
"""Number of lines that are remembered to find the end of the last read again."""

CHUNK_LINES, CHUNK_CHARACTERS = 256, 262_144
"""Maximum lines and characters that are parsed at once: between two chunks, waiting callers get their turn."""

MAX_REDRAWN_PIECES = 200
"""Maximum pieces of one line that are read, the last ones, if carriage returns redraw it again and again: a terminal
shows only the last piece."""


@dataclass(frozen=True, slots=True)
class NewLines:
    """The lines of a read that were not parsed before.

    Attributes:
        lines: complete, oldest first.
        digests: of each line.
        is_gap: whether lines before these were missed.
    """

    lines: Sequence[str]
    digests: Sequence[str]
    is_gap: bool = False

    def take_first(self, count: int) -> Self:
        """Return only the first lines."""
        return replace(self, lines=self.lines[:count], digests=self.digests[:count])

    def drop_first(self, count: int) -> Self:
        """Return the lines that remain after the first ones; the gap lies before the first of them."""
        return replace(self, lines=self.lines[count:], digests=self.digests[count:], is_gap=self.is_gap and not count)

    @property
    def chunk_size(self) -> int:
        """Return how many of the lines are parsed at once: at least one."""
        size = 0
        for count, line in enumerate(self.lines[:CHUNK_LINES]):
            size += len(line)
            if size > CHUNK_CHARACTERS:
                return max(count, 1)
        return min(len(self.lines), CHUNK_LINES)


@dataclass(frozen=True, slots=True)
class LogCursor:
    """The position up to which a run's log has been read.

    Attributes:
        parser: for the lines that follow.
        last_digests: of the last complete lines that were parsed, oldest first.
        gaps: how often lines were missed.
        read_at: Unix seconds when a new line was last read; None before the first.
        phase: the phase of the training that this line belongs to.
        floor: after a gap, the step up to which rows may have been parsed before, and are not parsed again; None once
            the read that found the gap is parsed, or the training resumed from a checkpoint.
        merge: how far its rows are merged with those of the run's file of metrics.
    """

    parser: LogParser = field(default_factory=LogParser)
    last_digests: tuple[str, ...] = ()
    gaps: int = 0
    read_at: float | None = None
    phase: TrainingPhase = TrainingPhase.TRAINING
    floor: int | None = None
    merge: MetricsMerge = field(default_factory=MetricsMerge)

    def find_new_lines(self, text: str, is_final: bool = False) -> NewLines:
        """Return the lines at the end of a log that were not parsed before.

        A last line without its newline is left for a later read, because its other half may be missing.

        Args:
            text: the end of the log, of any length.
            is_final: whether the log is complete, so that the last line is complete without a newline.
        """
        lines = text.split("\n")
        unfinished = lines.pop()
        # Otherwise the other half of an unfinished line may still come.
        if is_final and unfinished:
            lines.append(unfinished)
        digests = [hash_line(line) for line in lines]
        start = find_resume_index(self.last_digests, digests)
        is_gap = start is None and bool(self.last_digests)
        return NewLines(lines[start or 0 :], digests[start or 0 :], is_gap)

    def advance(self, new_lines: NewLines, at: float) -> tuple[Self, list[LogEvent]]:
        """Return the cursor after these lines, and their events.

        Args:
            at: Unix seconds of now.
        """
        cursor = self.open_gap(new_lines)
        lines = [drop_redrawn(line) for line in new_lines.lines]
        reader, events = cursor.parser.parse("".join(line + "\n" for line in lines), at)
        # After a gap, rows up to the floor may have been parsed before.
        events, floor = drop_known_steps(events, cursor.floor)
        return replace(
            cursor.remember_lines(new_lines, at), parser=reader, phase=detect_phase(lines), floor=floor
        ), events

    def skip_lines(self, new_lines: NewLines, at: float) -> Self:
        """Return the cursor after lines that were not parsed."""
        return self.open_gap(new_lines).interrupt().remember_lines(new_lines, at)

    def end_read(self) -> Self:
        """Return the cursor once all lines of a read are parsed."""
        return replace(self, floor=None)

    def read_tail(self, text: str, at: float, is_final: bool = False) -> tuple[Self, list[LogEvent]]:
        r"""Return the cursor after all new lines at the end of a log, and their events.

        >>> reading, facts = LogCursor().read_tail("step:1 - a:1\nstep:2 - a:2\nste", 0.0)
        >>> [fact.step for fact in facts]
        [1, 2]
        >>> [fact.step for fact in reading.read_tail("step:2 - a:2\nstep:3 - a:3\n", 0.0)[1]]
        [3]
        """
        new_lines = self.find_new_lines(text, is_final)
        if not new_lines.lines:
            return self, []
        cursor, events = self.advance(new_lines, at)
        return cursor.end_read(), events

    def open_gap(self, new_lines: NewLines) -> Self:
        """Return the cursor before these lines; after a gap, no unfinished line or block continues in them."""
        return replace(self.interrupt(), gaps=self.gaps + 1, floor=self.parser.step) if new_lines.is_gap else self

    def interrupt(self) -> Self:
        """Return the cursor without any unfinished line or block."""
        return replace(self, parser=self.parser.interrupt())

    def remember_lines(self, new_lines: NewLines, at: float) -> Self:
        """Return the cursor that recognises these lines again."""
        return replace(self, last_digests=(*self.last_digests, *new_lines.digests)[-REMEMBERED_LINES:], read_at=at)


def drop_known_steps(events: Sequence[LogEvent], floor: int | None) -> tuple[list[LogEvent], int | None]:
    """Return the events without rows of known steps, and the last known step after them.

    Once the training resumes from an earlier step, the steps that follow are new.
    """
    new_events: list[LogEvent] = []
    for event in events:
        if isinstance(event, TrainingResumed):
            floor = None
        if floor is None or not isinstance(event, StepMetrics) or event.step > floor:
            new_events.append(event)
    return new_events, floor


def drop_redrawn(line: str) -> str:
    r"""Return a line without the parts that a terminal draws again and again.

    >>> drop_redrawn("1%\r2%"), drop_redrawn("x\r" * 999).count("x")
    ('1%\r2%', 199)
    """
    if line.count("\r") < MAX_REDRAWN_PIECES:
        return line
    return "\r".join(line.rsplit("\r", MAX_REDRAWN_PIECES)[1:])


def detect_phase(lines: Sequence[str], framework: Framework = FRAMEWORK) -> TrainingPhase:
    """Return the phase that the last line with any text belongs to.

    >>> (detect_phase(["step:9 - a:1", "(TaskRunner pid=7) validation generation end"]),
    ...  detect_phase(["step:9 - a:1", ""]))
    (<TrainingPhase.VALIDATING: 'validating'>, <TrainingPhase.TRAINING: 'training'>)
    """
    last_line = next(
        (text for line in reversed(lines) if (text := strip_prefixes(line[:MAX_LINE_CHARACTERS]).strip())), ""
    )
    return framework.find_phase(last_line)


def hash_line(line: str) -> str:
    return blake2b(line.encode(errors="surrogatepass"), digest_size=6).hexdigest()


def find_resume_index(last_digests: Sequence[str], digests: Sequence[str]) -> int | None:
    """Return the index in a read where the lines begin that follow the last ones; None if none of the last ones is in
    it.

    The lines before that index are the last ones that were parsed: all that are remembered, or all that the read has
    before it. Of several such places the latest counts: between them the same lines repeat. The time is proportional to
    the number of lines (Knuth, Morris, Pratt), even if all are equal.

    >>> (find_resume_index("abc", "abcde"), find_resume_index("abc", "cde"), find_resume_index("abc", "xyz"),
    ...  find_resume_index("", "ab"))
    (3, 1, None, None)
    """
    if not last_digests or not digests:
        return None
    if end := find_last_end(last_digests, digests):
        return end
    return measure_overlap(digests, last_digests) or None


def find_last_end(pattern: Sequence[str], text: Sequence[str]) -> int:
    """Return where a pattern ends in a text for the last time; 0 if the text does not contain it.

    >>> find_last_end("aa", "aaab"), find_last_end("aa", "ab")
    (3, 0)
    """
    return max(
        (at for at, matched in enumerate(iterate_match_lengths(pattern, text), 1) if matched == len(pattern)), default=0
    )


def measure_overlap(pattern: Sequence[str], text: Sequence[str]) -> int:
    """Return how much of a pattern's beginning a text ends with.

    >>> measure_overlap("cde", "abc"), measure_overlap("xyz", "abc")
    (1, 0)
    """
    matched = 0
    for matched in iterate_match_lengths(pattern, text[-len(pattern) :]):  # noqa: B007  # only the last one is needed
        pass
    return matched


def iterate_match_lengths(pattern: Sequence[str], text: Sequence[str]) -> Iterator[int]:
    """Yield for each place of a text how much of the pattern's beginning ends there."""
    borders, matched = compute_borders(pattern), 0
    for item in text:
        while matched and (matched == len(pattern) or pattern[matched] != item):
            matched = borders[matched - 1]
        matched += pattern[matched] == item
        yield matched


def compute_borders(pattern: Sequence[str]) -> list[int]:
    """Return for each beginning of a pattern how much of it, short of all, it also ends with.

    >>> compute_borders("abab")
    [0, 0, 1, 2]
    """
    borders, matched = [0], 0
    for item in pattern[1:]:
        while matched and pattern[matched] != item:
            matched = borders[matched - 1]
        matched += pattern[matched] == item
        borders.append(matched)
    return borders
