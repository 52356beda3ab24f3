"""What the bot needs of the outside: one small protocol for each thing that is called."""

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
    """Machines: SkyPilot, or this machine's processes.

    Every call has a deadline of its own. Each may raise Unavailable: no answer, nothing known; and BeingStopped, after
    `stop`, which says nothing of what was asked.
    """

    def greet(self) -> str:
        """Who answers, in a sentence for the log: asked once, when the bot starts."""

    def refusal(self, task: Task) -> str | None:
        """Why this cloud can never run the task, or None. Offline; answers in milliseconds."""

    def rate(self, task: Task) -> Rate | None:
        """What the task's cluster would cost, or None where nobody knows. May take seconds."""

    def controller(self, task: Task) -> Controller | None:
        """What would have to be rented before the task could run as a managed job; None for nothing. Takes seconds."""

    def observe(self, watched: Sequence[Watched]) -> Mapping[str, Seen]:
        """Look at many clusters in few calls, by name. One that is left out was not seen this time.

        A cluster that was shown once is shown again, or is absent with its ending. Where it is absent without one, the
        cloud has lost its memory of it: see `bot.core.memory`.
        """

    def launch(self, order: Order) -> str:
        """Ask for a cluster and its job; the request's id. A name that is known already is not asked for again.

        Raises:
            NameTaken: a cluster of the name stands that is of another order.
            UserError: refused, and nothing stands.
            Unavailable: nobody knows whether it was accepted.
        """

    def tail(self, watched: Watched, lines: int) -> str:
        """The last lines of the job's log, oldest first, with SkyPilot's prefixes; empty before the first.

        Fewer where they are so long that they would be more than two megabytes; a line of one megabyte is whole.
        They end with a newline, unless the last line is not whole yet.
        """

    def halt(self, watched: Watched) -> None:
        """End the run's job, and let its cluster stand; no error where the job is over, or is none.

        It may take seconds, and what the job has begun may go on for half a minute more.
        """

    def shelf(self, watched: Watched, parcel: Parcel, over: bool = False) -> Shelf:
        """The checkpoints in a folder of a cluster, of all of its nodes; none where there is no such folder.

        Args:
            over: whether its job is over, so that a file that names no newest one will never name one.

        Raises:
            Unavailable: it cannot be read, or not on every node. It may take seconds.
        """

    def fetch(self, watched: Watched, parcel: Parcel) -> Fetch:
        """Have a checkpoint fetched from its cluster to the bot's machine; how far that is. Does not wait for it.

        To be called again until it is done. What an earlier call has brought counts, that of a killed bot too.

        Raises:
            NotWhole: parts of it are missing on the cluster, or cannot be opened now that they are here.
            UserError: it will not be fetched as things are: it is too big, or there is no room for it.
            Unavailable: it has failed this time; the next call goes on from there.
        """

    def recall(self, parcel: Parcel) -> Mapping[int, Fetch]:
        """Return the whole checkpoints of a folder that are on the bot's machine, by step. Asks no cluster.

        One that is there to its last byte counts, though nobody has been told so yet: the cluster may be gone.
        """

    def down(self, watched: Watched) -> str | None:
        """Ask for the removal of a cluster, its launch included. One that is gone is no error.

        Returns why an earlier removal failed, a sentence; None where none is known to have failed.
        """

    def autostop(self, watched: Watched, minutes: int) -> Setting:
        """Have a cluster that is up remove itself after so many idle minutes.

        Raises:
            UserError: it never can.
            Unavailable: nobody knows whether it will.
        """

    def clusters(self) -> Sequence[Standing]:
        """Every cluster that can be seen, whoever launched it. May take seconds; it may leave out what stands."""

    def gone(self, cluster_ids: Collection[str]) -> Collection[str]:
        """Return which of these clusters, by the ids that `clusters` gives them, have gone. May take seconds.

        Only those of which there is a record that says so: what a cloud has forgotten, or never knew, is left out.
        """

    def by_hand(self, watched: Watched) -> str:
        """What a person types to remove a cluster without the bot; empty where there is nothing to type."""

    def stop(self) -> None:
        """Let go of what is under way, because the bot ends; clusters are left as they are."""


