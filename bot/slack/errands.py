"""What takes longer than Slack waits for an acknowledgement: a few threads, and ways to answer afterwards."""

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
"""Brings an answer to the person who asked."""

CODE = re.compile(r"""(?:"error": ?"|^)([a-z]++(?:_[a-z]++)++)(?:"|$)""")
"""Slack's word for a refusal, by itself or in JSON: response URLs answer either way."""

Said = Callable[[], Answer | None]
"""What a person's wish has come to, to be said in whatever language is spoken where it is called."""

TRIES = 3
"""A reply is read at once or never; after these it is given up, and said in the log."""


class Errands:
    """Runs slow answers in the background, and brings ready ones past those that wait. Each is in the language that
    was spoken where it was asked for.

    Args:
        precedence: of those who wait for an acknowledgement.
        threads: that wait for machines at once; most: with those that wait for a thread, before more are refused.
        most_each: likewise, of one person; at_once_each: of one person that wait for machines at once.
    """

    def __init__(
        self, precedence: Precedence, threads: int = 4, most: int = 50, most_each: int = 10, at_once_each: int = 2
    ) -> None:
        self._precedence = precedence
        self._waiting = FairPool(threads, most, most_each, at_once_each, "errand")
        self._bringing = ThreadPoolExecutor(2, thread_name_prefix="reply")

    def run(self, answer: Callable[[], Answer], reply: Reply, who: str = "") -> None:
        """Find the answer in a thread, then bring it.

        Args:
            who: the person whose question it is, so that others' are answered between two of that person's.

        Raises:
            UserError: too many wait already.
        """
        go = carried(self._go)
        try:
            self._waiting.submit(who, lambda: go(answer, reply))
        except Full as full:
            raise UserError(say("Too many questions at once."), say("Ask again in a minute.")) from full

    def say(self, answer: Answer, reply: Reply) -> None:
        """Bring an answer that is there already. Never refused: what is brought waits for Slack alone."""
        self._bringing.submit(carried(self._go), lambda: answer, reply)

    def bring_to(self, url: str, answer: Answer) -> None:
        """Bring an answer to the address that a command came with."""
        self.say(answer, by_response_url(Respond(response_url=url)))

    def stop(self) -> None:
        self._waiting.stop()
        self._bringing.shutdown(wait=False, cancel_futures=True)

    def _go(self, answer: Callable[[], Answer], reply: Reply) -> None:
        self._precedence.give_way()
        try:
            found = answer()
        except Exception as error:  # whatever it is, the person is told
            found = words_for(error)
        self._precedence.give_way()
        try:
            bring(found, reply)
        except Exception:
            log.exception("an answer could not be brought")


def bring(found: Answer, reply: Reply) -> None:
    """Reply, again where Slack asks to wait or gives no answer."""
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
    time.sleep(seconds)


def by_response_url(respond: Respond) -> Reply:
    """Only the person sees it, where the command or the button was. Bolt's respond does not raise: its status tells."""

    def reply(answer: Answer) -> None:
        with sorted_failures():
            response: Any = respond(**answer | {"response_type": "ephemeral", "replace_original": False})
        check(response.status_code, response.headers, response.body)

    return reply


def check(status: int, headers: Any, body: str = "") -> None:
    """What an HTTP status of Slack's, and the code beside it, mean for what was sent."""
    if status == 429:
        raise Limited(timedelta(seconds=float(headers.get("Retry-After", 1))))
    if status >= 500:
        raise Doubtful(f"Slack answered {status}")
    code = CODE.search(body)
    if status != 200 or (code and '"ok":false' in body.replace(" ", "")):
        raise Refused(code[1] if code else str(status))


def in_thread(client: WebClient, channel: str, thread: str) -> Reply:
    """Everybody sees it, under the message that asked."""

    def reply(answer: Answer) -> None:
        with sorted_failures():
            client.chat_postMessage(channel=channel, thread_ts=thread, unfurl_links=False, parse=PARSE, **answer)

    return reply


def to_person(client: WebClient, channel: str, user: str, thread: str | None) -> Reply:
    """Only the person sees it, where the mention was."""

    def reply(answer: Answer) -> None:
        with sorted_failures():
            client.chat_postEphemeral(channel=channel, user=user, thread_ts=thread, parse=PARSE, **answer)

    return reply


def directly(client: WebClient, user: str) -> Reply:
    """As a direct message: only the person sees it, wherever he is."""

    def reply(answer: Answer) -> None:
        post_directly(client, user, answer)

    return reply


def post_directly(client: WebClient, user: str, answer: Answer) -> tuple[str, str]:
    """Send a direct message; return its channel and its id.

    Raises:
        Refused, Limited, Doubtful: it may not be there.
    """
    with sorted_failures():
        posted = client.chat_postMessage(channel=user, unfurl_links=False, parse=PARSE, **answer)
    return str(posted["channel"]), str(posted["ts"])


def words_for(error: Exception) -> Answer:
    """What a person is told of an error; a mistake of ours gets a reference to its traceback in the log."""
    if isinstance(error, UserError):
        return answers.refusal(error)
    if isinstance(error, Unavailable):
        return answers.unavailable(error)
    if isinstance(error, UnreadableRecord):
        return answers.unreadable(error)
    reference = token_hex(4)
    log.error("unexpected error (reference %s)", reference, exc_info=error)
    return answers.fault(reference)
