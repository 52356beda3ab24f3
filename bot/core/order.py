"""What a cloud is told: which task to launch under which name, and which cluster to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.recipe import Task


@dataclass(frozen=True, slots=True)
class Order:
    """A launch as a cloud is asked for it.

    Attributes:
        cluster: the name, and the idempotency key: two orders of one name are one order.
        task: what to run.
        secrets: names of secrets; the cloud adds the values that it was given.
        tags: what travels with the cluster, for whoever meets it elsewhere: its run, recipe, person and task's hash.
    """

    cluster: str
    task: Task
    secrets: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watched:
    """A cluster to look at, with what the record knows of it.

    Attributes:
        request_id: what SkyPilot called the launch.
        job_id: the job's number on the cluster; job_name: its name, which is the task's.
        asked_at: when the cluster was first asked for.
        autostop_request: what SkyPilot called the last setting of its autostop by the bot, after the launch.
    """

    cluster: str
    request_id: str | None = None
    job_id: int | None = None
    job_name: str | None = None
    asked_at: datetime | None = None
    autostop_request: str | None = None
