"""What a cloud is told: which task to launch under which name, and which cluster to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.managed import is_managed, may_rent
from bot.core.recipe import Task

DEADLINE_VARIABLE = "MLP_CURRENT_CAPACITY_BLOCK_EXPIRATION_TIMESTAMP"
"""In it verl looks, in Unix seconds, for when its machines will be taken away, and saves before (verl 0.9.1)."""


@dataclass(frozen=True, slots=True)
class Order:
    """A launch as a cloud is asked for it.

    Attributes:
        cluster: the name, and the idempotency key: two orders of one name are one order.
        task: what to run.
        secrets: names of secrets; the cloud adds the values that it was given.
        tags: what travels with the cluster, for whoever meets it elsewhere: its run, recipe, person and task's hash.
        again: whether it was asked for before, so that a launch of it may be under way.
        deadline: when the run will be ended by itself, for its program to know; it is no part of the task, whose hash
            people have agreed to.
    """

    cluster: str
    task: Task
    secrets: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    deadline: datetime | None = None

    @property
    def managed(self) -> bool:
        """Whether it is to be a managed job."""
        return is_managed(self.task)

    @property
    def may_rent(self) -> bool:
        """Whether a controller may be rented for it."""
        return may_rent(self.task)

    @property
    def environment(self) -> Mapping[str, str]:
        """The task's variables, with what its program is told of its deadline; one that the task sets itself stands."""
        told = {DEADLINE_VARIABLE: f"{self.deadline.timestamp():.0f}"} if self.deadline else {}
        return {**told, **(self.task.get("envs") or {})}


@dataclass(frozen=True, slots=True)
class Watched:
    """A cluster to look at, with what the record knows of it.

    Attributes:
        request_id: what SkyPilot called the launch.
        job_id: the job's number on the cluster; job_name: its name, which is the task's.
        asked_at: when the cluster was first asked for.
        autostop_request: what SkyPilot called the last setting of its autostop by the bot, after the launch.
        managed: whether it is a managed job: then the name is the job's, and SkyPilot names its clusters.
        was_shown: whether an earlier look has shown it.
    """

    cluster: str
    request_id: str | None = None
    job_id: int | None = None
    job_name: str | None = None
    asked_at: datetime | None = None
    autostop_request: str | None = None
    managed: bool = False
    was_shown: bool = False
