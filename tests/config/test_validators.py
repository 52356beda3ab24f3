"""Parsers of settings: what is read, and what is refused with what is valid."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import validators
from bot.config.validators import choice_parser, token_parser


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        pytest.param(validators.parse_positive, "2.5", 2.5, id="a number"),
        pytest.param(validators.parse_not_negative, "0", 0.0, id="zero"),
        pytest.param(validators.parse_whole_number, "3000", 3000, id="a whole number"),
        pytest.param(validators.parse_flag, "false", False, id="a flag"),
        pytest.param(validators.parse_time_zone, "Europe/Berlin", "Europe/Berlin", id="a time zone"),
        pytest.param(choice_parser("socket", "http"), "http", "http", id="a choice"),
        pytest.param(token_parser("xoxb-"), "xoxb-1-a", "xoxb-1-a", id="a token"),
        pytest.param(validators.parse_channel_id, "C0123456789", "C0123456789", id="a channel"),
        pytest.param(validators.parse_store_url, "rediss://:p%40@h:1/0", "rediss://:p%40@h:1/0", id="a store"),
        pytest.param(
            validators.parse_store_url,
            "redis+sentinel://:p@s-0,s-1:1/verl/2",
            "redis+sentinel://:p@s-0,s-1:1/verl/2",
            id="a store that Sentinels watch",
        ),
        pytest.param(
            validators.parse_store_url,
            "rediss+sentinel://s-0/verl?sentinel_username=a&sentinel_password=b&ssl_ca_certs=/etc/ca.pem",
            "rediss+sentinel://s-0/verl?sentinel_username=a&sentinel_password=b&ssl_ca_certs=/etc/ca.pem",
            id="Sentinels with a user of their own",
        ),
        pytest.param(validators.parse_web_address, "https://x.example/", "https://x.example", id="an address"),
        pytest.param(
            validators.parse_slack_address, "http://127.0.0.1:9/api/", "http://127.0.0.1:9/api/", id="a Slack of a test"
        ),
        pytest.param(
            validators.parse_tracker_hosts,
            "wandb.ai, *.wandb.io,http://mlflow.internal:5000",
            ("wandb.ai", "*.wandb.io", "http://mlflow.internal:5000"),
            id="hosts of trackers",
        ),
        pytest.param(
            validators.parse_code_host, "https://git.x.example/f/", "https://git.x.example/f", id="a host of Git"
        ),
        pytest.param(validators.parse_code_host, "http://127.0.0.1:3000", "http://127.0.0.1:3000", id="this machine"),
        pytest.param(validators.parse_url_word, "a" * 16, "a" * 16, id="a word of a URL"),
        pytest.param(validators.parse_sky_token, "sky_a.b-c", "sky_a.b-c", id="a token of SkyPilot's"),
    ],
)
def test_a_valid_text_is_read(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "valid"),
    [
        pytest.param(validators.parse_positive, "0", "a number above 0", id="zero"),
        pytest.param(validators.parse_positive, "1e3", "a number above 0", id="an exponent"),
        pytest.param(validators.parse_not_negative, "-1", "0 or above", id="below zero"),
        pytest.param(validators.parse_whole_number, "2.5", "a whole number", id="a fraction"),
        pytest.param(validators.parse_whole_number, "٢", "a whole number", id="digits of another script"),
        pytest.param(validators.parse_flag, "True", "true or false", id="a flag in capitals"),
        pytest.param(validators.parse_time_zone, "Berlin", "Europe/Berlin", id="a city"),
        pytest.param(choice_parser("socket", "http"), "pigeon", "socket or http", id="no such choice"),
        pytest.param(token_parser("xoxb-"), "xoxp-1", "begins with xoxb-", id="another kind of token"),
        pytest.param(validators.parse_channel_id, "#training", "C0123456789", id="the name of a channel"),
        pytest.param(validators.parse_store_url, "host:6379", "redis://", id="no scheme"),
        pytest.param(validators.parse_store_url, "redis+sentinel://s-0,s-1:1", "sentinel-0:26379,", id="no service"),
        pytest.param(validators.parse_store_url, "redis+sentinel://s-0,/verl", "sentinel-0:26379,", id="no host"),
        *(
            pytest.param(validators.parse_store_url, f"{scheme}://s-0/verl?{query}", "a question mark", id=query)
            for scheme, query in (
                ("redis+sentinel", "foo=bar"),
                ("redis+sentinel", "port=abc"),
                ("redis+sentinel", "sentinel_socket_timeout=1"),
                ("redis+sentinel", "ssl_ca_certs=/etc/ca.pem"),
                ("rediss+sentinel", "ssl_ca_certs=/etc/ca.pem&db=7"),
            )
        ),
        pytest.param(validators.parse_store_url, "redis://:a/b@h:1", "percent-encoded", id="a slash in a password"),
        pytest.param(validators.parse_web_address, "x.example", "https://", id="no scheme of the web"),
        pytest.param(validators.parse_slack_address, "foo", "an https address such as", id="no address of Slack's"),
        pytest.param(validators.parse_slack_address, "https:///api/", "an https address", id="an address without host"),
        pytest.param(validators.parse_tracker_hosts, "https://wandb.ai/team", "wandb.ai,", id="a page of a tracker"),
        pytest.param(validators.parse_tracker_hosts, "*", "separated by commas", id="every host"),
        pytest.param(validators.parse_tracker_hosts, "wandb.ai,", "separated by commas", id="a host that is empty"),
        pytest.param(
            validators.parse_code_host, "http://git.x.example", "https://", id="a host of Git without encryption"
        ),
        pytest.param(
            validators.parse_code_host, "https://a:b@git.x.example", "without a user", id="a password of a host"
        ),
        pytest.param(validators.parse_code_host, "git.x.example", "https://", id="a host of Git without a scheme"),
        pytest.param(validators.parse_url_word, "short", "16 letters", id="a word that can be guessed"),
        pytest.param(validators.parse_sky_token, "xoxb-1", "begins with sky_", id="a token of Slack's"),
    ],
)
def test_an_invalid_text_is_refused_with_what_is_valid(parse: Callable[[str], object], text: str, valid: str) -> None:
    with pytest.raises(ValueError, match=re.escape(valid)):
        parse(text)


def test_a_file_and_a_folder_must_exist(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    with pytest.raises(ValueError, match="an existing file"):
        validators.parse_existing_file(str(path))
    path.write_text("")
    assert validators.parse_existing_file(str(path)) == path
    assert validators.parse_existing_folder(str(tmp_path)) == tmp_path
    with pytest.raises(ValueError, match="an existing folder"):
        validators.parse_existing_folder(str(path))
