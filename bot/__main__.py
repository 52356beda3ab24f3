"""The `verlbot` command."""

import argparse
import json
import math
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from bot.cli.command_line import Action, build_parser
from bot.errors import UserError
from bot.runtime.process_guard import forbid_dumps, guard_process, remove_variables

if TYPE_CHECKING:
    from bot.config.settings import Settings

NEXT_STEPS = {
    "socket": """\
Paste it at https://api.slack.com/apps, Create New App, From a manifest; install the app; copy its bot token (xoxb-…).
Then make an app-level token with connections:write (xapp-…) under Basic Information, and run `verlbot doctor`.""",
    "http": """\
Paste it at https://api.slack.com/apps, Create New App, From a manifest; install the app; copy its bot token (xoxb-…).
Then copy the signing secret under Basic Information, start `verlbot run`, and let Slack verify the address.""",
}
"""The next steps after `verlbot manifest`, by Slack mode."""


NO_PLAYGROUND = "The demo needs its playground, a Slack-like server, which is a separate package."
PLAYGROUND_HINT = "`make demo` in a checkout installs it; elsewhere, `pip install 'verlbot[demo]'`."


READER_GONE = 128 + signal.SIGPIPE
"""Exit code of a program whose reader has gone, by the convention of shells."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0 on success, 1 on an error, 2 if the command makes no sense."""
    forbid_dumps()  # every command has the bot's tokens in its environment, even a container's health check
    options = build_parser(ACTIONS).parse_args(arguments)
    try:
        code = int(options.action(options))
        sys.stdout.flush()
        return code
    except UserError as error:
        print(mask_secrets(f"verlbot: {error.sentence}"), file=sys.stderr)
        return 1
    except BrokenPipeError:  # a reader such as `head` has enough
        # Python writes what is left when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE


def mask_secrets(text: str) -> str:
    """Return text for the command line, with secrets masked."""
    from bot.runtime.secret_filter import SecretFilter

    return SecretFilter(os.environ).mask(text)


def do_run(_: argparse.Namespace) -> int:
    """Run the bot until a signal ends it; return 0."""
    from bot.bootstrap.container import build
    from bot.bootstrap.json_log import JsonFormatter
    from bot.bootstrap.masked_log import log_to, mask_uncaught
    from bot.bootstrap.providers import build_secret_filter
    from bot.bootstrap.shutdown import stop_in_time
    from bot.config.settings import Settings

    guard_process()
    settings = read_settings()
    remove_variables(os.environ, Settings.find_secret_variables(os.environ))
    secrets = build_secret_filter(settings)
    formatter = JsonFormatter(secrets.mask) if settings.log_format == "json" else None
    log_to(None, settings.log_level, secrets.mask, formatter)
    mask_uncaught()
    stop_event = Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop_event.set())
    bot = build(settings, filter_secrets=secrets)
    try:
        bot.start()
        stop_event.wait()
    except BaseException as error:
        stop_in_time(bot, error)
        raise
    stop_in_time(bot)
    return 0


def read_settings() -> "Settings":
    """Return the bot's settings.

    Raises:
        UserError: one is missing or wrong; the hint names `verlbot doctor`.
    """
    from bot.config.settings import Settings

    try:
        return Settings.read(os.environ)
    except UserError as error:
        raise UserError(error.sentence, DOCTOR_HINT) from error


DOCTOR_HINT = "Run `verlbot doctor`: it checks the whole setup and says how to fix what is missing."


def do_demo(options: argparse.Namespace) -> int:
    try:
        from bot.cli.demo import run_demo
    except ModuleNotFoundError as error:
        if error.name != "slack_playground":
            raise
        raise UserError(NO_PLAYGROUND, PLAYGROUND_HINT) from error

    guard_process()
    return run_demo(options.data_dir, options.port, options.lines, not options.no_browser, options.stay)


def do_manifest(options: argparse.Namespace) -> int:
    """Print the Slack app's manifest, and the next steps if a person reads it; return 0."""
    from bot.slack.manifest import build_manifest

    if options.http and not re.fullmatch(r"https://[^/\s]+(/\S*)?", options.http):
        raise UserError(f"`{options.http}` is not an https address.", "Give one such as https://verlbot.example.org.")
    print(json.dumps(build_manifest("http" if options.http else "socket", options.http or ""), indent=2))
    if sys.stderr.isatty():  # a script that reads the manifest needs no next steps
        print(NEXT_STEPS["http" if options.http else "socket"], file=sys.stderr)
    return 0


def do_recipes_check(options: argparse.Namespace) -> int:
    from bot.cli.check_recipes import check_recipes
    from bot.config.operation_settings import default_recipes_dir

    return check_recipes(options.folder or default_recipes_dir())


def do_policy_init(_: argparse.Namespace) -> int:
    from bot.cli.policy_command import print_starter

    return print_starter()


def do_policy_check(options: argparse.Namespace) -> int:
    from bot.cli.policy_command import check

    return check(options.file)


