"""What people do in a workspace: type, mention, click, fill in forms. Each becomes a delivery to the app."""

import re
from dataclasses import dataclass, field
from typing import Any

from bot.playground.deliveries import Deliveries, NotAnswered
from bot.playground.slack import Slack
from bot.playground.workspace import Json, Message


class NotThere(Exception):
    """A person cannot do that: there is no such channel, message or button in front of him."""


@dataclass(frozen=True, slots=True)
class People:
    """The actions of people, by their ids.

    Attributes:
        events: the event id of each mention by its message.
    """

    slack: Slack
    deliveries: Deliveries
    events: dict[str, str] = field(default_factory=dict)

    async def type(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> Json:
        """Type a line: a command where it begins with a slash, else a message.

        Returns how the app took it: `acked_seconds`, or the `error` that the person sees.
        """
        self._present(user, channel)
        if text.startswith("/"):
            return await self._command(user, channel, text)
        message = self.slack.post(channel, user, self._with_ids(text), thread_ts=thread_ts)
        if f"<@{self.slack.workspace.bot}>" in message.text:
            self.deliveries.deliver_event_soon(self._mention(message), user=user, text=text)
        return {"ts": message.ts}

    async def mention_again(self, text: str) -> bool:
        """Deliver a mention of this text once more; False where there was none."""
        for messages in self.slack.workspace.messages.values():
            for message in messages:
                if message.text == self._with_ids(text):
                    retry = {"retry_attempt": 1, "retry_reason": "timeout"}
                    await self.deliveries.deliver_event(self._mention(message) | retry)
                    return True
        return False

    async def click(self, user: str, channel: str, ts: str, action_id: str, confirmed: bool = False) -> Json:
        """Press a button of a message; one that asks first returns its question unless it is `confirmed`."""
        self._present(user, channel)
        message = next((one for one in self.slack.workspace.seen_by(user, channel) if one.ts == ts), None)
        block, element = button_of(message, action_id)
        if message is None or element is None or block is None:
            raise NotThere(f"no button {action_id} on message {ts}")
        if "confirm" in element and not confirmed:
            return {"confirm": element["confirm"]}
        return await self._interact(user, channel, message, block, element)

    async def submit(self, user: str, values: Json) -> Json:
        """Send the modal in front of a person, with what he filled in by block and action."""
        view = self.slack.workspace.modals.get(user)
        if view is None:
            raise NotThere("no modal is open")
        payload = self._from(user) | {
            "type": "view_submission",
            "trigger_id": self.deliveries.new_trigger(user),
            "view": {"id": view.id, "state": {"values": values}} | view.body,
        }
        answer = await self._deliver("interactive", payload, user=user)
        return self._submitted(user, answer)

    def _submitted(self, user: str, answer: Json) -> Json:
        """Errors keep the modal open; another view takes its place; anything else closes it."""
        if answer.get("response_action") == "errors":
            return {"errors": answer["errors"]}
        if answer.get("response_action") == "update":
            self.slack.workspace.modals[user].body = answer["view"]
        elif "error" not in answer:
            del self.slack.workspace.modals[user]
        self.slack.touch()
        return answer

    async def _command(self, user: str, channel: str, text: str) -> Json:
        command, _, words = text.partition(" ")
        if self.slack.commands and command not in self.slack.commands:
            return {"error": f"{command} is not a valid command. There is {', '.join(sorted(self.slack.commands))}."}
        workspace = self.slack.workspace
        payload = {
            "token": "unused",
            "team_id": workspace.team,
            "team_domain": "playground",
            "channel_id": channel,
            "channel_name": workspace.channels[channel].name,
            "user_id": user,
            "user_name": workspace.users[user].name,
            "command": command,
            "text": escaped(self._with_ids(words)),
            "api_app_id": workspace.app,
            "is_enterprise_install": "false",
            "response_url": self.deliveries.new_response_url(user, channel),
            "trigger_id": self.deliveries.new_trigger(user),
        }
        answer = await self._deliver("slash_commands", payload, user=user, text=text)
        if "error" in answer:
            self.slack.post(
                channel, workspace.bot, f"{command} failed with the error “{answer['error']}”", only_for=user
            )
        elif answer.get("text") or answer.get("blocks"):
            self.show(answer, user, channel)
        return answer

    async def _interact(self, user: str, channel: str, message: Message, block: Json, element: Json) -> Json:
        container = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel,
            "is_ephemeral": message.only_for is not None,
        }
        action = {key: element[key] for key in ("type", "action_id", "text", "value") if key in element}
        payload = self._from(user) | {
            "type": "block_actions",
            "container": container,
            "channel": {"id": channel, "name": self.slack.workspace.channels[channel].name},
            "message": {
                "ts": message.ts,
                "text": message.text,
                "blocks": message.blocks,
                "thread_ts": message.thread_ts,
            },
            "state": {"values": {}},
            "trigger_id": self.deliveries.new_trigger(user),
            "response_url": self.deliveries.new_response_url(user, channel, message.thread_ts),
            "actions": [action | {"block_id": block["block_id"], "action_ts": message.ts}],
        }
        return await self._deliver("interactive", payload, user=user, text=element["action_id"])

    async def _deliver(self, kind: str, payload: Json, **detail: Any) -> Json:
        try:
            return await self.deliveries.deliver(kind, payload, **detail)
        except NotAnswered as error:
            return {"error": str(error)}

    def show(self, answer: Json, user: str, channel: str, thread_ts: str | None = None) -> None:
        """Post what an app answered a command or click with, for one person or for all."""
        only_for = None if answer.get("response_type") == "in_channel" else user
        self.slack.post(
            channel,
            self.slack.workspace.bot,
            str(answer.get("text") or ""),
            blocks=answer.get("blocks") or [],
            only_for=only_for,
            thread_ts=answer.get("thread_ts") or thread_ts,
        )

    def _mention(self, message: Message) -> Json:
        event = {
            "type": "app_mention",
            "user": message.user,
            "text": escaped(message.text),
            "ts": message.ts,
            "channel": message.channel,
            "event_ts": message.ts,
        }
        event |= {"thread_ts": message.thread_ts} if message.thread_ts else {}
        workspace = self.slack.workspace
        event_id = self.events.setdefault(message.ts, workspace.next_id("Ev"))
        return {
            "type": "event_callback",
            "team_id": workspace.team,
            "api_app_id": workspace.app,
            "event": event,
            "event_id": event_id,
            "event_time": int(float(message.ts)),
            "authorizations": [{"team_id": workspace.team, "user_id": workspace.bot, "is_bot": True}],
        }

    def _from(self, user: str) -> Json:
        workspace = self.slack.workspace
        return {
            "user": {"id": user, "username": workspace.users[user].name, "team_id": workspace.team},
            "team": {"id": workspace.team, "domain": "playground"},
            "api_app_id": workspace.app,
            "token": "unused",
        }

    def _present(self, user: str, channel: str) -> None:
        found = self.slack.workspace.channels.get(channel)
        if user not in self.slack.workspace.users or found is None or user not in found.members:
            raise NotThere(f"{user} is not in {channel}")

    def _with_ids(self, text: str) -> str:
        """Names that people type, as `@ana` and `#training`, as the ids that Slack makes of them."""
        for user in self.slack.workspace.users.values():
            text = re.sub(rf"(?<!\S)@{user.name}\b", f"<@{user.id}>", text)
        for channel in self.slack.workspace.channels.values():
            text = re.sub(rf"(?<!\S)#{channel.name}\b", f"<#{channel.id}|{channel.name}>", text)
        return text


REFERENCES = re.compile(r"<(?:@U\w+|#C\w+\|[^>]*)>")
URL = re.compile(r"\b(?:https?://[^\s'\"]+)")


def escaped(text: str) -> str:
    """Text as Slack hands it to an app: its three characters escaped, its links marked."""
    parts, at = [], 0
    for found in REFERENCES.finditer(text):
        parts += [escaped_plain(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, escaped_plain(text[at:])])


def escaped_plain(text: str) -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return URL.sub(lambda url: f"<{url[0]}>", safe)


def button_of(message: Message | None, action_id: str) -> tuple[Json | None, Json | None]:
    """The block and the element of a message that has this action."""
    for block in message.blocks if message else []:
        for element in [*(block.get("elements") or []), block.get("accessory") or {}]:
            if element.get("action_id") == action_id:
                return block, element
    return None, None
