"""The port to SkyPilot's managed jobs: one query for all of them, and their costs from time to time."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.adapters.sky import sdk_clusters, sdk_jobs
from bot.adapters.sky.mapping import (
    FINAL_STATES,
    RUNNING_STATES,
    format_managed_id,
    has_abandoned_cluster,
    map_cluster_state,
    map_managed_job,
    parse_managed_id,
)
from bot.adapters.sky.sdk_worker import SdkExecutor
from bot.adapters.sky.sky_records import ManagedJobCosts, ManagedJobRecord
from bot.core.model.cluster import Observation
from bot.core.model.launch_plan import ClusterRef
from bot.core.model.managed_job import JobsController
from bot.core.model.orphan import ListedCluster
from bot.core.model.recipe import Task
from bot.core.model.resources import PriceTable, look_up_rate
from bot.core.rules.log_lines import MAX_READ_BYTES
from bot.errors import Unavailable
from bot.phrase import Text

log = logging.getLogger(__name__)

CONTROLLER_PRICE_KEY = "controller"
"""Key of a controller's price in the team's price table: `controller: {node: 0.25}`."""


class ManagedJobs:
    """Managed jobs of SkyPilot's.

    Args:
        bill_period: between two queries of their costs; a job's change of state triggers a query at once.
    """

    def __init__(
        self, worker: SdkExecutor, now: Callable[[], datetime], price_table: PriceTable, bill_period: timedelta
    ) -> None:
        self._worker = worker
        self._now = now
        self._price_table = price_table
        self._bill_period = bill_period
        self._jobs: Mapping[str, ManagedJobRecord] = {}
        self._costs: Mapping[str, ManagedJobCosts] = {}
        self._last_listing: Sequence[ListedCluster] = ()
        self._last_billing: tuple[datetime, object] | None = None

    def observe(self, refs: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        """Return the observation of each managed job, by name."""
        identities = {ref.cluster: (ref.job_id, ref.request_id) for ref in refs}
        snapshot = self._worker.call(
            sdk_jobs.observe_managed_jobs, identities, [ref.cluster for ref in refs if ref.launch_requested_at]
        )
        self._jobs = snapshot.jobs
        self._refresh_costs(refs)
        at = self._last_billing[0] if self._last_billing else self._now()
        return {
            name: map_managed_job(snapshot.jobs.get(name), name, snapshot, self._costs.get(name), at)
            for name in identities
        }

    def launch(self, name: str, task: Task, is_retry: bool, may_rent: bool) -> str:
        """Launch a managed job and return the request's id, as `sdk_jobs.launch` does."""
        controller_rate = self._with_rate(JobsController()).rate
        return self._worker.call(sdk_jobs.launch, name, task, is_retry, may_rent, controller_rate)

    def tail_log(self, ref: ClusterRef, lines: int) -> str:
        """Return the end of the log; empty while the job waits for machines, since SkyPilot would wait for them too."""
        job = self._jobs.get(ref.cluster)
        # SkyPilot answers for a waiting job only once it has machines.
        if job is None or job.status not in (*RUNNING_STATES, *FINAL_STATES):
            return ""
        text = self._worker.call(sdk_jobs.tail_log, job.id, lines, MAX_READ_BYTES)
        return sdk_jobs.remove_no_log_message(sdk_clusters.remove_skypilot_lines(text))

    def tear_down(self, ref: ClusterRef) -> Text | None:
        """Cancel a managed job; return why its controller has left it, if it has."""
        return self._worker.call(sdk_jobs.cancel, ref.cluster, ref.request_id)

    def find_missing_controller(self) -> JobsController | None:
        """Return the controller that must be rented first, with its price; None where none is needed."""
        missing = self._worker.call(sdk_jobs.find_missing_controller)
        return self._with_rate(missing) if missing else None

    def list_clusters(self) -> Sequence[ListedCluster]:
        """Return every unfinished job with a name of ours; the last listing where SkyPilot does not answer.

        The last listing is returned so that no job is taken for gone. Jobs with other names are left out: their
        controller ends them, and their launchers look after them.
        """
        try:
            self._last_listing = [to_listed_cluster(record) for record in self._worker.call(sdk_jobs.list_own_jobs)]
        except Unavailable as error:
            log.warning("managed jobs cannot be listed: %s", error)
        return self._last_listing

    def find_gone_clusters(self, ids: Collection[str]) -> set[str]:
        """Return which of these jobs have gone, according to their controller; jobs unknown to it are left out."""
        numbers = [number for job_id in ids if (number := parse_managed_id(job_id)) is not None]
        return {format_managed_id(number) for number in self._worker.call(sdk_jobs.find_gone_jobs, numbers)}

    def _with_rate(self, missing: JobsController) -> JobsController:
        """Return the controller with the price from the team's table."""
        return replace(missing, rate=look_up_rate(self._price_table, CONTROLLER_PRICE_KEY, None, 1))

    def _refresh_costs(self, refs: Sequence[ClusterRef]) -> None:
        """Query the costs when the period has passed or a job has changed its state; keep the last ones on a failure.

        The costs also show whether a cluster still exists that its controller has left.
        """
        now, states = self._now(), {name: (entry.status, entry.done) for name, entry in self._jobs.items()}
        any_abandoned = any(has_abandoned_cluster(entry, self._costs.get(name)) for name, entry in self._jobs.items())
        if (
            self._last_billing
            and self._last_billing[1] == states
            and now < self._last_billing[0] + self._bill_period
            and not any_abandoned
        ):
            return
        first = min((entry.launch_requested_at for entry in refs if entry.launch_requested_at), default=now)
        numbers = {name: entry.id for name, entry in self._jobs.items()}
        try:
            self._costs = self._worker.call(sdk_jobs.fetch_costs, numbers, (now - first).days + 2) if numbers else {}
        except Unavailable as error:  # the jobs are observed all the same
            log.warning("SkyPilot's cost report does not answer: %s", error)
            return
        self._last_billing = (now, states)


def to_listed_cluster(record: ManagedJobRecord) -> ListedCluster:
    """Return the managed job as a list shows it."""
    return ListedCluster(
        id=format_managed_id(record.id),
        name=record.name,
        status=map_cluster_state(record, None),
        user=record.user,
        infra=record.infra,
        launched_at=datetime.fromtimestamp(record.since, UTC) if record.since else None,
        is_managed=True,
        tags=record.tags,
    )
