"""What the bot needs from outside: one small protocol for each thing that it calls."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.admission import Admit
from bot.core.audit import AuditEvent
from bot.core.autostop import Setting
from bot.core.figure import Figure
from bot.core.history import History
from bot.core.holds import Ledger
from bot.core.keeping import Fetch, Parcel, Shelf
from bot.core.managed import Controller
from bot.core.money import Rate
from bot.core.notice import Notice
from bot.core.order import Order, Watched
from bot.core.orphans import Orphan, Standing
from bot.core.outside import Outsider
from bot.core.reading import Reading
from bot.core.recipe import Recipe, Task
from bot.core.report import Report
from bot.core.row import Row
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.core.seen import Seen
from bot.core.unreadable import UnreadableRun


class Cloud(Protocol):
    """Machines: SkyPilot's, or this machine's processes.

    Every call has its own deadline. Each may raise Unavailable: there is no answer, and nothing is known; and
    BeingStopped, after `stop`, which says nothing about the request.
    """

    def greet(self) -> str:
        """Return a sentence for the log that says which server answers. Called once, when the bot starts."""

    def refusal(self, task: Task) -> str | None:
        """Return why this cloud can never run the task, or None. Works offline and answers in milliseconds."""

    def rate(self, task: Task) -> Rate | None:
        """Return what the task's cluster would cost, or None where the price is unknown. May take seconds."""

    def controller(self, task: Task) -> Controller | None:
        """Return what would have to be rented before the task could run as a managed job; None for nothing.

        Takes seconds.
        """

    def observe(self, watched: Sequence[Watched]) -> Mapping[str, Seen]:
        """Return observations of many clusters by name, made with few calls.

        A cluster that is left out was not seen this time. A cluster that was shown once is shown again, or is absent
        with its ending. Where it is absent without one, the cloud has lost its memory of it: see `bot.core.memory`.
        """

    def launch(self, order: Order) -> str:
        """Request a cluster and its job; return the request's id. A name that is already known is not requested again.

        Raises:
            ClusterNameInUse: a cluster of the name exists and belongs to another order.
            UserError: the launch is refused, and no cluster exists.
            Unavailable: it is unknown whether the launch was accepted.
        """

    def tail(self, watched: Watched, lines: int) -> str:
        """Return the last lines of the job's log, oldest first, with SkyPilot's prefixes; empty before the first line.

        Fewer lines where these would exceed two megabytes; a line of one megabyte is complete. They end with a newline,
        unless the last line is not complete yet.
        """

    def halt(self, watched: Watched) -> None:
        """Cancel the run's job and keep its cluster; no error where the job has finished, or does not exist.

        It may take seconds, and what the job has started may continue for half a minute more.
        """

    def shelf(self, watched: Watched, parcel: Parcel, over: bool = False) -> Shelf:
        """Return the checkpoints in a folder of a cluster, on all of its nodes; none where the folder does not exist.

        Args:
            job_ended: whether the job has ended, so that a file that names no newest checkpoint will never name one.

        Raises:
            Unavailable: the folder cannot be read, or not on every node. It may take seconds.
        """

    def fetch(self, watched: Watched, parcel: Parcel) -> Fetch:
        """Start or continue the download of a checkpoint to the bot's machine; return its progress.

        Does not wait for it: call it again until the download is done. What an earlier call has downloaded counts, a
        killed bot's call included.

        Raises:
            IncompleteCheckpoint: parts of it are missing on the cluster, or cannot be opened after the download.
            UserError: it will not be downloaded as things are: it is too big, or the disk has no room for it.
            Unavailable: it failed this time; the next call continues from there.
        """

    def recall(self, parcel: Parcel) -> Mapping[int, Fetch]:
        """Return the complete checkpoints of a folder that are on the bot's machine, by step. Calls no cluster.

        A checkpoint that is complete to its last byte counts, even if that was never recorded: the cluster may be gone.
        """

    def down(self, watched: Watched) -> str | None:
        """Request the removal of a cluster, a launch in progress included. No error where the cluster is gone.

        Returns why an earlier removal failed, a sentence; None where no failure is known.
        """

    def autostop(self, watched: Watched, minutes: int) -> Setting:
        """Make a running cluster remove itself after so many idle minutes.

        Raises:
            UserError: the cluster never can.
            Unavailable: it is unknown whether it will.
        """

    def clusters(self) -> Sequence[Standing]:
        """Return every cluster that can be seen, of any user. May take seconds; it may leave out existing clusters."""

    def gone(self, cluster_ids: Collection[str]) -> Collection[str]:
        """Return which of these clusters, by the ids that `list_clusters` gives them, are gone. May take seconds.

        Only those with a record that says so: clusters that a cloud has forgotten, or never knew, are left out.
        """

    def by_hand(self, watched: Watched) -> str:
        """Return what a person types to remove a cluster without the bot; empty where no command exists."""

    def stop(self) -> None:
        """Abandon the calls in progress, because the bot is stopping; clusters are left as they are."""


