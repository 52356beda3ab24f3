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

from bot.adapters.redis.connection import (
    BUDGET_WARNINGS,
    MONTHLY_BUDGETS,
    MONTHLY_SPENDING,
    RECENT_LAUNCHES,
    RESERVATIONS,
)
from bot.core.model.ledger import Ledger, RecentLaunch, Reservation, build_reservation, build_spending
from bot.core.model.run import Run
from bot.core.rules.approval_rules import LAUNCH_WINDOW, build_recent_launch
from bot.core.rules.monthly_budget import build_threshold_key

log = logging.getLogger(__name__)

T = TypeVar("T")

RESERVATION_DECODER = msgspec.json.Decoder(Reservation)
LAUNCH_DECODER = msgspec.json.Decoder(RecentLaunch)


@dataclass(frozen=True, slots=True)
class BudgetOverride:
    """Dollars per month that an approver has set for a budget scope, with who set them and when."""

    dollars: float
    by: str
    at: datetime


OVERRIDE_DECODER = msgspec.json.Decoder(BudgetOverride)


def write_monthly_budget(redis: Redis, budget_key: str, dollars: float, by: str, at: datetime) -> None:
    """Record the monthly budget of a budget scope, in place of the policy's."""
    redis.hset(MONTHLY_BUDGETS, budget_key, msgspec.json.encode(BudgetOverride(dollars, by, at)))


def read_ledger(redis: Redis | Pipeline) -> Ledger:
    """Return the current ledger; within a transaction, call it before the writes begin."""
    reservations = decode_entries(redis.hgetall(RESERVATIONS), RESERVATION_DECODER.decode)
    spent_dollars = decode_entries(redis.hgetall(MONTHLY_SPENDING), parse_dollars)
    overrides = decode_entries(
        redis.hgetall(MONTHLY_BUDGETS), lambda document: OVERRIDE_DECODER.decode(document).dollars
    )
    notified_percents = decode_entries(redis.hgetall(BUDGET_WARNINGS), int)
    recent = decode_entries(redis.hgetall(RECENT_LAUNCHES), LAUNCH_DECODER.decode)
    return Ledger(tuple(reservations.values()), spent_dollars, overrides, notified_percents, recent)


def decode_entries(stored: Mapping[Any, Any], decode: Callable[[Any], T]) -> dict[str, T]:
    """Return the entries of a hash that can be read. An unreadable one must not hide the others: every launch depends
    on them.
    """
    decoded: dict[str, T] = {}
    for key, value in stored.items():
        try:
            decoded[decode_key(key)] = decode(value)
        except (msgspec.DecodeError, ValueError) as error:
            log.error("an entry of the ledger cannot be read, and does not count: %r: %s", key, error)
    return decoded


def parse_dollars(value: bytes) -> float:
    """Return a number of dollars, and raise ValueError if it is not finite."""
    dollars = float(value)
    if not isfinite(dollars):
        raise ValueError("not finite")
    return dollars


def decode_key(key: bytes | str) -> str:
    """Return a key as text."""
    return str(cast(bytes, key), "utf-8")


def write_ledger_change(tx: Pipeline, before: Run | None, after: Run, zone: tzinfo) -> None:
    """Queue the writes that bring the ledger from one state of a run to the next in a transaction."""
    for share in after.spending.budget_thresholds[len(before.spending.budget_thresholds) if before else 0 :]:
        tx.hset(BUDGET_WARNINGS, build_threshold_key(share.month, share.budget_key, share.limit_dollars), share.percent)
    if (launch := build_recent_launch(after)) is None:
        tx.hdel(RECENT_LAUNCHES, after.id)
    elif before is None or launch != build_recent_launch(before):
        tx.hset(RECENT_LAUNCHES, after.id, msgspec.json.encode(launch))
    reservation_before, reservation_after = build_reservation(before) if before else None, build_reservation(after)
    if reservation_after is None and reservation_before is not None:
        tx.hdel(RESERVATIONS, after.id)
        for key, dollars in build_spending(after, zone).items():
            tx.hincrbyfloat(MONTHLY_SPENDING, key, dollars)
    elif reservation_after is not None and reservation_after != reservation_before:
        tx.hset(RESERVATIONS, after.id, msgspec.json.encode(reservation_after))


def delete_old_launches(tx: Pipeline, ledger: Ledger, now: datetime) -> None:
    """Queue the deletion of launches that no longer count, among the writes of a transaction."""
    oldest_counted = (now - LAUNCH_WINDOW).timestamp()
    if old_runs := [run for run, launch in ledger.recent_launches.items() if launch.recorded_at < oldest_counted]:
        tx.hdel(RECENT_LAUNCHES, *old_runs)
