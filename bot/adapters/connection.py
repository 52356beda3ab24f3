"""The connection to a Redis-protocol server: a client with a deadline, and Redis errors as errors of the bot."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from bot.errors import Unavailable, UnreadableRecord
from bot.language import translate


def create_client(url: str, answer_seconds: float) -> Redis:
    """Return a client that gives up after so many seconds, because a person or the tick waits for each answer.

    One immediate retry covers a connection that the server has closed meanwhile; redis-py's own retries wait for
    seconds between them (measured with 8.1).
    """
    return Redis.from_url(
        url,
        socket_timeout=answer_seconds,
        socket_connect_timeout=answer_seconds,
        retry=Retry(NoBackoff(), 1),
    )


def check_connection(redis: Redis) -> None:
    """Check that the server answers.

    Raises:
        Unavailable: it does not answer.
    """
    with translate_redis_errors():
        redis.ping()


@contextmanager
def translate_redis_errors() -> Iterator[None]:
    """Translate Redis errors into errors of the bot.

    Raises:
        Unavailable: for any Redis error, because the store did not answer.
        UnreadableRecord: a key contains another type of value, which waiting does not fix.
    """
    try:
        yield
    except ResponseError as error:
        if str(error).startswith("WRONGTYPE"):
            raise UnreadableRecord("a run", "a key of the store holds another type of value") from error
        raise Unavailable(translate("The store does not answer.")) from error
    except RedisError as error:
        raise Unavailable(translate("The store does not answer.")) from error