class Store(Protocol):
    """The records, their tasks and their last log lines."""

    def add(
        self, run: Run, task: Task, wish: str | None = None, lasting: bool = False, admit: Admit | None = None
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

    def task(self, run_id: str) -> Task:
        """Return the exact task that was recorded with the run.

        Raises:
            UnreadableRecord: it cannot be read.
        """

    def open(self) -> list[Run]:
        """Return the runs that have not ended, and the ended ones with messages that are not sent yet."""

    def recent(self, limit: int) -> list[Run]:
        """Return the runs that ended last, newest first."""

    def ended_since(self, moment: datetime) -> Iterator[Run]:
        """Yield the runs that have ended since then, in the order of their ends.

        They are read a few at a time, because they may be many.
        """

    def update(self, run_id: str, change: Callable[[Run], Run], admit: Admit | None = None) -> Run:
        """Apply a pure function to the stored run, again if another writer was faster; return the result.

        Its reservation follows in the same transaction, and its cost is recorded in the ledger with its end.

        Args:
            admit: called where anything is changed, as by `add`.
        """

    def unreadable_runs(self) -> Sequence[tuple[RunStub, str]]:
        """Return the stubs of open runs whose records cannot be read, each with what is wrong with the record."""

    def unreadable_run(self, run_id: str) -> UnreadableRun | None:
        """Return what has been done about an unreadable run; None for nothing yet."""

    def stub(self, run_id: str) -> RunStub:
        """Return what is stored of an open run apart from its record; of any other run only the name of its cluster."""

    def change_unreadable(
        self, run_id: str, change: Callable[[UnreadableRun | None], UnreadableRun | None]
    ) -> UnreadableRun | None:
        """Apply a pure function to what has been done about an unreadable run; None removes it."""

    def settle_unreadable(self, stub: RunStub, now: datetime) -> None:
        """Release the reservation of an unreadable run whose cluster is gone, and count its cost by its rate."""

    def ledger(self) -> Ledger:
        """Return what open runs have reserved and what the ended ones have spent."""

    def give(self, purse: str, dollars: float, by: str, now: datetime) -> None:
        """Record a monthly budget that replaces the policy's from now on, in dollars, and the person who set it."""

    def settle(self, run_id: str) -> None:
        """Leave the run out of `list_open_runs`: it has ended, and all its messages are sent."""

    def forget(self, run_id: str) -> None:
        """Delete all data of a run but its cost, and its id, which no other run may get."""

    def save_log(self, run_id: str, text: str) -> None:
        """Store the last lines of a run, in place of the earlier ones."""

    def log(self, run_id: str) -> str:
        """Return the stored last lines of a run."""

    def reading(self, run_id: str) -> Reading:
        """Return how far the run's log has been read."""

    def begin_reading(self, run_id: str, anew: bool = False) -> int:
        """Record that the run's log is about to be read. Return how many reads have begun since one returned.

        Args:
            earlier_returned: whether the read before this one is known to have returned.
        """

    def end_reading(self, run_id: str) -> None:
        """Record that the read has returned."""

    def take_in(self, run_id: str, change: Callable[[Run], Run], reading: Reading, rows: Sequence[Row]) -> Run:
        """Apply `update`, and in the same transaction add new metrics and record how far the log has been read.

        Even if the bot is killed between two looks, each line counts once, in the record and in the metrics.
        """

    def rows(self, run_id: str, last: int) -> Sequence[Row]:
        """Return the metrics of the run's last steps, oldest first: so many steps, or fewer where there are no more."""

    def history(self, run_id: str) -> History:
        """Return the metrics of all steps of the run; older ones in buckets."""

    def find(self, channel: str, ts: str) -> str | None:
        """Return the id of the run whose card is this message; None where there is none."""

    def mark(self, channel: str, ts: str, run_id: str) -> None:
        """Record that a message is the card of a run."""

    def keep_delivery(self, delivery_id: str, text: str) -> None:
        """Store a delivery of Slack that is acknowledged before it is served."""

    def forget_delivery(self, delivery_id: str) -> None:
        """Delete a delivery that has been served; one that was never stored is no error."""

    def deliveries(self) -> list[str]:
        """Return the deliveries that are stored and not served."""

    def languages(self) -> Mapping[str, str]:
        """Return the languages that people have chosen, by person."""

    def choose_language(self, user: str, language: str | None) -> None:
        """Record the language that a person has chosen; None deletes the choice."""

    def reports(self) -> list[Report]:
        """Return the scheduled reports of all channels, oldest first."""

    def add_report(self, made: Callable[[str], Report]) -> Report:
        """Record a report, under an id that was never used."""

    def update_report(self, report_id: str, change: Callable[[Report], Report]) -> Report | None:
        """Apply a pure function to the stored report, again if another writer was faster; return the result.

        None where the report does not exist any more.
        """

    def remove_report(self, report_id: str) -> None:
        """Delete a report."""

    def orphans(self) -> Mapping[str, Orphan]:
        """Return clusters that no run owns, by the cloud's id."""

    def change_orphan(self, orphan_id: str, change: Callable[[Orphan | None], Orphan | None]) -> Orphan | None:
        """Apply a pure function to the record of an orphan, None where there is none; return the result.

        None deletes the record.
        """

    def outsiders(self) -> Mapping[str, Outsider]:
        """Return the external clusters that have a reservation, by name."""

    def change_outsider(
        self, cluster: str, change: Callable[[Outsider | None, Ledger], Outsider | None], now: datetime
    ) -> Outsider | None:
        """Apply a pure function to the record of an external cluster, None where there is none; return the result.

        None deletes the record. Its reservation follows in the same transaction, and its cost is recorded in the ledger
        with its end. The function is given the ledger as it is in that transaction; if it raises, nothing is recorded.
        """

    def add_notice(self, notice: Notice) -> bool:
        """Record a notice. Return False where a notice of its key and channel is recorded already."""

    def notices(self) -> Sequence[Notice]:
        """Return all notices, the oldest first."""

    def change_notice(self, name: str, change: Callable[[Notice], Notice | None]) -> Notice | None:
        """Apply a pure function to a notice, again if another process was faster; None deletes it."""

    def lead(self, owner: str, lease: timedelta) -> bool:
        """Return whether `owner` is the leader, from now for the lease."""


class Audit(Protocol):
    """Who did what. A change of a run's record is its own event: the store writes it with the change."""

    def record(self, event: AuditEvent) -> None:
        """Write an event that changes no run's record."""

    def of_run(self, run_id: str) -> Sequence[AuditEvent]:
        """Return the events of a run, the oldest first."""

    def since(self, span: timedelta) -> Iterator[AuditEvent]:
        """Yield all events of the last time span, the newest first."""


class Painter(Protocol):
    """Draws charts."""

    def paint(self, figure: Figure) -> bytes:
        """Return the chart as a PNG, in the current language where its letters are available.

        The first chart takes a second, later ones less.

        Raises:
            Unavailable: the chart could not be drawn, or not in time.
        """

    def stop(self) -> None:
        """Release the resources for drawing."""


class Recipes(Protocol):
    """The folder of recipes."""

    def names(self) -> Sequence[str]:
        """Return the names of all recipes."""

    def get(self, name: str) -> Recipe:
        """Return the recipe of this name.

        Raises:
            UserError: it does not exist, or its file is not valid; the hint names the valid ones.
        """

    def write(self, task: Task) -> str:
        """Return the task as YAML, for people to read."""


class Notifier(Protocol):
    """Receives the runs that the tick changed; it brings Slack up to date in its own time."""

    def show(self, runs: Iterable[Run]) -> None:
        """Bring Slack up to date with these runs, later."""


Record = Callable[[AuditEvent], None]
"""Writes an audit event that changes no run's record."""


def unrecorded(event: AuditEvent) -> None:
    """Discard the event: for parts that run without an audit."""


Now = Callable[[], datetime]
"""Returns the time, in UTC."""
