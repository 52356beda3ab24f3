"""Deliveries from Slack: stored before they are acknowledged, and taken in turn, a person's own one after the other."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Condition, Thread
from typing import Any

from slack_bolt import Respond
from slack_sdk import WebClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.app.pending_launches import LAUNCH
from bot.app.ports import Now
from bot.app.store_ports import DeliveryStore
from bot.core.commands.command import OpenLaunchForm
from bot.core.commands.parser import parse_command
from bot.core.commands.read_only import is_read_only
from bot.errors import Unavailable, UserError
from bot.runtime.secret_filter import GENERAL_FILTER, SecretFilter
from bot.slack.inbound.background import BackgroundReplies, respond_to_command
from bot.slack.inbound.fair_queue import FairQueue, Work
from bot.slack.payloads import MalformedDelivery, check_delivery
from bot.slack.views.message import Answer
from bot.slack.views.typed_markup import restore_typed_text

log = logging.getLogger(__name__)

MAX_WAITING_PER_PERSON = 200
"""Maximum waiting deliveries of one person: no person types more, and Slack repeats what is refused."""


class WorkQueue:
    """One thread, and two queues before it.

    Work waits for nothing but the store, so more threads would only alternate with each other: with 50 commands in
    flight, three are a third slower than one (`make bench`).
    """

    def __init__(self) -> None:
        self._urgent = FairQueue(MAX_WAITING_PER_PERSON)
        self._deferred = FairQueue(MAX_WAITING_PER_PERSON)
        self._changed = Condition()
        self._is_stopped = False
        self._thread = Thread(target=self._serve, name="deliveries", daemon=True)
        self._thread.start()

    def add_urgent(self, work: Work, person: str = "") -> bool:
        """Queue work before all deferred work. Return False where it is refused: see `FairQueue.add`."""
        return self._add(self._urgent, work, person)

    def add_deferred(self, work: Work, person: str = "") -> bool:
        """Queue work after all urgent work. Return False where it is refused."""
        return self._add(self._deferred, work, person)

    def stop(self) -> None:
        """Accept no more work, and finish what is queued."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self._thread.join()

    def _add(self, queue: FairQueue, work: Work, person: str) -> bool:
        with self._changed:
            if self._is_stopped:
                log.warning("a delivery came after the end, and is left to Slack to repeat")
                return False
            if not queue.add(person, work):
                log.warning(
                    "%s has more than %d deliveries waiting; one is left to Slack to repeat",
                    person,
                    MAX_WAITING_PER_PERSON,
                )
                return False
            self._changed.notify()
            return True

    def _take_next(self) -> tuple[str, Work] | None:
        """Return the next work and its person; None once the queue is stopped and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._urgent or self._deferred or self._is_stopped)
            return self._urgent.take() or self._deferred.take()

    def _serve(self) -> None:
        while person_and_work := self._take_next():
            _, work = person_and_work
            try:
                work()
            except Exception:
                log.exception("a delivery of Slack's could not be handled")


MAX_DELIVERY_AGE = timedelta(minutes=15)
"""Maximum age of a delivery at which it is still served. An older one is dropped: the person has typed the command
again by then."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Commands that were acknowledged and not yet answered.

    A command that changes something is stored before it is acknowledged, so that a crash loses nothing that was
    acknowledged. Served twice, it is recorded once, because Slack's id of the delivery comes with it. A question is not
    stored: a person who lost the answer types it again.

    Attributes:
        client: sends an answer that the command's response URL no longer takes.
    """

    store: DeliveryStore
    background: BackgroundReplies
    client: WebClient
    now: Now
    secrets: SecretFilter = GENERAL_FILTER

    def accept(self, request: SocketModeRequest) -> bool:
        """Return whether a delivery may be acknowledged now and served later; store it where that is required."""
        if request.type != "slash_commands" or is_malformed(request.payload):
            return False
        try:
            command = parse_command(restore_typed_text(request.payload.get("text") or ""), masker=self.secrets.masker)
        except UserError:  # it is only refused; a line with a secret in it is never stored
            return True
        # Slack opens a form within three seconds of the command, or not at all.
        if isinstance(command, OpenLaunchForm):
            return False
        return is_read_only(command) or self._save(request)

    def complete(self, request: SocketModeRequest, answer: Answer | None) -> None:
        """Send the answer of a served delivery, and remove the delivery from the store."""
        if answer:
            respond = Respond(response_url=request.payload["response_url"])
            self.background.send(answer, respond_to_command(respond, self.client, request.payload))
        try:
            self.store.delete_delivery(request.envelope_id)
        except Unavailable as error:
            log.warning("%s: a delivery will be handled again, which changes nothing", error)

    def recover_unserved(self) -> list[SocketModeRequest]:
        """Return the deliveries that an earlier process acknowledged and did not serve, oldest first; drop those that
        are too old.

        A command that is served long after it was typed may meet other runs than those that it was meant for.
        """
        entries = sorted(
            (entry for text in self.store.list_deliveries() if LAUNCH not in (entry := json.loads(text))),
            key=lambda entry: float(entry["kept_at"]),
        )
        late = self.now().timestamp() - MAX_DELIVERY_AGE.total_seconds()
        for entry in entries:
            if entry["kept_at"] < late:
                log.error(
                    "a delivery is too old to be served, and dropped: %s", entry["request"]["payload"].get("text")
                )
                self.store.delete_delivery(entry["request"]["envelope_id"])
        return [
            request for entry in entries if entry["kept_at"] >= late and (request := parse_request(entry["request"]))
        ]

    def _save(self, request: SocketModeRequest) -> bool:
        try:
            # Slack's deprecated verification token is a secret.
            payload = {key: value for key, value in request.payload.items() if key != "token"}
            entry = {"kept_at": self.now().timestamp(), "request": request.to_dict() | {"payload": payload}}
            self.store.save_delivery(request.envelope_id, json.dumps(entry))
        except Unavailable as error:
            log.warning("%s: a delivery is acknowledged once it has been served", error)
            return False
        return True


def is_malformed(payload: Any) -> bool:
    """Return whether a command is not shaped like Slack's: it is refused, and not stored."""
    try:
        check_delivery({"command": None} | payload)
    except (MalformedDelivery, TypeError):
        return True
    return False


def parse_request(message: Mapping[str, Any]) -> SocketModeRequest | None:
    """Return the Socket Mode request that a stored message describes; None where it describes none."""
    return SocketModeRequest.from_dict(dict(message))
