"""`verlbot demo`: the whole bot on this machine, with a Slack of its own, an embedded store and real processes."""

import os
import signal
import sys
import time
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.adapters.local.places import Place
from bot.adapters.local.processes import marked
from bot.adapters.secret_filter import SecretFilter
from bot.asked import Caller
from bot.build import build
from bot.core.actor import trusted
from bot.core.run import Run
from bot.core.status import Reason, Status
from bot.masked_log import log_to
from bot.playground.client import Person, PlaygroundClient
from bot.playground.server import Playground
from bot.playground.slack import APP_TOKEN, BOT_TOKEN
from bot.playground.terminal import Terminal
from bot.playground.workspace import seeded
from bot.process_guard import forget
from bot.running import Bot
from bot.runs import REMEMBERED
from bot.settings import Settings
from bot.slack.manifest import manifest

FIRST_LINE = "/verl launch smoke nodes=2"
NOT_CONNECTED = "The bot does not connect."
CONNECT_SECONDS = 20
END_SECONDS = 30
"""How long the demo waits for its own parts to come up, and for its runs to go."""

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells have it."""

PROXIES = [f"{kind}_proxy" for kind in ("http", "https", "all")]
PROXIES += [name.upper() for name in PROXIES]

WAYS_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a supervisor's wish, a closed window."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something to try: what it is, what there is to see, and lines to type for it; as whom, if not as yourself."""

    title: str
    text: str
    lines: tuple[str, ...]
    user: str | None = None


GUIDE = (
    Proposal(
        "Launch a run",
        "Real GRPO on a toy task. Two processes of this machine play two nodes, for a minute and a half.",
        (FIRST_LINE,),
    ),
    Proposal(
        "Watch the reward grow",
        "The card counts up in place. In its thread stand the curve and, if you ask, the log as it is written.",
        ("/verl status", "/verl logs smoke --follow"),
    ),
    Proposal(
        "Compare two runs",
        "Launch one with another learning rate; once it trains: one chart of both, what differs, what each has cost.",
        ("/verl launch smoke learning_rate=0.3", "/verl compare"),
    ),
    Proposal(
        "See a failure explained",
        "The end names the first error, shows it in the log, and says what is lost. Retry it as it was, or changed.",
        ("/verl launch smoke fail_at_step=3",),
    ),
    Proposal(
        "Spend a budget",
        "Warned of at half, at four fifths, and sooner where the forecast is over it; then the run is ended. "
        "Ask what it has all come to, and what of that was idle.",
        ("/verl launch smoke nodes=2 budget=0.06", "/verl cost"),
    ),
    Proposal(
        "Wait for an approval",
        "A launch that may cost more than $100 begins only once another person has approved exactly this task.",
        ("/verl launch smoke nodes=2 budget=150",),
    ),
    Proposal(
        "Be the approver",
        "Press Approve on the waiting card, after a look at its task; or ask what everybody's runs may still spend.",
        ("/verl budget", "/verl list"),
        user="U0BEN",
    ),
    Proposal(
        "Fill in a form",
        "The same command as fields, with their ranges. Whole runs can be launched from a phone so.",
        ("/verl launch",),
    ),
    Proposal(
        "Keep the model",
        "Without a place of its own the newest checkpoint is fetched before its machine goes; a volume keeps them all.",
        ("/verl launch smoke volume=models",),
    ),
    Proposal(
        "Look at a real recipe",
        "The task as SkyPilot would get it, its budget and what it lacks here. Nothing is started.",
        ("/verl describe ppo", "/verl launch ppo nodes=4 algorithm.gamma=0.99 --dry-run"),
    ),
    Proposal(
        "Stop one",
        "Press Stop on its card, or type `/verl stop RUN`. It has ended once nothing of it stands, and not before.",
        ("/verl list",),
    ),
    Proposal(
        "Read it in Chinese",
        "What you alone are answered comes in your language; cards and threads in the workspace's.",
        ("/verl language zh-CN", "/verl language en"),
    ),
    Proposal("All of it", "Every command, with an example of each.", ("/verl help",)),
)

LEAVE = "Ctrl-D ends the demo and everything that it started."

ENVIRONMENT = {
    "SLACK_BOT_TOKEN": BOT_TOKEN,
    "SLACK_APP_TOKEN": APP_TOKEN,
    "VERLBOT_TICK_SECONDS": "1",
    "VERLBOT_CARD_SECONDS": "2",
    "VERLBOT_GONE_SECONDS": "1",
    "VERLBOT_HOME_SECONDS": "2",
    "VERLBOT_LAUNCH_DOUBT_SECONDS": "5",
    "VERLBOT_LOCAL_DOLLARS_PER_NODE_HOUR": "2",
    "VERLBOT_POLICY": str(Path(__file__).parent / "demo_policy.yaml"),
}
"""Quicker than in earnest, and with a pretended price, so that a minute shows what a night would."""


