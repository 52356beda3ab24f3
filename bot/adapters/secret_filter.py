"""The masking filter of this installation: RE2 searches for known secrets, general patterns and the team's own
patterns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

import re2

from bot.core.known_secrets import needles, secret_values
from bot.core.masking import ANCHORS, Masker, Search

LONGEST_PATH = 4_096
"""Maximum bytes of a path in Linux."""

MOST_MEMORY = 64 << 20
"""Maximum bytes for the automaton of one expression. With RE2's default of 8 MB, RE2 discards and rebuilds it again
and again, ten times as slow; a read of 3.5 MB of logs needs about 12 MB.
"""


def compiled(pattern: bytes) -> Search:
    """Return the search function of an expression, compiled by RE2."""
    options = re2.Options()
    options.max_mem = MOST_MEMORY
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1  # RE2 then matches bytes as bytes
    search: Search = re2.compile(pattern, options).search
    return search


SEARCH = compiled(ANCHORS)
FAST = Masker(SEARCH)


class SecretFilter:
    """Masks text that enters the bot. It learns of secrets that recipes name while the bot runs.

    Args:
        environment: variables that may contain secrets.
        values: secrets that the bot has besides.
        patterns: a team's own patterns, by name.
    """

    def __init__(
        self, environment: Mapping[str, str], values: Iterable[str] = (), patterns: Mapping[str, str] | None = None
    ) -> None:
        self._environment = environment
        self._values = {value for value in values if value}
        self._names: frozenset[str] = frozenset()
        self._lock = Lock()
        own = b"|".join(b"(?:%s)" % text.encode() for text in (patterns or {}).values())
        self._shapes = replace(FAST, search_own=compiled(own)) if own else FAST
        self.masker = self._knowing(self._names)

    def mask(self, text: str, cut: bool = False) -> str:
        """Return the text with all secrets masked; see `Masker.mask`."""
        return self.masker.mask(text, cut)

    def learn(self, names: Iterable[str]) -> None:
        """Treat the values of these variables as secrets from now on."""
        if not self._names.issuperset(wanted := frozenset(names)):
            with self._lock:
                self._names |= wanted
                self.masker = self._knowing(self._names)

    def _knowing(self, names: Iterable[str]) -> Masker:
        """Return a masker that also masks the values of these variables."""
        found = secret_values(self._environment, names)
        values = {*self._values, *(value for value in found if not is_place(value))}
        expression = needles(values)
        if not expression:
            return self._shapes
        raw = tuple(sorted(value.encode(errors="surrogatepass") for value in values))
        return replace(self._shapes, search_known=compiled(expression), values=raw)


def is_place(value: str) -> bool:
    """Return whether a value is the path of a file or folder on this machine, which may contain a
    secret but is none."""
    return value.startswith("/") and len(value) < LONGEST_PATH and "\0" not in value and Path(value).exists()


UNKNOWING = SecretFilter({})
"""A filter that recognises secrets by their form and their name alone."""
