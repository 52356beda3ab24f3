"""Specifications of all commands: the one table from which the parser, the help and the manifest are made."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.core.commands.builders import (
    build_audit_command,
    build_budget_command,
    build_compare_command,
    build_cost_command,
    build_extend_command,
    build_launch_command,
    build_list_command,
    build_logs_command,
    build_plot_command,
    build_set_language_command,
    build_stop_command,
)
from bot.core.commands.command import (
    COMPARE_AXES,
    WORKSPACE_LANGUAGE,
    Approve,
    Command,
    CompareRuns,
    DescribeRecipe,
    Forget,
    ListRecipes,
    OpenLaunchForm,
    Refuse,
    Resume,
    Retry,
    ShowArtifacts,
    ShowBudgets,
    ShowHelp,
    ShowHistory,
    ShowStatus,
)
from bot.core.commands.report_command import build_report_command
from bot.core.model.typed_text import ParsedArguments, unknown_name_error
from bot.phrase import LANGUAGES, N_


@dataclass(frozen=True, slots=True)
class CommandSpec:
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
    build: Callable[[ParsedArguments], Command]
    required: tuple[str, ...] = ()
    optional: str | None = None
    variadic: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    takes_settings: bool = False
    default: Command | None = None

    @property
    def max_names(self) -> float:
        """Return the maximum number of names that may be typed."""
        return math.inf if self.variadic else len(self.required) + bool(self.optional)

    @property
    def usage(self) -> str:
        """Return the usage line for the help, such as `stop RUN`."""
        parts = [self.word, *self.required]
        parts += [f"[{self.optional}]"] if self.optional else []
        parts += [f"[{self.variadic} …]"] if self.variadic else []
        parts += ["[parameter=value …]", "[hydra.key=value …]"] if self.takes_settings else []
        parts += [f"[{key}={value}]" for key, value in self.options.items()]
        parts += [f"[--{flag}]" for flag in self.flags]
        return " ".join(parts)


def build_help_command(arguments: ParsedArguments) -> ShowHelp:
    word = arguments.get_name(0)
    if word is not None and word.lower() not in COMMAND_SPECS:
        raise unknown_name_error("command", word, COMMAND_SPECS)
    return ShowHelp(word.lower() if word else None)


RUN_COMMANDS = (
    *("status", "logs", "plot", "compare", "stop", "artifacts", "retry", "resume"),
    *("extend", "budget", "approve", "refuse", "cost", "history"),
)
COMMAND_SPECS: dict[str, CommandSpec] = {
    spec.word: spec
    for spec in (
        CommandSpec(
            "launch",
            N_(
                "Start a run of a recipe; alone, it opens a form. "
                "`--dry-run` shows what would start, and starts nothing; `--yes` asks nothing first."
            ),
            "launch ppo nodes=2 trainer.total_epochs=3",
            build_launch_command,
            required=("RECIPE",),
            flags=("dry-run", "yes"),
            takes_settings=True,
            default=OpenLaunchForm(),
        ),
        CommandSpec(
            "status",
            N_("How a run is doing; without RUN, all of yours that are active."),
            "status ppo-7f3a",
            lambda arguments: ShowStatus(arguments.get_name(0)),
            optional="RUN",
        ),
        CommandSpec(
            "list",
            N_("The runs: `active` (as without a word), `mine`, `ended`, or `all`."),
            "list mine",
            build_list_command,
            optional="mine|all|ended",
        ),
        CommandSpec(
            "logs",
            N_("The last lines of a run. `--follow` keeps them coming in its thread."),
            "logs ppo-7f3a lines=50 grep=error",
            build_logs_command,
            required=("RUN",),
            options={"lines": "N", "grep": "TEXT", "node": "K"},
            flags=("follow",),
        ),
        CommandSpec(
            "plot",
            N_("A chart of its reward and validation, or of metrics such as `kl`, `entropy`, `length`, or verl's key."),
            "plot ppo-7f3a kl entropy",
            build_plot_command,
            required=("RUN",),
            variadic="METRIC",
        ),
        CommandSpec(
            "compare",
            N_(
                "Two runs in one chart, what each has reached and cost, and which of their settings differ; alone, it "
                "takes your last two."
            ),
            "compare ppo-7f3a ppo-9c21 by=time",
            build_compare_command,
            required=("A", "B"),
            default=CompareRuns(),
            options={"by": "|".join(COMPARE_AXES)},
        ),
        CommandSpec(
            "stop",
            N_(
                "End a run and remove its cluster; a checkpoint that is there alone is fetched before. "
                "`save=yes` waits for one more, `save=no` loses it. "
                "`gone=yes` says that its machines are gone, where SkyPilot does not remember them."
            ),
            "stop ppo-7f3a",
            build_stop_command,
            required=("RUN",),
            options={"save": "yes|no", "gone": "yes|no"},
        ),
        CommandSpec(
            "artifacts",
            N_("What a run has left, where that is, and how to load it or go on from it."),
            "artifacts ppo-7f3a",
            lambda arguments: ShowArtifacts(arguments.names[0]),
            required=("RUN",),
        ),
        CommandSpec(
            "retry",
            N_("Launch a run that is over once more; settings that follow replace its own."),
            "retry ppo-7f3a nodes=4",
            lambda arguments: Retry(arguments.names[0], arguments.parameters, arguments.overrides),
            required=("RUN",),
            takes_settings=True,
        ),
        CommandSpec(
            "resume",
            N_("The same, but on from the newest checkpoint that the run has left in its volume or bucket."),
            "resume ppo-7f3a",
            lambda arguments: Resume(arguments.names[0], arguments.parameters, arguments.overrides),
            required=("RUN",),
            takes_settings=True,
        ),
        CommandSpec(
            "extend",
            N_("Let a run live longer than its lease."),
            "extend ppo-7f3a 2h",
            build_extend_command,
            required=("RUN", "TIME"),
        ),
        CommandSpec(
            "budget",
            N_(
                "Change the most that a run may spend, in dollars; alone, it shows what is taken and left. "
                "`budget team 5000`, `budget workspace 20000` and `budget @person 800` are for a month; an "
                "approver gives them."
            ),
            "budget ppo-7f3a 300",
            build_budget_command,
            required=("RUN", "DOLLARS"),
            default=ShowBudgets(),
        ),
        CommandSpec(
            "approve",
            N_("Approve a launch that waits for an approver."),
            "approve ppo-7f3a",
            lambda arguments: Approve(arguments.names[0]),
            required=("RUN",),
        ),
        CommandSpec(
            "refuse",
            N_("Refuse such a launch."),
            "refuse ppo-7f3a",
            lambda arguments: Refuse(arguments.names[0]),
            required=("RUN",),
        ),
        CommandSpec(
            "cost",
            N_(
                "What a run has cost, and where each number comes from; or this month's dollars: "
                "`mine` (as without a word), `team` for this channel's, `month` for everybody's."
            ),
            "cost ppo-7f3a",
            build_cost_command,
            optional="mine|team|RUN|month",
        ),
        CommandSpec(
            "report",
            N_(
                "Report this channel's runs on a schedule; alone, it lists the schedules. `report off` ends one, "
                "`report report-1 daily 10:00` changes one, `report now` shows you the board. `report RUN every 20 "
                "steps` sets how often a run's thread gets a summary."
            ),
            "report weekdays 09:00 quiet=22:00-07:00",
            build_report_command,
            variadic="daily|weekdays HH:MM|every 2h",
            options={"tz": "ZONE", "quiet": "HH:MM-HH:MM", "runs": "all"},
        ),
        CommandSpec(
            "history",
            N_("Who did what to a run, and what the bot did by itself, by which rule."),
            "history ppo-7f3a",
            lambda arguments: ShowHistory(arguments.names[0]),
            required=("RUN",),
        ),
        CommandSpec(
            "audit",
            N_("Who did what, to anything, in the last day or as far back as you say; for admins."),
            "audit 7d what=approve",
            build_audit_command,
            optional="TIME",
            options={"who": "@PERSON", "what": "WORD"},
        ),
        CommandSpec(
            "forget",
            N_(
                "Delete what is kept of a run that has ended: its record, task, log and numbers. Its cost and who did "
                "what to it stay on record, its messages stay in Slack, and its model stays where it is."
            ),
            "forget ppo-7f3a",
            lambda arguments: Forget(arguments.names[0]),
            required=("RUN",),
        ),
        CommandSpec("recipes", N_("What can be launched."), "recipes", lambda arguments: ListRecipes()),
        CommandSpec(
            "describe",
            N_("One recipe with its parameters, their ranges and defaults."),
            "describe ppo",
            lambda arguments: DescribeRecipe(arguments.names[0]),
            required=("RECIPE",),
        ),
        CommandSpec(
            "language",
            N_("In which language you are answered; without a word, it tells which there are."),
            "language zh-CN",
            build_set_language_command,
            optional="|".join((*LANGUAGES, WORKSPACE_LANGUAGE)),
        ),
        CommandSpec(
            "help", N_("This list, or all of one command."), "help launch", build_help_command, optional="COMMAND"
        ),
    )
}
