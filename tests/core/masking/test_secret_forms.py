"""Secrets that are known by their own form, and what only looks like one."""

import pytest

from bot.core.masking.secret_forms import (
    find_address_secrets,
    find_beginning,
    find_cut_token,
    is_login,
    is_mixed,
    is_random,
    is_wandb_key,
    line_before,
    starts_word,
)
from bot.core.masking.secret_shapes import BASE64


@pytest.mark.parametrize(
    ("text", "is_secret"),
    [
        (b"a8f5f167f44f", True),
        (b"XkQpLmRtZwYbNc", True),
        (b"x" * 49, True),
        (b"authentication", False),
        (b"SCREAMINGCASE", False),
        (b"", False),
    ],
)
def test_a_text_is_random_unless_it_may_be_a_word(text: bytes, is_secret: bool) -> None:
    assert is_random(text) is is_secret


@pytest.mark.parametrize(("text", "mixed"), [(b"aB3", True), (b"ab3", False), (b"AB3", False), (b"aB", False)])
def test_a_mixed_text_has_digits_and_both_cases(text: bytes, mixed: bool) -> None:
    assert is_mixed(text) is mixed


@pytest.mark.parametrize(
    ("encoded", "is_user_and_password"),
    [
        (b"YW5hOmh1bnRlcjI=", True),
        (b"YW5h", False),
        (b"*not base64*", False),
        (b"", False),
        (b"YW5hOmh1bnRlcjI-", True),
        pytest.param(b"YW5hOng=", True, id="a user of three letters and a password of one"),
        pytest.param(b"YW5hOng", True, id="the same without padding"),
        pytest.param(b"YW5hOg==", True, id="no password"),
        pytest.param(b"YW5hYm9iOng", True, id="a user of six letters and a password of one"),
        pytest.param(b"YW5hOngQ8", True, id="one letter too many, as where a line was cut"),
        pytest.param(b"YW5hYm9ieA==", False, id="a word alone"),
    ],
)
def test_basic_credentials_are_a_user_and_a_password(encoded: bytes, is_user_and_password: bool) -> None:
    assert is_login(encoded) is is_user_and_password


@pytest.mark.parametrize(
    ("before", "is_key"),
    [
        (b"wandb: login with key ", True),
        (b"WANDB_API_KEY=", True),
        (b"W&B api key: ", True),
        (b"wandb: login at commit ", False),
        (b"HEAD is now at ", False),
        (b"", False),
    ],
)
def test_the_text_before_forty_digits_decides_what_they_are(before: bytes, is_key: bool) -> None:
    assert is_wandb_key(before) is is_key


@pytest.mark.parametrize(
    ("address", "secrets"),
    [
        pytest.param(b"://ana:hunter2@host.org/x", [b"hunter2"], id="a password"),
        pytest.param(b"://ana:p/w@x@host.org/x", [b"p/w@x"], id="a password with signs"),
        pytest.param(b"://:hunter2@10.0.0.1:6379", [b"hunter2"], id="a password alone"),
        pytest.param(b"://a8f5f167f44f49640123@host.org", [b"a8f5f167f44f49640123"], id="a token as the user"),
        pytest.param(b"://ana:hunter2@[::1]/x", [b"hunter2"], id="an address of sixteen bytes"),
        pytest.param(b"://ana@host.org", [], id="a user"),
        pytest.param(b"://ana:$PASSWORD@host.org", [], id="a variable"),
        pytest.param(b"://host.org:8080/a@b", [], id="a port"),
        pytest.param(b"://host.org/x?to=ana", [], id="no user"),
    ],
)
def test_an_address_is_masked_in_its_password(address: bytes, secrets: list[bytes]) -> None:
    assert [address[one.start : one.end] for one in find_address_secrets(address, 0)] == secrets


@pytest.mark.parametrize(
    ("raw", "at", "begins"),
    [
        (b"hf_x", 0, True),
        (b" hf_x", 1, True),
        (b"ahf_x", 1, False),
        (b"\x1b[31mhf_x", 5, True),
        (rb"\nhf_x", 2, True),
        (b"%20hf_x", 3, True),
        ("é".encode() + b"hf_x", 2, True),
    ],
)
def test_a_token_begins_a_word_also_behind_a_colour_or_an_escape(raw: bytes, at: int, begins: bool) -> None:
    assert starts_word(raw, at) is begins


def test_a_run_of_characters_begins_behind_an_escape_and_not_before_its_bound() -> None:
    assert find_beginning(b"key:abcdef", 8, BASE64) == 4
    assert find_beginning(rb"x\nabcdef", 7, BASE64) == 3
    assert find_beginning(b"a" * 1000, 900, BASE64) > 900 - 100


def test_what_is_before_is_of_the_same_line_and_bounded() -> None:
    assert line_before(b"one\ntwo three", 8) == b"two "
    assert len(line_before(b"x" * 10_000, 9_000)) < 1_000


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (b"the token is hf_aB3dE6", [b"aB3dE6"]),
        (b"the token is hf_", []),
        (b"pip install hf_transfer", []),
        (b"hf_aB3dE6 and more", []),
        (b"", []),
    ],
)
def test_of_a_text_that_was_cut_the_beginning_of_a_token_is_found(text: bytes, cut: list[bytes]) -> None:
    assert [text[one.start : one.end] for one in find_cut_token(text)] == cut
