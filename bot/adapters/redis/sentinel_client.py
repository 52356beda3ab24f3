"""A client of a Redis that Sentinels watch: they say which server is the primary now, also after a failover."""

from collections.abc import Mapping
from typing import Any, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import SSLConnection, parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from bot.config.sentinel_url import SENTINEL_URL, parse_sentinels


def create_sentinel_client(url: str, options: dict[str, Any]) -> Redis:
    """Return a client of the service's primary. It asks the Sentinels again whenever it has to connect.

    Args:
        url: as `is_sentinel_url` accepts it. TLS and the query count for the servers and the Sentinels. So does a
            password without a user, unless `sentinel_password` in the query gives the Sentinels their own, or none if
            it is empty. A user of the servers is unknown to the Sentinels, which get `sentinel_username` and
            `sentinel_password` alone then.
        options: of each connection.
    """
    match = SENTINEL_URL.fullmatch(url)
    if match is None:
        raise ValueError("the URL names no Sentinels")
    plain = f"redis{match['tls']}://{match['user'] or ''}localhost/{match['db'] or 0}{match['query'] or ''}"
    own: dict[str, Any] = parse_url(plain)  # type: ignore[no-untyped-call]  # redis-py has no types
    del own["host"]
    if own.pop("connection_class", None) is SSLConnection:
        own["ssl"] = True
    database = own.pop("db", 0)
    named = {key: own.pop(f"sentinel_{key}") for key in ("username", "password") if f"sentinel_{key}" in own}
    connection = own | options
    shared = {key: value for key, value in connection.items() if key not in ("username", "password")}
    has_own_password = "sentinel_password=" in (match["query"] or "")
    if "username" not in own and "password" in own and not has_own_password:
        named["password"] = own["password"]
    hosts = parse_sentinels(match["hosts"])
    sentinel_kwargs = shared | share_time(options, len(hosts)) | named
    sentinel = Sentinel(hosts, sentinel_kwargs=sentinel_kwargs, **connection)  # type: ignore[no-untyped-call]  # nor for this
    return cast(Redis, sentinel.master_for(match["service"], db=database))  # type: ignore[no-untyped-call]  # nor here


def share_time(options: Mapping[str, Any], hosts: int) -> dict[str, Any]:
    """Return the options of a connection to one of several Sentinels, which are asked one after the other.

    Together they take no longer than a server may, and none is asked twice: the caller's retry asks all of them again.
    """
    share = {key: options[key] / hosts for key in ("socket_timeout", "socket_connect_timeout")}
    return {**share, "retry": Retry(NoBackoff(), 0)}
