"""How long what belongs to an ended run is kept in Redis, and how it is deleted."""

from dataclasses import dataclass
from datetime import timedelta

from redis import Redis

from bot.adapters.redis.connection import (
    ENDED_RUNS,
    LAUNCH_REQUEST,
    OPEN_RUNS,
    RUN_EVENTS,
    RUN_IDS,
    RUN_LOG,
    RUN_OF_CARD,
    RUN_RECORD,
    RUN_STUBS,
    RUN_TASK,
    UNREADABLE_RUNS,
)
from bot.adapters.redis.metrics_store import expire_metrics, list_log_keys
from bot.core.model.run import Run


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the parts of an ended run are kept.

    Attributes:
        metrics: the numbers of its steps.
        log: its last lines.
        record: the rest.
    """

    metrics: timedelta = timedelta(days=180)
    log: timedelta = timedelta(days=30)
    record: timedelta = timedelta(days=365)

    def start_expiry(self, redis: Redis, run_id: str, run: Run | None) -> None:
        """Start the expiry of a run's parts, once everything about the run has been reported.

        Parts that are already older than their retention are deleted.
        """
        expire_metrics(redis, run_id, min(self.metrics, self.record))
        with redis.pipeline() as tx:
            tx.expire(RUN_LOG.format(run_id), min(self.log, self.record))
            for key in list_run_keys(run_id, run):
                tx.expire(key, self.record)
            tx.execute()
        if run and run.closed_at:
            redis.zremrangebyscore(ENDED_RUNS, "-inf", f"({(run.closed_at - self.record).timestamp()}")


def delete_run(redis: Redis, run_id: str, run: Run | None) -> None:
    """Delete all data of a run except its cost and its id, which no other run may get."""
    request_keys = list(redis.scan_iter(match=LAUNCH_REQUEST.format(f"* {run_id} *")))
    with redis.pipeline() as tx:
        if request_keys:
            tx.delete(*request_keys)
        tx.sadd(RUN_IDS, run_id)
        tx.delete(RUN_LOG.format(run_id), *list_log_keys(run_id), *list_run_keys(run_id, run))
        tx.zrem(ENDED_RUNS, run_id)
        tx.srem(OPEN_RUNS, run_id)
        tx.hdel(RUN_STUBS, run_id)
        tx.hdel(UNREADABLE_RUNS, run_id)
        tx.execute()


def list_run_keys(run_id: str, run: Run | None) -> list[str]:
    """Return the keys of a run's record, its task, its events and the messages that are its card."""
    messages = [message.ts for message in run.messages.sent.values() if message.ts] if run else []
    channels = {run.channel, run.messages.thread_channel or run.channel} if run else set()
    cards = [RUN_OF_CARD.format(channel, ts) for channel in sorted(channels) for ts in messages]
    return [RUN_RECORD.format(run_id), RUN_TASK.format(run_id), RUN_EVENTS.format(run_id), *cards]
