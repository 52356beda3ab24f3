"""The port to SkyPilot: few calls for many clusters, and a deadline for each of them."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from threading import Event

from bot.adapters.checkpoint_downloads import MAX_CHECKPOINT_FILES, CheckpointDownloads, DownloadTask
from bot.adapters.node_requests import collect_metrics, collect_process_logs, collect_samples, create_request
from bot.adapters.sky import sdk_clusters, sdk_queries
from bot.adapters.sky.job_poller import JobPoller
from bot.adapters.sky.mapping import compute_cluster_bill, map_absent_cluster, map_existing_cluster, parse_managed_id
from bot.adapters.sky.sdk_worker import SdkExecutor
from bot.adapters.sky.sky_checkpoints import SSH_COMMAND, RemoteCheckpoint
from bot.adapters.sky.sky_managed_jobs import ManagedJobs
from bot.adapters.sky.sky_records import (
    ClusterCostHistory,
    ClusterRecord,
    ClusterSnapshot,
    InventoryRecord,
    JobRecord,
    LaunchRecord,
)
from bot.adapters.sky.sky_run_files import RemoteRunFolder
from bot.adapters.sky.task_builder import complete_task, find_local_paths, find_slurm_refusal, read_tags
from bot.core.frameworks import FRAMEWORK
from bot.core.model.checkpoint import CheckpointListing, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import AutostopSetting, ClusterState, Observation, RequestState
from bot.core.model.failure import ProcessLog
from bot.core.model.launch_plan import ClusterRef, LaunchOrder, find_missing_secrets, resources
from bot.core.model.managed_job import JobsController, is_managed
from bot.core.model.money import Bill, Rate
from bot.core.model.orphan import ListedCluster
from bot.core.model.recipe import Task, parse_accelerators
from bot.core.model.resources import PriceTable, list_resources, look_up_rate
from bot.core.model.rollout import FilePart, FilePosition, RunFolder, SampleBatch, SampleRequest
from bot.core.rules.log_lines import MAX_READ_BYTES
from bot.errors import ClusterNameInUse, Unavailable, UserError
from bot.phrase import N_, Phrase, Text, join_list

log = logging.getLogger(__name__)

CATALOGUE_SOURCE = N_("SkyPilot's prices")


class SkyCloud:
    """Clusters that SkyPilot manages.

    Args:
        secrets: values by name, for the tasks that need them.
        price_table: the team's own prices, for what SkyPilot has no price for.
        slurm_containers: whether Slurm clusters run containers (Pyxis).
        start_server: whether a server is started on this machine where none answers.
        job_period: between two queries of one cluster's jobs; bill_period: between two queries of all bills.
        stale_after: how long a cluster's queue may stay unanswered before the run counts as not observed.
        downloads: where checkpoints are downloaded to; environment: what SSH and rsync see of the environment; ssh: the
            program, with its options.
    """

    def __init__(
        self,
        worker: SdkExecutor,
        now: Callable[[], datetime],
        *,
        secrets: Mapping[str, str],
        price_table: PriceTable | None = None,
        slurm_containers: bool = False,
        start_server: bool = False,
        job_period: timedelta = timedelta(seconds=30),
        bill_period: timedelta = timedelta(minutes=5),
        stale_after: timedelta = timedelta(minutes=2),
        downloads: CheckpointDownloads | None = None,
        environment: Mapping[str, str] | None = None,
        ssh: Sequence[str] = SSH_COMMAND,
    ) -> None:
        self._ssh = ssh
        self._stopping = Event()
        self._downloads = downloads
        self._environment = environment or {}
        self._worker = worker
        self._now = now
        self._secrets = secrets
        self._price_table = price_table or {}
        self._slurm_containers = slurm_containers
        self._start_server = start_server
        self._bill_period = bill_period
        self._job_poller = JobPoller(self._list_jobs, now, period=job_period, stale_after=stale_after)
        self._managed_jobs = ManagedJobs(worker, now, self._price_table, bill_period)
        self._bills: dict[str, Bill] = {}
        self._finished_launches: dict[str, LaunchRecord] = {}
        self._bills_requested_at: datetime | None = None

    def describe_server(self) -> str:
        info = self._worker.call(sdk_clusters.server_info, self._start_server)
        return f"SkyPilot {info.version} answers, to user {info.user or '(none)'}; infra: {', '.join(info.infra)}"

    def explain_refusal(self, task: Task) -> Text | None:
        if missing := find_missing_secrets(task, self._secrets):
            return Phrase("It needs {names} in the bot's environment.", names=join_list(missing))
        if uploads := find_local_paths(task):
            return Phrase(
                "It would upload {path} from the bot's machine. Use a bucket, or a git address such as {example}.",
                path=uploads[0],
                example="`workdir: {url: …}`",
            )
        infra = str(resources(task).get("infra") or "")
        if infra.partition("/")[0].lower() == "slurm" and not self._slurm_containers:
            return find_slurm_refusal(task)
        return None

    def estimate_rate(self, task: Task) -> Rate | None:
        """Return the rate of the dearest machines that SkyPilot may choose; None where one choice has no price."""
        choices = [{**task, "resources": dict(choice)} for choice in list_resources(task)]
        rates = [rate for rate in map(self._estimate_choice, choices) if rate is not None]
        return max(rates, key=lambda rate: rate.dollars_per_hour) if len(rates) == len(choices) else None

    def _estimate_choice(self, task: Task) -> Rate | None:
        """Return the rate of a task with one kind of machines."""
        gpus, nodes = parse_accelerators(task), int(task.get("num_nodes") or 1)
        infra, spot = str(resources(task).get("infra") or ""), bool(resources(task).get("use_spot"))
        team_rate = look_up_rate(self._price_table, infra, gpus, nodes)
        if gpus is None:
            return team_rate
        try:
            dollars = self._worker.call(sdk_queries.find_price, infra, gpus.name, gpus.count, spot)
        except Unavailable:
            if team_rate is None:
                raise
            return team_rate
        return Rate(dollars * nodes, CATALOGUE_SOURCE) if dollars else team_rate

    def find_missing_controller(self, task: Task) -> JobsController | None:
        return self._managed_jobs.find_missing_controller() if is_managed(task) else None

    def observe(self, clusters: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        """Return the observations of clusters and of managed jobs.

        SkyPilot reports the two in different tables: where one query fails, the results of the other are still
        returned.
        """
        refs_by_observer: dict[Callable[[Sequence[ClusterRef]], Mapping[str, Observation]], list[ClusterRef]] = {
            self._observe_clusters: [ref for ref in clusters if not ref.is_managed]
        }
        refs_by_observer |= {self._managed_jobs.observe: [ref for ref in clusters if ref.is_managed]}
        observations: dict[str, Observation] = {}
        errors: list[Unavailable] = []
        for observe, refs in refs_by_observer.items():
            try:
                observations |= observe(refs) if refs else {}
            except Unavailable as error:
                log.warning("%d of %d have no status: %s", len(refs), len(clusters), error)
                errors.append(error)
        if errors and not observations:
            raise errors[0]
        return observations

    def _observe_clusters(self, clusters: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        """Return the observations of unmanaged clusters; those without enough information are left out."""
        names = [ref.cluster for ref in clusters]
        snapshot = self._take_snapshot(names, {ref.cluster for ref in clusters if ref.job_id is None})
        job_names = {ref.cluster: ref.job_name for ref in clusters if is_up(snapshot.clusters.get(ref.cluster))}
        launching = {name for name, result in snapshot.launches.items() if result.request is RequestState.LIVE}
        self._job_poller.poll(job_names, launching, {name for name in names if is_broken(snapshot.clusters.get(name))})
        absent = {name for name in names if name not in snapshot.clusters}
        try:
            cost_history = self._fetch_cost_history(absent, clusters)
        except Unavailable as error:  # existing clusters are observed all the same
            log.warning("SkyPilot's cost report does not answer: %s", error)
            cost_history, clusters = ClusterCostHistory({}), [ref for ref in clusters if ref.cluster not in absent]
        result = {ref.cluster: self._to_observation(ref, snapshot, cost_history) for ref in clusters}
        return {name: observation for name, observation in result.items() if observation}

    def launch(self, order: LaunchOrder) -> str:
        task = complete_task(order, self._secrets)
        if order.is_managed:
            request_id = self._managed_jobs.launch(order.cluster, task, order.is_retry, order.may_rent_controller)
        else:
            request_id = self._worker.call(sdk_clusters.launch, order.cluster, task)
        if request_id == sdk_clusters.FOREIGN:
            raise ClusterNameInUse(
                Phrase("A cluster {name} of another bot exists.", name=f"`{order.cluster}`"),
                Phrase("I do not touch it. Launch again: the new run gets another name."),
            )
        return request_id

    def tail_log(self, cluster: ClusterRef, lines: int) -> str:
        if cluster.is_managed:
            return self._managed_jobs.tail_log(cluster, lines)
        text = self._worker.call(sdk_clusters.tail_log, cluster.cluster, cluster.job_id, lines, MAX_READ_BYTES)
        # A job may print that line too, so it only brings the next query forward.
        if sdk_clusters.FINISHED_LINE in text:
            self._job_poller.poll_now(cluster.cluster)
        return sdk_clusters.remove_skypilot_lines(text)

    def cancel_job(self, cluster: ClusterRef) -> None:
        if cluster.job_id is not None:
            self._worker.call(sdk_clusters.cancel_job, cluster.cluster, cluster.job_id)

    def list_checkpoints(
        self, cluster: ClusterRef, checkpoint: CheckpointRef, job_ended: bool = False
    ) -> CheckpointListing:
        return self._remote_checkpoint(cluster, checkpoint).list_checkpoints(job_ended)

    def download_checkpoint(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> DownloadProgress:
        if self._downloads is None:
            raise UserError(Phrase("VERLBOT_ARTIFACTS_DIR names no folder for downloaded models."))
        remote_checkpoint = self._remote_checkpoint(cluster, checkpoint)
        return self._downloads.begin_or_check(
            DownloadTask(checkpoint, remote_checkpoint.list_files, remote_checkpoint.copy_files)
        )

    def find_checkpoint_flaw(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> Text | None:
        files = self._remote_checkpoint(cluster, checkpoint).list_files(MAX_CHECKPOINT_FILES)
        return FRAMEWORK.checkpoints.find_flaw(files)

    def list_downloads(self, checkpoint: CheckpointRef) -> Mapping[int, DownloadProgress]:
        return self._downloads.find_downloaded(checkpoint) if self._downloads else {}

    def _remote_checkpoint(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> RemoteCheckpoint:
        """Return the checkpoint on the cluster's nodes."""
        return RemoteCheckpoint(
            cluster.cluster,
            checkpoint,
            self._find_ssh_config,
            self._environment,
            self._ssh,
            self._stopping,
        )

    def read_samples(self, cluster: ClusterRef, folder: RunFolder, request: SampleRequest) -> SampleBatch:
        return collect_samples(self._remote_folder(cluster, folder).list_readings(), request)

    def read_new_metrics(self, cluster: ClusterRef, folder: RunFolder, prefix: str, position: FilePosition) -> FilePart:
        return collect_metrics(self._remote_folder(cluster, folder).list_readings(), prefix, position)

    def request_checkpoint(self, cluster: ClusterRef, folder: RunFolder, name: str) -> None:
        create_request(self._remote_folder(cluster, folder).list_readings(), name)

    def read_process_logs(self, cluster: ClusterRef, folder: RunFolder, pids: Sequence[int]) -> Sequence[ProcessLog]:
        remote = self._remote_folder(cluster, folder)
        config = remote.ssh_config  # once, before the nodes are asked at the same time
        return collect_process_logs(replace(remote, find_ssh_config=lambda _: config).list_readings(), pids)

    def _remote_folder(self, cluster: ClusterRef, folder: RunFolder) -> RemoteRunFolder:
        """Return the folder on the cluster's nodes.

        Raises:
            UserError: it is a managed job, whose machines only its controller reaches.
        """
        if cluster.is_managed:
            raise UserError(Phrase("SkyPilot gives no access to the machines of a managed job."))
        return RemoteRunFolder(
            cluster.cluster, folder, self._find_ssh_config, self._environment, self._ssh, self._stopping
        )

    def _find_ssh_config(self, name: str) -> str:
        return self._worker.call(sdk_queries.write_ssh_config, name)

    def tear_down(self, cluster: ClusterRef) -> Text | None:
        if cluster.is_managed:
            return self._managed_jobs.tear_down(cluster)
        return self._worker.call(sdk_clusters.tear_down, cluster.cluster)

    def set_autostop(self, cluster: ClusterRef, minutes: int) -> AutostopSetting:
        return self._worker.call(sdk_clusters.set_autostop, cluster.cluster, minutes, cluster.autostop_request_id)

    def list_clusters(self) -> Sequence[ListedCluster]:
        return [
            *map(to_listed_cluster, self._worker.call(sdk_queries.list_clusters)),
            *self._managed_jobs.list_clusters(),
        ]

    def find_gone_clusters(self, cluster_ids: Collection[str]) -> Collection[str]:
        managed_ids = {cluster_id for cluster_id in cluster_ids if parse_managed_id(cluster_id) is not None}
        other_ids = set(cluster_ids) - managed_ids
        gone_ids = self._worker.call(sdk_queries.find_gone_clusters, other_ids) if other_ids else set()
        return gone_ids | (self._managed_jobs.find_gone_clusters(managed_ids) if managed_ids else set())

    def teardown_command(self, cluster: ClusterRef) -> str:
        return f"sky jobs cancel -n {cluster.cluster}" if cluster.is_managed else f"sky down {cluster.cluster}"

    def stop(self) -> None:
        """Abandon the calls under way; clusters stay as they are."""
        self._stopping.set()
        if self._downloads:
            self._downloads.stop()
        self._job_poller.stop()
        self._worker.stop()

    def _take_snapshot(self, names: Sequence[str], jobless: Collection[str]) -> ClusterSnapshot:
        """Return the existing clusters and the launches.

        How a launch has ended is queried once, because it does not change afterwards.
        """
        self._finished_launches = {name: launch for name, launch in self._finished_launches.items() if name in jobless}
        snapshot = self._worker.call(
            sdk_clusters.observe_clusters, names, [name for name in jobless if name not in self._finished_launches]
        )
        under_way = {name for name, launch in snapshot.launches.items() if launch.request is RequestState.LIVE}
        earlier = {name: launch for name, launch in self._finished_launches.items() if name not in under_way}
        self._finished_launches = earlier | {
            name: launch for name, launch in snapshot.launches.items() if name not in under_way
        }
        return replace(snapshot, launches={**earlier, **snapshot.launches})

    def _to_observation(
        self, ref: ClusterRef, snapshot: ClusterSnapshot, cost_history: ClusterCostHistory
    ) -> Observation | None:
        """Return the observation of one cluster; None where too little is known about it."""
        launch, record = snapshot.launches.get(ref.cluster), snapshot.clusters.get(ref.cluster)
        if record is None:
            costs = cost_history.costs.get(ref.cluster)
            return map_absent_cluster(launch, costs, self._now(), cost_history.server, ref.cluster)
        known_bill = self._bills.get(ref.cluster)
        if not is_up(record):
            job = self._job_poller.job(ref.cluster) if is_broken(record) else None
            return map_existing_cluster(launch, record, job, True, known_bill)
        # The last answer is too old: the run is not observed, rather than observed as it was.
        if self._job_poller.is_stale(ref.cluster):
            return None
        return map_existing_cluster(
            launch, record, self._job_poller.job(ref.cluster), self._job_poller.has_answered(ref.cluster), known_bill
        )

    def _fetch_cost_history(self, absent: Collection[str], clusters: Sequence[ClusterRef]) -> ClusterCostHistory:
        """Return the cost report of absent clusters; at the end of a bill period, refresh all bills as well."""
        now = self._now()
        bills_due = self._bills_requested_at is None or now >= self._bills_requested_at + self._bill_period
        names = [entry.cluster for entry in clusters] if bills_due else sorted(absent)
        if not names:
            return ClusterCostHistory({})
        if bills_due:
            self._bills_requested_at = now
        first = min(
            (entry.launch_requested_at for entry in clusters if entry.launch_requested_at and entry.cluster in names),
            default=now,
        )
        cost_history = self._worker.call(sdk_queries.fetch_cost_history, names, max((now - first).days + 2, 2))
        if bills_due:
            self._bills = {
                name: new_bill
                for name, entry in cost_history.costs.items()
                if (new_bill := compute_cluster_bill(entry, now))
            }
        return cost_history

    def _list_jobs(self, cluster: str, name: str | None) -> list[JobRecord] | None:
        return self._worker.call(sdk_clusters.list_jobs, cluster, name)


def is_up(record: ClusterRecord | None) -> bool:
    """Return whether SkyPilot's table shows the cluster as up."""
    return record is not None and record.state is ClusterState.UP


def is_broken(record: ClusterRecord | None) -> bool:
    """Return whether SkyPilot takes the cluster for broken."""
    return record is not None and record.unhealthy is not None


def to_listed_cluster(entry: InventoryRecord) -> ListedCluster:
    """Return the cluster as a list shows it."""
    return ListedCluster(
        id=entry.hash,
        name=entry.name,
        status=entry.cluster.state,
        user=entry.user,
        infra=entry.cluster.infra,
        nodes=entry.nodes,
        launched_at=datetime.fromtimestamp(entry.launched_at, UTC) if entry.launched_at else None,
        dollars_per_hour=entry.dollars_per_hour,
        run_label=entry.labels.get("verlbot-run", ""),
        gpus=ceil(entry.nodes * entry.gpus),
        tags=read_tags(entry.labels),
    )
