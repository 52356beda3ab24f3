"""What a newcomer does in the first minutes, in a real browser: launch, watch, read, stop, and all of it otherwise."""

import json
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.examples import thorough
from tests.page.conftest import PHONE, PICTURES, Demo, Opened
from tests.waiting import eventually

Picture = Callable[[Page, str], None]

ENDLESS = "/verl launch smoke nodes=2 steps=100000 seconds_per_step=1"
SHORT = "/verl launch smoke steps=4 seconds_per_step=0.2 batch_size=8 group_size=2"


def types(page: Page, line: str, thread: bool = False) -> None:
    """Type a line where one types in the channel, or in the thread beside it."""
    box = page.get_by_label("Reply …") if thread else page.locator("main textarea")
    box.fill(line)
    box.press("Enter")


def answers(page: Page) -> Locator:
    """What the person alone was told of her launches."""
    return page.locator("article.ephemeral", has_text="Launching")


def recorded(page: Page, before: int) -> str:
    """Wait until one launch more than `before` is answered; the new run's id."""
    expect(answers(page)).to_have_count(before + 1)
    return answers(page).last.locator("code").first.inner_text()


def launched(page: Page, line: str) -> tuple[str, Locator]:
    """Type a launch; the run's id, and its card."""
    before = answers(page).count()
    types(page, line)
    run_id = recorded(page, before)
    return run_id, card_of(page, run_id)


def card_of(page: Page, run_id: str) -> Locator:
    card = page.locator("main article:not(.ephemeral)", has_text=run_id).first
    card.wait_for()
    return card


def stop(page: Page, card: Locator) -> None:
    """Press Stop on a card, and answer its question."""
    card.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop now").click()


def test_from_a_typed_line_to_the_verified_end(opened: Opened, picture: Picture) -> None:
    page = opened()
    picture(page, "1-welcome")
    began = time.monotonic()
    _, card = launched(page, "/verl launch smoke nodes=2")
    seen = {"to the first card": time.monotonic() - began}
    expect(card).to_contain_text("Reward")
    seen["to the first reward on the card"] = time.monotonic() - began
    (PICTURES / "seconds.json").write_text(json.dumps(seen, indent=2))

    card.get_by_role("link", name="replies").or_(card.get_by_role("link", name="reply")).click()
    thread = page.get_by_label("Thread in training")
    expect(thread.locator("svg[role=img], figure").first).to_be_visible()
    picture(page, "2-thread-with-chart")
    page.get_by_label("Close the thread").click()

    card.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Stop this run?")
    picture(page, "3-stop-asks-first")
    page.get_by_role("button", name="Stop now").click()
    expect(card).to_contain_text("stopped")
    expect(card.get_by_role("button", name="Retry with changes…")).to_be_visible()
    expect(page.locator("main article", has_text="machines confirmed gone").last).to_be_visible()
    picture(page, "4-ended")


@pytest.mark.long
def test_the_guide_ticks_off_what_was_done_and_not_what_was_refused(opened: Opened) -> None:
    page = opened()
    guide = page.get_by_label("Guide", exact=True)
    steps = {title: guide.get_by_role("listitem").filter(has_text=title).first for title in ("Plot its", "See every")}
    types(page, "/verl plot smoke-ffff")
    expect(page.locator("article.ephemeral").last).to_contain_text("smoke-ffff")
    types(page, "/verl help")
    expect(steps["See every"]).to_have_class(re.compile("step-done"))
    expect(steps["Plot its"]).not_to_have_class(re.compile("step-done"))


@pytest.mark.long
def test_a_wide_table_scrolls_on_a_phone_and_its_first_column_stays(opened: Opened) -> None:
    page = opened(size=PHONE)
    _, card = launched(page, SHORT)
    expect(card).to_contain_text("finished")
    types(page, "/verl list all")
    table = page.locator(".table-block").last
    first = table.locator("tbody td").first
    left = first.evaluate("(cell) => cell.getBoundingClientRect().left")
    eventually(lambda: table.evaluate("(one) => one.scrollWidth > one.clientWidth"))
    last = table.locator("thead th").last

    def end_is_in_sight() -> bool:
        last.evaluate("(cell) => cell.scrollIntoView({inline: 'end'})")
        return float(last.evaluate("(cell) => cell.getBoundingClientRect().right")) <= PHONE[0]

    eventually(end_is_in_sight)  # a table that has just come still gets wider
    assert first.evaluate("(cell) => cell.getBoundingClientRect().left") == pytest.approx(left, abs=1)


@pytest.mark.long
def test_a_failing_run_is_explained(opened: Opened, picture: Picture) -> None:
    page = opened()
    run_id, card = launched(page, f"{SHORT} fail_at_step=2")
    expect(card).to_contain_text("failed")
    notice = page.locator("main article", has_text=f"{run_id} failed").last
    expect(notice).to_contain_text("asked to fail at step 2")
    notice.scroll_into_view_if_needed()
    picture(page, "5-failure-explained")


@pytest.mark.long
def test_a_form_is_the_same_command(opened: Opened, picture: Picture) -> None:
    page = opened()
    before = answers(page).count()
    types(page, "/verl launch")
    form = page.get_by_role("dialog", name="Launch a run")
    form.get_by_label(re.compile("^steps")).fill("3")
    form.get_by_label(re.compile("^seconds_per_step")).fill("soon")
    form.get_by_role("button", name="Launch", exact=True).click()
    expect(form).to_contain_text("must be a number from 0 to 3,600 seconds")
    picture(page, "6-form-refuses-under-its-field")
    form.get_by_label(re.compile("^seconds_per_step")).fill("0.1")
    form.get_by_role("button", name="Show the command and its cost").click()
    expect(form).to_contain_text("/verl launch smoke steps=3 seconds_per_step=0.1")
    picture(page, "7-form-shows-its-command")
    form.get_by_role("button", name="Launch", exact=True).click()
    expect(form).to_be_hidden()
    expect(card_of(page, recorded(page, before))).to_contain_text("finished · 3 steps")


