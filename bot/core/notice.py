"""A notice: one thing said once in one channel, beside what is said of runs and clusters. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.posted import Posted

REMEMBERED = timedelta(days=30)
"""How long a notice that was posted is remembered, so that the same is not said again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to say.

    Attributes:
        key: what it is about, such as `unreadable-ppo-7f3a`; of one key a channel hears once.
        channel: Slack's id of where it is said; fallback: a person who hears it where the bot may not post there.
        text: in the workspace's language; what it holds of `<`, `>` and `&` is escaped when it is sent.
        at: when it came up.
        sent: the message; None before it is sent, and without a `ts` while its fate is unknown.
    """

    key: str
    channel: str
    text: str
    at: datetime
    fallback: str = ""
    sent: Posted | None = None

    @property
    def id(self) -> str:
        """Its name in the store."""
        return notice_id(self.channel, self.key)

    @property
    def is_posted(self) -> bool:
        return self.sent is not None and self.sent.ts is not None

    def begin_sending(self, now: datetime) -> Self:
        """Return it as about to be sent: from here on a crash leaves a doubt, not a second message."""
        return replace(self, sent=Posted(None, "", "", now))

    def confirm(self, ts: str, now: datetime) -> Self:
        """Return it as standing in Slack under this id."""
        return replace(self, sent=Posted(ts, "", "", now))

    def withdraw(self) -> Self:
        """Return it as not sent: Slack refused it, or a look has not found it."""
        return replace(self, sent=None)

    def is_forgotten(self, now: datetime) -> bool:
        """Return whether it was posted so long ago that it need not be remembered."""
        return self.is_posted and now >= self.at + REMEMBERED


def notice_id(channel: str, key: str) -> str:
    return f"{channel} {key}"
