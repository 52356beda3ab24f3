"""What people do in what an app shows them: press, choose, send and close forms, open its page."""

from collections.abc import Sequence
from dataclasses import dataclass

from slack_playground import views
from slack_playground.checks import Refusal, check_view
from slack_playground.deliveries import Deliveries, NotAnswered
from slack_playground.elements import HOLDS, acted, complaints, dispatches, elements, found, state_of
from slack_playground.slack import Slack
from slack_playground.workspace import Json, Message, NotThere, View

TROUBLE = "We had some trouble connecting. Try again?"
"""What a person reads in a form whose app answers nonsense."""


@dataclass(frozen=True, slots=True)
class Surface:
    """Where a person acts.

    Attributes:
        blocks: its content.
        channel: the conversation that it belongs to; empty where it is a Home.
        payload: what a delivery says of it, but for what its fields hold.
        view: the modal or Home, where it is one.
        attachments: what hangs on the message, where it is one.
    """

    blocks: list[Json]
    channel: str
    payload: Json
    view: View | None = None
    attachments: Sequence[Json] = ()

    def attachment_of(self, block: Json) -> Json:
        """What a container says of the attachment that has the block; nothing where none has it."""
        number = next((one["id"] for one in self.attachments if block in (one.get("blocks") or [])), None)
        more = {"type": "message_attachment", "attachment_id": number, "is_app_unfurl": False}
        return {} if number is None else more


