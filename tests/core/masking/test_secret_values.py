"""Which names have secrets as values, where a value ends, and which values are none."""

import pytest

from bot.core.masking.secret_values import (
    Suspicion,
    find_quoted_span,
    find_value_end,
    is_harmless,
    is_likely_secret,
    judge_name,
    label_for,
)
from bot.runtime.secret_filter import GENERAL_MASKER

STRONG, SLIGHT, NONE = Suspicion.STRONG, Suspicion.SLIGHT, Suspicion.NONE


@pytest.mark.parametrize(
    ("name", "suspicion"),
    [
        ("password", STRONG),
        ("redisPassword2", STRONG),
        ("SSH_PASSPHRASE", STRONG),
        ("client-secret", STRONG),
        ("aws_secret_access_key", STRONG),
        ("WANDB_API_KEY", STRONG),
        ("hfToken", STRONG),
        ("trainer.hub_tokens", STRONG),
        ("db_pass", STRONG),
        ("client_key_data", STRONG),
        ("ACCESS_TOKEN", STRONG),
        ("key", SLIGHT),
        ("MY_KEY", SLIGHT),
        ("token", SLIGHT),
        ("credentials", SLIGHT),
        ("Authorization", SLIGHT),
        ("pass", NONE),
        ("reward_fn_key", NONE),
        ("num_tokens", NONE),
        ("pad_token", NONE),
        ("special_tokens", NONE),
        ("secret_name", NONE),
        ("KEY_FILE", NONE),
        ("password_hint", NONE),
        ("token_count", NONE),
        ("tokenizer", NONE),
        ("monkey", NONE),
        ("author", NONE),
        ("", NONE),
        ("___", NONE),
        ("12345", NONE),
    ],
)
def test_a_name_is_judged_by_its_parts(name: str, suspicion: Suspicion) -> None:
    assert judge_name(name) is suspicion


@pytest.mark.parametrize(
    ("value", "name", "is_none"),
    [
        (b"", b"password", True),
        (b"None", b"password", True),
        (b"<your password>", b"password", True),
        (b"${HF_TOKEN}", b"hf_token", True),
        (b"os.environ['X']", b"token", True),
        (b"**********", b"api_key", True),
        (b"512", b"token", True),
        (b"512", b"password", False),
        (b"hunter2", b"password", False),
        (b"hunter2***", b"password", True),
        (b"nonesuch", b"password", False),
    ],
)
def test_a_placeholder_is_no_secret_and_a_number_only_of_a_password(value: bytes, name: bytes, is_none: bool) -> None:
    assert is_harmless(value, name) is is_none


@pytest.mark.parametrize(
    ("value", "name", "is_secret"),
    [
        (b"a8f5f167f44f4964", "token", True),
        (b"correct-horse-battery", "token", False),
        (b"prompt", "key", False),
        (b"/etc/ssl/key.pem", "key", False),
        (b"https://example.org/x1y2", "token", False),
        (b"12345678901234", "token", False),
        (b"a1", "token", False),
        (b"two words 12", "token", False),
    ],
)
def test_what_looks_like_a_word_a_number_or_a_path_is_no_secret(value: bytes, name: str, is_secret: bool) -> None:
    assert is_likely_secret(value, name) is is_secret


@pytest.mark.parametrize(
    ("raw", "quote", "text"),
    [
        (b'"a b" c', b'"', b"a b"),
        (rb'"a \" b" c', b'"', rb"a \" b"),
        (b"'it", b"'", b"it"),
        (b"%22a%22 b", b"%22", b"a"),
        (b"%22a b\nc", b"%22", b"a b"),
    ],
)
def test_a_quoted_value_ends_with_its_quote_or_its_line(raw: bytes, quote: bytes, text: bytes) -> None:
    begin, end = find_quoted_span(raw, len(quote), quote)
    assert raw[begin:end] == text


def test_a_value_that_continues_ends_where_its_word_does() -> None:
    raw = b"token=" + b"a1" * 500 + b" next"
    assert find_value_end(raw, 6, 300) == len(raw) - len(" next")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (b"DB_PASSWORD", "password=…"),
        (b"clientSecret", "secret=…"),
        (b"hf_token", "token=…"),
        (b"API_KEY", "key=…"),
        (b"Cookie", "Authorization: …"),
    ],
)
def test_a_label_names_the_kind_and_nothing_of_the_secret(name: bytes, label: str) -> None:
    assert label_for(name) == label


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        pytest.param("password: correct horse battery", "password: …(masked)", id="several words"),
        pytest.param("curl -H 'X-Api-Key: a8f5f167f44f' x", "curl -H 'X-Api-Key: …(masked)' x", id="a header"),
        pytest.param('{"token": "a8f5f167f44f49", "n": 1}', '{"token": "…(masked)", "n": 1}', id="JSON"),
        pytest.param("?api_key=a8f5f167f44f&page=2", "?api_key=…(masked)&page=2", id="a parameter of an address"),
        pytest.param("machine h login ana password x7", "machine h login ana password …(masked)", id=".netrc"),
        pytest.param("run --password x7 --nodes 2", "run --password …(masked) --nodes 2", id="a flag"),
    ],
)
def test_a_value_is_masked_and_what_is_around_it_stays(line: str, shown: str) -> None:
    assert GENERAL_MASKER.mask(line) == shown


def test_a_line_of_a_thousand_candidates_is_masked_in_all_of_them() -> None:
    line = " ".join(f"password{number}=hunter{number}" for number in range(1000))
    assert "hunter" not in GENERAL_MASKER.mask(line)
