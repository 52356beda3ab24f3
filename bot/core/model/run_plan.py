"""What a run was approved to be, which never changes, and its limits, which people may change. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.model.launch_plan import Safeguard
from bot.core.model.policy import UNRESTRICTED
from bot.core.model.run_state import LimitChange, RunLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What was approved. It never changes.

    Attributes:
        nodes, gpus, infra: as requested.
        image: the container image that it runs in; empty for the machine as it is.
        task_hash: of the exact task.
        checkpoint_store: the bucket or volume that outlives the cluster; checkpoints_ephemeral: checkpoints have no
            such store.
        checkpoint_folder: the folder of its checkpoints on each node, as its task names it; empty if it has none.
        resumes: whether its recipe can resume from a checkpoint of another run.
        missing_safeguards: the safeguards that it runs without.
        metrics: beginnings of the metric keys that the end shows; secrets: names of those that the task gets.
        autostop_minutes: idle minutes that its task requests, or None.
        managed: whether it is a managed job of SkyPilot's.
        lease_warnings: times before the end of its lease at which a warning is sent.
    """

    nodes: int
    image: str = ""
    gpus: str = ""
    infra: str = ""
    task_hash: str
    checkpoint_store: str | None = None
    checkpoints_ephemeral: bool = False
    checkpoint_folder: str = ""
    resumes: bool = False
    missing_safeguards: tuple[Safeguard, ...] = ()
    metrics: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    autostop_minutes: int | None = None
    managed: bool = False
    lease_warnings: tuple[timedelta, ...] = UNRESTRICTED.lease_warnings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """The limits that end a run.

    Attributes:
        budget_dollars: the most that it may spend.
        lease: how long it may live after its first launch request.
        changes: how people have changed the limits since, oldest first.
    """

    budget_dollars: float
    lease: timedelta
    changes: tuple[LimitChange, ...] = ()

    def change(self, limit: RunLimit, new_value: float, by: str, now: datetime, delivery_id: str = "") -> Self:
        """Return the limits with another one from now on; the same delivery counts once.

        Args:
            new_value: dollars of the budget, or hours of the whole lease.
        """
        if delivery_id and any(change.delivery_id == delivery_id for change in self.changes):
            return self
        old_value = self.budget_dollars if limit is RunLimit.BUDGET else self.lease.total_seconds() / 3600
        changes = (*self.changes, LimitChange(limit, by, now, old_value, new_value, delivery_id))
        match limit:
            case RunLimit.BUDGET:
                return replace(self, budget_dollars=new_value, changes=changes)
            case RunLimit.LEASE:
                return replace(self, lease=timedelta(hours=new_value), changes=changes)
