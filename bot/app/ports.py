"""What the bot needs from outside, apart from its store: one small protocol for each thing that it calls."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.core.model.audit import AuditEvent
from bot.core.model.checkpoint import CheckpointListing, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import AutostopSetting, Observation
from bot.core.model.code_version import CodeVersion
from bot.core.model.failure import ProcessLog
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.core.model.managed_job import JobsController
from bot.core.model.money import Rate
from bot.core.model.orphan import ListedCluster
from bot.core.model.recipe import Recipe, Task
from bot.core.model.rollout import FilePart, FilePosition, RunFolder, SampleBatch, SampleRequest
from bot.core.model.run import Run
from bot.core.rules.chart_data import Chart
from bot.phrase import Text


class TaskEstimator(Protocol):
    """What a task would need and cost on these machines."""

    def explain_refusal(self, task: Task) -> Text | None:
        """Return why this cloud can never run the task, or None. Works offline and answers in milliseconds."""

    def estimate_rate(self, task: Task) -> Rate | None:
        """Return what the task's cluster would cost, or None where the price is unknown. May take seconds."""

    def find_missing_controller(self, task: Task) -> JobsController | None:
        """Return what would have to be rented before the task could run as a managed job; None for nothing.

        Takes seconds.
        """


class JobControl(Protocol):
    """The jobs of the runs."""

    def launch(self, order: LaunchOrder) -> str:
        """Request a cluster and its job; return the request's id. A name that is already known is not requested again.

        Raises:
            ClusterNameInUse: a cluster of the name exists and belongs to another order.
            UserError: the launch is refused, and no cluster exists.
            Unavailable: it is unknown whether the launch was accepted.
        """

    def tail_log(self, cluster: ClusterRef, lines: int) -> str:
        """Return the last lines of the job's log, oldest first, with SkyPilot's prefixes; empty before the first line.

        Fewer lines where these would exceed two megabytes; a line of one megabyte is complete. They end with a newline,
        unless the last line is not complete yet.
        """

    def cancel_job(self, cluster: ClusterRef) -> None:
        """Cancel the run's job and keep its cluster; no error where the job has finished, or does not exist.

        It may take seconds, and what the job has started may continue for half a minute more.
        """


