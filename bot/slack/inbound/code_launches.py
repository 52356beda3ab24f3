"""Launches with code of a repository, whose host is asked before they are recorded."""

from dataclasses import dataclass

from bot.app.pending_launches import PendingLaunches
from bot.app.run_queries import Requester
from bot.core.commands.command import Launch
from bot.errors import UserError
from bot.slack.inbound.background import BackgroundReplies, DeferredAnswer
from bot.slack.views import answers
from bot.slack.views.message import Answer, Responder


@dataclass(frozen=True, slots=True)
class CodeLaunches:
    """Launches in the background: Slack does not wait as long for an answer as a host may take.

    Attributes:
        pending: keeps each launch until it is recorded as a run.
    """

    background: BackgroundReplies
    pending: PendingLaunches

    def launch_later(self, launch: Launch, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Store a launch, which survives the process from then on; return what starts it."""
        caller = self.pending.add(launch, requester)

        def record_and_answer() -> Answer:
            return answers.acknowledge_launch(self.pending.record_run(launch, caller), caller.is_in_hidden_channel)

        def start() -> None:
            try:
                self.background.answer_later(record_and_answer, responder, caller.user)
            except UserError:  # too many are waiting, and this one was refused
                self.pending.complete(caller)
                raise

        return start
