"""Rules that decide whether a candidate at an anchor is a secret, by its own form: its shape, and whether it looks
random.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass

from bot.core.secret_shapes import (
    ADDRESS,
    ANSI,
    BLOCK_EDGE,
    BY_START,
    COMMIT_BEFORE,
    CONTEXT_BYTES,
    CUT,
    ENCODED_OBJECT,
    LETTERS,
    MASKED,
    ODD_ADDRESS,
    PUBLIC_BLOCKS,
    SECRET_KEY,
    SHAPES,
    SIGNATURE_NAMES,
    TOKEN_HEADS,
    TOKEN_REST,
    WANDB_CONTEXT,
    Prefix,
    Shape,
)

DIGITS, LOWER, UPPER = b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
IDENTIFIER = re.compile(rb"[a-z_.\-]*+|[A-Z_.\-]*+|[0-9_.\-]*+")
RANDOM_RUN = re.compile(rb"[A-Za-z0-9]{12,}+")
LONE_TOKEN = re.compile(rb"[A-Za-z0-9_\-.~%]{20,}")
ANY_SHAPE = re.compile(b"|".join(one.anchor.pattern for one in SHAPES))
REST = re.compile(
    rb"(?i:bearer|(?P<basic>basic))[ \t]{1,4}[\"']?(?P<credentials>[A-Za-z0-9._~+/=\-]{6,}+)"
    rb"|[?&;, ]" + SIGNATURE_NAMES + rb"=(?P<signature>[A-Za-z0-9%+/_=\-]{16,}+)"
    rb"|(?P<hexadecimal>[0-9a-f]{40})(?![0-9A-Za-z_])"
)
STARTS = frozenset(b"bB?&;, 0123456789abcdef")
CONTEXTS = {"credentials": "Bearer …", "signature": "sig=…", "hexadecimal": "a W&B key"}
TOKEN_CHARS = frozenset(LETTERS + b"_-.")
SHORTENED = re.compile(CUT)
BLOCK_BEGINS = re.compile(rb"(?:^|[\s\"'|]|" + ANSI + rb")?([A-Za-z0-9+/]{48})")
ESCAPE = re.compile(rb"(?:" + ANSI + rb"|\\[nrtbf\"'/]|%[0-9A-Fa-f]{2}|\\[ux][0-9a-fA-F]{2,4})\Z")
"""A text that ends with a letter or a digit but is no part of a word: a colour, an escaped character."""

LEAD = re.compile(
    rb"(?:" + ANSI + rb"|\([^()\n]{0,200}pid=[0-9]{1,10}[^()\n]{0,100}\)"
    rb"|\[[A-Za-z][A-Za-z0-9_.\-]{0,40}\]:?|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]{5,18}Z?|std(?:out|err) [FP] "
    rb"|[ \t\"'|>])*+"
)
"""The text before a program's own output on a line: colours, the prefixes of SkyPilot and Ray, torch's `[rank3]:`, the
time that a container runtime writes, quotes."""

COLOUR_BEGINS, COLOUR = re.compile(rb"(?:\x1b|\\(?:x1b|u001b|033|e))\[\Z"), re.compile(rb"[0-9;]{0,16}m")
BACKSLASH = 92
LONGEST_USER = 520
"""Maximum bytes of an address before its host."""

KEY_AFTER_ID = 200
"""Bytes after the id of an AWS key in which the key itself may follow."""

NO_VALUES = (b"$", b"<", b"{", b"***", MASKED.encode())
"""Beginnings of variables, of placeholders, and of masked text."""

JUDGED = 256
"""Bytes of a candidate that decide whether it is a secret: if it is not, no more of it is read in vain."""

LONGEST_BEFORE = 96
"""Maximum bytes that belong to a secret before its anchor."""

LONGEST_WORD = 256
"""Maximum bytes of the last word of a text that was cut."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """The position of a secret in a text.

    Attributes:
        start, end: the bytes to mask.
        label: the name of the kind in a refusal; it contains no part of the secret.
    """

    start: int
    end: int
    label: str


def shaped_secrets(raw: bytes, at: int) -> Iterator[Found]:
    """Yield the secrets whose form begins at an anchor."""
    if raw.startswith(b"://", at):
        yield from in_address(raw, at)
        return
    if kind := prefix_at(raw, at):
        yield from with_prefix(raw, at, kind)
    if raw.startswith(b"eyJ", at):
        yield from encoded_object(raw, at)
    if ANY_SHAPE.match(raw, at):
        for shape in SHAPES:
            if shape.anchor.match(raw, at):
                yield from with_form(raw, at, shape)
    if raw[at] in STARTS and (found := REST.match(raw, at)):
        yield from with_context(raw, at, found)


def with_context(raw: bytes, at: int, found: re.Match[bytes]) -> Iterator[Found]:
    """Yield a secret that is recognised by the text before it."""
    for group, name in CONTEXTS.items():
        if found[group] is None:
            continue
        if group == "hexadecimal" and not is_wandb_key(line_before(raw, at)):
            continue
        if group == "credentials" and not (is_login if found["basic"] else is_random)(found[group]):
            continue
        yield Found(*found.span(group), name)


def is_wandb_key(before: bytes) -> bool:
    """Return whether the text before forty hexadecimal digits makes them a key of Weights & Biases."""
    return WANDB_CONTEXT.search(before) is not None and COMMIT_BEFORE.search(before) is None


def is_login(encoded: bytes) -> bool:
    """Return whether this is `user:password` in base64, as far as it can be decoded.

    >>> is_login(b"YW5hOmh1bnRlcjI="), is_login(b"YW5hOmh1bnRlcjI"), is_login(b"ResNet50V2")
    (True, True, False)
    """
    whole = encoded.rstrip(b"=")
    try:
        return b":" in b64decode(
            whole[: len(whole) // 4 * 4], altchars=b"-_" if b"-" in whole or b"_" in whole else None
        )
    except binascii.Error:
        return False


def prefix_at(raw: bytes, at: int) -> Prefix | None:
    """Return the longest prefix of a token that begins here."""
    for kind in BY_START.get(raw[at : at + 2], ()):
        if raw.startswith(kind.start, at):
            return kind
    return None


def block_mark(raw: bytes, at: int) -> int | None:
    """Return where a private key may be that is printed over several lines; None if the anchor is of another kind."""
    if BLOCK_EDGE.match(raw, at):
        return at
    if found := BLOCK_BEGINS.match(raw, at):
        return found.start(1)
    return at if raw.startswith(b"\\n", at) else None


def with_prefix(raw: bytes, at: int, kind: Prefix) -> Iterator[Found]:
    """Yield a token that begins with a vendor's prefix."""
    if not stands_alone(raw, at) or raw.startswith(PUBLIC_BLOCKS, at):
        return
    start = at + len(kind.start)
    rest = raw[start : end_of_token(raw, start, start + JUDGED)]
    if belongs(rest, kind, SHORTENED.match(raw, start + len(rest)) is not None):
        yield Found(start, end_of_token(raw, start, len(raw)), f"{kind.text}…")


