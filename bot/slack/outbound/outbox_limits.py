"""Limits that all messages share: turns to post in a channel, edits in the workspace, and what Slack itself limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from bot.app.ports import Now
from bot.core.model.token_bucket import FairTokenBucket
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.web_client import ChannelRateLimiter, SlackRateLimited

EDITS_PER_SECOND, URGENT_EDITS_PER_SECOND, EDITS_AT_ONCE = 24 / 60, 16 / 60, 5
"""Limits of edits, as rates and as a burst. Slack allows 50 edits a minute in a workspace; the two bursts of a busy
minute are counted in. A part of the rate is reserved for edits that show a change of state."""

POST, EDIT, LOOK_UP, UPLOAD = "post", "edit", "look up", "upload"
"""Kinds of calls, each of which Slack limits by itself; posts, in each channel by itself."""

IMMEDIATELY = timedelta()


class OutboxLimits:
    """The limits of Slack's that the outbox keeps."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._channel_limiter = ChannelRateLimiter()
        self._edit_lock = Lock()
        self._edit_bucket = FairTokenBucket(EDITS_PER_SECOND, EDITS_AT_ONCE)
        self._urgent_edit_bucket = FairTokenBucket(URGENT_EDITS_PER_SECOND, EDITS_AT_ONCE)
        self._turns: dict[str, datetime] = {}
        self._limited_until: dict[str, datetime] = {}

    def get_turn(self, name: str) -> datetime | None:
        """Return the turn to post that a record waits for; None for none."""
        return self._turns.get(name)

    def forget_turn(self, name: str) -> None:
        """Forget the turn of a record whose messages are all sent."""
        self._turns.pop(name, None)

    def acquire_turn(self, conversation: Conversation) -> timedelta:
        """Use up the turn to post in the channel if it is now. Return zero then, or else how long it takes until it."""
        now = self._now()
        turn = self._turns.pop(conversation.name, None) or self._channel_limiter.reserve_post(conversation.channel, now)
        turn = max(turn, self._limited_until.get(f"{POST} {conversation.channel}", turn))
        if turn > now:
            self._turns[conversation.name] = turn
        return max(turn - now, IMMEDIATELY)

    def acquire_edit(self, conversation: Conversation, is_urgent: bool) -> timedelta:
        """Use up the turn to edit if it is now. Return zero then, or else after how long to ask again. All channels
        share this limit, in turns.
        """
        bucket = self._urgent_edit_bucket if is_urgent else self._edit_bucket
        with self._edit_lock:
            return self.get_limit(EDIT) or bucket.acquire(conversation.name, conversation.channel, self._now())

    def get_limit(self, kind: str) -> timedelta:
        """Return for how long Slack accepts no call of this kind."""
        now = self._now()
        return max(self._limited_until.get(kind, now) - now, IMMEDIATELY)

    def set_limit(self, kind: str, wait: timedelta) -> None:
        """Make no call of this kind for the given time."""
        self._limited_until[kind] = self._now() + wait

    @contextmanager
    def record_limit(self, kind: str) -> Iterator[None]:
        """Record until when Slack limits this kind of call. Slack limits each method by itself, so other kinds
        continue.
        """
        try:
            yield
        except SlackRateLimited as limited:
            self.set_limit(kind, limited.retry_after)
            raise
