"""A run as the JSON document that is kept of it, of this version or brought up to it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import msgspec

from bot.core.run import Run
from bot.errors import Unavailable
from bot.language import mark, say

log = logging.getLogger(__name__)

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
    return msgspec.json.encode(Document(SCHEMA, run))


@lru_cache(maxsize=1024)
def loads(document: object) -> Run:
    """The run of a document, brought up to this version first.

    Most documents are read many times between two changes, and people wait for some of those times.

    Raises:
        Unavailable: a newer verlbot wrote it; an older one must not touch it.
    """
    found = cast(bytes, document)
    try:
        current = DECODER.decode(found)
    except msgspec.ValidationError:  # of another version, or broken
        return loads_other(found)
    return current.run if current.schema == SCHEMA else loads_other(found)


def readable(document: object, seldom: bool = False) -> Run | None:
    """The run of a document among many, or None, said in the log, where it cannot be read: the others still can.

    Args:
        seldom: whether it will not be read again soon, so that it takes no other's place among those that will.
    """
    try:
        return loads.__wrapped__(document) if seldom else loads(document)
    except (Unavailable, msgspec.DecodeError, KeyError) as error:
        log.error("a run's document cannot be read, and is left alone: %s", error)
        return None


def loads_other(found: bytes) -> Run:
    """The run of a document that is not of this version."""
    schema = msgspec.json.decode(found, type=Head).schema
    if schema > SCHEMA:
        newer = mark("The store holds runs of a newer verlbot (schema {schema}; this one knows {known}).")
        raise Unavailable(say(newer, schema=schema, known=SCHEMA))
    return msgspec.convert(upgraded(msgspec.json.decode(found), schema), Document).run


def upgraded(document: dict[str, Any], schema: int) -> dict[str, Any]:
    for version in range(schema, SCHEMA):
        document = UPGRADES[version](document)
    return document | {"schema": SCHEMA}