@pytest.mark.long
def test_the_bots_own_page_shows_runs_and_costs(opened: Opened, picture: Picture) -> None:
    page = opened()
    run_id, _ = launched(page, ENDLESS)
    page.goto(page.url.split("#")[0] + "#/app/home")
    home = page.locator(".home")
    expect(home).to_contain_text(run_id)
    expect(home).to_contain_text("/h")
    picture(page, "8-home")
    home.get_by_role("button", name="Stop", exact=True).first.click()
    page.get_by_role("button", name="Stop now").click()
    expect(home).to_contain_text("Recently finished")
    expect(home.get_by_text("You have no active run")).to_be_visible()


@pytest.mark.thorough
def test_others_see_the_run_and_not_what_only_its_owner_was_told(opened: Opened) -> None:
    page = opened()
    run_id, card = launched(page, SHORT)
    page.get_by_text("ben", exact=True).click()
    expect(page.locator("main article", has_text=run_id).first).to_be_visible()
    expect(page.locator("article.ephemeral")).to_have_count(0)
    page.get_by_text("ana", exact=True).click()
    expect(card).to_contain_text("finished")


@pytest.mark.thorough
def test_two_tabs_may_be_two_people(opened: Opened) -> None:
    anas = opened()
    bens = anas.context.new_page()
    bens.goto(anas.url)
    bens.get_by_text("ben", exact=True).click()
    types(bens, "I am ben")
    expect(anas.locator("main article", has_text="I am ben")).to_contain_text("Ben Carter")
    types(anas, "I am ana")
    expect(bens.locator("main article", has_text="I am ana")).to_contain_text("Ana Roth")
    bens.reload()
    expect(bens.get_by_role("radio", name="ben")).to_be_checked()


def test_a_form_opens_in_the_tab_that_asked_for_it(opened: Opened) -> None:
    first = opened()
    second = first.context.new_page()
    second.goto(first.url)
    second.get_by_text("Bot online").wait_for()
    types(first, "/verl launch")
    form = first.get_by_role("dialog", name="Launch a run")
    expect(form).to_be_visible()
    types(second, "I am ana too")
    expect(second.locator("main article", has_text="I am ana too")).to_be_visible()
    expect(second.get_by_role("dialog")).to_have_count(0)
    first.reload()
    expect(form).to_be_visible()
    first.keyboard.press("Escape")
    expect(first.get_by_role("dialog")).to_have_count(0)


@pytest.mark.long
def test_the_keyboard_alone_launches_and_stops(opened: Opened) -> None:
    page = opened()
    before = answers(page).count()
    page.locator("main textarea").focus()
    page.keyboard.type("/ve")
    expect(page.get_by_role("listbox")).to_contain_text("/verl")
    page.keyboard.press("Enter")
    expect(page.locator("main textarea")).to_have_value("/verl ")
    page.wait_for_function("document.activeElement.selectionStart === '/verl '.length")  # a person sees the caret move
    page.keyboard.type("launch smoke steps=100000")
    expect(page.locator("main textarea")).to_have_value("/verl launch smoke steps=100000")
    page.keyboard.press("Enter")
    card = card_of(page, recorded(page, before))
    button = card.get_by_role("button", name="Stop", exact=True)
    button.wait_for()
    reach(page, button)
    page.keyboard.press("Enter")
    reach(page, page.get_by_role("button", name="Stop now"))
    page.keyboard.press("Enter")
    expect(card).to_contain_text("stopped")


def reach(page: Page, wanted: Locator, most: int = 200) -> None:
    """Press Shift+Tab until it is reached, as somebody without a mouse does."""
    for _ in range(most):
        if wanted.evaluate("(one) => one === document.activeElement"):
            return
        page.keyboard.press("Shift+Tab")
    raise AssertionError("the keyboard does not reach it")


@pytest.mark.long
def test_a_phone_shows_it_all_in_one_column(opened: Opened, picture: Picture) -> None:
    page = opened(size=PHONE)
    _, card = launched(page, ENDLESS)
    expect(card).to_contain_text("running")
    picture(page, "9-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    stop(page, card)
    expect(card).to_contain_text("stopped")
    page.get_by_role("button", name="Channels").click()
    expect(page.get_by_role("link", name="random")).to_be_visible()
    picture(page, "9-phone-channels")


@pytest.mark.parametrize("dark", thorough([False, True], usual=1), ids=["light", "dark"])
@pytest.mark.long
def test_the_recorder_shows_what_bot_and_slack_said_to_each_other(opened: Opened, picture: Picture, dark: bool) -> None:
    page = opened(dark=dark)
    types(page, "/verl recipes")
    expect(page.locator("article.ephemeral").last).to_contain_text("multiturn-tools")
    page.get_by_role("button", name="Recorder").click()
    expect(page.get_by_role("region", name="Recorder")).to_contain_text("slash_commands")
    picture(page, f"10-recorder-{'dark' if dark else 'light'}")


@pytest.mark.thorough
def test_an_interrupted_demo_comes_back_with_its_runs(demo: Demo, opened: Opened) -> None:
    page = opened()
    run_id, card = launched(page, ENDLESS)
    expect(card).to_contain_text("running")
    assert demo.interrupt() == 130
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    demo.start()
    page = opened()
    expect(card_of(page, run_id)).to_contain_text("stopped")
