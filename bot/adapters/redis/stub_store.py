"""Stubs of runs in Redis, apart from the runs' records: a hash of flat JSON objects, read field by field."""

import json
import logging
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.redis.connection import MONTHLY_SPENDING, OPEN_RUNS, RESERVATIONS, RUN_STUBS, UNREADABLE_RUNS
from bot.adapters.redis.transactions import compare_and_set
from bot.core.model.ledger import Reservation, build_ledger_key, format_month
from bot.core.model.policy import Scope
from bot.core.model.run import Run
from bot.core.model.run_stub import RunStub
from bot.core.rules.unreadable_record import UnreadableRun

log = logging.getLogger(__name__)

SCHEMA_1_LAUNCH_FIELD = "asked_at"
"""Name of `launch_requested_at` in the stubs of schema 1, whose runs end by their stubs alone."""

UNREADABLE_RUN_DECODER = msgspec.json.Decoder(UnreadableRun)


def write_stub(tx: Pipeline, before: Run | None, after: Run) -> None:
    """Queue the writing of a run's stub among the writes of a transaction, if it differs from the last one."""
    stub = RunStub.from_run(after)
    if before is None or RunStub.from_run(before) != stub:
        tx.hset(RUN_STUBS, after.id, cast(str, msgspec.json.encode(stub)))


def read_stub(redis: Redis, run_id: str) -> RunStub:
    """Return the stub of a run. A field that cannot be read has its default; the cluster's name is always there."""
    document = cast(bytes | None, redis.hget(RUN_STUBS, run_id))
    try:
        fields = json.loads(document or b"{}")
    except (ValueError, RecursionError):
        fields = {}
    stored = fields if isinstance(fields, dict) else {}
    return RunStub(
        run_id=run_id,
        requester=get_text(stored, "requester"),
        channel=get_text(stored, "channel"),
        managed=stored.get("managed") is True,
        launch_requested_at=get_seconds(
            stored, "launch_requested_at" if "launch_requested_at" in stored else SCHEMA_1_LAUNCH_FIELD
        ),
        lease_ends_at=get_seconds(stored, "lease_ends_at"),
        dollars_per_hour=get_number(stored, "dollars_per_hour", 1e6) or 0.0,
        was_shown=stored.get("was_shown") is True,
        server=get_text(stored, "server"),
    )


def get_text(fields: dict[str, Any], name: str) -> str:
    """Return a field as text; empty if it is not text."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def get_number(fields: dict[str, Any], name: str, largest: float) -> float | None:
    """Return a field as a number; None if it is no number, negative, or too large."""
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) and 0 <= value <= largest else None


def get_seconds(fields: dict[str, Any], name: str) -> float | None:
    """Return Unix seconds that fit into a date: up to the year 9999."""
    return get_number(fields, name, 253_402_300_799)


def read_unreadable(redis: Redis | Pipeline, run_id: str) -> UnreadableRun | None:
    """Return what the bot has done about a run with an unreadable record; None for nothing yet."""
    document = cast(bytes | None, redis.hget(UNREADABLE_RUNS, run_id))
    return decode_unreadable(run_id, document) if document else None


def decode_unreadable(run_id: str, document: bytes) -> UnreadableRun | None:
    """Return the record, or None if it cannot be read either, so that the bot begins again."""
    try:
        return UNREADABLE_RUN_DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.error("what was done about %s, whose record cannot be read, cannot be read either: %s", run_id, error)
        return None


def change_unreadable(
    redis: Redis, run_id: str, change: Callable[[UnreadableRun | None], UnreadableRun | None]
) -> UnreadableRun | None:
    """Apply a pure function to one record, again if another process wrote meanwhile; None removes the record."""

    def write(tx: Pipeline, _: UnreadableRun | None, after: UnreadableRun | None) -> None:
        if after:
            tx.hset(UNREADABLE_RUNS, run_id, cast(str, msgspec.json.encode(after)))
        else:
            tx.hdel(UNREADABLE_RUNS, run_id)

    return compare_and_set(redis, (UNREADABLE_RUNS,), lambda tx: read_unreadable(tx, run_id), change, write)


def archive_unreadable(redis: Redis, stub: RunStub, now: datetime, zone: tzinfo) -> None:
    """Release the reservation of a run whose cluster is gone, and count its cost by its hourly rate.

    The run's own record stays as it is.
    """
    dollars = stub.cost(now)
    reservation = Reservation(stub.run_id, stub.requester, stub.channel, 0, 0.0, dollars)
    with redis.pipeline() as tx:
        tx.multi()
        tx.srem(OPEN_RUNS, stub.run_id)
        tx.hdel(RESERVATIONS, stub.run_id)
        tx.hdel(RUN_STUBS, stub.run_id)
        tx.hdel(UNREADABLE_RUNS, stub.run_id)
        if dollars:
            for scope in Scope:
                tx.hincrbyfloat(
                    MONTHLY_SPENDING, build_ledger_key(format_month(now, zone), reservation.budget_key(scope)), dollars
                )
        tx.execute()
