"""The jobs of many clusters, polled in the background, because each query is an SSH connection to the cluster."""

import logging
from collections.abc import Callable, Container, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.adapters.sky.records import JobRecord
from bot.core.seen import Job
from bot.errors import Unavailable
from bot.language import carried

log = logging.getLogger(__name__)

CALM_PERIODS = 4

FIRST = datetime.min.replace(tzinfo=UTC)
"""A due time before that of any cluster that has been waiting."""


@dataclass(slots=True)
class Queue:
    """What is known of one cluster's queue.

    Attributes:
        job: the run's job; None where it has none, or before the first answer.
        due_at: when its next query is due.
        answered_at: when it last answered; None where it never has.
        unanswered_since: when its queries began to fail; None after an answer.
        launching: whether its launch was under way at the last query; then it need not have a job.
        pending_answer: the query under way.
    """

    due_at: datetime
    job: JobRecord | None = None
    answered_at: datetime | None = None
    silent_since: datetime | None = None
    launching: bool = False
    asking: Future[list[JobRecord] | None] | None = None


class Queues:
    """The jobs of clusters as last observed.

    Args:
        list_jobs: returns the jobs of a name on a cluster, or None where it has no queue; slow.
        period: between two queries of one cluster; longer where there are more clusters than fit into one period, and
            BACKOFF_PERIODS times as long for a running job, since its log shows when it ends, and for a cluster in
            launch, since the end of its launch is known.
        stale_after: how long a cluster may stay unanswered before its last answer counts no more.
        threads: queries under way at once.
        wait_seconds: how long `poll` waits for its queries; the other answers come with a later call.
    """

    def __init__(
        self,
        ask: Callable[[str, str | None], list[JobRecord] | None],
        now: Callable[[], datetime],
        *,
        period: timedelta,
        patience: timedelta,
        threads: int = 1,
        wait_seconds: float = 0.5,
    ) -> None:
        self._ask = ask
        self._now = now
        self._period = period
        self._patience = patience
        self._threads = threads
        self._wait_seconds = wait_seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="queue")
        self._queues: dict[str, Queue] = {}

    def collect(
        self, clusters: Mapping[str, str | None], launching: Container[str] = (), broken: Container[str] = ()
    ) -> None:
        """Query those of these clusters that are due, the longest-waiting first; forget all others.

        Args:
            clusters: by name, each with the name of the run's job.
            launching: those whose launch is under way.
            broken: those that SkyPilot takes for broken. They get no new query, but an answer under way is kept, and so
                is a job that has ended.
        """
        now = self._now()
        kept = {
            name: queue
            for name, queue in self._queues.items()
            if name in broken and (queue.asking or (queue.job and queue.job.job.over))
        }
        self._queues = {name: self._queues.get(name) or Queue(now) for name in clusters} | kept
        for name, queue in self._queues.items():
            # A launch has ended: its job is queried at once.
            if queue.launching and name not in launching and not queue.asking:
                queue.launching, queue.due_at = False, now
        due = sorted(
            (queue.due_at, name) for name, queue in self._queues.items() if not queue.asking and name in clusters
        )
        free = 2 * self._threads - sum(queue.asking is not None for queue in self._queues.values())
        for at, name in due[: max(free, 0)]:
            if at <= now:
                self._queues[name].launching = name in launching
                self._queues[name].asking = self._pool.submit(carried(self._ask), name, clusters[name])
        asking = [queue.asking for queue in self._queues.values() if queue.asking]
        if asking:
            wait(asking, timeout=self._wait_seconds)
        for name, queue in self._queues.items():
            if queue.asking and queue.asking.done():
                self._take(name, queue)

    def hurry(self, cluster: str) -> None:
        """Schedule this cluster before all others: its job may have ended."""
        if queue := self._queues.get(cluster):
            queue.due_at = FIRST

    def asked(self, cluster: str) -> bool:
        """Return whether the cluster has ever answered; an answer without a job counts only after its launch."""
        queue = self._queues.get(cluster)
        return queue is not None and queue.answered_at is not None

    def silent(self, cluster: str) -> bool:
        """Return whether the cluster has not answered for so long that its last answer counts no more."""
        queue = self._queues.get(cluster)
        return bool(queue and queue.silent_since and self._now() > queue.silent_since + self._patience)

    def job(self, cluster: str) -> JobRecord | None:
        """Return the run's job on the cluster as last observed."""
        queue = self._queues.get(cluster)
        return queue.job if queue else None

    def stop(self) -> None:
        """Cancel the queries that wait, and let those under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, name: str, queue: Queue) -> None:
        """Record an answer; a failed query leaves the last job in place."""
        now, asking = self._now(), queue.asking
        queue.asking = None
        try:
            found = asking.result() if asking else []
        except Unavailable as error:
            log.info("the queue of %s does not answer: %s", name, error)
            queue.silent_since = queue.silent_since or now
        except Exception:
            log.exception("the queue of %s cannot be read", name)
            queue.silent_since = queue.silent_since or now
        else:
            if found is None and queue.job:  # a queue that had a job has gone
                queue.silent_since = queue.silent_since or now
            else:
                queue.job, queue.silent_since = found[0] if found else None, None
                if found or not queue.launching:
                    queue.answered_at = now
        runs = queue.job is not None and queue.job.job is Job.RUNNING
        calm = (runs or queue.launching) and not queue.silent_since
        queue.due_at = now + self._period * (CALM_PERIODS if calm else 1)