def end_of_token(raw: bytes, start: int, most: int) -> int:
    return TOKEN_REST.match(raw, start, most).end()  # type: ignore[union-attr]  # it matches the empty string


def belongs(rest: bytes, kind: Prefix, shortened: bool) -> bool:
    """Return whether this makes a token after its prefix."""
    if IDENTIFIER.fullmatch(rest):
        return False
    if shortened:
        return True
    return len(rest) >= kind.least and (not kind.strict or any(map(is_random, RANDOM_RUN.findall(rest))))


def is_random(text: bytes) -> bool:
    """Return whether a text is not a word of a language.

    >>> is_random(b"authentication"), is_random(b"aB3dE6gH9jK2"), is_random(b"ConnectionRefusedError")
    (False, True, False)
    """
    digits, lower, upper = counts(text)
    return (digits > 0 and lower + upper > 0) or (upper > 4 and lower > 4 and upper * 4 > lower) or len(text) > 48


def is_mixed(text: bytes) -> bool:
    """Return whether a text contains lower and upper case and a digit, as nearly every random text of some length
    does.
    """
    return all(counts(text))


def counts(text: bytes) -> tuple[int, int, int]:
    """Return the numbers of digits, lower-case and upper-case letters."""
    return tuple(len(text) - len(text.translate(None, kind)) for kind in (DIGITS, LOWER, UPPER))  # type: ignore[return-value]


