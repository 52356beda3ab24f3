"""Notices a store that was lost, set back to an older state or replaced, reports it, and lets the bot look for all that
it may have forgotten.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Protocol
from uuid import uuid4

import msgspec

from bot.app.operator_notices import Announcer
from bot.app.ports import Now
from bot.app.store_ports import IdentityStore, RunReader, TimeStore
from bot.core.model.bot_clock import has_passed
from bot.core.model.run_state import RunStatus
from bot.core.model.store_identity import StoreChange, StoreIdentity, StoreRepair, find_store_change
from bot.phrase import N_, Phrase, Text, join_list, join_sentences

log = logging.getLogger(__name__)

FILE_NAME = "store-identity"
"""Name of the file in the data directory that names the store which the bot knows."""

NEXT_STEP = N_(
    "I look for every cluster that I launched, and take its run back from its labels. Changes of budgets, leases and "
    "reports may be lost: check `/verl list`, `/verl budget` and `/verl reports`."
)
REPORTS = {
    StoreChange.LOST: N_(":rotating_light: *My database is empty: it was lost or replaced.* {next}"),
    StoreChange.SET_BACK: N_(":rotating_light: *My database was set back to an older state.* {next}"),
    StoreChange.REPLACED: N_(":rotating_light: *Another database answers than before.* {next}"),
    StoreChange.RESTORED: N_(":rotating_light: *My database was restored from a backup.* {next}"),
    StoreChange.REPAIRED: N_(":rotating_light: *The files of my database were damaged, and I repaired them.* {next}"),
}
LOST_CHANGES = N_("Lost are the newest changes, {size} bytes.")
LOST_CHANGES_OF = N_("Lost are the newest changes, {size} bytes, among them of {runs}.")
LOST_BASE = N_(
    "All that I had recorded before my newest changes is lost: what months have cost, runs that ended, budgets and "
    "reports. If you have a backup, stop me and type `verlbot restore FILE --replace`."
)
DAMAGED_FILES = N_("The damaged files are in `{folder}`.")


WRITE_PERIOD = timedelta(seconds=1)
"""Time between two writes of the store's term: a store that was set back by less than this is not noticed."""

TIME_PERIOD = timedelta(seconds=10)
"""Time between two records of the bot's time in the store: well within the bound of a jump."""


class WatchedStore(IdentityStore, TimeStore, RunReader, Protocol):
    """The identity of the store, the latest time in it, and its runs."""


