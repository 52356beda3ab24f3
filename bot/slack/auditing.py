"""Audit commands, answered in the background: the audit may have many events."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from slack_sdk import WebClient

from bot.asked import Caller
from bot.audit_service import AuditService
from bot.core.audit import AuditEvent
from bot.core.command import AskAudit, Forget, History
from bot.slack import answers, audit_views
from bot.slack.answers import Answer
from bot.slack.client import Refused
from bot.slack.errands import Errands, Reply, Said, post_directly
from bot.slack.files import sent
from bot.slack.phrases import say, together
from bot.slack.text import code

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Auditing:
    """The commands that show or delete who did what.

    Attributes:
        client: uploads files; background: computes answers that take longer than an acknowledgement.
    """

    service: AuditService
    client: WebClient
    errands: Errands

    def answer(self, asked: History | AskAudit | Forget, caller: Caller, reply: Reply) -> Said:
        """Return the answer to an audit command. Errors in the command are raised at once.

        Raises:
            UserError: the run does not exist, or the person may not.
        """
        match asked:
            case History(name):
                return partial(audit_views.history, *self.service.history(name, caller))
            case Forget(name):
                return partial(forgotten, self.service.forget(name, caller))
            case AskAudit():
                self.service.refuse_audit(caller)
                return lambda: self.errands.run(self.found(asked, caller), reply, caller.user)

    def found(self, asked: AskAudit, caller: Caller) -> Callable[[], Answer]:
        """Return the function that searches the audit in the background."""

        def search() -> Answer:
            events = self.service.search(asked.wanted, caller)
            if len(events) <= audit_views.SHOWN_EVENTS:
                return audit_views.found(events)
            return self.send_file(events, caller.user)

        return search

    def send_file(self, events: Sequence[AuditEvent], user: str) -> Answer:
        """Send many events to a person as a direct message with a file; if Slack takes no file, return as many as a
        message holds.
        """
        upload = audit_views.as_file(events, self.service.now())
        try:
            channel, message = post_directly(self.client, user, answers.text(audit_views.filed(len(events))))
            sent(self.client, upload, channel, message)
        except Refused as error:
            # Without the right to upload files, the person still gets the newest events.
            log.warning("Slack takes no file of the audit: %s", error.code)
            return audit_views.found(events[: audit_views.SHOWN_EVENTS])
        return answers.text(say("I have sent you {count} events, as a file in our direct messages.", count=len(events)))


def forgotten(run_id: str) -> Answer:
    """Return the answer to `/verl forget`: which data is deleted, and which is not."""
    deleted = say("What was kept of {run} is deleted.", run=code(run_id))
    return answers.text(together(deleted, say("Its messages in Slack, its model and its bill are not.")))
