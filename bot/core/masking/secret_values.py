"""Values assigned to names that secrets have, in the notations of shells, programs, files and addresses."""

import re
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache

from bot.core.masking.secret_forms import (
    JUDGED_BYTES,
    LINE_PREFIX,
    SecretSpan,
    count_characters,
    find_shaped_secrets,
    line_before,
)
from bot.core.masking.secret_shapes import ANSI, CONTEXT_BYTES


def split_words(text: str) -> frozenset[str]:
    """Return the words of a list that is written as text."""
    return frozenset(text.split())


class Suspicion(IntEnum):
    """How strongly a name suggests that its value is a secret.

    NONE: not at all. SLIGHT: it is a secret if it looks like one. STRONG: it is one in any case.
    """

    NONE = 0
    SLIGHT = 1
    STRONG = 2


NAME_PARTS = re.compile(r"[A-Z]++(?![a-z])|[A-Z]?[a-z]++|[A-Z]|[0-9]++")

HARMLESS_ENDINGS = split_words(
    "id ids name names path paths file files dir folder url uri link len length count counts type types size "
    "limit max min index idx mask masks ratio prob probs logprob logprobs level budget usage mean sum std "
    "rate expiry expires ttl field fields env var variable arn ref refs version store manager class policy "
    "hint prompt attempts enabled required provider source format algorithm alg server endpoint bits "
    "threshold penalty loss scheme mode header prefix suffix column columns func function fn error errors "
    "status valid invalid age date at step steps per num number"
)
"""Last parts of names that mention a secret without being one: `token_count`, `secret_name`, `KEY_FILE`."""

KEY_QUALIFIERS = split_words(
    "api access secret private auth account encryption signing master license licence subscription storage "
    "service shared deploy client consumer app application admin ssh gpg ssl tls rsa pem host write ingest "
    "ingestion integration security session wandb hf huggingface openai anthropic cohere mistral groq gemini "
    "google azure aws gcp openrouter together replicate perplexity deepseek dashscope moonshot zhipu qwen "
    "minimax swanlab comet neptune clearml mlflow langsmith langchain serpapi serper tavily pinecone weaviate "
    "elastic datadog sendgrid stripe twilio mailgun github gitlab slack telegram discord runpod lambda vast "
    "modal kaggle modelscope sas rest"
)
"""Words before `key` in a secret's name; other keys are columns, fields and metrics."""

TOKEN_QUALIFIERS = split_words(
    "access auth api refresh session security bearer bot user app id csrf xsrf hf github gitlab gh gl slack "
    "wandb npm pypi docker vault service account deploy push job login jwt oauth private personal hub "
    "huggingface telegram discord sky skypilot registration runner bootstrap join cluster identity registry "
    "azure aws gcp databricks replicate kaggle modelscope jupyter notebook admin agent webhook client server "
    "ci pat web ray k8s kubernetes kube"
)
"""Words before `token` in a secret's name."""

MODEL_TOKEN_WORDS = split_words(
    "eos bos pad unk sep cls mask image video audio vision stop special think thinking begin end start last "
    "first next prev previous new max min num total avg mean per each one single prompt response input output "
    "completion generated gen target source draft accepted bonus text tool reasoning reward valid padded sub "
    "word byte char added extra placeholder newline space question answer system assistant role turn chat "
    "sample sampled log prob loss top ignore dummy empty blank action observation state"
)
"""Words before `token` where it is a token of a language model."""

PASSWORD_WORDS = ("password", "passwd", "passphrase", "passcode")
STRONG_WORDS = split_words("pwd secret secrets")
SLIGHT_WORDS = split_words("auth authorization credential credentials creds cookie jwt authtoken")


