"""The audit for those who may read it: who did what; and the deletion of what is stored of a run."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from bot.app.ports import Now
from bot.app.run_lookup import has_name
from bot.app.run_queries import Requester, RunQueries
from bot.app.store_ports import Audit, RunStore
from bot.core.model.audit import AuditEvent, AuditFilter, build_request_event
from bot.core.model.people import Act
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.typed_text import format_inline_code
from bot.core.rules.access import refuse_act
from bot.errors import Denied, Unavailable, UnreadableRecord, UserError
from bot.phrase import Phrase
from bot.runtime.request_origin import get_origin

log = logging.getLogger(__name__)

MAX_EVENTS = 20_000
"""Maximum events in one answer, which is a file of some megabytes."""

REFUSED_PREFIX = "refused"


@dataclass(frozen=True, slots=True)
class AuditService:
    """Answers from the audit, and records what no run's record holds: refusals and deletions."""

    store: RunStore
    audit: Audit
    queries: RunQueries
    now: Now
    read_policy: Callable[[], Policy]

    def read_history(self, name: str, requester: Requester) -> tuple[Run, Sequence[AuditEvent]]:
        """Return a run with its events, the oldest first.

        Raises:
            UserError: there is no such run, or the person may not read of it.
        """
        run = self.queries.find(name, requester.actor)
        return run, self.audit.list_run_events(run.id)

    def search(self, criteria: AuditFilter, requester: Requester) -> list[AuditEvent]:
        """Return the newest events that match, the newest first.

        Raises:
            UserError: the person may not read the audit.
        """
        self.refuse_audit(requester)
        now = self.now()
        events = (event for event in self.audit.iterate_events(criteria.since) if criteria.matches(event, now))
        return list(islice(events, MAX_EVENTS))

    def refuse_audit(self, requester: Requester) -> None:
        """Raise an error unless the person may read who did what.

        Raises:
            UserError: the person may not.
        """
        refuse_act(self.read_policy(), Act.AUDIT, requester.actor)

    def forget(self, name: str, requester: Requester) -> str:
        """Delete everything that is stored of a run that has ended, except its cost; return its id.

        Raises:
            UserError: there is no such run, its whole name was not typed, it has not ended, or the person may not.
        """
        try:
            run = self.queries.look_up(name, requester.actor)
        except UnreadableRecord as error:
            refuse_act(self.read_policy(), Act.FORGET, requester.actor, self.store.get_stub(error.run_id))
            return self._forget_by_id(error.run_id, error.is_open)
        refuse_act(self.read_policy(), Act.FORGET, requester.actor, run)
        if run.id != name.lower() and not has_name(run, name):
            raise UserError(
                Phrase(
                    "{name} is short for {run}. Deleting is final.",
                    name=format_inline_code(name),
                    run=f"`{run.id}`",
                ),
                Phrase("Type its whole name: `/verl forget {run}`.", run=run.id),
            )
        is_open = run.status is not RunStatus.ENDED or run.id in {
            open_run.id for open_run in self.store.list_open_runs()
        }
        return self._forget_by_id(run.id, is_open)

    def _forget_by_id(self, run_id: str, is_open: bool) -> str:
        if is_open:
            raise UserError(
                Phrase("{run} has not ended, or I am still posting about its end.", run=f"`{run_id}`"),
                Phrase("Stop it first: `/verl stop {run}`. Then try again.", run=run_id),
            )
        self.store.delete_run(run_id)
        self.audit.record(build_request_event(Act.FORGET, run_id, self.now(), get_origin()))
        return run_id

    def record_stop(self, run_id: str) -> None:
        """Record a request to stop a run whose record cannot be read, and so cannot show the request."""
        self.audit.record(build_request_event(Act.STOP, run_id, self.now(), get_origin()))

    def record_refusal(self, error: Exception) -> None:
        """Record what a person was refused for lack of a right; the audit has no use for other errors."""
        if not isinstance(error, Denied):
            return
        event = build_request_event(
            f"{REFUSED_PREFIX}: {error.act}", error.on, self.now(), get_origin(), error.sentence
        )
        try:
            self.audit.record(event)
        except Unavailable as trouble:  # the person gets the refusal all the same
            log.error("a refusal is not written down: %s", trouble)
