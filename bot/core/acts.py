"""The act that each command is, for the roles. Pure."""

from collections.abc import Mapping

from bot.core import command as commands
from bot.core import report_command as reports
from bot.core.roles import Act

ACT_BY_COMMAND: Mapping[type, Act] = {
    commands.Launch: Act.LAUNCH,
    commands.OpenLaunchForm: Act.LAUNCH,
    commands.Retry: Act.LAUNCH,
    commands.Resume: Act.LAUNCH,
    commands.Stop: Act.STOP,
    commands.Extend: Act.EXTEND,
    commands.SetBudget: Act.EXTEND,
    commands.SetMonthlyBudget: Act.SET_MONTHLY_BUDGET,
    commands.Approve: Act.APPROVE,
    commands.Refuse: Act.APPROVE,
    commands.ShowAudit: Act.AUDIT,
    commands.Forget: Act.FORGET,
    reports.AddReport: Act.REPORT,
    reports.ChangeReport: Act.REPORT,
    reports.RemoveReport: Act.REPORT,
    reports.SetSummaryInterval: Act.TUNE,
}
"""The act of each command that does more than read."""


def get_act(command: commands.Command) -> Act:
    """Return the act that a command is, as far as roles distinguish acts. Some options make it another act."""
    if isinstance(command, commands.Stop) and command.save is False:
        return Act.DISCARD
    if isinstance(command, commands.ShowLogs) and command.follow:
        return Act.TUNE
    if isinstance(command, commands.Launch) and command.dry_run:
        return Act.READ
    return ACT_BY_COMMAND.get(type(command), Act.READ)
