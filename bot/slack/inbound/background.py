"""Answers that take longer than Slack waits: a pool shared fairly among people, and ways to deliver the answer."""

import json
import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from slack_bolt import Respond
from slack_sdk import WebClient

from bot.app.rate_limits import InteractivePriority
from bot.errors import Unavailable, UnreadableRecord, UserError
from bot.i18n import with_language_context
from bot.phrase import Phrase
from bot.slack.inbound.bolt_app import find_pressed_thread
from bot.slack.inbound.fair_queue import FairPool, PoolFull
from bot.slack.outbound.refusals import (
    MALFORMED_CODES,
    NO_PERMISSION_CODES,
    REPLY_CODES,
    Refusal,
    classify_refusal,
)
from bot.slack.outbound.web_client import (
    PARSE_MODE,
    RATE_LIMIT_CODES,
    SlackRateLimited,
    SlackRejected,
    SlackUncertain,
    classify_slack_errors,
    read_retry_after,
)
from bot.slack.views import answers
from bot.slack.views.message import Answer, Responder

log = logging.getLogger(__name__)

ERROR_CODE = re.compile(r"""(?:"error": ?"|^)([a-z]++(?:_[a-z]++)*+)(?:"|$)""")
"""Matches Slack's error code, on its own or in JSON: response URLs answer either way."""

DeferredAnswer = Callable[[], Answer | None]
"""Renders the result of a person's request, in the language that is current where it is called."""

REPLY_THREADS, TRIGGER_THREADS = 8, 4
"""Threads for ready answers, each of which may wait half a minute for Slack, and for views that must open at once."""

MAX_ACK_CHARACTERS = 13_000
"""Maximum characters of an acknowledgement, as JSON: Slack drops one of more than about 13,200."""

MAX_DELIVERY_ATTEMPTS = 3
"""Maximum attempts to deliver a reply: a person reads it soon or never. After the last one only the log records it."""


@dataclass(frozen=True, slots=True)
class TriggeredResponder:
    """A responder that opens a view. Slack forgets its trigger after three seconds, so it waits behind nothing.

    Attributes:
        explain: tells the person that Slack has opened nothing.
    """

    open_view: Responder
    explain: Callable[[], None]

    def __call__(self, answer: Answer) -> None:
        """Open the view once; explain where Slack does not open it."""
        try:
            self.open_view(answer)
        except (SlackRejected, SlackRateLimited, SlackUncertain) as error:
            log.warning("Slack did not open a view: %s", getattr(error, "code", error))
            self.explain()


class BackgroundReplies:
    """Computes slow answers in the background, and sends ready ones without queueing behind them. Each answer is in
    the language of the context that requested it.

    Args:
        interactive_priority: the priority of people who wait for an acknowledgement.
        threads: how many answers are computed at once; max_tasks: how many may be in progress or waiting before
            more are refused.
        max_tasks_each: the same for one person; max_running_each: how many answers of one person are computed at once.
    """

    def __init__(
        self,
        interactive_priority: InteractivePriority,
        threads: int = 4,
        max_tasks: int = 50,
        max_tasks_each: int = 10,
        max_running_each: int = 2,
    ) -> None:
        self._interactive_priority = interactive_priority
        self._answer_pool = FairPool(threads, max_tasks, max_tasks_each, max_running_each, "answer")
        self._reply_pool = ThreadPoolExecutor(REPLY_THREADS, thread_name_prefix="reply")
        self._trigger_pool = ThreadPoolExecutor(TRIGGER_THREADS, thread_name_prefix="trigger")

    def answer_later(self, compute_answer: Callable[[], Answer], responder: Responder, user: str = "") -> None:
        """Compute an answer in a thread, then deliver it.

        Args:
            user: the person who requested it; answers for other people are computed between two of that person's.

        Raises:
            UserError: too many requests are waiting already.
        """
        answer_and_deliver = with_language_context(self._answer_and_deliver)
        try:
            self._answer_pool.submit(user, lambda: answer_and_deliver(compute_answer, responder))
        except PoolFull as error:
            raise UserError(Phrase("Too many questions at once."), Phrase("Ask again in a minute.")) from error

    def send(self, answer: Answer, responder: Responder) -> None:
        """Deliver an answer that is ready. Never refused: a delivery waits for Slack only, and a view for nothing."""
        pool = self._trigger_pool if isinstance(responder, TriggeredResponder) else self._reply_pool
        pool.submit(with_language_context(self._answer_and_deliver), lambda: answer, responder)

    def stop(self) -> None:
        """Cancel what has not begun."""
        self._answer_pool.stop()
        for pool in (self._reply_pool, self._trigger_pool):
            pool.shutdown(wait=False, cancel_futures=True)

    def _answer_and_deliver(self, compute_answer: Callable[[], Answer], responder: Responder) -> None:
        """Compute an answer, or describe the error if that fails, and deliver it."""
        is_urgent = isinstance(responder, TriggeredResponder)
        if not is_urgent:
            self._interactive_priority.yield_to_interactive()
        try:
            result = compute_answer()
        except Exception as error:
            # The person waits for an answer, so every error becomes one.
            result = render_error(error)
        if not is_urgent:
            self._interactive_priority.yield_to_interactive()
        try:
            deliver(result, responder)
        except Exception:
            log.exception("an answer could not be brought")


