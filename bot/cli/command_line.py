"""The command line of `verlbot`: its commands with their help, an example each, and the settings that each reads."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bot import __version__

Action = Callable[[argparse.Namespace], int]

PERSON_KINDS = ("member", "guest", "stranger", "bot", "deactivated")
CHANNEL_KINDS = ("public", "private", "shared", "direct")
"""Values of the enums in `bot.core.model.people`, imported only where needed: `verlbot health` runs twice a minute."""

ROOT_EPILOG = """\
examples:
  verlbot demo          try the whole bot on this machine: no Slack, no tokens
  verlbot manifest      print what to paste at https://api.slack.com/apps
  verlbot doctor        check the setup, and read how to fix what is missing
  verlbot run           run the bot

docs/install.md explains each step; docs/settings.md lists every setting.
"""


def build_parser(actions: Mapping[str, Action]) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        actions: what each command does, by its name.
    """
    root = argparse.ArgumentParser(
        prog="verlbot",
        description="Launch and track verl training runs from Slack.",
        epilog=ROOT_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"verlbot {__version__}")
    commands = CommandGroup(root.add_subparsers(required=True, metavar="COMMAND"), actions)
    add_bot_commands(commands)
    add_demo(commands)
    add_recipe_commands(commands)
    add_policy_commands(commands)
    return root


