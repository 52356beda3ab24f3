"""Audit commands, answered in the background: the audit may have many events."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from slack_sdk import WebClient

from bot.asked import Requester
from bot.audit_service import AuditService
from bot.core.audit import AuditEvent
from bot.core.command import Forget, ShowAudit, ShowHistory
from bot.slack import answers, audit_views
from bot.slack.answers import Answer
from bot.slack.client import SlackRejected
from bot.slack.errands import BackgroundReplies, DeferredAnswer, Responder, post_direct_message
from bot.slack.files import upload_file
from bot.slack.phrases import join_sentences, translate
from bot.slack.text import code

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditCommands:
    """The commands that show or delete who did what.

    Attributes:
        client: uploads files; background: computes answers that take longer than an acknowledgement.
    """

    service: AuditService
    client: WebClient
    background: BackgroundReplies

    def answer(
        self, command: ShowHistory | ShowAudit | Forget, requester: Requester, responder: Responder
    ) -> DeferredAnswer:
        """Return the answer to an audit command. Errors in the command are raised at once.

        Raises:
            UserError: the run does not exist, or the person may not.
        """
        match command:
            case ShowHistory(run_id):
                return partial(audit_views.render_run_history, *self.service.read_history(run_id, requester))
            case Forget(run_id):
                return partial(acknowledge_deletion, self.service.forget(run_id, requester))
            case ShowAudit():
                self.service.refuse_audit(requester)
                return lambda: self.background.answer_later(
                    self.prepare_search(command, requester), responder, requester.user
                )

    def prepare_search(self, command: ShowAudit, requester: Requester) -> Callable[[], Answer]:
        """Return the function that searches the audit in the background."""

        def search() -> Answer:
            events = self.service.search(command.criteria, requester)
            if len(events) <= audit_views.MAX_SHOWN_EVENTS:
                return audit_views.render_events(events)
            return self.send_file(events, requester.user)

        return search

    def send_file(self, events: Sequence[AuditEvent], user: str) -> Answer:
        """Send many events to a person as a direct message with a file; if Slack takes no file, return as many as a
        message holds.
        """
        upload = audit_views.build_events_file(events, self.service.now())
        try:
            channel, message = post_direct_message(
                self.client, user, answers.build_text_answer(audit_views.render_file_summary(len(events)))
            )
            upload_file(self.client, upload, channel, message)
        except SlackRejected as error:
            # Without the right to upload files, the person still gets the newest events.
            log.warning("Slack takes no file of the audit: %s", error.code)
            return audit_views.render_events(events[: audit_views.MAX_SHOWN_EVENTS])
        return answers.build_text_answer(
            translate("I have sent you {count} events, as a file in our direct messages.", count=len(events))
        )


def acknowledge_deletion(run_id: str) -> Answer:
    """Return the answer to `/verl forget`: which data is deleted, and which is not."""
    deleted = translate("What was kept of {run} is deleted.", run=code(run_id))
    return answers.build_text_answer(
        join_sentences(deleted, translate("Its messages in Slack, its model and its bill are not."))
    )
