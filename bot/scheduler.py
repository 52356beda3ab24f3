"""Time: runs jobs every few seconds, or sooner when woken. The only importer of apscheduler."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from threading import Lock
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from bot.ports import Now

log = logging.getLogger(__name__)

Job = Callable[[], timedelta | None]
"""Does its work, and returns in how long it wants to run again; None for at its usual time."""


class OwnTime(tzinfo):
    """UTC by the bot's own clock.

    It is how APScheduler (3.11) is given a clock: it asks `datetime.now(timezone)` for the time and nothing else, and
    Python has the time zone answer that. So a wall clock that is set, back or ahead, neither holds up a job nor hurries
    it. Every time that APScheduler gets must be of this zone: one of another would be converted, to now.
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


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler is not typed
    """Fires once in a period, counted from now: what was missed meanwhile, as in a machine's sleep, is not made up."""

    def __init__(self, period: timedelta) -> None:
        self._period = period

    def get_next_fire_time(self, _: Any, now: datetime) -> datetime:
        return now + self._period


class Scheduler:
    """Jobs by name, each in a thread of its own, never two of one name at once.

    Args:
        now: a clock that never goes back, and does not jump.
    """

    def __init__(self, now: Now) -> None:
        self._zone = OwnTime(now)
        self._scheduler = BackgroundScheduler(timezone=self._zone, executors={"default": ThreadPoolExecutor(8)})
        self._lock = Lock()
        self._running: set[str] = set()
        self._woken: set[str] = set()
        self._over = False
        self._pauses: dict[str, timedelta] = {}
        self._rest_until: dict[str, datetime] = {}

    def every(self, name: str, period: timedelta, job: Job, pause: timedelta = timedelta()) -> None:
        """Run the job at once when the scheduler starts, and then every `period`.

        Args:
            pause: the least between an end and the next begin, however often the job is woken.
        """
        self._pauses[name] = pause
        self._scheduler.add_job(
            lambda: self._run(name, job),
            Every(period),
            id=name,
            next_run_time=datetime.now(self._zone),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        self._scheduler.start()

    def wake(self, name: str) -> None:
        """Run the job now, or after its pause. One that is running runs once more: it may have looked already."""
        with self._lock:
            if name in self._running:
                self._woken.add(name)
            else:
                self._within(name, timedelta())

    def close(self) -> None:
        """Let nothing start any more; what is running runs on. Does not wait."""
        with self._lock:
            self._over = True

    def stop(self) -> None:
        """Wait for what is running; nothing starts any more.

        APScheduler waits with its own lock held, so from here on no job may ask it for anything.
        """
        self.close()
        if self._scheduler.running:
            self._scheduler.shutdown()

    def _run(self, name: str, job: Job) -> None:
        with self._lock:
            if self._over:
                return
            self._running.add(name)
        wait = None
        try:
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
                    self._within(name, wait)

    def _within(self, name: str, wait: timedelta) -> None:
        """Bring the job's next time forward, never back."""
        if self._over or not self._scheduler.running:
            return
        job = self._scheduler.get_job(name)
        now = datetime.now(self._zone)
        wanted = max(now + wait, self._rest_until.get(name, now))
        if job and (job.next_run_time is None or wanted < job.next_run_time):
            job.modify(next_run_time=wanted)
        elif job and job.next_run_time <= now:  # it is due, and APScheduler waits as if time had not been made up for
            self._scheduler.wakeup()
