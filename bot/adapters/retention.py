"""How long the data of an ended run is kept: Redis itself deletes it then."""

from dataclasses import dataclass
from datetime import timedelta

from redis import Redis

from bot.adapters import histories
from bot.adapters.keys import CARD, ENDED, EVENTS, IDS, LOG, OPEN, RUN, STUBS, TASK, UNREADABLE, WISH
from bot.core.run import Run


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the parts of an ended run are kept.

    Attributes:
        metrics: the numbers of its steps.
        log: its last lines.
        record: the rest.
    """

    numbers: timedelta = timedelta(days=180)
    log: timedelta = timedelta(days=30)
    record: timedelta = timedelta(days=365)

    def begin(self, redis: Redis, run_id: str, run: Run | None) -> None:
        """Start the expiry of a run's parts, once everything about the run has been reported.

        Parts that are already older than their retention are deleted.
        """
        histories.expire(redis, run_id, min(self.numbers, self.record))
        with redis.pipeline() as tx:
            tx.expire(LOG.format(run_id), min(self.log, self.record))
            for key in keys_of(run_id, run):
                tx.expire(key, self.record)
            tx.execute()
        if run and run.ended_at:
            redis.zremrangebyscore(ENDED, "-inf", f"({(run.ended_at - self.record).timestamp()}")


def forget(redis: Redis, run_id: str, run: Run | None) -> None:
    """Delete all data of a run except its cost and its id, which no other run may get."""
    clicks = list(redis.scan_iter(match=WISH.format(f"* {run_id} *")))
    with redis.pipeline() as tx:
        if clicks:
            tx.delete(*clicks)
        tx.sadd(IDS, run_id)
        tx.delete(LOG.format(run_id), *histories.all_keys(run_id), *keys_of(run_id, run))
        tx.zrem(ENDED, run_id)
        tx.srem(OPEN, run_id)
        tx.hdel(STUBS, run_id)
        tx.hdel(UNREADABLE, run_id)
        tx.execute()


def keys_of(run_id: str, run: Run | None) -> list[str]:
    """Return the keys of a run's record, its task, its events and the messages that are its card."""
    messages = [one.ts for one in run.posted.values() if one.ts] if run else []
    channels = {run.channel, run.thread_channel or run.channel} if run else set()
    cards = [CARD.format(channel, ts) for channel in sorted(channels) for ts in messages]
    return [RUN.format(run_id), TASK.format(run_id), EVENTS.format(run_id), *cards]
