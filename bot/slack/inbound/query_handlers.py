"""Commands that ask and change no run: charts, reports, costs, the audit. They are answered in the background."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from slack_sdk import WebClient

from bot.app import report_service
from bot.app.audit_service import AuditService
from bot.app.cost_service import CostService
from bot.app.report_service import ReportService
from bot.app.run_comparison import compare_settings
from bot.app.run_queries import Requester, RunQueries
from bot.app.run_service import RunService
from bot.core.commands.command import CompareRuns, Forget, ShowAudit, ShowChart, ShowCost, ShowHistory
from bot.core.commands.report_command import (
    AddReport,
    ChangeReport,
    ListReports,
    RemoveReport,
    ReportCommand,
    SetSummaryInterval,
    ShowReport,
)
from bot.core.model.audit import AuditEvent
from bot.core.model.ledger import build_budget_key
from bot.core.model.people import Act
from bot.core.model.policy import Scope
from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.rules.chart_data import Chart, RunHistory, build_comparison_chart, build_metric_chart, build_reward_chart
from bot.core.rules.unstarted_runs import refuse_unstarted
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase, name_person
from bot.runtime.failure_isolation import report_once
from bot.slack.inbound.background import BackgroundReplies, DeferredAnswer, post_direct_message
from bot.slack.outbound.chart_publisher import ChartPublisher
from bot.slack.outbound.directory import find_time_zone
from bot.slack.outbound.file_uploads import render_upload_failure, upload_file, upload_patiently
from bot.slack.outbound.table_publisher import TablePublisher
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain
from bot.slack.views import answers, audit_views, chart_views, cost_views, schedule_views
from bot.slack.views.message import Answer, Responder, build_text_answer
from bot.slack.views.mrkdwn import code, join_markup_sentences, render_phrase, render_plural
from bot.slack.views.report_views import render_report_answer
from bot.slack.views.run_table import NameFinder, name_plainly


@dataclass(frozen=True, slots=True)
class ChartCommands:
    """Answers chart commands. Errors are answered at once; charts in the background, because Slack may refuse them."""

    service: RunService
    background: BackgroundReplies
    chart_publisher: ChartPublisher

    def answer(self, command: ShowChart | CompareRuns, requester: Requester, reply: Responder) -> DeferredAnswer:
        """Return the answer of a chart command."""
        return (
            self.plot(command, requester, reply)
            if isinstance(command, ShowChart)
            else self.compare(command, requester, reply)
        )

    def plot(self, command: ShowChart, requester: Requester, reply: Responder) -> DeferredAnswer:
        """Return the answer with the charts of one run."""
        run_history = self.service.queries.get_run_history(command.run, requester.actor)
        selected_charts = select_charts(run_history, command.metrics)
        if command.picture:
            return lambda: self.background.answer_later(
                lambda: self.build_picture_answer(run_history, selected_charts), reply, requester.user
            )
        show = self.chart_publisher.with_charts(reply, run_history.run, selected_charts)
        return lambda: self.background.answer_later(
            lambda: chart_views.build_plot_answer(run_history, selected_charts), show, requester.user
        )

    def build_picture_answer(self, run_history: RunHistory, selected_charts: Sequence[Chart]) -> Answer:
        """Post the charts as pictures to the run's thread. Return where they are; without them, the charts and
        the reason.
        """
        answer = chart_views.build_plot_answer(run_history, selected_charts)
        try:
            note = self.chart_publisher.post_pictures(run_history.run, selected_charts)
        except (SlackRejected, SlackRateLimited, SlackUncertain, Unavailable) as error:
            return chart_views.add_note(answer, render_upload_failure(error))
        return chart_views.remove_charts(answer, note)

    def compare(self, command: CompareRuns, requester: Requester, reply: Responder) -> DeferredAnswer:
        """Return the answer that compares two runs; without names, the requester's last two."""
        names = self.service.queries.find_compared_runs(command, requester)
        a, b = (self.service.queries.get_run_history(name, requester.actor) for name in names)
        if a.run.id == b.run.id:
            raise UserError(Phrase("Both are `{run}`.", run=a.run.id), Phrase("Name another run to compare it with."))
        chart, now = draw_comparison_chart(a, b, command.by), self.service.now()
        queries = self.service.queries
        differences = compare_settings(a.run, b.run, queries.store, queries.recipes)
        show = self.chart_publisher.with_charts(reply, a.run, [chart] if chart else [])
        return lambda: self.background.answer_later(
            lambda: chart_views.build_comparison_answer(a, b, chart, now, differences), show, requester.user
        )


