"""The values of secrets that the bot knows, in every form in which a program may print them."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping

from bot.core.masking.secret_forms import find_prefix
from bot.core.masking.secret_values import HARMLESS_VALUE, NUMERIC, Suspicion, judge_name

MIN_SECRET_CHARACTERS = 4
"""Minimum characters of a value that is masked: shorter texts are in every line."""

MIN_CHARACTERS_WITHIN_WORDS = 8
"""Minimum characters of a value that is masked inside words too; a shorter one is masked only where it is a whole
word.
"""

MIN_ENCODED_CHARACTERS = 10
"""Minimum characters of an encoded value that is masked."""

MIN_LINE_CHARACTERS = 12
"""Minimum characters of a line of a value of several lines, which programs print line by line."""

UNESCAPED_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
"""Bytes that no URL escapes."""

SHELL_FOLDER_VARIABLES = ("PWD", "OLDPWD")
"""Variables with the current or the previous folder of a shell: everywhere else `pwd` is a password."""

URL_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://(.*)@")
FILE_PATH = re.compile(r"(?:~|/|\./)[\w.\-/]*/[\w.\-]+\.\w{1,8}")


def find_secret_values(environment: Mapping[str, str], secret_variables: Iterable[str] = ()) -> set[str]:
    """Return the secret values of an environment.

    Args:
        secret_variables: variables that contain secrets regardless of their names.

    >>> sorted(find_secret_values({"HF_TOKEN": "hf_abcdef", "TOKENIZERS_PARALLELISM": "false", "DB": "redis://:pw12@h/0"}))
    ['hf_abcdef', 'pw12']
    """
    always_secret = set(secret_variables)
    secrets: set[str] = set()
    for name, value in environment.items():
        secrets |= extract_passwords(value)
        if name in always_secret or (may_hold_secret(name) and is_worth_hiding(value)):
            secrets |= {value} if "://" not in value or not extract_passwords(value) else set()
    return {value for value in secrets if len(value) >= MIN_SECRET_CHARACTERS}


def may_hold_secret(name: str) -> bool:
    """Return whether a variable of this name may contain a secret."""
    return name not in SHELL_FOLDER_VARIABLES and judge_name(name) is not Suspicion.NONE


def is_worth_hiding(value: str) -> bool:
    """Return whether a value may be a secret, where its variable is named like one: no switch, no number, no path."""
    if value.lstrip().startswith('{"'):  # a JSON document, not a placeholder in braces
        return True
    raw = value.encode(errors="surrogatepass")
    return not (
        HARMLESS_VALUE.fullmatch(raw) or FILE_PATH.fullmatch(value) or (NUMERIC.fullmatch(raw) and len(raw) < 6)
    )


QUERY_PASSWORD = re.compile(r"[?&](?:sentinel_|ssl_)?password=([^&#\s]{1,1024})")


def extract_passwords(url: str) -> set[str]:
    """Return the password in a URL, both as written and decoded, with any characters in it.

    >>> extract_passwords("redis://:ab/c[d@redis.example.org:6379/0")
    {'ab/c[d'}
    >>> sorted(extract_passwords("redis://:hunt%21er@redis.example.org")), extract_passwords("https://sky.example.org")
    (['hunt!er', 'hunt%21er'], set())
    >>> extract_passwords("redis+sentinel://sentinel-0,sentinel-1/verl?sentinel_password=hunter2")
    {'hunter2'}
    >>> extract_passwords("rediss://db/0?ssl_keyfile=/etc/key.pem&ssl_password=hunter3")
    {'hunter3'}
    """
    match = URL_USERINFO.match(url)
    passwords = [match[1].partition(":")[2] if match else "", *QUERY_PASSWORD.findall(url)]
    return {form for password in passwords for form in (password, decode_percent(password))} - {""}


def extract_header_values(headers: str) -> set[str]:
    """Return the secrets in headers of the form `key=value,key=value`, both as written and decoded, and the word behind
    the scheme of an authorization. A short value counts only where its key is named like a secret.

    >>> sorted(extract_header_values("authorization=Bearer%20hunter2,x-team=maths,api-key=ab12"))
    ['Bearer hunter2', 'Bearer%20hunter2', 'ab12', 'hunter2']
    """
    secrets: set[str] = set()
    for key, _, value in (pair.partition("=") for pair in headers.split(",")):
        written, decoded = value.strip(), decode_percent(value.strip())
        is_long = len(decoded) >= MIN_CHARACTERS_WITHIN_WORDS
        if (is_long or may_hold_secret(key.strip())) and is_worth_hiding(decoded):
            secrets |= {written, decoded, decoded.rpartition(" ")[2]}
    return secrets - {""}


def decode_percent(text: str) -> str:
    """Return the text with its percent-encoded bytes decoded.

    >>> decode_percent("hunt%21er%2"), decode_percent("plain")
    ('hunt!er%2', 'plain')
    """
    decoded = re.sub(rb"%([0-9A-Fa-f]{2})", lambda pair: bytes([int(pair[1], 16)]), text.encode(errors="surrogatepass"))
    return decoded.decode(errors="replace")


def build_search_pattern(values: Iterable[str]) -> bytes:
    """Return one pattern, for either engine, that matches every value in each of its forms; empty for no values."""
    unique_forms = {form: None for value in sorted(values) for form in generate_forms(value)}
    forms_by_length = sorted(unique_forms, key=lambda form: (-len(form), form))
    return b"|".join(
        re.escape(form) if len(form) >= MIN_CHARACTERS_WITHIN_WORDS else build_word_pattern(form)
        for form in forms_by_length
    )


def build_word_pattern(form: bytes) -> bytes:
    """Return a pattern for a short value that is not part of a longer word."""
    before = rb"\b" if form[:1].isalnum() else b""
    return before + re.escape(form) + (rb"\b" if form[-1:].isalnum() else b"")


def generate_forms(value: str) -> Iterator[bytes]:
    """Yield a value as it may be printed: as it is, escaped, percent-encoded, in base64, in hexadecimal digits."""
    for part in split_value(value):
        raw = strip_vendor_prefix(part.encode(errors="surrogatepass"))
        if len(raw) < MIN_SECRET_CHARACTERS:
            continue
        yield raw
        text = raw.decode(errors="replace")
        for literal in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]):
            yield literal.encode(errors="surrogatepass")
        yield text.replace("'", "'\"'\"'").encode(errors="surrogatepass")
        yield from percent_encode(raw)
        if len(raw) >= MIN_CHARACTERS_WITHIN_WORDS:
            yield from encode_base64_cores(raw)
            yield raw.hex().encode()


def split_value(value: str) -> Iterator[str]:
    """Yield the value, its lines where it has several, and the secrets of a JSON document."""
    stripped = value.strip()
    yield stripped
    if "\n" in stripped:
        yield from (line for line in map(str.strip, stripped.split("\n")) if is_distinctive_line(line))
    if stripped.startswith("{"):
        try:
            yield from find_json_secrets(json.loads(stripped))
        except (ValueError, RecursionError):
            return


def is_distinctive_line(line: str) -> bool:
    """Return whether a line of a value is long and special enough to be masked by itself."""
    return len(line) >= MIN_LINE_CHARACTERS and not line.startswith("-----") and ":" not in line


def find_json_secrets(node: object) -> Iterator[str]:
    """Yield the secrets within a JSON document, judged by the names of its fields."""
    if isinstance(node, dict):
        for name, value in node.items():
            if (
                isinstance(value, str)
                and judge_name(str(name)) is not Suspicion.NONE
                and len(value) >= MIN_LINE_CHARACTERS
            ):
                yield from split_value(value)
            else:
                yield from find_json_secrets(value)
    elif isinstance(node, list):
        for value in node:
            yield from find_json_secrets(value)


def strip_vendor_prefix(raw: bytes) -> bytes:
    """Return a token without its vendor's prefix, which names its kind and is not secret."""
    prefix = find_prefix(raw, 0)
    rest = raw[len(prefix.start) :] if prefix else raw
    return rest if len(rest) >= MIN_LINE_CHARACTERS else raw


def percent_encode(raw: bytes) -> Iterator[bytes]:
    """Yield the value percent-encoded, in the variants that programs write."""
    # Encoders differ in whether they keep slashes and how they write spaces.
    for unescaped, blank in ((UNESCAPED_BYTES, b"%20"), (UNESCAPED_BYTES | {47}, b"%20"), (UNESCAPED_BYTES, b"+")):
        encoded = b"".join(
            bytes([char]) if char in unescaped else blank if char == 32 else b"%%%02X" % char for char in raw
        )
        yield encoded
        yield re.sub(rb"%[0-9A-F]{2}", lambda pair: pair[0].lower(), encoded)


def encode_base64_cores(raw: bytes) -> Iterator[bytes]:
    """Yield the characters that the base64 of every text with the value in it has, at each of the three offsets.

    >>> text = b64encode(b"user:hunter2-hunter2")
    >>> any(form in text for form in encode_base64_cores(b"hunter2-hunter2"))
    True
    """
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        encoded = b64encode(b"\0" * offset + raw)
        core = encoded[first : (offset + len(raw)) * 8 // 6]
        if len(core) >= MIN_ENCODED_CHARACTERS:
            yield core
            yield core.replace(b"+", b"-").replace(b"/", b"_")
