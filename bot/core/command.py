"""What a person may ask for: one record a command."""

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
"""What is typed to be spoken to in the workspace's language again."""

MOST_EXTENDED_HOURS = 24 * 90
"""What a lease may be altogether."""

AXES = ("step", "time", "dollars")

LISTS = ("active", "mine", "all", "ended")

COSTS = ("mine", "team", "month")
"""What may be asked of costs, beside a run's."""

FEW_LINES = 20
"""Log lines that are shown where nobody says how many."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start a run of a recipe; with `dry_run`, only show what would be started; with `sure`, without being asked."""

    recipe: str
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    dry_run: bool = False
    sure: bool = False


@dataclass(frozen=True, slots=True)
class OpenForm:
    """Launch by a form that is filled in: `launch` without a recipe."""


@dataclass(frozen=True, slots=True)
class Status:
    """How one run is doing, or all of the person's."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class ListRuns:
    """Which runs there are: `active`, `mine`, `all` or `ended`."""

    which: str = "active"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run has cost, or what one of `COSTS` has this month."""

    of: str = "mine"


@dataclass(frozen=True, slots=True)
class Logs:
    """The last lines that a run printed, or, with `follow`, a message that grows with them.

    Where nobody says how many `lines`, they are a look, not the whole: long ones are cut.
    """

    run: str
    lines: int | None = None
    grep: str | None = None
    node: int | None = None
    follow: bool = False

    @property
    def count(self) -> int:
        return self.lines or FEW_LINES


@dataclass(frozen=True, slots=True)
class Plot:
    """Charts of a run: of its reward with its validation, or of the metrics that are named."""

    run: str
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compare:
    """Two runs side by side, by one of `AXES`; without names, the person's last two."""

    a: str = ""
    b: str = ""
    by: str = "step"


@dataclass(frozen=True, slots=True)
class Stop:
    """End a run and remove its cluster.

    Attributes:
        save: with a checkpoint before it, or with those that there are (None), or with none that is on its cluster.
        gone: whether the person says that its machines are gone, of a run that SkyPilot does not remember.
    """

    run: str
    save: bool | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What a run has left, and where."""

    run: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Launch a run that is over once more; what is given here replaces its own settings."""

    run: str
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resume:
    """The same, on from its newest checkpoint."""

    run: str
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extend:
    """Let a run live for so many hours more."""

    run: str
    hours: float


@dataclass(frozen=True, slots=True)
class SetBudget:
    """The most that a run may spend from now on, in dollars."""

    run: str
    dollars: float


@dataclass(frozen=True, slots=True)
class ShowBudgets:
    """What is taken and left of what the person, the channel and everybody may have."""


@dataclass(frozen=True, slots=True)
class GiveMonth:
    """Dollars a month of the channel, of everybody, or of a person.

    Attributes:
        person: Slack's id, for that scope.
    """

    scope: Scope
    dollars: float
    person: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """Agree to a launch of somebody else's that waits for it."""

    run: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse such a launch."""

    run: str


@dataclass(frozen=True, slots=True)
class History:
    """Who did what to a run."""

    run: str


@dataclass(frozen=True, slots=True)
class AskAudit:
    """Who did what, to anything."""

    wanted: AuditFilter


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete what is kept of a run that has ended."""

    run: str


@dataclass(frozen=True, slots=True)
class ListRecipes:
    """What can be launched."""


@dataclass(frozen=True, slots=True)
class Describe:
    """One recipe with its parameters."""

    recipe: str


@dataclass(frozen=True, slots=True)
class Speak:
    """In which language the person is answered: one of `LANGUAGES`, or `workspace`; None to be told."""

    language: str | None = None


@dataclass(frozen=True, slots=True)
class Help:
    """What can be typed, or all of one command."""

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
    """Whether it is a question alone: nothing is recorded, opened or begun by it."""
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
