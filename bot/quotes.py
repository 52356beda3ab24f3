"""Prices of machines, where they are known in time: SkyPilot gives its admin policy half a minute,
and calls it often."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock

from bot.core.choices import cloud_of, gpus_of, kinds_of, nodes_of
from bot.core.money import Rate
from bot.core.plan import resources
from bot.core.recipe import Task
from bot.errors import Unavailable
from bot.ports import Now

log = logging.getLogger(__name__)

KEPT = timedelta(minutes=10)
"""How long a price is kept: prices change rarely, and one launch needs one three times."""


class Quotes:
    """Asks a cloud for prices in a thread; an answer that is late is ready for the next call.

    Args:
        rate: a cloud's function, which may take long.
        patience_seconds: how long one call waits.
    """

    def __init__(self, rate: Callable[[Task], Rate | None], now: Now, patience_seconds: float = 8.0) -> None:
        self._rate = rate
        self._now = now
        self._patience_seconds = patience_seconds
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="quotes")
        self._asked: dict[str, tuple[datetime, Future[Rate | None]]] = {}
        self._lock = Lock()

    def dollars_per_hour(self, task: Task) -> float:
        """Return dollars an hour of the whole cluster; zero where the price is unknown, or not known in time."""
        try:
            found = self._question(task).result(self._patience_seconds)
        except (TimeoutError, Unavailable) as error:
            log.warning("no price is known in time: %s", str(error) or "no answer")
            return 0.0
        return found.dollars_per_hour if found else 0.0

    def stop(self) -> None:
        """Cancel the requests that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _question(self, task: Task) -> Future[Rate | None]:
        """Return the request that is in progress or recent; a failed one is made again."""
        name, now = machines(task), self._now()
        with self._lock:
            asked_at, known = self._asked.get(name, (now, None))
            failed = known is not None and known.done() and known.exception() is not None
            if known and not failed and now < asked_at + KEPT:
                return known
            bare = {"num_nodes": nodes_of(task), "resources": dict(resources(task))}  # no secret is passed on
            self._asked = {one: kept for one, kept in self._asked.items() if now < kept[0] + KEPT}
            found = self._pool.submit(self._rate, bare)
            self._asked[name] = now, found
            return found


def machines(task: Task) -> str:
    """Return what a price depends on, as a key."""
    asked = resources(task)
    kinds = ",".join(kinds_of(asked.get("accelerators")))
    return (
        f"{nodes_of(task)} {asked.get('infra')} {cloud_of(asked)} {kinds} {gpus_of(asked, 1)} {asked.get('use_spot')}"
    )