class CommandGroup:
    """The commands below one, each added with its help.

    Args:
        prefix: the words before theirs, such as `policy`.
    """

    def __init__(self, subparsers: Any, actions: Mapping[str, Action], prefix: str = "") -> None:
        self._subparsers = subparsers
        self._actions = actions
        self._prefix = prefix

    def add(self, name: str, help_line: str, example: str, reads: str) -> argparse.ArgumentParser:
        """Add a command.

        Args:
            help_line: one sentence; example: a line that can be typed; reads: the settings that it reads.
        """
        parser = self._add_parser(name, help_line, example, reads)
        key = f"{self._prefix} {name}".strip()
        if key in self._actions:
            parser.set_defaults(action=self._actions[key])
        return parser

    def add_group(self, name: str, help_line: str, example: str) -> "CommandGroup":
        """Add a command that has commands of its own."""
        reads = f"each command names its settings: `verlbot {name} COMMAND --help`"
        parser = self._add_parser(name, help_line, example, reads)
        return CommandGroup(parser.add_subparsers(required=True, metavar="COMMAND"), self._actions, name)

    def _add_parser(self, name: str, help_line: str, example: str, reads: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = self._subparsers.add_parser(
            name,
            help=shorten_help(help_line),
            description=help_line,
            epilog=f"example:\n  {example}\n\nreads: {reads}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        return parser


NO_SETTINGS = "no settings"
ALL_SETTINGS = "the environment (docs/settings.md); SLACK_BOT_TOKEN and SLACK_APP_TOKEN are required"


def shorten_help(help_line: str) -> str:
    """Return the first sentence of a help line, as a list of commands shows it.

    >>> shorten_help("Check recipes. Exit code 1 if one is not valid.")
    'check recipes'
    """
    first = help_line.partition(". ")[0].rstrip(".")
    return first[0].lower() + first[1:]


def add_bot_commands(commands: CommandGroup) -> None:
    """Add the commands that set up, run and check the bot."""
    commands.add("run", "Run the bot until Ctrl-C or a signal.", "verlbot run", ALL_SETTINGS)
    doctor = commands.add(
        "doctor",
        "Check everything that the bot needs, and say how to fix what is missing. Exit code 1 if a check fails.",
        "verlbot doctor",
        ALL_SETTINGS,
    )
    doctor.add_argument("--json", action="store_true", help="print JSON, for programs")
    manifest = commands.add(
        "manifest",
        "Print the manifest of the Slack app, to paste at https://api.slack.com/apps.",
        "verlbot manifest > manifest.json",
        NO_SETTINGS,
    )
    manifest.add_argument("--http", metavar="URL", help="for HTTP mode: https address at which Slack reaches the bot")
    commands.add(
        "health",
        "Say whether the bot of this data directory is alive. Exit code 1 if it is not.",
        "verlbot health",
        "VERLBOT_DATA_DIR, VERLBOT_TICK_SECONDS, VERLBOT_COMPUTE, VERLBOT_SKY_CALL_SECONDS, "
        "VERLBOT_DISK_WARNING_PERCENT",
    )
    backup = commands.add(
        "backup",
        "Write all that the bot has recorded into a file, beside a running bot too.",
        "verlbot backup verlbot-backup.gz",
        "REDIS_URL, VERLBOT_DATA_DIR",
    )
    backup.add_argument("file", type=Path, help="the file to write")
    restore = commands.add(
        "restore",
        "Make the database what a backup holds. Stop the bot first.",
        "verlbot restore verlbot-backup.gz",
        "REDIS_URL, VERLBOT_DATA_DIR, VERLBOT_LEADER_LEASE_SECONDS",
    )
    restore.add_argument("file", type=Path, help="a file that `verlbot backup` has written")
    restore.add_argument("--replace", action="store_true", help="replace the records of a database that has some")
    commands.add(
        "admin-policy",
        "Print the line for SkyPilot's config that makes its server ask the bot. The line holds a secret.",
        "verlbot admin-policy",
        "VERLBOT_ADMIN_POLICY_PORT, VERLBOT_ADMIN_POLICY_HOST, VERLBOT_ADMIN_POLICY_SECRET, VERLBOT_DATA_DIR",
    )


def add_demo(commands: CommandGroup) -> None:
    """Add the demo, and the replay of a log."""
    demo = commands.add(
        "demo",
        "Run the whole bot on this machine with a Slack of its own: no tokens, no cloud.",
        "verlbot demo '/verl launch smoke nodes=2'",
        "the environment (docs/settings.md), except for Slack, the store and the machines, which the demo brings along",
    )
    demo.add_argument("--data-dir", type=Path, default=Path(".verlbot"), help="folder for the runs (default: .verlbot)")
    demo.add_argument(
        "--port", type=int, default=8765, help="port of the page (default: 8765, or another one if it is taken)"
    )
    demo.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    demo.add_argument("--stay", action="store_true", help="without a terminal, run until a signal")
    demo.add_argument(
        "lines", nargs="*", help="lines to type first (default without a terminal: /verl launch smoke nodes=2)"
    )
    replay = commands.add(
        "replay",
        "Read a finished log of verl, and show what the bot would have said about it.",
        "verlbot replay train.log --rate 98.32 --nodes 4",
        NO_SETTINGS,
    )
    replay.add_argument("file", type=Path, help="a console log, or the JSON lines of verl's file logger")
    replay.add_argument("--rate", type=float, metavar="DOLLARS", help="dollars per hour of the whole cluster")
    replay.add_argument("--nodes", type=int, default=1, help="number of machines of the cluster (default: 1)")
    replay.add_argument("--json", action="store_true", help="print a JSON object for each step, for programs")


def add_recipe_commands(commands: CommandGroup) -> None:
    """Add the commands for recipes."""
    recipes = commands.add_group("recipes", "Check the recipes that people launch.", "verlbot recipes check ./recipes")
    check = recipes.add(
        "check",
        "Check recipes without a network, by SkyPilot's own schema. Exit code 1 if one is not valid.",
        "verlbot recipes check ./recipes",
        "no settings: name the folder, even if VERLBOT_RECIPES_DIR is set",
    )
    check.add_argument("folder", type=Path, nargs="?", help="folder of recipes (default: the bot's own)")


def add_policy_commands(commands: CommandGroup) -> None:
    """Add the commands for the policy file."""
    policy = commands.add_group(
        "policy", "Write and check the policy file: who may do what, and how much.", "verlbot policy check policy.yaml"
    )
    policy.add(
        "init", "Print a policy file to start from, with comments.", "verlbot policy init > policy.yaml", NO_SETTINGS
    )
    check = policy.add(
        "check",
        "Check a policy file, and show what it allows. Exit code 1 if it is not valid.",
        "verlbot policy check policy.yaml",
        NO_SETTINGS,
    )
    check.add_argument("file", type=Path, help="the policy file")
    explain = policy.add(
        "explain",
        "Show what the policy decides about a line that a person types, and which line of the file decides it.",
        "verlbot policy explain U024BE7LH 'launch ppo nodes=2' --file policy.yaml",
        "VERLBOT_POLICY, VERLBOT_RECIPES_DIR",
    )
    explain.add_argument(
        "user", help="Slack id of the person, such as U024BE7LH (docs/install.md shows how to find it)"
    )
    explain.add_argument("line", help="the line, such as 'launch ppo nodes=2'")
    explain.add_argument("--file", type=Path, help="policy file (default: VERLBOT_POLICY, or else the safe defaults)")
    explain.add_argument(
        "--as", dest="kind", choices=PERSON_KINDS, default="member", help="kind of person (default: member)"
    )
    explain.add_argument("--groups", default="", help="ids of the person's user groups, separated by commas")
    explain.add_argument("--channel", default="", help="Slack id of the channel, such as C024BE91L")
    explain.add_argument(
        "--channel-kind", choices=CHANNEL_KINDS, default="public", help="kind of channel (default: public)"
    )
