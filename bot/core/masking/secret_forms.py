"""Rules that decide whether a candidate at an anchor is a secret, by its own form: its shape, and whether it looks
random.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass

from bot.core.masking.secret_shapes import (
    ADDRESS,
    ANSI,
    AWS_SECRET_KEY,
    BLOCK_EDGE,
    BY_START,
    COMMIT_BEFORE,
    CONTEXT_BYTES,
    CUT_MARK,
    ENCODED_OBJECT,
    FALLBACK_ADDRESS,
    LETTERS,
    MASKED,
    PUBLIC_BLOCKS,
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
ANY_SHAPE = re.compile(b"|".join(shape.anchor.pattern for shape in SHAPES))
CONTEXT_PATTERN = re.compile(
    rb"(?i:bearer|(?P<basic>basic))[ \t]{1,4}[\"']?(?P<credentials>[A-Za-z0-9._~+/=\-]{6,}+)"
    rb"|[?&;, ]" + SIGNATURE_NAMES + rb"=(?P<signature>[A-Za-z0-9%+/_=\-]{16,}+)"
    rb"|(?P<hexadecimal>[0-9a-f]{40})(?![0-9A-Za-z_])"
)
CONTEXT_STARTS = frozenset(b"bB?&;, 0123456789abcdef")
CONTEXT_LABELS = {"credentials": "Bearer …", "signature": "sig=…", "hexadecimal": "a W&B key"}
TOKEN_CHARS = frozenset(LETTERS + b"_-.")
CUT_PATTERN = re.compile(CUT_MARK)
BLOCK_START = re.compile(rb"(?:^|[\s\"'|]|" + ANSI + rb")?([A-Za-z0-9+/]{48})")
ESCAPE = re.compile(rb"(?:" + ANSI + rb"|\\[nrtbf\"'/]|%[0-9A-Fa-f]{2}|\\[ux][0-9a-fA-F]{2,4})\Z")
"""A text that ends with a letter or a digit but is no part of a word: a colour, an escaped character."""

LINE_PREFIX = re.compile(
    rb"(?:" + ANSI + rb"|\([^()\n]{0,200}pid=[0-9]{1,10}[^()\n]{0,100}\)"
    rb"|\[[A-Za-z][A-Za-z0-9_.\-]{0,40}\]:?|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]{5,18}Z?|std(?:out|err) [FP] "
    rb"|[ \t\"'|>])*+"
)
"""The text before a program's own output on a line: colours, the prefixes of SkyPilot and Ray, torch's `[rank3]:`, the
time that a container runtime writes, quotes."""

COLOUR_START, COLOUR = re.compile(rb"(?:\x1b|\\(?:x1b|u001b|033|e))\[\Z"), re.compile(rb"[0-9;]{0,16}m")
BACKSLASH = 92
MAX_USER_BYTES = 520
"""Maximum bytes of an address before its host."""

KEY_SEARCH_BYTES = 200
"""Bytes after the id of an AWS key in which the key itself may follow."""

PLACEHOLDER_STARTS = (b"$", b"<", b"{", b"***", MASKED.encode())
"""Beginnings of variables, of placeholders, and of masked text."""

JUDGED_BYTES = 256
"""Bytes of a candidate that decide whether it is a secret: if it is not, no more of it is read in vain."""

MAX_BYTES_BEFORE_ANCHOR = 96
"""Maximum bytes that belong to a secret before its anchor."""

MAX_CUT_TOKEN_BYTES = 256
"""Maximum bytes of the last word of a text that was cut."""

ByteRange = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SecretSpan:
    """The position of a secret in a text.

    Attributes:
        start, end: the bytes to mask.
        label: the name of the kind in a refusal; it contains no part of the secret.
    """

    start: int
    end: int
    label: str


def find_shaped_secrets(raw: bytes, at: int) -> Iterator[SecretSpan]:
    """Yield the secrets whose form begins at an anchor."""
    if raw.startswith(b"://", at):
        yield from find_address_secrets(raw, at)
        return
    if prefix := find_prefix(raw, at):
        yield from find_prefixed_token(raw, at, prefix)
    if raw.startswith(b"eyJ", at):
        yield from find_encoded_object(raw, at)
    if ANY_SHAPE.match(raw, at):
        for shape in SHAPES:
            if shape.anchor.match(raw, at):
                yield from find_secrets_by_form(raw, at, shape)
    if raw[at] in CONTEXT_STARTS and (context_match := CONTEXT_PATTERN.match(raw, at)):
        yield from find_secrets_by_context(raw, at, context_match)


def find_secrets_by_context(raw: bytes, at: int, context_match: re.Match[bytes]) -> Iterator[SecretSpan]:
    """Yield a secret that is recognised by the text before it."""
    for group, name in CONTEXT_LABELS.items():
        if context_match[group] is None:
            continue
        if group == "hexadecimal" and not is_wandb_key(line_before(raw, at)):
            continue
        if group == "credentials" and not (is_login if context_match["basic"] else is_random)(context_match[group]):
            continue
        yield SecretSpan(*context_match.span(group), name)


def is_wandb_key(before: bytes) -> bool:
    """Return whether the text before forty hexadecimal digits makes them a key of Weights & Biases."""
    return WANDB_CONTEXT.search(before) is not None and COMMIT_BEFORE.search(before) is None


def is_login(encoded: bytes) -> bool:
    """Return whether this is `user:password` in base64, as far as it can be decoded.

    A last group of two or three letters holds one or two bytes; of one letter, none.

    >>> is_login(b"YW5hOmh1bnRlcjI="), is_login(b"YW5hOmh1bnRlcjI"), is_login(b"ResNet50V2"), is_login(b"YW5hOng")
    (True, True, False, True)
    """
    unpadded = encoded.rstrip(b"=")
    groups = unpadded[: len(unpadded) - (len(unpadded) % 4 == 1)]
    try:
        return b":" in b64decode(
            groups + b"=" * (-len(groups) % 4), altchars=b"-_" if b"-" in groups or b"_" in groups else None
        )
    except binascii.Error:
        return False


def find_prefix(raw: bytes, at: int) -> Prefix | None:
    """Return the longest prefix of a token that begins here."""
    for prefix in BY_START.get(raw[at : at + 2], ()):
        if raw.startswith(prefix.start, at):
            return prefix
    return None


def find_block_start(raw: bytes, at: int) -> int | None:
    """Return where a private key may be that is printed over several lines; None if the anchor is of another kind."""
    if BLOCK_EDGE.match(raw, at):
        return at
    if block_match := BLOCK_START.match(raw, at):
        return block_match.start(1)
    return at if raw.startswith(b"\\n", at) else None


def find_prefixed_token(raw: bytes, at: int, prefix: Prefix) -> Iterator[SecretSpan]:
    """Yield a token that begins with a vendor's prefix."""
    if not starts_word(raw, at) or raw.startswith(PUBLIC_BLOCKS, at):
        return
    start = at + len(prefix.start)
    rest = raw[start : find_token_end(raw, start, start + JUDGED_BYTES)]
    if is_token_rest(rest, prefix, CUT_PATTERN.match(raw, start + len(rest)) is not None):
        yield SecretSpan(start, find_token_end(raw, start, len(raw)), f"{prefix.text}…")


