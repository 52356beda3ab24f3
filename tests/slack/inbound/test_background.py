from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest
from slack_bolt import Respond
from slack_sdk.webhook import WebhookResponse

from bot.app.rate_limits import InteractivePriority
from bot.errors import Unavailable, UserError
from bot.slack.inbound import background as module
from bot.slack.inbound.background import (
    REPLY_THREADS,
    BackgroundReplies,
    TriggeredResponder,
    check_response,
    deliver,
    fits_acknowledgement,
    respond_by_url,
)
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain
from bot.slack.views.message import Answer, build_text_answer
from bot.slack.views.mrkdwn import escape
from tests.waiting import SECONDS, eventually


def text(words: str) -> Answer:
    return build_text_answer(escape(words))


class AnsweringRespond(Respond):
    """A response URL with these statuses, in this order."""

    def __init__(self, statuses: tuple[int, ...]) -> None:
        super().__init__(response_url="http://127.0.0.1:9/nowhere")
        self.left = list(statuses)

    def __call__(self, *_: object, **__: object) -> WebhookResponse:
        return WebhookResponse(url="", status_code=self.left.pop(0), body="", headers={})


def raising(error: Exception) -> Callable[[], Answer]:
    def answer() -> Answer:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(lambda: text("lines"), "lines", id="an answer"),
        pytest.param(raising(UserError("No.", "Type yes.")), ":warning: No. Type yes.", id="a refusal"),
        pytest.param(raising(Unavailable("Nobody answers.")), "Nobody answers. Try again", id="silence"),
        pytest.param(raising(ZeroDivisionError()), "Something went wrong on my side", id="a mistake of ours"),
    ],
)
def test_the_person_is_told_whatever_comes_of_it(answer: Callable[[], Answer], said: str) -> None:
    told: list[Answer] = []
    BackgroundReplies(InteractivePriority()).answer_later(answer, told.append)
    eventually(lambda: told)
    assert said in told[0]["text"]


def test_a_reply_is_made_again_where_slack_asks_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(module, "pause", waits.append)
    troubles: list[Exception | None] = [SlackRateLimited(timedelta(seconds=7)), SlackUncertain("503"), None]

    def reply(_: Answer) -> None:
        if trouble := troubles.pop(0):
            raise trouble

    deliver(text("x"), reply)
    assert waits == [7, 1]


@pytest.mark.parametrize("statuses", [(503, 503, 503), (429, 503, 503), (503, 429, 429)])
def test_the_last_try_of_an_answer_that_its_url_does_not_take_is_another_way(
    monkeypatch: pytest.MonkeyPatch, statuses: tuple[int, ...]
) -> None:
    monkeypatch.setattr(module, "pause", lambda _: None)
    respond = AnsweringRespond(statuses)
    told: list[Answer] = []
    deliver(text("x"), respond_by_url(respond, fallback=told.append))
    assert (told, respond.left) == ([text("x")], [])


def test_an_answer_that_its_url_takes_at_last_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pause", lambda _: None)
    respond = AnsweringRespond((503, 503, 200))
    told: list[Answer] = []
    deliver(text("x"), respond_by_url(respond, fallback=told.append))
    assert (told, respond.left) == ([], [])


def test_a_reply_that_slack_refuses_is_not_repeated() -> None:
    tries: list[Answer] = []

    def reply(answer: Answer) -> None:
        tries.append(answer)
        raise SlackRejected("used_url")

    with pytest.raises(SlackRejected):
        deliver(text("x"), reply)
    assert len(tries) == 1


@pytest.mark.parametrize(("status", "error"), [(429, SlackRateLimited), (503, SlackUncertain), (404, SlackRejected)])
def test_what_an_answer_by_url_met_is_known_by_its_status(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_response(status, {"Retry-After": "3"})
    check_response(200, {})


def test_more_questions_than_places_are_refused_not_kept() -> None:
    released = Event()
    told: list[Answer] = []

    def slow() -> Answer:
        assert released.wait(SECONDS)
        return text("late")

    background_replies = BackgroundReplies(InteractivePriority(), threads=1, max_tasks=2)
    for _ in range(2):
        background_replies.answer_later(slow, told.append)
    with pytest.raises(UserError, match="Too many questions"):
        background_replies.answer_later(slow, told.append)
    released.set()
    eventually(lambda: len(told) == 2)


def test_a_ready_answer_is_brought_past_those_that_wait_and_is_never_refused() -> None:
    released, told = Event(), list[Answer]()
    background_replies = BackgroundReplies(InteractivePriority(), threads=1, max_tasks=1)
    background_replies.answer_later(lambda: text("slow" if released.wait(SECONDS) else "late"), told.append)
    with pytest.raises(UserError, match="Too many questions"):
        background_replies.answer_later(lambda: text("more"), told.append)
    background_replies.send(text("ready"), told.append)
    eventually(lambda: told)
    assert told == [text("ready")]
    released.set()
    eventually(lambda: len(told) == 2)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        pytest.param(200, "ok", None, id="taken"),
        pytest.param(200, '{"ok":true}', None, id="taken, in JSON"),
        pytest.param(200, '{"ok": false, "error": "invalid_blocks"}', "invalid_blocks", id="refused, in JSON"),
        pytest.param(404, '{"ok":false,"error":"invalid_blocks"}', "invalid_blocks", id="refused, by the status too"),
        pytest.param(400, "invalid_blocks", "invalid_blocks", id="refused, in a word"),
        pytest.param(404, "used_url", "used_url", id="too late"),
        pytest.param(403, "<html>Forbidden</html>", "403", id="refused by something between"),
    ],
)
def test_what_a_response_url_answers_is_understood_however_it_is_said(status: int, body: str, code: str | None) -> None:
    if code is None:
        check_response(status, {}, body)
        return
    with pytest.raises(SlackRejected) as refused:
        check_response(status, {}, body)
    assert refused.value.code == code


def test_slow_answers_never_hold_the_trigger_of_a_view() -> None:
    released, opened = Event(), list[Answer]()

    def slow(_: Answer) -> None:
        assert released.wait(SECONDS)

    background_replies = BackgroundReplies(InteractivePriority())
    for _ in range(3 * REPLY_THREADS):
        background_replies.send(text("slow"), slow)
    background_replies.send(text("view"), TriggeredResponder(opened.append, lambda: None))
    eventually(lambda: opened)
    released.set()


@pytest.mark.parametrize("error", [SlackRejected("expired_trigger_id"), SlackRateLimited(timedelta(seconds=9))])
def test_a_view_that_slack_does_not_open_is_explained_and_not_tried_again(error: Exception) -> None:
    tries: list[str] = []

    def open_view(_: Answer) -> None:
        tries.append("open")
        raise error

    deliver(text("view"), TriggeredResponder(open_view, lambda: tries.append("explain")))
    assert tries == ["open", "explain"]


@pytest.mark.parametrize("code", ["rate_limited", "ratelimited"])
def test_a_rate_limit_with_the_status_200_is_waited_for(code: str) -> None:
    with pytest.raises(SlackRateLimited) as met:
        check_response(200, {"Retry-After": "3"}, f'{{"ok": false, "error": "{code}"}}')
    assert met.value.retry_after == timedelta(seconds=3)


@pytest.mark.parametrize(("size", "fits"), [(100, True), (2_900, True), (14_000, False)])
def test_an_acknowledgement_holds_only_so_much(size: int, fits: bool) -> None:
    answer: Answer = {"text": "x" * size, "blocks": []}
    assert fits_acknowledgement(answer) is fits
