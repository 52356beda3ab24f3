"""Whose turn it is to post: Slack's limit is a channel's, whoever speaks there."""

from datetime import datetime
from threading import Lock

from bot.core.pace import Bucket

POSTS_PER_SECOND, POSTS_AT_ONCE = 1.0, 3
"""Slack's limit: about a message a second in a channel; a short burst passes."""


class Channels:
    """A bucket for each channel, which those who post there share."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._channels: dict[str, Bucket] = {}

    def reserve(self, channel: str, now: datetime) -> datetime:
        """When one may post there: now, or later. The turn is taken either way."""
        with self._lock:
            return self._channels.setdefault(channel, Bucket(POSTS_PER_SECOND, POSTS_AT_ONCE)).reserve(now)
