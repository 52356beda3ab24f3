"""The commands that a person may type: one record a command."""

from dataclasses import dataclass

from bot.core.audit import AuditFilter
from bot.core.policy import Scope
from bot.core.report_command import (
    AskReport,
    ChangeReport,
    EndReport,
    ListReports,
    ReportCommand,
    Summarise,
    TellNow,
)

WORKSPACE = "workspace"
"""The word that sets a person's language back to that of the workspace."""

MOST_EXTENDED_HOURS = 24 * 90
"""Maximum hours of a lease, with all its extensions."""

AXES = ("step", "time", "dollars")

LISTS = ("active", "mine", "all", "ended")

COSTS = ("mine", "team", "month")
"""The words that `/verl cost` accepts beside the name of a run."""

FEW_LINES = 20
"""Log lines that are shown by default."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start a run of a recipe; with `dry_run`, only show what would be started; with `sure`, without a confirmation."""

    recipe: str
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    dry_run: bool = False
    sure: bool = False


@dataclass(frozen=True, slots=True)
class OpenForm:
    """Open the form of a launch: `launch` without a recipe."""


@dataclass(frozen=True, slots=True)
class Status:
    """Show the progress of one run, or of all of the person's."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class ListRuns:
    """List runs: `active`, `mine`, `all` or `ended`."""

    which: str = "active"


@dataclass(frozen=True, slots=True)
class Cost:
    """Show what a run has cost, or what one of `COST_SCOPES` has cost this month."""

    of: str = "mine"


@dataclass(frozen=True, slots=True)
class Logs:
    """Show the last lines that a run printed, or, with `follow`, a message that grows with them.

    Without `lines`, the answer is only an overview: long lines are cut.
    """

    run: str
    lines: int | None = None
    grep: str | None = None
    node: int | None = None
    follow: bool = False

    @property
    def count(self) -> int:
        """Return the number of lines to show."""
        return self.lines or FEW_LINES


@dataclass(frozen=True, slots=True)
class Plot:
    """Show charts of a run: of its reward with its validation, or of the named metrics."""

    run: str
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compare:
    """Compare two runs side by side, by one of `COMPARE_AXES`; without names, the person's last two."""

    a: str = ""
    b: str = ""
    by: str = "step"


@dataclass(frozen=True, slots=True)
class Stop:
    """End a run and remove its cluster.

    Attributes:
        save: True to save a checkpoint first; None to keep those that there are; False to keep none that is only on its
            cluster.
        gone: whether the person confirms that the machines are gone, of a run that SkyPilot does not remember.
    """

    run: str
    save: bool | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Show what a run has left, and where."""

    run: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Launch a finished run once more; settings given here replace its own."""

    run: str
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resume:
    """Launch a finished run once more, from its newest checkpoint; settings given here replace its own."""

    run: str
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extend:
    """Extend a run's lease by a number of hours."""

    run: str
    hours: float


@dataclass(frozen=True, slots=True)
class SetBudget:
    """Set the most dollars that a run may spend from now on."""

    run: str
    dollars: float


@dataclass(frozen=True, slots=True)
class ShowBudgets:
    """Show what is reserved and left of the budgets of the person, the channel and the workspace."""


@dataclass(frozen=True, slots=True)
class GiveMonth:
    """Set the monthly budget in dollars of the channel, the workspace, or a person.

    Attributes:
        person: Slack's id, for that scope.
    """

    scope: Scope
    dollars: float
    person: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve another person's launch that waits for an approval."""

    run: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse another person's launch that waits for an approval."""

    run: str


@dataclass(frozen=True, slots=True)
class History:
    """Show who did what to a run."""

    run: str


@dataclass(frozen=True, slots=True)
class AskAudit:
    """Show who did what, to anything."""

    wanted: AuditFilter


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete what is stored of a run that has ended."""

    run: str


@dataclass(frozen=True, slots=True)
class ListRecipes:
    """List the recipes that can be launched."""


@dataclass(frozen=True, slots=True)
class Describe:
    """Show one recipe with its parameters."""

    recipe: str


@dataclass(frozen=True, slots=True)
class Speak:
    """Set the language of the person's answers: one of `LANGUAGES`, or `workspace`; None to show the current one."""

    language: str | None = None


@dataclass(frozen=True, slots=True)
class Help:
    """Show what can be typed, or everything about one command."""

    word: str | None = None


Command = (
    Launch
    | OpenForm
    | Status
    | ListRuns
    | Cost
    | Logs
    | Plot
    | Compare
    | Stop
    | Artifacts
    | Retry
    | Resume
    | Extend
    | SetBudget
    | ShowBudgets
    | GiveMonth
    | Approve
    | Refuse
    | History
    | AskAudit
    | Forget
    | ReportCommand
    | ListRecipes
    | Describe
    | Speak
    | Help
)


def changes_nothing(asked: Command) -> bool:
    """Return whether the command is only a question: it records, opens and starts nothing."""
    match asked:
        case Launch(dry_run=dry_run):
            return dry_run
        case Logs(follow=follow):
            return not follow
        case Speak(language):
            return language is None
        case Status() | ListRuns() | Cost() | ShowBudgets() | Plot() | Compare() | Artifacts():
            return True
        case ListReports() | TellNow() | ListRecipes() | Describe() | Help():
            return True
        case History() | AskAudit():
            return True
        case (
            OpenForm()
            | Forget()
            | Stop()
            | Retry()
            | Resume()
            | Extend()
            | SetBudget()
            | GiveMonth()
            | Approve()
            | Refuse()
        ):
            return False
        case AskReport() | ChangeReport() | EndReport() | Summarise():
            return False
