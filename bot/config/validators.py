"""Parsers of settings: text to value; an invalid text raises ValueError with what is valid."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from bot.config.sentinel_url import QUERY_NAMES, is_sentinel_url


def parse_positive(text: str) -> float:
    """Return a number above 0."""
    value = float(text) if text.replace(".", "", 1).isdigit() else 0.0
    if value <= 0:
        raise ValueError("a number above 0")
    return value


def parse_not_negative(text: str) -> float:
    """Return a number, 0 or above."""
    if not text.replace(".", "", 1).isdigit():
        raise ValueError("a number, 0 or above")
    return float(text)


def parse_percentage(text: str) -> float:
    """Return a number above 0, 100 at most."""
    value = float(text) if text.replace(".", "", 1).isdigit() else 0.0
    if not 0 < value <= 100:
        raise ValueError("a number above 0, 100 at most")
    return value


def parse_time_zone(text: str) -> str:
    """Return the name of a time zone."""
    if text not in available_timezones():
        raise ValueError("the name of a time zone such as Europe/Berlin")
    return text


def parse_whole_number(text: str) -> int:
    """Return a whole number above 0."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("a whole number above 0")
    return int(text)


def choice_parser(*words: str) -> Callable[[str], str]:
    """Return a parser that accepts only these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return read


def token_parser(prefix: str) -> Callable[[str], str]:
    """Return a parser of Slack tokens with this prefix."""

    def read(text: str) -> str:
        if not re.fullmatch(rf"{prefix}[A-Za-z0-9-]+", text):
            raise ValueError(f"a Slack token that begins with {prefix}")
        return text

    return read


def parse_channel_id(text: str) -> str:
    """Return the id of a Slack channel."""
    if not re.fullmatch(r"[CG][A-Z0-9]+", text):
        raise ValueError("the id of a channel, which Slack shows at the end of its details, such as C0123456789")
    return text


TRACKER_HOST = re.compile(r"(?:https?://)?(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?")
"""Matches a host with a scheme and a port of its own, if it has them, and a star for one label."""


def parse_tracker_hosts(text: str) -> tuple[str, ...]:
    """Return the hosts of experiment trackers."""
    hosts = tuple(host.strip() for host in text.split(","))
    if not all(map(TRACKER_HOST.fullmatch, hosts)):
        raise ValueError("hosts separated by commas, such as wandb.ai,wandb.example.org,http://mlflow.internal:5000")
    return hosts


def parse_sky_token(text: str) -> str:
    """Return a service-account token of SkyPilot.

    It is a JSON Web Token behind SkyPilot's prefix: its three parts hold dots and underscores (0.14, token_service).
    """
    if not re.fullmatch(r"sky_[A-Za-z0-9._-]+", text):
        raise ValueError("a SkyPilot service-account token, which begins with sky_")
    return text


def parse_store_url(text: str) -> str:
    """Return the URL of a store."""
    if text.startswith(("redis+sentinel://", "rediss+sentinel://")):
        if not is_sentinel_url(text):
            raise ValueError(
                "an address such as redis+sentinel://sentinel-0:26379,sentinel-1:26379/mymaster/0, with nothing after "
                f"a question mark but {', '.join(QUERY_NAMES)} (ssl_… with rediss+sentinel alone)"
            )
        return text
    if not text.startswith(("redis://", "rediss://", "unix://")) or not is_address(text):
        raise ValueError(
            "an address such as redis://localhost:6379/0, with special characters of the password percent-encoded"
        )
    return text


def is_address(text: str) -> bool:
    """Return whether host and port can be separated from the rest.

    A password with a slash or a bracket hides them.
    """
    try:
        return urlsplit(text).port != 0
    except ValueError:
        return False


def parse_flag(text: str) -> bool:
    """Return a boolean."""
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def parse_web_address(text: str) -> str:
    """Return a web address without its final slash."""
    if not re.fullmatch(r"https?://\S+", text):
        raise ValueError("an address such as https://sky.example.org")
    return text.rstrip("/")


def parse_slack_address(text: str) -> str:
    """Return the address of a Web API of Slack's kind, as it is."""
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", text):
        raise ValueError("an https address such as https://slack.com/api/")
    return text


def parse_code_host(text: str) -> str:
    """Return the web address of a host of Git without its final slash; unencrypted on this machine only."""
    address = text.rstrip("/")
    is_safe = address.startswith("https://") or is_loopback(host_of(address))
    if not is_safe or not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._-]+)*", address):
        raise ValueError("an address such as https://git.example.org, without a user or a password")
    return address


def parse_url_word(text: str) -> str:
    """Return a word that needs no escape in a URL."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,200}", text):
        raise ValueError("at least 16 letters, digits, dashes or underscores, for example from `openssl rand -hex 24`")
    return text


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host.

    >>> [is_loopback(one) for one in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "slack.com", "127.0.0.1.nip.io", "")]
    [True, True, True, False, False, False, False]
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_of(address: str) -> str:
    """Return the host of an address, empty where it has none.

    >>> host_of("https://slack.com/api/"), host_of("http://[::1]:80/"), host_of("http://[")
    ('slack.com', '::1', '')
    """
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def parse_existing_file(text: str) -> Path:
    """Return the path of an existing file."""
    if not Path(text).is_file():
        raise ValueError("an existing file")
    return Path(text)


def parse_existing_folder(text: str) -> Path:
    """Return the path of an existing folder."""
    if not Path(text).is_dir():
        raise ValueError("an existing folder")
    return Path(text)
