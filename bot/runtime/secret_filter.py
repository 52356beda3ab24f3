"""The masking filter of this installation: RE2 searches for known secrets, general patterns and the team's own
patterns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

import re2

from bot.core.masking.known_secrets import build_search_pattern, find_secret_values
from bot.core.masking.masker import SECRET_ANCHORS, Masker, SearchFunction

MAX_PATH_BYTES = 4_096
"""Maximum bytes of a path in Linux."""

MAX_AUTOMATON_BYTES = 64 << 20
"""Maximum bytes for the automaton of one expression. With RE2's default of 8 MB, RE2 discards and rebuilds it again
and again, ten times as slow; a read of 3.5 MB of logs needs about 12 MB.
"""


def compile_search(pattern: bytes) -> SearchFunction:
    """Return the search function of an expression, compiled by RE2."""
    options = re2.Options()
    options.max_mem = MAX_AUTOMATON_BYTES
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1  # RE2 then matches bytes as bytes
    search: SearchFunction = re2.compile(pattern, options).search
    return search


ANCHOR_SEARCH = compile_search(SECRET_ANCHORS)
GENERAL_MASKER = Masker(ANCHOR_SEARCH)


class SecretFilter:
    """Masks text that enters the bot. It learns of secrets that recipes name while the bot runs.

    Args:
        environment: variables that may contain secrets.
        values: secrets that the bot has besides.
        patterns: a team's own patterns, by name.

    Attributes:
        masked_texts: in how many texts a secret was masked, about: it is counted without a lock.
    """

    def __init__(
        self, environment: Mapping[str, str], values: Iterable[str] = (), patterns: Mapping[str, str] | None = None
    ) -> None:
        self._environment = environment
        self._values = {value for value in values if value}
        self._names: frozenset[str] = frozenset()
        self._lock = Lock()
        self.masked_texts = 0
        team_expression = b"|".join(b"(?:%s)" % text.encode() for text in (patterns or {}).values())
        self._pattern_masker = (
            replace(GENERAL_MASKER, search_team_patterns=compile_search(team_expression))
            if team_expression
            else GENERAL_MASKER
        )
        self.masker = self._build_masker(self._names)

    def mask(self, text: str, cut: bool = False) -> str:
        """Return the text with all secrets masked; see `Masker.mask`."""
        masked = self.masker.mask(text, cut)
        if masked != text:
            self.masked_texts += 1
        return masked

    def learn(self, names: Iterable[str]) -> None:
        """Treat the values of these variables as secrets from now on."""
        if not self._names.issuperset(new_names := frozenset(names)):
            with self._lock:
                self._names |= new_names
                self.masker = self._build_masker(self._names)

    def _build_masker(self, names: Iterable[str]) -> Masker:
        """Return a masker that also masks the values of these variables."""
        environment_values = find_secret_values(self._environment, names)
        values = {*self._values, *(value for value in environment_values if not is_existing_path(value))}
        expression = build_search_pattern(values)
        if not expression:
            return self._pattern_masker
        raw = tuple(sorted(value.encode(errors="surrogatepass") for value in values))
        return replace(self._pattern_masker, search_known=compile_search(expression), known_values=raw)


def is_existing_path(value: str) -> bool:
    """Return whether a value is the path of a file or folder on this machine, which may contain a
    secret but is none."""
    return value.startswith("/") and len(value) < MAX_PATH_BYTES and "\0" not in value and Path(value).exists()


GENERAL_FILTER = SecretFilter({})
"""A filter that recognises secrets by their form and their name alone."""
