"""Specifications of all commands: the one table from which the parser, the help and the manifest are made."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from bot.core.commands.aliases import find_language_of, resolve_command_word
from bot.core.commands.builders import (
    build_audit_command,
    build_compare_command,
    build_cost_command,
    build_explain_command,
    build_history_command,
    build_launch_command,
    build_list_command,
    build_plot_command,
    build_relaunch_command,
    build_samples_command,
    build_set_language_command,
    build_stop_command,
)
from bot.core.commands.command import (
    COMPARE_AXES,
    FOLLOW_FLAG,
    PICTURE_FLAG,
    RAW_FLAG,
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
    ShowStatus,
)
from bot.core.commands.limit_builders import build_budget_command, build_extend_command
from bot.core.commands.log_builder import build_logs_command
from bot.core.commands.report_command import build_report_command
from bot.core.model.typed_text import ParsedArguments, show_typed_names
from bot.core.model.valid_names import unknown_name_error
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
        option_aliases: other words for options.
        flags: `--words` of this command.
        takes_settings: whether any parameter and override may follow.
        takes_more: whether `build` judges further names, such as the second word of `2 hours`.
        names: the names as the usage shows them, where they are not just `required` and `optional`.
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
    option_aliases: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    takes_settings: bool = False
    takes_more: bool = False
    names: str = ""
    default: Command | None = None

    @property
    def max_names(self) -> float:
        """Return the maximum number of names that may be typed."""
        return math.inf if self.variadic or self.takes_more else len(self.required) + bool(self.optional)

    @property
    def usage(self) -> str:
        """Return the usage line for the help, such as `stop RUN`."""
        parts = [self.word, self.names] if self.names else [self.word, *self.required]
        parts += [f"[{self.optional}]"] if self.optional and not self.names else []
        parts += [f"[{self.variadic} …]"] if self.variadic else []
        parts += ["[parameter=value …]", "[hydra.key=value …]"] if self.takes_settings else []
        parts += [f"[{key}={value}]" for key, value in self.options.items()]
        parts += [f"[--{flag}]" for flag in self.flags]
        return " ".join(parts)


def build_help_command(arguments: ParsedArguments) -> ShowHelp:
    """Return the command for the help on a word, in the word's own language.

    Raises:
        UserError: there is no such command.
    """
    typed = arguments.get_name(0)
    if typed is None or typed.lower() in ("me", "all"):
        return ShowHelp()
    word = resolve_command_word(typed)
    if word not in COMMAND_SPECS:
        raise unknown_name_error("command", typed, COMMAND_SPECS)
    return ShowHelp(word, find_language_of(typed))


def build_approve_command(arguments: ParsedArguments) -> Approve:
    """Return the approval of a launch. Words behind the run are no note: `approve RUN not yet` must approve nothing."""
    note = show_typed_names(arguments.get_option("note") or "")
    return Approve(arguments.names[0], note, (arguments.thread_run or "") if names_other_run(arguments) else "")


def build_decline_command(arguments: ParsedArguments) -> Refuse:
    """Return the refusal of a launch, with the reason that was typed, as `why=` or as words behind the run."""
    why = show_typed_names(arguments.get_option("why") or "")
    if arguments.thread_run and names_other_run(arguments):
        reason = Refuse(arguments.thread_run, show_typed_names(arguments.text))
        return Refuse(arguments.names[0], why, reason)
    return Refuse(arguments.names[0], why)


def names_other_run(arguments: ParsedArguments) -> bool:
    """Return whether the first word is not the run of the thread, and may be no run at all."""
    return not arguments.omits_run and arguments.names[0].lower() != arguments.thread_run


RUN_COMMANDS = (
    *("status", "explain", "logs", "samples", "plot", "compare", "stop", "artifacts", "retry", "resume"),
    *("extend", "budget", "approve", "decline", "cost", "history"),
)
COMMAND_SPECS: dict[str, CommandSpec] = {
    spec.word: spec
    for spec in (
        CommandSpec(
            "launch",
            N_(
                "Start a run of a recipe. Without a recipe: open a form. "
                "`--dry-run` shows what would start; `--yes` skips the question before an expensive run."
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
            N_("Show how a run is doing. Without RUN: all your active runs."),
            "status ppo-7f3a",
            lambda arguments: ShowStatus(arguments.get_name(0)),
            optional="RUN",
        ),
        CommandSpec(
            "explain",
            N_(
                "Explain why a run is as it is: how it compares with earlier ones, what changed, where time and money "
                "went, what its log says. `why is it slow?` in its thread is the same."
            ),
            "explain ppo-7f3a",
            build_explain_command,
            required=("RUN",),
            takes_more=True,
        ),
        CommandSpec(
            "list",
            N_(
                "List runs: the active ones, or `mine`, `ended` or `all`. `recipe=`, `who=`, `state=` and `name=` (a "
                "part of the name) narrow it down; `since=mon` (or `7d`, or a date) shows the runs launched since "
                "then, ended ones too."
            ),
            "list recipe=ppo since=mon",
            build_list_command,
            names="[mine|all|ended]",
            takes_more=True,
            options={"recipe": "NAME", "who": "@PERSON", "state": "STATE", "since": "DAY", "name": "TEXT"},
        ),
        CommandSpec(
            "logs",
            N_(
                "Show the last lines of a run's log. Up to 50 lines are for you alone; more become a file in the run's "
                "thread. `follow` keeps adding new lines there; `raw` shows the lines of steps too, with all digits."
            ),
            "logs ppo-7f3a lines=50 grep=error",
            build_logs_command,
            required=("RUN",),
            takes_more=True,
            options={"lines": "N", "grep": "TEXT", "node": "K"},
            flags=(FOLLOW_FLAG, RAW_FLAG),
        ),
        CommandSpec(
            "samples",
            N_(
                "Post what the model answered in a step to the run's thread: prompt, answer, score and tool calls. "
                "`best`, `worst` or `random` (default) chooses; `validation` takes those of a validation."
            ),
            "samples ppo-7f3a worst step=40 n=3",
            build_samples_command,
            required=("RUN",),
            takes_more=True,
            names="RUN [best|worst|random] [validation]",
            options={"step": "N", "n": "5"},
        ),
        CommandSpec(
            "plot",
            N_(
                "Draw reward and validation, or the metrics that you name: `kl`, `entropy`, `length`, or verl's key. "
                "`picture` posts an image with every step to the run's thread."
            ),
            "plot ppo-7f3a kl entropy",
            build_plot_command,
            required=("RUN",),
            variadic="METRIC",
            flags=(PICTURE_FLAG,),
        ),
        CommandSpec(
            "compare",
            N_(
                "Compare two runs: chart, results, cost, and settings that differ. "
                "With one name: the newest other run. Without names: the last two."
            ),
            "compare ppo-7f3a ppo-9c21 by=time",
            build_compare_command,
            names="[A [B]]",
            takes_more=True,
            default=CompareRuns(),
            options={"by": "|".join(COMPARE_AXES)},
        ),
        CommandSpec(
            "stop",
            N_(
                "Stop a run and remove its cluster. A checkpoint that is only on the cluster is downloaded first. "
                "`save=yes` saves another checkpoint first, `save=no` discards the model. `gone=yes` confirms "
                "that the machines are gone, if SkyPilot has lost track of them."
            ),
            "stop ppo-7f3a",
            build_stop_command,
            required=("RUN",),
            options={"save": "yes|no", "gone": "yes|no"},
        ),
        CommandSpec(
            "artifacts",
            N_("Show where a run's model is, and how to load it or continue from it."),
            "artifacts ppo-7f3a",
            lambda arguments: ShowArtifacts(arguments.names[0]),
            required=("RUN",),
        ),
        CommandSpec(
            "retry",
            N_("Run again, optionally with changed settings. `--dry-run` shows what would start."),
            "retry ppo-7f3a nodes=4",
            partial(build_relaunch_command, Retry),
            required=("RUN",),
            flags=("dry-run",),
            takes_settings=True,
        ),
        CommandSpec(
            "resume",
            N_(
                "Run again from the newest checkpoint in the run's volume or bucket. `--dry-run` shows what would "
                "start."
            ),
            "resume ppo-7f3a",
            partial(build_relaunch_command, Resume),
            required=("RUN",),
            flags=("dry-run",),
            takes_settings=True,
        ),
        CommandSpec(
            "extend",
            N_("Extend a run's lease."),
            "extend ppo-7f3a 2h",
            build_extend_command,
            required=("RUN", "TIME"),
            takes_more=True,
        ),
        CommandSpec(
            "budget",
            N_(
                "Set a run's budget. Without dollars: show it. Without arguments: show all budgets. "
                "Approvers set monthly budgets: `budget team 5000`, `budget workspace 20000`, `budget @person 800`."
            ),
            "budget ppo-7f3a 300",
            build_budget_command,
            names="[RUN|team|workspace|@PERSON [DOLLARS]]",
            takes_more=True,
            default=ShowBudgets(),
        ),
        CommandSpec(
            "approve",
            N_("Approve a launch that needs approval; the note is shown in its thread."),
            'approve ppo-7f3a note="looks fine"',
            build_approve_command,
            required=("RUN",),
            options={"note": "TEXT"},
            option_aliases={"reason": "note", "why": "note"},
        ),
        CommandSpec(
            "decline",
            N_("Decline such a launch; the reason is shown in its thread. `refuse` is the same."),
            'decline ppo-7f3a why="use the small recipe first"',
            build_decline_command,
            required=("RUN",),
            options={"why": "TEXT"},
            option_aliases={"reason": "why", "note": "why"},
        ),
        CommandSpec(
            "cost",
            N_(
                "Show what a run has cost and where each number comes from, or this month's cost: "
                "`mine` (default), `team` for this channel, `month` for the workspace, `who=@ana` for a person."
            ),
            "cost ppo-7f3a",
            build_cost_command,
            optional="mine|team|RUN|month",
            takes_more=True,
            options={"who": "@PERSON"},
        ),
        CommandSpec(
            "report",
            N_(
                "Report this channel's runs on a schedule. Without arguments: list the schedules. "
                "`report report-1 daily 10:00` changes one, `report report-1 off` removes it, `report now` shows the "
                "report to you, with `who=` that of one person's runs. "
                "`report RUN every 20 steps` sets how often a run's thread gets a summary."
            ),
            "report weekdays 09:00 quiet=22:00-07:00",
            build_report_command,
            variadic="daily|weekdays HH:MM|every 2h",
            options={"tz": "ZONE", "quiet": "HH:MM-HH:MM", "runs": "all", "who": "@PERSON"},
        ),
        CommandSpec(
            "history",
            N_("Show who did what to a run, and what the bot did by itself; `who=` shows one person's acts."),
            "history ppo-7f3a",
            build_history_command,
            optional="RUN",
            names="RUN",
            options={"who": "@PERSON"},
        ),
        CommandSpec(
            "audit",
            N_("Show who did what, in the last day or the time that you give. For admins."),
            "audit 7d what=approve",
            build_audit_command,
            optional="TIME",
            takes_more=True,
            options={"who": "@PERSON", "what": "WORD"},
        ),
        CommandSpec(
            "forget",
            N_(
                "Delete the record, task, log and metrics of an ended run. "
                "Its cost and its history, its messages in Slack and its model are kept."
            ),
            "forget ppo-7f3a",
            lambda arguments: Forget(arguments.names[0]),
            required=("RUN",),
        ),
        CommandSpec("recipes", N_("List what can be launched."), "recipes", lambda arguments: ListRecipes()),
        CommandSpec(
            "describe",
            N_("Show a recipe with its parameters, their ranges and defaults."),
            "describe ppo",
            lambda arguments: DescribeRecipe(arguments.names[0]),
            required=("RECIPE",),
        ),
        CommandSpec(
            "language",
            N_("Choose your language."),
            "language zh-CN",
            build_set_language_command,
            optional="|".join((*LANGUAGES, WORKSPACE_LANGUAGE)),
        ),
        CommandSpec(
            "help", N_("Show all commands, or one in detail."), "help launch", build_help_command, optional="COMMAND"
        ),
    )
}
