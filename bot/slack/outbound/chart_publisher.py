"""Files and pictures in a run's thread: uploaded once, and shown in its messages."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import cache

from slack_sdk import WebClient

from bot.app.ports import ChartRenderer, Now
from bot.app.run_queries import LogExcerpt
from bot.core.model.run import Run
from bot.core.rules.chart_data import Chart, render_labels
from bot.errors import Unavailable
from bot.i18n import render
from bot.phrase import N_
from bot.slack.outbound.refusals import MALFORMED_CODES
from bot.slack.outbound.web_client import SlackRejected, classify_slack_errors
from bot.slack.views.blocks import CHART, Block, picture
from bot.slack.views.chart_views import remove_charts
from bot.slack.views.log_excerpt import render_log_excerpt, render_log_file_answer
from bot.slack.views.message import (
    CARD,
    Answer,
    FileUpload,
    Message,
    Responder,
    is_chart,
)
from bot.slack.views.mrkdwn import Markup, code, link, render_phrase

log = logging.getLogger(__name__)


def upload_log(client: WebClient, log_excerpt: LogExcerpt, title: str) -> Answer:
    """Upload the lines into the run's thread. Return the answer with the link, or with as many lines as a message
    holds.
    """
    link = upload_to_thread(
        client, log_excerpt.run, FileUpload(f"{log_excerpt.run.id}.log", title, "\n".join(log_excerpt.lines))
    )
    return render_log_excerpt(log_excerpt) if link is None else render_log_file_answer(log_excerpt, link)


def upload_to_thread(client: WebClient, run: Run, upload: FileUpload) -> str | None:
    """Upload a file into the run's thread. Return its address, which may be empty.

    Return None if there is no thread, or if Slack rejects the upload; to upload, the bot must be a member of the
    channel.
    """
    card = run.messages.sent.get(CARD)
    if card is None or card.ts is None:
        return None
    try:
        return upload_file(client, upload, channel=run.message_channel, thread_ts=card.ts)[1]
    except SlackRejected as error:
        log.warning("run %s: Slack takes no file: %s", run.id, error.code)
        return None


def upload_file(
    client: WebClient, upload: FileUpload, channel: str | None = None, thread_ts: str | None = None
) -> tuple[str, str]:
    """Upload a file. Return Slack's id of it and its address. Without a channel only the bot sees it, until a message
    shows it.

    Raises:
        SlackRejected, SlackRateLimited, SlackUncertain: it may not have arrived.
    """
    with classify_slack_errors():
        response = client.files_upload_v2(
            content=upload.content, filename=upload.name, title=upload.title, channel=channel, thread_ts=thread_ts
        )
    file = response.get("file") or {}
    return str(file.get("id") or ""), str(file.get("permalink") or "")


REFUSAL_LIFETIME = timedelta(days=1)
"""How long a rejected mode is avoided: Slack introduces a new block in one workspace after the other."""

UPLOAD_SETTLING_TIME, UPLOAD_RETRY_DELAY, MAX_UPLOAD_TRIES = timedelta(seconds=2), timedelta(seconds=5), 4
"""Delay before an uploaded file is shown, delay after a rejection, and maximum tries: Slack needs about a second until
a message may show a new file (python-slack-sdk, issue 1521)."""

MAX_REMEMBERED_UPLOADS = 64
"""Maximum messages whose uploads are remembered, for a message of unknown fate."""

CHART_IN_THREAD = N_("This workspace draws no charts: {picture} is in the thread of {run}.")


class ChartMode(Enum):
    """How charts are shown."""

    NATIVE = "native"
    PICTURES = "pictures"
    WORDS = "words"


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
        self._retry_at: dict[ChartMode, datetime] = {}
        self._uploaded_charts: OrderedDict[str, UploadedChart] = OrderedDict()

    @property
    def mode(self) -> ChartMode:
        """Return the best mode that the workspace has not rejected lately."""
        now = self._now()
        return next(
            (mode for mode in (ChartMode.NATIVE, ChartMode.PICTURES) if self._retry_at.get(mode, now) <= now),
            ChartMode.WORDS,
        )

    # messages of runs

    def needs_upload(self, messages: Sequence[Message]) -> bool:
        """Return whether a chart of these messages must be uploaded as a picture first."""
        return self.mode is ChartMode.PICTURES and any(
            message.charts and message.digest not in self._uploaded_charts for message in messages
        )

    def prepare_charts(self, messages: Sequence[Message]) -> timedelta:
        """Upload the charts of these messages if they must be pictures. Return the time until the messages can be
        sent.

        Raises:
            SlackRateLimited, SlackUncertain: an upload failed; no part of it is visible in Slack.
        """
        usable_times = [
            self._ensure_uploaded(message) for message in messages if message.charts and self.mode is ChartMode.PICTURES
        ]
        return max([timedelta(), *(at - self._now() for at in usable_times)])

    def build_blocks(self, message: Message) -> list[Block]:
        """Return the blocks of the message in the current mode."""
        uploaded_chart = self._uploaded_charts.get(message.digest)
        if not message.charts or self.mode is ChartMode.NATIVE:
            return list(message.blocks)
        files = iter(uploaded_chart.files if uploaded_chart and self.mode is ChartMode.PICTURES else ())
        blocks = [replace_chart(block, files, message.alt_text) for block in message.blocks]
        return [block for block in blocks if block]

    def record_rejection(self, messages: Sequence[Message]) -> None:
        """Record that Slack has rejected these messages as malformed: try the next mode, unless their pictures are
        very new.
        """
        if self.mode is ChartMode.PICTURES:
            for digest, uploaded_chart in [
                (message.digest, self._uploaded_charts.get(message.digest)) for message in messages if message.charts
            ]:
                # Slack may have rejected the message because its files are too new, not because of their kind.
                if uploaded_chart and uploaded_chart.tries < MAX_UPLOAD_TRIES:
                    self._uploaded_charts[digest] = replace(
                        uploaded_chart, usable_at=self._now() + UPLOAD_RETRY_DELAY, tries=uploaded_chart.tries + 1
                    )
                    return
        self._downgrade(self.mode)

    def _ensure_uploaded(self, message: Message) -> datetime:
        """Upload the message's charts once. Return when they are usable."""
        if message.digest not in self._uploaded_charts:
            try:
                files = [self._upload_chart(chart) for chart in message.charts]
            except (SlackRejected, Unavailable) as error:
                log.warning("charts go without pictures: %s", error)
                self._downgrade(ChartMode.PICTURES)
                return self._now()
            self._uploaded_charts[message.digest] = UploadedChart(tuple(files), self._now() + UPLOAD_SETTLING_TIME)
            while len(self._uploaded_charts) > MAX_REMEMBERED_UPLOADS:
                self._uploaded_charts.popitem(last=False)
        return self._uploaded_charts[message.digest].usable_at

    def _upload_chart(self, chart: Chart) -> str:
        """Upload a chart as a picture. Return Slack's id of the file."""
        return upload_file(self._client, render_upload(chart, self._renderer))[0]

    def _downgrade(self, mode: ChartMode) -> None:
        """Avoid a mode for a day."""
        if mode is not ChartMode.WORDS:
            log.warning("Slack refuses charts as %s; trying again in a day", mode.value)
            self._retry_at[mode] = self._now() + REFUSAL_LIFETIME

    # answers to people

    def with_charts(self, responder: Responder, run: Run, charts: Sequence[Chart]) -> Responder:
        """Return a responder for an answer with charts. If Slack draws none, it sends the text, and the pictures go
        into the run's thread.

        An answer to one person cannot show a file that belongs to the bot (java-slack-sdk, issue 1349).
        """
        # The reply may be tried several times; the pictures are uploaded once.
        upload_once: Callable[[], Markup] = cache(lambda: self._upload_to_thread(run, charts))

        def respond(answer: Answer) -> None:
            """Send the answer with charts; if Slack rejects them, send it without and with a note."""
            if self.mode is ChartMode.NATIVE or not any(map(is_chart, answer["blocks"])):
                try:
                    responder(answer)
                except SlackRejected as error:
                    # Only a malformed block means that this workspace does not know charts.
                    if error.code not in MALFORMED_CODES:
                        raise
                    self._downgrade(ChartMode.NATIVE)
                else:
                    return
            responder(remove_charts(answer, upload_once()))

        return respond

    def _upload_to_thread(self, run: Run, charts: Sequence[Chart]) -> Markup:
        """Upload the pictures into the run's thread. Return a note on where they are."""
        links: list[str | None] = []
        try:
            links = [upload_to_thread(self._client, run, render_upload(chart, self._renderer)) for chart in charts]
        except Unavailable as error:
            log.warning("run %s: %s", run.id, error)
        if not links or links[0] is None or None in links:
            return render_phrase("This workspace draws no charts, and a picture could not be sent.")
        return render_phrase(CHART_IN_THREAD, picture=link(links[0], render_phrase("a picture")), run=code(run.id))


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
