"""Execution of typed commands, from a slash command or a mention. What a command requests is recorded at once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from slack_sdk import WebClient

from bot.app.language_preferences import LanguagePreferences
from bot.app.people_lookup import PeopleLookup
from bot.app.run_explainer import explain_run
from bot.app.run_lookup import name_resumed_run
from bot.app.run_queries import LaunchPreview, Requester
from bot.app.run_service import RunService
from bot.app.thread_decisions import resolve_decision
from bot.core.commands.command import (
    WORKSPACE_LANGUAGE,
    Approve,
    Command,
    CompareRuns,
    DescribeRecipe,
    Explain,
    Extend,
    Forget,
    Launch,
    ListRecipes,
    ListRuns,
    OpenLaunchForm,
    Refuse,
    Resume,
    Retry,
    SetBudget,
    SetLanguage,
    SetMonthlyBudget,
    ShowArtifacts,
    ShowAudit,
    ShowBudgets,
    ShowChart,
    ShowCost,
    ShowHelp,
    ShowHistory,
    ShowLogs,
    ShowRunBudget,
    ShowSamples,
    ShowStatus,
    ShowWelcome,
    Stop,
)
from bot.core.commands.report_command import (
    AddReport,
    ChangeReport,
    ListReports,
    RemoveReport,
    SetSummaryInterval,
    ShowReport,
)
from bot.core.model.people import Act
from bot.core.model.recipe import CODE
from bot.core.model.run import Run
from bot.core.rules.relaunch import Relaunch
from bot.core.rules.unstarted_runs import refuse_unstarted
from bot.errors import UnreadableRecord
from bot.i18n import set_language, use_language
from bot.slack.inbound.background import BackgroundReplies, DeferredAnswer
from bot.slack.inbound.code_launches import CodeLaunches
from bot.slack.inbound.list_commands import ListCommands
from bot.slack.inbound.query_handlers import AuditCommands, ChartCommands, CostCommands, ReportCommands
from bot.slack.inbound.sample_commands import SampleCommands
from bot.slack.outbound.file_uploads import render_upload_failure, upload_to_thread
from bot.slack.outbound.home_publisher import HomePublisher
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain
from bot.slack.views import answers, budget_views, help_views, launch_form, log_excerpt
from bot.slack.views.explanation_views import render_explanation
from bot.slack.views.message import Answer, FileUpload, Responder
from bot.slack.views.recipe_views import describe_recipe, render_launch_preview, render_recipes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Commands:
    """Executes commands.

    Attributes:
        client: uploads files; background: computes answers that take longer than an acknowledgement;
            home_publisher: updates the App Home pages; language_preferences: the language of each person;
            chart_commands, report_commands, cost_commands, audit_commands, code_launches, list_commands,
            sample_commands: execute the commands of their kinds; people: finds people by their names.
    """

    service: RunService
    client: WebClient
    background: BackgroundReplies
    home_publisher: HomePublisher
    language_preferences: LanguagePreferences
    chart_commands: ChartCommands
    report_commands: ReportCommands
    cost_commands: CostCommands
    audit_commands: AuditCommands
    code_launches: CodeLaunches
    list_commands: ListCommands
    sample_commands: SampleCommands
    people: PeopleLookup

    def answer(self, command: Command, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Execute a command. Return a function that renders its answer.

        Errors are raised at once and go to the person alone; the answer may be for others too.

        Raises:
            UserError: the command makes no sense, or the person may not.
        """
        # An owner may always stop a run, even after losing the role that launched it.
        if not isinstance(command, Stop):
            self.service.refuse(Act.READ, requester)
            command = self.people.resolve(command, requester)
            command = resolve_decision(command, lambda name: self.service.queries.look_up(name, requester.actor))
        match command:
            case Launch():
                return self.launch(command, requester, responder)
            case OpenLaunchForm():
                self.service.refuse(Act.LAUNCH, requester)
                return answers.offer_launch_form
            case Stop():
                run = self.service.stop_typed(command, requester)
                return partial(answers.acknowledge_stop, self.service.queries.hide_name(requester.actor, run))
            case Retry() | Resume():
                return self.relaunch(command, requester, responder)
            case Extend() | SetBudget() | SetMonthlyBudget() | Approve() | Refuse():
                return self.change_limits(command, requester)
            case ShowBudgets() | ShowRunBudget():
                return self.show_budget(command, requester)
            case SetLanguage(language):
                return self.choose_language(language, requester.user)
            case (
                ShowLogs()
                | ShowSamples()
                | Explain()
                | ShowChart()
                | CompareRuns()
                | ShowCost()
                | ShowHistory()
                | ShowAudit()
                | Forget()
            ):
                return self.answer_slow_command(command, requester, responder)
            case ListReports() | ShowReport() | AddReport() | ChangeReport() | RemoveReport() | SetSummaryInterval():
                return self.report_commands.answer(command, requester, responder)
            case (
                ShowStatus()
                | ListRuns()
                | ShowArtifacts()
                | ListRecipes()
                | DescribeRecipe()
                | ShowHelp()
                | ShowWelcome()
            ):
                return self.answer_query(command, requester, responder)

    def change_limits(
        self, command: Extend | SetBudget | SetMonthlyBudget | Approve | Refuse, requester: Requester
    ) -> DeferredAnswer:
        """Change what a run, or a month, may spend or how long a run may live; approvals and refusals included."""
        match command:
            case Extend():
                return partial(answers.acknowledge_extension, self.service.extend(command, requester))
            case SetBudget():
                run = self.service.set_budget(command, requester)
                return partial(answers.acknowledge_budget, run, run.limits.was_changed_by(requester.delivery_id))
            case SetMonthlyBudget():
                spent_dollars = self.service.monthly_budgets.set_monthly_budget(command, requester)
                return partial(budget_views.acknowledge_monthly_budget, command, spent_dollars)
            case Approve(run_id, note):
                return partial(
                    answers.acknowledge_approval_decision,
                    self.service.decide_approval(run_id, True, requester, note=note),
                )
            case Refuse(run_id, why):
                return partial(
                    answers.acknowledge_approval_decision,
                    self.service.decide_approval(run_id, False, requester, note=why),
                )

    def answer_slow_command(
        self,
        command: ShowLogs
        | Explain
        | ShowSamples
        | ShowChart
        | CompareRuns
        | ShowCost
        | ShowHistory
        | ShowAudit
        | Forget,
        requester: Requester,
        responder: Responder,
    ) -> DeferredAnswer:
        """Answer a command that reads many lines or numbers, and takes its time."""
        match command:
            case ShowLogs():
                return self.show_log(command, requester, responder)
            case ShowSamples():
                return self.sample_commands.answer(command, requester, responder)
            case Explain(run_id):
                return self.explain(run_id, requester, responder)
            case ShowChart() | CompareRuns():
                return self.chart_commands.answer(command, requester, responder)
            case ShowCost():
                return self.cost_commands.answer(command, requester, responder)
            case ShowHistory() | ShowAudit() | Forget():
                return self.audit_commands.answer(command, requester, responder)

    def answer_query(
        self,
        command: ShowStatus | ListRuns | ShowArtifacts | ListRecipes | DescribeRecipe | ShowHelp | ShowWelcome,
        requester: Requester,
        responder: Responder,
    ) -> DeferredAnswer:
        """Answer a command that only reads records and recipes."""
        queries = self.service.queries
        match command:
            case ShowStatus(run_id):
                return self.show_status(run_id, requester, responder)
            case ListRuns():
                return self.list_commands.answer(command, requester, responder)
            case ShowArtifacts(run_id):
                run = queries.find(run_id, requester.actor)
                refuse_unstarted(run)
                return partial(answers.render_artifacts, run)
            case ListRecipes():
                return lambda: render_recipes(queries.load_catalogue(), queries.find_refusals())
            case DescribeRecipe(name):
                described = partial(describe_recipe, self.service.launch_planner.recipes.get(name))
                return self.list_commands.answer_with_table(described, requester, responder)
            case ShowHelp(word, language):
                return partial(help_views.render_help, word, language)
            case ShowWelcome():
                return help_views.render_welcome

    def show_budget(self, command: ShowBudgets | ShowRunBudget, requester: Requester) -> DeferredAnswer:
        """Return what is used of monthly budgets, or of one run's."""
        if isinstance(command, ShowRunBudget):
            run = self.service.queries.find(command.run, requester.actor)
            return partial(budget_views.render_run_budget, run, self.service.now())
        owner = replace(requester, user=command.person or requester.user)
        return partial(
            budget_views.render_budget_overview,
            self.service.monthly_budgets.get_cap_usage(owner.user, owner.channel),
            self.service.policy.approvers,
            command,
        )

    def show_status(self, run_id: str | None, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Return the card of one run, or of the person's only one; for several runs, a table."""
        queries = self.service.queries
        runs = [queries.find(run_id, requester.actor)] if run_id else queries.list_active(requester.user)
        if len(runs) == 1:
            (run,) = self.service.monthly_budgets.show_requester_months(runs)
            return partial(answers.render_status, run, self.service.now())
        return self.list_commands.list_runs(lambda: runs, "active", requester, responder)

    def launch(self, command: Launch, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Launch a run at once, unless it needs a confirmation; preview a dry run in the background, because prices
        take seconds.
        """
        command = name_resumed_run(command, lambda name: self.service.queries.look_up(name, requester.actor))
        self.service.launch_planner.refuse_names(command, requester)
        if command.dry_run:
            return self.preview_launch(command, render_launch_preview, requester, responder)
        self.service.refuse(Act.LAUNCH, requester)
        if not command.sure and self.service.launch_planner.needs_confirmation(command):
            return self.preview_launch(command, launch_form.build_launch_question, requester, responder)
        if self.service.launch_planner.refuse_code(command, requester, is_typed=True):
            return self.code_launches.launch_later(command, requester, responder)
        run = self.service.launch(command, requester)
        return partial(answers.acknowledge_launch, run, requester.is_in_hidden_channel)

    def relaunch(self, command: Relaunch, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Relaunch a run, with a confirmation if it is expensive; the buttons have shown one already."""
        if command.dry_run:
            launch = self.service.to_launch_command(command, requester)
            return self.preview_launch(launch, render_launch_preview, requester, responder)
        self.service.refuse(Act.LAUNCH, requester)
        launch = self.service.to_launch_command(command, requester)
        if self.service.launch_planner.needs_confirmation(launch):
            return self.preview_launch(launch, launch_form.build_launch_question, requester, responder)
        # A commit that the earlier run had is not checked again.
        names_code = CODE.name in dict(command.parameters)
        if self.service.launch_planner.refuse_code(launch, requester, is_typed=names_code):
            return self.code_launches.launch_later(launch, requester, responder)
        run = self.service.launch_again(command, requester)
        return partial(answers.acknowledge_launch, run, requester.is_in_hidden_channel)

    def preview_launch(
        self, command: Launch, render: Callable[[LaunchPreview], Answer], requester: Requester, responder: Responder
    ) -> DeferredAnswer:
        """Preview a launch in the background. What is wrong with the command is said at once."""
        self.service.launch_planner.plan(command)
        return lambda: self.background.answer_later(
            lambda: render(self.service.launch_planner.preview(command, requester)), responder, requester.user
        )

    def show_log(self, command: ShowLogs, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Follow a log, or read it once."""
        if command.follow:
            return partial(answers.acknowledge_follow, self.service.follow(command, requester))
        return self.read_log(command, requester, responder)

    def read_log(self, command: ShowLogs, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Read a log in the background: a live cluster takes seconds to answer."""
        run = self.service.queries.find(command.run, requester.actor)
        return lambda: self.background.answer_later(
            lambda: self.build_log_answer(run, command), responder, requester.user
        )

    def build_log_answer(self, run: Run, command: ShowLogs) -> Answer:
        """Return up to 50 log lines in a message; upload more as a file into the run's thread."""
        excerpt = self.service.queries.read_log(run, command)
        if not command.wants_file or not excerpt.lines:
            return log_excerpt.render_log_excerpt(excerpt)
        # The file is in the thread, where everyone sees it.
        with use_language(self.language_preferences.workspace):
            title = log_excerpt.render_log_file_title(excerpt)
        upload = FileUpload(f"{run.id}.log", title, "\n".join(excerpt.lines))
        try:
            return log_excerpt.render_log_file_answer(excerpt, upload_to_thread(self.client, run, upload))
        except (SlackRejected, SlackRateLimited, SlackUncertain) as error:
            log.warning("run %s: no file of its log: %s", run.id, error)
            return log_excerpt.render_log_excerpt(excerpt, render_upload_failure(error))

    def explain(self, run_id: str, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Explain a run in the background: it is compared with every earlier run of its recipe."""
        queries, now = self.service.queries, self.service.now()
        run = queries.find(run_id, requester.actor)
        return lambda: self.background.answer_later(
            lambda: render_explanation(explain_run(queries, run, requester.actor, now), now), responder, requester.user
        )

    def choose_language(self, language: str | None, user: str) -> DeferredAnswer:
        """Switch the person's language, effective at once."""
        if language:
            self.language_preferences.choose(user, None if language == WORKSPACE_LANGUAGE else language)
            self.home_publisher.refresh_if_open(user)
            set_language(self.language_preferences.get_language(user))
        return partial(help_views.render_language, self.language_preferences.workspace)


def has_notice(command: Command, thread_run: str | None, service: RunService, delivery_id: str) -> bool:
    """Return whether the thread in which a command was typed gets a notice that says what an answer would say."""
    if not isinstance(command, Extend | SetBudget | Approve | Refuse | Stop) or command.run.lower() != thread_run:
        return False
    if isinstance(command, SetBudget):
        run = service.store.get(thread_run)
        return run is not None and run.limits.was_changed_by(delivery_id)
    return not isinstance(command, Stop) or awaits_stop_notice(thread_run, service)


def awaits_stop_notice(run_id: str, service: RunService) -> bool:
    """Return whether the next tick posts that a run stops or has ended; a run whose cluster nothing knows waits for a
    person, and only an answer says what to type.
    """
    try:
        run = service.store.get(run_id)
    except UnreadableRecord:
        return False
    return run is not None and not run.is_finished and not run.observed.memory.is_lost


def has_private_answer(command: Command) -> bool:
    """Return whether the answer concerns the person alone."""
    if isinstance(command, Launch | Retry | Resume):
        return not command.dry_run
    return isinstance(command, SetLanguage | ShowAudit | Forget)
