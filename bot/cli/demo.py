"""`verlbot demo`: the whole bot on this machine, with a playground Slack, an embedded store and real processes."""

import os
import signal
import sys
import time
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bot.adapters.local.processes import find_marked_processes
from bot.adapters.local.state_files import ClusterDirectory
from bot.app.run_lookup import REMEMBERED_RUNS
from bot.app.run_queries import Requester
from bot.bootstrap.bot import Bot
from bot.bootstrap.container import build
from bot.bootstrap.masked_log import log_to
from bot.cli.demo_guide import FIRST_LINE, GUIDE, format_guide
from bot.config.settings import Settings
from bot.core.model.audit import DEMO
from bot.core.model.people import create_trusted_actor
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.errors import UserError
from bot.runtime.process_guard import remove_variables
from bot.runtime.secret_filter import SecretFilter
from bot.slack.manifest import build_manifest
from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground, PlaygroundError
from slack_playground.slack import APP_TOKEN, BOT_TOKEN
from slack_playground.terminal import Terminal
from slack_playground.workspace import seeded

NOT_CONNECTED = "The bot does not connect."
CONNECT_SECONDS = 20
END_SECONDS = 30
"""Maximum seconds that the demo waits for its runs to end. CONNECT_SECONDS is the maximum for its own parts to start.
"""

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, by the convention of shells."""

PROXIES = [f"{kind}_proxy" for kind in ("http", "https", "all")]
PROXIES += [name.upper() for name in PROXIES]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end the demo: Ctrl-C, a supervisor's stop, a closed window."""


ENVIRONMENT = {
    "SLACK_BOT_TOKEN": BOT_TOKEN,
    "SLACK_APP_TOKEN": APP_TOKEN,
    "VERLBOT_TICK_SECONDS": "1",
    "VERLBOT_CARD_SECONDS": "2",
    "VERLBOT_TEARDOWN_CONFIRM_SECONDS": "1",
    "VERLBOT_LAUNCH_CONFIRM_SECONDS": "5",
    "VERLBOT_LOCAL_DOLLARS_PER_NODE_HOUR": "2",
    "VERLBOT_POLICY": str(Path(__file__).parent / "demo_policy.yaml"),
}
"""Shorter periods than in production and a pretended price, so that one minute shows what a night would."""


