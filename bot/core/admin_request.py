"""What SkyPilot asks its admin policy about: one launch, in one of several steps. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from bot.core.recipe import Task


class AdminRequestKind(StrEnum):
    """What SkyPilot does with a request, by SkyPilot's name of it (sky/server/requests/request_names.py)."""

    VALIDATE = "look"  # launches nothing yet: validate and optimize
    LAUNCH = "launch"  # launches a cluster
    SUBMIT = "submit"  # submits managed jobs and services, whose machines their controller launches
    OTHER = "other"  # launches no machines of its own, or those of a job or service that was checked before

    @classmethod
    def from_name(cls, name: str) -> Self:
        """Return the kind of the request that has this name in SkyPilot.

        >>> [AdminRequestKind.from_name(name) for name in ("launch", "jobs.launch", "exec")]
        [<AdminRequestKind.LAUNCH: 'launch'>, <AdminRequestKind.SUBMIT: 'submit'>, <AdminRequestKind.OTHER: 'other'>]
        """
        return cls(KIND_BY_REQUEST_NAME.get(name, "other"))


KIND_BY_REQUEST_NAME = {
    "validate": "look",
    "optimize": "look",
    "launch": "launch",
    "jobs.launch": "submit",
    "jobs.pool_apply": "submit",
    "serve.up": "submit",
    "serve.update": "submit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminRequest:
    """One question of SkyPilot's to its admin policy.

    Attributes:
        task: the task as it would be launched, with its secrets' values: it is never shown and never stored.
        cluster: name of the cluster, if it has one already; is_dry_run: whether nothing is to be launched.
        is_about_cluster: whether the request is about a cluster; a validation for a job, or of a running cluster, does
            not say.
        user: SkyPilot's name of the requester; None if the requester's own client asks, whose word proves nothing.
    """

    kind: AdminRequestKind
    task: Task = field(repr=False)
    cluster: str | None = None
    is_dry_run: bool = False
    is_about_cluster: bool = True
    user: str | None = None
