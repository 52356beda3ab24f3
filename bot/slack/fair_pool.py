"""A fair thread pool for slow work: a person's many requests delay only that person."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

log = logging.getLogger(__name__)

Work = Callable[[], None]


class PoolFull(Exception):
    """Too much work is waiting already: of everyone, or of this person."""


class FairPool:
    """A few threads that take turns among people, one task of each at a time as long as others wait.

    Args:
        threads: how many tasks run at once; max_tasks: how many may be waiting or running before more are refused.
        max_tasks_each: the same for one person; max_running_each: how many tasks of one person run at once, even if
            no one else waits.
    """

    def __init__(self, threads: int, max_tasks: int, max_tasks_each: int, max_running_each: int, name: str) -> None:
        self._max_tasks = max_tasks
        self._max_tasks_each = max_tasks_each
        self._max_running_each = max_running_each
        self._queues: dict[str, deque[Work]] = {}
        self._running_counts: dict[str, int] = {}
        self._changed = Condition()
        self._is_stopped = False
        self._threads = [
            Thread(target=self._run_tasks, name=f"{name}-{index}", daemon=True) for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, user: str, work: Work) -> None:
        """Queue a task until its person's turn comes.

        Raises:
            PoolFull: too much work is waiting already.
        """
        with self._changed:
            own_tasks = len(self._queues.get(user, ())) + self._running_counts.get(user, 0)
            all_tasks = sum(map(len, self._queues.values())) + sum(self._running_counts.values())
            if self._is_stopped or all_tasks >= self._max_tasks or own_tasks >= self._max_tasks_each:
                raise PoolFull
            self._queues.setdefault(user, deque()).append(work)
            self._changed.notify()

    def stop(self) -> None:
        """Start nothing more; running tasks end by their own deadlines."""
        with self._changed:
            self._is_stopped = True
            self._queues.clear()
            self._changed.notify_all()

    def _wait_for_task(self) -> tuple[str, Work] | None:
        """Return the next task, of the person who has waited longest for a turn; None once the pool is stopped."""
        with self._changed:
            while not self._is_stopped:
                # The dictionary is in the order of turns: `_take_first_task` moves a person to its end.
                for user in self._queues:
                    if self._running_counts.get(user, 0) < self._max_running_each:
                        return user, self._take_first_task(user)
                self._changed.wait()
        return None

    def _take_first_task(self, user: str) -> Work:
        """Remove and return a person's first task, and move the person behind all others."""
        tasks = self._queues.pop(user)
        work = tasks.popleft()
        if tasks:
            self._queues[user] = tasks
        self._running_counts[user] = self._running_counts.get(user, 0) + 1
        return work

    def _run_tasks(self) -> None:
        """Run tasks until the pool is stopped."""
        while (user_and_work := self._wait_for_task()) is not None:
            user, work = user_and_work
            try:
                work()
            except Exception:
                log.exception("a task in the background failed")
            finally:
                with self._changed:
                    self._running_counts[user] -= 1
                    if not self._running_counts[user]:
                        del self._running_counts[user]
                    self._changed.notify_all()
