"""A run as the JSON document that is kept of it, of this version or brought up to it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

import msgspec

from bot.core.run import Run
from bot.errors import UnreadableRecord, UnwritableRecord
from bot.language import mark, say

log = logging.getLogger(__name__)

LONGEST_LEASE = timedelta(days=3650)
"""A lease beyond it is no person's: the largest that can be typed is 90 days, and longer ones overflow dates."""

SCHEMA = 1
"""Version of the document. A change that an old document does not fit needs a step in UPGRADES."""

UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""For each older version: a function from its document to the next version's."""


@dataclass(frozen=True, slots=True)
class Document:
    schema: int
    run: Run


@dataclass(frozen=True, slots=True)
class Head:
    schema: int


DECODER = msgspec.json.Decoder(Document)


def dumps(run: Run) -> bytes:
    """Return the document of a run, which has been read back first.

    Raises:
        UnwritableRecord: it could not be read back, so that writing it would lose the run.
    """
    try:
        document = msgspec.json.encode(Document(SCHEMA, run))
        loads(document)
    except (UnreadableRecord, UnicodeError, TypeError, ValueError) as error:
        raise UnwritableRecord(f"run {run.id}: {error}") from error
    return document


@lru_cache(maxsize=1024)
def loads(document: object) -> Run:
    """The run of a document, brought up to this version first.

    Most documents are read many times between two changes, and people wait for some of those times.

    Raises:
        UnreadableRecord: it is a newer verlbot's, which an older one must not touch, or spoilt.
    """
    found = cast(bytes, document)
    try:
        try:
            current = DECODER.decode(found)
        except msgspec.ValidationError:  # of another version, or broken
            current = loads_other(found)
        if current.schema != SCHEMA:
            current = loads_other(found)
        refuse_impossible(current.run)
    except UnreadableRecord:
        raise
    except Exception as error:  # whatever it holds, its run is to be ended, so no kind of error is left out
        raise UnreadableRecord("a run", reason(error)) from error
    return current.run


def reason(error: Exception) -> str:
    """Return what is wrong with a document, a clause that quotes nothing of it but the place."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def refuse_impossible(run: Run) -> None:
    """Refuse times that nothing can be reckoned with: without a zone, or beyond what dates hold.

    Raises:
        ValueError: it has one.
    """
    for one in fields(run):
        value = getattr(run, one.name)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError(f"{one.name} has no time zone")
    if not timedelta() <= run.lease <= LONGEST_LEASE:
        raise ValueError(f"a lease of {run.lease.days} days")


def readable(document: object, seldom: bool = False) -> Run | None:
    """The run of a document among many, or None, said in the log, where it cannot be read: the others still can.

    Args:
        seldom: whether it will not be read again soon, so that it takes no other's place among those that will.
    """
    try:
        return loads.__wrapped__(document) if seldom else loads(document)
    except UnreadableRecord as error:
        log.error("a run's document cannot be read, and is left alone: %s", error.why)
        return None


def loads_other(found: bytes) -> Document:
    """The document of a run that is not of this version.

    Raises:
        UnreadableRecord: a newer verlbot wrote it.
    """
    schema = msgspec.json.decode(found, type=Head).schema
    if schema > SCHEMA:
        newer = mark("the store holds runs of a newer verlbot (schema {schema}; this one knows {known})")
        raise UnreadableRecord("a run", say(newer, schema=schema, known=SCHEMA))
    return msgspec.convert(upgraded(msgspec.json.decode(found), schema), Document)


def upgraded(document: dict[str, Any], schema: int) -> dict[str, Any]:
    for version in range(schema, SCHEMA):
        document = UPGRADES[version](document)
    return document | {"schema": SCHEMA}
