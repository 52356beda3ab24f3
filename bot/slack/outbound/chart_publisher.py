"""Charts of messages and answers: in the best way that Slack has not refused lately, as pictures uploaded once."""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import cache

from slack_sdk import WebClient

from bot.app.ports import ChartRenderer, Now
from bot.core.model.run import Run
from bot.core.rules.chart_data import Chart, render_labels
from bot.errors import Unavailable
from bot.i18n import render
from bot.slack.outbound.file_uploads import render_upload_failure, upload_file, upload_to_thread
from bot.slack.outbound.refusals import MALFORMED_CODES
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain
from bot.slack.views.blocks import Block
from bot.slack.views.chart_blocks import CHART, picture
from bot.slack.views.chart_views import remove_charts
from bot.slack.views.message import (
    Answer,
    FileUpload,
    Message,
    Responder,
    is_chart,
)
from bot.slack.views.mrkdwn import Markup, code, join_markup_sentences, link, render_phrase

log = logging.getLogger(__name__)


UPLOAD_SETTLING_TIME, UPLOAD_RETRY_DELAY, MAX_UPLOAD_TRIES = timedelta(seconds=2), timedelta(seconds=5), 4
"""Delay before an uploaded file is shown, delay after a rejection, and maximum tries: Slack needs about a second until
a message may show a new file (python-slack-sdk, issue 1521)."""

MAX_REMEMBERED_UPLOADS = 64
"""Maximum messages whose uploads are remembered, for a message of unknown fate."""


REFUSAL_LIFETIME = timedelta(days=1)
"""How long a rejected mode is avoided: Slack introduces a new block in one workspace after the other."""

UNKNOWN_BLOCK = re.compile(
    r"unsupported|unknown (?:block|type)|not (?:supported|enabled|available|allowed)", re.IGNORECASE
)
"""Matches Slack's reasons for refusing every chart; any other reason concerns the one chart."""

MAX_REFUSED_CHARTS = 3
"""Number of different charts that Slack refuses in a day before every chart counts as refused: a response URL, and some
plans, give no reason."""


class ChartMode(Enum):
    """How charts are shown."""

    NATIVE = "native"
    PICTURES = "pictures"
    WORDS = "words"


