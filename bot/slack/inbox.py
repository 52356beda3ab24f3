"""Commands that are acknowledged before they are served, and stored until they are, even across a crash of the bot."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from slack_sdk.socket_mode.request import SocketModeRequest

from bot.adapters.secret_filter import GENERAL_FILTER, SecretFilter
from bot.core.command import OpenLaunchForm, is_read_only
from bot.core.parse import parse_command
from bot.errors import Unavailable, UserError
from bot.ports import Now, Store
from bot.slack.answers import Answer
from bot.slack.deliveries import MalformedDelivery, check_delivery
from bot.slack.errands import BackgroundReplies
from bot.slack.text import restore_typed_text

log = logging.getLogger(__name__)

MAX_DELIVERY_AGE = timedelta(minutes=15)
"""Maximum age of a delivery at which it is still served. An older one is dropped: the person has typed the command
again by then."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Commands that were acknowledged and not yet answered.

    A command that changes something is stored before it is acknowledged, so that a crash loses nothing that was
    acknowledged. Served twice, it is recorded once, because Slack's id of the delivery comes with it. A question is not
    stored: a person who lost the answer types it again.
    """

    store: Store
    background: BackgroundReplies
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
            self.background.send_to_url(request.payload["response_url"], answer)
        try:
            self.store.delete_delivery(request.envelope_id)
        except Unavailable as error:
            log.warning("%s: a delivery will be served once more, which changes nothing", error)

    def recover_unserved(self) -> list[SocketModeRequest]:
        """Return the deliveries that an earlier process acknowledged and did not serve, oldest first; drop those that
        are too old.

        A command that is served long after it was typed may meet other runs than those that it was meant for.
        """
        entries = sorted(
            (json.loads(text) for text in self.store.list_deliveries()), key=lambda entry: float(entry["kept_at"])
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
