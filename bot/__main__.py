"""The `verlbot` command."""

import argparse
import json
import math
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from bot import __version__
from bot.errors import UserError
from bot.process_guard import forbid_dumps, forget, guard_process

NEXT = {
    "socket": """\
Paste it at https://api.slack.com/apps, Create New App, From a manifest; install the app; copy its bot token (xoxb-…).
Then make an app-level token with connections:write (xapp-…) under Basic Information, and run `verlbot doctor`.""",
    "http": """\
Paste it at https://api.slack.com/apps, Create New App, From a manifest; install the app; copy its bot token (xoxb-…).
Then copy the signing secret under Basic Information, start `verlbot run`, and let Slack verify the address.""",
}
"""The next steps after `verlbot manifest`, by Slack mode."""


PERSON_KINDS = ("member", "guest", "stranger", "bot", "deactivated")
CHANNEL_KINDS = ("public", "private", "shared", "direct")
"""Values of the enums in `bot.core.people`, imported only where needed: `verlbot health` runs twice a minute."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 on success, 1 on an error, 2 if the command makes no sense."""
    forbid_dumps()  # every command has the bot's tokens in its environment, even a container's health check
    asked = parser().parse_args(arguments)
    try:
        return int(asked.action(asked))
    except UserError as error:
        print(masked(f"verlbot: {error.sentence}"), file=sys.stderr)
        return 1


def masked(text: str) -> str:
    """Return text for the command line, with secrets masked."""
    from bot.adapters.secret_filter import SecretFilter

    return SecretFilter(os.environ).mask(text)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="verlbot", description="Launches and tracks verl training runs from Slack.")
    found.add_argument("--version", action="version", version=f"verlbot {__version__}")
    commands = found.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the bot; set up by environment variables (docs/settings.md)")
    run.set_defaults(action=do_run)

    demo = commands.add_parser("demo", help="the whole bot on this machine, with a Slack of its own; no tokens")
    demo.add_argument("--data-dir", type=Path, default=Path(".verlbot"), help="where runs are kept (default: .verlbot)")
    demo.add_argument("--port", type=int, default=8765, help="of the playground (default: 8765, or another if taken)")
    demo.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    demo.add_argument("--stay", action="store_true", help="go on without a terminal, until a signal comes")
    demo.add_argument(
        "lines", nargs="*", help="what to type first (default without a terminal: /verl launch smoke nodes=2)"
    )
    demo.set_defaults(action=do_demo)

    manifest = commands.add_parser("manifest", help="print the Slack app's manifest")
    manifest.add_argument("--http", metavar="URL", help="for HTTP mode: where Slack reaches the bot")
    manifest.set_defaults(action=do_manifest)

    recipes = commands.add_parser("recipes", help="look after recipes").add_subparsers(required=True, metavar="COMMAND")
    check = recipes.add_parser("check", help="validate recipes offline, with SkyPilot's own schema")
    check.add_argument("folder", type=Path, nargs="?", help="the folder of recipes (default: the bot's)")
    check.set_defaults(action=do_recipes_check)

    policy = commands.add_parser("policy", help="look after the policy file: who may do what, and how much")
    of_policy = policy.add_subparsers(required=True, metavar="COMMAND")
    of_policy.add_parser("init", help="print a starter file with comments").set_defaults(action=do_policy_init)
    read = of_policy.add_parser("check", help="say whether a file can be used, and what it allows")
    read.add_argument("file", type=Path)
    read.set_defaults(action=do_policy_check)
    explain = of_policy.add_parser("explain", help="say what would be decided about a line, and by which line")
    explain.add_argument("user", help="Slack's id of who types it, such as U024BE7LH")
    explain.add_argument("line", help="what is typed, such as 'launch ppo nodes=2'")
    explain.add_argument("--file", type=Path, help="the policy file (default: VERLBOT_POLICY, or the safe defaults)")
    explain.add_argument("--as", dest="kind", choices=PERSON_KINDS, default="member", help="what the person is")
    explain.add_argument("--groups", default="", help="ids of the person's user groups, with commas between them")
    explain.add_argument("--channel", default="", help="Slack's id of the channel")
    explain.add_argument("--channel-kind", choices=CHANNEL_KINDS, default="public", help="what sort of channel it is")
    explain.set_defaults(action=do_policy_explain)

    replay = commands.add_parser("replay", help="play a finished log of verl's through reader, forecasts and findings")
    replay.add_argument("file", type=Path, help="a console log, or the JSON lines of verl's file logger")
    replay.add_argument("--rate", type=float, metavar="DOLLARS", help="what an hour of the cluster costs")
    replay.add_argument("--nodes", type=int, default=1, help="of the cluster (default: 1)")
    replay.add_argument("--json", action="store_true", help="a JSON object a step, for programs")
    replay.set_defaults(action=do_replay)

    doctor = commands.add_parser(
        "doctor", help="check everything that the bot needs, and say what to do where it lacks"
    )
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.set_defaults(action=do_doctor)

    policy = commands.add_parser(
        "admin-policy", help="print the line for SkyPilot's config that makes its server ask the bot, secret included"
    )
    policy.set_defaults(action=do_admin_policy)

    health = commands.add_parser("health", help="say whether the bot of this data directory is alive")
    health.set_defaults(action=do_health)
    return found


