"""What SkyPilot asks its admin policy about: one launch, in one of several steps. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from bot.core.recipe import Task


class Kind(StrEnum):
    """What becomes of a request, by SkyPilot's name of it (sky/server/requests/request_names.py)."""

    LOOK = "look"  # nothing is launched yet: validate and optimize
    LAUNCH = "launch"  # a cluster
    SUBMIT = "submit"  # managed jobs and services, whose machines their controller launches
    OTHER = "other"  # no machines of its own, or machines that a controller launches for what was weighed before

    @classmethod
    def of(cls, name: str) -> Self:
        """
        >>> Kind.of("launch"), Kind.of("jobs.launch"), Kind.of("exec")
        (<Kind.LAUNCH: 'launch'>, <Kind.SUBMIT: 'submit'>, <Kind.OTHER: 'other'>)
        """
        return cls(KINDS.get(name, "other"))


KINDS = {
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
    """One question.

    Attributes:
        task: as it would be launched, its secrets' values included: it is shown and kept nowhere.
        cluster: its name, where it has one already; dry: whether nothing is to be launched.
        of_cluster: whether it is about a cluster: a look for a job, or at one that stands, does not say so.
        user: SkyPilot's name of who asks; None where his own client asks, which anybody can write.
    """

    kind: Kind
    task: Task = field(repr=False)
    cluster: str | None = None
    dry: bool = False
    of_cluster: bool = True
    user: str | None = None
