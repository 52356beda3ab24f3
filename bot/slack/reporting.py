"""Answers commands about reports: at once, or after Slack has returned the person's time zone."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from slack_sdk import WebClient

from bot import zones
from bot.asked import Caller
from bot.core.report import Report
from bot.core.report_command import (
    AskReport,
    ChangeReport,
    EndReport,
    ListReports,
    ReportCommand,
    Summarise,
    TellNow,
)
from bot.core.roles import Act
from bot.core.run import Run
from bot.errors import UserError
from bot.reports import Reports
from bot.service import Service
from bot.slack import report_answers
from bot.slack.answers import Answer
from bot.slack.board import at_once
from bot.slack.client import Doubtful, Limited, Refused, sorted_failures
from bot.slack.errands import Errands, Reply, Said

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reporting:
    """Answers commands about reports.

    Attributes:
        client: queried for people's time zones, in the background.
    """

    service: Service
    reports: Reports
    client: WebClient
    errands: Errands

    def answer(self, asked: ReportCommand, caller: Caller, reply: Reply) -> Said:
        """Carry out a report command and return its answer.

        Raises:
            UserError: the requester may not, or the command names no report of the channel.
        """
        user, channel = caller.user, caller.channel
        if isinstance(asked, AskReport | ChangeReport | EndReport):
            self.service.refuse(Act.REPORT, caller)
        match asked:
            case ListReports():
                found = [(one, zones.zone(one.zone)) for one in self.reports.of(channel)]
                return partial(report_answers.listed, found, self.reports.now())
            case TellNow(everywhere):
                return lambda: self.errands.run(partial(self.board_now, caller, everywhere), reply, user)
            case AskReport():
                return self.ask(asked, caller, reply)
            case ChangeReport():
                return self.said(self.reports.change(asked, user, channel))
            case EndReport():
                return partial(report_answers.ended, self.reports.end(asked, user, channel))
            case Summarise(name, rhythm):
                return partial(report_answers.summarised, self.service.summarise(name, rhythm, caller), rhythm)

    def board_now(self, caller: Caller, everywhere: bool) -> Answer:
        """Return the current digest. Called in the background: it reads every run that ended this month."""

        def show(run: Run) -> Run:
            return self.service.queries.shown_to(caller.actor, [run])[0]

        report, found = self.reports.board_now(caller.user, caller.channel, everywhere, show)
        return at_once(report, found, self.reports.now())

    def ask(self, asked: AskReport, caller: Caller, reply: Reply) -> Said:
        """Create a report: at once where the time zone was typed, else in the background, because Slack is queried for
        it.
        """
        user, channel = caller.user, caller.channel
        if asked.options.zone:
            return self.said(self.reports.ask(asked, user, channel, zones.named(asked.options.zone)))

        def found() -> Answer:
            return self.said(self.reports.ask(asked, user, channel, self.zone_of(user)))()

        return lambda: self.errands.run(found, reply, user)

    def said(self, report: Report) -> Callable[[], Answer]:
        """Return what builds the confirmation of a report."""
        return partial(report_answers.asked, report, self.reports.now(), zones.zone(report.zone))

    def zone_of(self, user: str) -> str:
        """Return the person's time zone in Slack; the workspace's where Slack has none."""
        try:
            with sorted_failures():
                told = self.client.users_info(user=user)
            return zones.named(str((told.get("user") or {}).get("tz") or self.reports.zone))
        except (Refused, Limited, Doubtful) as error:
            log.warning(
                "Slack does not tell the time zone of %s (%s); it is taken to be %s", user, error, self.reports.zone
            )
        except UserError as error:
            log.warning("Slack has an unknown time zone of %s: %s", user, error)
        return self.reports.zone