@lru_cache(maxsize=4096)
def judge_name(name: str) -> Suspicion:
    """Return how strongly a name suggests that its value is a secret.

    >>> [judge_name(name).name for name in ("DB_PASSWORD", "clientSecret", "trainer.hf_token", "X-Api-Key", "PGPASS")]
    ['STRONG', 'STRONG', 'STRONG', 'STRONG', 'STRONG']
    >>> [judge_name(name).name for name in ("eos_token", "prompt_key", "max_token_len", "secret_name", "tokenizer")]
    ['NONE', 'NONE', 'NONE', 'NONE', 'NONE']
    >>> judge_name("token").name, judge_name("TOKEN").name
    ('SLIGHT', 'STRONG')
    """
    own = name.rpartition(".")[2]
    parts = [part.lower() for part in NAME_PARTS.findall(own)]
    while parts and (parts[-1].isdigit() or parts[-2:] == ["key", "data"]):  # as in a kubeconfig
        parts.pop()
    if not parts or parts[-1] in HARMLESS_ENDINGS:
        return Suspicion.NONE
    last, before, joined = parts[-1], parts[-2] if len(parts) > 1 else "", "".join(parts)
    if any(word in joined for word in PASSWORD_WORDS) or last in STRONG_WORDS or joined.endswith("secret"):
        return Suspicion.STRONG
    if last in ("pass", "pw", "sas") or (joined.endswith("pass") and own.isupper()):
        return Suspicion.STRONG if before or own.isupper() else Suspicion.NONE
    singular = joined.removesuffix("s")
    if singular.endswith("key"):
        return judge_key(singular.removesuffix("key"), before, own.isupper())
    if singular.endswith("token"):
        return judge_token(singular.removesuffix("token"), before, own.isupper(), is_plural=joined != singular)
    return Suspicion.SLIGHT if last in SLIGHT_WORDS else Suspicion.NONE


def judge_key(before: str, word: str, is_upper: bool) -> Suspicion:
    """Return the suspicion of a name that ends with `key`.

    Args:
        before: all text before `key`; word: the last part of it; is_upper: whether the name is in capitals.
    """
    if not before:
        return Suspicion.SLIGHT
    if (
        word in KEY_QUALIFIERS
        or before in KEY_QUALIFIERS
        or before.endswith(("api", "access", "secret", "private", "account"))
    ):
        return Suspicion.STRONG
    return Suspicion.SLIGHT if is_upper else Suspicion.NONE


def judge_token(before: str, word: str, is_upper: bool, is_plural: bool) -> Suspicion:
    """Return the suspicion of a name that ends with `token`; the arguments are those of `judge_key`."""
    if (
        word in TOKEN_QUALIFIERS
        or before in TOKEN_QUALIFIERS
        or before.endswith(("access", "auth", "api", "refresh", "session"))
    ):
        return Suspicion.STRONG
    if is_plural or word in MODEL_TOKEN_WORDS:
        return Suspicion.NONE
    return Suspicion.STRONG if is_upper and not before else Suspicion.SLIGHT


SECRET_WORDS = (
    rb"passw|passphrase|passcode|pwd|[_\-]pass|pgpass|secret|token|key|credential|creds|auth|cookie|jwt|[_\-]sas"
)
"""One of these words is in every name of a secret."""

NAME_TAIL = rb"[A-Za-z0-9_\-]{0,24}"
QUOTE = rb"(?:\\{0,3}[\"'`]|%2[27]|&quot;)"
NAME_CLOSE = QUOTE + rb"?\]?(?:" + ANSI + rb"){0,3}[ \t]{0,8}"
SEPARATOR = rb"(?:===?|=>|:=|!=|=|:|%3[AaDd]|>| is )"
COMMA = rb"[\"'],[ ]{0,2}b?[\"']"
"""The separator in a list of arguments or of headers."""

NAME_ANCHORS = (
    rb"(?i:" + SECRET_WORDS + rb")" + NAME_TAIL + NAME_CLOSE + SEPARATOR,
    rb"(?i:" + SECRET_WORDS + rb")" + NAME_TAIL + COMMA,
    rb"-(?i:passw|pass|secret|token|key|credential)[A-Za-z\-]{0,16}[ \t]{1,4}[^\s\-]",  # a flag
    rb"(?i:password|passwd)[ \t]{1,4}[^\s:=]",  # as in `.netrc`
)

NAME = re.compile(
    rb"-?(?P<tail>[A-Za-z0-9_\-]{1,64}+)"
    rb"(?:(?P<comma>" + COMMA + rb")|" + NAME_CLOSE + rb"(?P<by>" + SEPARATOR + rb")|(?P<blank>[ \t]{1,4}))"
)
NAME_STARTS = frozenset(b"pPsStTkKcCaAjJ_-")
"""First characters of the anchors of names."""

