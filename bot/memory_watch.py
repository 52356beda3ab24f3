"""Notices to the people who run the machines: SkyPilot's server has forgotten clusters, or remembers them again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.announcer import Announcer
from bot.core.doubt import Outage
from bot.core.run import Run
from bot.core.status import RunStatus
from bot.language import ENGLISH, N_, join_list, translate, use_language
from bot.ports import Now, Store

GATHER_DELAY = timedelta(seconds=30)
"""Delay after the first run whose cluster is forgotten: by then the others are known, and one notice names all."""

NEWS_PERIOD = timedelta(hours=1)
"""How long the notice that a server remembers again is still worth sending."""

MAX_NAMED_RUNS = 20
"""Maximum number of runs that a notice names."""

FORGOT = N_(
    ":rotating_light: *SkyPilot's server does not remember the clusters of {runs}.* Its database was lost, or "
    "SKYPILOT_API_SERVER_ENDPOINT names another server. Their machines may be running and billing. Until the right "
    "server answers I conclude nothing: these runs stay open and keep their places, and what their leases or people "
    "end I ask it to remove, without proof. Bring the server or its database back; the runs go on then."
)
REMEMBERS = N_(":white_check_mark: SkyPilot's server remembers the clusters of {runs} again.")


@dataclass(frozen=True, slots=True)
class MemoryWatch:
    """Compares what the records say of SkyPilot's memory with what was announced.

    Attributes:
        is_leader: whether this process, of those that share the store, is the one that acts.
    """

    store: Store
    announcer: Announcer
    now: Now
    is_leader: Callable[[], bool]
    language: str = ENGLISH

    def check(self) -> timedelta | None:
        """Announce what is new. Return the delay until the next look, None for the usual period."""
        if not self.is_leader():
            return None
        candidates = [
            (run, run.memory.loss) for run in self.store.list_open_runs() if run.status is not RunStatus.ENDED
        ]
        losses = [(run, loss) for run, loss in candidates if loss is not None]
        lost = [(run, loss) for run, loss in losses if loss.until is None]
        recovered = [
            (run, loss) for run, loss in losses if loss.until is not None and self.now() < loss.until + NEWS_PERIOD
        ]
        with use_language(self.language):
            if lost:
                return self._announce("forgot", FORGOT, lost)
            return self._announce("remembers", REMEMBERS, recovered) if recovered else None

    def _announce(self, what: str, text: str, losses: Sequence[tuple[Run, Outage]]) -> timedelta | None:
        """Announce an incident, which is identified by when it began; return the delay if it is too early."""
        began = min(loss.since for _, loss in losses)
        # Other clusters may be forgotten at the same time: wait, so that one notice names them all.
        if (wait := began + GATHER_DELAY - self.now()) > timedelta():
            return wait
        names = [f"`{run.id}`" for run, _ in losses[:MAX_NAMED_RUNS]]
        more = [f"+{len(losses) - MAX_NAMED_RUNS}"] if len(losses) > MAX_NAMED_RUNS else []
        self.announcer.announce(
            f"memory-{what}-{began.timestamp():.0f}", translate(text, runs=join_list([*names, *more]))
        )
        return None