def deliver(answer: Answer, responder: Responder) -> None:
    """Deliver an answer; as text alone where Slack takes its blocks for malformed."""
    try:
        deliver_patiently(answer, responder)
    except SlackRejected as error:
        if error.code not in MALFORMED_CODES:
            raise
        log.error("Slack refuses an answer as %s; it goes without blocks", error.code)
        deliver_patiently(without_blocks(answer), responder)


def deliver_patiently(answer: Answer, responder: Responder) -> None:
    """Deliver an answer; retry if Slack rate limits the call or does not answer."""
    for tries_left in reversed(range(MAX_DELIVERY_ATTEMPTS)):
        try:
            responder(answer)
        except (SlackRateLimited, SlackUncertain) as error:
            if not tries_left:
                raise
            pause(min(error.retry_after.total_seconds(), 30) if isinstance(error, SlackRateLimited) else 1)
        else:
            return


def pause(seconds: float) -> None:
    """Sleep between two attempts."""
    time.sleep(seconds)


def respond_by_url(respond: Respond, thread: str | None = None, fallback: Responder | None = None) -> Responder:
    """Return a responder that only the person sees, at the place of the command or button.

    Bolt's `respond` does not raise, so its status is checked.

    Args:
        thread: the thread of the button; without it, Slack shows the answer in the channel.
        fallback: sends the answer where the URL takes none: it is used up after five answers or half an hour. Also the
            last attempt is the fallback's: an answer may come twice, which is better than no answer.
    """
    failures: list[Exception] = []
    place = {"thread_ts": thread} if thread else {}

    def send_answer(answer: Answer) -> None:
        with classify_slack_errors():
            response: Any = respond(**answer | {"response_type": "ephemeral", "replace_original": False} | place)
        check_response(response.status_code, response.headers, response.body)

    def send_or_fall_back(answer: Answer) -> None:
        try:
            send_answer(answer)
        except SlackRejected as error:
            # A sender of tables or charts shows in another way what Slack takes for malformed.
            if fallback is None or error.code in MALFORMED_CODES:
                raise
            fallback(answer)
        except (SlackRateLimited, SlackUncertain) as error:
            failures.append(error)
            if fallback is None or len(failures) < MAX_DELIVERY_ATTEMPTS:
                raise
            fallback(answer)

    return send_or_fall_back


def respond_to_command(respond: Respond, client: WebClient, command: dict[str, Any]) -> Responder:
    """Return a responder that only the person who typed a slash command sees."""
    return respond_by_url(
        respond, fallback=respond_to_person(client, command["channel_id"], command["user_id"], thread=None)
    )


def respond_where_pressed(respond: Respond, client: WebClient, body: dict[str, Any]) -> Responder:
    """Return a responder that only the person sees, where the person pressed a button."""
    user, channel, thread = body["user"]["id"], (body.get("channel") or {}).get("id"), find_pressed_thread(body)
    fallback = respond_to_person(client, channel, user, thread) if channel else respond_directly(client, user)
    return respond_by_url(respond, thread, fallback)


