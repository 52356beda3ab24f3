"""Step lines that have the keys of earlier ones: they are parsed without a look at each key.

A training prints the same keys on nearly every line, in the same order. So the keys of a line are read once, and of the
lines after it only the numbers. What this returns, the plain parser in `log_grammar.py` returns too, from any line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from bot.core.frameworks.verl.log_grammar import NUMPY_PREFIXES, is_metric_key
from bot.core.model.log_text import ANSI_SEQUENCE, strip_prefixes
from bot.core.model.metrics import MAX_KEY_CHARACTERS

STEP_MARK = "step:"

MAX_LAYOUTS = 16
"""Maximum layouts that are remembered while a piece of a log is parsed: of steps, validations and side lines."""

MAX_KEYS = 512
"""Maximum keys of a line that has a layout: verl's steps have about eighty, and validations some hundreds."""

MAX_HEAD_CHARACTERS, REMEMBERED_HEADS = 200, 256
"""Maximum characters of the prefixes of a line that are remembered, and how many are."""

REMEMBERED_KEYS = 4_096

MAX_STEP_DIGITS = 9


@dataclass(frozen=True, slots=True)
class StepLayout:
    """What stands around the numbers of a line.

    Attributes:
        keys: in the order of the line.
        heads: before each number, `key:` or `key:np.float64(`.
        tails: after each number, nothing or a bracket.
        brackets: how many closing brackets a line has.
    """

    keys: tuple[str, ...]
    heads: tuple[str, ...]
    tails: tuple[str, ...]
    brackets: int

    @classmethod
    def from_parts(cls, parts: Sequence[str]) -> Self | None:
        """Return the layout of a line; None where a part has no key of verl's, or its value is neither plain nor
        numpy's.

        >>> StepLayout.from_parts(["a/b:0.5", "c:np.float64(1e-06)"]).heads
        ('a/b:', 'c:np.float64(')
        >>> StepLayout.from_parts(["a/b:0.5", "the answer:7"])
        """
        keys, heads, tails = [], [], []
        for part in parts:
            key, _, value = part.rpartition(":")
            prefix = value[: value.find("(") + 1]
            if not is_clean_key(key) or (prefix and not (prefix in NUMPY_PREFIXES and value.endswith(")"))):
                return None
            keys.append(key)
            heads.append(f"{key}:{prefix}")
            tails.append(")" if prefix else "")
        if len(set(keys)) < len(keys):
            return None
        brackets = sum(head.count(")") for head in heads) + sum(map(len, tails))
        return cls(tuple(keys), tuple(heads), tuple(tails), brackets)

    def parse(self, parts: Sequence[str], brackets: int) -> dict[str, float] | None:
        """Return the metrics of a line with so many closing brackets; None where it has another layout.

        A part without its head keeps its key, which is no number. Where one number lacks its bracket, another has one
        too many, or the line has another count of them.
        """
        if brackets != self.brackets:
            return None
        numbers = map(str.removeprefix, parts, self.heads)
        if brackets:
            numbers = map(str.removesuffix, numbers, self.tails)
        try:
            return dict(zip(self.keys, map(float, numbers), strict=True))
        except ValueError:
            return None


@dataclass(slots=True)
class StepLayouts:
    """The layouts of the lines of a log so far, by the number of their keys."""

    _layouts: dict[int, StepLayout] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._layouts)

    def parse_line(self, raw: str) -> tuple[int, dict[str, float]] | None:
        r"""Return the step and the metrics of a step line with its prefixes; None where the plain parser must look at
        it.

        >>> StepLayouts().parse_line("\x1b[36m(TaskRunner pid=8)\x1b[0m step:3 - a/b:0.5 - c:np.float64(1e-06)")
        (3, {'a/b': 0.5, 'c': 1e-06})
        >>> [StepLayouts().parse_line(line) for line in ("an answer with step:3 - a/b:0.5", "step:3 - a:0.5 - b:None")]
        [None, None]
        """
        head, mark, tail = raw.partition(STEP_MARK)
        if not mark:
            return None
        number, _, pairs = tail.partition(" - ")
        if not number.isdecimal() or len(number) > MAX_STEP_DIGITS or not is_prefix(head):
            return None
        parts, brackets = pairs.rstrip().split(" - "), pairs.count(")")
        if len(parts) > MAX_KEYS:
            return None
        layout = self._layouts.get(len(parts))
        values = (layout.parse(parts, brackets) if layout else None) or self._parse_new(parts, brackets)
        return (int(number), values) if values else None

    def _parse_new(self, parts: Sequence[str], brackets: int) -> dict[str, float] | None:
        """Return the metrics of a line with a layout that is not remembered, and remember it."""
        layout = StepLayout.from_parts(parts)
        if layout is None:
            return None
        if len(self._layouts) >= MAX_LAYOUTS:
            self._layouts.clear()
        self._layouts[len(parts)] = layout
        return layout.parse(parts, brackets)


def is_prefix(head: str) -> bool:
    """Return whether a text before a step is prefixes alone."""
    return not head or (len(head) <= MAX_HEAD_CHARACTERS and is_short_prefix(head))


@lru_cache(REMEMBERED_HEADS)
def is_short_prefix(head: str) -> bool:
    """Return the same of a short text; the last answers are cached, because a process has one prefix."""
    return strip_prefixes(head + STEP_MARK) == STEP_MARK


def is_clean_key(key: str) -> bool:
    """Return whether a text is a key of a metric, from which no colour or control character would be removed."""
    return len(key) <= MAX_KEY_CHARACTERS and is_clean_short_key(key)


@lru_cache(REMEMBERED_KEYS)
def is_clean_short_key(key: str) -> bool:
    """Return the same of a short text; the last answers are cached, because verl has the same few keys on each line."""
    return key.isprintable() and ANSI_SEQUENCE.search(key) is None and is_metric_key(key)