class Store(Protocol):
    """The records, their tasks and their last log lines."""

    def add(
        self, run: Run, task: Task, wish: str | None = None, lasting: bool = False, admit: Admit | None = None
    ) -> Run | None:
        """Record a run, its task and what it holds in one step.

        Returns the run; the earlier one where `wish` has been recorded before (Slack delivers
        twice); None where the run's id has been used, so that another must be found.

        Args:
            lasting: whether the wish is remembered for as long as a run's record, and not for a day.
            admit: asked with the ledger as it is in that very step; what it raises, nothing is recorded of.
        """

    def get(self, run_id: str) -> Run | None:
        """The record of a run; None where there was never one.

        Raises:
            UnreadableRecord: it cannot be read. So do all other calls that read it.
        """

    def task(self, run_id: str) -> Task:
        """The exact task that was recorded with the run.

        Raises:
            UnreadableRecord: it cannot be read.
        """

    def open(self) -> list[Run]:
        """Runs that have not ended, and ended ones of which not everything has been said."""

    def recent(self, limit: int) -> list[Run]:
        """The runs that ended last, newest first."""

    def ended_since(self, moment: datetime) -> Iterator[Run]:
        """The runs that have ended since then, in the order of their ends; a few at a time, for they may be many."""

    def update(self, run_id: str, change: Callable[[Run], Run], admit: Admit | None = None) -> Run:
        """Apply a pure function to the stored run, again if somebody else wrote meanwhile; the result.

        What it holds follows in the same step, and what it has cost is noted in the ledger with its end.

        Args:
            admit: asked where anything is changed, as by `add`.
        """

    def unreadable_runs(self) -> Sequence[tuple[RunStub, str]]:
        """Return the stubs of open runs whose records cannot be read, each with what is wrong with the record."""

    def unreadable_run(self, run_id: str) -> UnreadableRun | None:
        """Return what has been done about one of them; None for nothing yet."""

    def stub(self, run_id: str) -> RunStub:
        """Return what is kept of an open run apart from its record; of any other, the name of its cluster alone."""

    def change_unreadable(
        self, run_id: str, change: Callable[[UnreadableRun | None], UnreadableRun | None]
    ) -> UnreadableRun | None:
        """Apply a pure function to what has been done about one of them; None removes it."""

    def settle_unreadable(self, stub: RunStub, now: datetime) -> None:
        """Free the place of one of them, whose cluster is gone, and count what it has cost by its rate."""

    def ledger(self) -> Ledger:
        """What open runs hold and what the ended ones have spent."""

    def give(self, purse: str, dollars: float, by: str, now: datetime) -> None:
        """Record what a purse may spend a month from now on, in place of the policy's, and who said so."""

    def settle(self, run_id: str) -> None:
        """The run has ended and everything has been said: leave it out of `open`."""

    def forget(self, run_id: str) -> None:
        """Delete all that is kept of a run but what it has cost, and its id, which no other run may have."""

    def save_log(self, run_id: str, text: str) -> None:
        """Keep the last lines of a run, in place of those before."""

    def log(self, run_id: str) -> str: ...

    def reading(self, run_id: str) -> Reading:
        """How far the run's log has been read."""

    def begin_reading(self, run_id: str, anew: bool = False) -> int:
        """Record that the run's log is about to be read. Return how many times that has been since it came back.

        Args:
            anew: whether the time before is known to have come back.
        """

    def end_reading(self, run_id: str) -> None:
        """Record that it came back."""

    def take_in(self, run_id: str, change: Callable[[Run], Run], reading: Reading, rows: Sequence[Row]) -> Run:
        """`update`, and with it, in one step: add what the log told, and note how far it has been read.

        Whatever is lost or killed between two looks, each line counts once, in the record and in the numbers.
        """

    def rows(self, run_id: str, last: int) -> Sequence[Row]:
        """What the run's last steps told, oldest first: so many of them, or fewer where that is all."""

    def history(self, run_id: str) -> History:
        """The numbers of all its steps; older ones in buckets."""

    def find(self, channel: str, ts: str) -> str | None:
        """The run whose card is this message."""

    def mark(self, channel: str, ts: str, run_id: str) -> None:
        """Remember whose card a message is."""

    def keep_delivery(self, delivery_id: str, text: str) -> None:
        """Keep what Slack has delivered and is acknowledged before it is served."""

    def forget_delivery(self, delivery_id: str) -> None:
        """It has been served; one that was never kept is no error."""

    def deliveries(self) -> list[str]:
        """What was kept and not served."""

    def languages(self) -> Mapping[str, str]:
        """The languages that people have chosen, by person."""

    def choose_language(self, user: str, language: str | None) -> None:
        """Remember what a person has chosen; None forgets it."""

    def reports(self) -> list[Report]:
        """What channels are told on a schedule, in the order in which it was asked for."""

    def add_report(self, made: Callable[[str], Report]) -> Report:
        """Record a report, under an id that was never used."""

    def update_report(self, report_id: str, change: Callable[[Report], Report]) -> Report | None:
        """Apply a pure function to the stored report, again if somebody else wrote meanwhile; None where it is gone."""

    def remove_report(self, report_id: str) -> None: ...

    def orphans(self) -> Mapping[str, Orphan]:
        """Clusters that no run owns, by the cloud's id."""

    def change_orphan(self, orphan_id: str, change: Callable[[Orphan | None], Orphan | None]) -> Orphan | None:
        """Apply a pure function to the record of one, None where there is none; the result, None removes it."""

    def outsiders(self) -> Mapping[str, Outsider]:
        """Clusters that were launched beside the bot and hold a place, by name."""

    def change_outsider(
        self, cluster: str, change: Callable[[Outsider | None, Ledger], Outsider | None], now: datetime
    ) -> Outsider | None:
        """Apply a pure function to the record of one, None where there is none; the result, None removes it.

        What it holds follows in the same step, and what it has cost is noted in the ledger with its end. The function
        is given the ledger as it is in that very step; what it raises, nothing is recorded of.
        """

    def add_notice(self, notice: Notice) -> bool:
        """Record a notice. Return False where one of its key and channel is recorded already."""

    def notices(self) -> Sequence[Notice]:
        """Return all notices, the oldest first."""

    def change_notice(self, name: str, change: Callable[[Notice], Notice | None]) -> Notice | None:
        """Apply a pure function to one of them, again if another process wrote meanwhile; None removes it."""

    def lead(self, owner: str, lease: timedelta) -> bool:
        """Whether `owner` is, from now for that long, the one bot that acts."""


