"""The port to local compute: it sends orders to supervisors, and turns files into observations."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bot.adapters.checkpoint_downloads import MAX_CHECKPOINT_FILES, CheckpointDownloads, DownloadTask
from bot.adapters.local import local_checkpoints
from bot.adapters.local.accounts import SystemAccount
from bot.adapters.local.local_nodes import collect_environment
from bot.adapters.local.local_observations import INFRA, observe_cluster, to_listed_cluster
from bot.adapters.local.local_run_files import list_readings
from bot.adapters.local.processes import (
    SUPERVISOR_MODULE,
    find_marked_processes,
    find_running_clusters,
    is_alive,
    send_signal,
    tear_down_cluster,
)
from bot.adapters.local.state_files import ClusterDirectory, LocalClusterState, SupervisorOrder
from bot.adapters.local.supervisor import CANCEL_SIGNAL, NAME_IN_USE, describe_exit
from bot.adapters.node_requests import collect_metrics, collect_process_logs, collect_samples, create_request
from bot.core.frameworks import FRAMEWORK
from bot.core.model.accelerators import list_accelerators
from bot.core.model.checkpoint import CheckpointListing, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import AutostopSetting, ClusterState, Ending, Observation
from bot.core.model.failure import ProcessLog
from bot.core.model.launch_plan import ClusterRef, LaunchOrder, find_missing_secrets
from bot.core.model.managed_job import JobsController, is_managed
from bot.core.model.money import Rate
from bot.core.model.orphan import ListedCluster
from bot.core.model.recipe import Task
from bot.core.model.rollout import FilePart, FilePosition, RunFolder, SampleBatch, SampleRequest
from bot.core.rules.log_lines import MAX_READ_BYTES
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase, Text, join_alternatives, join_list, plural_phrase

log = logging.getLogger(__name__)

PRETENDED_PRICE_SOURCE = N_("demo price")
INTERPRETER_VARIABLES = ("PATH", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH")
"""Variables of the bot's environment that the supervisor's Python needs; the bot's secrets are not passed on."""

LAUNCH_SECONDS = 20
"""Deadline in seconds for a launch. A supervisor claims its name in 0.1 s; a loaded machine may take longer."""

CANCEL_SECONDS, PAUSE_SECONDS = 10, 0.05
"""Seconds that a job may take to end beyond its grace, and between two checks of it."""

BLOCK_BYTES = 65_536

MAX_NODES = 8
"""Maximum nodes of one cluster, as `smoke` allows; each node is a process."""

MAX_CHECKPOINT_BYTES = 10**12
"""Maximum bytes of a checkpoint, unless it is set."""

TAIL_BYTES = MAX_READ_BYTES
"""Maximum bytes per log read."""


