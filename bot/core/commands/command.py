"""The commands that a person may type: one record a command."""

from dataclasses import dataclass

from bot.core.commands.report_command import ReportCommand
from bot.core.model.audit import AuditFilter
from bot.core.model.policy import Scope
from bot.core.model.rollout import SampleOrder
from bot.core.model.run_filter import EVERY_RUN, RunFilter

WORKSPACE_LANGUAGE = "workspace"
"""The word that sets a person's language back to that of the workspace."""

MAX_LEASE_HOURS = 24 * 90
"""Maximum hours of a lease, with all its extensions."""

COMPARE_AXES = ("step", "time", "dollars")

RUN_LISTS = ("active", "mine", "all", "ended")

COST_SCOPES = ("mine", "team", "month")
"""The words that `/verl cost` accepts beside the name of a run."""

DEFAULT_LOG_LINES = 20
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
class OpenLaunchForm:
    """Open the form of a launch: `launch` without a recipe."""


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """Show the progress of one run, or of all of the person's."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class ListRuns:
    """List runs: `active`, `mine`, `all` or `ended`, and of these the ones that pass the filter."""

    which: str = "active"
    criteria: RunFilter = EVERY_RUN


@dataclass(frozen=True, slots=True)
class ShowCost:
    """Show what a run has cost, or what one of `COST_SCOPES` has cost this month.

    Attributes:
        person: Slack's id or the typed name of a person, in place of a run; may be empty.
    """

    of: str = "mine"
    person: str = ""


PICTURE_FLAG, RAW_FLAG, FOLLOW_FLAG = "picture", "raw", "follow"

MAX_PRIVATE_LINES = 50
"""Maximum lines of a log that are answered to the person alone; more become a file in the run's thread."""


@dataclass(frozen=True, slots=True)
class ShowLogs:
    """Show the last lines that a run printed, or, with `follow`, a message that grows with them.

    Attributes:
        raw: whether lines of steps, which the card shows, are among them, and numbers have all their digits.
    """

    run: str
    lines: int | None = None
    grep: str | None = None
    node: int | None = None
    follow: bool = False
    raw: bool = False

    @property
    def wants_file(self) -> bool:
        """Return whether the lines become a file in the run's thread."""
        return self.line_count > MAX_PRIVATE_LINES

    @property
    def line_count(self) -> int:
        """Return the number of lines to show."""
        return self.lines or DEFAULT_LOG_LINES


DEFAULT_SAMPLES = 5
"""Samples that are shown by default."""


@dataclass(frozen=True, slots=True)
class ShowSamples:
    """Show what a run's model answered in a step, best, worst or random answers.

    Attributes:
        step: None for the newest one with samples.
        is_validation: whether answers of a validation are meant.
    """

    run: str
    step: int | None = None
    order: SampleOrder = SampleOrder.RANDOM
    count: int = DEFAULT_SAMPLES
    is_validation: bool = False


@dataclass(frozen=True, slots=True)
class ShowChart:
    """Show charts of a run: of its reward with its validation, or of the named metrics.

    Attributes:
        picture: whether they are posted as pictures to the run's thread.
    """

    run: str
    metrics: tuple[str, ...] = ()
    picture: bool = False


@dataclass(frozen=True, slots=True)
class CompareRuns:
    """Compare two runs side by side, by one of `COMPARE_AXES`.

    Without `b`, with the newest other run; without names, the last two.
    """

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
        is_named: whether the person named the run, rather than left it out in its thread.
    """

    run: str
    save: bool | None = None
    gone: bool = False
    is_named: bool = True


@dataclass(frozen=True, slots=True)
class Explain:
    """Show why a run is as it is."""

    run: str


@dataclass(frozen=True, slots=True)
class ShowArtifacts:
    """Show what a run has left, and where."""

    run: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Launch a finished run once more; settings given here replace its own.

    Attributes:
        dry_run: whether only what would be started is shown.
    """

    run: str
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """Launch a finished run once more, from its newest checkpoint; settings given here replace its own.

    Attributes:
        dry_run: whether only what would be started is shown.
    """

    run: str
    parameters: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    dry_run: bool = False


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
    """Show what is used and left of the budgets of the person, the channel and the workspace, or of one of them.

    Attributes:
        scope: None for all three.
        person: Slack's id or the typed name; empty for the person who asks.
    """

    scope: Scope | None = None
    person: str = ""


@dataclass(frozen=True, slots=True)
class ShowRunBudget:
    """Show what a run has spent of its budget."""

    run: str


@dataclass(frozen=True, slots=True)
class SetMonthlyBudget:
    """Set the monthly budget in dollars of the channel, the workspace, or a person.

    Attributes:
        person: Slack's id or the typed name, for that scope.
    """

    scope: Scope
    dollars: float
    person: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve another person's launch that waits for an approval, with a note.

    Attributes:
        thread_run: the run in whose thread another word was typed in place of a run; empty for none.
    """

    run: str
    note: str = ""
    thread_run: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Decline another person's launch that waits for an approval, with a reason.

    Attributes:
        otherwise: what is meant, in the thread of a run, where the first word is no run, but begins the reason.
    """

    run: str
    why: str = ""
    otherwise: "Refuse | None" = None


@dataclass(frozen=True, slots=True)
class ShowHistory:
    """Show who did what to a run; `who`, Slack's id or a typed name, shows the acts of one person."""

    run: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class ShowAudit:
    """Show who did what, to anything."""

    criteria: AuditFilter


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete what is stored of a run that has ended."""

    run: str


@dataclass(frozen=True, slots=True)
class ListRecipes:
    """List the recipes that can be launched."""


@dataclass(frozen=True, slots=True)
class DescribeRecipe:
    """Show one recipe with its parameters."""

    recipe: str


@dataclass(frozen=True, slots=True)
class SetLanguage:
    """Set the language of the person's answers: one of `LANGUAGES`, or `workspace`; None to show the current one."""

    language: str | None = None


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """Show what can be typed, or everything about one command.

    Attributes:
        language: the language of the word that asked for help; None for the person's own.
    """

    word: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class ShowWelcome:
    """Show in few lines what the bot can do: the answer to a greeting, or to a mention alone."""


Command = (
    Launch
    | OpenLaunchForm
    | ShowStatus
    | ListRuns
    | ShowCost
    | ShowLogs
    | ShowSamples
    | ShowChart
    | CompareRuns
    | Explain
    | Stop
    | ShowArtifacts
    | Retry
    | Resume
    | Extend
    | SetBudget
    | ShowBudgets
    | ShowRunBudget
    | SetMonthlyBudget
    | Approve
    | Refuse
    | ShowHistory
    | ShowAudit
    | Forget
    | ReportCommand
    | ListRecipes
    | DescribeRecipe
    | SetLanguage
    | ShowHelp
    | ShowWelcome
)
