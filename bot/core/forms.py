"""How commands are typed: one table of forms, from which the parser, the help and the manifest are made."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.core.command import (
    AXES,
    COSTS,
    LISTS,
    MOST_EXTENDED_HOURS,
    WORKSPACE,
    Approve,
    Artifacts,
    Command,
    Compare,
    Cost,
    Describe,
    Extend,
    GiveMonth,
    Help,
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
from bot.core.line import shown
from bot.core.nearest import listed, unknown
from bot.core.policy import Scope
from bot.core.report_command import make_report
from bot.core.typed import Typed, whole
from bot.errors import UserError
from bot.language import LANGUAGES, mark, say

MOST_LINES = 10_000
"""Log lines that one command may ask for."""

MOST_CHARTS = 2
"""Of a message: Slack draws no more (docs.slack.dev, data visualization block)."""


@dataclass(frozen=True, slots=True)
class Form:
    """One command as it may be typed.

    Attributes:
        word: what follows `/verl`.
        meaning: one sentence for the help.
        example: a line that works as it stands, without `/verl`.
        make: turns the sorted words into the command; may refuse them.
        needs: names that must be typed, in order, in capitals.
        may: a name that may be typed after those; many: names of which any number may.
        options: `key=value` words that this command takes, each with what its value is.
        flags: `--words` that this command takes.
        takes_settings: whether any parameter and override may follow.
        alone: what the word means by itself where it needs names; None for nothing.
    """

    word: str
    meaning: str
    example: str
    make: Callable[[Typed], Command]
    needs: tuple[str, ...] = ()
    may: str | None = None
    many: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    takes_settings: bool = False
    alone: Command | None = None

    @property
    def most(self) -> float:
        """Names that may be typed."""
        return math.inf if self.many else len(self.needs) + bool(self.may)

    @property
    def usage(self) -> str:
        """The form as the help shows it, such as `stop RUN`."""
        parts = [self.word, *self.needs]
        parts += [f"[{self.may}]"] if self.may else []
        parts += [f"[{self.many} …]"] if self.many else []
        parts += ["[parameter=value …]", "[hydra.key=value …]"] if self.takes_settings else []
        parts += [f"[{key}={value}]" for key, value in self.options.items()]
        parts += [f"[--{flag}]" for flag in self.flags]
        return " ".join(parts)


def make_launch(typed: Typed) -> Launch:
    return Launch(typed.names[0], typed.parameters, typed.overrides, "dry-run" in typed.flags, "yes" in typed.flags)


def make_list(typed: Typed) -> ListRuns:
    which = (typed.name(0) or "active").lower()
    if which not in LISTS:
        raise unknown("list", which, LISTS)
    return ListRuns(which)


def make_cost(typed: Typed) -> Cost:
    name = typed.name(0) or COSTS[0]
    return Cost(name.lower() if name.lower() in COSTS else name)


def make_logs(typed: Typed) -> Logs:
    return Logs(
        typed.names[0],
        lines=whole(typed, "lines", 1, MOST_LINES) if typed.option("lines") is not None else None,
        grep=typed.option("grep") or None,
        node=whole(typed, "node", 0, 999) if typed.option("node") is not None else None,
        follow="follow" in typed.flags,
    )


def make_stop(typed: Typed) -> Stop:
    word = typed.option("save")
    known = {None: None, "yes": True, "no": False}
    if word is not None:
        word = word.lower()
    if word not in known:
        raise UserError(say("`{name}` cannot be {value}.", name="save", value=shown(word or "")), listed(["yes", "no"]))
    return Stop(typed.names[0], known[word])


def make_extend(typed: Typed) -> Extend:
    """A span as people write it: `2h`, `90m`, `1d`; a number alone is hours."""
    text = typed.names[1].lower()
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)(m|min|h|d)?", text, re.ASCII)
    hours = float(found[1]) * {"m": 1 / 60, "min": 1 / 60, "d": 24.0}.get(found[2], 1.0) if found else 0.0
    if not 0 < hours <= MOST_EXTENDED_HOURS:
        valid = say("Give hours, minutes or days, up to {most} d: `2h`, `90m`, `1d`.", most=MOST_EXTENDED_HOURS // 24)
        raise UserError(say("A lease cannot be extended by {value}.", value=shown(text)), valid)
    return Extend(typed.names[0], hours)


PURSES = {"team": Scope.TEAM, "everybody": Scope.EVERYBODY}


def make_budget(typed: Typed) -> SetBudget | GiveMonth:
    """Of a run; or a month's, of the channel, of everybody, or of a person as Slack writes one: `<@U0ANA|ana>`."""
    name, dollars = typed.names[0], budget_dollars(typed)
    if name.lower() in PURSES:
        return GiveMonth(PURSES[name.lower()], dollars)
    if person := re.fullmatch(r"<@([A-Z0-9]+)(?:\|[^>]*)?>", name):
        return GiveMonth(Scope.PERSON, dollars, person[1])
    return SetBudget(name, dollars)


