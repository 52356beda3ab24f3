"""Who is served next: deliveries one at a time, people in turns, and first those who wait for an acknowledgement."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

log = logging.getLogger(__name__)

Work = Callable[[], None]

MOST_EACH = 200
"""Maximum waiting deliveries of one person: no person types more, and Slack repeats what is refused."""


class Line:
    """Waiting work by person, served in turns: a flood of deliveries delays only its own sender."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Work]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, who: str, work: Work) -> bool:
        """Add work behind the same person's other work. Return False where too much of it waits."""
        own = self._waiting.setdefault(who, deque())
        if len(own) >= MOST_EACH:
            return False
        own.append(work)
        return True

    def take(self) -> Work:
        """Return the next work and remove it; its person comes after all others then."""
        who = next(iter(self._waiting))
        own = self._waiting.pop(who)
        work = own.popleft()
        if own:
            self._waiting[who] = own
        return work


class Turns:
    """One thread, and two queues before it.

    Work waits for nothing but the store, so more threads would only alternate with each other: with 50 commands in
    flight, three are a third slower than one (`make bench`).
    """

    def __init__(self) -> None:
        self._first = Line()
        self._later = Line()
        self._changed = Condition()
        self._over = False
        self._thread = Thread(target=self._serve, name="deliveries", daemon=True)
        self._thread.start()

    def first(self, work: Work, who: str = "") -> bool:
        """Queue work before all deferred work. Return False where it is refused: see `FairQueue.add`."""
        return self._put(self._first, work, who)

    def later(self, work: Work, who: str = "") -> bool:
        """Queue work after all urgent work. Return False where it is refused."""
        return self._put(self._later, work, who)

    def stop(self) -> None:
        """Accept no more work, and finish what is queued."""
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()

    def _put(self, queue: Line, work: Work, who: str) -> bool:
        with self._changed:
            if self._over:
                log.warning("a delivery came after the end, and is left to Slack to repeat")
                return False
            if not queue.put(who, work):
                log.warning("%s has more than %d deliveries waiting; one is left to Slack to repeat", who, MOST_EACH)
                return False
            self._changed.notify()
            return True

    def _next(self) -> Work | None:
        with self._changed:
            self._changed.wait_for(lambda: self._first or self._later or self._over)
            queue = self._first or self._later
            return queue.take() if queue else None

    def _serve(self) -> None:
        while work := self._next():
            try:
                work()
            except Exception:
                log.exception("a delivery of Slack's could not be handled")
