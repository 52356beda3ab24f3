"""Autostop: what a task requests, and how the bot repairs it after a change from outside. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

DEFAULT_MINUTES = 15
"""Idle minutes of a recipe that does not set an autostop."""

MINUTES_PER_UNIT = {"": 1, "m": 1, "h": 60, "d": 1440, "w": 10080}
"""Minutes of each of SkyPilot's time units (sky/skylet/constants.py, TIME_UNITS)."""


@dataclass(frozen=True, slots=True)
class AutostopSetting:
    """An autostop that was set.

    Attributes:
        request_id: the cloud's name of the request, which distinguishes the bot's settings from those of others.
        by: who changed it before, by the cloud's name; None if the cloud does not say.
    """

    request_id: str
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AutostopRepair:
    """The repair of an autostop that was observed other than the task requests.

    Attributes:
        since: when it was first observed so; identifies this change.
        observed_minutes: idle minutes that the cluster had instead; None for no autostop.
        was_set: whether it had been observed as requested before.
        tried_at: when the bot last set it again.
        setting: the last setting that the cloud accepted; earlier_request_id: the bot's own request before this change.
        refusal: why this cluster cannot have an autostop, a sentence.
        repaired_at: when it was observed as requested again.
    """

    since: datetime
    observed_minutes: int | None
    was_set: bool
    tried_at: datetime
    setting: AutostopSetting | None = None
    refusal: str | None = None
    repaired_at: datetime | None = None
    earlier_request_id: str | None = None

    @property
    def request_id(self) -> str | None:
        """Return the request id of the bot's last setting, so that the bot's own change is not blamed on a person."""
        return self.setting.request_id if self.setting else self.earlier_request_id

    @property
    def is_finished(self) -> bool:
        """Return whether the repair needs no more tries: the autostop is as requested, or never can be."""
        return self.repaired_at is not None or self.refusal is not None

    def record_observation(self, as_requested: bool, now: datetime) -> Self:
        """Record an observation; the first that shows the autostop as requested finishes the repair."""
        return replace(self, repaired_at=now) if as_requested and not self.is_finished else self

    def record_setting(self, setting: AutostopSetting) -> Self:
        """Record a setting that the cloud accepted.

        The first setting after a change names who made it; a later one would name the bot.
        """
        by = self.setting.by if self.setting else setting.by
        return replace(self, setting=AutostopSetting(setting.request_id, by))

    def record_refusal(self, why: str) -> Self:
        """Record why the cluster cannot have an autostop."""
        return replace(self, refusal=why)


def begin_repair(
    before: AutostopRepair | None, observed_minutes: int | None, was_set: bool, now: datetime
) -> AutostopRepair:
    """Return the repair with one more try: of the same change while it is not repaired, or of a new one."""
    if before and not before.is_finished:
        return replace(before, observed_minutes=observed_minutes, tried_at=now)
    # A repair that succeeded has shown the cluster as requested, so this is a new change.
    was_repaired = before is not None and before.repaired_at is not None
    earlier = before.request_id if before else None
    return AutostopRepair(
        since=now,
        observed_minutes=observed_minutes,
        was_set=was_set or was_repaired,
        tried_at=now,
        earlier_request_id=earlier,
    )


def read_idle_minutes(task: Mapping[str, Any]) -> int | None:
    """Return the idle minutes after which the task wants its cluster removed; None if it wants the cluster kept.

    >>> [read_idle_minutes({"resources": {"autostop": asked}}) for asked in ({"idle_minutes": 5}, 0, "2h", True, False)]
    [5, 1, 120, 15, None]
    >>> read_idle_minutes({})
    15
    """
    autostop = (task.get("resources") or {}).get("autostop")
    if isinstance(autostop, Mapping):
        autostop = autostop.get("idle_minutes")
    # `autostop: false` keeps the cluster; `true`, or no setting, means DEFAULT_MINUTES.
    if autostop is False:
        return None
    return DEFAULT_MINUTES if autostop is None or autostop is True else max(parse_minutes(str(autostop)), 1)


def parse_minutes(text: str) -> int:
    """Return a duration in minutes as SkyPilot parses it; DEFAULT_MINUTES if SkyPilot could not.

    >>> parse_minutes("90"), parse_minutes("2h"), parse_minutes("soon")
    (90, 120, 15)
    """
    matched = re.fullmatch(r"(\d{1,9})([mhdw]?)", text.strip().lower())
    return int(matched[1]) * MINUTES_PER_UNIT[matched[2]] if matched else DEFAULT_MINUTES
