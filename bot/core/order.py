"""What a cloud is told: which task to launch under which name, and which cluster to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.recipe import Task


@dataclass(frozen=True, slots=True)
class Order:
    """A launch as a cloud is asked for it.

    Attributes:
        cluster: the name, and the idempotency key: two orders of one name are one order.
        task: what to run.
        secrets: names of secrets; the cloud adds the values that it was given.
    """

    cluster: str
    task: Task
    secrets: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """A cluster to look at, with what the record knows of it."""

    cluster: str
    request_id: str | None = None
    job_id: int | None = None
