"""Slack in: commands, mentions, buttons, one error handler. Listeners record wishes and answer inside `ack`."""

import json
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltRequest, BoltResponse, Respond
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.adapters.secret_filter import UNKNOWING, SecretFilter
from bot.asked import Caller
from bot.core.command import (
    Extend,
    Launch,
    Logs,
    OpenForm,
    Resume,
    Retry,
)
from bot.core.parse import parse
from bot.language import speak, speaking
from bot.service import Service
from bot.slack import answers
from bot.slack.again import FORM, NEW, RESUME, RETRY
from bot.slack.approvals import APPROVE, REFUSE
from bot.slack.commands import Commands, is_private
from bot.slack.errands import Errands, by_response_url, directly, in_thread, to_person, words_for
from bot.slack.findings import MUTE
from bot.slack.homes import Homes
from bot.slack.launch_form import LAUNCH_FORM, PREVIEW, RECIPE, refused
from bot.slack.limits import EXTEND
from bot.slack.modals import Modals
from bot.slack.models import KEEP, LOSE, SAVE_AND_STOP
from bot.slack.question import SURE
from bot.slack.text import as_typed, without_mention
from bot.tongues import Tongues

log = logging.getLogger(__name__)

COMMAND = "/verl"

SAVES = {SAVE_AND_STOP: True, LOSE: False}
"""What buttons that end a run say of its model."""

REMEMBERED_EVENTS = 1_000
"""Slack delivers an event again within the hour if it takes the first delivery for lost."""


class AttentiveApp(App):
    """Bolt, in a context of its own for each delivery: the language that a listener speaks ends with it."""

    def dispatch(self, req: BoltRequest) -> BoltResponse:
        return copy_context().run(super().dispatch, req)


def build_app(listeners: "Listeners", authorize: Callable[..., AuthorizeResult], signing_secret: str) -> App:
    """Bolt with everything that the bot listens to.

    `process_before_response` runs a listener in the thread that received it: none of ours waits for
    anything but the store, and a dispatch is some twenty times cheaper so.
    """
    app = AttentiveApp(
        process_before_response=True,
        client=listeners.client,
        authorize=authorize,
        signing_secret=signing_secret,
        logger=logging.getLogger("bot.bolt"),
    )
    app.use(listeners.speak_to)
    app.command(COMMAND)(listeners.on_command)
    app.event("app_mention")(listeners.on_mention)
    app.event("app_home_opened")(listeners.on_home)
    app.action("stop")(listeners.on_stop)
    app.action(SAVE_AND_STOP)(listeners.on_stop)
    app.action(LOSE)(listeners.on_stop)
    app.action(KEEP)(listeners.on_keep)
    app.action(re.compile(rf"{EXTEND}-\d+"))(listeners.on_extend)
    app.action(SURE)(listeners.on_sure)
    app.action(re.compile(rf"{APPROVE}|{REFUSE}"))(listeners.on_judge)
    app.action(MUTE)(listeners.on_mute)
    app.action("logs")(listeners.on_logs)
    app.action(RETRY)(listeners.on_again)
    app.action(RESUME)(listeners.on_again)
    app.action(FORM)(listeners.on_form)
    app.action(RECIPE)(listeners.on_recipe)
    app.action(PREVIEW)(listeners.on_preview)
    app.view(LAUNCH_FORM)(listeners.on_submit)
    app.error(listeners.on_error)
    return app