@dataclass(frozen=True, slots=True)
class Interactions:
    """The actions of people in messages, modals and Homes; each becomes a delivery to the app."""

    slack: Slack
    deliveries: Deliveries

    async def act(
        self,
        user: str,
        where: Json,
        action_id: str,
        *,
        block_id: str | None = None,
        chosen: Json | None = None,
        state: Json | None = None,
        confirmed: bool = False,
        window: str = "",
    ) -> Json:
        """Press a button, or choose something; an element that asks first returns its question until `confirmed`.

        Args:
            where: `{channel, ts}` of a message or `{view}`, its id.
            chosen: such as `{"selected_option": …}`; nothing for a button.
            state: what the other fields hold, by block and action, where the person has changed them.
            window: the window of the person's browser, in which alone a modal opens.
        """
        surface = self._surface(user, where, window)
        block, element = found(surface.blocks, block_id, action_id)
        if not dispatches(block):
            raise NotThere(f"{action_id} is sent with its form alone")
        action = acted(block, element, chosen or {}, self.slack.workspace.next_ts(self.slack.now()))
        self._check_known(user, action)
        values = state_of(surface.blocks, with_choice(state or {}, block, element, chosen), surface.channel)
        if "confirm" in element and not confirmed:
            return {"confirm": element["confirm"]}
        payload = self._from(user) | {
            "type": "block_actions",
            "trigger_id": self.deliveries.new_trigger(user, surface.channel, window),
            **self._with_values(surface, values),
            "actions": [action],
        }
        payload["container"] = {**payload["container"], **surface.attachment_of(block)}
        return only_errors(await self._deliver(payload, user=user, text=action_id))

    async def submit(self, user: str, filled: Json, window: str = "") -> Json:
        """Send the form in front of a person, with what he filled in by block and action."""
        view = self._modal(user, window)
        values = state_of(blocks_of(view), filled, view.channel)
        if wrong := complaints(blocks_of(view), values):
            return {"errors": wrong}
        payload = self._from(user) | {
            "type": "view_submission",
            "trigger_id": self.deliveries.new_trigger(user, view.channel, window),
            "view": views.rendered(self.slack, view, values),
            "response_urls": self._response_urls(user, view, values),
        }
        answer = await self._deliver(payload, user=user, text=str(view.body.get("callback_id") or ""))
        if "error" in answer:
            return {"error": answer["error"]}
        entry = self.slack.record.begin("call", "response_action", user=user)
        try:
            said = self._submitted(user, view, answer, window)
        except Refusal as refusal:
            entry.done(refusal.code)
            return {"error": f"{TROUBLE} ({refusal.code})"}
        entry.done("ok")
        return said

    def _submitted(self, user: str, view: View, answer: Json, window: str) -> Json:
        """Errors keep the form open, a view takes its place or stands over it; anything else closes it."""
        match answer.get("response_action"):
            case "errors":
                known = {block["block_id"] for block in blocks_of(view) if block["type"] == "input"}
                errors = answer.get("errors")
                if not isinstance(errors, dict) or not errors or not set(errors) <= known:
                    raise Refusal("invalid_arguments", ["errors must name blocks of type input"])
                return {"errors": errors}
            case "update":
                views.replace_body(self.slack, view, check_view(answer.get("view"), "modal"))
            case "push":
                views.push(self.slack, user, check_view(answer.get("view"), "modal"), window)
            case "clear":
                views.clear(self.slack, user, window)
            case None:
                if view in self.slack.modals.get(views.stack_key(user, window), []):
                    views.pop(self.slack, user, window)
            case _:
                raise Refusal("invalid_arguments", ["unknown response_action"])
        return answer

    async def close(self, user: str, window: str = "") -> Json:
        """Dismiss the modal in front of a person, or all of his where it asks for that."""
        view = self._modal(user, window)
        cleared = bool(view.body.get("clear_on_close"))
        gone = list(reversed(self.slack.modals[views.stack_key(user, window)])) if cleared else [view]
        views.clear(self.slack, user, window) if cleared else views.pop(self.slack, user, window)
        for one in gone:
            if one.body.get("notify_on_close"):
                payload = {"type": "view_closed", "view": views.rendered(self.slack, one), "is_cleared": cleared}
                await self._deliver(self._from(user) | payload, user=user)
        return {}

    def _surface(self, user: str, where: Json, window: str) -> Surface:
        if "view" not in where:
            return self._message(user, str(where["channel"]), str(where["ts"]))
        home = self.slack.workspace.homes.get(user)
        modal = views.top(self.slack, user, window)
        view = next((one for one in (modal, home) if one and one.id == where["view"]), None)
        if view is None:
            raise NotThere(f"no view {where['view']} in front of {user}")
        container = {"type": "view", "view_id": view.id}
        return Surface(blocks_of(view), view.channel, {"container": container}, view)

    def _message(self, user: str, channel: str, ts: str) -> Surface:
        room = self.slack.workspace.room(user, channel)
        message = next((one for one in self.slack.workspace.seen_by(user, channel) if one.ts == ts), None)
        if message is None:
            raise NotThere(f"no message {ts} in {channel}")
        payload = {
            "container": container_of(message),
            "channel": {"id": channel, "name": room.shown_name},
            "response_url": self.deliveries.new_response_url(user, channel, message.ts),
        }
        payload |= {} if message.only_for else {"message": message_of(message)}
        return Surface(message.all_blocks, channel, payload, attachments=message.attachments)

    def _with_values(self, surface: Surface, values: Json) -> Json:
        if surface.view is None:
            return surface.payload | {"state": {"values": values}}
        return surface.payload | {"view": views.rendered(self.slack, surface.view, values)}

    def _modal(self, user: str, window: str) -> View:
        view = views.top(self.slack, user, window)
        if view is None:
            raise NotThere("no modal is open")
        return view

    def _check_known(self, user: str, action: Json) -> None:
        """People and conversations that are chosen are ones that the person can see."""
        workspace = self.slack.workspace
        seen = {one.id for one in workspace.channels.values() if not one.is_private or user in one.members}
        for known, kind in ((set(workspace.users), "user"), (seen, "channel"), (seen, "conversation")):
            chosen = [action.get(f"selected_{kind}"), *(action.get(f"selected_{kind}s") or [])]
            if unknown := [one for one in chosen if one is not None and one not in known]:
                raise NotThere(f"no {kind} {', '.join(map(str, unknown))}")

    def _response_urls(self, user: str, view: View, values: Json) -> list[Json]:
        """Ways to answer in the conversations that were chosen in menus which ask for one."""
        found = []
        for block, element in elements(blocks_of(view)):
            if element.get("response_url_enabled"):
                held = values[block["block_id"]][element["action_id"]]
                channel = held.get("selected_conversation") or held.get("selected_channel")
                names = {"block_id": block["block_id"], "action_id": element["action_id"], "channel_id": channel}
                found += [names | {"response_url": self.deliveries.new_response_url(user, channel)}] if channel else []
        return found

    async def _deliver(self, payload: Json, **detail: object) -> Json:
        if not self.slack.app.is_interactive:
            return {"error": "This app is not configured to handle interactive responses."}
        try:
            return await self.deliveries.deliver("interactive", payload, **detail)
        except NotAnswered as error:
            return {"error": str(error)}

    def _from(self, user: str) -> Json:
        workspace = self.slack.workspace
        name = workspace.users[user].name
        return {
            "user": {"id": user, "username": name, "name": name, "team_id": workspace.team},
            "team": {"id": workspace.team, "domain": "playground"},
            "api_app_id": workspace.app,
            "token": "unused",
            "enterprise": None,
            "is_enterprise_install": False,
        }


def blocks_of(view: View) -> list[Json]:
    return view.body.get("blocks") or []


def with_choice(state: Json, block: Json, element: Json, chosen: Json | None) -> Json:
    """What the fields hold once the choice is made."""
    if not chosen or element["type"] not in HOLDS:
        return state
    own = {**(state.get(block["block_id"]) or {}), element["action_id"]: {"type": element["type"], **chosen}}
    return {**state, block["block_id"]: own}


def only_errors(answer: Json) -> Json:
    """Of the answer to an action, which may be anything, what a person would see."""
    return {"error": answer["error"]} if "error" in answer else {}


def container_of(message: Message) -> Json:
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.only_for is not None,
    }
    return container | ({"thread_ts": message.thread_ts} if message.thread_ts else {})


def message_of(message: Message) -> Json:
    """What a payload says of a message. The playground keeps no ephemeral one, so no payload has it."""
    found: Json = {
        "type": "message",
        "user": message.user,
        "bot_id": views.BOT_ID,
        "ts": message.ts,
        "text": message.text,
    }
    found |= {"thread_ts": message.thread_ts} if message.thread_ts else {}
    found |= {"attachments": message.attachments} if message.attachments else {}
    found |= {"subtype": "thread_broadcast"} if message.broadcast else {}
    return found | {"blocks": message.blocks}