class ChartModes:
    """Remembers for a day which charts Slack has refused, by their titles."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._workspace_until: dict[ChartMode, datetime] = {}
        self._chart_until: dict[tuple[ChartMode, str], datetime] = {}

    def choose(self, titles: Collection[str] = ()) -> ChartMode:
        """Return the best mode that has not been refused lately for any of these charts."""
        modes = (mode for mode in (ChartMode.NATIVE, ChartMode.PICTURES) if not self._is_refused(mode, titles))
        return next(modes, ChartMode.WORDS)

    def refuse(self, mode: ChartMode, titles: Collection[str], reasons: Sequence[str] = ()) -> None:
        """Avoid a mode for these charts; for all, where the reason is that the workspace does not know such blocks."""
        if mode is ChartMode.WORDS:
            return
        now = self._now()
        until = now + REFUSAL_LIFETIME
        self._chart_until = {key: time for key, time in self._chart_until.items() if time > now}
        self._chart_until |= {(mode, title): until for title in titles}
        refused_count = sum(refused_mode is mode for refused_mode, _ in self._chart_until)
        is_unexplained = not reasons and refused_count >= MAX_REFUSED_CHARTS
        if is_unexplained or any(map(UNKNOWN_BLOCK.search, reasons)):
            self.refuse_everywhere(mode)
        else:
            log.warning("Slack refuses %s as %s; it is tried again in a day: %s", sorted(titles), mode.value, reasons)

    def refuse_everywhere(self, mode: ChartMode) -> None:
        """Avoid a mode for every chart of the workspace."""
        log.warning("Slack refuses charts as %s; that is tried again in a day", mode.value)
        self._workspace_until[mode] = self._now() + REFUSAL_LIFETIME

    def _is_refused(self, mode: ChartMode, titles: Collection[str]) -> bool:
        now = self._now()
        times = [self._workspace_until.get(mode, now), *(self._chart_until.get((mode, title), now) for title in titles)]
        return max(times) > now


@dataclass(frozen=True, slots=True)
class UploadedChart:
    """The chart pictures of a message in Slack: their files, when these are usable, and how often Slack has rejected
    them.
    """

    files: tuple[str, ...]
    usable_at: datetime
    tries: int = 0


class ChartPublisher:
    """Shows charts in the best mode that the workspace has not rejected lately.

    A message with charts is prepared, then posted or edited; if Slack rejects that, it is prepared again.
    """

    def __init__(self, client: WebClient, renderer: ChartRenderer, now: Now) -> None:
        self._client = client
        self._renderer = renderer
        self._now = now
        self._modes = ChartModes(now)
        self._uploaded_charts: OrderedDict[str, UploadedChart] = OrderedDict()

    # messages of runs

    def needs_upload(self, messages: Sequence[Message]) -> bool:
        """Return whether a chart of these messages must be uploaded as a picture first."""
        return any(
            message.charts
            and message.digest not in self._uploaded_charts
            and self._choose_mode(message.charts) is ChartMode.PICTURES
            for message in messages
        )

    def prepare_charts(self, messages: Sequence[Message]) -> timedelta:
        """Upload the charts of these messages if they must be pictures. Return the time until the messages can be
        sent.

        Raises:
            SlackRateLimited, SlackUncertain: an upload failed; no part of it is visible in Slack.
        """
        usable_times = [
            self._ensure_uploaded(message)
            for message in messages
            if message.charts and self._choose_mode(message.charts) is ChartMode.PICTURES
        ]
        return max([timedelta(), *(at - self._now() for at in usable_times)])

    def build_blocks(self, message: Message) -> list[Block]:
        """Return the blocks of the message in the current mode."""
        uploaded_chart = self._uploaded_charts.get(message.digest)
        mode = self._choose_mode(message.charts)
        if not message.charts or mode is ChartMode.NATIVE:
            return list(message.blocks)
        files = iter(uploaded_chart.files if uploaded_chart and mode is ChartMode.PICTURES else ())
        blocks = [replace_chart(block, files, message.alt_text) for block in message.blocks]
        return [block for block in blocks if block]

    def record_rejection(self, messages: Sequence[Message], reasons: Sequence[str] = ()) -> None:
        """Record that Slack has rejected these messages as malformed: try the next mode for their charts, unless their
        pictures are very new.

        Args:
            reasons: Slack's own words; one that does not know the block concerns every chart of the workspace.
        """
        charts = [chart for message in messages for chart in message.charts]
        mode = self._choose_mode(charts)
        if mode is ChartMode.PICTURES and any(map(self._postpone_upload, messages)):
            return
        self._modes.refuse(mode, list_titles(charts), reasons)

    def _postpone_upload(self, message: Message) -> bool:
        """Show the message's pictures later; return False if there are none, or if that was tried often enough.

        Slack may have rejected the message because its files are too new, not because of their kind.
        """
        uploaded_chart = self._uploaded_charts.get(message.digest)
        if uploaded_chart is None or uploaded_chart.tries >= MAX_UPLOAD_TRIES:
            return False
        self._uploaded_charts[message.digest] = replace(
            uploaded_chart, usable_at=self._now() + UPLOAD_RETRY_DELAY, tries=uploaded_chart.tries + 1
        )
        return True

    def _choose_mode(self, charts: Sequence[Chart]) -> ChartMode:
        return self._modes.choose(list_titles(charts))

    def _ensure_uploaded(self, message: Message) -> datetime:
        """Upload the message's charts once. Return when they are usable."""
        if message.digest not in self._uploaded_charts:
            try:
                files = [self._upload_chart(chart) for chart in message.charts]
            except (SlackRejected, Unavailable) as error:
                log.warning("charts go without pictures: %s", error)
                self._modes.refuse_everywhere(ChartMode.PICTURES)
                return self._now()
            self._uploaded_charts[message.digest] = UploadedChart(tuple(files), self._now() + UPLOAD_SETTLING_TIME)
            while len(self._uploaded_charts) > MAX_REMEMBERED_UPLOADS:
                self._uploaded_charts.popitem(last=False)
        return self._uploaded_charts[message.digest].usable_at

    def _upload_chart(self, chart: Chart) -> str:
        """Upload a chart as a picture. Return Slack's id of the file."""
        return upload_file(self._client, render_upload(chart, self._renderer))[0]

    # answers to people

    def with_charts(self, responder: Responder, run: Run, charts: Sequence[Chart]) -> Responder:
        """Return a responder for an answer with charts. If Slack draws none, it sends the text, and the pictures go
        into the run's thread.

        An answer to one person cannot show a file that belongs to the bot (java-slack-sdk, issue 1349).
        """
        # The reply may be tried several times; the pictures are uploaded once.
        upload_once: Callable[[], Markup] = cache(lambda: self._post_instead(run, charts))

        def respond(answer: Answer) -> None:
            """Send the answer with charts; if Slack rejects them, send it without and with a note."""
            if self._choose_mode(charts) is ChartMode.NATIVE or not any(map(is_chart, answer["blocks"])):
                try:
                    responder(answer)
                except SlackRejected as error:
                    # Any other error would come without a chart too.
                    if error.code not in MALFORMED_CODES:
                        raise
                    self._modes.refuse(ChartMode.NATIVE, list_titles(charts), error.reasons)
                else:
                    return
            responder(remove_charts(answer, upload_once()))

        return respond

    def _post_instead(self, run: Run, charts: Sequence[Chart]) -> Markup:
        """Post the pictures to the run's thread, because Slack draws no charts. Return a note on where they are."""
        no_charts = render_phrase("Slack draws no chart here.")
        try:
            return join_markup_sentences(no_charts, self.post_pictures(run, charts))
        except (SlackRejected, SlackRateLimited, SlackUncertain, Unavailable) as error:
            return join_markup_sentences(no_charts, render_upload_failure(error))

    def post_pictures(self, run: Run, charts: Sequence[Chart]) -> Markup:
        """Post charts as pictures to the run's thread. Return a sentence with a link to the first.

        Raises:
            SlackRejected, SlackRateLimited, SlackUncertain, Unavailable: at least one picture was not posted.
        """
        links = [upload_to_thread(self._client, run, render_upload(chart, self._renderer)) for chart in charts]
        return render_phrase(
            "{picture} of the chart is in the thread of {run}.",
            picture=link(links[0], render_phrase("A picture")),
            run=code(run.id),
        )


def list_titles(charts: Sequence[Chart]) -> list[str]:
    """Return the titles of charts as they are in English, whatever the reader's language."""
    return [str(chart.title) for chart in charts]


def replace_chart(block: Block, files: Iterator[str], text: str) -> Block | None:
    """Return the next picture in place of a chart, None if there is none left; any other block unchanged."""
    if block["type"] != CHART:
        return block
    file = next(files, None)
    return picture(file, text) if file else None


def render_upload(chart: Chart, renderer: ChartRenderer) -> FileUpload:
    """Return a chart as a PNG file to upload."""
    labelled = render_labels(chart, render)
    return FileUpload("chart.png", str(labelled.title), renderer.render(labelled, render_labels(chart, str)))


log = logging.getLogger(__name__)
