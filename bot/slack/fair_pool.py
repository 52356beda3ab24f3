"""A fair thread pool for slow work: a person's many requests delay only that person."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

log = logging.getLogger(__name__)

Work = Callable[[], None]


class Full(Exception):
    """Too much work is waiting already: of everyone, or of this person."""


class FairPool:
    """A few threads that take turns among people, one task of each at a time as long as others wait.

    Args:
        threads: how many tasks run at once; max_tasks: how many may be waiting or running before more are refused.
        max_tasks_each: the same for one person; max_running_each: how many tasks of one person run at once, even if
            no one else waits.
    """

    def __init__(self, threads: int, most: int, most_each: int, at_once_each: int, name: str) -> None:
        self._most = most
        self._most_each = most_each
        self._at_once_each = at_once_each
        self._waiting: dict[str, deque[Work]] = {}
        self._under_way: dict[str, int] = {}
        self._changed = Condition()
        self._is_over = False
        self._threads = [Thread(target=self._serve, name=f"{name}-{at}", daemon=True) for at in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, who: str, work: Work) -> None:
        """Queue a task until its person's turn comes.

        Raises:
            PoolFull: too much work is waiting already.
        """
        with self._changed:
            own = len(self._waiting.get(who, ())) + self._under_way.get(who, 0)
            everybodys = sum(map(len, self._waiting.values())) + sum(self._under_way.values())
            if self._is_over or everybodys >= self._most or own >= self._most_each:
                raise Full
            self._waiting.setdefault(who, deque()).append(work)
            self._changed.notify()

    def stop(self) -> None:
        """Start nothing more; running tasks end by their own deadlines."""
        with self._changed:
            self._is_over = True
            self._waiting.clear()
            self._changed.notify_all()

    def _next(self) -> tuple[str, Work] | None:
        """Return the next task, of the person who has waited longest for a turn; None once the pool is stopped."""
        with self._changed:
            while not self._is_over:
                # The dictionary is in the order of turns: `_take_first_task` moves a person to its end.
                for who in self._waiting:
                    if self._under_way.get(who, 0) < self._at_once_each:
                        return who, self._take(who)
                self._changed.wait()
        return None

    def _take(self, who: str) -> Work:
        """Remove and return a person's first task, and move the person behind all others."""
        tasks = self._waiting.pop(who)
        work = tasks.popleft()
        if tasks:
            self._waiting[who] = tasks
        self._under_way[who] = self._under_way.get(who, 0) + 1
        return work

    def _serve(self) -> None:
        """Run tasks until the pool is stopped."""
        while (found := self._next()) is not None:
            who, work = found
            try:
                work()
            except Exception:
                log.exception("a task in the background failed")
            finally:
                with self._changed:
                    self._under_way[who] -= 1
                    if not self._under_way[who]:
                        del self._under_way[who]
                    self._changed.notify_all()
