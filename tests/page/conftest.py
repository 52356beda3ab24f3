"""A browser before the demo: the page as a newcomer sees it, on the whole bot, with pictures of what was seen."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from slack_playground.pages import PAGE
from tests.waiting import SECONDS, eventually

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "pictures"
"""Where the tests leave what they saw, for people to look at."""

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",  # in containers, where tests run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, PHONE = (1280, 800), (390, 844)
PATIENCE_MS = 30_000
SERVER_GONE = "net::ERR_CONNECTION_REFUSED"
"""What Chromium logs of a server that a test has stopped."""

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what is missing, where there is no browser or no page: `make test` builds the page where it can."""
    folder = f"{Path(__file__).parent}/"
    here = [item for item in items if str(item.path).startswith(folder)]  # of twenty thousand
    for item in here:
        item.add_marker(pytest.mark.slow)
        if CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="no Chromium here: `make chromium` installs Debian's"))
        elif not (PAGE / "index.html").exists():
            item.add_marker(pytest.mark.skip(reason="the page is not built: `make page`, which needs npm's registry"))


class Demo:
    """`verlbot demo` as a process, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.addresses: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "bot", "demo", "--stay", "--port", "0", "--data-dir", str(self.folder)]
        out = self.folder.parent / "demo.out"
        with out.open("w") as stream:
            self._process = subprocess.Popen(command, stdout=stream, stdin=subprocess.DEVNULL, text=True)
        found = eventually(lambda: "".join(re.findall(r"http://127\.0\.0\.1:\d+", out.read_text())), out.read_text)

        self.addresses.append(found)

    @property
    def address(self) -> str:
        """Where it is since its last start."""
        return self.addresses[-1]

    def interrupt(self) -> int:
        """Ctrl-C; the demo's exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(SECONDS * 3)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self.interrupt()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    found = Demo(tmp_path_factory.mktemp("page") / "demo")
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


Opened = Callable[..., Page]


@pytest.fixture
def opened(demo: Demo, browser: Browser) -> Iterator[Opened]:
    """Opens the demo in a browser of its own; whatever the page logs as an error, or asks another host for, fails."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error" and SERVER_GONE not in said.text:
            wrong.append(f"console: {said.text}")

    def ask(asked: Request) -> None:
        if not asked.url.startswith((*demo.addresses, "data:")):
            wrong.append(f"asked for {asked.url}")

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", hear)
        page.on("request", ask)

    def go(place: str = "#/C0TRAIN", size: tuple[int, int] = WIDE, dark: bool = False) -> Page:
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", locale="en-US"
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        watch(page)
        page.goto(f"{demo.address}/{place}")
        page.get_by_text("Bot online").wait_for()
        return page

    yield go
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keeps what the page shows under a name."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=PICTURES / f"{name}.png")

    return keep
