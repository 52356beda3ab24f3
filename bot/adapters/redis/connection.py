"""The connection to Redis: keys in one place, errors in the bot's words, and which of several bots acts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock
from typing import cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from bot.adapters.redis.sentinel_client import create_sentinel_client
from bot.config.sentinel_url import is_sentinel_url
from bot.errors import Unavailable, UnreadableRecord
from bot.phrase import Phrase

OPEN_RUNS = "verl:runs:open"
ENDED_RUNS = "verl:runs:ended"
RUN_IDS = "verl:runs:ids"
RUN_RECORD = "verl:run:{}"
RUN_TASK = "verl:run:{}:task"
RUN_LOG = "verl:run:{}:log"
RUN_EVENTS = "verl:run:{}:events"
RUN_LOG_CURSOR = "verl:run:{}:reading"
RUN_LOG_ATTEMPTS = "verl:run:{}:reading:tries"
RUN_ROWS = "verl:run:{}:rows"
RUN_COLUMNS = "verl:run:{}:columns"
RUN_BUCKETS = "verl:run:{}:folded"
LAUNCH_REQUEST = "verl:launch-request:{}"
RUN_OF_CARD = "verl:card:{}:{}"
LEADER = "verl:leader"
LEADER_TERM = "verl:leader:term"
LEADER_EPOCH = "verl:leader:epoch"
LANGUAGES = "verl:languages"
INBOX = "verl:inbox"
REPORTS = "verl:reports"
REPORT_COUNT = "verl:reports:count"
ORPHANS = "verl:orphans"
RESERVATIONS = "verl:holds"
MONTHLY_SPENDING = "verl:spent"
MONTHLY_BUDGETS = "verl:given"
BUDGET_WARNINGS = "verl:told"
RECENT_LAUNCHES = "verl:launched"
EXTERNAL_CLUSTERS = "verl:external-clusters"
NOTICES = "verl:notices"
RUN_STUBS = "verl:runs:stubs"
UNREADABLE_RUNS = "verl:runs:unreadable"
AUDIT_EVENTS = "verl:audit"
POLICY_PARTS = "verl:policy"
STORE_IDENTITY = "verl:store"
BOT_TIME = "verl:time"


def create_client(url: str, answer_seconds: float) -> Redis:
    """Return a client that gives up after so many seconds, because a person or the tick waits for each answer.

    One immediate retry covers a connection that the server has closed meanwhile; redis-py's own retries wait for
    seconds between them (measured with 8.1).
    """
    options = {
        "socket_timeout": answer_seconds,
        "socket_connect_timeout": answer_seconds,
        "retry": Retry(NoBackoff(), 1),
    }
    if is_sentinel_url(url):
        return create_sentinel_client(url, options)
    return Redis.from_url(url, **options)


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
        raise Unavailable(Phrase("I can't reach my database.")) from error
    except RedisError as error:
        raise Unavailable(Phrase("I can't reach my database.")) from error


ACQUIRE_SCRIPT = """
local held = redis.call('GET', KEYS[1])
local owner = held and (string.match(held, '^(.*) %d+$') or held)
if held and owner ~= ARGV[1] and held ~= ARGV[3] then return {held, ''} end
local epoch = redis.call('GET', KEYS[3])
if owner ~= ARGV[1] or epoch ~= ARGV[4] then epoch = tostring(redis.call('INCR', KEYS[3])) end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. redis.call('INCR', KEYS[2]), 'PX', ARGV[2])
return {'', epoch}
"""
"""One step in the server and one call to it, because each part of a tick asks who leads. Each time that a leader
renews its leadership, the number behind its name rises. A leader whose number has not risen for a lease has ended,
even if the server's clock was changed. The epoch rises when another process becomes the leader, a restarted one of the
same name included: see `bot.adapters.redis.fencing`.
"""


class Leadership:
    """One process's view of the leadership. Its threads ask one after the other: two at once would each begin an epoch,
    and the older of both might be kept, with which every fenced write fails.

    Args:
        elapsed: returns seconds by a clock that cannot be set.

    Attributes:
        epoch: of this process's last leadership, which a later one of another process has ended; empty if it never led.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._lock = Lock()
        self._last_leader: tuple[bytes, float] = (b"", 0.0)
        self.epoch = ""

    def acquire(self, redis: Redis, owner: str, lease: timedelta) -> bool:
        """Return whether `owner` is the leader, from now on for the length of a lease."""
        with self._lock:
            return self._acquire(redis, owner, lease)

    def _acquire(self, redis: Redis, owner: str, lease: timedelta) -> bool:
        milliseconds = lease // timedelta(milliseconds=1)
        last_leader, since = self._last_leader
        # The server ignores a leader that has not renewed for a whole lease.
        expired_leader = last_leader if self._elapsed() >= since + lease.total_seconds() else b""
        keys, arguments = (LEADER, LEADER_TERM, LEADER_EPOCH), (owner, milliseconds, expired_leader, self.epoch)
        leader, epoch = cast(list[bytes], redis.eval(ACQUIRE_SCRIPT, len(keys), *keys, *arguments))
        if leader != last_leader:
            self._last_leader = leader, self._elapsed()
        self.epoch = self.epoch if leader else decode_text(epoch)
        return not leader


RELEASE_SCRIPT = """
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^(.*) %d+$') == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


def release_leadership(redis: Redis, owner: str) -> None:
    """Delete the leadership that `owner` has. Its epoch goes on until another process leads."""
    redis.eval(RELEASE_SCRIPT, 1, LEADER, owner)


def decode_text(value: object) -> str:
    """Return a value from Redis as text; empty for None."""
    return value.decode() if isinstance(value, bytes) else str(value or "")
