"""Which state of a store answers: a store that was lost, set back to an older state, or replaced is noticed. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

DOUBT_PERIOD = timedelta(hours=1)
"""How long after a change of the store each message is looked for in Slack before it is sent: its record may be lost.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreIdentity:
    """The state of a store.

    Attributes:
        id: chosen at random when the bot first uses the store, and again after each change; empty for none yet.
        term: a number that rises whenever a leader renews its leadership, so that an older state has a lower one.
        since: when the bot chose the id; None for none yet.
        previous: the id before; empty for none.
    """

    id: str = ""
    term: int = 0
    since: datetime | None = None
    previous: str = ""

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


class StoreChange(StrEnum):
    """What has become of the store that the bot knew."""

    LOST = "lost"  # it is empty
    SET_BACK = "set back"  # it is an older state of itself
    REPLACED = "replaced"  # another one answers


def find_store_change(known: StoreIdentity | None, current: StoreIdentity) -> StoreChange | None:
    """Return what has become of a store; None where it is the one that the bot knew, or where it knew none.

    >>> known = StoreIdentity(id="a", term=7)
    >>> [find_store_change(known, StoreIdentity(id=id, term=term)) for id, term in (("a", 7), ("a", 9))]
    [None, None]
    >>> [str(find_store_change(known, StoreIdentity(id=id, term=term))) for id, term in (("a", 6), ("", 0), ("b", 99))]
    ['set back', 'lost', 'replaced']
    >>> find_store_change(known, StoreIdentity(id="b", term=1, previous="a"))  # another bot has noticed it first
    >>> find_store_change(None, StoreIdentity())
    """
    if known is None or known.id in ("", current.previous):
        return None
    if not current.id:
        return StoreChange.LOST
    if current.id != known.id:
        return StoreChange.SET_BACK if current.id == known.previous else StoreChange.REPLACED
    return StoreChange.SET_BACK if current.term < known.term else None
