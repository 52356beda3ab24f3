"""The port to SkyPilot's managed jobs: one query for all of them, and their costs from time to time."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.adapters import prices
from bot.adapters.sky import calls, managed_calls
from bot.adapters.sky.courier import Carries
from bot.adapters.sky.managed_meaning import OVER, RUNNING, cluster, is_left, managed_id, number_of, seen_managed
from bot.adapters.sky.records import Costs, ManagedRecord
from bot.core.loglines import LOOK_BYTES
from bot.core.managed import Controller
from bot.core.order import Watched
from bot.core.orphans import Standing
from bot.core.recipe import Task
from bot.core.seen import Seen
from bot.errors import Unavailable

log = logging.getLogger(__name__)

PRICED = "controller"
"""Key of a controller's price in the team's price table: `controller: {node: 0.25}`."""


class ManagedJobs:
    """Managed jobs of SkyPilot's.

    Args:
        bill_period: between two queries of their costs; a job's change of state triggers a query at once.
    """

    def __init__(
        self, courier: Carries, now: Callable[[], datetime], table: prices.Table, bill_period: timedelta
    ) -> None:
        self._courier = courier
        self._now = now
        self._table = table
        self._bill_period = bill_period
        self._jobs: Mapping[str, ManagedRecord] = {}
        self._costs: Mapping[str, Costs] = {}
        self._standing: Sequence[Standing] = ()
        self._billed: tuple[datetime, object] | None = None

    def observe(self, watched: Sequence[Watched]) -> Mapping[str, Seen]:
        """Return the observation of each managed job, by name."""
        known = {one.cluster: (one.job_id, one.request_id) for one in watched}
        look = self._courier.call(managed_calls.look, known, [one.cluster for one in watched if one.asked_at])
        self._jobs = look.jobs
        self._reckon(watched)
        at = self._billed[0] if self._billed else self._now()
        return {name: seen_managed(look.jobs.get(name), name, look, self._costs.get(name), at) for name in known}

    def launch(self, name: str, task: Task, again: bool, may_rent: bool) -> str:
        """Launch a managed job and return the request's id, as `sdk_jobs.launch` does."""
        priced = self._priced(Controller()).rate
        return self._courier.call(managed_calls.launch, name, task, again, may_rent, priced)

    def tail(self, watched: Watched, lines: int) -> str:
        """Return the end of the log; empty while the job waits for machines, since SkyPilot would wait for them too."""
        job = self._jobs.get(watched.cluster)
        # SkyPilot answers for a waiting job only once it has machines.
        if job is None or job.status not in (*RUNNING, *OVER):
            return ""
        text = self._courier.call(managed_calls.tail, job.id, lines, LOOK_BYTES)
        return managed_calls.without_epitaph(calls.without_chatter(text))

    def down(self, watched: Watched) -> str | None:
        """Cancel a managed job; return why its controller has left it, if it has."""
        return self._courier.call(managed_calls.cancel, watched.cluster, watched.request_id)

    def controller(self) -> Controller | None:
        """Return the controller that must be rented first, with its price; None where none is needed."""
        found = self._courier.call(managed_calls.controller)
        return self._priced(found) if found else None

    def standing(self) -> Sequence[Standing]:
        """Return every unfinished job with a name of ours; the last listing where SkyPilot does not answer.

        The last listing is returned so that no job is taken for gone. Jobs with other names are left out: their
        controller ends them, and their launchers look after them.
        """
        try:
            self._standing = [standing(one) for one in self._courier.call(managed_calls.ours)]
        except Unavailable as error:
            log.warning("managed jobs cannot be listed: %s", error)
        return self._standing

    def gone(self, ids: Collection[str]) -> set[str]:
        """Return which of these jobs have gone, according to their controller; jobs unknown to it are left out."""
        numbers = [number for one in ids if (number := number_of(one)) is not None]
        return {managed_id(number) for number in self._courier.call(managed_calls.gone, numbers)}

    def _priced(self, found: Controller) -> Controller:
        """Return the controller with the price from the team's table."""
        return replace(found, rate=prices.look_up(self._table, PRICED, None, 1))

    def _reckon(self, watched: Sequence[Watched]) -> None:
        """Query the costs when the period has passed or a job has changed its state; keep the last ones on a failure.

        The costs also show whether a cluster still exists that its controller has left.
        """
        now, states = self._now(), {name: (one.status, one.done) for name, one in self._jobs.items()}
        left = any(is_left(one, self._costs.get(name)) for name, one in self._jobs.items())
        if self._billed and self._billed[1] == states and now < self._billed[0] + self._bill_period and not left:
            return
        first = min((one.asked_at for one in watched if one.asked_at), default=now)
        numbers = {name: one.id for name, one in self._jobs.items()}
        try:
            self._costs = self._courier.call(managed_calls.costs, numbers, (now - first).days + 2) if numbers else {}
        except Unavailable as error:  # the jobs are observed all the same
            log.warning("SkyPilot's cost report does not answer: %s", error)
            return
        self._billed = (now, states)


def standing(one: ManagedRecord) -> Standing:
    """Return the managed job as a list shows it."""
    return Standing(
        id=managed_id(one.id),
        name=one.name,
        status=cluster(one, None),
        user=one.user,
        infra=one.infra,
        since=datetime.fromtimestamp(one.since, UTC) if one.since else None,
        managed=True,
    )