def find_token_end(raw: bytes, start: int, most: int) -> int:
    return TOKEN_REST.match(raw, start, most).end()  # type: ignore[union-attr]  # it matches the empty string


def is_token_rest(rest: bytes, prefix: Prefix, is_shortened: bool) -> bool:
    """Return whether this makes a token after its prefix."""
    if IDENTIFIER.fullmatch(rest):
        return False
    if is_shortened:
        return True
    return len(rest) >= prefix.min_length and (not prefix.strict or any(map(is_random, RANDOM_RUN.findall(rest))))


def is_random(text: bytes) -> bool:
    """Return whether a text is not a word of a language.

    >>> is_random(b"authentication"), is_random(b"aB3dE6gH9jK2"), is_random(b"ConnectionRefusedError")
    (False, True, False)
    """
    digits, lower, upper = count_characters(text)
    return (digits > 0 and lower + upper > 0) or (upper > 4 and lower > 4 and upper * 4 > lower) or len(text) > 48


def is_mixed(text: bytes) -> bool:
    """Return whether a text contains lower and upper case and a digit, as nearly every random text of some length
    does.
    """
    return all(count_characters(text))


def count_characters(text: bytes) -> tuple[int, int, int]:
    """Return the numbers of digits, lower-case and upper-case letters."""
    return tuple(len(text) - len(text.translate(None, kind)) for kind in (DIGITS, LOWER, UPPER))  # type: ignore[return-value]


