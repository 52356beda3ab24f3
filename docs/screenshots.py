"""The pictures of the README and of docs/pictures.md, from the demo in a browser: `make screenshots`."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.page.conftest import ARGUMENTS, CHROMIUM, PHONE, WIDE, Demo
from tests.page.test_newcomer import card_of, launched, types

PICTURES = Path(__file__).parent / "pictures"
COLOURS = 256
"""Colours of a picture: enough for a page of text, a third of the bytes of all."""

TALL = 1500
"""Height in pixels of a page from which one message is taken: the longest card fits."""

PATIENCE_MS = 120_000
"""Milliseconds that a run may take to a state."""

SOON_MS = 5_000
"""Milliseconds after which a launching run was missed: it trains already."""

LOOKS = {"light": (WIDE[0], False), "dark": (WIDE[0], True), "390": (PHONE[0], False)}
"""Width and whether it is dark, by the end of a picture's name."""

SHORT = "/verl launch smoke steps=12 seconds_per_step=0.2"
RUN = "/verl launch smoke nodes=2 seconds_per_step=2"
FAILING = "/verl launch smoke fail_at_step=3"
POOR = "/verl launch smoke nodes=2 budget=0.06"
COSTLY = "/verl launch smoke nodes=2 budget=150"


@dataclass(frozen=True, slots=True)
class Camera:
    """One look of the page: it takes pictures of what is open in it."""

    look: str
    page: Page

    def keep(self, name: str, part: Locator | None = None) -> None:
        """Save a picture of a part, or of the whole page, under its name and this look."""
        self.page.mouse.move(0, 0)  # nothing shows what it has for a pointer
        if (pill := self.page.get_by_role("button", name="new message")).is_visible():
            pill.click()
        save(part or self.page, f"{name}-{self.look}")

    def open(self, place: str) -> None:
        self.page.goto(f"{self.page.url.split('#')[0]}#/{place}")


def save(part: Locator | Page, name: str) -> None:
    """Save a picture in few colours."""
    path = PICTURES / f"{name}.png"
    part.screenshot(path=path)
    with Image.open(path) as image:
        compact = image.convert("RGB").quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE)
    compact.save(path, optimize=True)


@contextmanager
def open_page(browser: Browser, address: str, size: tuple[int, int], dark: bool = False) -> Iterator[Page]:
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, locale="en-US", color_scheme="dark" if dark else "light"
    )
    page.goto(f"{address}/#/C0TRAIN")
    page.get_by_text("Bot online").wait_for()
    yield page
    page.close()


def take_launching(cameras: list[Camera]) -> None:
    """Launch a run for each look, and another one where the state was over before the picture was taken."""
    for camera in cameras:
        while not take_one_launching(camera):
            pass


def take_one_launching(camera: Camera) -> bool:
    """Return whether the picture of a new run's card shows it launching."""
    _, card = launched(camera.page, SHORT)
    with suppress(AssertionError):
        expect(card).to_contain_text("is launching", timeout=SOON_MS)
    camera.keep("card-launching", card)
    is_launching = "is launching" in card.inner_text()
    expect(card).to_contain_text("confirmed gone", timeout=PATIENCE_MS)
    return is_launching


def take_message(cameras: list[Camera], name: str, find: Callable[[Page], Locator], text: str) -> None:
    """Take a message in each look, once it has this text."""
    for camera in cameras:
        expect(find(camera.page)).to_contain_text(text, timeout=PATIENCE_MS)
        camera.keep(name, find(camera.page))


def take_card(cameras: list[Camera], name: str, line: str, text: str) -> str:
    """Launch a run, wait until its card has this text, and take the card; return the run's id."""
    run_id, _ = launched(cameras[0].page, line)
    take_message(cameras, name, lambda page: card_of(page, run_id), text)
    return run_id


def take_answer(cameras: list[Camera], name: str, line: str) -> None:
    """Type a line in each look, and take what only its person sees."""
    for camera in cameras:
        answers = camera.page.locator("article.ephemeral")
        before = answers.count()
        types(camera.page, line)
        expect(answers).to_have_count(before + 1)
        camera.keep(name, answers.last)


