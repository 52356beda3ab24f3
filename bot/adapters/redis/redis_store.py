"""The store of a bot in Redis: each call of the port, by the module that keeps what it is about."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Lock
from time import monotonic
from typing import Self

from redis import Redis

from bot.adapters.redis import (
    cluster_store,
    identity_store,
    ledger_store,
    metrics_store,
    report_store,
    run_store,
    stub_store,
)
from bot.adapters.redis.audit_store import RedisAudit
from bot.adapters.redis.codec import try_decode_run
from bot.adapters.redis.connection import (
    INBOX,
    LANGUAGES,
    OPEN_RUNS,
    RUN_LOG,
    RUN_OF_CARD,
    RUN_RECORD,
    RUN_STUBS,
    Leadership,
    decode_text,
    release_leadership,
    translate_redis_errors,
)
from bot.adapters.redis.fencing import FencedRedis
from bot.adapters.redis.metrics_store import LogIncrement
from bot.adapters.redis.run_retention import Retention, delete_run
from bot.adapters.redis.run_store import RunRecords
from bot.core.model.history import MetricsHistory
from bot.core.model.ledger import Ledger
from bot.core.model.metrics import StepMetrics
from bot.core.model.orphan import Orphan
from bot.core.model.recipe import Task
from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.model.run_stub import RunStub
from bot.core.model.sent_message import Notice
from bot.core.model.store_identity import StoreIdentity
from bot.core.rules.admission import AdmissionCheck
from bot.core.rules.external_clusters import ExternalCluster
from bot.core.rules.log_cursor import LogCursor
from bot.core.rules.unreadable_record import UnreadableRun
from bot.phrase import Text

LAUNCH_REQUEST_RETENTION = timedelta(days=1)
"""How long a launch request is remembered: Slack repeats a delivery within the hour, and a day is safe."""

DEFAULT_RETENTION = Retention()


class RedisStore:
    """The records of a bot, in a Redis-protocol server. Every call raises Unavailable if the server does not answer.

    Args:
        retention: how long the parts of an ended run are kept.
        zone: the time zone whose months the ledger uses.
        elapsed: returns seconds by a clock that cannot be set.
        audit: records each change of a run's record as an event.
        leadership: this process's view of the leadership.
        admission_lock: lets calls that are checked against the ledger wait for each other.
    """

    def __init__(
        self,
        redis: Redis,
        retention: Retention = DEFAULT_RETENTION,
        zone: tzinfo = UTC,
        elapsed: Callable[[], float] = monotonic,
        audit: RedisAudit | None = None,
        leadership: Leadership | None = None,
        admission_lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._redis = redis
        self._leadership = leadership or Leadership(elapsed)
        self._retention = retention
        self.audit = audit or RedisAudit(redis)
        self._zone = zone
        self._records = RunRecords(redis, self.audit, zone)
        self._admission_lock = admission_lock or Lock()

    def fence(self) -> Self:
        """Return the same store for what only the leader writes. Its writes raise LeadershipLost once another process
        has become the leader.
        """
        redis, leadership = FencedRedis(self._redis, lambda: self._leadership.epoch), self._leadership
        lock = self._admission_lock  # both change the one ledger
        return type(self)(
            redis, self._retention, self._zone, audit=self.audit, leadership=leadership, admission_lock=lock
        )

    def add(
        self,
        run: Run,
        task: Task,
        delivery_id: str | None = None,
        permanent: bool = False,
        admit: AdmissionCheck | None = None,
    ) -> Run | None:
        retention = self._retention.record if permanent else LAUNCH_REQUEST_RETENTION
        with translate_redis_errors(), self._lock_if_admitting(admit):
            return self._records.add(run, task, delivery_id, retention, admit)

    def get(self, run_id: str) -> Run | None:
        with translate_redis_errors():
            return run_store.read_run(self._redis, run_id)

    def get_task(self, run_id: str) -> Task:
        with translate_redis_errors():
            return run_store.read_task(self._redis, run_id)

    def list_open_runs(self) -> list[Run]:
        with translate_redis_errors():
            return run_store.read_open_runs(self._redis)

    def list_recent_runs(self, limit: int) -> list[Run]:
        with translate_redis_errors():
            return run_store.read_recent_runs(self._redis, limit)

    def iterate_ended_runs(self, moment: datetime) -> Iterator[Run]:
        return run_store.iterate_ended_records(self._redis, moment)

    def update(self, run_id: str, change: Callable[[Run], Run], admit: AdmissionCheck | None = None) -> Run:
        with translate_redis_errors(), self._lock_if_admitting(admit):
            return self._records.change(run_id, change, admit=admit)

    def get_ledger(self) -> Ledger:
        with translate_redis_errors():
            return ledger_store.read_ledger(self._redis)

    def set_monthly_budget(self, budget_key: str, dollars: float, by: str, now: datetime) -> None:
        with translate_redis_errors():
            ledger_store.write_monthly_budget(self._redis, budget_key, dollars, by, now)

    def _lock_if_admitting(self, admit: AdmissionCheck | None) -> AbstractContextManager[object]:
        """Return a lock for calls that are checked against the ledger: they wait for each other here, instead of
        competing in Redis.
        """
        return self._admission_lock if admit else nullcontext()

    def append_metrics(
        self, run_id: str, change: Callable[[Run], Run], cursor: LogCursor, metrics: Sequence[StepMetrics]
    ) -> Run:
        with translate_redis_errors():
            new_run = self._records.change(run_id, change, LogIncrement(cursor, metrics))
            metrics_store.compact_if_long(self._redis, run_id)
            return new_run

    def list_unreadable_runs(self) -> list[tuple[RunStub, Text]]:
        with translate_redis_errors():
            return run_store.read_unreadable_stubs(self._redis)

    def get_stub(self, run_id: str) -> RunStub:
        with translate_redis_errors():
            return stub_store.read_stub(self._redis, run_id)

    def change_unreadable(
        self, run_id: str, change: Callable[[UnreadableRun | None], UnreadableRun | None]
    ) -> UnreadableRun | None:
        with translate_redis_errors():
            return stub_store.change_unreadable(self._redis, run_id, change)

    def close_unreadable(self, stub: RunStub, now: datetime) -> None:
        with translate_redis_errors():
            stub_store.archive_unreadable(self._redis, stub, now, self._zone)
            self._retention.start_expiry(self._redis, stub.run_id, None)

    def archive(self, run_id: str) -> None:
        with translate_redis_errors():
            self._redis.srem(OPEN_RUNS, run_id)
            self._redis.hdel(RUN_STUBS, run_id)
            self._retention.start_expiry(
                self._redis, run_id, try_decode_run(self._redis.get(RUN_RECORD.format(run_id)) or b"")
            )
            self.audit.trim()

    def delete_run(self, run_id: str) -> None:
        with translate_redis_errors():
            delete_run(self._redis, run_id, try_decode_run(self._redis.get(RUN_RECORD.format(run_id)) or b""))

    def save_log(self, run_id: str, text: str) -> None:
        with translate_redis_errors():
            self._redis.set(RUN_LOG.format(run_id), text)

    def get_log(self, run_id: str) -> str:
        with translate_redis_errors():
            return decode_text(self._redis.get(RUN_LOG.format(run_id)))

    def get_log_cursor(self, run_id: str) -> LogCursor:
        with translate_redis_errors():
            return metrics_store.read_cursor(self._redis, run_id)

    def begin_log_read(self, run_id: str, earlier_returned: bool = False) -> int:
        with translate_redis_errors():
            return metrics_store.count_read_attempt(self._redis, run_id, earlier_returned)

    def end_log_read(self, run_id: str) -> None:
        with translate_redis_errors():
            metrics_store.clear_read_attempts(self._redis, run_id)

    def get_recent_metrics(self, run_id: str, last: int) -> tuple[StepMetrics, ...]:
        with translate_redis_errors():
            return metrics_store.read_last_rows(self._redis, run_id, last)

    def get_history(self, run_id: str) -> MetricsHistory:
        with translate_redis_errors():
            return metrics_store.read_history(self._redis, run_id)

    def run_id_for_card(self, channel: str, ts: str) -> str | None:
        with translate_redis_errors():
            return decode_text(self._redis.get(RUN_OF_CARD.format(channel, ts))) or None

    def link_card(self, channel: str, ts: str, run_id: str) -> None:
        with translate_redis_errors():
            self._redis.set(RUN_OF_CARD.format(channel, ts), run_id)

    def save_delivery(self, delivery_id: str, text: str) -> None:
        with translate_redis_errors():
            self._redis.hset(INBOX, delivery_id, text)

    def delete_delivery(self, delivery_id: str) -> None:
        with translate_redis_errors():
            self._redis.hdel(INBOX, delivery_id)

    def list_deliveries(self) -> list[str]:
        with translate_redis_errors():
            return [decode_text(delivery) for delivery in self._redis.hvals(INBOX)]

    def get_languages(self) -> dict[str, str]:
        with translate_redis_errors():
            return {
                decode_text(user): decode_text(language) for user, language in self._redis.hgetall(LANGUAGES).items()
            }

    def choose_language(self, user: str, language: str | None) -> None:
        with translate_redis_errors():
            if language:
                self._redis.hset(LANGUAGES, user, language)
            else:
                self._redis.hdel(LANGUAGES, user)

    def list_reports(self) -> list[Report]:
        with translate_redis_errors():
            return report_store.read_reports(self._redis)

    def add_report(self, build: Callable[[str], Report]) -> Report:
        with translate_redis_errors():
            return report_store.add_report(self._redis, build)

    def update_report(self, report_id: str, change: Callable[[Report], Report]) -> Report | None:
        with translate_redis_errors():
            return report_store.update_report(self._redis, report_id, change)

    def remove_report(self, report_id: str) -> None:
        with translate_redis_errors():
            report_store.remove_report(self._redis, report_id)

    def get_orphans(self) -> dict[str, Orphan]:
        with translate_redis_errors():
            return cluster_store.read_orphans(self._redis)

    def change_orphan(self, orphan_id: str, change: Callable[[Orphan | None], Orphan | None]) -> Orphan | None:
        with translate_redis_errors():
            return cluster_store.change_orphan(self._redis, orphan_id, change)

    def get_external_clusters(self) -> dict[str, ExternalCluster]:
        with translate_redis_errors():
            return cluster_store.read_external_clusters(self._redis)

    def change_external_cluster(
        self, cluster: str, change: Callable[[ExternalCluster | None, Ledger], ExternalCluster | None], now: datetime
    ) -> ExternalCluster | None:
        with translate_redis_errors(), self._admission_lock:
            return cluster_store.change_external_cluster(self._redis, cluster, change, now, self._zone)

    def add_notice(self, notice: Notice) -> bool:
        with translate_redis_errors():
            return report_store.add_notice(self._redis, notice)

    def list_notices(self) -> list[Notice]:
        with translate_redis_errors():
            return report_store.read_notices(self._redis)

    def change_notice(self, name: str, change: Callable[[Notice], Notice | None]) -> Notice | None:
        with translate_redis_errors():
            return report_store.change_notice(self._redis, name, change)

    def get_identity(self) -> StoreIdentity:
        with translate_redis_errors():
            return identity_store.read_identity(self._redis)

    def replace_identity(self, expected_id: str, new: StoreIdentity) -> StoreIdentity:
        with translate_redis_errors():
            return identity_store.replace_identity(self._redis, expected_id, new)

    def get_bot_time(self) -> datetime | None:
        with translate_redis_errors():
            return identity_store.read_bot_time(self._redis)

    def record_bot_time(self, now: datetime) -> None:
        with translate_redis_errors():
            identity_store.write_bot_time(self._redis, now)

    def acquire_leadership(self, owner: str, lease: timedelta) -> bool:
        with translate_redis_errors():
            return self._leadership.acquire(self._redis, owner, lease)

    def release_leadership(self, owner: str) -> None:
        with translate_redis_errors():
            release_leadership(self._redis, owner)
