"""What the bot needs from its store: one small protocol for each thing that it keeps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.model.audit import AuditEvent
from bot.core.model.history import MetricsHistory
from bot.core.model.ledger import Ledger
from bot.core.model.metrics import StepMetrics
from bot.core.model.orphan import Orphan
from bot.core.model.recipe import Task
from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.model.run_stub import RunStub
from bot.core.model.sent_message import Notice
from bot.core.model.store_identity import StoreIdentity
from bot.core.rules.admission import AdmissionCheck
from bot.core.rules.external_clusters import ExternalCluster
from bot.core.rules.log_cursor import LogCursor
from bot.core.rules.unreadable_record import UnreadableRun
from bot.phrase import Text


class RunReader(Protocol):
    """The runs as they are recorded."""

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

    def get_stub(self, run_id: str) -> RunStub:
        """Return what is stored of an open run apart from its record; of any other run only the name of its cluster."""

    def list_open_runs(self) -> list[Run]:
        """Return the runs that have not ended, and the ended ones with messages that are not sent yet."""

    def list_recent_runs(self, limit: int) -> list[Run]:
        """Return the runs that ended last, newest first."""

    def iterate_ended_runs(self, moment: datetime) -> Iterator[Run]:
        """Yield the runs that have ended since then, in the order of their ends.

        They are read a few at a time, because they may be many.
        """

    def list_unreadable_runs(self) -> Sequence[tuple[RunStub, Text]]:
        """Return the stubs of open runs whose records cannot be read, each with what is wrong with the record."""

    def run_id_for_card(self, channel: str, ts: str) -> str | None:
        """Return the id of the run whose card is this message; None where there is none."""


class RunWriter(Protocol):
    """Changes of the recorded runs. Each is one transaction."""

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

    def update(self, run_id: str, change: Callable[[Run], Run], admit: AdmissionCheck | None = None) -> Run:
        """Apply a pure function to the stored run, again if another writer was faster; return the result.

        Its reservation follows in the same transaction, and its cost is recorded in the ledger with its end.

        Args:
            admit: called where anything is changed, as by `add`.
        """

    def archive(self, run_id: str) -> None:
        """Leave the run out of `list_open_runs`: it has ended, and all its messages are sent."""

    def delete_run(self, run_id: str) -> None:
        """Delete all data of a run but its cost, and its id, which no other run may get."""

    def link_card(self, channel: str, ts: str, run_id: str) -> None:
        """Record that a message is the card of a run."""


class RunStore(RunReader, RunWriter, Protocol):
    """The runs, for those who read and change them."""


class UnreadableRunStore(Protocol):
    """What is done about runs whose records cannot be read."""

    def change_unreadable(
        self, run_id: str, change: Callable[[UnreadableRun | None], UnreadableRun | None]
    ) -> UnreadableRun | None:
        """Apply a pure function to what has been done about an unreadable run; None removes it."""

    def close_unreadable(self, stub: RunStub, now: datetime) -> None:
        """Release the reservation of an unreadable run whose cluster is gone, and count its cost by its rate."""


class LogStore(Protocol):
    """The last log lines of the runs, and how far each log has been read."""

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


class MetricsStore(Protocol):
    """The metrics of the runs."""

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


class RunDataStore(RunStore, LogStore, MetricsStore, Protocol):
    """The runs with their logs and metrics, for the tick, which changes all of these."""


class LedgerStore(Protocol):
    """What is reserved and spent, and the external clusters, which have reservations and no run."""

    def get_ledger(self) -> Ledger:
        """Return what open runs have reserved and what the ended ones have spent."""

    def set_monthly_budget(self, budget_key: str, dollars: float, by: str, now: datetime) -> None:
        """Record a monthly budget that replaces the policy's from now on, in dollars, and the person who set it."""

    def get_external_clusters(self) -> Mapping[str, ExternalCluster]:
        """Return the external clusters that have a reservation, by name."""

    def change_external_cluster(
        self, cluster: str, change: Callable[[ExternalCluster | None, Ledger], ExternalCluster | None], now: datetime
    ) -> ExternalCluster | None:
        """Apply a pure function to the record of an external cluster, None where there is none; return the result.

        None deletes the record. Its reservation follows in the same transaction, and its cost is recorded in the ledger
        with its end. The function is given the ledger as it is in that transaction; if it raises, nothing is recorded.
        """