class Audit(Protocol):
    """Who did what. What changes a run's record is an event of its own accord: the store writes it with the change."""

    def record(self, event: AuditEvent) -> None:
        """Write an event that changes no run's record."""

    def of_run(self, run_id: str) -> Sequence[AuditEvent]:
        """Return the events of a run, the oldest first."""

    def since(self, span: timedelta) -> Iterator[AuditEvent]:
        """Yield all events of the last time, the newest first."""


class Painter(Protocol):
    """Draws pictures."""

    def paint(self, figure: Figure) -> bytes:
        """The figure as a PNG, in the language that is spoken where there are letters for it. A second, then less.

        Raises:
            Unavailable: it could not be drawn, or not in time.
        """

    def stop(self) -> None:
        """Let go of what it needs for that."""


class Recipes(Protocol):
    """The folder of recipes."""

    def names(self) -> Sequence[str]: ...

    def get(self, name: str) -> Recipe:
        """The recipe of this name.

        Raises:
            UserError: there is none, or its file is not valid; the hint says which are.
        """

    def write(self, task: Task) -> str:
        """The task as YAML, for people to read."""


class Notifier(Protocol):
    """What the tick tells of a run; whoever listens brings Slack up to date in his own time."""

    def show(self, runs: Iterable[Run]) -> None: ...


Record = Callable[[AuditEvent], None]
"""Writes an event of the audit that changes no run's record."""


def unrecorded(event: AuditEvent) -> None:
    """Write nothing: for parts that are looked at without an audit."""


Now = Callable[[], datetime]
"""The clock, in UTC."""