@dataclass(frozen=True, slots=True)
class StoreMemory:
    """The store that a bot knows, in a file beside it. Without a path it is known as long as the process runs."""

    path: Path | None = None
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def read(self) -> StoreIdentity | None:
        """Return the store that an earlier process knew; None where there is no readable file."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=StoreIdentity) if self.path else None
        except (OSError, msgspec.DecodeError):
            return None

    def write(self, identity: StoreIdentity) -> None:
        """Write the file atomically. A full disk does not stop the bot."""
        if self.path is None:
            return
        draft = self.path.with_suffix(".draft")
        with self._lock:
            try:
                draft.write_bytes(msgspec.json.encode(identity))
                draft.replace(self.path)
            except OSError as error:
                log.error("the store's identity cannot be written: %s", error)


@dataclass(slots=True)
class StoreWatch:
    """Compares the store with the one that this bot knew.

    Attributes:
        memory: keeps the store over a restart.
        on_change: called when the store was found changed: the clusters are to be listed.
        catch_up: lets the bot's clock go on from the time that the store has recorded.
        known: the store as last seen.
        written: the id that the file has, and when it was written.
        recorded_at: when the bot's time was last recorded in the store.
    """

    store: WatchedStore
    memory: StoreMemory
    announcer: Announcer
    now: Now
    on_change: Callable[[], None] = lambda: None
    catch_up: Callable[[datetime], None] = lambda recorded: None
    known: StoreIdentity | None = None
    written: tuple[str, datetime] | None = None
    recorded_at: datetime | None = None

    def check(self) -> StoreIdentity:
        """Return the identity of the store, after reporting a change. Called before each part of the leader's work.

        Raises:
            Unavailable: the store does not answer.
        """
        self._record_time()
        current = self._compare(is_leader=True)
        if current.unreported:
            current = self._report(current.unreported, current)
        return current

    def follow(self) -> None:
        """Compare the store while another process leads, which may be on a machine that did not know the store, and
        notices no change. What is found is recorded, and reported by the leader.

        Raises:
            Unavailable: the store does not answer.
        """
        self._compare(is_leader=False)

    def _compare(self, is_leader: bool) -> StoreIdentity:
        """Return the identity of the store: a new one if it has changed, or if a leader finds none."""
        known = self.known or self.memory.read()
        current = self.store.get_identity()
        change = find_store_change(known, current)
        if change or (is_leader and not current.id):
            new = current.replace_by(uuid4().hex, known, change, self.now())
            current = self.store.replace_identity(current.id, new)
        if current.id:
            self.known = current
            self._remember(current)
        return current

    def _record_time(self) -> None:
        """Let the clock catch up with the leader before this one, which may have been on a machine whose clock is
        ahead; then record the time for the next.
        """
        if self.recorded_at is None or has_passed(TIME_PERIOD, self.recorded_at, self.now()):
            if recorded := self.store.get_bot_time():
                self.catch_up(recorded)
            self.recorded_at = self.now()
            self.store.record_bot_time(self.recorded_at)

    def _remember(self, identity: StoreIdentity) -> None:
        """Write the file: at once for a new identity, from time to time for a new term."""
        now = self.now()
        if self.written is None or self.written[0] != identity.id or has_passed(WRITE_PERIOD, self.written[1], now):
            self.memory.write(identity)
            self.written = identity.id, now

    def _report(self, change: StoreChange, identity: StoreIdentity) -> StoreIdentity:
        """Report a change to the operators, and in each channel that has an active run: without an ops channel no
        person would hear of it. Return the identity without the change.

        The store keeps the change until all notices are recorded, so that a report which fails is made again, by this
        bot or the next leader. The announcer records no notice twice.
        """
        log.error("the store is not the one that the bot knew: %s", change)
        text = Phrase(
            REPORTS[change], next=join_sentences(*describe_repair(identity.repair, change), Phrase(NEXT_STEP))
        )
        active = [run for run in self.store.list_open_runs() if run.status is not RunStatus.ENDED]
        channels = {run.message_channel: run.requester for run in active}
        for channel, person in channels.items() or {"": ""}.items():
            self.announcer.announce(f"store-{identity.id}", text, channel, person)
        self.on_change()
        return self.store.replace_identity(identity.id, identity.record_report(self.now()))


def describe_repair(repair: StoreRepair | None, change: StoreChange) -> list[Text]:
    """Return what a repair has left out, in sentences; none where the change is not a repair."""
    if repair is None or change is not StoreChange.REPAIRED:
        return []
    runs = join_list([f"`{run}`" for run in repair.runs])
    lost = Phrase(LOST_CHANGES_OF if repair.runs else LOST_CHANGES, size=f"{repair.lost_bytes:,}", runs=runs)
    return [
        *([Phrase(LOST_BASE)] if repair.is_base_lost else []),
        *([lost] if repair.lost_bytes else []),
        Phrase(DAMAGED_FILES, folder=repair.kept_in),
    ]


def record_repair(store: IdentityStore, memory: StoreMemory, repair: StoreRepair, now: datetime) -> None:
    """Give a store whose files were repaired a new identity: the repair is reported, and all that the store may have
    lost is looked for.
    """
    current, known = store.get_identity(), memory.read()
    current = replace(current, id=current.id or uuid4().hex)
    known = known if known and known.id else None
    new = replace(current.replace_by(uuid4().hex, known, StoreChange.REPAIRED, now), repair=repair)
    store.replace_identity(store.get_identity().id, new)
