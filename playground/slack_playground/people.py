"""What people do in a workspace: type, mention, react, open the app's page. What the app may know is delivered."""

import re
from dataclasses import dataclass, field
from typing import Any

from slack_playground import views
from slack_playground.checks import Refusal, check_content, shortened
from slack_playground.deliveries import Deliveries, NotAnswered, ResponseUrl
from slack_playground.escaping import escaped, with_references
from slack_playground.slack import Slack
from slack_playground.workspace import Channel, Json, Message, NotThere

NEEDED = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
}
"""The scope without which an app hears nothing of an event, even if it has subscribed to it."""

IN_THREAD = "Slash commands are not supported in threads. Sorry!"
SILENCED = "Sending messages to this app has been turned off."


@dataclass(frozen=True, slots=True)
class People:
    """The actions of people, by their ids.

    Attributes:
        events: the event id of each mention by its message.
    """

    slack: Slack
    deliveries: Deliveries
    events: dict[str, str] = field(default_factory=dict)

    async def type(self, user: str, channel: str, text: str, thread_ts: str | None = None, window: str = "") -> Json:
        """Type a line: a command where it begins with a slash, else a message.

        Returns how the app took it: `acked_seconds`, or the `error` that the person sees.
        """
        room = self.slack.workspace.room(user, channel)
        if room.is_archived:
            raise NotThere(f"{channel} is archived")
        if text.startswith("/"):
            return {"error": IN_THREAD} if thread_ts else await self._command(user, room, text, window)
        if room.between and not (self.slack.app.messages_tab and self.slack.app.can_be_written_to):
            return {"error": SILENCED}
        message = self.slack.post(channel, user, with_references(self.slack.workspace, text), thread_ts=thread_ts)
        if self.slack.workspace.bot in room.members:
            self._heard(room, message)
        return {"ts": message.ts}

    async def mention_again(self, text: str) -> bool:
        """Deliver a mention of this text again; False where there was none."""
        wanted = with_references(self.slack.workspace, text)
        for messages in self.slack.workspace.messages.values():
            for message in messages:
                if message.text == wanted:
                    retry = {"retry_attempt": 1, "retry_reason": "timeout"}
                    event = self._wrapped(mention(message), self._event_id(message))
                    await self.deliveries.deliver_event(event | retry)
                    return True
        return False

    async def home(self, user: str, tab: str) -> Json:
        """Open the app's page, at its `home` or its `messages`; the direct message that belongs to it."""
        workspace, app = self.slack.workspace, self.slack.app
        if user not in workspace.users or not {"home": app.home_tab, "messages": app.messages_tab}.get(tab):
            raise NotThere(f"the app has no page {tab} for {user}")
        event: Json = {"type": "app_home_opened", "user": user, "channel": workspace.direct(user).id, "tab": tab}
        if tab == "home" and user in workspace.homes:
            event["view"] = views.rendered(self.slack, workspace.homes[user])
        self._tell("app_home_opened", event, user=user, text=tab)
        self.slack.touch()
        return {"channel": event["channel"]}

    async def react(self, user: str, channel: str, ts: str, name: str) -> Json:
        """Add one's reaction to a message, or take it back."""
        room = self.slack.workspace.room(user, channel)
        message = self.slack.workspace.find(channel, ts)
        if message is None or message.only_for or not re.fullmatch(r"[\w+'-]+", name):
            raise NotThere(f"no reaction {name} is possible to {ts} in {channel}")
        kind = "reaction_added" if message.react(user, name) else "reaction_removed"
        self.slack.touch()
        if self.slack.workspace.bot in room.members:
            item = {"type": "message", "channel": channel, "ts": ts}
            event = {"type": kind, "user": user, "reaction": name, "item_user": message.user, "item": item}
            self._tell(kind, event, user=user, text=name)
        return {}

    async def _command(self, user: str, room: Channel, text: str, window: str) -> Json:
        name, _, words = text.partition(" ")
        command = self.slack.app.command(name)
        if command is None:
            return {"error": f"{name} is not a valid command. There is {', '.join(self.slack.app.commands or ())}."}
        workspace = self.slack.workspace
        payload = {
            "token": "unused",
            "team_id": workspace.users[user].team or workspace.team,
            "team_domain": "playground",
            "channel_id": room.id,
            "channel_name": room.shown_name,
            "user_id": user,
            "user_name": workspace.users[user].name,
            "command": name,
            "text": escaped(with_references(workspace, words) if command.should_escape else words),
            "api_app_id": workspace.app,
            "is_enterprise_install": "false",
            "response_url": self.deliveries.new_response_url(user, room.id),
            "trigger_id": self.deliveries.new_trigger(user, room.id, window),
        }
        try:
            answer = await self.deliveries.deliver("slash_commands", payload, user=user, text=text)
            if any(answer.get(key) for key in ("text", "blocks", "attachments")):
                self._answered(answer, user, room.id)
        except (NotAnswered, Refusal) as error:
            self.slack.post(room.id, workspace.bot, f"{name} failed with the error “{error}”", only_for=user)
            return {"error": str(error)}
        return answer

    def _answered(self, answer: Json, user: str, channel: str) -> None:
        """Show what an app acknowledged a command with, if it is what Slack takes."""
        entry = self.slack.record.begin("call", "acknowledgement", user=user)
        try:
            self.show(answer, user, channel)
        except Refusal as refusal:
            entry.done(refusal.code)
            raise
        entry.done("ok")

    def respond(self, answer: Json, target: ResponseUrl) -> None:
        """What an app says by a response URL: something new, or something in place of what was clicked.

        Raises:
            Refusal: Slack takes no such message.
        """
        original = self.slack.workspace.find(target.channel, target.ts)
        if answer.get("delete_original"):
            if original:
                self.slack.workspace.remove(original)
                self.slack.touch()
        elif answer.get("replace_original") and original:
            self.slack.rewrite(original, check_content(answer))
        else:
            self.show(answer, target.user, target.channel)

    def show(self, answer: Json, user: str, channel: str) -> None:
        """Post what an app answered a command or click with, for one person or for all.

        Raises:
            Refusal: Slack takes no such message.
        """
        said = check_content(answer)
        self.slack.post(
            channel,
            self.slack.workspace.bot,
            shortened(said["text"])[0],
            blocks=said["blocks"],
            attachments=said["attachments"],
            only_for=None if answer.get("response_type") == "in_channel" else user,
            thread_ts=answer.get("thread_ts"),
        )

    def _heard(self, room: Channel, message: Message) -> None:
        """What the app receives of a message in a conversation that it is in."""
        detail = {"user": message.user, "text": message.text}
        said = mention(message)
        if f"<@{self.slack.workspace.bot}>" in message.text and not room.between:
            self._tell("app_mention", said, self._event_id(message), **detail)
        kind = {"im": "im", "group": "groups", "channel": "channels"}[room.kind]
        self._tell(f"message.{kind}", said | {"type": "message", "channel_type": room.kind}, **detail)

    def _tell(self, name: str, event: Json, event_id: str | None = None, **detail: Any) -> None:
        """Deliver an event to an app that has subscribed to it and may know of it."""
        needed = NEEDED.get(name)
        if name in self.slack.app.events and (needed is None or needed in self.slack.scopes):
            stamped = {"event_ts": self.slack.workspace.next_ts(self.slack.now())} | event
            wrapped = self._wrapped(stamped, event_id or self.slack.workspace.next_id("Ev"))
            self.deliveries.deliver_event_soon(wrapped, **detail)

    def _event_id(self, message: Message) -> str:
        if message.ts not in self.events:
            self.events[message.ts] = self.slack.workspace.next_id("Ev")
        return self.events[message.ts]

    def _wrapped(self, event: Json, event_id: str) -> Json:
        workspace = self.slack.workspace
        bot = {"team_id": workspace.team, "user_id": workspace.bot, "is_bot": True, "is_enterprise_install": False}
        return {
            "type": "event_callback",
            "token": "unused",
            "team_id": workspace.team,
            "api_app_id": workspace.app,
            "event": event,
            "event_id": event_id,
            "event_time": int(float(event["event_ts"])),
            "authorizations": [bot],
        }


def mention(message: Message) -> Json:
    """What an event says of a message."""
    event = {
        "type": "app_mention",
        "user": message.user,
        "text": escaped(message.text),
        "ts": message.ts,
        "channel": message.channel,
        "event_ts": message.ts,
    }
    return event | ({"thread_ts": message.thread_ts} if message.thread_ts else {})