def budget_dollars(typed: Typed) -> float:
    text = typed.names[1].removeprefix("$").replace(",", "")
    if not re.fullmatch(r"\d{1,7}(\.\d{1,2})?", text, re.ASCII) or not float(text):
        raise UserError(
            say("A budget cannot be {value}.", value=shown(typed.names[1])), say("Give dollars, such as `300`.")
        )
    return float(text)


def make_plot(typed: Typed) -> Plot:
    run, metrics = typed.names[0], tuple(dict.fromkeys(typed.names[1:]))
    if len(metrics) > MOST_CHARTS:
        most = say("{most} charts are the most that Slack draws in a message.", most=MOST_CHARTS)
        raise UserError(most, say("Ask for the others in a second command."))
    return Plot(run, metrics)


def make_compare(typed: Typed) -> Compare:
    by = (typed.option("by") or AXES[0]).lower()
    if by not in AXES:
        raise UserError(say("`{name}` cannot be {value}.", name="by", value=shown(by)), listed(list(AXES)))
    return Compare(typed.names[0], typed.names[1], by)


def make_speak(typed: Typed) -> Speak:
    """A language in whatever spelling: `zh-CN`, `zh_cn`."""
    word = typed.name(0)
    known = {name.lower(): name for name in (*LANGUAGES, WORKSPACE)}
    found = known.get(word.lower().replace("_", "-")) if word else None
    if word and not found:
        raise unknown("language", word, known.values())
    return Speak(found)


def make_help(typed: Typed) -> Help:
    word = typed.name(0)
    if word is not None and word.lower() not in FORMS:
        raise unknown("command", word, FORMS)
    return Help(word.lower() if word else None)


