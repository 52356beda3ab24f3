"""Nothing serious that axe finds, on each surface, light and dark, wide and on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import PHONE, ROOT, WIDE, Opened
from tests.page.test_newcomer import SHORT, launched, types

AXE = ROOT / "playground" / "web" / "node_modules" / "axe-core" / "axe.min.js"
FINDINGS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .filter(({impact}) => impact === "serious" || impact === "critical")
    .map(({id, nodes}) => `${id}: ${nodes[0].html}`)"""


def channel(page: Page) -> None:
    """A card, an ephemeral, and the end of a run."""
    _, card = launched(page, SHORT)
    expect(card).to_contain_text("finished")


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


SURFACES: list[Callable[[Page], None]] = [channel, thread, form, home, recorder, offers]
"""One after the other, as a person goes from one to the next."""


@pytest.mark.skipif(not AXE.exists(), reason="axe is not installed: `make page` brings it from npm")
@pytest.mark.thorough
@pytest.mark.timeout(400)  # axe looks at every element of six surfaces, on two busy cores
@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (PHONE, True)], ids=["wide and light", "a phone, dark"])
def test_axe_finds_nothing_serious(opened: Opened, size: tuple[int, int], dark: bool) -> None:
    page = opened(size=size, dark=dark)
    page.evaluate(AXE.read_text())
    found = {}
    for surface in SURFACES:
        surface(page)
        found[surface.__name__] = page.evaluate(FINDINGS)
    assert found == {surface.__name__: [] for surface in SURFACES}
