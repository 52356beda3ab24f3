"""The pictures of the README and of docs/pictures.md, from the demo in a browser: `make screenshots`."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.page.conftest import ARGUMENTS, CHROMIUM, PHONE, WIDE, Demo
from tests.page.test_newcomer import card_of, launched, types

PICTURES = Path(__file__).parent / "pictures"
COLOURS = 256
"""Colours of a picture: enough for a page of text, a third of the bytes of all."""

TALL = 1500
"""Height in pixels of a page from which one message is taken: the longest card fits."""

THREAD_HEIGHT = 1260
"""Height in pixels of a page from which a thread is taken: card, two replies and a chart fill it."""

MARGIN = 16
"""Pixels around the bot's page, whose own edge has none."""

PATIENCE_MS = 120_000
"""Milliseconds that a run may take to a state."""

MAX_LAUNCHES, SOON_MS = 5, 15_000
"""Runs that are launched for the picture of a launch, and milliseconds until the card of each shows it or never does.
"""

LOOKS = {"light": (WIDE[0], False), "dark": (WIDE[0], True), "390": (PHONE[0], False)}
"""Width and whether it is dark, by the end of a picture's name."""

RUN = "/verl launch smoke nodes=2"
EARLIER = "/verl launch smoke learning_rate=0.05 seconds_per_step=0.1"
FAILING = "/verl launch smoke fail_at_step=3"
KEPT = "/verl launch smoke fail_at_step=3 keep=30m"
POOR = "/verl launch smoke nodes=2 steps=200 budget=0.12"
COSTLY = "/verl launch smoke nodes=2 budget=150"

FREEZE = """(text) => {
    const ask = window.fetch.bind(window);
    let isFrozen = false;
    window.fetch = async (...asked) => {
        if (!String(asked[0]).includes("/control/look")) return ask(...asked);
        if (isFrozen) return new Promise(() => {});
        const answer = await ask(...asked);
        isFrozen = (await answer.clone().text()).includes(text);
        return answer;
    };
}"""
"""Makes a page stay as it is once it shows this text: a launch on this machine is over within a second."""


@dataclass(frozen=True, slots=True)
class Camera:
    """One look of the page: it takes pictures of what is open in it."""

    look: str
    page: Page

    def keep(self, name: str, part: Locator, margin: int = 0) -> None:
        """Save a picture of a part, with so many pixels around it, under its name and this look."""
        if (pill := self.page.get_by_role("button", name="new message")).is_visible():
            pill.click()
        self.page.mouse.move(0, 0)  # nothing shows what it has for a pointer or the keyboard
        self.page.evaluate("document.activeElement?.blur()")
        save(part, f"{name}-{self.look}", margin)

    def open(self, place: str) -> None:
        self.page.goto(f"{self.page.url.split('#')[0]}#/{place}")


def save(part: Locator | Page, name: str, margin: int = 0) -> None:
    """Save a picture in few colours."""
    path = PICTURES / f"{name}.png"
    if isinstance(part, Locator) and margin:
        part.page.screenshot(path=path, clip=find_clip(part, margin))
    else:
        part.screenshot(path=path)
    compact_picture(path)


def compact_picture(path: Path) -> None:
    """Rewrite a picture in few colours."""
    with Image.open(path) as image:
        compact = image.convert("RGB").quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE)
    compact.save(path, optimize=True)


def find_clip(part: Locator, margin: int) -> FloatRect:
    """Return where a part is in its page, with so many pixels around it."""
    box = part.bounding_box()
    if box is None:
        raise ValueError("this part of the page is hidden")
    left, top = max(box["x"] - margin, 0), max(box["y"] - margin, 0)
    right, bottom = box["x"] + box["width"] + margin, box["y"] + box["height"] + margin
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


@contextmanager
def open_page(
    browser: Browser, address: str, size: tuple[int, int], dark: bool = False, freeze: str = ""
) -> Iterator[Page]:
    """Open the channel in a page of its own.

    Args:
        freeze: the page does not change any more once it shows this text; empty for never.
    """
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, locale="en-US", color_scheme="dark" if dark else "light"
    )
    if freeze:
        page.add_init_script(f"({FREEZE})({json.dumps(freeze)})")
    page.goto(f"{address}/#/C0TRAIN")
    page.get_by_text("Bot online").wait_for()
    yield page
    page.close()


