"""The masking filter of this installation: searched by RE2, with the secrets that it knows and its team's patterns."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

import re2

from bot.core.known_secrets import needles, secret_values
from bot.core.masking import ANCHORS, Masker, Search

LONGEST_PATH = 4_096
"""Bytes that Linux takes for a path."""

MOST_MEMORY = 64 << 20
"""Bytes for the automaton of one expression. With RE2's 8 MB it is thrown away and built again and again, ten times as
slow; a look at 3.5 MB of logs needs some 12 MB."""


def compiled(pattern: bytes) -> Search:
    options = re2.Options()
    options.max_mem = MOST_MEMORY
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1  # bytes are matched as bytes
    search: Search = re2.compile(pattern, options).search
    return search


SEARCH = compiled(ANCHORS)
FAST = Masker(SEARCH)


class SecretFilter:
    """Masks what enters the bot. It learns of secrets that recipes name while the bot runs.

    Args:
        environment: variables that may hold secrets.
        values: of secrets that the bot has beside those; patterns: a team's own, by name.
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
        """Return the text without what may not be read; see `Masker.mask`."""
        return self.masker.mask(text, cut)

    def learn(self, names: Iterable[str]) -> None:
        """Take the values of these variables for secrets from now on."""
        if not self._names.issuperset(wanted := frozenset(names)):
            with self._lock:
                self._names |= wanted
                self.masker = self._knowing(self._names)

    def _knowing(self, names: Iterable[str]) -> Masker:
        found = secret_values(self._environment, names)
        values = {*self._values, *(value for value in found if not is_place(value))}
        expression = needles(values)
        if not expression:
            return self._shapes
        raw = tuple(sorted(value.encode(errors="surrogatepass") for value in values))
        return replace(self._shapes, search_known=compiled(expression), values=raw)


def is_place(value: str) -> bool:
    """Return whether a value is where a file or a folder of this machine is: it may hold a secret, and is none."""
    return value.startswith("/") and len(value) < LONGEST_PATH and "\0" not in value and Path(value).exists()


UNKNOWING = SecretFilter({})
"""Knows secrets by their form and their name alone."""
