"""Reading a log by looks at its end, which overlap or do not: every line is taken once, in its order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Self

from bot.core.fact import Fact, Resumed
from bot.core.grammar import bare
from bot.core.health.stall import Doing
from bot.core.reader import Reader
from bot.core.row import Row

SAVING = re.compile(r"[Ss]aving (?:checkpoint|model)|local_global_step_folder")
VALIDATING = re.compile(r"^\[(?:prompt|response|ground_truth|score)\]|validation generation|test_gen_batch")
"""Lines that verl prints while it saves, and while it validates."""

REMEMBERED = 64
"""Lines by which the place is found again where the last look ended."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a run's log has been read.

    Attributes:
        reader: of the lines that follow.
        last: digests of the last whole lines that were taken, oldest first.
        gaps: how often lines in between were out of sight.
        at: Unix seconds when a new line was last read; None before the first.
        doing: what that line spoke of.
    """

    reader: Reader = field(default_factory=Reader)
    last: tuple[str, ...] = ()
    gaps: int = 0
    at: float | None = None
    doing: Doing = Doing.TRAINING

    def look(self, text: str, at: float, over: bool = False) -> tuple[Self, list[Fact]]:
        """What is new in the last lines of a log.

        A last line without its newline is left for a later look, because its other half may be missing.

        Args:
            text: the log's end, as long as it happens to be.
            at: Unix seconds of now.
            over: whether nothing will be printed any more, so that the last line is whole as it stands.

        >>> reading, facts = Reading().look("step:1 - a:1\\nstep:2 - a:2\\nste", 0.0)
        >>> [fact.step for fact in facts]
        [1, 2]
        >>> [fact.step for fact in reading.look("step:2 - a:2\\nstep:3 - a:3\\n", 0.0)[1]]
        [3]
        """
        lines = text.split("\n")
        unfinished = lines.pop()
        if over and unfinished:
            lines.append(unfinished)
        if not lines:
            return self, []
        digests = [digest(line) for line in lines]
        start = place_after(self.last, digests)
        reader, gaps = self.reader, self.gaps
        if start is None:
            reader, gaps, start = replace(reader, rest="", block="", sampling=False), gaps + bool(self.last), 0
        new = lines[start:]
        if not new:
            return self, []
        reader, facts = reader.read("".join(line + "\n" for line in new), at)
        if gaps > self.gaps:  # what was out of sight may end within what is in sight
            facts = unknown(facts, self.reader.step)
        last = (*self.last, *digests[start:])[-REMEMBERED:]
        return type(self)(reader, last, gaps, at, doing(new)), facts


def unknown(facts: Sequence[Fact], step: int | None) -> list[Fact]:
    """The facts without rows of steps that are known, unless the training went on from an earlier one."""
    if step is None or any(isinstance(fact, Resumed) for fact in facts):
        return list(facts)
    return [fact for fact in facts if not (isinstance(fact, Row) and fact.step <= step)]


def doing(lines: Sequence[str]) -> Doing:
    """What the last line that says something speaks of.

    >>> doing(["step:9 - a:1", "(TaskRunner pid=7) validation generation end"]), doing(["step:9 - a:1", ""])
    (<Doing.VALIDATING: 'validating'>, <Doing.TRAINING: 'training'>)
    """
    last = next((text for line in reversed(lines) if (text := bare(line).strip())), "")
    if SAVING.search(last):
        return Doing.SAVING
    return Doing.VALIDATING if VALIDATING.search(last) else Doing.TRAINING


def digest(line: str) -> str:
    return blake2b(line.encode(), digest_size=6).hexdigest()


def place_after(last: Sequence[str], seen: Sequence[str]) -> int | None:
    """Where in a look the lines begin that come after the last ones; None where none of these is in sight.

    The lines before that place are the last ones that were taken: all that are remembered, or all that the look
    has before it. Of several such places the latest counts: between them everything is the same over and over.

    >>> place_after("abc", "abcde"), place_after("abc", "cde"), place_after("abc", "xyz"), place_after("", "ab")
    (3, 1, None, None)
    """
    for start in range(len(seen), 0, -1):
        compared = min(start, len(last))
        if compared and seen[start - 1] == last[-1] and list(seen[start - compared : start]) == list(last[-compared:]):
            return start
    return None