class LocalCloud:
    """Clusters of this machine's processes.

    Args:
        root: the folder of their files.
        secrets: values by name, for the tasks that need them.
        dollars_per_node_hour: a pretended price, to try out the bot's reports of money; None for none.
        minute_seconds: how long autostop's minute lasts.
        grace_seconds: between SIGTERM and SIGKILL.
        downloads: where checkpoints are downloaded to; in the folder unless given.
        account: the user of the nodes' processes, where the bot is root; None for the bot's own user.
    """

    def __init__(
        self,
        root: Path,
        *,
        secrets: Mapping[str, str],
        dollars_per_node_hour: float | None = None,
        minute_seconds: float = 60.0,
        grace_seconds: float = 5.0,
        downloads: CheckpointDownloads | None = None,
        account: SystemAccount | None = None,
    ) -> None:
        self._root = root.resolve()
        self._downloads = downloads or CheckpointDownloads(self._root / "artifacts", MAX_CHECKPOINT_BYTES)
        self._secrets = secrets
        self._dollars_per_node_hour = dollars_per_node_hour
        self._minute_seconds = minute_seconds
        self._grace_seconds = grace_seconds
        self._account = account

    def describe_server(self) -> str:
        return "recipes run as processes of this machine"

    def stop(self) -> None:
        self._downloads.stop()

    def explain_refusal(self, task: Task) -> Text | None:
        resources = task.get("resources") or {}
        if is_managed(task):
            return Phrase("This machine runs no managed jobs: leave out `managed=true`.")
        unsupported = [
            (
                join_alternatives(list_accelerators(resources.get("accelerators"))),
                N_("It needs {value}; this machine has no GPU for runs."),
            ),
            (resources.get("image_id"), N_("It needs a container image ({value}); this machine runs no containers.")),
            (resources.get("infra"), N_("It needs the infra {value}; this bot has only this machine.")),
            (
                task.get("file_mounts"),
                N_("It needs a bucket; this machine cannot mount one. Use `volume=NAME` to keep files here."),
            ),
            (task.get("workdir"), N_("It needs a working directory; this machine cannot upload one.")),
        ]
        for value, why in unsupported:
            if value:
                return Phrase(why, value=value)
        if missing := find_missing_secrets(task, self._secrets):
            return Phrase("It needs {names} in the bot's environment.", names=join_list(missing))
        if int(task.get("num_nodes") or 1) > MAX_NODES:
            return plural_phrase(
                "It needs {count} node; this machine runs at most {most}.",
                "It needs {count} nodes; this machine runs at most {most}.",
                int(task["num_nodes"]),
                most=MAX_NODES,
            )
        return None

    def estimate_rate(self, task: Task) -> Rate | None:
        if self._dollars_per_node_hour is None:
            return None
        return Rate(self._dollars_per_node_hour * int(task.get("num_nodes") or 1), PRETENDED_PRICE_SOURCE)

    def find_missing_controller(self, task: Task) -> JobsController | None:
        return None

    def observe(self, clusters: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        observations = {
            entry.cluster: observe_cluster(ClusterDirectory(self._root, entry.cluster), entry) for entry in clusters
        }
        return {cluster: observation for cluster, observation in observations.items() if observation}

    def launch(self, order: LaunchOrder) -> str:
        if why := self.explain_refusal(order.task):
            raise UserError(why, Phrase("No process was started."))
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "supervisors.log").open("ab") as log:
            supervisor = subprocess.Popen(  # noqa: S603  # fixed words; the name is derived from a run's id
                [sys.executable, "-m", SUPERVISOR_MODULE, ClusterDirectory(self._root, order.cluster).marker],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=collect_environment()
                | {name: os.environ[name] for name in INTERPRETER_VARIABLES if name in os.environ},
                start_new_session=True,
            )
        try:
            supervisor.communicate(msgspec.json.encode(self._to_supervisor_order(order)), timeout=LAUNCH_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Unavailable(Phrase("The supervisor process did not claim its name in time.")) from error
        if supervisor.returncode not in (0, NAME_IN_USE):
            log_file, code = self._root / "supervisors.log", supervisor.returncode
            how = describe_exit(128 - code if code < 0 else code)
            raise Unavailable(
                Phrase("The supervisor process did not start ({how}): see {file}.", how=how, file=str(log_file))
            )
        return f"local-{order.cluster}"

    def tail_log(self, cluster: ClusterRef, lines: int) -> str:
        try:
            return read_last_lines(ClusterDirectory(self._root, cluster.cluster).log, lines)
        except FileNotFoundError:
            return ""

    def cancel_job(self, cluster: ClusterRef) -> None:
        directory = ClusterDirectory(self._root, cluster.cluster)
        state = directory.read_state()
        if state is None or state.supervisor is None or state.status is not ClusterState.UP or state.job.is_finished:
            return
        send_signal(state.supervisor, CANCEL_SIGNAL)
        for _ in range(int((self._grace_seconds + CANCEL_SECONDS) / PAUSE_SECONDS)):
            if (state := directory.read_state()) is None or state.job.is_finished:
                return
            time.sleep(PAUSE_SECONDS)
        raise Unavailable(Phrase("Its job did not end when asked to."))

    def list_checkpoints(
        self, cluster: ClusterRef, checkpoint: CheckpointRef, job_ended: bool = False
    ) -> CheckpointListing:
        try:
            return local_checkpoints.list_checkpoints(self._locate_node_folders(cluster, checkpoint), job_ended)
        except OSError as error:
            raise Unavailable(f"{error.strerror}: {error.filename}") from error

    def download_checkpoint(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> DownloadProgress:
        node_folders = self._locate_node_folders(cluster, checkpoint)
        list_files, copy_files = (
            partial(local_checkpoints.list_files, node_folders),
            partial(local_checkpoints.copy_files, node_folders),
        )
        return self._downloads.begin_or_check(DownloadTask(checkpoint, list_files, copy_files))

    def find_checkpoint_flaw(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> Text | None:
        node_folders = self._locate_node_folders(cluster, checkpoint)
        try:
            files = local_checkpoints.list_files(node_folders, MAX_CHECKPOINT_FILES)
        except OSError as error:
            raise Unavailable(f"{error.strerror}: {error.filename}") from error
        return FRAMEWORK.checkpoints.find_flaw(files)

    def list_downloads(self, checkpoint: CheckpointRef) -> Mapping[int, DownloadProgress]:
        return self._downloads.find_downloaded(checkpoint)

    def read_samples(self, cluster: ClusterRef, folder: RunFolder, request: SampleRequest) -> SampleBatch:
        return collect_samples(list_readings(self._root, cluster.cluster, folder), request)

    def read_new_metrics(self, cluster: ClusterRef, folder: RunFolder, prefix: str, position: FilePosition) -> FilePart:
        return collect_metrics(list_readings(self._root, cluster.cluster, folder), prefix, position)

    def request_checkpoint(self, cluster: ClusterRef, folder: RunFolder, name: str) -> None:
        create_request(list_readings(self._root, cluster.cluster, folder), name)

    def read_process_logs(self, cluster: ClusterRef, folder: RunFolder, pids: Sequence[int]) -> Sequence[ProcessLog]:
        """Return the logs below the homes of the nodes alone: a folder of the machine is that of other runs too."""
        if not folder.location.folder.startswith("~"):
            return ()
        return collect_process_logs(list_readings(self._root, cluster.cluster, folder), pids)

    def _locate_node_folders(
        self, cluster: ClusterRef, checkpoint: CheckpointRef
    ) -> list[local_checkpoints.NodeFolder]:
        """Return the folder to search on each node."""
        directory = ClusterDirectory(self._root, cluster.cluster)
        return local_checkpoints.locate_node_folders(
            [directory.node_home(rank) for rank in range(checkpoint.nodes)], checkpoint
        )

    def tear_down(self, cluster: ClusterRef) -> None:
        directory = ClusterDirectory(self._root, cluster.cluster)
        try:
            state = directory.read_state()
        except msgspec.DecodeError:  # removed all the same, by the marker of its processes
            state = None
        if state and is_alive(state.supervisor) and directory.record_removal_request():
            send_signal(state.supervisor, signal.SIGTERM)
        elif directory.folder.exists() or not directory.read_ending():
            # The supervisor has ended, or ignores an earlier request; or it never started, and with a tombstone of
            # this name it never will.
            tear_down_cluster(
                directory, state or LocalClusterState(cluster=cluster.cluster), Ending.DOWNED, self._grace_seconds
            )

    def set_autostop(self, cluster: ClusterRef, minutes: int) -> AutostopSetting:
        directory = ClusterDirectory(self._root, cluster.cluster)
        if directory.read_ending() or not directory.folder.exists():
            raise Unavailable(Phrase("There is no such cluster."))
        directory.set_autostop(minutes)
        return AutostopSetting(f"local-{cluster.cluster}-{minutes}")

    def list_clusters(self) -> Sequence[ListedCluster]:
        """Return the clusters with files, and those of this folder that have processes but lost their files."""
        names = {folder.name for folder in (self._root / "clusters").glob("*")}
        listed = [
            cluster for name in sorted(names) if (cluster := to_listed_cluster(ClusterDirectory(self._root, name)))
        ]
        lost_names = [
            name
            for name in sorted(find_running_clusters() - names)
            if find_marked_processes(ClusterDirectory(self._root, name).marker)
        ]
        return listed + [ListedCluster(id=name, name=name, status=ClusterState.UP, infra=INFRA) for name in lost_names]

    def find_gone_clusters(self, cluster_ids: Collection[str]) -> Collection[str]:
        """Return which of these have gone: clusters with a tombstone, and those with neither files nor processes.

        The absence of both counts because this machine has no other memory.
        """
        running = find_running_clusters()
        directories = {cluster_id: ClusterDirectory(self._root, cluster_id) for cluster_id in cluster_ids}
        lost = {
            cluster_id
            for cluster_id, directory in directories.items()
            if cluster_id not in running and not directory.folder.exists()
        }
        return lost | {
            cluster_id
            for cluster_id, directory in directories.items()
            if directory.tombstone.exists() and not directory.folder.exists()
        }

    def teardown_command(self, cluster: ClusterRef) -> str:
        return ""

    def _to_supervisor_order(self, order: LaunchOrder) -> SupervisorOrder:
        """Return the order with the values of its secrets, which leave this process only through a pipe."""
        task: dict[str, Any] = deepcopy(dict(order.task))
        secret_values = {name: self._secrets[name] for name in order.secrets if name in self._secrets}
        task["envs"] = dict(order.environment)
        task["secrets"] = {**(task.get("secrets") or {}), **secret_values}
        return SupervisorOrder(
            root=str(self._root),
            cluster=order.cluster,
            task=task,
            minute_seconds=self._minute_seconds,
            grace_seconds=self._grace_seconds,
            account=self._account,
            tags=dict(order.tags),
        )


def read_last_lines(path: Path, lines: int) -> str:
    """Return the last lines of a file, read from its end; an incomplete last line has no newline.

    A line that the limit of TAIL_BYTES would cut is left out.
    """
    blocks: list[bytes] = []
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        count = size = 0
        while at > 0 and count <= lines + 1 and size < TAIL_BYTES:
            step = min(BLOCK_BYTES, at)
            at = file.seek(at - step)
            blocks.append(file.read(step))
            count, size = count + blocks[-1].count(b"\n"), size + step
    content = b"".join(reversed(blocks))
    # The file was not read from its beginning, so its first line may be cut.
    if at > 0:
        content = content.partition(b"\n")[2]
    text = content.decode(errors="replace")
    return "\n".join(text.split("\n")[-lines - text.endswith("\n") :])
