"""Charts in the form that the workspace accepts: Slack's own charts, pictures, or text only."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import cache

from slack_sdk import WebClient

from bot.core.figure import Figure
from bot.core.run import Run
from bot.errors import Unavailable
from bot.language import mark
from bot.ports import Now, Painter
from bot.slack.answers import Answer
from bot.slack.blocks import CHART, Block, picture
from bot.slack.charts import is_chart
from bot.slack.client import Refused
from bot.slack.errands import Reply
from bot.slack.files import Upload, into_thread, sent
from bot.slack.message import Message
from bot.slack.messages import MALFORMED
from bot.slack.phrases import say
from bot.slack.plotted import without
from bot.slack.text import Markup, code, link

log = logging.getLogger(__name__)

REMEMBERED = timedelta(days=1)
"""How long a rejected mode is avoided: Slack introduces a new block in one workspace after the other."""

RIPE, RIPE_AGAIN, TRIES = timedelta(seconds=2), timedelta(seconds=5), 4
"""Delay before an uploaded file is shown, delay after a rejection, and maximum tries: Slack needs about a second until
a message may show a new file (python-slack-sdk, issue 1521)."""

MOST_UPLOADS = 64
"""Maximum messages whose uploads are remembered, for a message of unknown fate."""

IN_THREAD = mark("This workspace draws no charts: {picture} is in the thread of {run}.")


class Way(Enum):
    """How charts are shown."""

    NATIVE = "native"
    PICTURES = "pictures"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Hung:
    """The chart pictures of a message in Slack: their files, when these are usable, and how often Slack has rejected
    them.
    """

    files: tuple[str, ...]
    ripe_at: datetime
    tries: int = 0


class Gallery:
    """Shows charts in the best mode that the workspace has not rejected lately.

    A message with charts is prepared, then posted or edited; if Slack rejects that, it is prepared again.
    """

    def __init__(self, client: WebClient, painter: Painter, now: Now) -> None:
        self._client = client
        self._painter = painter
        self._now = now
        self._again: dict[Way, datetime] = {}
        self._hung: OrderedDict[str, Hung] = OrderedDict()

    @property
    def way(self) -> Way:
        """Return the best mode that the workspace has not rejected lately."""
        now = self._now()
        return next((way for way in (Way.NATIVE, Way.PICTURES) if self._again.get(way, now) <= now), Way.WORDS)

    # messages of runs

    def prepare(self, messages: Sequence[Message]) -> timedelta:
        """Upload the charts of these messages if they must be pictures. Return the time until the messages can be
        sent.

        Raises:
            SlackRateLimited, SlackUncertain: an upload failed; nothing of it is visible in Slack.
        """
        ripe = [self._hang(message) for message in messages if message.figures and self.way is Way.PICTURES]
        return max([timedelta(), *(at - self._now() for at in ripe)])

    def blocks(self, message: Message) -> list[Block]:
        """Return the blocks of the message in the current mode."""
        hung = self._hung.get(message.digest)
        if not message.figures or self.way is Way.NATIVE:
            return list(message.blocks)
        files = iter(hung.files if hung and self.way is Way.PICTURES else ())
        found = [swapped(block, files, message.alt_text) for block in message.blocks]
        return [block for block in found if block]

    def refused(self, messages: Sequence[Message]) -> None:
        """Record that Slack has rejected these messages as malformed: try the next mode, unless their pictures are
        very new.
        """
        if self.way is Way.PICTURES:
            for digest, hung in [(one.digest, self._hung.get(one.digest)) for one in messages if one.figures]:
                # Slack may have rejected the message because its files are too new, not because of their kind.
                if hung and hung.tries < TRIES:
                    self._hung[digest] = replace(hung, ripe_at=self._now() + RIPE_AGAIN, tries=hung.tries + 1)
                    return
        self._step_down(self.way)

    def _hang(self, message: Message) -> datetime:
        """Upload the message's charts once. Return when they are usable."""
        if message.digest not in self._hung:
            try:
                files = [self._sent(figure) for figure in message.figures]
            except (Refused, Unavailable) as error:
                log.warning("charts go without pictures: %s", error)
                self._step_down(Way.PICTURES)
                return self._now()
            self._hung[message.digest] = Hung(tuple(files), self._now() + RIPE)
            while len(self._hung) > MOST_UPLOADS:
                self._hung.popitem(last=False)
        return self._hung[message.digest].ripe_at

    def _sent(self, figure: Figure) -> str:
        """Upload a chart as a picture. Return Slack's id of the file."""
        return sent(self._client, upload(figure, self._painter))[0]

    def _step_down(self, way: Way) -> None:
        """Avoid a mode for a day."""
        if way is not Way.WORDS:
            log.warning("Slack refuses charts as %s; that is tried again in a day", way.value)
            self._again[way] = self._now() + REMEMBERED

    # answers to people

    def showing(self, reply: Reply, run: Run, figures: Sequence[Figure]) -> Reply:
        """Return a responder for an answer with charts. If Slack draws none, it sends the text, and the pictures go
        into the run's thread.

        An answer to one person cannot show a file that belongs to the bot (java-slack-sdk, issue 1349).
        """
        # The reply may be tried several times; the pictures are uploaded once.
        hang: Callable[[], Markup] = cache(lambda: self._note(run, figures))

        def shown(answer: Answer) -> None:
            """Send the answer with charts; if Slack rejects them, send it without and with a note."""
            if self.way is Way.NATIVE or not any(map(is_chart, answer["blocks"])):
                try:
                    reply(answer)
                except Refused as refused:
                    # Only a malformed block means that this workspace does not know charts.
                    if refused.code not in MALFORMED:
                        raise
                    self._step_down(Way.NATIVE)
                else:
                    return
            reply(without(answer, hang()))

        return shown

    def _note(self, run: Run, figures: Sequence[Figure]) -> Markup:
        """Upload the pictures into the run's thread. Return a note on where they are."""
        links: list[str | None] = []
        try:
            links = [into_thread(self._client, run, upload(figure, self._painter)) for figure in figures]
        except Unavailable as error:
            log.warning("run %s: %s", run.id, error)
        if not links or links[0] is None or None in links:
            return say("This workspace draws no charts, and a picture could not be sent.")
        return say(IN_THREAD, picture=link(links[0], say("a picture")), run=code(run.id))


def swapped(block: Block, files: Iterator[str], text: str) -> Block | None:
    """Return the next picture in place of a chart, None if there is none left; any other block unchanged."""
    if block["type"] != CHART:
        return block
    file = next(files, None)
    return picture(file, text) if file else None


def upload(figure: Figure, painter: Painter) -> Upload:
    """Return a chart as a PNG file to upload."""
    return Upload("chart.png", str(figure.title), painter.paint(figure))
