"""The audit for those who may read it: who did what; and the deletion of what is stored of a run."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from bot import runs
from bot.asked import Caller
from bot.core.access import refuse_act
from bot.core.audit import AuditEvent, AuditFilter, wish_event
from bot.core.line import shown
from bot.core.policy import Policy
from bot.core.roles import Act
from bot.core.run import Run
from bot.core.status import Status
from bot.errors import Denied, Unavailable, UnreadableRecord, UserError
from bot.language import say
from bot.origin import current_origin
from bot.ports import Audit, Now, Store
from bot.run_queries import RunQueries

log = logging.getLogger(__name__)

MOST_EVENTS = 20_000
"""Maximum events in one answer, which is a file of some megabytes."""

REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AuditService:
    """Answers from the audit, and records what no run's record holds: refusals and deletions."""

    store: Store
    audit: Audit
    queries: RunQueries
    now: Now
    read_policy: Callable[[], Policy]

    def history(self, name: str, caller: Caller) -> tuple[Run, Sequence[AuditEvent]]:
        """Return a run with its events, the oldest first.

        Raises:
            UserError: there is no such run, or the person may not read of it.
        """
        run = self.queries.find(name, caller.actor)
        return run, self.audit.of_run(run.id)

    def search(self, asked: AuditFilter, caller: Caller) -> list[AuditEvent]:
        """Return the newest events that match, the newest first.

        Raises:
            UserError: the person may not read the audit.
        """
        self.refuse_audit(caller)
        now = self.now()
        found = (event for event in self.audit.since(asked.since) if asked.takes(event, now))
        return list(islice(found, MOST_EVENTS))

    def refuse_audit(self, caller: Caller) -> None:
        """Raise an error unless the person may read who did what.

        Raises:
            UserError: the person may not.
        """
        refuse_act(self.read_policy(), Act.AUDIT, caller.actor)

    def forget(self, name: str, caller: Caller) -> str:
        """Delete everything that is stored of a run that has ended, except its cost; return its id.

        Raises:
            UserError: there is no such run, its whole name was not typed, it has not ended, or the person may not.
        """
        try:
            run = runs.find(self.store, name)
        except UnreadableRecord as error:
            refuse_act(self.read_policy(), Act.FORGET, caller.actor, self.store.stub(error.run_id))
            return self._forget(error.run_id, error.is_open)
        refuse_act(self.read_policy(), Act.FORGET, caller.actor, run)
        if run.id != name.lower():
            raise UserError(
                say("{name} is short for {run}, and what is forgotten is gone.", name=shown(name), run=f"`{run.id}`"),
                say("Type its whole name: `/verl forget {run}`.", run=run.id),
            )
        is_open = run.status is not Status.ENDED or run.id in {one.id for one in self.store.open()}
        return self._forget(run.id, is_open)

    def _forget(self, run_id: str, is_open: bool) -> str:
        if is_open:
            raise UserError(
                say("{run} is not over, or not all of its end has been said yet.", run=f"`{run_id}`"),
                say("Stop it first: `/verl stop {run}`. Then try again.", run=run_id),
            )
        self.store.forget(run_id)
        self.audit.record(wish_event(Act.FORGET, run_id, self.now(), current_origin()))
        return run_id

    def record_stop(self, run_id: str) -> None:
        """Record a request to stop a run whose record cannot be read, and so cannot show the request."""
        self.audit.record(wish_event(Act.STOP, run_id, self.now(), current_origin()))

    def record_refusal(self, error: Exception) -> None:
        """Record what a person was refused for lack of a right; the audit has no use for other errors."""
        if not isinstance(error, Denied):
            return
        event = wish_event(f"{REFUSED}: {error.act}", error.on, self.now(), current_origin(), error.sentence)
        try:
            self.audit.record(event)
        except Unavailable as trouble:  # the person gets the refusal all the same
            log.error("a refusal is not written down: %s", trouble)
