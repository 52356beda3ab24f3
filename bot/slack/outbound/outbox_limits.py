"""Limits that all messages share: turns to post in a channel, edits in the workspace, and what Slack itself limits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from bot.app.ports import Now
from bot.core.model.token_bucket import FairTokenBucket
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.web_client import ChannelRateLimiter, SlackRateLimited
from bot.slack.views.message import Message

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
        self._limited_until: dict[str, datetime] = {}

    def forget_turn(self, name: str) -> None:
        """Forget the turn of a record whose messages are all sent."""
        self._channel_limiter.forget(name)

    def acquire_turn(self, conversation: Conversation, messages: Sequence[Message]) -> timedelta:
        """Use up the turn to post in the channel if it is now. Return zero then, or else the delay until it."""
        channel, now = conversation.channel, self._now()
        rank = rank_post(messages, conversation.root_key)
        return self.get_limit(f"{POST} {channel}") or self._channel_limiter.acquire_post(
            channel, conversation.name, rank, now
        )

    def acquire_edit(self, conversation: Conversation, is_urgent: bool) -> timedelta:
        """Use up the turn to edit if it is now. Return zero then, or else after how long to ask again. All channels
        share this limit, in turns. While an urgent edit waits, each turn is for urgent ones.
        """
        name, channel, now = conversation.name, conversation.channel, self._now()
        with self._edit_lock:
            if wait := self.get_limit(EDIT):
                return wait
            all_edits = EDITS_PER_SECOND + URGENT_EDITS_PER_SECOND
            if not is_urgent and (urgent_count := self._urgent_edit_bucket.count_waiting(now)):
                return timedelta(seconds=(urgent_count + 1) / all_edits)
            if not is_urgent:
                return self._edit_bucket.acquire(name, channel, now)
            wait = self._urgent_edit_bucket.acquire(name, channel, now)
            if wait and self._edit_bucket.take_unclaimed(now):
                self._urgent_edit_bucket.withdraw(name, channel)
                return IMMEDIATELY
            # The turns of both are theirs.
            return wait * (URGENT_EDITS_PER_SECOND / all_edits)

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


def rank_post(messages: Sequence[Message], root_key: str) -> int:
    """Return how important a post is, 0 for the most: what the channel is to hear, a card, a reply, a file."""
    first = messages[0]
    if first.attachment:
        return 3
    if first.broadcast:
        return 0
    return 1 if first.key == root_key else 2
