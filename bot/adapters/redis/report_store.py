"""Reports and notices in Redis, as JSON documents."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.redis.connection import NOTICES, REPORT_COUNT, REPORTS
from bot.adapters.redis.transactions import compare_and_set
from bot.core.model.report import Report
from bot.core.model.sent_message import Notice

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

    def read(tx: Pipeline) -> Report | None:
        document = cast(bytes | None, tx.hget(REPORTS, report_id))
        return decode_report(report_id.encode(), document) if document else None

    def write(tx: Pipeline, _: Report | None, after: Report | None) -> None:
        if after:
            tx.hset(REPORTS, report_id, encode_report(after))

    return compare_and_set(redis, (REPORTS,), read, lambda report: change(report) if report else None, write)


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


NOTICE_DECODER = msgspec.json.Decoder(Notice)


def add_notice(redis: Redis, notice: Notice) -> bool:
    """Record a notice. Return False if a notice with its key and channel is already recorded."""
    return bool(redis.hsetnx(NOTICES, notice.id, cast(str, msgspec.json.encode(notice))))


def read_notices(redis: Redis) -> list[Notice]:
    """Return all readable notices, the oldest first."""
    documents = cast(dict[bytes, bytes], redis.hgetall(NOTICES))
    notices = (decode_notice(name, document) for name, document in documents.items())
    return sorted((notice for notice in notices if notice), key=lambda notice: notice.created_at)


def change_notice(redis: Redis, name: str, change: Callable[[Notice], Notice | None]) -> Notice | None:
    """Apply a pure function to one notice, again if another process wrote meanwhile; None removes the notice."""

    def read(tx: Pipeline) -> Notice | None:
        document = cast(bytes | None, tx.hget(NOTICES, name))
        return decode_notice(name.encode(), document) if document else None

    def write(tx: Pipeline, _: Notice | None, after: Notice | None) -> None:
        tx.hdel(NOTICES, name)
        if after:
            tx.hset(NOTICES, after.id, cast(str, msgspec.json.encode(after)))

    return compare_and_set(redis, (NOTICES,), read, lambda notice: change(notice) if notice else None, write)


def decode_notice(name: bytes, document: bytes) -> Notice | None:
    """Return the notice, or None if another version wrote it: it is left out so that the others can be read."""
    try:
        return NOTICE_DECODER.decode(document)
    except msgspec.DecodeError as error:
        log.error("the notice %s cannot be read, and is left out: %s", name.decode(errors="replace"), error)
        return None
