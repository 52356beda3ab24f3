"""The pictures of the README, taken from the demo in a browser: `make screenshots`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.page.conftest import ARGUMENTS, CHROMIUM, PHONE, WIDE, Demo
from tests.page.test_newcomer import card_of, launched, types

PICTURES = Path(__file__).parent / "pictures"
RUN = "/verl launch smoke nodes=2 steps=40 seconds_per_step=0.5"


@contextmanager
def open_page(browser: Browser, address: str, size: tuple[int, int]) -> Iterator[Page]:
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, locale="en-US")
    page.goto(f"{address}/#/C0TRAIN")
    page.get_by_text("Bot online").wait_for()
    yield page
    page.close()


def take(browser: Browser, demo: Demo) -> None:
    with open_page(browser, demo.address, WIDE) as page:
        run_id, card = launched(page, RUN)
        expect(card).to_contain_text("step 40/40", timeout=120_000)
        card.locator(".replies").click()
        expect(page.get_by_label("Thread in training")).to_contain_text("(step 40)")
        page.screenshot(path=PICTURES / "thread.png")
        page.get_by_label("Close the thread").click()
        types(page, "/verl launch")
        expect(page.get_by_role("dialog", name="Launch a run")).to_be_visible()
        page.screenshot(path=PICTURES / "form.png")
        page.keyboard.press("Escape")
        launched(page, f"{RUN} volume=models")
        page.goto(f"{demo.address}/#/app/home")
        expect(page.locator(".home")).to_contain_text("running")
        page.screenshot(path=PICTURES / "home.png")
    with open_page(browser, demo.address, PHONE) as page:
        card_of(page, run_id).scroll_into_view_if_needed()
        page.screenshot(path=PICTURES / "phone.png")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder) / "demo")
        demo.start()
        try:
            take(playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS), demo)
        finally:
            demo.stop()


if __name__ == "__main__":
    main()
