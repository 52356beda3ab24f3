"""What the bot needs from outside: one small protocol for each thing that it calls."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.model.audit import AuditEvent
from bot.core.model.checkpoint import CheckpointListing, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import AutostopSetting, Observation
from bot.core.model.history import MetricsHistory
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.core.model.ledger import Ledger
from bot.core.model.managed_job import JobsController
from bot.core.model.metrics import StepMetrics
from bot.core.model.money import Rate
from bot.core.model.orphan import ListedCluster, Orphan
from bot.core.model.recipe import Recipe, Task
from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.model.run_stub import RunStub
from bot.core.model.sent_message import Notice
from bot.core.rules.admission import AdmissionCheck
from bot.core.rules.chart_data import Chart
from bot.core.rules.external_clusters import ExternalCluster
from bot.core.rules.log_cursor import LogCursor
from bot.core.rules.unreadable_record import UnreadableRun
from bot.phrase import Text


class Cloud(Protocol):
    """Machines: SkyPilot's, or this machine's processes.

    Every call has its own deadline. Each may raise Unavailable: there is no answer, and nothing is known; and
    BeingStopped, after `stop`, which says nothing about the request.
    """

    def describe_server(self) -> str:
        """Return a sentence for the log that says which server answers. Called once, when the bot starts."""

    def explain_refusal(self, task: Task) -> Text | None:
        """Return why this cloud can never run the task, or None. Works offline and answers in milliseconds."""

    def estimate_rate(self, task: Task) -> Rate | None:
        """Return what the task's cluster would cost, or None where the price is unknown. May take seconds."""

    def find_missing_controller(self, task: Task) -> JobsController | None:
        """Return what would have to be rented before the task could run as a managed job; None for nothing.

        Takes seconds.
        """

    def observe(self, clusters: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        """Return observations of many clusters by name, made with few calls.

        A cluster that is left out was not seen this time. A cluster that was shown once is shown again, or is absent
        with its ending. Where it is absent without one, the cloud has lost its memory of it: see
        `bot.core.model.cluster`.
        """

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

    def list_downloads(self, checkpoint: CheckpointRef) -> Mapping[int, DownloadProgress]:
        """Return the complete checkpoints of a folder that are on the bot's machine, by step. Calls no cluster.

        A checkpoint that is complete to its last byte counts, even if that was never recorded: the cluster may be gone.
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

    def list_clusters(self) -> Sequence[ListedCluster]:
        """Return every cluster that can be seen, of any user. May take seconds; it may leave out existing clusters."""

    def find_gone_clusters(self, cluster_ids: Collection[str]) -> Collection[str]:
        """Return which of these clusters, by the ids that `list_clusters` gives them, are gone. May take seconds.

        Only those with a record that says so: clusters that a cloud has forgotten, or never knew, are left out.
        """

    def teardown_command(self, cluster: ClusterRef) -> str:
        """Return what a person types to remove a cluster without the bot; empty where no command exists."""

    def stop(self) -> None:
        """Abandon the calls in progress, because the bot is stopping; clusters are left as they are."""


class Store(Protocol):
    """The records, their tasks and their last log lines."""

    def add(
        self,
        run: Run,
        task: Task,
        delivery_id: str | None = None,
        permanent: bool = False,
        admit: AdmissionCheck | None = None,
    ) -> Run | None:
        """Record a run, its task and its reservation in one transaction.

        Returns the run; the earlier run where `delivery_id` has been recorded before (Slack delivers twice); None where
        the run's id has been used, so that the caller must choose another.

        Args:
            permanent: whether the delivery's id is kept for as long as a run's record, and not for a day.
            admit: called with the ledger as it is in that transaction; if it raises, nothing is recorded.
        """

    def get(self, run_id: str) -> Run | None:
        """Return the record of a run; None where it never existed.

        Raises:
            UnreadableRecord: it cannot be read. All other calls that read it raise this as well.
        """

    def get_task(self, run_id: str) -> Task:
        """Return the exact task that was recorded with the run.

        Raises:
            UnreadableRecord: it cannot be read.
        """

    def list_open_runs(self) -> list[Run]:
        """Return the runs that have not ended, and the ended ones with messages that are not sent yet."""

    def list_recent_runs(self, limit: int) -> list[Run]:
        """Return the runs that ended last, newest first."""

    def iterate_ended_runs(self, moment: datetime) -> Iterator[Run]:
        """Yield the runs that have ended since then, in the order of their ends.

        They are read a few at a time, because they may be many.
        """

    def update(self, run_id: str, change: Callable[[Run], Run], admit: AdmissionCheck | None = None) -> Run:
        """Apply a pure function to the stored run, again if another writer was faster; return the result.

        Its reservation follows in the same transaction, and its cost is recorded in the ledger with its end.

        Args:
            admit: called where anything is changed, as by `add`.
        """

    def list_unreadable_runs(self) -> Sequence[tuple[RunStub, Text]]:
        """Return the stubs of open runs whose records cannot be read, each with what is wrong with the record."""

    def get_unreadable_run(self, run_id: str) -> UnreadableRun | None:
        """Return what has been done about an unreadable run; None for nothing yet."""

    def get_stub(self, run_id: str) -> RunStub:
        """Return what is stored of an open run apart from its record; of any other run only the name of its cluster."""

    def change_unreadable(
        self, run_id: str, change: Callable[[UnreadableRun | None], UnreadableRun | None]
    ) -> UnreadableRun | None:
        """Apply a pure function to what has been done about an unreadable run; None removes it."""

    def close_unreadable(self, stub: RunStub, now: datetime) -> None:
        """Release the reservation of an unreadable run whose cluster is gone, and count its cost by its rate."""

    def get_ledger(self) -> Ledger:
        """Return what open runs have reserved and what the ended ones have spent."""

    def set_monthly_budget(self, budget_key: str, dollars: float, by: str, now: datetime) -> None:
        """Record a monthly budget that replaces the policy's from now on, in dollars, and the person who set it."""

    def archive(self, run_id: str) -> None:
        """Leave the run out of `list_open_runs`: it has ended, and all its messages are sent."""

    def delete_run(self, run_id: str) -> None:
        """Delete all data of a run but its cost, and its id, which no other run may get."""

    def save_log(self, run_id: str, text: str) -> None:
        """Store the last lines of a run, in place of the earlier ones."""

    def get_log(self, run_id: str) -> str:
        """Return the stored last lines of a run."""

    def get_log_cursor(self, run_id: str) -> LogCursor:
        """Return how far the run's log has been read."""

    def begin_log_read(self, run_id: str, earlier_returned: bool = False) -> int:
        """Record that the run's log is about to be read. Return how many reads have begun since one returned.

        Args:
            earlier_returned: whether the read before this one is known to have returned.
        """

    def end_log_read(self, run_id: str) -> None:
        """Record that the read has returned."""

    def append_metrics(
        self, run_id: str, change: Callable[[Run], Run], cursor: LogCursor, metrics: Sequence[StepMetrics]
    ) -> Run:
        """Apply `update`, and in the same transaction add new metrics and record how far the log has been read.

        Even if the bot is killed between two looks, each line counts once, in the record and in the metrics.
        """

    def get_recent_metrics(self, run_id: str, last: int) -> Sequence[StepMetrics]:
        """Return the metrics of the run's last steps, oldest first: so many steps, or fewer where there are no more."""

    def get_history(self, run_id: str) -> MetricsHistory:
        """Return the metrics of all steps of the run; older ones in buckets."""

    def run_id_for_card(self, channel: str, ts: str) -> str | None:
        """Return the id of the run whose card is this message; None where there is none."""

    def link_card(self, channel: str, ts: str, run_id: str) -> None:
        """Record that a message is the card of a run."""

    def save_delivery(self, delivery_id: str, text: str) -> None:
        """Store a delivery of Slack that is acknowledged before it is served."""

    def delete_delivery(self, delivery_id: str) -> None:
        """Delete a delivery that has been served; one that was never stored is no error."""

    def list_deliveries(self) -> list[str]:
        """Return the deliveries that are stored and not served."""

    def get_languages(self) -> Mapping[str, str]:
        """Return the languages that people have chosen, by person."""

    def choose_language(self, user: str, language: str | None) -> None:
        """Record the language that a person has chosen; None deletes the choice."""

    def list_reports(self) -> list[Report]:
        """Return the scheduled reports of all channels, oldest first."""

    def add_report(self, build: Callable[[str], Report]) -> Report:
        """Record a report, under an id that was never used."""

    def update_report(self, report_id: str, change: Callable[[Report], Report]) -> Report | None:
        """Apply a pure function to the stored report, again if another writer was faster; return the result.

        None where the report does not exist any more.
        """

    def remove_report(self, report_id: str) -> None:
        """Delete a report."""

    def get_orphans(self) -> Mapping[str, Orphan]:
        """Return clusters that no run owns, by the cloud's id."""

    def change_orphan(self, orphan_id: str, change: Callable[[Orphan | None], Orphan | None]) -> Orphan | None:
        """Apply a pure function to the record of an orphan, None where there is none; return the result.

        None deletes the record.
        """

    def get_external_clusters(self) -> Mapping[str, ExternalCluster]:
        """Return the external clusters that have a reservation, by name."""

    def change_external_cluster(
        self, cluster: str, change: Callable[[ExternalCluster | None, Ledger], ExternalCluster | None], now: datetime
    ) -> ExternalCluster | None:
        """Apply a pure function to the record of an external cluster, None where there is none; return the result.

        None deletes the record. Its reservation follows in the same transaction, and its cost is recorded in the ledger
        with its end. The function is given the ledger as it is in that transaction; if it raises, nothing is recorded.
        """

    def add_notice(self, notice: Notice) -> bool:
        """Record a notice. Return False where a notice of its key and channel is recorded already."""

    def list_notices(self) -> Sequence[Notice]:
        """Return all notices, the oldest first."""

    def change_notice(self, name: str, change: Callable[[Notice], Notice | None]) -> Notice | None:
        """Apply a pure function to a notice, again if another process was faster; None deletes it."""

    def acquire_leadership(self, owner: str, lease: timedelta) -> bool:
        """Return whether `owner` is the leader, from now for the lease."""


class Audit(Protocol):
    """Who did what. A change of a run's record is its own event: the store writes it with the change."""

    def record(self, event: AuditEvent) -> None:
        """Write an event that changes no run's record."""

    def list_run_events(self, run_id: str) -> Sequence[AuditEvent]:
        """Return the events of a run, the oldest first."""

    def iterate_events(self, span: timedelta) -> Iterator[AuditEvent]:
        """Yield all events of the last time span, the newest first."""


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