NAME_CHARS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
MAX_NAME_BYTES = 64
FIRST_WORD = re.compile(rb"(?i:api|access|secret|private|auth|account|encryption|signing|bearer|session) \Z")
"""The first word of a name of two words, as people write it: `API key: …`."""

BEFORE_VALUE = re.compile(
    rb"(?:" + ANSI + rb"|[ \t]){0,12}(?:[A-Za-z_][A-Za-z_\[\]. |]{0,40}=[ \t]{0,2}(?=[bBrRfFuU]{0,2}[\"']))?"
    rb"(?:[bBrRfFuU]{1,2}(?=[\"']))?(?P<call>[A-Za-z_.]{1,40}\()?(?P<quote>" + QUOTE + rb")?"
)
QUOTED_VALUES = {
    b'"': re.compile(rb'(?:[^"\\\n]|\\[^\n])*+'),
    b"'": re.compile(rb"(?:[^'\\\n]|\\[^\n])*+"),
    b"`": re.compile(rb"[^`\n]*+"),
}
LIST_VALUE = re.compile(rb"\[[^\]\n]*+\]?")
WORD_VALUE = re.compile(rb"[^\s\"'<>\x1b]*+")
PARAMETER_VALUE = re.compile(rb"[^\s\"'<>\x1b&;,]*+")
PHRASE_VALUE = re.compile(rb"[^\n\r\x1b\"'<>,;|)}\]]*+")
"""A password of several words, as people print it; it ends where another value seems to begin."""

LINE_REST = re.compile(rb"[^\n\r\x1b]*+")
TRAILING_CHARACTERS = b",;)]}.:| \t"
SCHEME = re.compile(rb"(?i:bearer|basic|token|apikey|negotiate|digest|key)[ \t]{1,4}[\"']?")
SCHEME_BEFORE = re.compile(SCHEME.pattern + rb"\Z")

HARMLESS_VALUE = re.compile(
    rb"(?i:none|null|nil|undefined|nan|true|false|yes|no|on|off|unset|missing|required|optional|empty|redacted|hidden"
    rb"|masked|placeholder|invalid|expired|incorrect|wrong|not|str|string|int|bool|bytes|any|float|object|secretstr"
    rb"|changeme|change_me|todo|example|dummy|fake|x{3,}|\*+|\.{3,}|-+|\?+|0|1)"
    rb"|(?:Optional|Union|List|list|dict|Dict)\[.*|<[^<>]*>?|\[[A-Z]+\]|\[(?i:redacted|masked|hidden|filtered)\]|\[\]"
    rb"|.{0,8}\*{3,}.{0,8}|\{+[^{}]*\}*"
    rb"|(?:os\.|self\.|args\.|config\.|cfg\.|settings\.|env\.|process\.env).*|%[sdr]|%\([A-Za-z_]*\)[sdr]?|%[A-Z_]+%"
    rb"|\$(?:[A-Z_][A-Z0-9_]*|[a-z_]+|\{[^{}]*(?:\}.*)?|\(.*|[0-9@*#])"
    rb"|(?i:your|enter|insert)[_\- ][A-Za-z_\- ]*"
    rb"|[^\n]{0,64}\xe2\x80\xa6\(masked\)?[^A-Za-z0-9\n]{0,8}"
)
"""Values that are not secrets: placeholders, types, references, and masked text."""

LOOKUP_CALL = re.compile(rb"(?i)env|get|read|input|prompt|load|open|len|hash|type|field|isinstance|default")
"""Parts of the names of calls that contain no secret but say where it comes from."""

NUMERIC = re.compile(rb"[+\-]?[0-9][0-9_,.:eE%+\-/ ]*[sKkMmGgBbT%]?")
LOGIN = re.compile(rb"\b(?:login|machine|user|username|account)[ \t]")
LONE_ENTRY = re.compile(rb"[A-Za-z]{1,16}[ \t]{1,4}[^\s]{1,200}[ \t]*\r?(?:\n|\Z)")
HEXADECIMAL = re.compile(rb"[0-9a-f]{32,}")
UNLIKELY_CHARACTERS = b" \t()[]{}<>|"
"""Characters that a likely secret does not contain."""

