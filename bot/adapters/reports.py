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

REPORT_SCHEMA_VERSION = 1
"""Version of the document."""


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """The stored document of a report: the report and the version of its schema."""

    schema: int
    report: Report


REPORT_DECODER = msgspec.json.Decoder(ReportDocument)


def read_reports(redis: Redis) -> list[Report]:
    """Return all readable reports, in the order in which people requested them."""
    documents = cast(dict[bytes, bytes], redis.hgetall(REPORTS))
    ordered = sorted(documents.items(), key=lambda item: (len(item[0]), item[0]))
    return [report for name, document in ordered if (report := decode_report(name, document))]


def add_report(redis: Redis, build: Callable[[str], Report]) -> Report:
    """Record a report under a new id."""
    report = build(f"report-{redis.incr(REPORT_COUNT)}")
    redis.hset(REPORTS, report.id, encode_report(report))
    return report


def update_report(redis: Redis, report_id: str, change: Callable[[Report], Report]) -> Report | None:
    """Apply a pure function to a report, again if another process wrote meanwhile; None if the report is gone."""
    with redis.pipeline() as tx:
        while True:
            tx.watch(REPORTS)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
            document = cast(bytes | None, tx.hget(REPORTS, report_id))
            report = decode_report(report_id.encode(), document) if document else None
            if report is None:
                return None
            new_report = change(report)
            tx.multi()
            tx.hset(REPORTS, report_id, encode_report(new_report))
            try:
                tx.execute()
            except WatchError:  # another process wrote meanwhile
                continue
            return new_report


def remove_report(redis: Redis, report_id: str) -> None:
    """Delete a report."""
    redis.hdel(REPORTS, report_id)


def encode_report(report: Report) -> bytes:
    """Return the document of a report."""
    return msgspec.json.encode(ReportDocument(REPORT_SCHEMA_VERSION, report))


def decode_report(name: bytes, document: bytes) -> Report | None:
    """Return the report of a document; None, with an error in the log, if it cannot be read.

    A document of a newer verlbot is left alone.
    """
    try:
        stored = REPORT_DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.error("the document of %s cannot be read, and is left alone: %s", name.decode(), error)
        return None
    if stored.schema > REPORT_SCHEMA_VERSION:
        log.error("the document of %s is a newer verlbot's, and is left alone", name.decode())
        return None
    return stored.report
