"""The store of runs in Redis: one JSON document per run, a set of the open runs, an index of the ended runs."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Lock
from time import monotonic
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

from bot.adapters.redis import cluster_store, ledger_store, metrics_store, report_store, stub_store
from bot.adapters.redis.audit_store import RedisAudit, print_event
from bot.adapters.redis.codec import decode_run, encode_run, try_decode_run
from bot.adapters.redis.connection import (
    ENDED_RUNS,
    INBOX,
    LANGUAGES,
    LAUNCH_REQUEST,
    OPEN_RUNS,
    RESERVATIONS,
    RUN_IDS,
    RUN_LOG,
    RUN_OF_CARD,
    RUN_RECORD,
    RUN_STUBS,
    RUN_TASK,
    Leadership,
    translate_redis_errors,
)
from bot.adapters.redis.metrics_store import LogIncrement, Retention, delete_run
from bot.core.model.history import MetricsHistory
from bot.core.model.ledger import Ledger
from bot.core.model.metrics import StepMetrics
from bot.core.model.orphan import Orphan
from bot.core.model.recipe import Task
from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.run_stub import RunStub
from bot.core.model.sent_message import Notice
from bot.core.model.typed_text import unknown_name_error
from bot.core.rules.admission import AdmissionCheck
from bot.core.rules.external_clusters import ExternalCluster
from bot.core.rules.log_cursor import LogCursor
from bot.core.rules.unreadable_record import UnreadableRun
from bot.errors import UnreadableRecord
from bot.i18n import translate

log = logging.getLogger(__name__)

LAUNCH_REQUEST_RETENTION = timedelta(days=1)
"""How long a launch request is remembered: Slack repeats a delivery within the hour, and a day is safe."""

DOCUMENT_BATCH_SIZE = 500
"""Number of documents read in one call."""

MISSING_RECORD = "it is missing"
"""Why the record of an open run cannot be read if it is not in the store."""


DEFAULT_RETENTION = Retention()


class RedisStore:
    """The records of a bot, in a Redis-protocol server. Every call raises Unavailable if the server does not answer.

    Args:
        retention: how long the parts of an ended run are kept.
        zone: the time zone whose months the ledger uses.
        elapsed: returns seconds by a clock that cannot be set.
        audit: records each change of a run's record as an event.
    """

    def __init__(
        self,
        redis: Redis,
        retention: Retention = DEFAULT_RETENTION,
        zone: tzinfo = UTC,
        elapsed: Callable[[], float] = monotonic,
        audit: RedisAudit | None = None,
    ) -> None:
        self._redis = redis
        self._leadership = Leadership(elapsed)
        self._retention = retention
        self.audit = audit or RedisAudit(redis)
        self._zone = zone
        self._admission_lock = Lock()

    def add(
        self,
        run: Run,
        task: Task,
        delivery_id: str | None = None,
        permanent: bool = False,
        admit: AdmissionCheck | None = None,
    ) -> Run | None:
        key, request_key = RUN_RECORD.format(run.id), LAUNCH_REQUEST.format(delivery_id)
        with translate_redis_errors(), self._lock_if_admitting(admit), self._redis.pipeline() as tx:
            while True:
                tx.watch(key, request_key, *([RESERVATIONS] if admit else []))  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
                # Slack may deliver the same request twice; the second delivery gets the run of the first.
                if (
                    delivery_id
                    and (earlier_id := tx.get(request_key))
                    and (earlier_run := self.get(decode_text(earlier_id)))
                ):
                    return earlier_run
                if tx.exists(key) or tx.sismember(RUN_IDS, run.id):
                    return None
                ledger = ledger_store.read_ledger(tx)
                if admit:
                    run = admit(run, ledger)
                document = encode_run(run)
                tx.multi()
                ledger_store.write_ledger_change(tx, None, run, self._zone)
                ledger_store.delete_old_launches(tx, ledger, run.created_at)
                stub_store.write_stub(tx, None, run)
                tx.set(key, document)
                tx.set(RUN_TASK.format(run.id), msgspec.json.encode(task))
                tx.sadd(OPEN_RUNS, run.id)
                tx.sadd(RUN_IDS, run.id)
                if delivery_id:
                    tx.set(request_key, run.id, ex=self._retention.record if permanent else LAUNCH_REQUEST_RETENTION)
                event = self.audit.write_change(tx, None, run)
                if commit(tx):
                    print_event(event)
                    return run

    def get(self, run_id: str) -> Run | None:
        with translate_redis_errors():
            return self._read_run(self._redis, run_id)

    def get_task(self, run_id: str) -> Task:
        with translate_redis_errors():
            document = self._redis.get(RUN_TASK.format(run_id))
        try:
            return msgspec.json.decode(cast(bytes, document or b""), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise UnreadableRecord(run_id, f"its task: {error}") from error

    def list_open_runs(self) -> list[Run]:
        with translate_redis_errors():
            ids = sorted(decode_text(run_id) for run_id in self._redis.smembers(OPEN_RUNS))
            return self._fetch_runs(ids)

    def list_recent_runs(self, limit: int) -> list[Run]:
        with translate_redis_errors():
            ids = [decode_text(run_id) for run_id in self._redis.zrevrange(ENDED_RUNS, 0, limit - 1)]
            return self._fetch_runs(ids)

    def iterate_ended_runs(self, moment: datetime) -> Iterator[Run]:
        with translate_redis_errors():
            ids = [decode_text(run_id) for run_id in self._redis.zrangebyscore(ENDED_RUNS, moment.timestamp(), "+inf")]
        for start in range(0, len(ids), DOCUMENT_BATCH_SIZE):
            with translate_redis_errors():
                documents = self._redis.mget(
                    [RUN_RECORD.format(run_id) for run_id in ids[start : start + DOCUMENT_BATCH_SIZE]]
                )
            yield from (run for document in documents if document and (run := try_decode_run(document, uncached=True)))

    def update(self, run_id: str, change: Callable[[Run], Run], admit: AdmissionCheck | None = None) -> Run:
        with translate_redis_errors(), self._lock_if_admitting(admit):
            return self._change_run(run_id, change, admit=admit)

    def get_ledger(self) -> Ledger:
        with translate_redis_errors():
            return ledger_store.read_ledger(self._redis)

    def set_monthly_budget(self, budget_key: str, dollars: float, by: str, now: datetime) -> None:
        with translate_redis_errors():
            ledger_store.write_monthly_budget(self._redis, budget_key, dollars, by, now)

    def _lock_if_admitting(self, admit: AdmissionCheck | None) -> AbstractContextManager[object]:
        """Return a lock for calls that are checked against the ledger: they wait for each other here, instead of
        competing in Redis.
        """
        return self._admission_lock if admit else nullcontext()

    def append_metrics(
        self, run_id: str, change: Callable[[Run], Run], cursor: LogCursor, metrics: Sequence[StepMetrics]
    ) -> Run:
        with translate_redis_errors():
            new_run = self._change_run(run_id, change, LogIncrement(cursor, metrics))
            metrics_store.compact_if_long(self._redis, run_id)
            return new_run

    def _change_run(
        self,
        run_id: str,
        change: Callable[[Run], Run],
        increment: LogIncrement | None = None,
        admit: AdmissionCheck | None = None,
    ) -> Run:
        """Apply the change, and write it together with what was read from the log and with the ledger, in one step."""
        key = RUN_RECORD.format(run_id)
        with self._redis.pipeline() as tx:
            while True:
                watched_keys = [
                    *(metrics_store.list_watched_keys(run_id) if increment else ()),
                    *([RESERVATIONS] if admit else []),
                ]
                tx.watch(key, *watched_keys)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
                run, columns = (
                    self._get_existing_run(tx, run_id),
                    metrics_store.read_columns(tx, run_id) if increment else [],
                )
                new_run = change(run)
                if new_run == run and increment is None:
                    return run
                if admit and new_run != run:
                    new_run = admit(new_run, ledger_store.read_ledger(tx))
                document = encode_run(new_run)
                tx.multi()
                ledger_store.write_ledger_change(tx, run, new_run, self._zone)
                stub_store.write_stub(tx, run, new_run)
                tx.set(key, document, keepttl=True)
                event = self.audit.write_change(tx, run, new_run)
                if new_run.closed_at and new_run.status is RunStatus.ENDED:
                    tx.zadd(ENDED_RUNS, {run_id: new_run.closed_at.timestamp()})
                if increment:
                    metrics_store.write_increment(tx, run_id, increment, columns)
                if commit(tx):
                    print_event(event)
                    return new_run

    def _get_existing_run(self, redis: Redis | Pipeline, run_id: str) -> Run:
        """Return a run's record, and raise UserError if there is no such run."""
        run = self._read_run(redis, run_id)
        if run is None:
            raise unknown_name_error("run", run_id, [], translate("`/verl list` shows those that there are."))
        return run

    def _read_run(self, redis: Redis | Pipeline, run_id: str) -> Run | None:
        """Return a run's record, None if there was never one.

        Raises:
            UnreadableRecord: the record cannot be read, or is missing although the run is open.
        """
        document = redis.get(RUN_RECORD.format(run_id))
        try:
            if document:
                return decode_run(document)
        except UnreadableRecord as error:
            raise UnreadableRecord(run_id, error.why, bool(redis.sismember(OPEN_RUNS, run_id))) from error
        if redis.sismember(OPEN_RUNS, run_id):
            raise UnreadableRecord(run_id, MISSING_RECORD)
        return None

    def list_unreadable_runs(self) -> list[tuple[RunStub, str]]:
        with translate_redis_errors():
            ids = sorted(decode_text(run_id) for run_id in self._redis.smembers(OPEN_RUNS))
            documents = self._fetch_documents(ids)
            reasons = {
                run_id: why
                for run_id, document in zip(ids, documents, strict=True)
                if (why := find_record_flaw(document))
            }
            return [(stub_store.read_stub(self._redis, run_id), why) for run_id, why in reasons.items()]

    def get_unreadable_run(self, run_id: str) -> UnreadableRun | None:
        with translate_redis_errors():
            return stub_store.read_unreadable(self._redis, run_id)

    def get_stub(self, run_id: str) -> RunStub:
        with translate_redis_errors():
            return stub_store.read_stub(self._redis, run_id)

    def change_unreadable(
        self, run_id: str, change: Callable[[UnreadableRun | None], UnreadableRun | None]
    ) -> UnreadableRun | None:
        with translate_redis_errors():
            return stub_store.change_unreadable(self._redis, run_id, change)

    def close_unreadable(self, stub: RunStub, now: datetime) -> None:
        with translate_redis_errors():
            stub_store.archive_unreadable(self._redis, stub, now, self._zone)
            self._retention.start_expiry(self._redis, stub.run_id, None)

    def archive(self, run_id: str) -> None:
        with translate_redis_errors():
            self._redis.srem(OPEN_RUNS, run_id)
            self._redis.hdel(RUN_STUBS, run_id)
            self._retention.start_expiry(
                self._redis, run_id, try_decode_run(self._redis.get(RUN_RECORD.format(run_id)) or b"")
            )
            self.audit.trim()

    def delete_run(self, run_id: str) -> None:
        with translate_redis_errors():
            delete_run(self._redis, run_id, try_decode_run(self._redis.get(RUN_RECORD.format(run_id)) or b""))

    def save_log(self, run_id: str, text: str) -> None:
        with translate_redis_errors():
            self._redis.set(RUN_LOG.format(run_id), text)

    def get_log(self, run_id: str) -> str:
        with translate_redis_errors():
            return decode_text(self._redis.get(RUN_LOG.format(run_id)))

    def get_log_cursor(self, run_id: str) -> LogCursor:
        with translate_redis_errors():
            return metrics_store.read_cursor(self._redis, run_id)

    def begin_log_read(self, run_id: str, earlier_returned: bool = False) -> int:
        with translate_redis_errors():
            return metrics_store.count_read_attempt(self._redis, run_id, earlier_returned)

    def end_log_read(self, run_id: str) -> None:
        with translate_redis_errors():
            metrics_store.clear_read_attempts(self._redis, run_id)

    def get_recent_metrics(self, run_id: str, last: int) -> tuple[StepMetrics, ...]:
        with translate_redis_errors():
            return metrics_store.read_last_rows(self._redis, run_id, last)

    def get_history(self, run_id: str) -> MetricsHistory:
        with translate_redis_errors():
            return metrics_store.read_history(self._redis, run_id)

    def run_id_for_card(self, channel: str, ts: str) -> str | None:
        with translate_redis_errors():
            return decode_text(self._redis.get(RUN_OF_CARD.format(channel, ts))) or None

    def link_card(self, channel: str, ts: str, run_id: str) -> None:
        with translate_redis_errors():
            self._redis.set(RUN_OF_CARD.format(channel, ts), run_id)

    def save_delivery(self, delivery_id: str, text: str) -> None:
        with translate_redis_errors():
            self._redis.hset(INBOX, delivery_id, text)

    def delete_delivery(self, delivery_id: str) -> None:
        with translate_redis_errors():
            self._redis.hdel(INBOX, delivery_id)

    def list_deliveries(self) -> list[str]:
        with translate_redis_errors():
            return [decode_text(delivery) for delivery in self._redis.hvals(INBOX)]

    def get_languages(self) -> dict[str, str]:
        with translate_redis_errors():
            return {
                decode_text(user): decode_text(language) for user, language in self._redis.hgetall(LANGUAGES).items()
            }

    def choose_language(self, user: str, language: str | None) -> None:
        with translate_redis_errors():
            if language:
                self._redis.hset(LANGUAGES, user, language)
            else:
                self._redis.hdel(LANGUAGES, user)

    def list_reports(self) -> list[Report]:
        with translate_redis_errors():
            return report_store.read_reports(self._redis)

    def add_report(self, build: Callable[[str], Report]) -> Report:
        with translate_redis_errors():
            return report_store.add_report(self._redis, build)

    def update_report(self, report_id: str, change: Callable[[Report], Report]) -> Report | None:
        with translate_redis_errors():
            return report_store.update_report(self._redis, report_id, change)

    def remove_report(self, report_id: str) -> None:
        with translate_redis_errors():
            report_store.remove_report(self._redis, report_id)

    def get_orphans(self) -> dict[str, Orphan]:
        with translate_redis_errors():
            return cluster_store.read_orphans(self._redis)

    def change_orphan(self, orphan_id: str, change: Callable[[Orphan | None], Orphan | None]) -> Orphan | None:
        with translate_redis_errors():
            return cluster_store.change_orphan(self._redis, orphan_id, change)

    def get_external_clusters(self) -> dict[str, ExternalCluster]:
        with translate_redis_errors():
            return cluster_store.read_external_clusters(self._redis)

    def change_external_cluster(
        self, cluster: str, change: Callable[[ExternalCluster | None, Ledger], ExternalCluster | None], now: datetime
    ) -> ExternalCluster | None:
        with translate_redis_errors(), self._admission_lock:
            return cluster_store.change_external_cluster(self._redis, cluster, change, now, self._zone)

    def add_notice(self, notice: Notice) -> bool:
        with translate_redis_errors():
            return report_store.add_notice(self._redis, notice)

    def list_notices(self) -> list[Notice]:
        with translate_redis_errors():
            return report_store.read_notices(self._redis)

    def change_notice(self, name: str, change: Callable[[Notice], Notice | None]) -> Notice | None:
        with translate_redis_errors():
            return report_store.change_notice(self._redis, name, change)

    def acquire_leadership(self, owner: str, lease: timedelta) -> bool:
        with translate_redis_errors():
            return self._leadership.acquire(self._redis, owner, lease)

    def _fetch_runs(self, ids: list[str]) -> list[Run]:
        """Return the runs of these ids whose documents can be read."""
        return [run for document in self._fetch_documents(ids) if document and (run := try_decode_run(document))]

    def _fetch_documents(self, ids: list[str]) -> list[Any]:
        """Return the documents of these runs, None for one that is missing."""
        documents: list[Any] = []
        for start in range(0, len(ids), DOCUMENT_BATCH_SIZE):
            documents += self._redis.mget(
                [RUN_RECORD.format(run_id) for run_id in ids[start : start + DOCUMENT_BATCH_SIZE]]
            )
        return documents


def find_record_flaw(document: object) -> str:
    """Return why a run's document cannot be read; empty if it can."""
    if not document:
        return MISSING_RECORD
    try:
        decode_run(document)
    except UnreadableRecord as error:
        return error.why
    return ""


def commit(tx: Pipeline) -> bool:
    """Execute the transaction. Return False if another process wrote a watched key meanwhile."""
    try:
        tx.execute()
    except WatchError:
        return False
    return True


def decode_text(value: object) -> str:
    """Return a value from Redis as text; empty for None."""
    return value.decode() if isinstance(value, bytes) else str(value or "")
