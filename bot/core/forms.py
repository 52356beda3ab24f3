"""Specifications of all commands: the one table from which the parser, the help and the manifest are made."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.core.command import (
    AXES,
    WORKSPACE,
    Approve,
    Artifacts,
    Command,
    Compare,
    Describe,
    Forget,
    Help,
    History,
    ListRecipes,
    OpenForm,
    Refuse,
    Resume,
    Retry,
    ShowBudgets,
    Status,
)
from bot.core.makers import (
    make_audit,
    make_budget,
    make_compare,
    make_cost,
    make_extend,
    make_launch,
    make_list,
    make_logs,
    make_plot,
    make_speak,
    make_stop,
)
from bot.core.nearest import unknown
from bot.core.report_command import make_report
from bot.core.typed import Typed
from bot.language import LANGUAGES, mark


@dataclass(frozen=True, slots=True)
class Form:
    """One command as it may be typed.

    Attributes:
        word: the word after `/verl`.
        meaning: one sentence for the help.
        example: a complete example line, without `/verl`.
        build: turns the parsed arguments into the command; may raise UserError.
        required: names that must be typed, in order, in capitals.
        optional: a name that may be typed after those.
        variadic: a name of which any number may be typed.
        options: `key=value` arguments of this command, with a description of each value.
        flags: `--words` of this command.
        takes_settings: whether any parameter and override may follow.
        default: the command for the word alone, where it otherwise requires names; None where there is none.
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
        """Return the maximum number of names that may be typed."""
        return math.inf if self.many else len(self.needs) + bool(self.may)

    @property
    def usage(self) -> str:
        """Return the usage line for the help, such as `stop RUN`."""
        parts = [self.word, *self.needs]
        parts += [f"[{self.may}]"] if self.may else []
        parts += [f"[{self.many} …]"] if self.many else []
        parts += ["[parameter=value …]", "[hydra.key=value …]"] if self.takes_settings else []
        parts += [f"[{key}={value}]" for key, value in self.options.items()]
        parts += [f"[--{flag}]" for flag in self.flags]
        return " ".join(parts)


def make_help(typed: Typed) -> Help:
    word = typed.name(0)
    if word is not None and word.lower() not in FORMS:
        raise unknown("command", word, FORMS)
    return Help(word.lower() if word else None)


RUN_FORMS = (
    *("status", "logs", "plot", "compare", "stop", "artifacts", "retry", "resume"),
    *("extend", "budget", "approve", "refuse", "cost", "history"),
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
                "`save=yes` waits for one more, `save=no` loses it. "
                "`gone=yes` says that its machines are gone, where SkyPilot does not remember them."
            ),
            "stop ppo-7f3a",
            make_stop,
            needs=("RUN",),
            options={"save": "yes|no", "gone": "yes|no"},
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
                "`budget team 5000`, `budget everybody 20000` and `budget @person 800` are for a month; an "
                "approver gives them."
            ),
            "budget ppo-7f3a 300",
            make_budget,
            needs=("RUN", "DOLLARS"),
            alone=ShowBudgets(),
        ),
        Form(
            "approve",
            mark("Approve a launch that waits for an approver."),
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
        Form(
            "history",
            mark("Who did what to a run, and what the bot did by itself, by which rule."),
            "history ppo-7f3a",
            lambda typed: History(typed.names[0]),
            needs=("RUN",),
        ),
        Form(
            "audit",
            mark("Who did what, to anything, in the last day or as far back as you say; for admins."),
            "audit 7d what=approve",
            make_audit,
            may="TIME",
            options={"who": "@PERSON", "what": "WORD"},
        ),
        Form(
            "forget",
            mark(
                "Delete what is kept of a run that has ended: its record, task, log and numbers. Its cost and who did "
                "what to it stay on record, its messages stay in Slack, and its model stays where it is."
            ),
            "forget ppo-7f3a",
            lambda typed: Forget(typed.names[0]),
            needs=("RUN",),
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
