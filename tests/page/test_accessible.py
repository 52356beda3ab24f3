"""Nothing serious that axe finds, on each surface, light and dark, wide and on a phone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import PHONE, ROOT, WIDE, Demo, Opened
from tests.page.test_newcomer import ENDLESS, SHORT, launched, types

AXE = ROOT / "playground" / "web" / "node_modules" / "axe-core" / "axe.min.js"
FINDINGS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .filter(({impact}) => impact === "serious" || impact === "critical")
    .map(({id, nodes}) => `${id}: ${nodes[0].html}`)"""


def channel(page: Page) -> None:
    """A card, an ephemeral, and the end of a run."""
    _, card = launched(page, SHORT)
    expect(card).to_contain_text("finished")


def table(page: Page) -> None:
    """The list of runs, and the report around one."""
    _, card = launched(page, ENDLESS)
    expect(card).to_contain_text("running")
    types(page, "/verl report now")
    types(page, "/verl list")
    expect(page.get_by_role("table")).to_have_count(2)


def menu(page: Page) -> None:
    """The less frequent acts of a running card."""
    page.get_by_role("button", name="More: ").last.click()
    expect(page.get_by_text("Change budget…")).to_be_visible()


def failed(page: Page) -> None:
    """A card with an error and its lines, and one that waits for an approver."""
    page.keyboard.press("Escape")
    _, card = launched(page, f"{SHORT} fail_at_step=2")
    expect(card).to_contain_text("confirmed gone")
    types(page, "/verl launch smoke nodes=2 budget=150")
    expect(page.get_by_role("button", name="Approve").last).to_be_visible()


def thread(page: Page) -> None:
    """Of that run."""
    page.locator("main article:not(.ephemeral) .replies").last.click()
    expect(page.get_by_label("Thread in training")).to_be_visible()


def form(page: Page) -> None:
    page.get_by_label("Close the thread").click()
    types(page, "/verl launch")
    expect(page.get_by_role("dialog", name="Launch a run")).to_be_visible()


def home(page: Page) -> None:
    page.keyboard.press("Escape")  # the form that was looked at
    expect(page.get_by_role("dialog", name="Launch a run")).to_be_hidden()
    page.goto(page.url.split("#")[0] + "#/app/home")
    expect(page.locator(".home")).to_contain_text("Your runs")


def recorder(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#/C0TRAIN")
    page.get_by_role("button", name="Recorder").click()
    expect(page.locator("section.recorder")).to_be_visible()


def offers(page: Page) -> None:
    page.get_by_label("Close the recorder").click()
    page.locator("main textarea").fill("/")
    expect(page.get_by_role("listbox")).to_be_visible()


SURFACES: list[Callable[[Page], None]] = [channel, table, menu, failed, thread, form, home, recorder, offers]
"""One after the other, as a person goes from one to the next."""

LOOKS = [(WIDE, False), (WIDE, True), (PHONE, False), (PHONE, True)]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Start a demo for each look: a run that waits for an approver counts in its person's sum of the day."""
    found = Demo(tmp_path / "demo")
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.mark.skipif(not AXE.exists(), reason="axe is not installed: `make page` brings it from npm")
@pytest.mark.thorough
@pytest.mark.timeout(400)  # axe looks at every element of nine surfaces, on two busy cores
@pytest.mark.parametrize(
    ("size", "dark"), LOOKS, ids=["wide and light", "wide and dark", "a phone, light", "a phone, dark"]
)
def test_axe_finds_nothing_serious(opened: Opened, size: tuple[int, int], dark: bool) -> None:
    page = opened(size=size, dark=dark)
    page.evaluate(AXE.read_text())
    found = {}
    for surface in SURFACES:
        surface(page)
        found[surface.__name__] = page.evaluate(FINDINGS)
    assert found == {surface.__name__: [] for surface in SURFACES}