def take_launching(browser: Browser, address: str, camera: Camera) -> None:
    """Take the card of a launching run, in another channel than the other pictures, and wait for the end of the run.

    On a busy machine a card may first show what comes after the launch; then another run is launched.
    """
    if not any(take_one_launching(browser, address) for _ in range(MAX_LAUNCHES)):
        raise RuntimeError(f"none of {MAX_LAUNCHES} cards showed that its run is launching")
    camera.open("C0RANDOM")
    expect(find_message(camera.page, "finished")).to_contain_text("confirmed gone", timeout=PATIENCE_MS)
    camera.open("C0TRAIN")


def take_one_launching(browser: Browser, address: str) -> bool:
    """Launch a run, and return whether its card showed that it is launching."""
    with ExitStack() as pages:
        cameras = [
            Camera(look, pages.enter_context(open_page(browser, address, (width, TALL), dark, freeze="is launching")))
            for look, (width, dark) in LOOKS.items()
        ]
        for camera in cameras:
            camera.open("C0RANDOM")
        types(cameras[0].page, EARLIER)
        card = find_message(cameras[0].page, "is launching")
        with suppress(PlaywrightTimeout):
            card.wait_for(timeout=SOON_MS)
        if not card.is_visible():
            return False
        take_message(cameras, "card-launching", partial(find_message, text="is launching"), "is launching")
        return True


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
        camera.keep("home", camera.page.locator(".home > *").first, MARGIN)
        camera.open("C0TRAIN")


def take_form(cameras: list[Camera]) -> None:
    """Open the form in each look: it opens in the window in which the person has typed."""
    for camera in cameras:
        types(camera.page, "/verl launch")
        form = camera.page.get_by_role("dialog", name="Launch a run")
        expect(form).to_be_visible()
        camera.keep("form", form)
        camera.page.keyboard.press("Escape")
        expect(form).to_be_hidden()


def take_thread(cameras: list[Camera], run_id: str) -> None:
    for camera in cameras:
        with open_thread(camera, run_id) as thread:
            expect(thread).to_contain_text("validation")
            camera.keep("thread", thread)


@contextmanager
def open_thread(camera: Camera, run_id: str) -> Iterator[Locator]:
    """Open a run's thread in a page of the usual height, and close it."""
    size = camera.page.viewport_size or {"width": WIDE[0], "height": TALL}
    camera.page.set_viewport_size({"width": size["width"], "height": THREAD_HEIGHT})
    card_of(camera.page, run_id).locator(".replies").click()
    yield camera.page.get_by_label("Thread in training")
    camera.page.get_by_label("Close the thread").click()
    camera.page.set_viewport_size(size)


def take_samples(cameras: list[Camera], run_id: str) -> None:
    """Ask for the worst answers once, and take the reply in the run's thread."""
    types(cameras[0].page, f"/verl samples {run_id} worst n=2")
    for camera in cameras:
        with open_thread(camera, run_id) as thread:
            reply = thread.locator("article", has_text="the worst answers").last
            expect(reply).to_contain_text("Answer", timeout=PATIENCE_MS)
            camera.keep("samples", reply)


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
    take_launching(browser, address, cameras[0])
    run_id = take_card(cameras, "card-running", RUN, "(step 20)")
    take_thread(cameras, run_id)
    take_readme(browser, address, run_id)
    take_message(cameras, "card-succeeded", lambda page: card_of(page, run_id), "confirmed gone")
    take_card(cameras, "card-failed", FAILING, "confirmed gone")
    kept = take_card(cameras, "card-kept", KEPT, "kept")
    types(cameras[0].page, f"/verl stop {kept}")
    poor = take_card(cameras, "card-over-budget", POOR, "(step 10)")
    take_message(cameras, "notice-over-budget", lambda page: find_notice(page, poor), "Raise")
    take_answer(cameras, "explain", f"/verl explain {poor}")
    take_samples(cameras, poor)
    types(cameras[0].page, COSTLY)
    take_message(cameras, "card-needs-approval", find_waiting_card, "demo price")
    take_answer(cameras, "list", "/verl list")
    take_answer(cameras, "report", "/verl report now")
    take_home(cameras)
    take_form(cameras)


def find_message(page: Page, text: str) -> Locator:
    """The newest message of all that has this text."""
    return page.locator("main article:not(.ephemeral)", has_text=text).last


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
    with tempfile.TemporaryDirectory(prefix="verlbot-") as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder) / "data")
        demo.start()
        try:
            take_all(playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS), demo.address)
        finally:
            demo.stop()


if __name__ == "__main__":
    main()
