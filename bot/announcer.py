"""What the bot has to say to those who keep the machines: recorded once, and sent by the notice sender."""

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
        ops_channel: Slack's id of the channel of those who keep the machines; empty for none.
        wake: lets the notice sender run now.
        logged: keys that this process has written to its log.
    """

    store: Store
    now: Now
    ops_channel: str = ""
    wake: Callable[[], None] = lambda: None
    logged: set[str] = field(default_factory=set)

    def announce(self, key: str, text: str, channel: str = "", fallback: str = "") -> None:
        """Say something once in the ops channel, and in one more channel; always in the bot's own log.

        Args:
            key: what it is about; the same key is not said twice in one channel.
            text: in the workspace's language, with Slack's `*bold*` and back-ticks; nothing in it calls anybody.
            channel: a run's, beside the ops channel.
            fallback: the person who hears it where the bot may not post in `channel`.
        """
        notices = [
            Notice(key=key, channel=where, text=text, at=self.now(), fallback=person)
            for where, person in {self.ops_channel: "", channel: fallback}.items()
            if where
        ]
        recorded = [self.store.add_notice(notice) for notice in notices]
        if key not in self.logged:
            self.logged.add(key)
            log.warning("%s: %s", key, text)
        if any(recorded):
            self.wake()