def draw_comparison_chart(a: RunHistory, b: RunHistory, axis: str) -> Chart | None:
    """Return the chart of two runs; None where there is none, or their numbers cannot be drawn.

    Raises:
        UserError: the axis is dollars, and one of the runs is unpriced.
    """
    try:
        return build_comparison_chart(a, b, axis)
    except UserError:
        raise
    except Exception as error:  # the answer still compares what the runs have reached
        report_once(f"runs {a.run.id} and {b.run.id}: no chart", error)
        return None


def select_charts(run_history: RunHistory, metrics: tuple[str, ...]) -> list[Chart]:
    """Return a chart for each metric; without any, that of the reward.

    Raises:
        UserError: the run has no such metric, or none at all.
    """
    if metrics and run_history.history.keys:
        return [build_metric_chart(run_history.run, run_history.history, metric_name) for metric_name in metrics]
    if not run_history.history.keys:
        refuse_unstarted(run_history.run)
    if (chart := build_reward_chart(run_history.run, run_history.history)) is None:
        run = run_history.run
        none, none_yet = N_("`{run}` has ended without metrics."), N_("`{run}` has no metrics yet.")
        sentence = Phrase(none if run.is_finished else none_yet, run=run.id)
        raise UserError(sentence, Phrase("Its log: `/verl logs {run}`.", run=run_history.run.id))
    return [chart]


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReportCommands:
    """Answers commands about reports.

    Attributes:
        client: queried for people's time zones, in the background.
        tables: shows tables as this workspace takes them; find_names: returns people's names, by Slack's id.
    """

    service: RunService
    reports: ReportService
    client: WebClient
    background: BackgroundReplies
    tables: TablePublisher
    find_names: NameFinder

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
                    (report, report_service.load_zone(report.zone)) for report in self.reports.list_for_channel(channel)
                ]
                return partial(schedule_views.list_reports, reports_with_zones, self.reports.now())
            case ShowReport(everywhere, who):
                return lambda: self.background.answer_later(
                    partial(self.build_digest_now, requester, everywhere, who), self.tables.with_tables(reply), user
                )
            case AddReport():
                return self.create_report(command, requester, reply)
            case ChangeReport():
                return self.make_confirmation(self.reports.change(command, user, channel))
            case RemoveReport():
                return partial(schedule_views.confirm_report_end, self.reports.end(command, user, channel))
            case SetSummaryInterval(name, interval):
                run = self.service.set_summary_interval(name, interval, requester)
                (shown_run,) = self.service.queries.redact_for(requester.actor, [run])
                return partial(schedule_views.confirm_summaries, shown_run, interval)

    def build_digest_now(self, requester: Requester, everywhere: bool, who: str) -> Answer:
        """Return the current digest, of one person's runs where `who` is given. Called in the background: it reads
        every run that ended this month.
        """

        def show(run: Run) -> Run:
            return self.service.queries.redact_for(requester.actor, [run])[0]

        report, content = self.reports.build_digest_now(requester.user, requester.channel, everywhere, show, who)
        show_person = name_plainly(self.find_names([*content.people, *([who] if who else [])]))
        return render_report_answer(report, content, self.reports.now(), show_person, who)

    def create_report(self, command: AddReport, requester: Requester, reply: Responder) -> DeferredAnswer:
        """Create a report: at once where the time zone was typed, else in the background, because Slack is queried for
        it.
        """
        user, channel = requester.user, requester.channel
        if command.options.zone:
            return self.make_confirmation(
                self.reports.schedule(command, user, channel, report_service.canonical_name(command.options.zone))
            )

        def confirm_with_zone() -> Answer:
            zone = find_time_zone(self.client, user)
            report = self.reports.schedule(command, user, channel, zone or self.reports.timezone, zone is None)
            return self.make_confirmation(report)()

        return lambda: self.background.answer_later(confirm_with_zone, reply, user)

    def make_confirmation(self, report: Report) -> Callable[[], Answer]:
        """Return what builds the confirmation of a report."""
        return partial(schedule_views.confirm_report, report, self.reports.now(), report_service.load_zone(report.zone))


