"""Looks at the built page in Chromium, against the mock server: pictures of each part, and what axe-core finds.

    npm run preview &        # in web/, after `make page`
    python playground/web/look.py http://127.0.0.1:4173/page/ FOLDER

Ends with 1 where axe-core finds something serious, the page logs an error, or it asks another host for anything.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
FIND = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .map(({id, impact, nodes}) => [id, impact, nodes.length, nodes[0].html.slice(0, 160)])"""


@dataclass
class Findings:
    """What was wrong, one line each."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        if line not in self.lines:
            self.lines.append(line)


def channel(page: Page) -> None:
    page.wait_for_selector(".blocks .block-actions")


def command(page: Page) -> None:
    page.fill(".talk .composer-text", "/")
    page.wait_for_selector("[role=listbox]")


def gallery(page: Page) -> None:
    page.wait_for_selector(".by-library h1")


def thread(page: Page) -> None:
    page.click(".replies")
    page.wait_for_selector(".thread")


def modal(page: Page) -> None:
    page.click("text=Retry with…")
    page.wait_for_selector(".modal")
    page.click(".modal-foot .button-primary")
    page.wait_for_selector(".input-error")


def question(page: Page) -> None:
    page.get_by_role("button", name="Stop", exact=True).first.click()
    page.wait_for_selector(".confirm")


def home(page: Page) -> None:
    page.wait_for_selector(".home .block-header")


def switcher(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.wait_for_selector(".switcher")


def recorder(page: Page) -> None:
    page.click("button:has-text('Recorder')")
    page.wait_for_selector(".recorder .slow")


def guide(page: Page) -> None:
    if page.query_selector(".guide") is None:
        page.click("button:has-text('Guide')")
    page.wait_for_selector(".guide")


def drawer(page: Page) -> None:
    if page.query_selector(".sidebar") is None:
        page.click("[aria-label=Channels]")
    page.wait_for_selector(".sidebar")


LOOKS: list[tuple[str, str, Callable[[Page], None]]] = [
    ("channel", "C0TRAIN", channel),
    ("command", "C0TRAIN", command),
    ("gallery", "C0BLOCKS", gallery),
    ("thread", "C0TRAIN", thread),
    ("modal", "C0TRAIN", modal),
    ("question", "C0TRAIN", question),
    ("home", "app/home", home),
    ("switcher", "C0TRAIN", switcher),
    ("recorder", "C0TRAIN", recorder),
    ("guide", "C0TRAIN", guide),
    ("drawer", "C0TRAIN", drawer),
]


def listen(page: Page, findings: Findings) -> None:
    """Notes what the page complains of, and whom it asks."""

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            findings.add(f"console: {message.text[:200]}")

    def asked(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1", "data:")):
            findings.add(f"asked for {request.url}")

    page.on("console", said)
    page.on("request", asked)
    page.on("pageerror", lambda error: findings.add(f"error: {error}"))


def pages(browser: Browser, address: str, findings: Findings) -> Iterator[tuple[str, Page]]:
    """A fresh page a size, a theme and a look, closed again when it was looked at."""
    for size, (width, height) in SIZES.items():
        for theme in ("light", "dark"):
            for name, place, act in LOOKS:
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if theme == "dark" else "light",
                    has_touch=size == "phone",
                    is_mobile=size == "phone",
                    bypass_csp=False,
                )
                page = context.new_page()
                listen(page, findings)
                page.goto(f"{address}#/{place}")
                page.wait_for_selector(".talk")
                act(page)
                page.wait_for_timeout(500)  # for pictures and fades: what is looked at is to stand still
                yield f"{name}-{size}-{theme}", page
                page.keyboard.press("Escape")  # the server keeps a modal open
                page.wait_for_timeout(200)
                context.close()


def look(address: str, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    findings = Findings()
    axe = AXE.read_text()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, page in pages(browser, address, findings):
            page.screenshot(path=folder / f"{name}.png")
            page.evaluate(axe)
            for rule, impact, count, html in page.evaluate(FIND):
                if impact in ("serious", "critical"):
                    findings.add(f"{name}: {rule} ({impact}, {count}): {html}")
                else:
                    print(f"{name}: {rule} ({impact}, {count}): {html}")
            wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            if wide > room:
                findings.add(f"{name}: {wide} px wide in {room}")
        browser.close()
    print("\n".join(findings.lines) or "Nothing serious.")
    return 1 if findings.lines else 0


if __name__ == "__main__":
    sys.exit(look(sys.argv[1], Path(sys.argv[2])))
