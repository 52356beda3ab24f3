"""Which commands only read."""

from bot.core.commands.command import (
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


def is_read_only(command: Command) -> bool:
    """Return whether the command is only a question: it records, opens and starts nothing."""
    match command:
        case Launch(dry_run=dry_run) | Retry(dry_run=dry_run) | Resume(dry_run=dry_run):
            return dry_run
        case ShowLogs(follow=follow):
            return not follow
        case SetLanguage(language):
            return language is None
        case ShowStatus() | ListRuns() | ShowCost() | ShowBudgets() | ShowChart() | CompareRuns() | ShowArtifacts():
            return True
        case ListReports() | ShowReport() | ListRecipes() | DescribeRecipe() | ShowHelp():
            return True
        case ShowSamples():  # the thread of the run gets them
            return False
        case ShowHistory() | ShowAudit() | ShowRunBudget() | ShowWelcome() | Explain():
            return True
        case OpenLaunchForm() | Forget() | Stop() | Extend() | SetBudget() | SetMonthlyBudget() | Approve() | Refuse():
            return False
        case AddReport() | ChangeReport() | RemoveReport() | SetSummaryInterval():
            return False
