"""Whether a cloud remembers what it has shown: only then does the absence of a cluster prove anything. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from bot.core.doubt import Outage
from bot.core.seen import Request, Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a cloud has shown of a run's cluster, and whether it still knows that.

    Attributes:
        cluster_id: the cloud's own id of the cluster, as last shown; empty where none was.
        server: identity of the memory that was last asked for the cluster; see `Seen`.
        loss: when the cloud was found not to remember the cluster, and when it did again; None where it always has.
        gone_by: Slack's id of who has looked by hand meanwhile, and says that its machines are gone.
    """

    cluster_id: str = ""
    server: str = ""
    loss: Outage | None = None
    gone_by: str | None = None

    @property
    def is_lost(self) -> bool:
        """Return whether the cloud does not remember the cluster now, so that nothing can be concluded."""
        return self.loss is not None and self.loss.until is None

    def record_ask(self, server: str) -> Self:
        """Return it after the cluster was asked for, from a memory of that identity."""
        return replace(self, server=server or self.server)

    def record_look(self, seen: Seen, now: datetime) -> Self:
        """Return it after a look that was not forgetful, which ends a loss."""
        loss = replace(self.loss, until=now) if self.loss and self.is_lost else self.loss
        return replace(self, cluster_id=seen.cluster_id or self.cluster_id, loss=loss, gone_by=None)

    def record_loss(self, now: datetime) -> Self:
        return self if self.is_lost else replace(self, loss=Outage(now))

    def confirm_gone(self, by: str) -> Self:
        """Return it with a person's word that the machines are gone, which counts while the cloud cannot tell."""
        return replace(self, gone_by=self.gone_by or by) if self.is_lost else self


def is_forgotten(was_shown: bool, server: str, seen: Seen) -> bool:
    """Return whether a look that shows nothing comes from a cloud that has lost its memory of the cluster.

    SkyPilot never deletes a cluster from its history (0.14.1, table `cluster_history`), so one that it has shown once
    is shown again, or told of with its ending. Neither means that its database was lost, or that another server
    answers.

    Args:
        was_shown: whether an earlier look has shown the cluster, its job or its bill.
        server: identity of the memory that was asked for the cluster; empty where nothing was asked, or not known.
    """
    if not seen.nothing or seen.ending is not None:
        return False
    if seen.request in (Request.FAILED, Request.CANCELLED):  # who knows how the launch ended was asked for it
        return was_shown
    return was_shown or (server != "" and seen.server not in ("", server))
