"""A cursor in a log that is read by its last lines, which may overlap from read to read: every line is parsed once, in
order.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Self

from bot.core.fact import Fact, Resumed
from bot.core.grammar import LONGEST_SHOWN, bare
from bot.core.health.stall import Doing
from bot.core.reader import Reader
from bot.core.row import Row

SAVING = re.compile(r"[Ss]aving (?:checkpoint|model)|local_global_step_folder")
VALIDATING = re.compile(r"^\[(?:prompt|response|ground_truth|score)\]|validation generation|test_gen_batch")
"""Lines that verl prints while it saves, and while it validates."""

REMEMBERED = 64
"""Number of lines that are remembered to find the end of the last read again."""

CHUNK_LINES, CHUNK_CHARACTERS = 256, 262_144
"""Maximum lines and characters that are parsed at once: between two chunks, waiting callers get their turn."""

MOST_REDRAWN = 200
"""Maximum pieces of one line that are read, the last ones, if carriage returns redraw it again and again: a terminal
shows only the last piece."""


@dataclass(frozen=True, slots=True)
class News:
    """The lines of a read that were not parsed before.

    Attributes:
        lines: complete, oldest first.
        digests: of each line.
        is_gap: whether lines before these were missed.
    """

    lines: Sequence[str]
    digests: Sequence[str]
    is_gap: bool = False

    def first(self, count: int) -> Self:
        """Return only the first lines."""
        return replace(self, lines=self.lines[:count], digests=self.digests[:count])

    def after(self, count: int) -> Self:
        """Return the lines that remain after the first ones; the gap lies before the first of them."""
        return replace(self, lines=self.lines[count:], digests=self.digests[count:], is_gap=self.is_gap and not count)

    @property
    def chunk(self) -> int:
        """Return how many of the lines are parsed at once: at least one."""
        size = 0
        for count, line in enumerate(self.lines[:CHUNK_LINES]):
            size += len(line)
            if size > CHUNK_CHARACTERS:
                return max(count, 1)
        return min(len(self.lines), CHUNK_LINES)


@dataclass(frozen=True, slots=True)
class Reading:
    """The position up to which a run's log has been read.

    Attributes:
        parser: for the lines that follow.
        last_digests: of the last complete lines that were parsed, oldest first.
        gaps: how often lines were missed.
        read_at: Unix seconds when a new line was last read; None before the first.
        phase: the phase of the training that this line belongs to.
        floor: after a gap, the step up to which rows may have been parsed before, and are not parsed again; None once
            the read that found the gap is parsed, or the training resumed from a checkpoint.
    """

    reader: Reader = field(default_factory=Reader)
    last: tuple[str, ...] = ()
    gaps: int = 0
    at: float | None = None
    doing: Doing = Doing.TRAINING
    floor: int | None = None

    def news(self, text: str, over: bool = False) -> News:
        """Return the lines at the end of a log that were not parsed before.

        A last line without its newline is left for a later read, because its other half may be missing.

        Args:
            text: the end of the log, of any length.
            is_final: whether the log is complete, so that the last line is complete without a newline.
        """
        lines = text.split("\n")
        unfinished = lines.pop()
        # Otherwise the other half of an unfinished line may still come.
        if over and unfinished:
            lines.append(unfinished)
        digests = [digest(line) for line in lines]
        start = place_after(self.last, digests)
        is_gap = start is None and bool(self.last)
        return News(lines[start or 0 :], digests[start or 0 :], is_gap)

    def take(self, news: News, at: float) -> tuple[Self, list[Fact]]:
        """Return the cursor after these lines, and their events.

        Args:
            at: Unix seconds of now.
        """
        start = self.open_gap(news)
        lines = [drop_redrawn(line) for line in news.lines]
        reader, facts = start.reader.read("".join(line + "\n" for line in lines), at)
        # After a gap, rows up to the floor may have been parsed before.
        facts, floor = unknown(facts, start.floor)
        return replace(start.remember(news, at), reader=reader, doing=doing(lines), floor=floor), facts

    def skip(self, news: News, at: float) -> Self:
        """Return the cursor after lines that were not parsed."""
        return self.open_gap(news).interrupt().remember(news, at)

    def end_look(self) -> Self:
        """Return the cursor once all lines of a read are parsed."""
        return replace(self, floor=None)

    def look(self, text: str, at: float, over: bool = False) -> tuple[Self, list[Fact]]:
        r"""Return the cursor after all new lines at the end of a log, and their events.

        >>> reading, facts = Reading().look("step:1 - a:1\nstep:2 - a:2\nste", 0.0)
        >>> [fact.step for fact in facts]
        [1, 2]
        >>> [fact.step for fact in reading.look("step:2 - a:2\nstep:3 - a:3\n", 0.0)[1]]
        [3]
        """
        news = self.news(text, over)
        if not news.lines:
            return self, []
        reading, facts = self.take(news, at)
        return reading.end_look(), facts

    def open_gap(self, news: News) -> Self:
        """Return the cursor before these lines; after a gap, no unfinished line or block continues in them."""
        return replace(self.interrupt(), gaps=self.gaps + 1, floor=self.reader.step) if news.is_gap else self

    def interrupt(self) -> Self:
        """Return the cursor without any unfinished line or block."""
        return replace(self, reader=replace(self.reader, rest="", block="", sampling=False))

    def remember(self, news: News, at: float) -> Self:
        """Return the cursor that recognises these lines again."""
        return replace(self, last=(*self.last, *news.digests)[-REMEMBERED:], at=at)


def unknown(facts: Sequence[Fact], floor: int | None) -> tuple[list[Fact], int | None]:
    """Return the events without rows of known steps, and the last known step after them.

    Once the training resumes from an earlier step, the steps that follow are new.
    """
    found: list[Fact] = []
    for fact in facts:
        if isinstance(fact, Resumed):
            floor = None
        if floor is None or not isinstance(fact, Row) or fact.step > floor:
            found.append(fact)
    return found, floor


def drop_redrawn(line: str) -> str:
    r"""Return a line without the parts that a terminal draws again and again.

    >>> drop_redrawn("1%\r2%"), drop_redrawn("x\r" * 999).count("x")
    ('1%\r2%', 199)
    """
    if line.count("\r") < MOST_REDRAWN:
        return line
    return "\r".join(line.rsplit("\r", MOST_REDRAWN)[1:])


def doing(lines: Sequence[str]) -> Doing:
    """Return the phase that the last line with any text belongs to.

    >>> doing(["step:9 - a:1", "(TaskRunner pid=7) validation generation end"]), doing(["step:9 - a:1", ""])
    (<Doing.VALIDATING: 'validating'>, <Doing.TRAINING: 'training'>)
    """
    last = next((text for line in reversed(lines) if (text := bare(line[:LONGEST_SHOWN]).strip())), "")
    if SAVING.search(last):
        return Doing.SAVING
    return Doing.VALIDATING if VALIDATING.search(last) else Doing.TRAINING


def digest(line: str) -> str:
    return blake2b(line.encode(errors="surrogatepass"), digest_size=6).hexdigest()


def place_after(last: Sequence[str], seen: Sequence[str]) -> int | None:
    """Return the index in a read where the lines begin that follow the last ones; None if none of the last ones is in
    it.

    The lines before that index are the last ones that were parsed: all that are remembered, or all that the read has
    before it. Of several such places the latest counts: between them the same lines repeat. The time is proportional to
    the number of lines (Knuth, Morris, Pratt), even if all are equal.

    >>> place_after("abc", "abcde"), place_after("abc", "cde"), place_after("abc", "xyz"), place_after("", "ab")
    (3, 1, None, None)
    """
    if not last or not seen:
        return None
    if whole := last_end(last, seen):
        return whole
    return overlap(seen, last) or None


def last_end(pattern: Sequence[str], text: Sequence[str]) -> int:
    """Return where a pattern ends in a text for the last time; 0 if the text does not contain it.

    >>> last_end("aa", "aaab"), last_end("aa", "ab")
    (3, 0)
    """
    return max((at for at, matched in enumerate(matches(pattern, text), 1) if matched == len(pattern)), default=0)


def overlap(pattern: Sequence[str], text: Sequence[str]) -> int:
    """Return how much of a pattern's beginning a text ends with.

    >>> overlap("cde", "abc"), overlap("xyz", "abc")
    (1, 0)
    """
    matched = 0
    for matched in matches(pattern, text[-len(pattern) :]):  # noqa: B007  # only the last one is needed
        pass
    return matched


def matches(pattern: Sequence[str], text: Sequence[str]) -> Iterator[int]:
    """Yield for each place of a text how much of the pattern's beginning ends there."""
    borders, matched = borders_of(pattern), 0
    for item in text:
        while matched and (matched == len(pattern) or pattern[matched] != item):
            matched = borders[matched - 1]
        matched += pattern[matched] == item
        yield matched


def borders_of(pattern: Sequence[str]) -> list[int]:
    """Return for each beginning of a pattern how much of it, short of all, it also ends with.

    >>> borders_of("abab")
    [0, 0, 1, 2]
    """
    borders, matched = [0], 0
    for item in pattern[1:]:
        while matched and pattern[matched] != item:
            matched = borders[matched - 1]
        matched += pattern[matched] == item
        borders.append(matched)
    return borders
