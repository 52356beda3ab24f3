"""The time by Slack's clock, to compare with this machine's own."""

import logging
from email.utils import parsedate_to_datetime

import httpx

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 3.0
"""Maximum seconds to wait for an answer: the bot's start waits for it."""

MEAN_TRUNCATION_SECONDS = 0.5
"""Mean seconds by which Slack's clock is ahead of its header, which omits fractions of a second."""


def fetch_time(api_url: str) -> float | None:
    """Return Unix seconds by Slack's clock, known to a second; None where Slack does not answer.

    Only a server that is reached by TLS is queried: another one may be on this very machine, and show the same clock.
    """
    if not api_url.startswith("https://"):
        return None
    try:
        return parse_date_header(httpx.get(f"{api_url}api.test", timeout=TIMEOUT_SECONDS).headers.get("date", ""))
    except (httpx.HTTPError, ValueError) as error:
        log.warning("Slack does not tell the time: %s", error)
        return None


def parse_date_header(date: str) -> float:
    """Return the Unix seconds of a header.

    >>> parse_date_header("Fri, 02 Jan 2026 12:00:00 GMT")
    1767355200.5

    Raises:
        ValueError: the header is not a date.
    """
    return parsedate_to_datetime(date).timestamp() + MEAN_TRUNCATION_SECONDS
