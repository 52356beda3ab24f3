"""Records of runs in Redis: one JSON document per run, a set of the open runs, an index of the ended runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.redis import ledger_store, metrics_store, stub_store
from bot.adapters.redis.audit_store import RedisAudit, print_event
from bot.adapters.redis.codec import decode_run, encode_run, try_decode_run
from bot.adapters.redis.connection import (
    ENDED_RUNS,
    LAUNCH_REQUEST,
    OPEN_RUNS,
    RESERVATIONS,
    RUN_IDS,
    RUN_RECORD,
    RUN_TASK,
    decode_text,
    translate_redis_errors,
)
from bot.adapters.redis.metrics_store import LogIncrement
from bot.adapters.redis.transactions import compare_and_set
from bot.core.model.audit import AuditEvent
from bot.core.model.ledger import Ledger
from bot.core.model.recipe import Task
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.run_stub import RunStub
from bot.core.model.valid_names import unknown_name_error
from bot.core.rules.admission import AdmissionCheck, admit_all
from bot.errors import UnreadableRecord
from bot.phrase import Phrase, Text

DOCUMENT_BATCH_SIZE = 500
"""Number of documents read in one call."""

MISSING_RECORD = "it is missing"
"""Why the record of an open run cannot be read if it is not in the store."""

NO_LEDGER = Ledger()
"""Used by calls that are not checked against the ledger."""


@dataclass(frozen=True, slots=True)
class RunAddition:
    """A run that is to be recorded, and what the store has in its place.

    Attributes:
        is_recorded: whether the run is in the store: this one, or the earlier one of the same request.
        is_id_used: whether another run has its id.
        document: the document of the run; event: the event of the audit.
    """

    run: Run
    ledger: Ledger = NO_LEDGER
    is_recorded: bool = False
    is_id_used: bool = False
    document: bytes = b""
    event: AuditEvent | None = None


@dataclass(frozen=True, slots=True)
class RunVersion:
    """One version of a run's record, with everything that is written in the same step.

    Attributes:
        columns: the metrics in the run's rows, in their order.
        increment: what was read from the log since the last version.
        document: the document of the run; event: the event of the audit.
    """

    run: Run
    ledger: Ledger = NO_LEDGER
    columns: tuple[str, ...] = ()
    increment: LogIncrement | None = None
    document: bytes = b""
    event: AuditEvent | None = None


@dataclass(frozen=True, slots=True)
class RunRecords:
    """The records of runs.

    Attributes:
        audit: records each change of a run's record as an event.
        zone: the time zone whose months the ledger uses.
    """

    redis: Redis
    audit: RedisAudit
    zone: tzinfo

    def add(
        self,
        new_run: Run,
        task: Task,
        delivery_id: str | None,
        delivery_retention: timedelta,
        admit: AdmissionCheck | None,
    ) -> Run | None:
        """Record a run, its task and its reservation in one step.

        Return the run, the earlier run of the same delivery, or None if another run has this id.

        Args:
            delivery_retention: how long the delivery's id is kept.
        """
        key, request_key = RUN_RECORD.format(new_run.id), LAUNCH_REQUEST.format(delivery_id)

        def read(tx: Pipeline) -> RunAddition:
            # Slack may deliver the same request twice; the second delivery gets the run of the first.
            if (
                delivery_id
                and (earlier_id := tx.get(request_key))
                and (earlier_run := read_run(tx, decode_text(earlier_id)))
            ):
                return RunAddition(earlier_run, is_recorded=True)
            if tx.exists(key) or tx.sismember(RUN_IDS, new_run.id):
                return RunAddition(new_run, is_id_used=True)
            return RunAddition(new_run, ledger_store.read_ledger(tx) if admit else NO_LEDGER)

        def build(addition: RunAddition) -> RunAddition:
            if addition.is_recorded or addition.is_id_used:
                return addition
            run = (admit or admit_all)(addition.run, addition.ledger)
            document, event = encode_run(run), self.audit.build_change(None, run)
            return replace(addition, run=run, is_recorded=True, document=document, event=event)

        def write(tx: Pipeline, _: RunAddition, addition: RunAddition) -> None:
            run = addition.run
            ledger_store.write_ledger_change(tx, None, run, self.zone)
            ledger_store.delete_old_launches(tx, addition.ledger, run.created_at)
            stub_store.write_stub(tx, None, run)
            tx.set(key, addition.document)
            tx.set(RUN_TASK.format(run.id), msgspec.json.encode(task))
            tx.sadd(OPEN_RUNS, run.id)
            tx.sadd(RUN_IDS, run.id)
            if delivery_id:
                tx.set(request_key, run.id, ex=delivery_retention)
            self.audit.write_change(tx, run.id, addition.event)

        watched_keys = (key, request_key, *([RESERVATIONS] if admit else []))
        addition = compare_and_set(self.redis, watched_keys, read, build, write)
        print_event(addition.event)
        return addition.run if addition.is_recorded else None

    def change(
        self,
        run_id: str,
        transition: Callable[[Run], Run],
        increment: LogIncrement | None = None,
        admit: AdmissionCheck | None = None,
    ) -> Run:
        """Change a run, and write it together with what was read from the log and with the ledger, in one step."""

        def read(tx: Pipeline) -> RunVersion:
            return RunVersion(
                read_existing_run(tx, run_id),
                ledger_store.read_ledger(tx) if admit else NO_LEDGER,
                tuple(metrics_store.read_columns(tx, run_id)) if increment else (),
            )

        def build(version: RunVersion) -> RunVersion:
            run = transition(version.run)
            if run == version.run and increment is None:
                return version
            if run != version.run:
                run = (admit or admit_all)(run, version.ledger)
            document, event = encode_run(run), self.audit.build_change(version.run, run)
            return replace(version, run=run, increment=increment, document=document, event=event)

        def write(tx: Pipeline, before: RunVersion, after: RunVersion) -> None:
            run = after.run
            ledger_store.write_ledger_change(tx, before.run, run, self.zone)
            stub_store.write_stub(tx, before.run, run)
            tx.set(RUN_RECORD.format(run_id), after.document, keepttl=True)
            self.audit.write_change(tx, run_id, after.event)
            if run.closed_at and run.status is RunStatus.ENDED:
                tx.zadd(ENDED_RUNS, {run_id: run.closed_at.timestamp()})
            if increment:
                metrics_store.write_increment(tx, run_id, increment, after.columns)

        watched_keys = (
            RUN_RECORD.format(run_id),
            *(metrics_store.list_watched_keys(run_id) if increment else ()),
            *([RESERVATIONS] if admit else []),
        )
        version = compare_and_set(self.redis, watched_keys, read, build, write)
        print_event(version.event)
        return version.run


def read_existing_run(redis: Redis | Pipeline, run_id: str) -> Run:
    """Return a run's record, and raise UserError if there is no such run."""
    run = read_run(redis, run_id)
    if run is None:
        raise unknown_name_error("run", run_id, [], Phrase("`/verl list` shows the runs."))
    return run


