"""Whether a cloud remembers what it has shown: only then does the absence of a cluster prove anything. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from bot.core.doubt import Outage
from bot.core.seen import Observation, RequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudMemory:
    """What a cloud has shown of a run's cluster, and whether it still knows that.

    Attributes:
        cluster_id: the cloud's own id of the cluster, as last shown; empty where none was.
        server: identity of the server state in which the cluster was last requested; see `Observation`.
        loss: when the cloud was found to have lost the cluster's record, and when it had it again; None where it always
            had it.
        confirmed_gone_by: Slack's id of the person who has checked by hand in the meantime, and confirmed that the
            machines are gone.
    """

    cluster_id: str = ""
    server: str = ""
    loss: Outage | None = None
    confirmed_gone_by: str | None = None

    @property
    def is_lost(self) -> bool:
        """Return whether the cloud does not know the cluster now, so that its absence proves nothing."""
        return self.loss is not None and self.loss.until is None

    def record_request(self, server: str) -> Self:
        """Return the memory after the cluster was requested from a server of that identity."""
        return replace(self, server=server or self.server)

    def record_observation(self, observation: Observation, now: datetime) -> Self:
        """Return the memory after an observation by a cloud that knows the cluster, which ends a loss."""
        loss = replace(self.loss, until=now) if self.loss and self.is_lost else self.loss
        return replace(self, cluster_id=observation.cluster_id or self.cluster_id, loss=loss, confirmed_gone_by=None)

    def record_loss(self, now: datetime) -> Self:
        """Return the memory after a look found that the cloud does not know the cluster."""
        return self if self.is_lost else replace(self, loss=Outage(now))

    def confirm_gone(self, by: str) -> Self:
        """Return the memory with a person's confirmation that the machines are gone.

        It counts while the cloud cannot show whether they are.
        """
        return replace(self, confirmed_gone_by=self.confirmed_gone_by or by) if self.is_lost else self


def is_forgotten(was_shown: bool, server: str, observation: Observation) -> bool:
    """Return whether an observation without the cluster comes from a cloud that has lost the cluster's record.

    SkyPilot never deletes a cluster from its history (0.14.1, table `cluster_history`), so a cluster that it has shown
    once is shown again, or its ending is. Neither means that the database was lost, or that another server answers.

    Args:
        was_shown: whether an earlier observation has shown the cluster, its job or its bill.
        server: identity of the server state in which the cluster was requested; empty where nothing was requested, or
            it is not known.
    """
    # A cluster or its recorded ending proves that the cloud remembers.
    if not observation.is_empty or observation.ending is not None:
        return False
    if observation.request in (
        RequestState.FAILED,
        RequestState.CANCELLED,
    ):  # a server that knows how the launch ended has received it
        return was_shown
    return was_shown or (server != "" and observation.server not in ("", server))
