"""Autostop: what a task asks for, and what became of it where somebody changed it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

DEFAULT_MINUTES = 15
"""For recipes that say nothing of it."""

UNITS = {"": 1, "m": 1, "h": 60, "d": 1440, "w": 10080}
"""SkyPilot's, in minutes (sky/skylet/constants.py, TIME_UNITS)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """An autostop that was set.

    Attributes:
        request_id: the cloud's name of the setting, by which it is told from those of others.
        by: who changed it before, as the cloud calls him; None where it does not tell.
    """

    request_id: str
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """An autostop that was found other than asked for, and is set again.

    Attributes:
        since: when it was found so; it tells this change from the next.
        found: idle minutes that the cluster had instead; None for no autostop.
        was_set: whether it had been seen as asked for before.
        tried_at: when it was last set again.
        setting: the last one that was accepted; earlier_request: the bot's own before this change.
        refused: why this cluster cannot have one: a sentence.
        mended_at: when it was seen as asked for again.
    """

    since: datetime
    found: int | None
    was_set: bool
    tried_at: datetime
    setting: Setting | None = None
    refused: str | None = None
    mended_at: datetime | None = None
    earlier_request: str | None = None

    @property
    def request_id(self) -> str | None:
        """Of the bot's last setting, for which nobody is blamed."""
        return self.setting.request_id if self.setting else self.earlier_request

    @property
    def over(self) -> bool:
        """Whether nothing is tried any more: it is as asked for, or never can be."""
        return self.mended_at is not None or self.refused is not None

    def looked(self, as_asked: bool, now: datetime) -> Self:
        return replace(self, mended_at=now) if as_asked and not self.over else self

    def was_accepted(self, setting: Setting) -> Self:
        """Who changed it tells the first setting after that; a later one would tell of ours."""
        by = self.setting.by if self.setting else setting.by
        return replace(self, setting=Setting(setting.request_id, by))

    def was_refused(self, why: str) -> Self:
        return replace(self, refused=why)


def begun(before: Mending | None, found: int | None, was_set: bool, now: datetime) -> Mending:
    """One more try: of the same change while that is not mended, or of a new one."""
    if before and not before.over:
        return replace(before, found=found, tried_at=now)
    known = before is not None and before.mended_at is not None
    earlier = before.request_id if before else None
    return Mending(since=now, found=found, was_set=was_set or known, tried_at=now, earlier_request=earlier)


def asked_minutes(task: Mapping[str, Any]) -> int | None:
    """Idle minutes after which the task wants its cluster removed; None where it wants it kept.

    >>> [asked_minutes({"resources": {"autostop": asked}}) for asked in ({"idle_minutes": 5}, 0, "2h", True, False)]
    [5, 1, 120, 15, None]
    >>> asked_minutes({})
    15
    """
    asked = (task.get("resources") or {}).get("autostop")
    if isinstance(asked, Mapping):
        asked = asked.get("idle_minutes")
    if asked is False:
        return None
    return DEFAULT_MINUTES if asked is None or asked is True else max(minutes(str(asked)), 1)


def minutes(text: str) -> int:
    """As SkyPilot reads them; DEFAULT_MINUTES where it would read nothing.

    >>> minutes("90"), minutes("2h"), minutes("soon")
    (90, 120, 15)
    """
    found = re.fullmatch(r"(\d{1,9})([mhdw]?)", text.strip().lower())
    return int(found[1]) * UNITS[found[2]] if found else DEFAULT_MINUTES
