"""How charts are shown, and which ways Slack has refused lately: for one chart, or for the whole workspace."""

import logging
import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import Enum

from bot.app.ports import Now

log = logging.getLogger(__name__)

REFUSAL_LIFETIME = timedelta(days=1)
"""How long a rejected mode is avoided: Slack introduces a new block in one workspace after the other."""

UNKNOWN_BLOCK = re.compile(
    r"unsupported|unknown (?:block|type)|not (?:supported|enabled|available|allowed)", re.IGNORECASE
)
"""Matches Slack's reasons for refusing every chart; any other reason concerns the one chart."""

MAX_REFUSED_CHARTS = 3
"""Number of different charts that Slack refuses in a day before every chart counts as refused: a response URL, and some
plans, give no reason."""


class ChartMode(Enum):
    """How charts are shown."""

    NATIVE = "native"
    PICTURES = "pictures"
    WORDS = "words"


class ChartModes:
    """Remembers for a day which charts Slack has refused, by their titles."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._workspace_until: dict[ChartMode, datetime] = {}
        self._chart_until: dict[tuple[ChartMode, str], datetime] = {}

    def choose(self, titles: Collection[str] = ()) -> ChartMode:
        """Return the best mode that has not been refused lately for any of these charts."""
        modes = (mode for mode in (ChartMode.NATIVE, ChartMode.PICTURES) if not self._is_refused(mode, titles))
        return next(modes, ChartMode.WORDS)

    def refuse(self, mode: ChartMode, titles: Collection[str], reasons: Sequence[str] = ()) -> None:
        """Avoid a mode for these charts; for all, where the reason is that the workspace does not know such blocks."""
        if mode is ChartMode.WORDS:
            return
        now = self._now()
        until = now + REFUSAL_LIFETIME
        self._chart_until = {key: time for key, time in self._chart_until.items() if time > now}
        self._chart_until |= {(mode, title): until for title in titles}
        refused_count = sum(refused_mode is mode for refused_mode, _ in self._chart_until)
        is_unexplained = not reasons and refused_count >= MAX_REFUSED_CHARTS
        if is_unexplained or any(map(UNKNOWN_BLOCK.search, reasons)):
            self.refuse_everywhere(mode)
        else:
            log.warning("Slack refuses %s as %s; it is tried again in a day: %s", sorted(titles), mode.value, reasons)

    def refuse_everywhere(self, mode: ChartMode) -> None:
        """Avoid a mode for every chart of the workspace."""
        log.warning("Slack refuses charts as %s; that is tried again in a day", mode.value)
        self._workspace_until[mode] = self._now() + REFUSAL_LIFETIME

    def _is_refused(self, mode: ChartMode, titles: Collection[str]) -> bool:
        now = self._now()
        times = [self._workspace_until.get(mode, now), *(self._chart_until.get((mode, title), now) for title in titles)]
        return max(times) > now