@dataclass(frozen=True, slots=True)
class Listeners:
    """What happens when a person does something in Slack.

    Attributes:
        client: for what is said outside of an acknowledgement; errands: for what takes longer than one.
        commands: does what was typed; modals: for what is done in views; homes: for the bot's own page.
        tongues: who is spoken to in which language; secrets: what may not be typed.
        handled: events that have been answered, the newest last.
    """

    service: Service
    client: WebClient
    errands: Errands
    commands: Commands
    modals: Modals
    homes: Homes
    tongues: Tongues
    secrets: SecretFilter = UNKNOWING
    handled: OrderedDict[str, None] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def speak_to(self, context: BoltContext, next: Callable[[], None]) -> None:  # noqa: A002  # Bolt's name
        """Before any listener: whatever is said to a person alone is in the language of that person."""
        speak(self.tongues.of(context.user_id))
        next()

    def on_command(self, ack: Ack, command: dict[str, Any], respond: Respond) -> None:
        caller = Caller(command["user_id"], command["channel_id"], command["trigger_id"])
        asked = parse(as_typed(command.get("text") or ""), masker=self.secrets.masker)
        if isinstance(asked, OpenForm):
            self.modals.open_form(command["trigger_id"], caller.user, caller.channel)
            ack()
            return
        answer = self.commands.answer(asked, caller, by_response_url(respond))()
        ack(**answer, response_type="ephemeral") if answer else ack()

    def on_mention(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Answered in its thread for all, in the workspace's language, but for what concerns the person alone."""
        if "user" not in event or "bot_id" in event or not self.is_new(body["event_id"]):  # an app's, or come twice
            return
        channel, user, thread = event["channel"], event["user"], event.get("thread_ts")
        here = self.service.store.find(channel, thread) if thread else None
        asked = parse(as_typed(without_mention(event["text"])), here, self.secrets.masker)
        openly = in_thread(self.client, channel, thread or event["ts"])
        alone = is_private(asked)
        reply = to_person(self.client, channel, user, thread) if alone else openly
        said = self.commands.answer(asked, Caller(user, channel, body["event_id"]), openly)
        with speaking(self.tongues.of(user) if alone else self.tongues.workspace):
            if answer := said():
                self.errands.say(answer, reply)

    def on_home(self, event: dict[str, Any]) -> None:
        if event.get("tab") == "home":
            self.homes.opened(event["user"])

    def on_stop(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """The card itself shows that the stop is asked for."""
        self.service.stop(action["value"], by=body["user"]["id"], save=SAVES.get(action["action_id"]))
        self.homes.changed(body["user"]["id"])
        ack()

    def on_keep(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """The message itself says until when, and by whom; a second click on the same button adds nothing."""
        run, until = action["value"].split()
        self.service.keep(run, body["user"]["id"], datetime.fromtimestamp(float(until), UTC))
        ack()

    def on_extend(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """The thread itself says that the lease is longer; a second click on the same button adds nothing."""
        run, hours, end = action["value"].split()
        caller = Caller(body["user"]["id"], body["channel"]["id"], body["trigger_id"])
        self.service.extend(Extend(run, float(hours)), caller, datetime.fromtimestamp(float(end), UTC))
        ack()

    def on_sure(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Launch what was asked about; a second click on the same question is the same launch."""
        user, channel = body["user"]["id"], body["channel"]["id"]
        asked = parse(action["value"])
        wish = f"{SURE} {user} {body['container']['message_ts']}"
        if isinstance(asked, Launch):
            run = self.service.launch(asked, Caller(user, channel, wish))
            self.errands.say(answers.launched(run), by_response_url(respond))
        ack()

    def on_judge(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """The message itself shows what was said."""
        self.service.judge(action["value"], granted=action["action_id"] == APPROVE, by=body["user"]["id"])
        ack()

    def on_mute(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        run, finding = action["value"].split()
        self.service.mute(run, finding, by=body["user"]["id"])
        ack()

    def on_again(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Launch a run once more; a second click while that runs finds it, and launches nothing."""
        asked = (Resume if action["action_id"] == RESUME else Retry)(action["value"])
        user, channel = body["user"]["id"], (body.get("channel") or {}).get("id") or ""
        run = self.service.again(asked, Caller(user, channel))
        reply = directly(self.client, user) if "view" in body else by_response_url(respond)
        self.errands.say(answers.launched(run), reply)
        self.homes.changed(user)
        ack()

    def on_logs(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Beside the card, or, from a page that has no such place, in a view."""
        if "view" in body:
            self.modals.show_log(self.service.find(action["value"]), body["trigger_id"], body["user"]["id"])
        else:
            self.commands.read_log(Logs(action["value"]), by_response_url(respond))()
        ack()

    def on_form(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """A button that opens the form of a launch, empty or with an earlier run's settings."""
        run = "" if action["value"] == NEW else action["value"]
        channel = (body.get("channel") or {}).get("id") or ""
        self.modals.open_form(body["trigger_id"], body["user"]["id"], channel, run)
        ack()

    def on_recipe(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        self.modals.choose(body["view"], action["selected_option"]["value"])
        ack()

    def on_preview(self, ack: Ack, body: dict[str, Any]) -> None:
        self.modals.preview(body["view"])
        ack()

    def on_submit(self, ack: Ack, view: dict[str, Any], body: dict[str, Any]) -> None:
        user = body["user"]["id"]
        if wrong := self.modals.submit(view, user):
            ack(response_action="errors", errors=wrong)
            return
        self.homes.changed(user)
        ack()

    def on_error(self, error: Exception, body: dict[str, Any], respond: Respond | None) -> BoltResponse:
        """Whatever went wrong, the person who asked is told, in the way in which he can be."""
        answer = words_for(error)
        if body.get("type") == "view_submission":  # what was filled in stays in front of the person
            errors = {"response_action": "errors", "errors": refused(body["view"], answer["text"])}
            return BoltResponse(status=200, body=json.dumps(errors), headers={"content-type": "application/json"})
        if "command" in body:
            return BoltResponse(status=200, body=json.dumps(answer | {"response_type": "ephemeral"}))
        event = body.get("event")
        if event:
            self.errands.say(answer, to_person(self.client, event["channel"], event["user"], event.get("thread_ts")))
        elif "view" in body:  # neither a page nor a form has a place to answer in
            self.errands.say(answer, directly(self.client, body["user"]["id"]))
        elif respond:
            self.errands.say(answer, by_response_url(respond))
        return BoltResponse(status=200)

    def is_new(self, event_id: str) -> bool:
        with self.lock:
            if event_id in self.handled:
                return False
            self.handled[event_id] = None
            if len(self.handled) > REMEMBERED_EVENTS:
                self.handled.popitem(last=False)
            return True
