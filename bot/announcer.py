"""Announcements to the people who operate the bot: recorded once, and sent by the notice sender."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.core.notice import Notice
from bot.ports import Now, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Announcer:
    """Records notices.

    Attributes:
        ops_channel: Slack's id of the operators' channel; empty for none.
        wake: wakes the notice sender.
        logged_keys: keys that this process has written to its log.
    """

    store: Store
    now: Now
    ops_channel: str = ""
    wake: Callable[[], None] = lambda: None
    logged_keys: set[str] = field(default_factory=set)

    def announce(self, key: str, text: str, channel: str = "", fallback: str = "") -> None:
        """Record a notice once for the ops channel, and once for one more channel; write it to the bot's own log.

        Args:
            key: what it is about; the same key is not sent twice to one channel.
            text: in the workspace's language, with Slack's `*bold*` and back-ticks; nothing in it mentions anyone.
            channel: a run's channel, beside the ops channel.
            fallback: the person who gets it if the bot may not post in `channel`.
        """
        notices = [
            Notice(key=key, channel=channel_id, text=text, created_at=self.now(), fallback_user=person)
            for channel_id, person in {self.ops_channel: "", channel: fallback}.items()
            if channel_id
        ]
        additions = [self.store.add_notice(notice) for notice in notices]
        if key not in self.logged_keys:
            self.logged_keys.add(key)
            log.warning("%s: %s", key, text)
        if any(additions):
            self.wake()
