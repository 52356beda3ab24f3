"""Work that takes longer than Slack waits for an acknowledgement: a few threads, and ways to answer afterwards."""

import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from secrets import token_hex
from typing import Any

from slack_bolt import Respond
from slack_sdk import WebClient

from bot.errors import Unavailable, UnreadableRecord, UserError
from bot.language import carried, say
from bot.precedence import Precedence
from bot.slack import answers
from bot.slack.answers import Answer
from bot.slack.client import PARSE, Doubtful, Limited, Refused, sorted_failures
from bot.slack.fair_pool import FairPool, Full

log = logging.getLogger(__name__)

Reply = Callable[[Answer], None]
"""Sends an answer to the person who requested it."""

CODE = re.compile(r"""(?:"error": ?"|^)([a-z]++(?:_[a-z]++)++)(?:"|$)""")
"""Matches Slack's error code, on its own or in JSON: response URLs answer either way."""

Said = Callable[[], Answer | None]
"""Renders the result of a person's request, in the language that is current where it is called."""

TRIES = 3
"""Maximum attempts to deliver a reply: a person reads it soon or never. After the last one only the log records it."""


class Errands:
    """Computes slow answers in the background, and sends ready ones without queueing behind them. Each answer is in
    the language of the context that requested it.

    Args:
        interactive_priority: the priority of people who wait for an acknowledgement.
        threads: how many answers are computed at once; max_tasks: how many may be in progress or waiting before
            more are refused.
        max_tasks_each: the same for one person; max_running_each: how many answers of one person are computed at once.
    """

    def __init__(
        self, precedence: Precedence, threads: int = 4, most: int = 50, most_each: int = 10, at_once_each: int = 2
    ) -> None:
        self._precedence = precedence
        self._waiting = FairPool(threads, most, most_each, at_once_each, "errand")
        self._bringing = ThreadPoolExecutor(2, thread_name_prefix="reply")

    def run(self, answer: Callable[[], Answer], reply: Reply, who: str = "") -> None:
        """Compute an answer in a thread, then deliver it.

        Args:
            user: the person who requested it; answers for other people are computed between two of that person's.

        Raises:
            UserError: too many requests are waiting already.
        """
        go = carried(self._go)
        try:
            self._waiting.submit(who, lambda: go(answer, reply))
        except Full as full:
            raise UserError(say("Too many questions at once."), say("Ask again in a minute.")) from full

    def say(self, answer: Answer, reply: Reply) -> None:
        """Deliver an answer that is ready. Never refused: a delivery waits for Slack only."""
        self._bringing.submit(carried(self._go), lambda: answer, reply)

    def bring_to(self, url: str, answer: Answer) -> None:
        """Deliver an answer to the response URL of a command."""
        self.say(answer, by_response_url(Respond(response_url=url)))

    def stop(self) -> None:
        """Cancel what has not begun."""
        self._waiting.stop()
        self._bringing.shutdown(wait=False, cancel_futures=True)

    def _go(self, answer: Callable[[], Answer], reply: Reply) -> None:
        """Compute an answer, or describe the error if that fails, and deliver it."""
        self._precedence.give_way()
        try:
            found = answer()
        except Exception as error:
            # The person waits for an answer, so every error becomes one.
            found = words_for(error)
        self._precedence.give_way()
        try:
            bring(found, reply)
        except Exception:
            log.exception("an answer could not be brought")


def bring(found: Answer, reply: Reply) -> None:
    """Deliver an answer; retry if Slack rate limits the call or does not answer."""
    for left in reversed(range(TRIES)):
        try:
            reply(found)
        except (Limited, Doubtful) as error:
            if not left:
                raise
            pause(min(error.wait.total_seconds(), 30) if isinstance(error, Limited) else 1)
        else:
            return


def pause(seconds: float) -> None:
    """Sleep between two attempts."""
    time.sleep(seconds)


def by_response_url(respond: Respond) -> Reply:
    """Return a responder that only the person sees, at the place of the command or button.

    Bolt's `respond` does not raise, so its status is checked.
    """

    def reply(answer: Answer) -> None:
        with sorted_failures():
            response: Any = respond(**answer | {"response_type": "ephemeral", "replace_original": False})
        check(response.status_code, response.headers, response.body)

    return reply


def check(status: int, headers: Any, body: str = "") -> None:
    """Raise what an HTTP status of Slack, and the error code in its body, mean for the message.

    Raises:
        SlackRateLimited, SlackUncertain, SlackRejected: the message did not arrive, or may not have arrived.
    """
    if status == 429:
        raise Limited(timedelta(seconds=float(headers.get("Retry-After", 1))))
    if status >= 500:
        raise Doubtful(f"Slack answered {status}")
    code = CODE.search(body)
    # A response URL may answer 200 and report the error in its body.
    if status != 200 or (code and '"ok":false' in body.replace(" ", "")):
        raise Refused(code[1] if code else str(status))


def in_thread(client: WebClient, channel: str, thread: str) -> Reply:
    """Return a responder that everyone sees, under the message with the command."""

    def reply(answer: Answer) -> None:
        with sorted_failures():
            client.chat_postMessage(channel=channel, thread_ts=thread, unfurl_links=False, parse=PARSE, **answer)

    return reply


def to_person(client: WebClient, channel: str, user: str, thread: str | None) -> Reply:
    """Return a responder that only the person sees, at the place of the mention."""

    def reply(answer: Answer) -> None:
        with sorted_failures():
            client.chat_postEphemeral(channel=channel, user=user, thread_ts=thread, parse=PARSE, **answer)

    return reply


def directly(client: WebClient, user: str) -> Reply:
    """Return a responder that sends a direct message."""

    def reply(answer: Answer) -> None:
        post_directly(client, user, answer)

    return reply


def post_directly(client: WebClient, user: str, answer: Answer) -> tuple[str, str]:
    """Send a direct message. Return its channel and its id.

    Raises:
        SlackRejected, SlackRateLimited, SlackUncertain: it may not have arrived.
    """
    with sorted_failures():
        posted = client.chat_postMessage(channel=user, unfurl_links=False, parse=PARSE, **answer)
    return str(posted["channel"]), str(posted["ts"])


def words_for(error: Exception) -> Answer:
    """Return what a person sees of an error; a bug of ours gets a reference to its traceback in the log."""
    if isinstance(error, UserError):
        return answers.refusal(error)
    if isinstance(error, Unavailable):
        return answers.unavailable(error)
    if isinstance(error, UnreadableRecord):
        return answers.unreadable(error)
    reference = token_hex(4)
    log.error("unexpected error (reference %s)", reference, exc_info=error)
    return answers.fault(reference)
