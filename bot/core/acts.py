"""The act that each command is, for the roles. Pure."""

from collections.abc import Mapping

from bot.core import command as commands
from bot.core import report_command as reports
from bot.core.roles import Act

ACTS: Mapping[type, Act] = {
    commands.Launch: Act.LAUNCH,
    commands.OpenForm: Act.LAUNCH,
    commands.Retry: Act.LAUNCH,
    commands.Resume: Act.LAUNCH,
    commands.Stop: Act.STOP,
    commands.Extend: Act.EXTEND,
    commands.SetBudget: Act.EXTEND,
    commands.GiveMonth: Act.SET_MONTHLY_BUDGET,
    commands.Approve: Act.APPROVE,
    commands.Refuse: Act.APPROVE,
    commands.AskAudit: Act.AUDIT,
    commands.Forget: Act.FORGET,
    reports.AskReport: Act.REPORT,
    reports.ChangeReport: Act.REPORT,
    reports.EndReport: Act.REPORT,
    reports.Summarise: Act.TUNE,
}
"""The act of each command that does more than read."""


def act_of(command: commands.Command) -> Act:
    """Return the act that a command is, as far as roles distinguish acts. Some options make it another act."""
    if isinstance(command, commands.Stop) and command.save is False:
        return Act.DISCARD
    if isinstance(command, commands.Logs) and command.follow:
        return Act.TUNE
    if isinstance(command, commands.Launch) and command.dry_run:
        return Act.READ
    return ACTS.get(type(command), Act.READ)
