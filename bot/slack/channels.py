"""Rate limit of posts: Slack limits each channel, no matter which part of the bot posts."""

from datetime import datetime
from threading import Lock

from bot.core.pace import TokenBucket

POSTS_PER_SECOND, MAX_POST_BURST = 1.0, 3
"""Slack's limit per channel: about one message a second, and a short burst."""


class ChannelRateLimiter:
    """A token bucket per channel, shared by everything that posts there."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._buckets: dict[str, TokenBucket] = {}

    def reserve_post(self, channel: str, now: datetime) -> datetime:
        """Reserve a post in a channel. Return when it may be sent: now or later; the reservation
        counts in both cases."""
        with self._lock:
            return self._buckets.setdefault(channel, TokenBucket(POSTS_PER_SECOND, MAX_POST_BURST)).reserve(now)
