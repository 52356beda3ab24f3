"""The one filter on every text that enters: it masks secrets, and leaves what shows their kind.

A line is masked the same way wherever it is read, because logs are read in overlapping parts whose lines are compared.
Only a key that is printed over several lines is recognised by the lines around it, and then by those right before.

One pattern finds candidates, in one pass. RE2 does that at the speed of memory; Python's `re`, the core's own default,
is a hundred times slower, with the same result. This module judges what is found.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from bot.core.key_blocks import block_spans
from bot.core.secret_forms import Found, block_mark, cut_token, shaped_secrets
from bot.core.secret_shapes import MASKED, SHAPE_ANCHORS
from bot.core.secret_values import NAME_ANCHORS, NAME_STARTS, named_secrets

ANCHORS = b"|".join((*SHAPE_ANCHORS, *NAME_ANCHORS))
"""Every candidate for a secret begins with a match of this."""

REPLACEMENT = MASKED.encode()

LEAST = 6
"""Minimum bytes of a text that can contain a secret."""

MOST_CANDIDATES, BYTES_A_CANDIDATE = 64, 32
"""Maximum candidates on a line that are judged: so many, plus one for each so many bytes. Measured lines have one in
1,000 bytes, and dumps of configurations one in 100.
"""

LEAST_CUT = 4
"""Minimum characters of a known value that identify it at the end of a truncated text."""


class Hit(Protocol):
    """Where a pattern matched: a match of `re` or of RE2."""

    def start(self) -> int: ...

    def end(self) -> int: ...


Search = Callable[[bytes, int], Hit | None]
"""Returns the first match of one pattern from a position on."""


def search_nothing(raw: bytes, at: int) -> None:
    """Return no match: the default for a pattern that is not configured."""
    return


def hits(search: Search, raw: bytes) -> Iterator[Hit]:
    """Yield all matches of a pattern, in order; one may begin within another."""
    at = 0
    while hit := search(raw, at):
        yield hit
        at = hit.start() + 1


class Crowd:
    """Counts the candidates of one line after the other.

    A program can print a line of nothing but the beginnings of secrets, each of which takes time to judge. The rest of
    such a line is masked without being judged.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._line_start = self.line_end = self._count = 0

    def is_too_dense(self, at: int) -> bool:
        """Count a candidate and return whether its line has too many; candidates are counted in order."""
        if at >= self.line_end:
            self._line_start = max(self._raw.rfind(b"\n", self._line_start, at) + 1, self._line_start)
            end = self._raw.find(b"\n", at)
            self.line_end = len(self._raw) if end < 0 else end
            self._count = 0
        self._count += 1
        return self._count > MOST_CANDIDATES + (at - self._line_start) // BYTES_A_CANDIDATE


@dataclass(frozen=True, slots=True)
class Masker:
    """Masks secrets in text.

    Attributes:
        search_candidates: finds candidates by their form, as `SECRET_ANCHORS` describes them.
        search_known: finds the values of secrets that the bot knows, in every form in which they may be printed.
        search_team_patterns: finds what a team's own patterns describe.
        known_values: the known values, unchanged.
    """

    search: Search = re.compile(ANCHORS).search
    search_known: Search = search_nothing
    search_own: Search = search_nothing
    values: tuple[bytes, ...] = ()

    def mask(self, text: str, cut: bool = False) -> str:
        """Return the text without secrets. Masking it once more changes nothing.

        Args:
            cut: whether the text may end within a word, as a line does that is still being printed.

        >>> Masker().mask("export HF_TOKEN=hf_aB3dE6gH9jK2mN5pQ8sTuVwXyZ1234")
        'export HF_TOKEN=hf_…(masked)'
        >>> Masker().mask("redis://:hunter2@store:6379/0 at commit 3f786850e387550fdab836ed7e6dc881de23001b")
        'redis://:…(masked)@store:6379/0 at commit 3f786850e387550fdab836ed7e6dc881de23001b'
        """
        raw = text.encode("utf-8", "surrogatepass")
        spans = self._spans(raw, cut)
        if not spans:
            return text
        pieces, at = [], 0
        for start, end in spans:
            pieces += [raw[at:start], REPLACEMENT]
            at = end
        return b"".join([*pieces, raw[at:]]).decode("utf-8", "surrogatepass")

    def find_secret(self, text: str, by_name: bool = True) -> str | None:
        """Return a label for the first secret in a text, with nothing of the secret in it; None where there is none.

        Args:
            by_name: whether a name before a value may reveal a secret; else only its own form does.

        >>> Masker().find_secret("trainer.api_key=aB3dE6gH9jK2"), Masker().find_secret("data.prompt_key=prompt")
        ('key=…', None)
        """
        found = self._found(text.encode("utf-8", "surrogatepass"), by_name)
        return min(found, key=lambda one: one.start).label if found else None

    def _spans(self, raw: bytes, cut: bool) -> list[tuple[int, int]]:
        """Return the byte ranges to be replaced, in order and without overlap."""
        found = self._found(raw)
        if cut and not raw.endswith(b"\n"):
            found += self._cut(raw)
        merged: list[tuple[int, int]] = []
        for start, end in sorted((one.start, one.end) for one in found):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return merged

    def _found(self, raw: bytes, by_name: bool = True) -> list[Found]:
        """Return every secret in the text."""
        if len(raw) < LEAST:
            return []
        found = [Found(hit.start(), hit.end(), "the value of a secret") for hit in hits(self.search_known, raw)]
        found += (Found(hit.start(), hit.end(), "a secret of your team's") for hit in hits(self.search_own, raw))
        marks: list[int] = []
        at, crowd = 0, Crowd(raw)
        while hit := self.search(raw, at):
            start = hit.start()
            # Judging every candidate of a crafted line would take too long.
            if crowd.is_too_dense(start):
                found.append(Found(start, crowd.line_end, "a line of names"))
                at = crowd.line_end
                continue
            if (mark := block_mark(raw, start)) is not None:
                marks.append(mark)
            new = list(shaped_secrets(raw, start))
            # A value with a secret's own form needs no revealing name.
            if not new and by_name and raw[start] in NAME_STARTS:
                new = list(named_secrets(raw, start))
            found += new
            at = max(start + 1, new[0].end if new else 0)  # candidates may overlap, but none begins within a secret
        found += (Found(start, end, "-----BEGIN…") for start, end in block_spans(raw, marks))
        return found

    def _cut(self, raw: bytes) -> Iterator[Found]:
        """Yield the beginning of a secret at the end of the text."""
        yield from cut_token(raw)
        for value in self.values:
            for length in range(min(len(value), len(raw)) - 1, LEAST_CUT - 1, -1):
                if raw.endswith(value[:length]):
                    yield Found(len(raw) - length, len(raw), "the value of a secret")
                    break


SHAPES = Masker()
"""Recognises secrets by their form and their name alone."""