@dataclass(frozen=True, slots=True)
class CostCommands:
    """The commands that show what runs cost.

    Attributes:
        tables: shows tables as this workspace takes them; find_names: returns people's names, by Slack's id.
    """

    cost_service: CostService
    background: BackgroundReplies
    queries: RunQueries
    tables: TablePublisher
    find_names: NameFinder

    def answer(self, command: ShowCost, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Return the answer to a cost command. A run is looked up here, so that errors are raised at once."""
        compute_answer = self.prepare_answer(command, requester)
        show = self.tables.with_tables(responder)
        return lambda: self.background.answer_later(compute_answer, show, requester.user)

    def prepare_answer(self, command: ShowCost, requester: Requester) -> Callable[[], Answer]:
        """Return the function that computes the answer in the background."""
        cost_service = self.cost_service
        match command.of:
            case "mine":
                return lambda: cost_views.build_person_costs(
                    cost_service.report_month(
                        lambda run: run.requester == requester.user,
                        build_budget_key(Scope.PERSON, requester.user, ""),
                    ),
                    cost_service.zone,
                    cost_service.get_run,
                )
            case "team":
                return partial(self.answer_for_channel, requester.channel)
            case "month":
                return self.answer_for_workspace
            case run_id:
                return partial(self.answer_for_run, self.queries.look_up(run_id, requester.actor), requester)

    def answer_for_channel(self, channel: str) -> Answer:
        """Return what a channel's runs have cost this month."""
        costs = self.cost_service.report_month(
            lambda run: run.channel == channel, build_budget_key(Scope.TEAM, "", channel)
        )
        show_person = name_plainly(self.find_names(costs.by_person))
        return cost_views.build_channel_costs(costs, self.cost_service.zone, channel, show_person)

    def answer_for_workspace(self) -> Answer:
        """Return what all runs have cost this month."""
        costs = self.cost_service.report_month(lambda _: True, build_budget_key(Scope.WORKSPACE, "", ""))
        show_person = name_plainly(self.find_names(costs.by_person))
        return cost_views.build_workspace_costs(costs, self.cost_service.zone, show_person)

    def answer_for_run(self, run: Run, requester: Requester) -> Answer:
        """Return what a run has cost; for a person who may not read the run, only its line."""
        (visible_run,) = self.queries.redact_for(requester.actor, [run])
        if visible_run.is_redacted:
            show_person = name_plainly(self.find_names([run.requester]))
            return answers.render_runs([visible_run], "all", self.cost_service.now(), show_person=show_person)
        run_account = self.cost_service.report_run(run)
        return cost_views.build_run_costs(run_account.run, run_account.baseline, self.cost_service.now())


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
            case ShowHistory("", who):
                person = name_person(who)
                how = Phrase(
                    "Type `/verl history RUN who=`{person}, with a run in place of RUN: what {person} did to it. "
                    "The runs of {person}: `/verl list all who=`{person}",
                    person=person,
                )
                raise UserError(Phrase("Which run?"), how)
            case ShowHistory(run_id, who):
                run, events = self.service.read_history(run_id, requester)
                return partial(
                    audit_views.render_run_history, run, [event for event in events if who in ("", event.who)], who
                )
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
                self.client, user, build_text_answer(audit_views.render_file_summary(len(events)))
            )
            upload_patiently(lambda: upload_file(self.client, upload, channel, message))
        except SlackRejected as error:
            # Without the right to upload files, the person still gets the newest events.
            log.warning("Slack takes no file of the audit: %s", error.code)
            return audit_views.render_events(events[: audit_views.MAX_SHOWN_EVENTS])
        return build_text_answer(
            render_plural(
                "I have sent you {count} event, as a file in our direct messages.",
                "I have sent you {count} events, as a file in our direct messages.",
                len(events),
            )
        )


def acknowledge_deletion(run_id: str) -> Answer:
    """Return the answer to `/verl forget`: which data is deleted, and which is not."""
    deleted = render_phrase("I deleted the records of {run}.", run=code(run_id))
    return build_text_answer(
        join_markup_sentences(deleted, render_phrase("Its messages in Slack, its model and its cost stay."))
    )