def encoded_object(raw: bytes, at: int) -> Iterator[Found]:
    """Yield a token that is a JSON object in base64."""
    found = ENCODED_OBJECT.match(raw, at) if stands_alone(raw, at) else None
    if found is None:
        return
    if b"." in found[1] or len(found[1]) > 60 or TOKEN_HEADS.match(found[1]):
        yield Found(*found.span(1), "eyJ…")


def with_form(raw: bytes, at: int, kind: Shape) -> Iterator[Found]:
    """Yield a secret with the whole form of a shape, and the AWS key after its id."""
    start = begin_of(raw, at, kind.before)
    found = kind.form.match(raw, start)
    if found is None or (kind.lone and not stands_alone(raw, start)) or (kind.mixed and not is_mixed(found[1])):
        return
    end = found.end(1)
    if found[1].startswith(NO_VALUES):
        return
    if kind.label == "an account key" and raw.endswith(b"sha512-", 0, start):  # a checksum of npm
        return
    if kind.label == "a private key":
        end = end_of_token(raw, end, len(raw))
    yield Found(found.start(1), end, kind.label)
    if kind.label == "AKIA…":
        yield from key_after(raw, end)


def begin_of(raw: bytes, at: int, chars: frozenset[int]) -> int:
    """Return where a run of such characters begins, without a colour or an escaped character before it."""
    start = at
    while start > max(at - LONGEST_BEFORE, 0) and raw[start - 1] in chars:
        start -= 1
    # The first of these characters belongs to an escape, such as the `n` of a newline.
    if start and raw[start - 1] == BACKSLASH and start < at:
        return start + 1
    colour = COLOUR.match(raw, start) if COLOUR_BEGINS.search(raw, max(start - 8, 0), start) else None
    return colour.end() if colour else start


def key_after(raw: bytes, end: int) -> Iterator[Found]:
    """Yield an AWS key on the same line as its id."""
    newline = raw.find(b"\n", end, end + KEY_AFTER_ID)
    found = SECRET_KEY.search(raw, end, newline if newline >= 0 else end + KEY_AFTER_ID)
    if found and all(counts(found[1])[1:]):  # one in 1,000 has no digit
        yield Found(*found.span(1), "an AWS key")


def in_address(raw: bytes, at: int) -> Iterator[Found]:
    """Yield the password of an address, or a token that is its user."""
    if raw.find(b"@", at, at + LONGEST_USER) < 0:
        return
    found = ADDRESS.match(raw, at) or ODD_ADDRESS.match(raw, at)
    if found is None:
        return
    if LONE_TOKEN.fullmatch(found["user"]) and is_random(found["user"]):
        yield Found(*found.span("user"), "://…@")
    if found["password"] and not found["password"].startswith((b"$", b"{", b"<", b"***")):
        yield Found(*found.span("password"), "user:password@")


def stands_alone(raw: bytes, at: int) -> bool:
    """Return whether no letter or digit comes right before, unless it belongs to a colour or an escaped character."""
    if at == 0 or not raw[at - 1 : at].isalnum():
        return True
    return ESCAPE.search(raw, max(at - 20, 0), at) is not None


def line_before(raw: bytes, at: int) -> bytes:
    """Return the text before this place on the same line, up to `CONTEXT_BYTES`."""
    before = raw[max(at - CONTEXT_BYTES, 0) : at]
    return before[before.rfind(b"\n") + 1 :]


def cut_token(raw: bytes) -> Iterator[Found]:
    """Yield the beginning of a token at the end of a text that was cut off."""
    begin = len(raw)
    while begin > max(len(raw) - LONGEST_WORD, 0) and raw[begin - 1] in TOKEN_CHARS:
        begin -= 1
    for at in range(begin, len(raw)):
        kind = prefix_at(raw, at)
        if kind and stands_alone(raw, at) and not IDENTIFIER.fullmatch(raw, at + len(kind.start)):
            yield Found(at + len(kind.start), len(raw), f"{kind.text}…")
            return
