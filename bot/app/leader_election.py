"""Which of several bots on one store acts: it ticks and posts, and the others only answer people."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.app.store_ports import LeaderLock
from bot.errors import Unavailable

log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 4
"""How often the leader renews within one lease, and the others ask: a leader that died is followed after a lease and a
quarter at most.
"""


@dataclass(slots=True)
class LeaderElection:
    """This process's part in the election. Called before each part of the leader's work, it renews the lease.

    Attributes:
        owner: the name of this bot among those on its store.
        lease: how long a leader that is silent remains the leader.
        check_store: called by a leader before it acts: a changed store is noticed before anything is done by it.
        follow_store: called by each other process, which may know of a change that the leader cannot notice.
        on_takeover: called when this process leads after it did not: what the former leader left is due now.
        leads: the last answer, for monitors, whose question renews nothing; None before the first.
    """

    store: LeaderLock
    owner: str
    lease: timedelta
    check_store: Callable[[], object] = lambda: None
    on_takeover: Callable[[], None] = lambda: None
    follow_store: Callable[[], object] = lambda: None
    leads: bool | None = None

    @property
    def period(self) -> timedelta:
        """Return how often to call `renew`."""
        return self.lease / RENEWALS_PER_LEASE

    def __call__(self) -> bool:
        """Return whether this process leads.

        Raises:
            Unavailable: the store does not answer.
        """
        before, leads = self.leads, False
        try:
            if self.store.acquire_leadership(self.owner, self.lease):
                self.check_store()
                leads = True
            else:
                self.follow_store()
        finally:
            self.leads = leads
        if leads and before is False:
            log.info("this bot leads now")
            self.on_takeover()
        return leads

    def renew(self) -> None:
        """Extend the lease, or take over from a leader that has not."""
        try:
            self()
        except Unavailable as error:
            log.warning("the leadership cannot be renewed: %s", error)

    def release(self) -> None:
        """Let another bot take over at once, because this one stops."""
        try:
            self.store.release_leadership(self.owner)
        except Unavailable as error:
            log.warning("the leadership cannot be released, and ends with its lease: %s", error)
