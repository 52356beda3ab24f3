"""Who is served next: deliveries one at a time, people in turns, and first those who wait for an acknowledgement."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

log = logging.getLogger(__name__)

Work = Callable[[], None]

MAX_WAITING_PER_PERSON = 200
"""Maximum waiting deliveries of one person: no person types more, and Slack repeats what is refused."""


class FairQueue:
    """Waiting work by person, served in turns: a flood of deliveries delays only its own sender."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Work]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, person: str, work: Work) -> bool:
        """Add work behind the same person's other work. Return False where too much of it waits."""
        own_work = self._waiting.setdefault(person, deque())
        if len(own_work) >= MAX_WAITING_PER_PERSON:
            return False
        own_work.append(work)
        return True

    def take(self) -> Work:
        """Return the next work and remove it; its person comes after all others then."""
        person = next(iter(self._waiting))
        own_work = self._waiting.pop(person)
        work = own_work.popleft()
        if own_work:
            self._waiting[person] = own_work
        return work


class WorkQueue:
    """One thread, and two queues before it.

    Work waits for nothing but the store, so more threads would only alternate with each other: with 50 commands in
    flight, three are a third slower than one (`make bench`).
    """

    def __init__(self) -> None:
        self._urgent = FairQueue()
        self._deferred = FairQueue()
        self._changed = Condition()
        self._is_stopped = False
        self._thread = Thread(target=self._serve, name="deliveries", daemon=True)
        self._thread.start()

    def add_urgent(self, work: Work, person: str = "") -> bool:
        """Queue work before all deferred work. Return False where it is refused: see `FairQueue.add`."""
        return self._add(self._urgent, work, person)

    def add_deferred(self, work: Work, person: str = "") -> bool:
        """Queue work after all urgent work. Return False where it is refused."""
        return self._add(self._deferred, work, person)

    def stop(self) -> None:
        """Accept no more work, and finish what is queued."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self._thread.join()

    def _add(self, queue: FairQueue, work: Work, person: str) -> bool:
        with self._changed:
            if self._is_stopped:
                log.warning("a delivery came after the end, and is left to Slack to repeat")
                return False
            if not queue.add(person, work):
                log.warning(
                    "%s has more than %d deliveries waiting; one is left to Slack to repeat",
                    person,
                    MAX_WAITING_PER_PERSON,
                )
                return False
            self._changed.notify()
            return True

    def _take_next(self) -> Work | None:
        with self._changed:
            self._changed.wait_for(lambda: self._urgent or self._deferred or self._is_stopped)
            queue = self._urgent or self._deferred
            return queue.take() if queue else None

    def _serve(self) -> None:
        while work := self._take_next():
            try:
                work()
            except Exception:
                log.exception("a delivery of Slack's could not be handled")