def do_run(_: argparse.Namespace) -> int:
    """Run the bot until a signal ends it; return 0."""
    from bot.build import build
    from bot.masked_log import log_to, mask_uncaught
    from bot.parts import secret_filter
    from bot.settings import Settings

    guard_process()
    settings = Settings.read(os.environ)
    forget(os.environ, Settings.secret_variables(os.environ))
    secrets = secret_filter(settings)
    log_to(None, settings.log_level, secrets.mask)
    mask_uncaught()
    over = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    bot = build(settings, filter_secrets=secrets)
    try:
        bot.start()
        over.wait()
    finally:
        bot.stop()
    return 0


def do_demo(asked: argparse.Namespace) -> int:
    from bot.demo import demo

    guard_process()
    return demo(asked.data_dir, asked.port, asked.lines, not asked.no_browser, asked.stay)


def do_manifest(asked: argparse.Namespace) -> int:
    """Print the Slack app's manifest, and the next steps if a person reads it; return 0."""
    from bot.slack.manifest import manifest

    if asked.http and not re.fullmatch(r"https://[^/\s]+(/\S*)?", asked.http):
        raise UserError(f"Slack takes no address `{asked.http}`.", "Give one such as https://verlbot.example.org.")
    print(json.dumps(manifest("http" if asked.http else "socket", asked.http or ""), indent=2))
    if sys.stderr.isatty():  # a script that reads the manifest needs no next steps
        print(NEXT["http" if asked.http else "socket"], file=sys.stderr)
    return 0


def do_recipes_check(asked: argparse.Namespace) -> int:
    from bot.check import check
    from bot.settings import default_recipes_dir

    return check(asked.folder or default_recipes_dir())


def do_policy_init(_: argparse.Namespace) -> int:
    from bot.policy_tools import init

    return init()


def do_policy_check(asked: argparse.Namespace) -> int:
    from bot.policy_tools import check

    return check(asked.file)


def do_policy_explain(asked: argparse.Namespace) -> int:
    """Print what the policy decides about a command line of a person; return the exit status."""
    from bot.core.people import Channel, ChannelKind, Person, PersonKind
    from bot.policy_tools import explain
    from bot.settings import default_recipes_dir

    path = asked.file or (Path(os.environ["VERLBOT_POLICY"]) if os.environ.get("VERLBOT_POLICY") else None)
    recipes = Path(os.environ.get("VERLBOT_RECIPES_DIR") or default_recipes_dir())
    person = Person(asked.user, PersonKind(asked.kind), frozenset(filter(None, asked.groups.split(","))))
    return explain(path, recipes, person, Channel(asked.channel, ChannelKind(asked.channel_kind)), asked.line)


def do_doctor(asked: argparse.Namespace) -> int:
    from bot.doctor.checks import doctor

    return doctor(os.environ, as_json=asked.json)


def do_replay(asked: argparse.Namespace) -> int:
    from bot.replay import replay

    return replay(asked.file, asked.rate, asked.nodes, asked.json)


def do_admin_policy(_: argparse.Namespace) -> int:
    """Print the line for SkyPilot's config, the one place that shows the secret: who types this
    may read its file too."""
    from bot.data_dir import kept_secret, prepare
    from bot.settings import PORT_HINT, PORT_IS_OPEN, Settings
    from bot.web_server import bracketed

    settings, problems = Settings.examine(os.environ)
    wrong = [problem for name, problem in problems.items() if name.startswith("VERLBOT_")]
    if wrong:
        raise UserError("\n".join(wrong))
    if settings.admin_policy_port is None:
        raise UserError("The bot has no port for SkyPilot's admin policy.", "Set VERLBOT_ADMIN_POLICY_PORT first.")
    if settings.admin_policy_needs_secret:
        raise UserError(PORT_IS_OPEN, PORT_HINT)
    if not settings.admin_policy_secret and not settings.data_dir.exists():
        prepare(settings.data_dir)
    secret = settings.admin_policy_secret or kept_secret(settings.data_dir)
    is_any = settings.admin_policy_host in ("0.0.0.0", "::")  # noqa: S104  # compared, not listened on
    host = "HOST" if is_any else bracketed(settings.admin_policy_host)
    print(f"admin_policy: http://{host}:{settings.admin_policy_port}/admin-policy/{secret}")
    if is_any:
        print("HOST is the bot's machine, as SkyPilot's server knows it.", file=sys.stderr)
    return 0


def do_health(_: argparse.Namespace) -> int:
    """Check, for a container's health check, that the tick has touched its heartbeat file lately."""
    from bot import heartbeat
    from bot.settings import Settings

    nobody = {"SLACK_BOT_TOKEN": "xoxb-0", "SLACK_APP_TOKEN": "xapp-0", "VERLBOT_SLACK_MODE": "socket"}
    settings = Settings.read({**os.environ, **nobody})  # placeholders, since the check needs no tokens
    age = heartbeat.age_seconds(settings.data_dir)
    if age is None:
        raise UserError(f"No verlbot has run in {settings.data_dir}.", "Set VERLBOT_DATA_DIR to its folder.")
    if age > heartbeat.longest_seconds(settings):
        when = "before this machine was started" if math.isinf(age) else f"{age:.0f} s ago"
        raise UserError(f"The last tick was {when}.", "Read the bot's log, and restart it.")
    print(f"alive: the last tick was {age:.1f} s ago")
    return 0


if __name__ == "__main__":
    sys.exit(main())
