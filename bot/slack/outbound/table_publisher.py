"""Tables in answers: as Slack's table block, and as lines where the workspace refuses it."""

import logging
from datetime import datetime, timedelta
from threading import Lock

from bot.app.ports import Now
from bot.slack.outbound.refusals import MALFORMED_CODES
from bot.slack.outbound.web_client import SlackRejected
from bot.slack.views.message import Answer, Responder
from bot.slack.views.tables import is_table, replace_tables

log = logging.getLogger(__name__)

TABLE_REFUSAL_LIFETIME = timedelta(days=1)
"""How long tables are avoided: Slack introduces a new block in one workspace after the other."""

MAX_REFUSED_TABLES = 2
"""Refusals in a row from which tables are avoided: a single one may be the fault of its content."""


class TablePublisher:
    """Shows tables while the workspace takes them. A table that Slack refuses is sent again as lines.

    Args:
        now: returns the current time.
    """

    def __init__(self, now: Now) -> None:
        self._now = now
        self._lock = Lock()
        self._refused_in_a_row = 0
        self._retry_at: datetime | None = None

    @property
    def takes_tables(self) -> bool:
        """Return whether the workspace has not refused tables lately."""
        return self._retry_at is None or self._now() >= self._retry_at

    def with_tables(self, responder: Responder) -> Responder:
        """Return a responder for answers with tables."""

        def respond(answer: Answer) -> None:
            """Send the answer with its tables; if Slack refuses them, send it with lines instead."""
            if self.takes_tables and any(map(is_table, answer["blocks"])):
                try:
                    responder(answer)
                except SlackRejected as error:
                    # Only a malformed block means that this workspace does not know tables.
                    if error.code not in MALFORMED_CODES:
                        raise
                    self._record_refusal(error.code)
                else:
                    self._refused_in_a_row = 0
                    return
            responder(answer | {"blocks": replace_tables(answer["blocks"])})

        return respond

    def _record_refusal(self, code: str) -> None:
        """Count a refusal; avoid tables for a day after several in a row."""
        with self._lock:
            self._refused_in_a_row += 1
            if self._refused_in_a_row >= MAX_REFUSED_TABLES:
                log.warning("Slack refuses tables (%s); they are tried again in a day", code)
                self._retry_at, self._refused_in_a_row = self._now() + TABLE_REFUSAL_LIFETIME, 0