MIN_LIKELY_LENGTH = 8
MIN_KEY_LENGTH = 20
"""Minimum characters of a value that is assigned to a plain `key`."""

LABELS = {b"pass": "password=…", b"pwd": "password=…", b"secret": "secret=…", b"token": "token=…", b"key": "key=…"}
ByteRange = tuple[int, int]


def find_named_secrets(raw: bytes, at: int) -> Iterator[SecretSpan]:
    """Yield the value that is assigned to the name around an anchor, if it is a secret."""
    begin = max(at - CONTEXT_BYTES - MAX_NAME_BYTES, 0)
    piece = raw[
        begin : at + MAX_NAME_BYTES + JUDGED_BYTES
    ]  # or each of many candidates on one line would read it to the end
    for secret in find_secrets_in_piece(piece, at - begin):
        end = begin + secret.end
        yield SecretSpan(
            begin + secret.start,
            end if secret.end < len(piece) else find_value_end(raw, begin + secret.start, end),
            secret.label,
        )


def find_value_end(raw: bytes, start: int, at: int) -> int:
    """Return where a value ends that continues after this place."""
    quote = raw[start - 1 : start]
    if quote in QUOTED_VALUES and raw[start - 2 : start - 1] != b"\\":
        return find_quoted_span(raw, at, quote)[1]
    return WORD_VALUE.match(raw, at).end()  # type: ignore[union-attr]  # it matches the empty string


def find_secrets_in_piece(raw: bytes, at: int) -> Iterator[SecretSpan]:
    """Yield the secrets that are assigned to the name at an anchor."""
    name_match = NAME.match(raw, at)
    if name_match is None:
        return
    start = find_name_start(raw, at)
    name = raw[start : name_match.end("tail")]
    full_name = name.decode() if not FIRST_WORD.search(raw, max(start - 11, 0), start) else f"api_{name.decode()}"
    suspicion = judge_name(full_name)
    is_flag = name.startswith(b"-") and not (start and raw[start - 1] in NAME_CHARS)
    has_no_separator = name_match["blank"] and not is_flag and not is_netrc(raw, start)
    if suspicion is Suspicion.NONE or (has_no_separator and suspicion is Suspicion.SLIGHT):
        return
    if name_match["by"] == b">" and raw[start - 1 : start] != b"<":  # neither XML nor an arrow
        return
    span = find_value_span(raw, name_match, start, suspicion)
    value = raw[slice(*span)]
    is_header = name_match["by"] == b":" and name.lower() in (b"cookie", b"set-cookie")
    is_certain = is_flag or is_header
    if b"auth" in name.lower():
        is_certain = is_certain or SCHEME_BEFORE.search(raw, max(span[0] - 12, 0), span[0]) is not None
    is_doubtful = not is_certain and (
        suspicion is Suspicion.SLIGHT or name_match["by"] == b" is " or name_match["comma"] or has_no_separator
    )
    if is_harmless(value, name) or (is_doubtful and not is_likely_secret(value, full_name)):
        return
    # A form of its own is more precise than the name, if it covers the whole value.
    by_shape = [secret for secret in find_shaped_secrets(raw, span[0]) if secret.end >= span[1]]
    yield from by_shape or [SecretSpan(*span, label_for(name))]


def find_name_start(raw: bytes, at: int) -> int:
    least = max(at - MAX_NAME_BYTES, 0)
    while at > least and raw[at - 1] in NAME_CHARS:
        at -= 1
    return at


def label_for(name: bytes) -> str:
    lowered = name.lower()
    return next((text for word, text in LABELS.items() if word in lowered), "Authorization: …")


def is_netrc(raw: bytes, start: int) -> bool:
    """Return whether a name is followed by its value without a separator, as in `.netrc`: in one line, or alone on
    one.
    """
    before = line_before(raw, start)
    return LOGIN.search(before) is not None or (
        LINE_PREFIX.fullmatch(before) is not None and LONE_ENTRY.match(raw, start) is not None
    )