def check_response(status: int, headers: Any, body: str = "") -> None:
    """Raise what an HTTP status of Slack, and the error code in its body, mean for the message.

    Raises:
        SlackRateLimited, SlackUncertain, SlackRejected: the message did not arrive, or may not have arrived.
    """
    code = ERROR_CODE.search(body)
    if status == 429 or (code and code[1] in RATE_LIMIT_CODES):
        raise SlackRateLimited(read_retry_after(headers))
    if status >= 500:
        raise SlackUncertain(f"Slack answered {status}")
    # A response URL may answer 200 and report the error in its body.
    if status != 200 or (code and '"ok":false' in body.replace(" ", "")):
        raise SlackRejected(code[1] if code else str(status))


def respond_in_thread(client: WebClient, channel: str, thread: str | None, user: str = "") -> Responder:
    """Return a responder that everyone sees, under the message with the command; without a thread, below it.

    Where Slack has closed the thread, the answer goes to the channel; where it refuses that too, to the person alone.
    """

    def send_answer(answer: Answer, thread_ts: str | None = thread) -> None:
        with classify_slack_errors():
            client.chat_postMessage(
                channel=channel, thread_ts=thread_ts, unfurl_links=False, parse=PARSE_MODE, **answer
            )

    def respond(answer: Answer) -> None:
        try:
            try:
                send_answer(answer)
            except SlackRejected as error:
                if classify_refusal(error.code, REPLY_CODES) is not Refusal.THREAD_CLOSED:
                    raise
                send_answer(answer, None)
        except SlackRejected as error:
            # Text alone may still come here, and a bot without its rights can write to no person.
            if not user or error.code in MALFORMED_CODES | NO_PERMISSION_CODES:
                raise
            post_direct_message(client, user, answer)

    return respond


def respond_to_person(client: WebClient, channel: str, user: str, thread: str | None) -> Responder:
    """Return a responder that only the person sees, at the place of the mention; in a direct message where Slack shows
    nothing there.
    """

    def send_answer(answer: Answer) -> None:
        try:
            with classify_slack_errors():
                client.chat_postEphemeral(channel=channel, user=user, thread_ts=thread, parse=PARSE_MODE, **answer)
        except SlackRejected as error:
            if error.code in NO_PERMISSION_CODES:
                raise
            post_direct_message(client, user, answer if error.code not in MALFORMED_CODES else without_blocks(answer))

    return send_answer


def without_blocks(answer: Answer) -> Answer:
    """Return an answer as text alone, for a workspace that takes its blocks for malformed."""
    return {**answer, "blocks": []}


def respond_directly(client: WebClient, user: str) -> Responder:
    """Return a responder that sends a direct message."""

    def send_answer(answer: Answer) -> None:
        post_direct_message(client, user, answer)

    return send_answer


def post_direct_message(client: WebClient, user: str, answer: Answer) -> tuple[str, str]:
    """Send a direct message. Return its channel and its id.

    Raises:
        SlackRejected, SlackRateLimited, SlackUncertain: it may not have arrived.
    """
    with classify_slack_errors():
        response = client.chat_postMessage(channel=user, unfurl_links=False, parse=PARSE_MODE, **answer)
    return str(response["channel"]), str(response["ts"])


def fits_acknowledgement(answer: Answer) -> bool:
    """Return whether Slack takes an answer in the acknowledgement of a command."""
    return len(json.dumps(answer, ensure_ascii=False)) <= MAX_ACK_CHARACTERS


def render_error(error: Exception) -> Answer:
    """Return what a person sees of an error; a bug of ours gets a reference to its traceback in the log."""
    if isinstance(error, UserError):
        return answers.render_user_error(error)
    if isinstance(error, Unavailable):
        return answers.render_unavailable(error)
    if isinstance(error, UnreadableRecord):
        return answers.render_unreadable_record(error)
    reference = token_hex(4)
    log.error("unexpected error (reference %s)", reference, exc_info=error)
    return answers.render_internal_error(reference)
