"""The JSON document of a run, written in this version and read from this or an older version."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

import msgspec

from bot.core.model.run import Run
from bot.errors import UnreadableRecord, UnwritableRecord
from bot.phrase import N_, Phrase

log = logging.getLogger(__name__)

MAX_LEASE = timedelta(days=3650)
"""Maximum lease: the longest that can be typed is 90 days, and longer ones overflow dates."""

RUN_SCHEMA_VERSION = 3
"""Version of the document. A change that an old document does not fit needs a step in UPGRADES.

Versions 1 and 2 have none: they are from before the first release. Most fields of version 1 had other names, and those
of version 2 were not in records of their own.
"""

UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""For each older version, the function from its document to the next version's. A document without a way is refused."""

NEWER = N_("the store holds runs of a newer verlbot (schema {schema}; this one knows {known})")
OLDER = N_(
    "an older verlbot wrote it, in schema {schema}, and this one reads {known}: end its runs with that version, or "
    "stop them here"
)
"""Why a document of another version is refused, a clause."""


@dataclass(frozen=True, slots=True)
class RunDocument:
    """The stored document of a run: the record and the version of its schema."""

    schema: int
    run: Run


@dataclass(frozen=True, slots=True)
class SchemaHeader:
    """The version of a stored document, read alone."""

    schema: int


RUN_DECODER = msgspec.json.Decoder(RunDocument)


def encode_run(run: Run) -> bytes:
    """Return the document of a run, after reading it back.

    Raises:
        UnwritableRecord: the document cannot be read back, so that writing it would lose the run.
    """
    try:
        document = msgspec.json.encode(RunDocument(RUN_SCHEMA_VERSION, run))
        decode_run(document)
    except (UnreadableRecord, UnicodeError, TypeError, ValueError) as error:
        raise UnwritableRecord(f"run {run.id}: {error}") from error
    return document


@lru_cache(maxsize=1024)
def decode_run(document: object) -> Run:
    """Return the run of a document, after upgrading the document to this version.

    Most documents are read many times between two changes, and people wait for some of those reads, so runs are cached.

    Raises:
        UnreadableRecord: the document is broken, or a verlbot wrote it that is newer, or too old to be upgraded.
    """
    content = cast(bytes, document)
    try:
        try:
            stored = RUN_DECODER.decode(content)
        # The document has another version, or is broken.
        except msgspec.ValidationError:
            stored = decode_other_version(content)
        if stored.schema != RUN_SCHEMA_VERSION:
            stored = decode_other_version(content)
        check_times(stored.run)
    except UnreadableRecord:
        raise
    # The bot must end the run of any broken document, so every kind of error counts.
    except Exception as error:
        raise UnreadableRecord("a run", describe_flaw(error)) from error
    return stored.run


def describe_flaw(error: Exception) -> str:
    """Return a clause on what is wrong with a document. It quotes nothing of the document except the place."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def check_times(run: Run) -> None:
    """Check that the times of a run can be calculated with: they have a time zone and fit into dates.

    Raises:
        ValueError: a time has no zone, or the lease is impossible.
    """
    for record in (run, run.requests, run.launch, run.training, run.spending, run.teardown):
        for field in fields(record):
            value = getattr(record, field.name)
            if isinstance(value, datetime) and value.tzinfo is None:
                raise ValueError(f"{field.name} has no time zone")
    if not timedelta() <= run.limits.lease <= MAX_LEASE:
        raise ValueError(f"a lease of {run.limits.lease.days} days")


def try_decode_run(document: object, uncached: bool = False) -> Run | None:
    """Return the run of one of many documents; None, with an error in the log, if it cannot be read.

    The other documents can still be read.

    Args:
        uncached: whether to leave the cache alone because the run will not be read again soon.
    """
    try:
        return decode_run.__wrapped__(document) if uncached else decode_run(document)
    except UnreadableRecord as error:
        log.error("a run's document cannot be read, and is left alone: %s", error.why)
        return None


def decode_other_version(content: bytes) -> RunDocument:
    """Return the document of a run in another version, upgraded to this version.

    Raises:
        UnreadableRecord: a newer verlbot wrote it, or one that is too old to be upgraded.
    """
    schema = msgspec.json.decode(content, type=SchemaHeader).schema
    if schema > RUN_SCHEMA_VERSION:
        raise UnreadableRecord("a run", Phrase(NEWER, schema=schema, known=RUN_SCHEMA_VERSION))
    if any(version not in UPGRADES for version in range(schema, RUN_SCHEMA_VERSION)):
        raise UnreadableRecord("a run", Phrase(OLDER, schema=schema, known=RUN_SCHEMA_VERSION))
    return msgspec.convert(upgrade_document(msgspec.json.decode(content), schema), RunDocument)


def upgrade_document(document: dict[str, Any], schema: int) -> dict[str, Any]:
    """Return a document after all upgrade steps from its schema version to this one."""
    for version in range(schema, RUN_SCHEMA_VERSION):
        document = UPGRADES[version](document)
    return document | {"schema": RUN_SCHEMA_VERSION}
