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

from bot.core.masking.key_blocks import find_block_spans
from bot.core.masking.secret_forms import SecretSpan, find_block_start, find_cut_token, find_shaped_secrets
from bot.core.masking.secret_shapes import MASKED, SHAPE_ANCHORS
from bot.core.masking.secret_values import NAME_ANCHORS, NAME_STARTS, find_named_secrets

SECRET_ANCHORS = b"|".join((*SHAPE_ANCHORS, *NAME_ANCHORS))
"""Every candidate for a secret begins with a match of this."""

REPLACEMENT = MASKED.encode()

MIN_TEXT_BYTES = 6
"""Minimum bytes of a text that can contain a secret."""

MAX_CANDIDATES_PER_LINE, BYTES_PER_CANDIDATE = 64, 32
"""Maximum candidates on a line that are judged: so many, plus one for each so many bytes. Measured lines have one in
1,000 bytes, and dumps of configurations one in 100.
"""

MIN_CUT_CHARACTERS = 4
"""Minimum characters of a known value that identify it at the end of a truncated text."""


class Hit(Protocol):
    """Where a pattern matched: a match of `re` or of RE2."""

    def start(self) -> int: ...

    def end(self) -> int: ...


SearchFunction = Callable[[bytes, int], Hit | None]
"""Returns the first match of one pattern from a position on."""


def search_nothing(raw: bytes, position: int) -> None:
    """Return no match: the default for a pattern that is not configured."""
    return


def find_all(search: SearchFunction, raw: bytes) -> Iterator[Hit]:
    """Yield all matches of a pattern, in order; one may begin within another."""
    position = 0
    while hit := search(raw, position):
        yield hit
        position = hit.start() + 1


class CandidateCounter:
    """Counts the candidates of one line after the other.

    A program can print a line of nothing but the beginnings of secrets, each of which takes time to judge. The rest of
    such a line is masked without being judged.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._line_start = self.line_end = self._count = 0

    def is_too_dense(self, position: int) -> bool:
        """Count a candidate and return whether its line has too many; candidates are counted in order."""
        if position >= self.line_end:
            self._line_start = max(self._raw.rfind(b"\n", self._line_start, position) + 1, self._line_start)
            end = self._raw.find(b"\n", position)
            self.line_end = len(self._raw) if end < 0 else end
            self._count = 0
        self._count += 1
        return self._count > MAX_CANDIDATES_PER_LINE + (position - self._line_start) // BYTES_PER_CANDIDATE


@dataclass(frozen=True, slots=True)
class Masker:
    """Masks secrets in text.

    Attributes:
        search_candidates: finds candidates by their form, as `SECRET_ANCHORS` describes them.
        search_known: finds the values of secrets that the bot knows, in every form in which they may be printed.
        search_team_patterns: finds what a team's own patterns describe.
        known_values: the known values, unchanged.
    """

    search_candidates: SearchFunction = re.compile(SECRET_ANCHORS).search
    search_known: SearchFunction = search_nothing
    search_team_patterns: SearchFunction = search_nothing
    known_values: tuple[bytes, ...] = ()

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
        spans = self._find_spans(raw, cut)
        if not spans:
            return text
        pieces, position = [], 0
        for start, end in spans:
            pieces += [raw[position:start], REPLACEMENT]
            position = end
        return b"".join([*pieces, raw[position:]]).decode("utf-8", "surrogatepass")

    def find_secret(self, text: str, by_name: bool = True) -> str | None:
        """Return a label for the first secret in a text, with nothing of the secret in it; None where there is none.

        Args:
            by_name: whether a name before a value may reveal a secret; else only its own form does.

        >>> Masker().find_secret("trainer.api_key=aB3dE6gH9jK2"), Masker().find_secret("data.prompt_key=prompt")
        ('key=…', None)
        """
        secrets = self._find_secrets(text.encode("utf-8", "surrogatepass"), by_name)
        return min(secrets, key=lambda secret: secret.start).label if secrets else None

    def _find_spans(self, raw: bytes, cut: bool) -> list[tuple[int, int]]:
        """Return the byte ranges to be replaced, in order and without overlap."""
        secrets = self._find_secrets(raw)
        if cut and not raw.endswith(b"\n"):
            secrets += self._find_cut_secrets(raw)
        spans: list[tuple[int, int]] = []
        for start, end in sorted((secret.start, secret.end) for secret in secrets):
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(spans[-1][1], end))
            else:
                spans.append((start, end))
        return spans

    def _find_secrets(self, raw: bytes, by_name: bool = True) -> list[SecretSpan]:
        """Return every secret in the text."""
        if len(raw) < MIN_TEXT_BYTES:
            return []
        secrets = [
            SecretSpan(hit.start(), hit.end(), "the value of a secret") for hit in find_all(self.search_known, raw)
        ]
        secrets += (
            SecretSpan(hit.start(), hit.end(), "a secret of your team's")
            for hit in find_all(self.search_team_patterns, raw)
        )
        marks: list[int] = []
        position, counter = 0, CandidateCounter(raw)
        while hit := self.search_candidates(raw, position):
            start = hit.start()
            # Judging every candidate of a crafted line would take too long.
            if counter.is_too_dense(start):
                secrets.append(SecretSpan(start, counter.line_end, "a line of names"))
                position = counter.line_end
                continue
            if (mark := find_block_start(raw, start)) is not None:
                marks.append(mark)
            new_secrets = list(find_shaped_secrets(raw, start))
            # A value with a secret's own form needs no revealing name.
            if not new_secrets and by_name and raw[start] in NAME_STARTS:
                new_secrets = list(find_named_secrets(raw, start))
            secrets += new_secrets
            position = max(
                start + 1, new_secrets[0].end if new_secrets else 0
            )  # candidates may overlap, but none begins within a secret
        secrets += (SecretSpan(start, end, "-----BEGIN…") for start, end in find_block_spans(raw, marks))
        return secrets

    def _find_cut_secrets(self, raw: bytes) -> Iterator[SecretSpan]:
        """Yield the beginning of a secret at the end of the text."""
        yield from find_cut_token(raw)
        for value in self.known_values:
            for length in range(min(len(value), len(raw)) - 1, MIN_CUT_CHARACTERS - 1, -1):
                if raw.endswith(value[:length]):
                    yield SecretSpan(len(raw) - length, len(raw), "the value of a secret")
                    break


SHAPE_MASKER = Masker()
"""Recognises secrets by their form and their name alone."""