def find_value_span(raw: bytes, name_match: re.Match[bytes], start: int, suspicion: Suspicion) -> ByteRange:
    """Return the position of the value of a name."""
    if name_match["comma"]:
        return find_quoted_span(raw, name_match.end(), name_match["comma"][-1:])
    before = BEFORE_VALUE.match(raw, name_match.end())
    begin = before.end()  # type: ignore[union-attr]  # it matches the empty string
    call, quote = before["call"], before["quote"]  # type: ignore[index]
    # Such a call says where a secret comes from, and contains none.
    if call and LOOKUP_CALL.search(call):
        return begin, begin
    lowered = raw[start : name_match.end("tail")].lower()
    if quote:
        begin, end = find_quoted_span(raw, begin, quote)
    elif raw.startswith(b"[", begin):
        end = LIST_VALUE.match(raw, begin).end()  # type: ignore[union-attr]
    elif b"cookie" in lowered or is_entry(raw, name_match, start, suspicion):
        end = LINE_REST.match(raw, begin).end()  # type: ignore[union-attr]
    elif (
        name_match["by"] in (b":", b"=")
        and raw[begin - 1 : begin] == b" "
        and (b"passw" in lowered or b"secret" in lowered)
    ):
        end = PHRASE_VALUE.match(raw, begin).end()  # type: ignore[union-attr]
    else:
        scheme = SCHEME.match(raw, begin) if b"auth" in lowered else None
        begin = scheme.end() if scheme else begin
        narrow = raw[start - 1 : start] in (b"?", b"&") or not (b"pass" in lowered or b"pwd" in lowered)
        end = (PARAMETER_VALUE if narrow else WORD_VALUE).match(raw, begin).end()  # type: ignore[union-attr]
    scheme = SCHEME.match(raw, begin, end) if b"auth" in lowered else None
    begin = scheme.end() if scheme else begin
    return begin, begin + len(raw[begin:end].rstrip(TRAILING_CHARACTERS)) if not quote else end


def is_entry(raw: bytes, name_match: re.Match[bytes], start: int, suspicion: Suspicion) -> bool:
    """Return whether a line is one entry of a file such as YAML's, whose value extends to the end of the line."""
    if (
        name_match["by"] not in (b":", b"=")
        or suspicion is Suspicion.SLIGHT
        or raw[name_match.end() : name_match.end() + 1] != b" "
    ):
        return False
    return LINE_PREFIX.fullmatch(line_before(raw, start)) is not None


def find_quoted_span(raw: bytes, begin: int, quote: bytes) -> ByteRange:
    """Return the position of a quoted text; if its quote is not closed on this line, the rest of the line."""
    if quote in QUOTED_VALUES:
        return begin, QUOTED_VALUES[quote].match(raw, begin).end()  # type: ignore[union-attr]  # it matches the empty string
    line_end = LINE_REST.match(raw, begin).end()  # type: ignore[union-attr]
    end = raw.find(quote, begin, line_end)
    return begin, line_end if end < 0 else end


def is_harmless(value: bytes, name: bytes) -> bool:
    """Return whether a value is not a secret, even if its name suggests one."""
    if not value or HARMLESS_VALUE.fullmatch(value):
        return True
    lowered = name.lower()
    may_be_number = b"pass" not in lowered and b"pwd" not in lowered and b"secret" not in lowered
    return may_be_number and NUMERIC.fullmatch(value) is not None


def is_likely_secret(value: bytes, name: str) -> bool:
    """Return whether a value looks like a secret by itself: not a word, a number or a path."""
    if (
        len(value) < MIN_LIKELY_LENGTH
        or NUMERIC.fullmatch(value)
        or len(value.translate(None, UNLIKELY_CHARACTERS)) < len(value)
    ):
        return False
    if value[:1] in b"/~." or b"://" in value:
        return False
    digits, lower, upper = count_characters(value)
    if name.lower().strip("-_") in ("key", "keys"):
        return HEXADECIMAL.fullmatch(value) is not None or (
            len(value) >= MIN_KEY_LENGTH and min(digits, lower, upper) > 1
        )
    return lower + upper > 0 and (digits > 1 or (len(value) >= MIN_KEY_LENGTH and min(lower, upper) > 2))
