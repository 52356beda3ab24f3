"""Reports in Redis: a hash of JSON documents by id, and a counter of all reports so far."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import msgspec
from redis import Redis
from redis.exceptions import WatchError

from bot.adapters.keys import REPORT_COUNT, REPORTS
from bot.core.report import Report

log = logging.getLogger(__name__)

SCHEMA = 1
"""Version of the document."""


@dataclass(frozen=True, slots=True)
class Document:
    """The stored document of a report: the report and the version of its schema."""

    schema: int
    report: Report


DECODER = msgspec.json.Decoder(Document)


def reports(redis: Redis) -> list[Report]:
    """Return all readable reports, in the order in which people requested them."""
    found = cast(dict[bytes, bytes], redis.hgetall(REPORTS))
    ordered = sorted(found.items(), key=lambda one: (len(one[0]), one[0]))
    return [report for name, document in ordered if (report := readable(name, document))]


def add(redis: Redis, made: Callable[[str], Report]) -> Report:
    """Record a report under a new id."""
    report = made(f"report-{redis.incr(REPORT_COUNT)}")
    redis.hset(REPORTS, report.id, dumps(report))
    return report


def update(redis: Redis, report_id: str, change: Callable[[Report], Report]) -> Report | None:
    """Apply a pure function to a report, again if another process wrote meanwhile; None if the report is gone."""
    with redis.pipeline() as tx:
        while True:
            tx.watch(REPORTS)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
            found = cast(bytes | None, tx.hget(REPORTS, report_id))
            report = readable(report_id.encode(), found) if found else None
            if report is None:
                return None
            changed = change(report)
            tx.multi()
            tx.hset(REPORTS, report_id, dumps(changed))
            try:
                tx.execute()
            except WatchError:  # another process wrote meanwhile
                continue
            return changed


def remove(redis: Redis, report_id: str) -> None:
    """Delete a report."""
    redis.hdel(REPORTS, report_id)


def dumps(report: Report) -> bytes:
    """Return the document of a report."""
    return msgspec.json.encode(Document(SCHEMA, report))


def readable(name: bytes, document: bytes) -> Report | None:
    """Return the report of a document; None, with an error in the log, if it cannot be read.

    A document of a newer verlbot is left alone.
    """
    try:
        found = DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.error("the document of %s cannot be read, and is left alone: %s", name.decode(), error)
        return None
    if found.schema > SCHEMA:
        log.error("the document of %s is a newer verlbot's, and is left alone", name.decode())
        return None
    return found.report