def take_home(cameras: list[Camera]) -> None:
    for camera in cameras:
        camera.open("app/home")
        expect(camera.page.locator(".home")).to_contain_text("Your runs")
        camera.keep("home", camera.page.locator(".home > *").first)
        camera.open("C0TRAIN")


def take_form(cameras: list[Camera]) -> None:
    for camera in cameras:
        types(camera.page, "/verl launch")
        form = camera.page.get_by_role("dialog", name="Launch a run")
        expect(form).to_be_visible()
        camera.keep("form", form)
        camera.page.keyboard.press("Escape")


def take_thread(cameras: list[Camera], run_id: str) -> None:
    for camera in cameras:
        card_of(camera.page, run_id).locator(".replies").click()
        thread = camera.page.get_by_label("Thread in training")
        expect(thread).to_contain_text("validation")
        camera.keep("thread", thread)
        camera.page.get_by_label("Close the thread").click()


def take_readme(browser: Browser, address: str, run_id: str) -> None:
    """The four pictures of the README, while a run is running."""
    with open_page(browser, address, WIDE) as page:
        page.get_by_role("button", name="Guide", exact=True).click()  # closes it: the thread has the whole height
        card = card_of(page, run_id)
        card.locator(".replies").click()
        expect(page.get_by_label("Thread in training")).to_contain_text("validation")
        page.mouse.move(0, 0)
        save(page, "thread")
        page.get_by_label("Close the thread").click()
        types(page, "/verl launch")
        expect(page.get_by_role("dialog", name="Launch a run")).to_be_visible()
        save(page, "form")
        page.keyboard.press("Escape")
        page.goto(f"{address}/#/app/home")
        expect(page.locator(".home")).to_contain_text("running")
        save(page, "home")
    with open_page(browser, address, PHONE) as page:
        card_of(page, run_id).scroll_into_view_if_needed()
        save(page, "phone")


def take(browser: Browser, address: str, cameras: list[Camera]) -> None:
    """Take every picture, in the order in which a person would see them."""
    take_launching(cameras)
    run_id = take_card(cameras, "card-running", RUN, "(step 20)")
    take_thread(cameras, run_id)
    take_readme(browser, address, run_id)
    take_message(cameras, "card-succeeded", lambda page: card_of(page, run_id), "confirmed gone")
    take_card(cameras, "card-failed", FAILING, "confirmed gone")
    poor = take_card(cameras, "card-over-budget", POOR, "(step 10)")
    take_message(cameras, "notice-over-budget", lambda page: find_notice(page, poor), "Raise")
    types(cameras[0].page, COSTLY)
    take_message(cameras, "card-needs-approval", find_waiting_card, "Decline…")
    take_answer(cameras, "list", "/verl list")
    take_answer(cameras, "report", "/verl report now")
    take_home(cameras)
    take_form(cameras)


def find_waiting_card(page: Page) -> Locator:
    """The card with the buttons of an approver."""
    return page.locator("main article", has=page.get_by_role("button", name="Decline…")).last


def find_notice(page: Page, run_id: str) -> Locator:
    """The message about a run's budget."""
    return page.locator("main article:not(.ephemeral)", has_text=run_id).filter(has_text="budget").last


def take_all(browser: Browser, address: str) -> None:
    with (
        open_page(browser, address, (WIDE[0], TALL)) as light,
        open_page(browser, address, (WIDE[0], TALL), dark=True) as dark,
        open_page(browser, address, (PHONE[0], TALL)) as phone,
    ):
        pages = dict(zip(LOOKS, (light, dark, phone), strict=True))
        for page in (light, dark):
            page.get_by_role("button", name="Guide", exact=True).click()  # closes it: tables have more room
        take(browser, address, [Camera(look, page) for look, page in pages.items()])


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder) / "demo")
        demo.start()
        try:
            take_all(playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS), demo.address)
        finally:
            demo.stop()


if __name__ == "__main__":
    main()
