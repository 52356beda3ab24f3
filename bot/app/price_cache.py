"""Prices of machines, where they are known in time: SkyPilot gives its admin policy half a minute,
and calls it often.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock

from bot.app.ports import Now
from bot.core.model.accelerators import list_accelerators
from bot.core.model.launch_plan import resources
from bot.core.model.money import Rate
from bot.core.model.recipe import Task
from bot.core.model.resources import count_choice_gpus, count_nodes, get_cloud_name
from bot.errors import Unavailable

log = logging.getLogger(__name__)

PRICE_LIFETIME = timedelta(minutes=10)
"""How long a price is kept: prices change rarely, and one launch needs one three times."""


class PriceCache:
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
        self._requests: dict[str, tuple[datetime, Future[Rate | None]]] = {}
        self._lock = Lock()

    def dollars_per_hour(self, task: Task) -> float:
        """Return dollars an hour of the whole cluster; zero where the price is unknown, or not known in time."""
        try:
            rate = self._request_rate(task).result(self._patience_seconds)
        except (TimeoutError, Unavailable) as error:
            log.warning("no price is known in time: %s", str(error) or "no answer")
            return 0.0
        return rate.dollars_per_hour if rate else 0.0

    def stop(self) -> None:
        """Cancel the requests that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _request_rate(self, task: Task) -> Future[Rate | None]:
        """Return the request that is in progress or recent; a failed one is made again."""
        name, now = price_key(task), self._now()
        with self._lock:
            requested_at, earlier = self._requests.get(name, (now, None))
            failed = earlier is not None and earlier.done() and earlier.exception() is not None
            if earlier and not failed and now < requested_at + PRICE_LIFETIME:
                return earlier
            bare_task = {"num_nodes": count_nodes(task), "resources": dict(resources(task))}  # no secret is passed on
            self._requests = {
                key: request for key, request in self._requests.items() if now < request[0] + PRICE_LIFETIME
            }
            future = self._pool.submit(self._rate, bare_task)
            self._requests[name] = now, future
            return future


def price_key(task: Task) -> str:
    """Return what a price depends on, as a key."""
    options = resources(task)
    kinds = ",".join(list_accelerators(options.get("accelerators")))
    return (
        f"{count_nodes(task)} {options.get('infra')} {get_cloud_name(options)} {kinds} "
        f"{count_choice_gpus(options, 1)} {options.get('use_spot')}"
    )
