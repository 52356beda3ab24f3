"""The word of a second person on a launch."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self


@dataclass(frozen=True, slots=True)
class Approval:
    """Who was asked, and what one of them said.

    Attributes:
        asked: Slack's ids of the leads who may answer.
        until: when the launch is given up.
        task_hash: of the exact task that is asked for; no other is launched by it.
        by, at: who answered, and when; None until somebody does.
        granted: whether it may be launched.
    """

    asked: tuple[str, ...]
    until: datetime
    task_hash: str
    by: str | None = None
    at: datetime | None = None
    granted: bool = False

    def answered(self, by: str, granted: bool, now: datetime) -> Self:
        """The first word counts."""
        return self if self.by else replace(self, by=by, at=now, granted=granted)