RUN_FORMS = (
    *("status", "logs", "plot", "compare", "stop", "artifacts", "retry", "resume"),
    *("extend", "budget", "approve", "refuse", "cost"),
)
FORMS: dict[str, Form] = {
    form.word: form
    for form in (
        Form(
            "launch",
            mark(
                "Start a run of a recipe; alone, it opens a form. "
                "`--dry-run` shows what would start, and starts nothing; `--yes` asks nothing first."
            ),
            "launch ppo nodes=2 trainer.total_epochs=3",
            make_launch,
            needs=("RECIPE",),
            flags=("dry-run", "yes"),
            takes_settings=True,
            alone=OpenForm(),
        ),
        Form(
            "status",
            mark("How a run is doing; without RUN, all of yours that are active."),
            "status ppo-7f3a",
            lambda typed: Status(typed.name(0)),
            may="RUN",
        ),
        Form(
            "list",
            mark("The runs: `active` (as without a word), `mine`, `ended`, or `all`."),
            "list mine",
            make_list,
            may="mine|all|ended",
        ),
        Form(
            "logs",
            mark("The last lines of a run. `--follow` keeps them coming in its thread."),
            "logs ppo-7f3a lines=50 grep=error",
            make_logs,
            needs=("RUN",),
            options={"lines": "N", "grep": "TEXT", "node": "K"},
            flags=("follow",),
        ),
        Form(
            "plot",
            mark(
                "A chart of its reward and validation, or of metrics such as `kl`, `entropy`, `length`, or verl's key."
            ),
            "plot ppo-7f3a kl entropy",
            make_plot,
            needs=("RUN",),
            many="METRIC",
        ),
        Form(
            "compare",
            mark(
                "Two runs in one chart, what each has reached and cost, and which of their settings differ; alone, it "
                "takes your last two."
            ),
            "compare ppo-7f3a ppo-9c21 by=time",
            make_compare,
            needs=("A", "B"),
            alone=Compare(),
            options={"by": "|".join(AXES)},
        ),
        Form(
            "stop",
            mark(
                "End a run and remove its cluster; a checkpoint that is there alone is fetched before. "
                "`save=yes` waits for one more, `save=no` loses it."
            ),
            "stop ppo-7f3a",
            make_stop,
            needs=("RUN",),
            options={"save": "yes|no"},
        ),
        Form(
            "artifacts",
            mark("What a run has left, where that is, and how to load it or go on from it."),
            "artifacts ppo-7f3a",
            lambda typed: Artifacts(typed.names[0]),
            needs=("RUN",),
        ),
        Form(
            "retry",
            mark("Launch a run that is over once more; settings that follow replace its own."),
            "retry ppo-7f3a nodes=4",
            lambda typed: Retry(typed.names[0], typed.parameters, typed.overrides),
            needs=("RUN",),
            takes_settings=True,
        ),
        Form(
            "resume",
            mark("The same, but on from the newest checkpoint that the run has left in its volume or bucket."),
            "resume ppo-7f3a",
            lambda typed: Resume(typed.names[0], typed.parameters, typed.overrides),
            needs=("RUN",),
            takes_settings=True,
        ),
        Form(
            "extend",
            mark("Let a run live longer than its lease."),
            "extend ppo-7f3a 2h",
            make_extend,
            needs=("RUN", "TIME"),
        ),
        Form(
            "budget",
            mark(
                "Change the most that a run may spend, in dollars; alone, it shows what is taken and left. "
                "`budget team 5000`, `budget everybody 20000` and `budget @person 800` are for a month, and a lead's "
                "to give."
            ),
            "budget ppo-7f3a 300",
            make_budget,
            needs=("RUN", "DOLLARS"),
            alone=ShowBudgets(),
        ),
        Form(
            "approve",
            mark("Agree to a launch that waits for a lead."),
            "approve ppo-7f3a",
            lambda typed: Approve(typed.names[0]),
            needs=("RUN",),
        ),
        Form(
            "refuse",
            mark("Refuse such a launch."),
            "refuse ppo-7f3a",
            lambda typed: Refuse(typed.names[0]),
            needs=("RUN",),
        ),
        Form(
            "cost",
            mark(
                "What a run has cost, and where each number comes from; or this month's dollars: "
                "`mine` (as without a word), `team` for this channel's, `month` for everybody's."
            ),
            "cost ppo-7f3a",
            make_cost,
            may="mine|team|RUN|month",
        ),
        Form(
            "report",
            mark(
                "Tell this channel on a schedule how its runs do; alone, it lists the schedules. "
                "`report off` ends one, `report report-1 daily 10:00` changes one, `report now` shows you the board. "
                "`report RUN every 20 steps` sets how often a run's thread is told."
            ),
            "report weekdays 09:00 quiet=22:00-07:00",
            make_report,
            many="daily|weekdays HH:MM|every 2h",
            options={"tz": "ZONE", "quiet": "HH:MM-HH:MM", "runs": "all"},
        ),
        Form("recipes", mark("What can be launched."), "recipes", lambda typed: ListRecipes()),
        Form(
            "describe",
            mark("One recipe with its parameters, their ranges and defaults."),
            "describe ppo",
            lambda typed: Describe(typed.names[0]),
            needs=("RECIPE",),
        ),
        Form(
            "language",
            mark("In which language you are answered; without a word, it tells which there are."),
            "language zh-CN",
            make_speak,
            may="|".join((*LANGUAGES, WORKSPACE)),
        ),
        Form("help", mark("This list, or all of one command."), "help launch", make_help, may="COMMAND"),
    )
}
