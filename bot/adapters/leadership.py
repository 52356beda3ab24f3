"""The choice of one of several bots on a store to act: a key that the leader must renew again and again."""

from collections.abc import Callable
from datetime import timedelta
from typing import cast

from redis import Redis

from bot.adapters.keys import LEADER, LEADER_TERM

ACQUIRE_SCRIPT = """
local held = redis.call('GET', KEYS[1])
local owner = held and (string.match(held, '^(.*) %d+$') or held)
if held and owner ~= ARGV[1] and held ~= ARGV[3] then return held end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. redis.call('INCR', KEYS[2]), 'PX', ARGV[2])
return ''
"""
"""One step in the server and one call to it, because each part of a tick asks who leads. Each time that a leader
renews its leadership, the number behind its name rises. A leader whose number has not risen for a lease has ended,
even if the server's clock was changed.
"""


class Leadership:
    """One process's view of the leadership.

    Args:
        elapsed: returns seconds by a clock that cannot be set.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._last_leader: tuple[bytes, float] = (b"", 0.0)

    def acquire(self, redis: Redis, owner: str, lease: timedelta) -> bool:
        """Return whether `owner` is the leader, from now on for the length of a lease."""
        milliseconds = lease // timedelta(milliseconds=1)
        last_leader, since = self._last_leader
        # The server ignores a leader that has not renewed for a whole lease.
        expired_leader = last_leader if self._elapsed() >= since + lease.total_seconds() else b""
        leader = cast(bytes, redis.eval(ACQUIRE_SCRIPT, 2, LEADER, LEADER_TERM, owner, milliseconds, expired_leader))
        if leader != last_leader:
            self._last_leader = leader, self._elapsed()
        return not leader
