"""What of charts the workspace takes: Slack's own, or pictures, or words alone."""

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
"""After a refusal, before it is tried again: Slack brings a new block to one workspace after the other."""

RIPE, RIPE_AGAIN, TRIES = timedelta(seconds=2), timedelta(seconds=5), 4
"""Slack takes a second or so until a message may show a file that has just gone up (python-slack-sdk, issue 1521)."""

MOST_UPLOADS = 64
"""Pictures that are remembered, for a message whose fate is not known yet."""

IN_THREAD = mark("This workspace draws no charts: {picture} is in the thread of {run}.")


class Way(Enum):
    """How charts are shown."""

    NATIVE = "native"
    PICTURES = "pictures"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Hung:
    """A picture in Slack: its files, when they may be shown, and how often they have been in vain."""

    files: tuple[str, ...]
    ripe_at: datetime
    tries: int = 0


class Gallery:
    """Shows charts in the best way that the workspace has not refused lately.

    A message with charts is prepared, then posted or edited, and where Slack refuses that, prepared again.
    """

    def __init__(self, client: WebClient, painter: Painter, now: Now) -> None:
        self._client = client
        self._painter = painter
        self._now = now
        self._again: dict[Way, datetime] = {}
        self._hung: OrderedDict[str, Hung] = OrderedDict()

    @property
    def way(self) -> Way:
        now = self._now()
        return next((way for way in (Way.NATIVE, Way.PICTURES) if self._again.get(way, now) <= now), Way.WORDS)

    # messages of runs

    def prepare(self, messages: Sequence[Message]) -> timedelta:
        """Upload what these messages show, where it must be pictures; how long until they can be sent.

        Raises:
            Limited, Doubtful: of an upload, which nobody sees.
        """
        ripe = [self._hang(message) for message in messages if message.figures and self.way is Way.PICTURES]
        return max([timedelta(), *(at - self._now() for at in ripe)])

    def blocks(self, message: Message) -> list[Block]:
        """The message as the workspace takes it."""
        hung = self._hung.get(message.digest)
        if not message.figures or self.way is Way.NATIVE:
            return list(message.blocks)
        files = iter(hung.files if hung and self.way is Way.PICTURES else ())
        found = [swapped(block, files, message.alt_text) for block in message.blocks]
        return [block for block in found if block]

    def refused(self, messages: Sequence[Message]) -> None:
        """Slack has refused these messages as malformed: the next way, unless their pictures are just very new."""
        if self.way is Way.PICTURES:
            for digest, hung in [(one.digest, self._hung.get(one.digest)) for one in messages if one.figures]:
                if hung and hung.tries < TRIES:
                    self._hung[digest] = replace(hung, ripe_at=self._now() + RIPE_AGAIN, tries=hung.tries + 1)
                    return
        self._step_down(self.way)

    def _hang(self, message: Message) -> datetime:
        """When the message's pictures may be shown."""
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
        return sent(self._client, upload(figure, self._painter))[0]

    def _step_down(self, way: Way) -> None:
        if way is not Way.WORDS:
            log.warning("Slack refuses charts as %s; that is tried again in a day", way.value)
            self._again[way] = self._now() + REMEMBERED

    # answers to people

    def showing(self, reply: Reply, run: Run, figures: Sequence[Figure]) -> Reply:
        """Brings an answer with charts; where Slack draws none, its words, and the pictures into the run's thread.

        An answer to one person cannot show a file that is the bot's own (java-slack-sdk, issue 1349).
        """
        hang: Callable[[], Markup] = cache(lambda: self._note(run, figures))  # once, however often the reply is tried

        def shown(answer: Answer) -> None:
            if self.way is Way.NATIVE or not any(map(is_chart, answer["blocks"])):
                try:
                    reply(answer)
                except Refused as refused:
                    if refused.code not in MALFORMED:
                        raise
                    self._step_down(Way.NATIVE)
                else:
                    return
            reply(without(answer, hang()))

        return shown

    def _note(self, run: Run, figures: Sequence[Figure]) -> Markup:
        """Where the pictures are."""
        links: list[str | None] = []
        try:
            links = [into_thread(self._client, run, upload(figure, self._painter)) for figure in figures]
        except Unavailable as error:
            log.warning("run %s: %s", run.id, error)
        if not links or links[0] is None or None in links:
            return say("This workspace draws no charts, and a picture could not be sent.")
        return say(IN_THREAD, picture=link(links[0], say("a picture")), run=code(run.id))


def swapped(block: Block, files: Iterator[str], text: str) -> Block | None:
    """The next picture in place of a chart, None where there is none; any other block as it is."""
    if block["type"] != CHART:
        return block
    file = next(files, None)
    return picture(file, text) if file else None


def upload(figure: Figure, painter: Painter) -> Upload:
    return Upload("chart.png", str(figure.title), painter.paint(figure))
