"""Commands that are acknowledged before they are served, and kept until they are, whatever becomes of the bot."""

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
"""After its delivery a command is served, or not at all: a person has typed it again by then."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """What has been acknowledged and not been answered.

    A wish is written down first, so that a crash loses nothing that was acknowledged; served twice, it is recorded
    once, because Slack's id of the delivery comes with it. A question is not: whoever lost the answer asks again.
    """

    store: Store
    errands: Errands
    now: Now
    secrets: SecretFilter = UNKNOWING

    def takes(self, request: SocketModeRequest) -> bool:
        """Whether a delivery may be acknowledged now and served later. It is kept where it has to be."""
        if request.type != "slash_commands" or is_malformed(request.payload):
            return False
        try:
            asked = parse(as_typed(request.payload.get("text") or ""), masker=self.secrets.masker)
        except UserError:  # it is refused, and nothing else; a line with a secret in it is never kept
            return True
        if isinstance(asked, OpenForm):  # Slack opens a form within three seconds, or not at all
            return False
        return changes_nothing(asked) or self._keep(request)

    def done(self, request: SocketModeRequest, answer: Answer | None) -> None:
        """It was served: bring the answer, and forget it."""
        if answer:
            self.errands.bring_to(request.payload["response_url"], answer)
        try:
            self.store.forget_delivery(request.envelope_id)
        except Unavailable as error:
            log.warning("%s: a delivery will be served once more, which changes nothing", error)

    def left(self) -> list[SocketModeRequest]:
        """What a bot before this one acknowledged and did not serve, oldest first; what is too old is dropped.

        A wish that is served long after may meet other runs than those that it was meant for.
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
            payload = {key: value for key, value in request.payload.items() if key != "token"}  # Slack's, deprecated
            kept = {"kept_at": self.now().timestamp(), "request": request.to_dict() | {"payload": payload}}
            self.store.keep_delivery(request.envelope_id, json.dumps(kept))
        except Unavailable as error:
            log.warning("%s: a delivery is acknowledged once it has been served", error)
            return False
        return True


def is_malformed(payload: Any) -> bool:
    """Whether a command is none of Slack's: it is refused, and not kept."""
    try:
        checked({"command": None} | payload)
    except (Malformed, TypeError):
        return True
    return False


def read(message: Mapping[str, Any]) -> SocketModeRequest | None:
    return SocketModeRequest.from_dict(dict(message))
