"""Notices to the operators: recorded once, and sent by the notice sender.

Among them is the notice that SkyPilot's server has forgotten clusters.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.app.ports import Now
from bot.app.store_ports import NoticeStore, RunReader
from bot.core.model.cluster import Outage
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.sent_message import Notice
from bot.phrase import N_, Phrase, Text, join_list

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Announcer:
    """Records notices.

    Attributes:
        ops_channel: Slack's id of the operators' channel; empty for none.
        wake: wakes the notice sender.
        logged_keys: keys that this process has written to its log.
    """

    store: NoticeStore
    now: Now
    ops_channel: str = ""
    wake: Callable[[], None] = lambda: None
    logged_keys: set[str] = field(default_factory=set)

    def announce(self, key: str, text: Text, channel: str = "", fallback: str = "") -> None:
        """Record a notice once for the ops channel, and once for one more channel; write it to the bot's own log.

        Args:
            key: what it is about; the same key is not sent twice to one channel.
            text: rendered in the workspace's language when it is sent, with Slack's `*bold*` and back-ticks; nothing in
                it mentions anyone.
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


GATHER_DELAY = timedelta(seconds=30)
"""Delay after the first run whose cluster is forgotten: by then the others are known, and one notice names all."""

NEWS_PERIOD = timedelta(hours=1)
"""How long the notice that a server remembers again is still worth sending."""

MAX_NAMED_RUNS = 20
"""Maximum number of runs that a notice names."""

FORGOT = N_(
    ":rotating_light: *SkyPilot's server no longer knows the clusters of {runs}.* Its database was lost, or "
    "SKYPILOT_API_SERVER_ENDPOINT names another server. The machines may be running and billing. Until the right "
    "server answers, these runs stay open and count against the limits. When a lease ends or a person stops a "
    "run, I ask SkyPilot to remove its cluster, but cannot confirm it. Restore the server or its database; then "
    "the runs continue."
)
REMEMBERS = N_(":white_check_mark: SkyPilot's server remembers the clusters of {runs} again.")


@dataclass(frozen=True, slots=True)
class MemoryWatch:
    """Compares what the records say of SkyPilot's memory with what was announced.

    Attributes:
        is_leader: whether this process, of those that share the store, is the one that acts.
    """

    store: RunReader
    announcer: Announcer
    now: Now
    is_leader: Callable[[], bool]

    def check(self) -> timedelta | None:
        """Announce what is new. Return the delay until the next look, None for the usual period."""
        if not self.is_leader():
            return None
        candidates = [
            (run, run.observed.memory.loss) for run in self.store.list_open_runs() if run.status is not RunStatus.ENDED
        ]
        losses = [(run, loss) for run, loss in candidates if loss is not None]
        lost = [(run, loss) for run, loss in losses if loss.until is None]
        recovered = [
            (run, loss) for run, loss in losses if loss.until is not None and self.now() < loss.until + NEWS_PERIOD
        ]
        if lost:
            return self._announce("forgot", FORGOT, lost)
        return self._announce("remembers", REMEMBERS, recovered) if recovered else None

    def _announce(self, what: str, key: str, losses: Sequence[tuple[Run, Outage]]) -> timedelta | None:
        """Announce an incident, which is identified by when it began; return the delay if it is too early."""
        began = min(loss.since for _, loss in losses)
        # Other clusters may be forgotten at the same time: wait, so that one notice names them all.
        if (wait := began + GATHER_DELAY - self.now()) > timedelta():
            return wait
        names = [f"`{run.id}`" for run, _ in losses[:MAX_NAMED_RUNS]]
        more = [f"+{len(losses) - MAX_NAMED_RUNS}"] if len(losses) > MAX_NAMED_RUNS else []
        self.announcer.announce(f"memory-{what}-{began.timestamp():.0f}", Phrase(key, runs=join_list([*names, *more])))
        return None
