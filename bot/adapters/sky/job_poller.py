"""The jobs of many clusters, polled in the background, because each query is an SSH connection to the cluster."""

import logging
from collections.abc import Callable, Container, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.adapters.sky.sky_records import JobRecord
from bot.core.model.cluster import JobState
from bot.errors import Unavailable

log = logging.getLogger(__name__)

BACKOFF_PERIODS = 4

EARLIEST = datetime.min.replace(tzinfo=UTC)
"""A due time before that of any cluster that has been waiting."""


@dataclass(slots=True)
class PolledJob:
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
    unanswered_since: datetime | None = None
    launching: bool = False
    pending_answer: Future[list[JobRecord] | None] | None = None


class JobPoller:
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
        list_jobs: Callable[[str, str | None], list[JobRecord] | None],
        now: Callable[[], datetime],
        *,
        period: timedelta,
        stale_after: timedelta,
        threads: int = 1,
        wait_seconds: float = 0.5,
    ) -> None:
        self._list_jobs = list_jobs
        self._now = now
        self._period = period
        self._stale_after = stale_after
        self._threads = threads
        self._wait_seconds = wait_seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="queue")
        self._jobs_by_cluster: dict[str, PolledJob] = {}

    def poll(
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
        broken_jobs = {
            name: polled_job
            for name, polled_job in self._jobs_by_cluster.items()
            if name in broken and (polled_job.pending_answer or (polled_job.job and polled_job.job.job.is_finished))
        }
        self._jobs_by_cluster = {
            name: self._jobs_by_cluster.get(name) or PolledJob(now) for name in clusters
        } | broken_jobs
        for name, polled_job in self._jobs_by_cluster.items():
            # A launch has ended: its job is queried at once.
            if polled_job.launching and name not in launching and not polled_job.pending_answer:
                polled_job.launching, polled_job.due_at = False, now
        due = sorted(
            (polled_job.due_at, name)
            for name, polled_job in self._jobs_by_cluster.items()
            if not polled_job.pending_answer and name in clusters
        )
        free = 2 * self._threads - sum(
            polled_job.pending_answer is not None for polled_job in self._jobs_by_cluster.values()
        )
        for at, name in due[: max(free, 0)]:
            if at <= now:
                self._jobs_by_cluster[name].launching = name in launching
                self._jobs_by_cluster[name].pending_answer = self._pool.submit(self._list_jobs, name, clusters[name])
        pending = [
            polled_job.pending_answer for polled_job in self._jobs_by_cluster.values() if polled_job.pending_answer
        ]
        if pending:
            wait(pending, timeout=self._wait_seconds)
        for name, polled_job in self._jobs_by_cluster.items():
            if polled_job.pending_answer and polled_job.pending_answer.done():
                self._record_answer(name, polled_job)

    def poll_now(self, cluster: str) -> None:
        """Schedule this cluster before all others: its job may have ended."""
        if polled_job := self._jobs_by_cluster.get(cluster):
            polled_job.due_at = EARLIEST

    def has_answered(self, cluster: str) -> bool:
        """Return whether the cluster has ever answered; an answer without a job counts only after its launch."""
        polled_job = self._jobs_by_cluster.get(cluster)
        return polled_job is not None and polled_job.answered_at is not None

    def is_stale(self, cluster: str) -> bool:
        """Return whether the cluster has not answered for so long that its last answer counts no more."""
        polled_job = self._jobs_by_cluster.get(cluster)
        return bool(
            polled_job and polled_job.unanswered_since and self._now() > polled_job.unanswered_since + self._stale_after
        )

    def job(self, cluster: str) -> JobRecord | None:
        """Return the run's job on the cluster as last observed."""
        polled_job = self._jobs_by_cluster.get(cluster)
        return polled_job.job if polled_job else None

    def stop(self) -> None:
        """Cancel the queries that wait, and let those under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _record_answer(self, name: str, polled_job: PolledJob) -> None:
        """Record an answer; a failed query leaves the last job in place."""
        now, pending = self._now(), polled_job.pending_answer
        polled_job.pending_answer = None
        try:
            answer = pending.result() if pending else []
        except Unavailable as error:
            log.info("the queue of %s does not answer: %s", name, error)
            polled_job.unanswered_since = polled_job.unanswered_since or now
        except Exception:
            log.exception("the queue of %s cannot be read", name)
            polled_job.unanswered_since = polled_job.unanswered_since or now
        else:
            if answer is None and polled_job.job:  # a queue that had a job has gone
                polled_job.unanswered_since = polled_job.unanswered_since or now
            else:
                polled_job.job, polled_job.unanswered_since = answer[0] if answer else None, None
                if answer or not polled_job.launching:
                    polled_job.answered_at = now
        is_running = polled_job.job is not None and polled_job.job.job is JobState.RUNNING
        backs_off = (is_running or polled_job.launching) and not polled_job.unanswered_since
        polled_job.due_at = now + self._period * (BACKOFF_PERIODS if backs_off else 1)
