"""Answers commands about reports: at once, or after Slack has returned the person's time zone."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from slack_sdk import WebClient

from bot import zones
from bot.asked import Requester
from bot.core.report import Report
from bot.core.report_command import (
    AddReport,
    ChangeReport,
    ListReports,
    RemoveReport,
    ReportCommand,
    SetSummaryInterval,
    ShowReport,
)
from bot.core.roles import Act
from bot.core.run import Run
from bot.errors import UserError
from bot.reports import ReportService
from bot.service import RunService
from bot.slack import report_answers
from bot.slack.answers import Answer
from bot.slack.board import render_report_answer
from bot.slack.client import SlackRateLimited, SlackRejected, SlackUncertain, classify_slack_errors
from bot.slack.errands import BackgroundReplies, DeferredAnswer, Responder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReportCommands:
    """Answers commands about reports.

    Attributes:
        client: queried for people's time zones, in the background.
    """

    service: RunService
    reports: ReportService
    client: WebClient
    background: BackgroundReplies

    def answer(self, command: ReportCommand, requester: Requester, reply: Responder) -> DeferredAnswer:
        """Carry out a report command and return its answer.

        Raises:
            UserError: the requester may not, or the command names no report of the channel.
        """
        user, channel = requester.user, requester.channel
        if isinstance(command, AddReport | ChangeReport | RemoveReport):
            self.service.refuse(Act.REPORT, requester)
        match command:
            case ListReports():
                reports_with_zones = [
                    (report, zones.load_zone(report.zone)) for report in self.reports.list_for_channel(channel)
                ]
                return partial(report_answers.list_reports, reports_with_zones, self.reports.now())
            case ShowReport(everywhere):
                return lambda: self.background.answer_later(
                    partial(self.build_digest_now, requester, everywhere), reply, user
                )
            case AddReport():
                return self.create_report(command, requester, reply)
            case ChangeReport():
                return self.make_confirmation(self.reports.change(command, user, channel))
            case RemoveReport():
                return partial(report_answers.confirm_report_end, self.reports.end(command, user, channel))
            case SetSummaryInterval(name, interval):
                return partial(
                    report_answers.confirm_summaries,
                    self.service.set_summary_interval(name, interval, requester),
                    interval,
                )

    def build_digest_now(self, requester: Requester, everywhere: bool) -> Answer:
        """Return the current digest. Called in the background: it reads every run that ended this month."""

        def show(run: Run) -> Run:
            return self.service.queries.redact_for(requester.actor, [run])[0]

        report, content = self.reports.build_digest_now(requester.user, requester.channel, everywhere, show)
        return render_report_answer(report, content, self.reports.now())

    def create_report(self, command: AddReport, requester: Requester, reply: Responder) -> DeferredAnswer:
        """Create a report: at once where the time zone was typed, else in the background, because Slack is queried for
        it.
        """
        user, channel = requester.user, requester.channel
        if command.options.zone:
            return self.make_confirmation(
                self.reports.schedule(command, user, channel, zones.canonical_name(command.options.zone))
            )

        def confirm_with_zone() -> Answer:
            return self.make_confirmation(self.reports.schedule(command, user, channel, self.find_time_zone(user)))()

        return lambda: self.background.answer_later(confirm_with_zone, reply, user)

    def make_confirmation(self, report: Report) -> Callable[[], Answer]:
        """Return what builds the confirmation of a report."""
        return partial(report_answers.confirm_report, report, self.reports.now(), zones.load_zone(report.zone))

    def find_time_zone(self, user: str) -> str:
        """Return the person's time zone in Slack; the workspace's where Slack has none."""
        try:
            with classify_slack_errors():
                response = self.client.users_info(user=user)
            return zones.canonical_name(str((response.get("user") or {}).get("tz") or self.reports.timezone))
        except (SlackRejected, SlackRateLimited, SlackUncertain) as error:
            log.warning(
                "Slack does not tell the time zone of %s (%s); it is taken to be %s", user, error, self.reports.timezone
            )
        except UserError as error:
            log.warning("Slack has an unknown time zone of %s: %s", user, error)
        return self.reports.timezone
