"""The way to a Redis-protocol server: a client that gives up in time, and its failures in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from bot.errors import Unavailable, UnreadableRecord
from bot.language import say


def client(url: str, answer_seconds: float) -> Redis:
    """A client that gives up after so many seconds, because somebody waits for each answer.

    One retry at once covers a connection that the server has closed meanwhile; redis-py's own
    retries wait for seconds between them (measured with 8.1).
    """
    return Redis.from_url(
        url,
        socket_timeout=answer_seconds,
        socket_connect_timeout=answer_seconds,
        retry=Retry(NoBackoff(), 1),
    )


def greet(redis: Redis) -> None:
    """Raises Unavailable where nobody answers."""
    with answered():
        redis.ping()


@contextmanager
def answered() -> Iterator[None]:
    """Whatever Redis fails with means: no answer. A key that holds another type is not mended by waiting."""
    try:
        yield
    except ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            raise UnreadableRecord("a run", "a key of the store holds another type of value") from error
        raise Unavailable(say("The store does not answer.")) from error
    except RedisError as error:
        raise Unavailable(say("The store does not answer.")) from error