class ClusterControl(Protocol):
    """The clusters, those of other users included."""

    def observe(self, clusters: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        """Return observations of many clusters by name, made with few calls.

        A cluster that is left out was not seen this time. A cluster that was shown once is shown again, or is absent
        with its ending. Where it is absent without one, the cloud has lost its memory of it: see
        `bot.core.model.cluster`.
        """

    def tear_down(self, cluster: ClusterRef) -> Text | None:
        """Request the removal of a cluster, a launch in progress included. No error where the cluster is gone.

        Returns why an earlier removal failed, a sentence; None where no failure is known.
        """

    def set_autostop(self, cluster: ClusterRef, minutes: int) -> AutostopSetting:
        """Make a running cluster remove itself after so many idle minutes.

        Raises:
            UserError: the cluster never can.
            Unavailable: it is unknown whether it will.
        """

    def teardown_command(self, cluster: ClusterRef) -> str:
        """Return what a person types to remove a cluster without the bot; empty where no command exists."""

    def list_clusters(self) -> Sequence[ListedCluster]:
        """Return every cluster that can be seen, of any user. May take seconds; it may leave out existing clusters."""

    def find_gone_clusters(self, cluster_ids: Collection[str]) -> Collection[str]:
        """Return which of these clusters, by the ids that `list_clusters` gives them, are gone. May take seconds.

        Only those with a record that says so: clusters that a cloud has forgotten, or never knew, are left out.
        """


class CheckpointSource(Protocol):
    """The checkpoints on the clusters, and the way to the bot's machine."""

    def list_checkpoints(
        self, cluster: ClusterRef, checkpoint: CheckpointRef, job_ended: bool = False
    ) -> CheckpointListing:
        """Return the checkpoints in a folder of a cluster, on all of its nodes; none where the folder does not exist.

        Args:
            job_ended: whether the job has ended, so that a file that names no newest checkpoint will never name one.

        Raises:
            Unavailable: the folder cannot be read, or not on every node. It may take seconds.
        """

    def download_checkpoint(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> DownloadProgress:
        """Start or continue the download of a checkpoint to the bot's machine; return its progress.

        Does not wait for it: call it again until the download is done. What an earlier call has downloaded counts, a
        killed bot's call included.

        Raises:
            IncompleteCheckpoint: parts of it are missing on the cluster, or cannot be opened after the download.
            UserError: it will not be downloaded as things are: it is too big, or the disk has no room for it.
            Unavailable: it failed this time; the next call continues from there.
        """

    def find_checkpoint_flaw(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> Text | None:
        """Return why a checkpoint on a cluster is not whole, by the names and bytes of its files on all nodes.

        None where nothing contradicts. Downloads nothing.

        Raises:
            UserError: it has too many files, or files that cannot be its own.
            Unavailable: its files cannot be listed. It may take seconds.
        """

    def list_downloads(self, checkpoint: CheckpointRef) -> Mapping[int, DownloadProgress]:
        """Return the complete checkpoints of a folder that are on the bot's machine, by step. Calls no cluster.

        A checkpoint that is complete to its last byte counts, even if that was never recorded: the cluster may be gone.
        """


class RunFileSource(Protocol):
    """The files that a run's program writes beside its checkpoints, read where they are."""

    def read_samples(self, cluster: ClusterRef, folder: RunFolder, request: SampleRequest) -> SampleBatch:
        """Return samples of a step; without a step in it, where no file of it exists. May take seconds.

        At most 256 KB leave the cluster, whatever the size of the file.

        Raises:
            UserError: the folder can never be read from here.
            Unavailable: it cannot be read now; or ever, where the cluster is gone.
        """

    def read_new_metrics(self, cluster: ClusterRef, folder: RunFolder, prefix: str, position: FilePosition) -> FilePart:
        """Return the lines that the newest file of metrics has beyond a place; none where there is no such file.

        Args:
            prefix: the beginning of the names of these files.

        Raises:
            UserError: the folder can never be read from here.
            Unavailable: it cannot be read now.
        """

    def request_checkpoint(self, cluster: ClusterRef, folder: RunFolder, name: str) -> None:
        """Create the empty file in a run's own folder, on its head node, that asks its program for a checkpoint.

        Raises:
            UserError: the folder can never be reached from here.
            Unavailable: it cannot be reached now, or does not exist yet.
        """

    def read_process_logs(self, cluster: ClusterRef, folder: RunFolder, pids: Sequence[int]) -> Sequence[ProcessLog]:
        """Return the ends of Ray's logs on the nodes that answer, at most 64 KB of a node; none where there are none.

        The logs of the named processes come first. It takes as long as one login, at most half a minute.

        Args:
            folder: Ray's own folder, with the newest session in it.

        Raises:
            UserError: the nodes can never be read from here.
            Unavailable: no node can be read now.
        """


class Cloud(TaskEstimator, JobControl, ClusterControl, CheckpointSource, RunFileSource, Protocol):
    """Machines: SkyPilot's, or this machine's processes.

    Every call has its own deadline. Each may raise Unavailable: there is no answer, and nothing is known; and
    BeingStopped, after `stop`, which says nothing about the request.
    """

    def describe_server(self) -> str:
        """Return a sentence for the log that says which server answers. Called once, when the bot starts."""

    def stop(self) -> None:
        """Abandon the calls in progress, because the bot is stopping; clusters are left as they are."""


class ChartRenderer(Protocol):
    """Draws charts."""

    def render(self, chart: Chart, fallback: Chart | None = None) -> bytes:
        """Return the chart as a PNG.

        The first chart takes a second, later ones less.

        Args:
            chart: its labels in the reader's language. fallback: the same in English, drawn where no font has the
                letters of the first.

        Raises:
            Unavailable: the chart could not be drawn, or not in time.
        """

    def stop(self) -> None:
        """Release the resources for drawing."""


class RecipeSource(Protocol):
    """The folder of recipes."""

    def list_names(self) -> Sequence[str]:
        """Return the names of all recipes."""

    def get(self, name: str) -> Recipe:
        """Return the recipe of this name.

        Raises:
            UserError: it does not exist, or its file is not valid; the hint names the valid ones.
        """

    def to_yaml(self, task: Task) -> str:
        """Return the task as YAML, for people to read."""


class CodeRepositories(Protocol):
    """The team's repositories of code."""

    def find_commit(self, code: CodeVersion) -> str:
        """Return the commit that a branch or a tag has now; without either, that of the default branch.

        It takes a second, at most half a minute.

        Raises:
            UserError: the repository, the branch or the tag cannot be seen.
            Unavailable: the host does not answer.
        """

    def check_commit(self, code: CodeVersion) -> None:
        """Check that the repository has a commit, in the same time. A host that gives out no commit by its name leaves
        it unchecked.

        Raises:
            UserError: the repository cannot be seen, or has no such commit.
            Unavailable: the host does not answer in time.
        """


class Notifier(Protocol):
    """Receives the runs that the tick changed; it brings Slack up to date in its own time."""

    def show(self, runs: Iterable[Run]) -> None:
        """Bring Slack up to date with these runs, later."""


EventRecorder = Callable[[AuditEvent], None]
"""Writes an audit event that changes no run's record."""


def discard_event(event: AuditEvent) -> None:
    """Discard the event: for parts that run without an audit."""


Now = Callable[[], datetime]
"""Returns the time, in UTC."""
