"""The command that shows samples of a run: read in the background, posted to the run's thread."""

import logging
from dataclasses import dataclass

from slack_sdk import WebClient

from bot.app.language_preferences import LanguagePreferences
from bot.app.run_queries import Requester, RunQueries
from bot.app.sample_reader import SampleReader, locate_samples
from bot.core.commands.command import ShowSamples
from bot.core.model.run import Run
from bot.i18n import use_language
from bot.slack.inbound.background import BackgroundReplies, DeferredAnswer
from bot.slack.outbound.file_uploads import render_upload_failure, upload_to_thread
from bot.slack.outbound.message_calls import post_to_thread
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain
from bot.slack.views import rollout_views
from bot.slack.views.message import Answer, Responder
from bot.slack.views.mrkdwn import Markup
from bot.slack.views.rollout_views import SamplePage

log = logging.getLogger(__name__)

POSTING_FAILURES = (SlackRejected, SlackRateLimited, SlackUncertain)


@dataclass(frozen=True, slots=True)
class SampleCommands:
    """Answers `/verl samples`.

    Attributes:
        client: posts to threads; background: reads clusters, which takes seconds.
    """

    queries: RunQueries
    samples: SampleReader
    client: WebClient
    background: BackgroundReplies
    language_preferences: LanguagePreferences

    def answer(self, command: ShowSamples, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Return the answer. A run without samples is refused at once.

        Raises:
            UserError: the run does not exist, is private, or its recipe writes no samples.
        """
        run = self.queries.find(command.run, requester.actor)
        locate_samples(run, command.is_validation)
        return lambda: self.background.answer_later(lambda: self.show_samples(run, command), responder, requester.user)

    def show_samples(self, run: Run, command: ShowSamples) -> Answer:
        """Post the samples to the run's thread; show them to the person alone where Slack takes no message there."""
        batch = self.samples.read(run, command)
        page = SamplePage(run, batch, command.order, command.is_validation)
        try:
            # Everyone in the channel sees the thread.
            with use_language(self.language_preferences.workspace):
                post_to_thread(self.client, run, rollout_views.build_samples_answer(page))
        except POSTING_FAILURES as error:
            log.warning("run %s: no message with its samples: %s", run.id, error)
            return rollout_views.build_samples_answer(page, render_upload_failure(error))
        return rollout_views.render_samples_posted(page, self.post_file(page))

    def post_file(self, page: SamplePage) -> Markup | None:
        """Post the whole texts as a file, if the message has no room for them; return where it is, or why not."""
        if not page.needs_file:
            return None
        with use_language(self.language_preferences.workspace):
            upload = rollout_views.build_samples_file(page)
        try:
            return rollout_views.render_file_link(upload_to_thread(self.client, page.run, upload))
        except POSTING_FAILURES as error:
            log.warning("run %s: no file of its samples: %s", page.run.id, error)
            return render_upload_failure(error)
