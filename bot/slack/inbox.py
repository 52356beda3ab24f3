"""Commands that are acknowledged before they are served, and stored until they are, even across a crash of the bot."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from slack_sdk.socket_mode.request import SocketModeRequest

from bot.adapters.secret_filter import UNKNOWING, SecretFilter
from bot.core.command import OpenForm, changes_nothing
from bot.core.parse import parse
from bot.errors import Unavailable, UserError
from bot.ports import Now, Store
from bot.slack.answers import Answer
from bot.slack.deliveries import Malformed, checked
from bot.slack.errands import Errands
from bot.slack.text import as_typed

log = logging.getLogger(__name__)

SERVED_WITHIN = timedelta(minutes=15)
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
    errands: Errands
    now: Now
    secrets: SecretFilter = UNKNOWING

    def takes(self, request: SocketModeRequest) -> bool:
        """Return whether a delivery may be acknowledged now and served later; store it where that is required."""
        if request.type != "slash_commands" or is_malformed(request.payload):
            return False
        try:
            asked = parse(as_typed(request.payload.get("text") or ""), masker=self.secrets.masker)
        except UserError:  # it is only refused; a line with a secret in it is never stored
            return True
        # Slack opens a form within three seconds of the command, or not at all.
        if isinstance(asked, OpenForm):
            return False
        return changes_nothing(asked) or self._keep(request)

    def done(self, request: SocketModeRequest, answer: Answer | None) -> None:
        """Send the answer of a served delivery, and remove the delivery from the store."""
        if answer:
            self.errands.bring_to(request.payload["response_url"], answer)
        try:
            self.store.forget_delivery(request.envelope_id)
        except Unavailable as error:
            log.warning("%s: a delivery will be served once more, which changes nothing", error)

    def left(self) -> list[SocketModeRequest]:
        """Return the deliveries that an earlier process acknowledged and did not serve, oldest first; drop those that
        are too old.

        A command that is served long after it was typed may meet other runs than those that it was meant for.
        """
        kept = sorted((json.loads(text) for text in self.store.deliveries()), key=lambda one: float(one["kept_at"]))
        late = self.now().timestamp() - SERVED_WITHIN.total_seconds()
        for one in kept:
            if one["kept_at"] < late:
                log.error("a delivery is too old to be served, and dropped: %s", one["request"]["payload"].get("text"))
                self.store.forget_delivery(one["request"]["envelope_id"])
        return [found for one in kept if one["kept_at"] >= late and (found := read(one["request"]))]

    def _keep(self, request: SocketModeRequest) -> bool:
        try:
            # Slack's deprecated verification token is a secret.
            payload = {key: value for key, value in request.payload.items() if key != "token"}
            kept = {"kept_at": self.now().timestamp(), "request": request.to_dict() | {"payload": payload}}
            self.store.keep_delivery(request.envelope_id, json.dumps(kept))
        except Unavailable as error:
            log.warning("%s: a delivery is acknowledged once it has been served", error)
            return False
        return True


def is_malformed(payload: Any) -> bool:
    """Return whether a command is not shaped like Slack's: it is refused, and not stored."""
    try:
        checked({"command": None} | payload)
    except (Malformed, TypeError):
        return True
    return False


def read(message: Mapping[str, Any]) -> SocketModeRequest | None:
    """Return the Socket Mode request that a stored message describes; None where it describes none."""
    return SocketModeRequest.from_dict(dict(message))