def demo(data_dir: Path, port: int, lines: Sequence[str], browser: bool = True, stay: bool = False) -> int:
    """Run until the person has enough, or, without a terminal, until the runs of `lines` have ended.

    Args:
        lines: what is typed first; without a terminal and without any, a first run is launched.
        browser: whether the page is opened where this machine has a browser.
        stay: without a terminal too, go on until a signal comes.

    Returns 0 where every run ended as it should and no process of it is left.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    for name in PROXIES:  # all of it is on this machine, where no proxy leads
        os.environ.pop(name, None)
    log_to(data_dir / "bot.log", "INFO", SecretFilter(os.environ).mask)
    for number in WAYS_TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
    guide = [asdict(proposal) for proposal in GUIDE]
    playground = Playground(data_dir / "slack.json", port, manifest=manifest("socket"), guide=guide)
    playground.start()
    try:
        bot = build(settings(data_dir, playground.api_url))
        forget(os.environ, Settings.secret_variables(os.environ))
        try:
            bot.start()
            client = PlaygroundClient(playground.address)
            client.wait_until(lambda: client.get("state")["connections"], CONNECT_SECONDS, lambda: NOT_CONNECTED)
            if browser:
                open_page(playground.address)
            if stay:
                return wait(playground.address)
            return talk(bot, client, lines)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            end(bot)
    finally:
        playground.stop()


def settings(data_dir: Path, api_url: str) -> Settings:
    """The demo's settings; what the person has set in the environment counts for more, but for Slack and the store."""
    own = {
        "SLACK_API_URL": api_url,
        "VERLBOT_DATA_DIR": str(data_dir),
        "VERLBOT_SLACK_MODE": "socket",
        "REDIS_URL": "",  # a demo ends every run that it finds in its store
        "VERLBOT_COMPUTE": "local",  # and launches one by itself: never where machines cost money
        "SKYPILOT_API_SERVER_ENDPOINT": "",
    }
    slack = {name: ENVIRONMENT[name] for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")}
    return Settings.read({**ENVIRONMENT, **os.environ, **slack, **own})


def open_page(address: str) -> None:
    """Show the page to the person at this machine's screen, where somebody sits at one."""
    screen = sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if sys.stdin.isatty() and screen:
        webbrowser.open(address)


def wait(address: str) -> int:
    """Until a signal comes."""
    tell(f"A Slack of your own is at {address}")
    while True:
        signal.pause()


def talk(bot: Bot, client: PlaygroundClient, lines: Sequence[str]) -> int:
    terminal = Terminal(client, Person(client), seeded(), milestone=state_of)
    terminal.say(f"A Slack of your own is at {client.address}; the bot's log is {bot.settings.data_dir / 'bot.log'}.")
    terminal.say(f"{proposals()}\n" if sys.stdin.isatty() else "No terminal: the runs are followed to their ends.\n")
    terminal.start()
    active = bot.service.queries.active()
    if active:
        terminal.say(f"Welcome back: {', '.join(run.id for run in active)} went on without the bot.")
    for line in lines or ([] if active or sys.stdin.isatty() else [FIRST_LINE]):
        terminal.type(line)
    try:
        return chat(terminal) if sys.stdin.isatty() else follow(bot, terminal)
    finally:
        terminal.stop()


def proposals() -> str:
    """The guide for those who stay in the terminal."""
    own = [proposal for proposal in GUIDE if proposal.user is None]
    lines = [f"  {line:<58}{proposal.title}" for proposal in own for line in proposal.lines]
    return "\n".join(["Open it in a browser, or type here as Ana in #training:", *lines, LEAVE])


def chat(terminal: Terminal) -> int:
    while (line := terminal.prompt()) is not None:
        if line:
            terminal.type(line)
    return 0


def follow(bot: Bot, terminal: Terminal) -> int:
    """Wait until every run has ended and everything has been said; then prove it."""
    store = bot.service.store
    earlier = {run.id for run in store.recent(REMEMBERED)}
    while store.open():
        time.sleep(0.2)
    time.sleep(0.5)  # for the terminal to show the last of it
    runs = [run for run in store.recent(REMEMBERED) if run.id not in earlier]
    left = [run.id for run in runs if marked(place(bot, run).marker) or place(bot, run).folder.exists()]
    for run in runs:
        terminal.say(f"{run.id}: {run.reason}; " + ("processes are left!" if run.id in left else "no process is left."))
    good = all(run.status is Status.ENDED and run.reason is Reason.SUCCEEDED for run in runs)
    return 0 if good and runs and not left else 1


def end(bot: Bot) -> None:
    """Stop what is still running, and wait until it is gone: a demo leaves nothing behind.

    However impatient the person gets: another Ctrl-C does not cut this short.
    """
    for number in WAYS_TO_END:
        signal.signal(number, signal.SIG_IGN)
    active = bot.service.queries.active()
    if active:
        tell(f"\nEnding: {', '.join(run.id for run in active)} …")
    for run in active:
        bot.service.stop(run.id, Caller(run.requester, run.channel, trusted(run.requester)))
    deadline = time.monotonic() + END_SECONDS
    while bot.service.queries.active() and time.monotonic() < deadline:
        time.sleep(0.1)
    if left := bot.service.queries.active():
        tell(f"Still there after {END_SECONDS} s: {', '.join(run.id for run in left)}. The next demo ends them.")
    elif active:
        tell("Nothing is left behind.")
    bot.stop()


def tell(sentence: str) -> None:
    with suppress(OSError):  # the window may be closed
        print(sentence, flush=True)


def place(bot: Bot, run: Run) -> Place:
    return Place(bot.settings.data_dir / "local", run.cluster)


def state_of(text: str) -> str:
    """The part of a card's text that is worth a line in a file: its state, and every tenth step."""
    state, _, progress = text.partition(" · step ")
    return state + progress.partition("/")[0][:-1]