def do_policy_explain(options: argparse.Namespace) -> int:
    """Print what the policy decides about a command line of a person; return the exit status."""
    from bot.cli.policy_command import explain
    from bot.config.operation_settings import default_recipes_dir
    from bot.core.model.people import Channel, ChannelKind, Person, PersonKind

    path = options.file or (Path(os.environ["VERLBOT_POLICY"]) if os.environ.get("VERLBOT_POLICY") else None)
    recipes = Path(os.environ.get("VERLBOT_RECIPES_DIR") or default_recipes_dir())
    person = Person(options.user, PersonKind(options.kind), frozenset(filter(None, options.groups.split(","))))
    return explain(path, recipes, person, Channel(options.channel, ChannelKind(options.channel_kind)), options.line)


def do_doctor(options: argparse.Namespace) -> int:
    from bot.cli.doctor.runner import run_doctor

    return run_doctor(os.environ, as_json=options.json)


def do_replay(options: argparse.Namespace) -> int:
    from bot.cli.replay import replay

    return replay(options.file, options.rate, options.nodes, options.json)


def do_admin_policy(_: argparse.Namespace) -> int:
    """Print the line for SkyPilot's config, the one place that shows the secret: who types this
    may read its file too."""
    from bot.app.process_health import load_admin_policy_secret, prepare
    from bot.app.web_server import format_host
    from bot.config.operation_settings import OPEN_PORT_HINT, OPEN_PORT_PROBLEM
    from bot.config.settings import Settings

    settings, problems = Settings.examine(os.environ)
    wrong = [problem for name, problem in problems.items() if name.startswith("VERLBOT_")]
    if wrong:
        raise UserError("\n".join(wrong))
    if settings.admin_policy_port is None:
        raise UserError("The bot has no port for SkyPilot's admin policy.", "Set VERLBOT_ADMIN_POLICY_PORT first.")
    if settings.needs_admin_policy_secret:
        raise UserError(OPEN_PORT_PROBLEM, OPEN_PORT_HINT)
    if not settings.admin_policy_secret and not settings.data_dir.exists():
        prepare(settings.data_dir)
    secret = settings.admin_policy_secret or load_admin_policy_secret(settings.data_dir)
    listens_everywhere = settings.admin_policy_host in ("0.0.0.0", "::")  # noqa: S104  # compared, not listened on
    host = "HOST" if listens_everywhere else format_host(settings.admin_policy_host)
    print(f"admin_policy: http://{host}:{settings.admin_policy_port}/admin-policy/{secret}")
    if listens_everywhere:
        print("HOST is the bot's machine, as SkyPilot's server knows it.", file=sys.stderr)
    return 0


def do_backup(options: argparse.Namespace) -> int:
    from bot.cli.backup_command import backup

    guard_process()
    return backup(read_settings_without_tokens(), options.file)


def do_restore(options: argparse.Namespace) -> int:
    from bot.cli.backup_command import restore

    guard_process()
    return restore(read_settings_without_tokens(), options.file, options.replace)


def read_settings_without_tokens() -> "Settings":
    """Return the settings for a command that does not call Slack."""
    from bot.config.settings import Settings

    placeholders = {"SLACK_BOT_TOKEN": "xoxb-0", "SLACK_APP_TOKEN": "xapp-0", "VERLBOT_SLACK_MODE": "socket"}
    return Settings.read({**os.environ, **placeholders})


def do_health(_: argparse.Namespace) -> int:
    """Check, for a container's health check, that the tick has touched its heartbeat file lately."""
    from bot.app import process_health
    from bot.app.disk_watch import measure_disk

    settings = read_settings_without_tokens()
    age = process_health.read_age_seconds(settings.data_dir)
    if age is None:
        raise UserError(f"No verlbot has run in {settings.data_dir}.", "Set VERLBOT_DATA_DIR to its folder.")
    if age > process_health.max_age_seconds(settings):
        when = "before this machine was started" if math.isinf(age) else f"{age:.0f} s ago"
        raise UserError(f"The last tick was {when}.", "Read the bot's log, and restart it.")
    percent = measure_disk(settings.data_dir).used_share * 100
    disk = f"; its disk is {percent:.0f}% full" if percent >= settings.disk_warning_percent else ""
    print(f"alive: the last tick was {age:.1f} s ago{disk}")
    return 0


ACTIONS: Mapping[str, Action] = {
    "run": do_run,
    "doctor": do_doctor,
    "manifest": do_manifest,
    "health": do_health,
    "backup": do_backup,
    "restore": do_restore,
    "admin-policy": do_admin_policy,
    "demo": do_demo,
    "replay": do_replay,
    "recipes check": do_recipes_check,
    "policy init": do_policy_init,
    "policy check": do_policy_check,
    "policy explain": do_policy_explain,
}
"""What each command does, by its name."""


if __name__ == "__main__":
    sys.exit(main())
