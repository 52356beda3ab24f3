"""The pictures of the states that a demo passes too fast or never reaches: each a card or a notice as the bot's views
build it, in a playground without a bot. `make screenshots` takes them after those of the demo.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from playwright.sync_api import Browser, FloatRect, Page, expect, sync_playwright
from screenshots import LOOKS, PICTURES, compact_picture, find_clip

from bot.core.model.cluster import JobState
from bot.core.model.health_state import HealthState
from bot.core.model.progress import Sparkline
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.slack.outbound.message_calls import build_content
from bot.slack.outbound.web_client import build_web_client
from bot.slack.views.cluster_views import build_orphan_message
from bot.slack.views.message import Message
from bot.slack.views.run_card import card
from bot.slack.views.run_thread import build_conversation
from slack_playground.server import Playground
from slack_playground.slack import BOT_TOKEN
from tests.builders import at, change_run, running
from tests.page.conftest import ARGUMENTS, CHROMIUM
from tests.slack.views import test_checkpoint_views, test_cluster_views, test_run_thread
from tests.slack.views.test_run_thread import OOM, PACED, SICK, TRAINED, ended, waiting_for_approval

NOW = at(3600)
CHANNEL = "C0TRAIN"
TALL = 12_000
"""Height in pixels of a page: all messages fit, also in the width of a phone."""

STILL_MILLISECONDS = 500
"""Messages move as long as one above them is being drawn."""

RISE = tuple((step, round(0.04 + 0.94 * (1 - 0.994**step), 3)) for step in range(20, 1001, 35))
FINISHED = replace(
    TRAINED,
    step=1000,
    metrics={},
    rewards=Sparkline(RISE, 35),
    reward=0.98,
    validation=0.94,
    validated_step=1000,
    checkpoint="/checkpoints/ppo-7f3a/global_step_1000",
    checkpoint_step=1000,
)
EARLIER = change_run(
    ended(Reason.SUCCEEDED, progress=replace(FINISHED, validation=0.91)), id="ppo-11aa", closed_at=at(4800)
)
SUCCEEDED = change_run(ended(Reason.SUCCEEDED, checkpoint_store="s3://team/models"), progress=FINISHED)
STOPPING = running(progress=PACED, stop_requested_by="U0ANA").begin_teardown(Reason.STOPPED, None, at(3590))


def list_notices(run: Run, *keys: str) -> list[Message]:
    """Return those messages of a run's thread that have these keys."""
    return [message for message in build_conversation(run, NOW, "", EARLIER) if message.key in keys]


def list_pictures() -> Mapping[str, Sequence[Message]]:
    """Return the messages of each picture, by its name."""
    declined = waiting_for_approval().record_approval_decision(
        "U0LEA", is_granted=False, now=at(60), note="Try one node first."
    )
    lost = test_run_thread.over(Reason.CLUSTER_LOST, checkpoint_store="volume models", resumes=True)
    return {
        "states-ahead": [
            card(running(progress=PACED, health=HealthState(open_findings=(SICK,))), NOW),
            card(test_checkpoint_views.RUNS["saves before its lease ends"], NOW),
            card(STOPPING, NOW),
            card(test_checkpoint_views.RUNS["fetching"], NOW),
        ],
        "states-ended": [
            card(ended(Reason.STOPPED, stop_requested_by="U0ANA", checkpoint_store="volume models"), NOW),
            card(declined.close(Reason.REFUSED, at(60)), NOW),
            card(change_run(lost, status=RunStatus.ENDED, closed_at=at(4060)), NOW),
            card(ended(Reason.FAILED, failure=OOM, job=JobState.FAILED, **test_run_thread.KEPT), NOW),
        ],
        "state-succeeded": [card(SUCCEEDED, NOW, previous=EARLIER), *list_notices(SUCCEEDED, "ended")],
        "notice-cluster": [
            build_orphan_message(test_cluster_views.ORPHANS[name], NOW + timedelta(minutes=1))
            for name in ("launched by hand", "of an ended run")
        ],
    }


def post(playground: Playground, messages: Sequence[Message]) -> None:
    """Post messages as the bot does."""
    client = build_web_client(BOT_TOKEN, playground.api_url)
    for message in messages:
        content = build_content([message], lambda shown: list(shown.blocks))
        client.chat_postMessage(channel=CHANNEL, **content)


def take(page: Page, name: str, first: int, count: int) -> None:
    """Save a picture of some messages, from the first one to the last one, once none of them moves any more."""
    articles, places = page.locator("main article"), None
    while places != (places := (find_clip(articles.nth(first), 0), find_clip(articles.nth(first + count - 1), 0))):
        page.wait_for_timeout(STILL_MILLISECONDS)
    top, bottom = places
    height = bottom["y"] + bottom["height"] - top["y"]
    clip: FloatRect = {"x": top["x"], "y": top["y"], "width": top["width"], "height": height}
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, clip=clip)
    compact_picture(path)


def take_all(browser: Browser, playground: Playground) -> None:
    pictures = list_pictures()
    for messages in pictures.values():
        post(playground, messages)
    total = sum(map(len, pictures.values()))
    for look, (width, dark) in LOOKS.items():
        page = browser.new_page(
            viewport={"width": width, "height": TALL},
            locale="en-US",
            color_scheme="dark" if dark else "light",
            bypass_csp=True,  # for the style below
        )
        page.goto(f"{playground.address}/#/{CHANNEL}")
        page.add_style_tag(content=".message.continued { padding-block: 12px; }")  # air between the cards
        expect(page.locator("main article")).to_have_count(total)
        expect(page.locator("main svg[role=img], main figure").first).to_be_visible()  # the chart is drawn last
        page.mouse.move(0, 0)
        page.evaluate("document.fonts.ready")
        first = 0
        for name, messages in pictures.items():
            take(page, f"{name}-{look}", first, len(messages))
            first += len(messages)
        page.close()


def main() -> None:
    playground = Playground()
    playground.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            take_all(browser, playground)
            browser.close()
    finally:
        playground.stop()


if __name__ == "__main__":
    main()
