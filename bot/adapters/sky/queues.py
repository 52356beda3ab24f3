"""What the jobs of many clusters do: each question is an SSH to the cluster, so it is asked in the background."""

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
"""Before anything that has been waiting."""


@dataclass(slots=True)
class Queue:
    """What is known of one cluster's queue.

    Attributes:
        job: the run's job; None where it has none, or nobody has been asked.
        due_at: when it is asked next.
        answered_at: when it last answered; None where it never has.
        silent_since: since when it has not.
        launching: whether its launch was under way when it was asked last; it need not have a job then.
        asking: a question under way.
    """

    due_at: datetime
    job: JobRecord | None = None
    answered_at: datetime | None = None
    silent_since: datetime | None = None
    launching: bool = False
    asking: Future[list[JobRecord] | None] | None = None


class Queues:
    """The jobs of clusters as last seen.

    Args:
        ask: the jobs of a name on a cluster, or None where it has no queue; slow.
        period: between two questions to one cluster; longer where there are more clusters than can be asked in it,
            and CALM_PERIODS times as long for a job that runs, since its log tells when it ends, and for a
            cluster that is being launched, since that is known when it ends.
        patience: how long a cluster may be silent before what it said counts no more.
        threads: questions under way at once.
        wait_seconds: how long `collect` waits for what it asked; the rest comes with a later one.
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
        """Ask those of these clusters that are due, those that have waited longest first; forget all others.

        Args:
            clusters: by name, each with the name of the run's job.
            launching: those whose launch is under way.
            broken: those that SkyPilot takes for broken. They get no new question, but an answer that is under way
                is kept, and so is a job that has ended.
        """
        now = self._now()
        kept = {
            name: queue
            for name, queue in self._queues.items()
            if name in broken and (queue.asking or (queue.job and queue.job.job.over))
        }
        self._queues = {name: self._queues.get(name) or Queue(now) for name in clusters} | kept
        for name, queue in self._queues.items():
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
        """Ask this one before all others: it may have something to say."""
        if queue := self._queues.get(cluster):
            queue.due_at = FIRST

    def asked(self, cluster: str) -> bool:
        """Whether it has ever answered; that there is no job, after its launch was over."""
        queue = self._queues.get(cluster)
        return queue is not None and queue.answered_at is not None

    def silent(self, cluster: str) -> bool:
        """Whether it has not answered for so long that what it said counts no more."""
        queue = self._queues.get(cluster)
        return bool(queue and queue.silent_since and self._now() > queue.silent_since + self._patience)

    def job(self, cluster: str) -> JobRecord | None:
        queue = self._queues.get(cluster)
        return queue.job if queue else None

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take(self, name: str, queue: Queue) -> None:
        """Keep an answer; one that did not come leaves what was known."""
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
            if found is None and queue.job:  # it had one
                queue.silent_since = queue.silent_since or now
            else:
                queue.job, queue.silent_since = found[0] if found else None, None
                if found or not queue.launching:
                    queue.answered_at = now
        runs = queue.job is not None and queue.job.job is Job.RUNNING
        calm = (runs or queue.launching) and not queue.silent_since
        queue.due_at = now + self._period * (CALM_PERIODS if calm else 1)