class OrphanStore(Protocol):
    """The clusters that no run owns."""

    def get_orphans(self) -> Mapping[str, Orphan]:
        """Return clusters that no run owns, by the cloud's id."""

    def change_orphan(self, orphan_id: str, change: Callable[[Orphan | None], Orphan | None]) -> Orphan | None:
        """Apply a pure function to the record of an orphan, None where there is none; return the result.

        None deletes the record.
        """


class NoticeStore(Protocol):
    """The notices."""

    def add_notice(self, notice: Notice) -> bool:
        """Record a notice. Return False where a notice of its key and channel is recorded already."""

    def list_notices(self) -> Sequence[Notice]:
        """Return all notices, the oldest first."""

    def change_notice(self, name: str, change: Callable[[Notice], Notice | None]) -> Notice | None:
        """Apply a pure function to a notice, again if another process was faster; None deletes it."""


class ReportStore(Protocol):
    """The scheduled reports."""

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


class DeliveryStore(Protocol):
    """Slack's deliveries that are acknowledged and not served yet."""

    def save_delivery(self, delivery_id: str, text: str) -> None:
        """Store a delivery of Slack that is acknowledged before it is served."""

    def delete_delivery(self, delivery_id: str) -> None:
        """Delete a delivery that has been served; one that was never stored is no error."""

    def list_deliveries(self) -> list[str]:
        """Return the deliveries that are stored and not served."""


class LanguageStore(Protocol):
    """The languages that people have chosen."""

    def get_languages(self) -> Mapping[str, str]:
        """Return the languages that people have chosen, by person."""

    def choose_language(self, user: str, language: str | None) -> None:
        """Record the language that a person has chosen; None deletes the choice."""


class Audit(Protocol):
    """Who did what. A change of a run's record is its own event: the store writes it with the change."""

    def record(self, event: AuditEvent) -> None:
        """Write an event that changes no run's record."""

    def list_run_events(self, run_id: str) -> Sequence[AuditEvent]:
        """Return the events of a run, the oldest first."""

    def iterate_events(self, span: timedelta) -> Iterator[AuditEvent]:
        """Yield all events of the last time span, the newest first."""


class IdentityStore(Protocol):
    """Which state of the store answers."""

    def get_identity(self) -> StoreIdentity:
        """Return the identity of the store; one without an id where it has none yet."""

    def replace_identity(self, expected_id: str, new: StoreIdentity) -> StoreIdentity:
        """Give the store another identity, unless its id is not the expected one any more; return the one it has."""


class TimeStore(Protocol):
    """The time of the bot that last led."""

    def get_bot_time(self) -> datetime | None:
        """Return the latest time that a leader has recorded; None for none."""

    def record_bot_time(self, now: datetime) -> None:
        """Record the leader's time."""


class LeaderLock(Protocol):
    """Which of several processes with one store ticks."""

    def acquire_leadership(self, owner: str, lease: timedelta) -> bool:
        """Return whether this process leads for the time of the lease."""

    def release_leadership(self, owner: str) -> None:
        """Let another process lead from now on, if this one does."""


class Store(
    RunDataStore,
    UnreadableRunStore,
    LedgerStore,
    OrphanStore,
    NoticeStore,
    ReportStore,
    DeliveryStore,
    LanguageStore,
    IdentityStore,
    TimeStore,
    LeaderLock,
    Protocol,
):
    """All that a bot remembers, for those who put its parts together."""

    def fence(self) -> "Store":
        """Return the same store for what only the leader writes: its writes raise LeadershipLost once another leads."""

    @property
    def audit(self) -> Audit:
        """Return the audit, which has an event of each change of a run's record."""
