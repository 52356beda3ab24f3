"""Tells the boards when they are due: recorded before they are sent, looked for after a doubt, never told twice."""

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
"""After a refusal that only people can mend."""

SOON = timedelta()


class Boards:
    """Every report is compared with the clock, and one step is made at a time.

    Args:
        leads: whether this bot is, of those that share the store, the one that speaks.
        channels: whose turns all who post share.
        language: of every board.
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
        """A step for every report that lacks one. Returns in how long the next is wanted; None where there are none."""
        if not self._leads():
            return RETRY
        waits = []
        for report in self._store.reports():
            self._precedence.give_way()
            waits.append(self._bring(report))
        return min(waits, default=None)

    def _bring(self, report: Report) -> timedelta:
        """One step for one report. What fails is tried again, and holds up no other."""
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
        """Leave the report alone for so long, whoever wakes the boards meanwhile."""
        self._held[report.id] = self._now() + wait
        return wait

    def _step(self, report: Report, now: datetime) -> timedelta:
        match next_step(report, now, zones.zone(report.zone)):
            case Wait(until):
                return until - now
            case Check(telling):
                return self._check(report, telling)
            case Tell(occasion):
                return self._tell(report, occasion, now)

    def _tell(self, report: Report, occasion: datetime, now: datetime) -> timedelta:
        found = self._reports.board(report, now)
        if is_silent(report, len(found.active), len(found.ended)):
            self._store.update_report(report.id, lambda report: report.passed_over(occasion))
            return SOON
        if wait := self._turns.wait(report.id, partial(self._channels.reserve, report.place), now):
            return wait
        message, telling = self._made(report, found, occasion, now)
        if self._store.update_report(report.id, lambda report: report.sending(telling)) is None:
            return SOON  # taken away meanwhile
        try:
            place = post(self._client, report, telling, message)
        except Refused as error:
            return self._refused(report, error.code)
        except Limited:
            self._store.update_report(report.id, lambda report: report.unsent())
            raise
        return self._arrived(report, telling, place)

    def _made(self, report: Report, found: Board, occasion: datetime, now: datetime) -> tuple[Message, Telling]:
        with speaking(self._language):
            message = board(report, found, now, occasion, was_quiet(report, occasion, zones.zone(report.zone)))
        return message, Telling(occasion, now, spent_by(found.active, now))

    def _arrived(self, report: Report, telling: Telling, place: str) -> timedelta:
        """It stands in Slack. A direct message has a channel of its own, which is known from here on."""

        def told(report: Report) -> Report:
            found = report.arrived(telling)
            return found.tells_in(place) if report.stands_in else found

        self._store.update_report(report.id, told)
        return SOON

    def _check(self, report: Report, telling: Telling) -> timedelta:
        """Look whether a board of unknown fate has arrived: then it is brought up to date, else it is told again."""
        now = self._now()
        if now < telling.at + DOUBT:
            return telling.at + DOUBT - now
        try:
            ts = find(self._client, report, telling)
        except Refused as error:
            log.warning("%s: cannot look for its board (%s); it may come twice", report.id, error.code)
            ts = None
        if ts is None:
            self._store.update_report(report.id, lambda report: report.unsent())
            return SOON
        return self._arrived(report, self._mended(report, telling, ts, now), report.place)

    def _mended(self, report: Report, telling: Telling, ts: str, now: datetime) -> Telling:
        """What the board tells once it is edited; where it cannot be, what it told."""
        message, newer = self._made(report, self._reports.board(report, now), telling.occasion, now)
        try:
            edit(self._client, report, newer, message, ts)
        except Refused as error:
            log.warning("%s: its board stays as it was sent: %s", report.id, error.code)
            return telling
        return newer

    def _refused(self, report: Report, code: str) -> timedelta:
        """Not in this channel: then to the person who asked for it."""
        log.warning("%s: Slack refuses its board: %s", report.id, code)
        if code in NO_ENTRY and not report.stands_in:
            self._store.update_report(report.id, lambda report: report.tells_in(report.by))
            return SOON
        self._store.update_report(report.id, lambda report: report.unsent())
        return self._hold(report, REFUSED)


def post(client: WebClient, report: Report, telling: Telling, message: Message) -> str:
    """Slack's id of the channel that the board stands in.

    Raises:
        Refused, Limited: it was not sent.
        Doubtful: it may have been.
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
    call(
        client.chat_update,
        channel=report.place,
        ts=ts,
        text=message.text,
        blocks=list(message.blocks),
        metadata=metadata(report, telling),
    )


def find(client: WebClient, report: Report, telling: Telling) -> str | None:
    """Slack's id of the board of this occasion, if it is there.

    Raises:
        Refused: nobody may look here, for want of a scope or of membership.
        Limited, Doubtful: nobody knows now.
    """
    oldest = str(telling.at.timestamp() - CLOCKS_APART.total_seconds())
    with sorted_failures():
        pages = client.conversations_history(channel=report.place, oldest=oldest, limit=200, include_all_metadata=True)
        messages = (message for page in pages for message in page["messages"])
        return next((str(message["ts"]) for message in messages if is_ours(message, report, telling)), None)


def metadata(report: Report, telling: Telling) -> dict[str, Any]:
    """By which a board is found again."""
    occasion = int(telling.occasion.timestamp())
    return {"event_type": EVENT, "event_payload": {"report": mark_of(report.id), "occasion": occasion}}


def is_ours(message: dict[str, Any], report: Report, telling: Telling) -> bool:
    found, wanted = message.get("metadata") or {}, metadata(report, telling)
    payload = found.get("event_payload") or {}
    return found.get("event_type") == EVENT and all(
        payload.get(key) == it for key, it in wanted["event_payload"].items()
    )
