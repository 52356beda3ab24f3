"""Scheduler: runs jobs every few seconds, or sooner when woken. The only importer of apscheduler."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, tzinfo
from threading import Lock
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from bot.app.ports import Now
from bot.runtime.telemetry import OperationKind, Telemetry

log = logging.getLogger(__name__)

ScheduledJob = Callable[[], timedelta | None]
"""Does its work, and returns the delay until its next run; None for its usual period."""


class BotTimeZone(tzinfo):
    """UTC by the bot's own clock.

    It is how APScheduler (3.11) is given a clock: it calls `datetime.now(timezone)` for the time and nothing else, and
    Python has the time zone answer that. So a wall clock that is set, back or ahead, neither delays nor hurries a job.
    Every time that APScheduler gets must be of this zone: a time of another zone would be converted to now.
    """

    def __init__(self, now: Now) -> None:
        self._now = now

    def fromutc(self, _: datetime) -> datetime:
        return self._now().replace(tzinfo=self)

    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta()

    def dst(self, _: datetime | None) -> timedelta:
        return timedelta()

    def tzname(self, _: datetime | None) -> str:
        return "UTC"


class PeriodicTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler is not typed
    """Fires once in a period, counted from now: what was missed, as while the machine slept, is not made up for."""

    def __init__(self, period: timedelta) -> None:
        self._period = period

    def get_next_fire_time(self, _: Any, now: datetime) -> datetime:
        return now + self._period


USUAL_EXECUTOR, LEADER_EXECUTOR = "default", "leader"
"""Jobs may wait for a cloud that hangs. The renewal of the leadership has a thread of its own."""


def build_executors() -> dict[str, ThreadPoolExecutor]:
    """Return the threads of each executor."""
    return {USUAL_EXECUTOR: ThreadPoolExecutor(8), LEADER_EXECUTOR: ThreadPoolExecutor(1)}


class Scheduler:
    """Jobs by name, each in its own thread, never two of one name at once.

    Args:
        now: a clock that never goes back, and does not jump.
        telemetry: observes each run of a job.
    """

    def __init__(self, now: Now, telemetry: Telemetry | None = None) -> None:
        self._zone = BotTimeZone(now)
        self._scheduler = BackgroundScheduler(timezone=self._zone, executors=build_executors())
        self._telemetry = telemetry or Telemetry()
        self._lock = Lock()
        self._running: set[str] = set()
        self._woken: set[str] = set()
        self._is_closed = False
        self._pauses: dict[str, timedelta] = {}
        self._rest_until: dict[str, datetime] = {}

    def add_job(
        self,
        name: str,
        period: timedelta,
        job: ScheduledJob,
        pause: timedelta = timedelta(),
        executor: str = USUAL_EXECUTOR,
    ) -> None:
        """Run the job as soon as the scheduler starts, and then every `period`.

        Args:
            pause: the minimum between an end and the next start, however often the job is woken.
            executor: whose threads run it.
        """
        self._pauses[name] = pause
        self._scheduler.add_job(
            lambda: self._run(name, job),
            PeriodicTrigger(period),
            id=name,
            executor=executor,
            next_run_time=datetime.now(self._zone),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        self._scheduler.start()

    def wake(self, name: str) -> None:
        """Run the job now, or after its pause. A running job runs once more, because it may have looked already."""
        with self._lock:
            if name in self._running:
                self._woken.add(name)
            else:
                self._bring_forward(name, timedelta())

    def wake_all(self, names: Iterable[str]) -> None:
        """Wake several jobs."""
        for name in names:
            self.wake(name)

    def close(self) -> None:
        """Let no job start any more; running jobs continue. Does not wait."""
        with self._lock:
            self._is_closed = True

    def stop(self) -> None:
        """Wait for running jobs; none starts any more.

        APScheduler waits with its own lock held, so from here on no job may call it.
        """
        self.close()
        if self._scheduler.running:
            self._scheduler.shutdown()

    def _run(self, name: str, job: ScheduledJob) -> None:
        """Run a job, unless the scheduler is closed, and schedule its next run."""
        with self._lock:
            if self._is_closed:
                return
            self._running.add(name)
        wait = None
        try:
            with self._telemetry.observe(OperationKind.JOB, name):
                wait = job()
        except Exception:
            log.exception("%s failed; it runs again at its usual time", name)
        finally:
            with self._lock:
                self._running.discard(name)
                self._rest_until[name] = datetime.now(self._zone) + self._pauses[name]
                if name in self._woken:
                    self._woken.discard(name)
                    wait = timedelta()
                if wait is not None:
                    self._bring_forward(name, wait)

    def _bring_forward(self, name: str, wait: timedelta) -> None:
        """Move the job's next run forward, never back."""
        if self._is_closed or not self._scheduler.running:
            return
        job = self._scheduler.get_job(name)
        now = datetime.now(self._zone)
        run_at = max(now + wait, self._rest_until.get(name, now))
        if job and (job.next_run_time is None or run_at < job.next_run_time):
            job.modify(next_run_time=run_at)
        elif job and job.next_run_time <= now:
            # It is due already, but APScheduler still waits by the time that it had computed.
            self._scheduler.wakeup()
