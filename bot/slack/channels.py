"""Rate limit of posts: Slack limits each channel, no matter which part of the bot posts."""

from datetime import datetime
from threading import Lock

from bot.core.pace import Bucket

POSTS_PER_SECOND, POSTS_AT_ONCE = 1.0, 3
"""Slack's limit per channel: about one message a second, and a short burst."""


class Channels:
    """A token bucket per channel, shared by everything that posts there."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._channels: dict[str, Bucket] = {}

    def reserve(self, channel: str, now: datetime) -> datetime:
        """Reserve a post in a channel. Return when it may be sent: now or later; the reservation
        counts in both cases."""
        with self._lock:
            return self._channels.setdefault(channel, Bucket(POSTS_PER_SECOND, POSTS_AT_ONCE)).reserve(now)
