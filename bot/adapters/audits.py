"""The audit in Redis: a stream of all events, and a list of events per run, written in the same step as the change."""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.connection import answered
from bot.adapters.keys import AUDIT, EVENTS, POLICY, RUN
from bot.core.audit import AuditEvent, run_event
from bot.core.run import Run
from bot.origin import current_origin

log = logging.getLogger(__name__)

printed = logging.getLogger("bot.audit")
"""Logger that writes each event as a line of JSON on standard output, for log collectors (bot/masked_log.py)."""

FIELD = "event"

DECODER = msgspec.json.Decoder(AuditEvent)

BATCH = 500
"""Number of events read in one call."""

MOST_RUN_EVENTS = 2_000
"""Maximum events of one run that are kept beside the stream: enough for a run of ninety days that is changed every
hour.
"""


KEPT = timedelta(days=365)
"""How long an event is kept unless a setting says otherwise."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class RedisAudit:
    """Audit events in a Redis stream. Every call raises Unavailable if the store does not answer.

    Args:
        now: the bot's own time.
        retention: how long an event is kept.
    """

    def __init__(self, redis: Redis, now: Callable[[], datetime] = utc_now, kept: timedelta = KEPT) -> None:
        self._redis = redis
        self.now = now
        self._kept = kept

    def write_change(self, tx: Pipeline, before: Run | None, after: Run) -> AuditEvent | None:
        """Add the event of a change to a run's record to the transaction that makes the change.

        Return None if the change is not an event.
        """
        event = run_event(before, after, self.now(), current_origin())
        if event:
            document = msgspec.json.encode(event)
            tx.xadd(AUDIT, {FIELD: document})
            tx.rpush(EVENTS.format(after.id), document)
            tx.ltrim(EVENTS.format(after.id), -MOST_RUN_EVENTS, -1)
        return event

    def record(self, event: AuditEvent) -> None:
        """Write an event on its own, and delete events that are older than the retention."""
        with answered():
            document = msgspec.json.encode(event)
            self._redis.xadd(AUDIT, {FIELD: document})
            # A refusal changes no record, but belongs to the history of its run.
            if self._redis.exists(RUN.format(event.on)):
                self._redis.rpush(EVENTS.format(event.on), document)
            self.trim()
        print_event(event)

    def swap_policy(self, described: Mapping[str, str]) -> Mapping[str, str]:
        """Store the policy's description, part by part, and return the previous one; empty at a first start."""
        with answered(), self._redis.pipeline() as tx:
            tx.hgetall(POLICY)
            tx.delete(POLICY)
            tx.hset(POLICY, mapping=cast(Any, dict(described)))
            found: dict[bytes, bytes] = tx.execute()[0]
        return {name.decode(): value.decode(errors="replace") for name, value in found.items()}

    def trim(self) -> None:
        """Delete events that are older than the retention."""
        self._redis.xtrim(AUDIT, minid=self._oldest(self._kept), approximate=False)

    def of_run(self, run_id: str) -> list[AuditEvent]:
        """Return the events of a run, the oldest first."""
        with answered():
            found = self._redis.lrange(EVENTS.format(run_id), 0, -1)
        return [event for document in found if (event := readable(document))]

    def since(self, span: timedelta) -> Iterator[AuditEvent]:
        """Yield all events of the last time span, the newest first, in batches because there may be many."""
        with answered():
            oldest, newest = self._oldest(min(span, self._kept)), "+"
        while True:
            with answered():
                found = cast(list[tuple[bytes, dict[bytes, Any]]], self._redis.xrevrange(AUDIT, newest, oldest, BATCH))
            yield from (event for _, one in found if (event := readable(one.get(FIELD.encode(), b""))))
            if len(found) < BATCH:
                return
            newest = f"({found[-1][0].decode()}"

    def _oldest(self, span: timedelta) -> str:
        """Return the id of the oldest entry of a time span; the server numbers entries by its own clock."""
        seconds, microseconds = self._redis.time()
        return str(max(seconds * 1000 + microseconds // 1000 - span // timedelta(milliseconds=1), 0))


def print_event(event: AuditEvent | None) -> None:
    """Write the event to the audit log as one line of JSON."""
    if event:
        printed.info("%s", msgspec.json.encode(event).decode())


def readable(document: bytes | str) -> AuditEvent | None:
    """Return the event of a document, or None, with a warning in the log, if it cannot be read."""
    try:
        return DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.warning("an event of the audit cannot be read: %s", error)
        return None