def find_encoded_object(raw: bytes, at: int) -> Iterator[SecretSpan]:
    """Yield a token that is a JSON object in base64."""
    object_match = ENCODED_OBJECT.match(raw, at) if starts_word(raw, at) else None
    if object_match is None:
        return
    if b"." in object_match[1] or len(object_match[1]) > 60 or TOKEN_HEADS.match(object_match[1]):
        yield SecretSpan(*object_match.span(1), "eyJ…")


def find_secrets_by_form(raw: bytes, at: int, shape: Shape) -> Iterator[SecretSpan]:
    """Yield a secret with the whole form of a shape, and the AWS key after its id."""
    start = find_beginning(raw, at, shape.before)
    form_match = shape.form.match(raw, start)
    if (
        form_match is None
        or (shape.lone and not starts_word(raw, start))
        or (shape.mixed and not is_mixed(form_match[1]))
    ):
        return
    end = form_match.end(1)
    if form_match[1].startswith(PLACEHOLDER_STARTS):
        return
    if shape.label == "an account key" and raw.endswith(b"sha512-", 0, start):  # a checksum of npm
        return
    if shape.label == "a private key":
        end = find_token_end(raw, end, len(raw))
    yield SecretSpan(form_match.start(1), end, shape.label)
    if shape.label == "AKIA…":
        yield from find_aws_key(raw, end)


def find_beginning(raw: bytes, at: int, chars: frozenset[int]) -> int:
    """Return where a run of such characters begins, without a colour or an escaped character before it."""
    start = at
    while start > max(at - MAX_BYTES_BEFORE_ANCHOR, 0) and raw[start - 1] in chars:
        start -= 1
    # The first of these characters belongs to an escape, such as the `n` of a newline.
    if start and raw[start - 1] == BACKSLASH and start < at:
        return start + 1
    colour = COLOUR.match(raw, start) if COLOUR_START.search(raw, max(start - 8, 0), start) else None
    return colour.end() if colour else start


def find_aws_key(raw: bytes, end: int) -> Iterator[SecretSpan]:
    """Yield an AWS key on the same line as its id."""
    newline = raw.find(b"\n", end, end + KEY_SEARCH_BYTES)
    key_match = AWS_SECRET_KEY.search(raw, end, newline if newline >= 0 else end + KEY_SEARCH_BYTES)
    if key_match and all(count_characters(key_match[1])[1:]):  # one in 1,000 has no digit
        yield SecretSpan(*key_match.span(1), "an AWS key")


def find_address_secrets(raw: bytes, at: int) -> Iterator[SecretSpan]:
    """Yield the password of an address, or a token that is its user."""
    if raw.find(b"@", at, at + MAX_USER_BYTES) < 0:
        return
    address_match = ADDRESS.match(raw, at) or FALLBACK_ADDRESS.match(raw, at)
    if address_match is None:
        return
    if LONE_TOKEN.fullmatch(address_match["user"]) and is_random(address_match["user"]):
        yield SecretSpan(*address_match.span("user"), "://…@")
    if address_match["password"] and not address_match["password"].startswith((b"$", b"{", b"<", b"***")):
        yield SecretSpan(*address_match.span("password"), "user:password@")


def starts_word(raw: bytes, at: int) -> bool:
    """Return whether no letter or digit comes right before, unless it belongs to a colour or an escaped character."""
    if at == 0 or not raw[at - 1 : at].isalnum():
        return True
    return ESCAPE.search(raw, max(at - 20, 0), at) is not None


def line_before(raw: bytes, at: int) -> bytes:
    """Return the text before this place on the same line, up to `CONTEXT_BYTES`."""
    before = raw[max(at - CONTEXT_BYTES, 0) : at]
    return before[before.rfind(b"\n") + 1 :]


def find_cut_token(raw: bytes) -> Iterator[SecretSpan]:
    """Yield the beginning of a token at the end of a text that was cut off."""
    begin = len(raw)
    while begin > max(len(raw) - MAX_CUT_TOKEN_BYTES, 0) and raw[begin - 1] in TOKEN_CHARS:
        begin -= 1
    for at in range(begin, len(raw)):
        prefix = find_prefix(raw, at)
        if prefix and starts_word(raw, at) and not IDENTIFIER.fullmatch(raw, at + len(prefix.start)):
            yield SecretSpan(at + len(prefix.start), len(raw), f"{prefix.text}…")
            return
