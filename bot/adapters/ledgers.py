"""Reservations and spending in Redis: a hash each, written in the same step as the run."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import isfinite
from typing import Any, TypeVar, cast

import msgspec
from redis import Redis
from redis.client import Pipeline

from bot.adapters.keys import GIVEN, HOLDS, LAUNCHED, SPENT, TOLD
from bot.core.holds import Hold, Launched, Ledger, hold, spending
from bot.core.launch_facts import DAY, launched
from bot.core.purse import told_entry
from bot.core.run import Run

log = logging.getLogger(__name__)

T = TypeVar("T")

DECODER = msgspec.json.Decoder(Hold)
LAUNCHED_DECODER = msgspec.json.Decoder(Launched)


@dataclass(frozen=True, slots=True)
class Gift:
    """Dollars per month that an approver has set for a budget scope, with who set them and when."""

    dollars: float
    by: str
    at: datetime


GIFT = msgspec.json.Decoder(Gift)


def give(redis: Redis, purse: str, dollars: float, by: str, at: datetime) -> None:
    """Record the monthly budget of a budget scope, in place of the policy's."""
    redis.hset(GIVEN, purse, msgspec.json.encode(Gift(dollars, by, at)))


def ledger(redis: Redis | Pipeline) -> Ledger:
    """Return the current ledger; within a transaction, call it before the writes begin."""
    holds = entries(redis.hgetall(HOLDS), DECODER.decode)
    spent = entries(redis.hgetall(SPENT), finite)
    given = entries(redis.hgetall(GIVEN), lambda found: GIFT.decode(found).dollars)
    told = entries(redis.hgetall(TOLD), int)
    recent = entries(redis.hgetall(LAUNCHED), LAUNCHED_DECODER.decode)
    return Ledger(tuple(holds.values()), spent, given, told, recent)


def entries(found: Mapping[Any, Any], read: Callable[[Any], T]) -> dict[str, T]:
    """Return the entries of a hash that can be read. An unreadable one must not hide the others: every launch depends
    on them.
    """
    known: dict[str, T] = {}
    for key, value in found.items():
        try:
            known[text(key)] = read(value)
        except (msgspec.DecodeError, ValueError) as error:
            log.error("an entry of the ledger cannot be read, and does not count: %r: %s", key, error)
    return known


def finite(value: bytes) -> float:
    """Return a number of dollars, and raise ValueError if it is not finite."""
    dollars = float(value)
    if not isfinite(dollars):
        raise ValueError("not finite")
    return dollars


def text(key: bytes | str) -> str:
    """Return a key as text."""
    return str(cast(bytes, key), "utf-8")


def write(tx: Pipeline, before: Run | None, after: Run, zone: tzinfo) -> None:
    """Queue the writes that bring the ledger from one state of a run to the next in a transaction."""
    for share in after.purses[len(before.purses) if before else 0 :]:
        tx.hset(TOLD, told_entry(share.month, share.purse, share.most), share.percent)
    if (counts := launched(after)) is None:
        tx.hdel(LAUNCHED, after.id)
    elif before is None or counts != launched(before):
        tx.hset(LAUNCHED, after.id, msgspec.json.encode(counts))
    was, now = hold(before) if before else None, hold(after)
    if now is None and was is not None:
        tx.hdel(HOLDS, after.id)
        for key, dollars in spending(after, zone).items():
            tx.hincrbyfloat(SPENT, key, dollars)
    elif now is not None and now != was:
        tx.hset(HOLDS, after.id, msgspec.json.encode(now))


def forget_launches(tx: Pipeline, known: Ledger, now: datetime) -> None:
    """Queue the deletion of launches that no longer count, among the writes of a transaction."""
    old = (now - DAY).timestamp()
    if past := [run for run, one in known.launched.items() if one.at < old]:
        tx.hdel(LAUNCHED, *past)
