"""The store of runs in Redis: one JSON document per run, a set of the open runs, an index of the ended runs."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Lock
from time import monotonic
from typing import Any, cast

import msgspec
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

from bot.adapters import histories, ledgers, notices, orphans, outsiders, reports, retention, stubs
from bot.adapters.audits import RedisAudit, print_event
from bot.adapters.connection import answered
from bot.adapters.documents import dumps, loads, readable
from bot.adapters.histories import Taken
from bot.adapters.keys import CARD, ENDED, HOLDS, IDS, INBOX, LANGUAGES, LOG, OPEN, RUN, STUBS, TASK, WISH
from bot.adapters.leadership import Leadership
from bot.adapters.retention import Retention
from bot.core.admission import Admit
from bot.core.history import History
from bot.core.holds import Ledger
from bot.core.nearest import unknown
from bot.core.notice import Notice
from bot.core.orphans import Orphan
from bot.core.outside import Outsider
from bot.core.reading import Reading
from bot.core.recipe import Task
from bot.core.report import Report
from bot.core.row import Row
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.core.status import Status
from bot.core.unreadable import UnreadableRun
from bot.errors import UnreadableRecord
from bot.language import say

log = logging.getLogger(__name__)

WISH_KEPT = timedelta(days=1)
"""How long a launch request is remembered: Slack repeats a delivery within the hour, and a day is safe."""

BATCH = 500
"""Number of documents read in one call."""

MISSING = "it is missing"
"""Why the record of an open run cannot be read if it is not in the store."""


DEFAULT_RETENTION = Retention()


class RedisStore:
    """The records of a bot, in a Redis-protocol server. Every call raises Unavailable if the server does not answer.

    Args:
        retention: how long the parts of an ended run are kept.
        zone: the time zone whose months the ledger uses.
        elapsed: returns seconds by a clock that cannot be set.
        audit: records each change of a run's record as an event.
    """

    def __init__(
        self,
        redis: Redis,
        kept: Retention = DEFAULT_RETENTION,
        zone: tzinfo = UTC,
        elapsed: Callable[[], float] = monotonic,
        audit: RedisAudit | None = None,
    ) -> None:
        self._redis = redis
        self._leadership = Leadership(elapsed)
        self._kept = kept
        self.audit = audit or RedisAudit(redis)
        self._zone = zone
        self._turn = Lock()

    def add(
        self, run: Run, task: Task, wish: str | None = None, lasting: bool = False, admit: Admit | None = None
    ) -> Run | None:
        key, wish_key = RUN.format(run.id), WISH.format(wish)
        with answered(), self._in_turn(admit), self._redis.pipeline() as tx:
            while True:
                tx.watch(key, wish_key, *([HOLDS] if admit else []))  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
                # Slack may deliver the same request twice; the second delivery gets the run of the first.
                if wish and (earlier := tx.get(wish_key)) and (known_run := self.get(text(earlier))):
                    return known_run
                if tx.exists(key) or tx.sismember(IDS, run.id):
                    return None
                known = ledgers.ledger(tx)
                if admit:
                    run = admit(run, known)
                document = dumps(run)
                tx.multi()
                ledgers.write(tx, None, run, self._zone)
                ledgers.forget_launches(tx, known, run.created_at)
                stubs.write_stub(tx, None, run)
                tx.set(key, document)
                tx.set(TASK.format(run.id), msgspec.json.encode(task))
                tx.sadd(OPEN, run.id)
                tx.sadd(IDS, run.id)
                if wish:
                    tx.set(wish_key, run.id, ex=self._kept.record if lasting else WISH_KEPT)
                event = self.audit.write_change(tx, None, run)
                if committed(tx):
                    print_event(event)
                    return run

    def get(self, run_id: str) -> Run | None:
        with answered():
            return self._read(self._redis, run_id)

    def task(self, run_id: str) -> Task:
        with answered():
            found = self._redis.get(TASK.format(run_id))
        try:
            return msgspec.json.decode(cast(bytes, found or b""), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise UnreadableRecord(run_id, f"its task: {error}") from error

    def open(self) -> list[Run]:
        with answered():
            ids = sorted(text(run_id) for run_id in self._redis.smembers(OPEN))
            return self._fetch(ids)

    def recent(self, limit: int) -> list[Run]:
        with answered():
            ids = [text(run_id) for run_id in self._redis.zrevrange(ENDED, 0, limit - 1)]
            return self._fetch(ids)

    def ended_since(self, moment: datetime) -> Iterator[Run]:
        with answered():
            ids = [text(run_id) for run_id in self._redis.zrangebyscore(ENDED, moment.timestamp(), "+inf")]
        for start in range(0, len(ids), BATCH):
            with answered():
                found = self._redis.mget([RUN.format(run_id) for run_id in ids[start : start + BATCH]])
            yield from (run for document in found if document and (run := readable(document, seldom=True)))

    def update(self, run_id: str, change: Callable[[Run], Run], admit: Admit | None = None) -> Run:
        with answered(), self._in_turn(admit):
            return self._changed(run_id, change, admit=admit)

    def ledger(self) -> Ledger:
        with answered():
            return ledgers.ledger(self._redis)

    def give(self, purse: str, dollars: float, by: str, now: datetime) -> None:
        with answered():
            ledgers.give(self._redis, purse, dollars, by, now)

    def _in_turn(self, admit: Admit | None) -> AbstractContextManager[object]:
        """Return a lock for calls that are checked against the ledger: they wait for each other here, instead of
        competing in Redis.
        """
        return self._turn if admit else nullcontext()

    def take_in(self, run_id: str, change: Callable[[Run], Run], reading: Reading, rows: Sequence[Row]) -> Run:
        with answered():
            changed = self._changed(run_id, change, Taken(reading, rows))
            histories.compact_if_long(self._redis, run_id)
            return changed

    def _changed(
        self, run_id: str, change: Callable[[Run], Run], taken: Taken | None = None, admit: Admit | None = None
    ) -> Run:
        """Apply the change, and write it together with what was read from the log and with the ledger, in one step."""
        key = RUN.format(run_id)
        with self._redis.pipeline() as tx:
            while True:
                watched = [*(histories.keys(run_id) if taken else ()), *([HOLDS] if admit else [])]
                tx.watch(key, *watched)  # type: ignore[no-untyped-call]  # redis-py leaves this untyped
                run, columns = self._run(tx, run_id), histories.names(tx, run_id) if taken else []
                changed = change(run)
                if changed == run and taken is None:
                    return run
                if admit and changed != run:
                    changed = admit(changed, ledgers.ledger(tx))
                document = dumps(changed)
                tx.multi()
                ledgers.write(tx, run, changed, self._zone)
                stubs.write_stub(tx, run, changed)
                tx.set(key, document, keepttl=True)
                event = self.audit.write_change(tx, run, changed)
                if changed.ended_at and changed.status is Status.ENDED:
                    tx.zadd(ENDED, {run_id: changed.ended_at.timestamp()})
                if taken:
                    histories.write(tx, run_id, taken, columns)
                if committed(tx):
                    print_event(event)
                    return changed

    def _run(self, redis: Redis | Pipeline, run_id: str) -> Run:
        """Return a run's record, and raise UserError if there is no such run."""
        found = self._read(redis, run_id)
        if found is None:
            raise unknown("run", run_id, [], say("`/verl list` shows those that there are."))
        return found

    def _read(self, redis: Redis | Pipeline, run_id: str) -> Run | None:
        """Return a run's record, None if there was never one.

        Raises:
            UnreadableRecord: the record cannot be read, or is missing although the run is open.
        """
        document = redis.get(RUN.format(run_id))
        try:
            if document:
                return loads(document)
        except UnreadableRecord as error:
            raise UnreadableRecord(run_id, error.why, bool(redis.sismember(OPEN, run_id))) from error
        if redis.sismember(OPEN, run_id):
            raise UnreadableRecord(run_id, MISSING)
        return None

    def unreadable_runs(self) -> list[tuple[RunStub, str]]:
        with answered():
            ids = sorted(text(run_id) for run_id in self._redis.smembers(OPEN))
            documents = self._documents(ids)
            reasons = {run_id: why for run_id, one in zip(ids, documents, strict=True) if (why := flaw(one))}
            return [(stubs.read_stub(self._redis, run_id), why) for run_id, why in reasons.items()]

    def unreadable_run(self, run_id: str) -> UnreadableRun | None:
        with answered():
            return stubs.read_unreadable(self._redis, run_id)

    def stub(self, run_id: str) -> RunStub:
        with answered():
            return stubs.read_stub(self._redis, run_id)

    def change_unreadable(
        self, run_id: str, change: Callable[[UnreadableRun | None], UnreadableRun | None]
    ) -> UnreadableRun | None:
        with answered():
            return stubs.change_unreadable(self._redis, run_id, change)

    def settle_unreadable(self, stub: RunStub, now: datetime) -> None:
        with answered():
            stubs.settle_unreadable(self._redis, stub, now, self._zone)
            self._kept.begin(self._redis, stub.run_id, None)

    def settle(self, run_id: str) -> None:
        with answered():
            self._redis.srem(OPEN, run_id)
            self._redis.hdel(STUBS, run_id)
            self._kept.begin(self._redis, run_id, readable(self._redis.get(RUN.format(run_id)) or b""))
            self.audit.trim()

    def forget(self, run_id: str) -> None:
        with answered():
            retention.forget(self._redis, run_id, readable(self._redis.get(RUN.format(run_id)) or b""))

    def save_log(self, run_id: str, text: str) -> None:
        with answered():
            self._redis.set(LOG.format(run_id), text)

    def log(self, run_id: str) -> str:
        with answered():
            return text(self._redis.get(LOG.format(run_id)))

    def reading(self, run_id: str) -> Reading:
        with answered():
            return histories.reading(self._redis, run_id)

    def begin_reading(self, run_id: str, anew: bool = False) -> int:
        with answered():
            return histories.begin_reading(self._redis, run_id, anew)

    def end_reading(self, run_id: str) -> None:
        with answered():
            histories.end_reading(self._redis, run_id)

    def rows(self, run_id: str, last: int) -> tuple[Row, ...]:
        with answered():
            return histories.rows(self._redis, run_id, last)

    def history(self, run_id: str) -> History:
        with answered():
            return histories.history(self._redis, run_id)

    def find(self, channel: str, ts: str) -> str | None:
        with answered():
            return text(self._redis.get(CARD.format(channel, ts))) or None

    def mark(self, channel: str, ts: str, run_id: str) -> None:
        with answered():
            self._redis.set(CARD.format(channel, ts), run_id)

    def keep_delivery(self, delivery_id: str, text: str) -> None:
        with answered():
            self._redis.hset(INBOX, delivery_id, text)

    def forget_delivery(self, delivery_id: str) -> None:
        with answered():
            self._redis.hdel(INBOX, delivery_id)

    def deliveries(self) -> list[str]:
        with answered():
            return [text(found) for found in self._redis.hvals(INBOX)]

    def languages(self) -> dict[str, str]:
        with answered():
            return {text(user): text(chosen) for user, chosen in self._redis.hgetall(LANGUAGES).items()}

    def choose_language(self, user: str, language: str | None) -> None:
        with answered():
            if language:
                self._redis.hset(LANGUAGES, user, language)
            else:
                self._redis.hdel(LANGUAGES, user)

    def reports(self) -> list[Report]:
        with answered():
            return reports.reports(self._redis)

    def add_report(self, made: Callable[[str], Report]) -> Report:
        with answered():
            return reports.add(self._redis, made)

    def update_report(self, report_id: str, change: Callable[[Report], Report]) -> Report | None:
        with answered():
            return reports.update(self._redis, report_id, change)

    def remove_report(self, report_id: str) -> None:
        with answered():
            reports.remove(self._redis, report_id)

    def orphans(self) -> dict[str, Orphan]:
        with answered():
            return orphans.orphans(self._redis)

    def change_orphan(self, orphan_id: str, change: Callable[[Orphan | None], Orphan | None]) -> Orphan | None:
        with answered():
            return orphans.change(self._redis, orphan_id, change)

    def outsiders(self) -> dict[str, Outsider]:
        with answered():
            return outsiders.outsiders(self._redis)

    def change_outsider(
        self, cluster: str, change: Callable[[Outsider | None, Ledger], Outsider | None], now: datetime
    ) -> Outsider | None:
        with answered(), self._turn:
            return outsiders.change(self._redis, cluster, change, now, self._zone)

    def add_notice(self, notice: Notice) -> bool:
        with answered():
            return notices.add_notice(self._redis, notice)

    def notices(self) -> list[Notice]:
        with answered():
            return notices.read_notices(self._redis)

    def change_notice(self, name: str, change: Callable[[Notice], Notice | None]) -> Notice | None:
        with answered():
            return notices.change_notice(self._redis, name, change)

    def lead(self, owner: str, lease: timedelta) -> bool:
        with answered():
            return self._leadership.take(self._redis, owner, lease)

    def _fetch(self, ids: list[str]) -> list[Run]:
        """Return the runs of these ids whose documents can be read."""
        return [run for document in self._documents(ids) if document and (run := readable(document))]

    def _documents(self, ids: list[str]) -> list[Any]:
        """Return the documents of these runs, None for one that is missing."""
        found: list[Any] = []
        for start in range(0, len(ids), BATCH):
            found += self._redis.mget([RUN.format(run_id) for run_id in ids[start : start + BATCH]])
        return found


def flaw(document: object) -> str:
    """Return why a run's document cannot be read; empty if it can."""
    if not document:
        return MISSING
    try:
        loads(document)
    except UnreadableRecord as error:
        return error.why
    return ""


def committed(tx: Pipeline) -> bool:
    """Execute the transaction. Return False if another process wrote a watched key meanwhile."""
    try:
        tx.execute()
    except WatchError:
        return False
    return True


def text(value: object) -> str:
    """Return a value from Redis as text; empty for None."""
    return value.decode() if isinstance(value, bytes) else str(value or "")
