"""Who is served next: deliveries one at a time, those that wait for their acknowledgement before those that have it."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

log = logging.getLogger(__name__)

Work = Callable[[], None]


class Turns:
    """One thread, and two queues before it.

    Work waits for nothing but the store, so more threads would only take turns with one another: with 50 commands in
    flight, three are a third slower than one (`make bench`).
    """

    def __init__(self) -> None:
        self._first: deque[Work] = deque()
        self._later: deque[Work] = deque()
        self._changed = Condition()
        self._over = False
        self._thread = Thread(target=self._serve, name="deliveries", daemon=True)
        self._thread.start()

    def first(self, work: Work) -> None:
        """Before everything that was put behind."""
        self._put(self._first, work)

    def later(self, work: Work) -> None:
        """After everything that is to come first."""
        self._put(self._later, work)

    def stop(self) -> None:
        """Take nothing more, and finish what was taken."""
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()

    def _put(self, queue: deque[Work], work: Work) -> None:
        with self._changed:
            if self._over:
                log.warning("a delivery came after the end, and is left to Slack to repeat")
                return
            queue.append(work)
            self._changed.notify()

    def _next(self) -> Work | None:
        with self._changed:
            self._changed.wait_for(lambda: self._first or self._later or self._over)
            queue = self._first or self._later
            return queue.popleft() if queue else None

    def _serve(self) -> None:
        while work := self._next():
            try:
                work()
            except Exception:
                log.exception("a delivery of Slack's could not be handled")
