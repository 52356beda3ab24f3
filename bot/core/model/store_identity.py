"""Which state of a store answers: a store that was lost, set back to an older state, or replaced is noticed. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

DOUBT_PERIOD = timedelta(hours=1)
"""How long after a change of the store each message is looked for in Slack before it is sent: its record may be lost.
"""


MAX_EARLIER_IDS = 32
"""How many ids before the previous one a store keeps: a bot that has waited for so many changes still knows it."""


class StoreChange(StrEnum):
    """What has become of the store that the bot knew."""

    LOST = "lost"  # it is empty
    SET_BACK = "set back"  # it is an older state of itself
    REPLACED = "replaced"  # another one answers
    RESTORED = "restored"  # `verlbot restore` has put a backup into it
    REPAIRED = "repaired"  # its files were damaged, and what could not be read was left out


MAX_NAMED_RUNS = 20
"""Maximum number of runs that are named as changed in a lost part of a store."""


@dataclass(frozen=True, slots=True)
class StoreRepair:
    """What the repair of a store's files has left out.

    Attributes:
        lost_bytes: of the newest commands, which could not be read, or follow what could not be.
        runs: ids of runs that these commands name, as far as they are readable.
        is_base_lost: whether all that was recorded before the newest commands is lost too.
        kept_in: the folder that has the damaged files.
    """

    lost_bytes: int
    runs: tuple[str, ...]
    is_base_lost: bool
    kept_in: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreIdentity:
    """The state of a store.

    Attributes:
        id: chosen at random when the bot first uses the store, and again after each change; empty for none yet.
        term: a number that rises whenever a leader renews its leadership, so that an older state has a lower one.
        since: when the bot chose the id, or reported the change since then; None for none yet.
        previous: the id before; empty for none. earlier: the ids before that, the latest first.
        unreported: the change that led to this id, until the operators have been informed of it.
        repair: what the last repair of its files has left out; None for no repair.
    """

    id: str = ""
    term: int = 0
    since: datetime | None = None
    previous: str = ""
    earlier: tuple[str, ...] = ()
    unreported: StoreChange | None = None
    repair: StoreRepair | None = None

    @property
    def ids(self) -> set[str]:
        """Return the id and all those before it."""
        return {self.id, self.previous, *self.earlier} - {""}

    @property
    def was_changed(self) -> bool:
        """Return whether an earlier state of the store is known to be lost."""
        return self.previous != ""

    def may_have_lost(self, recorded_at: datetime) -> bool:
        """Return whether the store may have lost a record from that time."""
        return self.since is not None and recorded_at <= self.since

    def is_in_doubt(self, now: datetime) -> bool:
        """Return whether messages may be in Slack without the store knowing it, because it has changed lately."""
        return self.was_changed and self.since is not None and self.since <= now < self.since + DOUBT_PERIOD

    def replace_by(self, new_id: str, known: Self | None, change: StoreChange | None, now: datetime) -> Self:
        """Return the identity that follows.

        Args:
            known: the store that the bot knew before; None for the same one.
        """
        known = known or self
        ids = (self.id, self.previous, *self.earlier, known.previous, *known.earlier)
        earlier = tuple(dict.fromkeys(old_id for old_id in ids if old_id not in ("", known.id)))
        return replace(
            self,
            id=new_id,
            term=max(self.term, known.term),
            since=now,
            previous=known.id,
            earlier=earlier[:MAX_EARLIER_IDS],
            unreported=change,
        )

    def record_report(self, now: datetime) -> Self:
        """Return the identity of a store whose change was reported: the doubt begins now."""
        return replace(self, unreported=None, since=now)


def find_store_change(known: StoreIdentity | None, current: StoreIdentity) -> StoreChange | None:
    """Return what has become of a store; None where it is the one that the bot knew, or where it knew none.

    >>> known = StoreIdentity(id="a", term=7)
    >>> [find_store_change(known, StoreIdentity(id=id, term=term)) for id, term in (("a", 7), ("a", 9))]
    [None, None]
    >>> [str(find_store_change(known, StoreIdentity(id=id, term=term))) for id, term in (("a", 6), ("", 0), ("b", 99))]
    ['set back', 'lost', 'replaced']
    >>> find_store_change(known, StoreIdentity(id="b", term=1, previous="a"))  # another bot has noticed it first
    >>> find_store_change(known, StoreIdentity(id="c", term=1, previous="b", earlier=("a",)))  # and once more
    >>> str(find_store_change(StoreIdentity(id="b", previous="a"), StoreIdentity(id="c", previous="a")))
    'set back'
    >>> find_store_change(None, StoreIdentity())
    """
    if known is None or not known.id:
        return None
    if not current.id:
        return StoreChange.LOST
    if current.id == known.id:
        return StoreChange.SET_BACK if current.term < known.term else None
    if known.id in current.ids:
        return None
    return StoreChange.SET_BACK if current.ids & known.ids else StoreChange.REPLACED