def run_demo(data_dir: Path, port: int, lines: Sequence[str], browser: bool = True, stay: bool = False) -> int:
    """Run until the person leaves, or, without a terminal, until the runs of `lines` have ended.

    Args:
        lines: what is typed first; without a terminal and without any lines, a first run is launched.
        browser: whether the page is opened where this machine has a browser.
        stay: whether to continue without a terminal until a signal comes.

    Returns 0 where every run ended as it should and none of its processes is left.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    for name in PROXIES:  # every address is on this machine, which no proxy reaches
        os.environ.pop(name, None)
    log_to(data_dir / "bot.log", "INFO", SecretFilter(os.environ).mask)
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP, and that stays so
            signal.signal(number, signal.default_int_handler)
    guide = [asdict(proposal) for proposal in GUIDE]
    playground = Playground(data_dir / "slack.json", port, manifest=build_manifest("socket"), guide=guide)
    try:
        playground.start()
    except PlaygroundError as error:
        raise UserError(str(error)) from error
    try:
        bot = build(build_settings(data_dir, playground.api_url))
        remove_variables(os.environ, Settings.find_secret_variables(os.environ))
        try:
            bot.start()
            client = PlaygroundClient(playground.address)
            client.wait_until(lambda: client.get("state")["connections"], CONNECT_SECONDS, lambda: NOT_CONNECTED)
            if browser:
                open_page(playground.address)
            if stay:
                return wait_for_signal(playground.address)
            return run_terminal(bot, client, lines)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            end_demo(bot)
    finally:
        playground.stop()


def build_settings(data_dir: Path, api_url: str) -> Settings:
    """Return the demo's settings. The person's environment overrides them, except for Slack and the store."""
    own = {
        "SLACK_API_URL": api_url,
        "VERLBOT_DATA_DIR": str(data_dir),
        "VERLBOT_SLACK_MODE": "socket",
        "REDIS_URL": "",  # a demo stops every run that it finds in its store
        "VERLBOT_COMPUTE": "local",  # it launches a run by itself: never where machines cost money
        "SKYPILOT_API_SERVER_ENDPOINT": "",
    }
    slack = {name: ENVIRONMENT[name] for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")}
    return Settings.read({**ENVIRONMENT, **os.environ, **slack, **own})


def open_page(address: str) -> None:
    """Open the page in a browser, where a person uses a terminal on a machine with a screen."""
    screen = sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if sys.stdin.isatty() and screen:
        webbrowser.open(address)


def wait_for_signal(address: str) -> int:
    """Print the address and wait until a signal comes."""
    print_line(f"A Slack of your own is at {address}")
    while True:
        signal.pause()


def run_terminal(bot: Bot, client: PlaygroundClient, lines: Sequence[str]) -> int:
    """Run the terminal: print the guide, type the first lines, then read lines or follow the runs."""
    terminal = Terminal(client, Person(client), seeded(), milestone=extract_state)
    terminal.say(f"A Slack of your own is at {client.address}; the bot's log is {bot.settings.data_dir / 'bot.log'}.")
    terminal.say(
        f"{format_guide(client.address)}\n"
        if sys.stdin.isatty()
        else "No terminal: the runs are followed to their ends.\n"
    )
    terminal.start()
    active = bot.run_service.queries.list_active()
    if active:
        terminal.say(f"Welcome back: {', '.join(run.id for run in active)} kept running without the bot.")
    for line in lines or ([] if active or sys.stdin.isatty() else [FIRST_LINE]):
        terminal.type(line)
    try:
        return read_lines(terminal) if sys.stdin.isatty() else follow_runs(bot, terminal)
    finally:
        terminal.stop()


def read_lines(terminal: Terminal) -> int:
    """Type each line that the person enters, until the input ends."""
    while (line := terminal.prompt()) is not None:
        if line:
            terminal.type(line, echo=False)
    return 0


def follow_runs(bot: Bot, terminal: Terminal) -> int:
    """Wait until every run has ended and every message is sent; then check that no process is left."""
    store = bot.run_service.store
    earlier = {run.id for run in store.list_recent_runs(REMEMBERED_RUNS)}
    while store.list_open_runs():
        time.sleep(0.2)
    time.sleep(0.5)  # lets the terminal show the last lines
    runs = [run for run in store.list_recent_runs(REMEMBERED_RUNS) if run.id not in earlier]
    leftover = [
        run.id
        for run in runs
        if find_marked_processes(cluster_directory(bot, run).marker) or cluster_directory(bot, run).folder.exists()
    ]
    for run in runs:
        terminal.say(
            f"{run.id}: {run.reason}; " + ("processes are left!" if run.id in leftover else "no process is left.")
        )
    good = all(run.status is RunStatus.ENDED and run.reason is Reason.SUCCEEDED for run in runs)
    return 0 if good and runs and not leftover else 1


def end_demo(bot: Bot) -> None:
    """Stop the runs that are still active, and wait until they are gone: a demo leaves nothing behind.

    Another Ctrl-C does not interrupt this.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    active = bot.run_service.queries.list_active()
    if active:
        print_line(f"\nStopping: {', '.join(run.id for run in active)} …")
    for run in active:
        bot.run_service.stop(run.id, Requester(DEMO, run.channel, create_trusted_actor(DEMO)))
    deadline = time.monotonic() + END_SECONDS
    while bot.run_service.queries.list_active() and time.monotonic() < deadline:
        time.sleep(0.1)
    if remaining := bot.run_service.queries.list_active():
        print_line(
            f"Still running after {END_SECONDS} s: {', '.join(run.id for run in remaining)}. The next demo stops them."
        )
    elif active:
        print_line("Nothing is left behind.")
    bot.stop()


def print_line(sentence: str) -> None:
    """Print a sentence; do nothing where the window is closed."""
    with suppress(OSError):  # the window may be closed
        print(sentence, flush=True)


def cluster_directory(bot: Bot, run: Run) -> ClusterDirectory:
    """Return the directory of a run's local cluster."""
    return ClusterDirectory(bot.settings.data_dir / "local", run.cluster)


def extract_state(text: str) -> str:
    """Return the part of a card's text that is worth a line in a file: its state, and every tenth step."""
    state, _, progress = text.partition(" · step ")
    return state + progress.partition("/")[0][:-1]
