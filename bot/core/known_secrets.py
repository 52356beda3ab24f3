"""The values of secrets that the bot knows, in every form in which a program may print them."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping

from bot.core.secret_forms import prefix_at
from bot.core.secret_names import Suspicion, judge_name
from bot.core.secret_values import NOTHING_SECRET, NUMERIC

LEAST = 4
"""Minimum characters of a value that is masked: shorter texts are in every line."""

LEAST_INSIDE = 8
"""Minimum characters of a value that is masked inside words too; a shorter one is masked only where it is a whole
word.
"""

LEAST_ENCODED = 10
"""Minimum characters of an encoded value that is masked."""

LEAST_LINE = 12
"""Minimum characters of a line of a value of several lines, which programs print line by line."""

PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""Bytes that no URL escapes."""

OF_THE_SHELL = ("PWD", "OLDPWD")
"""Variables with the current or the previous folder of a shell: everywhere else `pwd` is a password."""

USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://(.*)@")
PATH = re.compile(r"(?:~|/|\./)[\w.\-/]*/[\w.\-]+\.\w{1,8}")


def secret_values(environment: Mapping[str, str], named: Iterable[str] = ()) -> set[str]:
    """Return the secret values of an environment.

    Args:
        secret_variables: variables that contain secrets regardless of their names.

    >>> sorted(secret_values({"HF_TOKEN": "hf_abcdef", "TOKENIZERS_PARALLELISM": "false", "DB": "redis://:pw12@h/0"}))
    ['hf_abcdef', 'pw12']
    """
    wanted = set(named)
    found: set[str] = set()
    for name, value in environment.items():
        found |= passwords(value)
        if name in wanted or (may_hold_secret(name) and is_worth_hiding(value)):
            found |= {value} if "://" not in value or not passwords(value) else set()
    return {value for value in found if len(value) >= LEAST}


def may_hold_secret(name: str) -> bool:
    """Return whether a variable of this name may contain a secret."""
    return name not in OF_THE_SHELL and judge_name(name) is not Suspicion.NONE


def is_worth_hiding(value: str) -> bool:
    """Return whether a value may be a secret, where its variable is named like one: no switch, no number, no path."""
    if value.lstrip().startswith('{"'):  # a JSON document, not a placeholder in braces
        return True
    raw = value.encode(errors="surrogatepass")
    return not (NOTHING_SECRET.fullmatch(raw) or PATH.fullmatch(value) or (NUMERIC.fullmatch(raw) and len(raw) < 6))


def passwords(url: str) -> set[str]:
    """Return the password in a URL, both as written and decoded, with any characters in it.

    >>> passwords("redis://:ab/c[d@redis.example.org:6379/0")
    {'ab/c[d'}
    >>> sorted(passwords("redis://:hunt%21er@redis.example.org")), passwords("https://sky.example.org")
    (['hunt!er', 'hunt%21er'], set())
    """
    who = USERINFO.match(url)
    found = who[1].partition(":")[2] if who else ""
    return {found, unquoted(found)} - {""}


def unquoted(text: str) -> str:
    """Return the text with its percent-encoded bytes decoded.

    >>> unquoted("hunt%21er%2"), unquoted("plain")
    ('hunt!er%2', 'plain')
    """
    encoded = re.sub(rb"%([0-9A-Fa-f]{2})", lambda pair: bytes([int(pair[1], 16)]), text.encode(errors="surrogatepass"))
    return encoded.decode(errors="replace")


def needles(values: Iterable[str]) -> bytes:
    """Return one pattern, for either engine, that matches every value in each of its forms; empty for no values."""
    found = {form: None for value in sorted(values) for form in forms(value)}
    ordered = sorted(found, key=lambda form: (-len(form), form))
    return b"|".join(re.escape(form) if len(form) >= LEAST_INSIDE else as_word(form) for form in ordered)


def as_word(form: bytes) -> bytes:
    """Return a pattern for a short value that is not part of a longer word."""
    before = rb"\b" if form[:1].isalnum() else b""
    return before + re.escape(form) + (rb"\b" if form[-1:].isalnum() else b"")


def forms(value: str) -> Iterator[bytes]:
    """Yield a value as it may be printed: as it is, escaped, percent-encoded, in base64, in hexadecimal digits."""
    for part in parts(value):
        raw = bare(part.encode(errors="surrogatepass"))
        if len(raw) < LEAST:
            continue
        yield raw
        text = raw.decode(errors="replace")
        for written in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]):
            yield written.encode(errors="surrogatepass")
        yield text.replace("'", "'\"'\"'").encode(errors="surrogatepass")
        yield from percent_encoded(raw)
        if len(raw) >= LEAST_INSIDE:
            yield from in_base64(raw)
            yield raw.hex().encode()


def parts(value: str) -> Iterator[str]:
    """Yield the value, its lines where it has several, and the secrets of a JSON document."""
    stripped = value.strip()
    yield stripped
    if "\n" in stripped:
        yield from (line for line in map(str.strip, stripped.split("\n")) if is_telling(line))
    if stripped.startswith("{"):
        try:
            yield from leaves(json.loads(stripped))
        except (ValueError, RecursionError):
            return


def is_telling(line: str) -> bool:
    """Return whether a line of a value is long and special enough to be masked by itself."""
    return len(line) >= LEAST_LINE and not line.startswith("-----") and ":" not in line


def leaves(found: object) -> Iterator[str]:
    """Yield the secrets within a JSON document, judged by the names of its fields."""
    if isinstance(found, dict):
        for name, value in found.items():
            if isinstance(value, str) and judge_name(str(name)) is not Suspicion.NONE and len(value) >= LEAST_LINE:
                yield from parts(value)
            else:
                yield from leaves(value)
    elif isinstance(found, list):
        for value in found:
            yield from leaves(value)


def bare(raw: bytes) -> bytes:
    """Return a token without its vendor's prefix, which names its kind and is not secret."""
    kind = prefix_at(raw, 0)
    rest = raw[len(kind.start) :] if kind else raw
    return rest if len(rest) >= LEAST_LINE else raw


def percent_encoded(raw: bytes) -> Iterator[bytes]:
    """Yield the value percent-encoded, in the variants that programs write."""
    # Encoders differ in whether they keep slashes and how they write spaces.
    for kept, blank in ((PLAIN, b"%20"), (PLAIN | {47}, b"%20"), (PLAIN, b"+")):
        found = b"".join(bytes([char]) if char in kept else blank if char == 32 else b"%%%02X" % char for char in raw)
        yield found
        yield re.sub(rb"%[0-9A-F]{2}", lambda pair: pair[0].lower(), found)


def in_base64(raw: bytes) -> Iterator[bytes]:
    """Yield the characters that the base64 of every text with the value in it has, at each of the three offsets.

    >>> text = b64encode(b"user:hunter2-hunter2")
    >>> any(form in text for form in in_base64(b"hunter2-hunter2"))
    True
    """
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        encoded = b64encode(b"\0" * offset + raw)
        core = encoded[first : (offset + len(raw)) * 8 // 6]
        if len(core) >= LEAST_ENCODED:
            yield core
            yield core.replace(b"+", b"-").replace(b"/", b"_")
