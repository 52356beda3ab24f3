"""Execution of typed commands, from a slash command or a mention. What a command requests is recorded at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from slack_sdk import WebClient

from bot.asked import Caller, Rehearsal
from bot.core.again import Again
from bot.core.command import (
    WORKSPACE,
    Approve,
    Artifacts,
    AskAudit,
    Command,
    Compare,
    Cost,
    Describe,
    Extend,
    Forget,
    GiveMonth,
    Help,
    History,
    Launch,
    ListRecipes,
    ListRuns,
    Logs,
    OpenForm,
    Plot,
    Refuse,
    Resume,
    Retry,
    SetBudget,
    ShowBudgets,
    Speak,
    Status,
    Stop,
)
from bot.core.report_command import AskReport, ChangeReport, EndReport, ListReports, Summarise, TellNow
from bot.core.roles import Act
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.language import speak, speaking
from bot.service import Service
from bot.slack import answers, budgets, excerpts, question
from bot.slack.answers import Answer
from bot.slack.auditing import Auditing
from bot.slack.costing import Costing
from bot.slack.errands import Errands, Reply, Said
from bot.slack.files import upload_log
from bot.slack.homes import Homes
from bot.slack.plots import Plots
from bot.slack.reporting import Reporting
from bot.tongues import Tongues


@dataclass(frozen=True, slots=True)
class Commands:
    """Executes commands.

    Attributes:
        client: uploads files; background: computes answers that take longer than an acknowledgement;
            home_publisher: updates the App Home pages; language_preferences: the language of each person;
            chart_commands, report_commands, cost_commands, audit_commands: execute the commands of their kinds.
    """

    service: Service
    client: WebClient
    errands: Errands
    homes: Homes
    tongues: Tongues
    plots: Plots
    reporting: Reporting
    costing: Costing
    auditing: Auditing

    def answer(self, asked: Command, caller: Caller, reply: Reply) -> Said:
        """Execute a command. Return a function that renders its answer.

        Errors are raised at once and go to the person alone; the answer may be for others too.

        Raises:
            UserError: the command makes no sense, or the person may not.
        """
        # An owner may always stop a run, even after losing the role that launched it.
        if not isinstance(asked, Stop):
            self.service.refuse(Act.READ, caller)
        match asked:
            case Launch():
                return self.launch(asked, caller, reply)
            case OpenForm():
                self.service.refuse(Act.LAUNCH, caller)
                return answers.form_offered
            case Stop(name, save, gone):
                return partial(answers.stop_asked, self.service.stop(name, caller, save, gone))
            case Retry() | Resume():
                return self.again(asked, caller, reply)
            case Extend() | SetBudget() | GiveMonth() | Approve() | Refuse():
                return self.allow(asked, caller)
            case ShowBudgets():
                return partial(budgets.overview, self.service.monthly.taken(caller), self.service.policy.approvers)
            case Speak(language):
                return self.choose_language(language, caller.user)
            case Logs() | Plot() | Compare() | Cost() | History() | AskAudit() | Forget():
                return self.reckon(asked, caller, reply)
            case ListReports() | TellNow() | AskReport() | ChangeReport() | EndReport() | Summarise():
                return self.reporting.answer(asked, caller, reply)
            case Status() | ListRuns() | Artifacts() | ListRecipes() | Describe() | Help():
                return self.look(asked, caller)

    def allow(self, asked: Extend | SetBudget | GiveMonth | Approve | Refuse, caller: Caller) -> Said:
        """Change what a run, or a month, may spend or how long a run may live; approvals and refusals included."""
        match asked:
            case Extend():
                return partial(answers.extended, self.service.extend(asked, caller))
            case SetBudget():
                return partial(answers.budget_set, self.service.set_budget(asked, caller))
            case GiveMonth():
                spent = self.service.monthly.give(asked, caller)
                return partial(budgets.given, asked, spent)
            case Approve(name):
                return partial(answers.judged, self.service.judge(name, True, caller))
            case Refuse(name):
                return partial(answers.judged, self.service.judge(name, False, caller))

    def reckon(
        self, asked: Logs | Plot | Compare | Cost | History | AskAudit | Forget, caller: Caller, reply: Reply
    ) -> Said:
        """Answer a command that reads many lines or numbers, and takes its time."""
        match asked:
            case Logs():
                return self.logs(asked, caller, reply)
            case Plot() | Compare():
                return self.plots.answer(asked, caller, reply)
            case Cost():
                return self.costing.answer(asked, caller, reply)
            case History() | AskAudit() | Forget():
                return self.auditing.answer(asked, caller, reply)

    def look(self, asked: Status | ListRuns | Artifacts | ListRecipes | Describe | Help, caller: Caller) -> Said:
        """Answer a command that only reads records and recipes."""
        queries = self.service.queries
        match asked:
            case Status(name):
                return self.status(name, caller)
            case ListRuns(which):
                broken = queries.unreadable() if which in ("active", "all") else ()
                return self.listed(queries.listed(which, caller.user), which, caller, broken)
            case Artifacts(name):
                return partial(answers.artifacts, queries.find(name, caller.actor))
            case ListRecipes():
                return lambda: answers.recipes(queries.catalogue(), queries.refusals())
            case Describe(name):
                return partial(answers.describe, self.service.recipes.get(name))
            case Help(word):
                return partial(answers.help_on, word)

    def status(self, name: str | None, caller: Caller) -> Said:
        """Return the card of one run, or of the person's only one; for several runs, one line each."""
        queries = self.service.queries
        found = [queries.find(name, caller.actor)] if name else queries.active(caller.user)
        if len(found) == 1:
            return partial(answers.status, found[0], self.service.now())
        return self.listed(found, "active", caller)

    def listed(self, found: Sequence[Run], which: str, caller: Caller, broken: Sequence[RunStub] = ()) -> Said:
        """Return one line per run; for runs that the person may not read, only that they exist and what they cost."""
        shown = self.service.queries.shown_to(caller.actor, found[: answers.LISTED])
        return partial(answers.runs, [*shown, *found[answers.LISTED :]], which, self.service.now(), broken)

    def launch(self, asked: Launch, caller: Caller, reply: Reply) -> Said:
        """Launch a run at once, unless it needs a confirmation; preview a dry run in the background, because prices
        take seconds.
        """
        if asked.dry_run:
            return self.rehearse(asked, answers.rehearsal, caller, reply)
        self.service.refuse(Act.LAUNCH, caller)
        if not asked.sure and self.service.asks_first(asked):
            return self.rehearse(asked, question.sure, caller, reply)
        return partial(answers.launched, self.service.launch(asked, caller))

    def again(self, asked: Again, caller: Caller, reply: Reply) -> Said:
        """Relaunch a run, with a confirmation if it is expensive; the buttons have shown one already."""
        self.service.refuse(Act.LAUNCH, caller)
        wanted = self.service.relaunch(asked, caller)
        if self.service.asks_first(wanted):
            return self.rehearse(wanted, question.sure, caller, reply)
        return partial(answers.launched, self.service.again(asked, caller))

    def rehearse(self, asked: Launch, show: Callable[[Rehearsal], Answer], caller: Caller, reply: Reply) -> Said:
        """Preview a launch in the background."""
        made = self.service.planned(asked)
        return lambda: self.errands.run(lambda: show(self.service.rehearse(made, caller)), reply, caller.user)

    def logs(self, asked: Logs, caller: Caller, reply: Reply) -> Said:
        """Follow a log, or read it once."""
        if asked.follow:
            return partial(answers.followed, self.service.follow(asked, caller))
        return self.read_log(asked, caller, reply)

    def read_log(self, asked: Logs, caller: Caller, reply: Reply) -> Said:
        """Read a log in the background: a live cluster takes seconds to answer."""
        run = self.service.queries.find(asked.run, caller.actor)
        return lambda: self.errands.run(lambda: self.log_answer(run, asked), reply, caller.user)

    def log_answer(self, run: Run, asked: Logs) -> Answer:
        """Return the log lines in a message, or upload them as a file."""
        excerpt = self.service.queries.read_log(run, asked)
        if not excerpts.wants_file(excerpt):
            return excerpts.excerpt(excerpt)
        # The file is in the thread, where everyone sees it.
        with speaking(self.tongues.workspace):
            title = excerpts.title(excerpt)
        return upload_log(self.client, excerpt, title)

    def choose_language(self, language: str | None, user: str) -> Said:
        """Switch the person's language, effective at once."""
        if language:
            self.tongues.choose(user, None if language == WORKSPACE else language)
            self.homes.changed(user)
            speak(self.tongues.of(user))
        return partial(answers.language, self.tongues.workspace)


def is_private(asked: Command) -> bool:
    """Return whether the answer concerns the person alone."""
    if isinstance(asked, Launch):
        return not asked.dry_run
    return isinstance(asked, Speak | Retry | Resume | AskAudit | Forget)