def read_run(redis: Redis | Pipeline, run_id: str) -> Run | None:
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


def read_task(redis: Redis, run_id: str) -> Task:
    """Return the task that was recorded with a run, and raise UnreadableRecord if it cannot be read."""
    document = redis.get(RUN_TASK.format(run_id))
    try:
        return msgspec.json.decode(cast(bytes, document or b""), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UnreadableRecord(run_id, f"its task: {error}") from error


def read_open_runs(redis: Redis) -> list[Run]:
    """Return the open runs whose records can be read."""
    return read_runs(redis, read_open_ids(redis))


def read_recent_runs(redis: Redis, limit: int) -> list[Run]:
    """Return the runs that ended last, the newest first."""
    return read_runs(redis, [decode_text(run_id) for run_id in redis.zrevrange(ENDED_RUNS, 0, limit - 1)])


def iterate_ended_records(redis: Redis, moment: datetime) -> Iterator[Run]:
    """Yield the runs that ended since a moment, in batches because there may be many."""
    with translate_redis_errors():
        ids = [decode_text(run_id) for run_id in redis.zrangebyscore(ENDED_RUNS, moment.timestamp(), "+inf")]
    for start in range(0, len(ids), DOCUMENT_BATCH_SIZE):
        with translate_redis_errors():
            documents = redis.mget([RUN_RECORD.format(run_id) for run_id in ids[start : start + DOCUMENT_BATCH_SIZE]])
        yield from (run for document in documents if document and (run := try_decode_run(document, uncached=True)))


def read_unreadable_stubs(redis: Redis) -> list[tuple[RunStub, Text]]:
    """Return the stubs of the open runs whose records cannot be read, each with the reason."""
    ids = read_open_ids(redis)
    documents = read_documents(redis, ids)
    reasons = {
        run_id: why for run_id, document in zip(ids, documents, strict=True) if (why := find_record_flaw(document))
    }
    return [(stub_store.read_stub(redis, run_id), why) for run_id, why in reasons.items()]


def read_open_ids(redis: Redis) -> list[str]:
    """Return the ids of the open runs, sorted."""
    return sorted(decode_text(run_id) for run_id in redis.smembers(OPEN_RUNS))


def read_runs(redis: Redis, ids: list[str]) -> list[Run]:
    """Return the runs of these ids whose documents can be read."""
    return [run for document in read_documents(redis, ids) if document and (run := try_decode_run(document))]


def read_documents(redis: Redis, ids: list[str]) -> list[Any]:
    """Return the documents of these runs, None for one that is missing."""
    documents: list[Any] = []
    for start in range(0, len(ids), DOCUMENT_BATCH_SIZE):
        documents += redis.mget([RUN_RECORD.format(run_id) for run_id in ids[start : start + DOCUMENT_BATCH_SIZE]])
    return documents


def find_record_flaw(document: object) -> Text:
    """Return why a run's document cannot be read; empty if it can."""
    if not document:
        return MISSING_RECORD
    try:
        decode_run(document)
    except UnreadableRecord as error:
        return error.why
    return ""
