"""Work of many people in turns: the queue that deliveries and slow questions share, and the threads for the latter."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

log = logging.getLogger(__name__)

Work = Callable[[], None]


class FairQueue:
    """Waiting work by person, served in turns: a flood of one person's work delays only that person.

    Args:
        max_each: how much work of one person may wait.
    """

    def __init__(self, max_each: int) -> None:
        self._max_each = max_each
        # In the order of turns: `take` moves a person to the end.
        self._waiting: dict[str, deque[Work]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def count(self, person: str) -> int:
        """Return how much work of a person waits."""
        return len(self._waiting.get(person, ()))

    def add(self, person: str, work: Work) -> bool:
        """Add work behind the same person's other work. Return False where too much of it waits."""
        if self.count(person) >= self._max_each:
            return False
        self._waiting.setdefault(person, deque()).append(work)
        return True

    def take(self, may_serve: Callable[[str], bool] = lambda person: True) -> tuple[str, Work] | None:
        """Return the person who has waited longest for a turn and that person's next work, and remove it; None where
        no work waits of a person who may be served now.
        """
        person = next(filter(may_serve, self._waiting), None)
        if person is None:
            return None
        own_work = self._waiting.pop(person)
        work = own_work.popleft()
        if own_work:
            self._waiting[person] = own_work
        return person, work

    def clear(self) -> None:
        """Drop all that waits."""
        self._waiting.clear()


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
        self._queue = FairQueue(max_tasks_each)
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
            own_tasks = self._queue.count(user) + self._running_counts.get(user, 0)
            all_tasks = len(self._queue) + sum(self._running_counts.values())
            if self._is_stopped or all_tasks >= self._max_tasks or own_tasks >= self._max_tasks_each:
                raise PoolFull
            self._queue.add(user, work)
            self._changed.notify()

    def stop(self) -> None:
        """Start nothing more; running tasks end by their own deadlines."""
        with self._changed:
            self._is_stopped = True
            self._queue.clear()
            self._changed.notify_all()

    def _may_run(self, user: str) -> bool:
        return self._running_counts.get(user, 0) < self._max_running_each

    def _wait_for_task(self) -> tuple[str, Work] | None:
        """Return the next task and its person; None once the pool is stopped."""
        with self._changed:
            while not self._is_stopped:
                if user_and_work := self._queue.take(self._may_run):
                    user, _ = user_and_work
                    self._running_counts[user] = self._running_counts.get(user, 0) + 1
                    return user_and_work
                self._changed.wait()
        return None

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
