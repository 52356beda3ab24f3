"""What is kept of a run apart from its record, so that a record that cannot be read still ends. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from bot.core.memory import is_forgotten
from bot.core.order import Watched
from bot.core.orphans import PREFIX
from bot.core.run import Run
from bot.core.seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStub:
    """The little of a run that ends it: plain numbers and strings, whatever version wrote the record beside it.

    Attributes:
        requester, channel: Slack's ids, of who launched it and of where it is shown; empty where not known.
        managed: whether it is a managed job of SkyPilot's.
        asked_at: Unix seconds of when a cluster was first asked for; None where none was, or where it is not known.
        lease_ends_at: Unix seconds; None likewise.
        dollars_per_hour: of all its nodes; 0.0 where no price is known.
        was_shown: whether a look has shown its cluster.
        server: identity of the memory that was asked for it; see `bot.core.seen.Seen`.
    """

    run_id: str
    requester: str = ""
    channel: str = ""
    managed: bool = False
    asked_at: float | None = None
    lease_ends_at: float | None = None
    dollars_per_hour: float = 0.0
    was_shown: bool = False
    server: str = ""

    @classmethod
    def of_run(cls, run: Run) -> Self:
        return cls(
            run_id=run.id,
            requester=run.requester,
            channel=run.thread_channel or run.channel,
            managed=run.managed,
            asked_at=run.first_asked_at.timestamp() if run.first_asked_at else None,
            lease_ends_at=run.lease_ends_at.timestamp() if run.lease_ends_at else None,
            dollars_per_hour=run.hourly.dollars_per_hour if run.hourly else 0.0,
            was_shown=run.was_shown,
            server=run.memory.server,
        )

    @property
    def cluster(self) -> str:
        """The name of its cluster, made of its id as `Run.cluster` is."""
        return f"{PREFIX}{self.run_id}"

    @property
    def watched(self) -> Watched:
        asked_at = datetime.fromtimestamp(self.asked_at, UTC) if self.asked_at is not None else None
        return Watched(
            self.cluster, job_name=self.run_id, asked_at=asked_at, managed=self.managed, was_shown=self.was_shown
        )

    def is_forgotten_by(self, seen: Seen) -> bool:
        return is_forgotten(self.was_shown, self.server, seen)

    @property
    def lease_end(self) -> datetime | None:
        return datetime.fromtimestamp(self.lease_ends_at, UTC) if self.lease_ends_at is not None else None

    def dollars(self, now: datetime) -> float:
        """Return what it has cost by its rate since a cluster was asked for; 0.0 where that is not known."""
        if self.asked_at is None:
            return 0.0
        hours = timedelta(seconds=now.timestamp() - self.asked_at) / timedelta(hours=1)
        return self.dollars_per_hour * max(hours, 0.0)
