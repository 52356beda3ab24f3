"""Publisher of scheduled reports: recorded before sending, looked up if the outcome is uncertain."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from slack_sdk import WebClient

from bot import zones
from bot.core.board import Board, spent_by
from bot.core.pace import Turns
from bot.core.report import Check, Report, Tell, Telling, Wait, is_silent, next_step, was_quiet
from bot.errors import Unavailable
from bot.isolation import report_once
from bot.language import ENGLISH, speaking
from bot.ports import Now, Store
from bot.precedence import Precedence
from bot.reports import Reports
from bot.slack.board import board
from bot.slack.channels import Channels
from bot.slack.client import Doubtful, Limited, Refused, sorted_failures
from bot.slack.message import Message, mark_of
from bot.slack.messages import CLOCKS_APART, EVENT, call
from bot.slack.notifier import DOUBT, NO_ENTRY, RETRY

log = logging.getLogger(__name__)

REFUSED = timedelta(minutes=5)
"""Pause after a rejection that only people can resolve."""

SOON = timedelta()


class Boards:
    """Advances every scheduled report by at most one step per pass.

    Args:
        is_leader: returns whether this process is the leader among those that share the store.
        channel_limiter: the rate limits of the channels, shared by everything that posts.
        language: the language of every report.
    """

    def __init__(
        self,
        reports: Reports,
        store: Store,
        client: WebClient,
        now: Now,
        leads: Callable[[], bool],
        channels: Channels,
        precedence: Precedence,
        language: str = ENGLISH,
    ) -> None:
        self._reports = reports
        self._store = store
        self._client = client
        self._now = now
        self._leads = leads
        self._channels = channels
        self._precedence = precedence
        self._language = language
        self._turns = Turns()
        self._held: dict[str, datetime] = {}

    def speak(self) -> timedelta | None:
        """Advance every due report by one step. Return the delay until the next pass; None if there are no reports."""
        if not self._leads():
            return RETRY
        waits = []
        for report in self._store.reports():
            self._precedence.give_way()
            waits.append(self._bring(report))
        return min(waits, default=None)

    def _bring(self, report: Report) -> timedelta:
        """Advance one report. Failures are retried and never block other reports."""
        now = self._now()
        held = self._held.pop(report.id, now)
        if held > now:
            return self._hold(report, held - now)
        try:
            return self._step(report, now)
        except Limited as limited:
            log.info("%s: Slack asks to wait %s", report.id, limited.wait)
            return self._hold(report, limited.wait)
        except (Doubtful, Unavailable) as error:
            log.warning("%s: %s", report.id, error)
        except Exception as error:
            report_once(f"{report.id}: its board cannot be told", error)
        return self._hold(report, RETRY)

    def _hold(self, report: Report, wait: timedelta) -> timedelta:
        """Leave a report alone for the given time, even if the publisher is woken earlier."""
        self._held[report.id] = self._now() + wait
        return wait

    def _step(self, report: Report, now: datetime) -> timedelta:
        """Run the next step of a report. Return the delay until the one after it."""
        match next_step(report, now, zones.zone(report.zone)):
            case Wait(until):
                return until - now
            case Check(telling):
                return self._check(report, telling)
            case Tell(occasion):
                return self._tell(report, occasion, now)

    def _tell(self, report: Report, occasion: datetime, now: datetime) -> timedelta:
        """Send a report that is due, or skip it if it has no news."""
        found = self._reports.board(report, now)
        if is_silent(report, len(found.active), len(found.ended)):
            self._store.update_report(report.id, lambda report: report.passed_over(occasion))
            return SOON
        if wait := self._turns.wait(report.id, partial(self._channels.reserve, report.place), now):
            return wait
        message, telling = self._made(report, found, occasion, now)
        if self._store.update_report(report.id, lambda report: report.sending(telling)) is None:
            # A person has removed the report in the meantime.
            return SOON
        try:
            place = post(self._client, report, telling, message)
        except Refused as error:
            return self._refused(report, error.code)
        except Limited:
            # Slack has sent nothing, so the delivery is not uncertain and needs no lookup.
            self._store.update_report(report.id, lambda report: report.unsent())
            raise
        return self._arrived(report, telling, place)

    def _made(self, report: Report, found: Board, occasion: datetime, now: datetime) -> tuple[Message, Telling]:
        """Return the message of a report, and the delivery to record for it."""
        with speaking(self._language):
            message = board(report, found, now, occasion, was_quiet(report, occasion, zones.zone(report.zone)))
        return message, Telling(occasion, now, spent_by(found.active, now))

    def _arrived(self, report: Report, telling: Telling, place: str) -> timedelta:
        """Record that the report is in Slack.

        A direct message has a channel id of its own, which Slack returns with the first message.
        """

        def told(report: Report) -> Report:
            """Return the report with the delivery, and with the channel of the direct message."""
            found = report.arrived(telling)
            return found.tells_in(place) if report.stands_in else found

        self._store.update_report(report.id, told)
        return SOON

    def _check(self, report: Report, telling: Telling) -> timedelta:
        """Look for a report of unknown fate: update it if it has arrived, otherwise send it again."""
        now = self._now()
        # Slack may still be delivering the message, so an early lookup proves nothing.
        if now < telling.at + DOUBT:
            return telling.at + DOUBT - now
        try:
            ts = find(self._client, report, telling)
        except Refused as error:
            # Without the right to read the channel, a report that comes twice is better than one that is lost.
            log.warning("%s: cannot look for its board (%s); it may come twice", report.id, error.code)
            ts = None
        if ts is None:
            self._store.update_report(report.id, lambda report: report.unsent())
            return SOON
        return self._arrived(report, self._mended(report, telling, ts, now), report.place)

    def _mended(self, report: Report, telling: Telling, ts: str, now: datetime) -> Telling:
        """Return the delivery with the content of the edited report, or the original one if Slack rejects the edit."""
        message, newer = self._made(report, self._reports.board(report, now), telling.occasion, now)
        try:
            edit(self._client, report, newer, message, ts)
        except Refused as error:
            log.warning("%s: its board stays as it was sent: %s", report.id, error.code)
            return telling
        return newer

    def _refused(self, report: Report, code: str) -> timedelta:
        """Send the report to the person who requested it if Slack rejects it in its channel; otherwise pause it."""
        log.warning("%s: Slack refuses its board: %s", report.id, code)
        if code in NO_ENTRY and not report.stands_in:
            self._store.update_report(report.id, lambda report: report.tells_in(report.by))
            return SOON
        self._store.update_report(report.id, lambda report: report.unsent())
        return self._hold(report, REFUSED)


def post(client: WebClient, report: Report, telling: Telling, message: Message) -> str:
    """Post a report. Return Slack's id of its channel.

    Raises:
        SlackRejected, SlackRateLimited: it was not sent.
        SlackUncertain: it may have been sent.
    """
    response = call(
        client.chat_postMessage,
        channel=report.place,
        text=message.text,
        blocks=list(message.blocks),
        metadata=metadata(report, telling),
        unfurl_links=False,
    )
    return str(response["channel"])


def edit(client: WebClient, report: Report, telling: Telling, message: Message, ts: str) -> None:
    """Replace the content of a report in Slack."""
    call(
        client.chat_update,
        channel=report.place,
        ts=ts,
        text=message.text,
        blocks=list(message.blocks),
        metadata=metadata(report, telling),
    )


def find(client: WebClient, report: Report, telling: Telling) -> str | None:
    """Return Slack's id of the report with this due time; None if it is not in the channel.

    Raises:
        SlackRejected: the bot may not read the channel, because it lacks a scope or is not a member.
        SlackRateLimited, SlackUncertain: the answer is unknown for now.
    """
    oldest = str(telling.at.timestamp() - CLOCKS_APART.total_seconds())
    with sorted_failures():
        pages = client.conversations_history(channel=report.place, oldest=oldest, limit=200, include_all_metadata=True)
        messages = (message for page in pages for message in page["messages"])
        return next((str(message["ts"]) for message in messages if is_ours(message, report, telling)), None)


def metadata(report: Report, telling: Telling) -> dict[str, Any]:
    """Return the metadata that identifies a report in Slack."""
    occasion = int(telling.occasion.timestamp())
    return {"event_type": EVENT, "event_payload": {"report": mark_of(report.id), "occasion": occasion}}


def is_ours(message: dict[str, Any], report: Report, telling: Telling) -> bool:
    """Return whether a message is the report with this due time."""
    found, wanted = message.get("metadata") or {}, metadata(report, telling)
    payload = found.get("event_payload") or {}
    return found.get("event_type") == EVENT and all(
        payload.get(key) == it for key, it in wanted["event_payload"].items()
    )
