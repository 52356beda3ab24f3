"""What a page is served, and what it sees of a workspace."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient

from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from slack_playground.slack import BOT_TOKEN
from tests.story import ANA, BEN, SECRET, TRAINING
from tests.waiting import eventually

MANIFEST: dict[str, Any] = {
    "features": {"slash_commands": [{"command": "/verl", "description": "Runs", "usage_hint": "launch | stop"}]},
    "oauth_config": {"scopes": {"bot": ["chat:write", "files:write"]}},
}
GUIDE = [{"title": "First", "text": "Launch.", "lines": ["/verl launch smoke"]}]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A built page, as far as a server is concerned."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><script src='./page/assets/app.js'></script>")
    (folder / "assets" / "app.js").write_text("draw()")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def playground(page: Path) -> Iterator[Playground]:
    server = Playground(manifest=MANIFEST, guide=GUIDE, page=page)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def web(playground: Playground) -> WebClient:
    return WebClient(BOT_TOKEN, base_url=playground.api_url)


def get(playground: Playground, path: str) -> httpx.Response:
    return httpx.get(f"{playground.address}{path}", trust_env=False)


def test_a_person_sees_what_is_his_and_nothing_else(slack: PlaygroundClient, web: WebClient) -> None:
    web.chat_postEphemeral(channel=TRAINING, user=ANA, text="only for Ana")
    Person(slack, channel=SECRET).says("in secret")
    ana, ben = Person(slack).looks(), Person(slack, BEN).looks()
    assert [message["text"] for message in ana["messages"]] == ["only for Ana", "in secret"]
    assert ben["messages"] == []
    assert {channel["name"] for channel in ana["channels"]} - {channel["name"] for channel in ben["channels"]} == {
        "secret"
    }


def test_a_page_is_told_who_is_there_and_what_there_is_to_do(slack: PlaygroundClient) -> None:
    seen = Person(slack).looks()
    assert {user["name"]: user["tz"] for user in seen["users"] if not user["is_bot"]} == {
        "ana": "Europe/Berlin",
        "ben": "America/Los_Angeles",
        "lea": "Asia/Shanghai",
    }
    assert seen["commands"] == [{"command": "/verl", "description": "Runs", "usage_hint": "launch | stop"}]
    assert seen["guide"] == GUIDE
    assert (seen["bot"], seen["connections"], seen["modal"], seen["home"]) == ("U0VERLBOT", 0, None, None)
    assert seen["team"] == {"id": "T0PLAY", "name": "playground"}


def test_a_direct_message_names_its_two(slack: PlaygroundClient, web: WebClient) -> None:
    web.chat_postMessage(channel=ANA, text="psst")
    betweens = [channel["between"] for channel in Person(slack).looks()["channels"]]
    assert [between for between in betweens if between] == [[ANA, "U0VERLBOT"]]


def test_a_look_waits_for_a_change_and_no_longer_than_asked(slack: PlaygroundClient) -> None:
    version = Person(slack).looks()["version"]
    began = time.monotonic()
    unchanged = slack.get("look", user=ANA, after=version, seconds=0.2)
    assert unchanged["version"] == version
    assert time.monotonic() - began >= 0.2
    speaker = Timer(0.2, lambda: Person(slack).says("hello"))
    speaker.start()
    changed = slack.get("look", user=ANA, after=version, seconds=30)
    speaker.join()
    assert [message["text"] for message in changed["messages"]] == ["hello"]
    assert time.monotonic() - began < 20
    assert slack.get("look", user=ANA, after=10**6, seconds=30)["version"], "a server that started anew has fewer"


def test_a_look_that_waits_is_answered_when_the_server_goes() -> None:
    server = Playground()
    server.start()
    look = f"{server.address}/control/look?user=U0ANA&after=0&seconds=50"
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.get, look, trust_env=False, timeout=60)
        eventually(lambda: server._slack.changed._waiters)  # those who wait, as asyncio keeps them
        server.stop()
        assert answer.result().status_code == 200


def test_a_look_of_nobody_is_refused(playground: Playground) -> None:
    assert get(playground, "/control/look?user=U9").status_code == 400


def test_the_record_is_read_on_from_where_one_stopped(slack: PlaygroundClient, web: WebClient) -> None:
    web.chat_postMessage(channel=TRAINING, text="1")
    first = slack.get("record")
    web.chat_postMessage(channel=TRAINING, text="2")
    second = slack.get("record", after=first["last"])
    assert [entry["number"] for entry in second["entries"]] == [first["last"] + 1] == [second["last"]]
    assert second["entries"][0]["name"] == "chat.postMessage"


def test_the_page_is_served_with_its_scripts_and_guarded(playground: Playground) -> None:
    front = get(playground, "/")
    assert front.headers["Content-Type"].startswith("text/html")
    script = get(playground, "/page/assets/app.js")
    assert (script.text, script.headers["Content-Type"].split(";")[0]) == ("draw()", "text/javascript")
    for response in (front, script):
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/page/../secret.txt", "/page/%2e%2e/secret.txt", "/page/assets/", "/page/other.js"])
def test_nothing_but_the_page_is_served(playground: Playground, path: str) -> None:
    assert get(playground, path).status_code == 404


def test_where_there_is_no_page_it_says_how_to_make_one(playground: Playground, page: Path) -> None:
    (page / "index.html").unlink()
    assert "make page" in get(playground, "/").text


PNG, JPEG, GIF = b"\x89PNG\r\n\x1a\nrest", b"\xff\xd8\xff\xe0rest", b"GIF89arest"
FILES = [
    pytest.param("curve.png", PNG, "image/png", id="png"),
    pytest.param("photo.jpg", JPEG, "image/jpeg", id="jpeg"),
    pytest.param("run.gif", GIF, "image/gif", id="gif"),
    pytest.param("curve.webp", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp", id="webp"),
    pytest.param("run.log", b"line 1", "text/plain", id="a log"),
    pytest.param("page.html", b"<script>alert(1)</script>", "text/plain", id="a page"),
    pytest.param("drawing.svg", b"<svg onload='alert(1)'/>", "text/plain", id="a drawing that can hold a script"),
    pytest.param("curve.png", b"<script>alert(1)</script>", "text/plain", id="a page that calls itself a picture"),
]


@pytest.mark.parametrize(("name", "content", "mimetype"), FILES)
def test_pictures_are_shown_and_all_else_is_text(
    playground: Playground, slack: PlaygroundClient, web: WebClient, name: str, content: bytes, mimetype: str
) -> None:
    web.files_upload_v2(channel=TRAINING, content=content, filename=name, title="A file")
    seen = Person(slack).looks()
    file = seen["files"][seen["messages"][0]["files"][0]]
    assert (file["name"], file["title"], file["size"], file["mimetype"]) == (name, "A file", len(content), mimetype)
    served = get(playground, file["url"])
    assert served.content == content
    assert served.headers["Content-Type"].split(";")[0] == mimetype
    assert served.headers["X-Content-Type-Options"] == "nosniff"


def test_a_reaction_is_added_and_taken_back(slack: PlaygroundClient) -> None:
    ana = Person(slack)
    ts = ana.says("hello")["ts"]
    ana.reacts(ts, "eyes")
    assert ana.looks()["messages"][0]["reactions"] == {"eyes": [ANA]}
    ana.reacts(ts, "eyes")
    assert ana.looks()["messages"][0]["reactions"] == {}
    with pytest.raises(LookupError):
        ana.reacts("1.1", "eyes")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        pytest.param("/archives/C0TRAIN/p1700000000000100", "/#/C0TRAIN/1700000000.000100", id="a message"),
        pytest.param(
            "/archives/C0TRAIN/p1700000009000200?thread_ts=1700000000.000100&cid=C0TRAIN",
            "/#/C0TRAIN/1700000009.000200",
            id="a reply",
        ),
        pytest.param("/archives/C0TRAIN", "/#/C0TRAIN", id="a channel"),
        pytest.param("/archives/C0TRAIN/what", "/#/C0TRAIN", id="no message"),
        pytest.param("/archives/%3Cb%3E", "/#/%3Cb%3E", id="markup"),
    ],
)
def test_a_link_to_a_message_leads_to_its_place_on_the_page(playground: Playground, path: str, place: str) -> None:
    answer = get(playground, path)
    assert (answer.status_code, answer.headers.get("location")) == (307, place)
