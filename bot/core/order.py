"""What a cloud receives: the task to launch under a name, and references to clusters to observe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.managed import is_managed, may_rent_controller
from bot.core.recipe import Task

DEADLINE_VARIABLE = "MLP_CURRENT_CAPACITY_BLOCK_EXPIRATION_TIMESTAMP"
"""The variable in which verl looks, in Unix seconds, for when its machines will be taken away, to save before that
(verl 0.9.1).
"""


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """A launch, as a cloud receives it.

    Attributes:
        cluster: the name, and the idempotency key: two orders of one name are one order.
        task: the task to run.
        secrets: names of secrets; the cloud adds the values that it was given.
        tags: metadata on the cluster, for people who find it elsewhere: its run, recipe, requester and task's hash.
        is_retry: whether it was requested before, so that an earlier launch of it may be in progress.
        deadline: when the run will be ended automatically, for its program to know. It is not part of the task, whose
            hash people have approved.
    """

    cluster: str
    task: Task
    secrets: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    is_retry: bool = False
    deadline: datetime | None = None

    @property
    def is_managed(self) -> bool:
        """Return whether it is to be a managed job."""
        return is_managed(self.task)

    @property
    def may_rent_controller(self) -> bool:
        """Return whether a jobs controller may be rented for it."""
        return may_rent_controller(self.task)

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the task's variables, with the deadline for its program.

        A value that the task sets itself has precedence.
        """
        deadline_variables = {DEADLINE_VARIABLE: f"{self.deadline.timestamp():.0f}"} if self.deadline else {}
        # The task's own value comes last, so it has precedence.
        return {**deadline_variables, **(self.task.get("envs") or {})}


@dataclass(frozen=True, slots=True)
class ClusterRef:
    """A reference to a cluster, with what the run's record knows of it.

    Attributes:
        cluster: the cluster's name.
        request_id: SkyPilot's id of the launch request.
        job_id: the job's number on the cluster.
        job_name: the job's name, which is the task's.
        launch_requested_at: when the cluster was first requested.
        autostop_request_id: SkyPilot's id of the bot's last request to set autostop, after the launch.
        is_managed: whether it is a managed job: then the name is the job's, and SkyPilot names its clusters.
        was_shown: whether an earlier observation has shown it.
    """

    cluster: str
    request_id: str | None = None
    job_id: int | None = None
    job_name: str | None = None
    launch_requested_at: datetime | None = None
    autostop_request_id: str | None = None
    is_managed: bool = False
    was_shown: bool = False
