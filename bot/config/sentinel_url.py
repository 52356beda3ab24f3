"""The URL of a Redis that Sentinels watch."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

SENTINEL_URL = re.compile(
    r"redis(?P<tls>s?)\+sentinel://(?P<user>[^@/?#]*@)?(?P<hosts>[^@/?#]+)/(?P<service>[\w.-]+)(?:/(?P<db>\d{1,4}))?"
    r"(?P<query>\?\S*)?"
)
"""`redis+sentinel://[user:password@]host[:port],host[:port],…/SERVICE[/DATABASE][?…]`, with an `s` for TLS."""

SENTINEL_PORT = 26379
HOST = re.compile(r"(?P<host>[\w.-]{1,253}|\[[\da-fA-F:.]{2,45}\])(?::(?P<port>\d{1,5}))?")
MAX_PORT = 65_535

QUERY_NAMES = (
    "sentinel_username", "sentinel_password", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile",
    "ssl_password", "ssl_check_hostname",
)  # fmt: skip
"""What the query may give: redis-py refuses no value of these. The bot itself sets the timeouts."""


def parse_sentinels(hosts: str) -> Sequence[tuple[str, int]]:
    """Return the hosts and ports of Sentinels; empty where the text is no list of them.

    >>> parse_sentinels("s-0:26380,s-1,[::1]:7"), parse_sentinels("s-0,"), parse_sentinels("s-0:70000")
    ([('s-0', 26380), ('s-1', 26379), ('::1', 7)], [], [])
    """
    sentinels = []
    for text in hosts.split(","):
        match = HOST.fullmatch(text)
        port = int(match["port"] or SENTINEL_PORT) if match else 0
        if match is None or not 0 < port <= MAX_PORT:
            return []
        sentinels.append((match["host"].strip("[]"), port))
    return sentinels


def is_sentinel_url(url: str) -> bool:
    """Return whether a URL names Sentinels and the service that they watch, and gives nothing else that is unknown.

    >>> [is_sentinel_url(f"redis+sentinel://{rest}") for rest in ("s-0,s-1:26380/verl/2", "s-0", "s-0:x/verl")]
    [True, False, False]
    >>> [is_sentinel_url(f"redis+sentinel://s-0/verl?{query}") for query in ("sentinel_password=a", "port=7", "a")]
    [True, False, False]
    """
    match = SENTINEL_URL.fullmatch(url)
    return match is not None and bool(parse_sentinels(match["hosts"])) and is_known_query(match)


def is_known_query(match: re.Match[str]) -> bool:
    """Return whether the query of a URL gives only what `QUERY_NAMES` lists, and options of TLS only with TLS."""
    names = [name for name, _ in parse_qsl((match["query"] or "?")[1:], keep_blank_values=True)]
    return all(name in QUERY_NAMES and (match["tls"] or not name.startswith("ssl_")) for name in names)
