"""The audit in Redis: a stream of all events, and a list of events per run, written in the same step as the change."""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.redis.connection import AUDIT_EVENTS, POLICY_PARTS, RUN_EVENTS, RUN_RECORD, translate_redis_errors
from bot.core.model.audit import AuditEvent, build_run_event
from bot.core.model.run import Run
from bot.runtime.request_origin import get_origin

log = logging.getLogger(__name__)

audit_log = logging.getLogger("bot.audit")
"""Logger that writes each event as a line of JSON on standard output, for log collectors.

See bot/bootstrap/masked_log.py.
"""

EVENT_FIELD = "event"

EVENT_DECODER = msgspec.json.Decoder(AuditEvent)

EVENT_BATCH_SIZE = 500
"""Number of events read in one call."""

MAX_RUN_EVENTS = 2_000
"""Maximum events of one run that are kept beside the stream: enough for a run of ninety days that is changed every
hour.
"""


EVENT_RETENTION = timedelta(days=365)
"""How long an event is kept unless a setting says otherwise."""


def get_utc_now() -> datetime:
    return datetime.now(UTC)


class RedisAudit:
    """Audit events in a Redis stream. Every call raises Unavailable if the store does not answer.

    Args:
        now: the bot's own time.
        retention: how long an event is kept.
    """

    def __init__(
        self, redis: Redis, now: Callable[[], datetime] = get_utc_now, retention: timedelta = EVENT_RETENTION
    ) -> None:
        self._redis = redis
        self.now = now
        self._retention = retention

    def build_change(self, before: Run | None, after: Run) -> AuditEvent | None:
        """Return the event of a change to a run's record, None if the change is not an event."""
        return build_run_event(before, after, self.now(), get_origin())

    def write_change(self, tx: Pipeline, run_id: str, event: AuditEvent | None) -> None:
        """Queue the event of a change to a run's record in the transaction that makes the change."""
        if event:
            document = msgspec.json.encode(event)
            tx.xadd(AUDIT_EVENTS, {EVENT_FIELD: document})
            tx.rpush(RUN_EVENTS.format(run_id), document)
            tx.ltrim(RUN_EVENTS.format(run_id), -MAX_RUN_EVENTS, -1)

    def record(self, event: AuditEvent) -> None:
        """Write an event on its own, and delete events that are older than the retention."""
        with translate_redis_errors():
            document = msgspec.json.encode(event)
            self._redis.xadd(AUDIT_EVENTS, {EVENT_FIELD: document})
            # A refusal changes no record, but belongs to the history of its run.
            if self._redis.exists(RUN_RECORD.format(event.on)):
                self._redis.rpush(RUN_EVENTS.format(event.on), document)
            self.trim()
        print_event(event)

    def swap_policy(self, description: Mapping[str, str]) -> Mapping[str, str]:
        """Store the policy's description, part by part, and return the previous one; empty at a first start."""
        with translate_redis_errors(), self._redis.pipeline() as tx:
            tx.hgetall(POLICY_PARTS)
            tx.delete(POLICY_PARTS)
            tx.hset(POLICY_PARTS, mapping=cast(Any, dict(description)))
            previous: dict[bytes, bytes] = tx.execute()[0]
        return {name.decode(): value.decode(errors="replace") for name, value in previous.items()}

    def trim(self) -> None:
        """Delete events that are older than the retention."""
        self._redis.xtrim(AUDIT_EVENTS, minid=self._find_oldest_id(self._retention), approximate=False)

    def list_run_events(self, run_id: str) -> list[AuditEvent]:
        """Return the events of a run, the oldest first."""
        with translate_redis_errors():
            documents = self._redis.lrange(RUN_EVENTS.format(run_id), 0, -1)
        return [event for document in documents if (event := decode_event(document))]

    def iterate_events(self, span: timedelta) -> Iterator[AuditEvent]:
        """Yield all events of the last time span, the newest first, in batches because there may be many."""
        with translate_redis_errors():
            oldest, newest = self._find_oldest_id(min(span, self._retention)), "+"
        while True:
            with translate_redis_errors():
                entries = cast(
                    list[tuple[bytes, dict[bytes, Any]]],
                    self._redis.xrevrange(AUDIT_EVENTS, newest, oldest, EVENT_BATCH_SIZE),
                )
            yield from (
                event for _, fields in entries if (event := decode_event(fields.get(EVENT_FIELD.encode(), b"")))
            )
            if len(entries) < EVENT_BATCH_SIZE:
                return
            newest = f"({entries[-1][0].decode()}"

    def _find_oldest_id(self, span: timedelta) -> str:
        """Return the id of the oldest entry of a time span; the server numbers entries by its own clock."""
        seconds, microseconds = self._redis.time()
        return str(max(seconds * 1000 + microseconds // 1000 - span // timedelta(milliseconds=1), 0))


def print_event(event: AuditEvent | None) -> None:
    """Write the event to the audit log as one line of JSON."""
    if event:
        audit_log.info("%s", msgspec.json.encode(event).decode())


def decode_event(document: bytes | str) -> AuditEvent | None:
    """Return the event of a document, or None, with a warning in the log, if it cannot be read."""
    try:
        return EVENT_DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.warning("an event of the audit cannot be read: %s", error)
        return None
