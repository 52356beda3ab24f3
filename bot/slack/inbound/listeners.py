"""Slack's incoming events: commands, mentions, one error handler. Listeners record requests and answer within `ack`."""

import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltResponse, Respond
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_sdk import WebClient

from bot.app.language_preferences import LanguagePreferences
from bot.app.rate_limits import RateLimitKind
from bot.app.run_service import RunService
from bot.core.commands.command import Command, OpenLaunchForm, ShowWelcome
from bot.core.commands.parser import parse_command
from bot.core.model.audit import Origin
from bot.core.model.people import Act
from bot.errors import UserError
from bot.i18n import set_language, use_language
from bot.phrase import N_, Phrase
from bot.runtime.request_origin import set_origin
from bot.runtime.secret_filter import GENERAL_FILTER, SecretFilter
from bot.slack.inbound.background import (
    BackgroundReplies,
    fits_acknowledgement,
    render_error,
    respond_directly,
    respond_in_thread,
    respond_to_command,
    respond_to_person,
    respond_where_pressed,
)
from bot.slack.inbound.bolt_app import (
    ContextIsolatedApp,
    find_delivery_channel,
    find_entry_point,
    find_team,
    reject_malformed,
)
from bot.slack.inbound.button_listeners import ButtonListeners, register_buttons
from bot.slack.inbound.command_handlers import Commands, has_notice, has_private_answer
from bot.slack.inbound.modals import Modals
from bot.slack.inbound.requesters import Requesters
from bot.slack.outbound.home_publisher import HomePublisher
from bot.slack.payloads import (
    MalformedDelivery,
)
from bot.slack.views.launch_form import (
    build_refusal,
)
from bot.slack.views.message import Answer
from bot.slack.views.typed_markup import list_unnamed_people, name_people, restore_typed_text, strip_mention

log = logging.getLogger(__name__)

SLASH_COMMAND = "/verl"

UNKNOWN_BUTTON = N_("This button belongs to an older version of verlbot, and does nothing now.")

MAX_LOGGED_NAME_CHARACTERS = 100
"""Maximum characters of an action's name in the log."""

MAX_REMEMBERED_EVENTS = 1_000
"""Maximum event ids remembered. Slack repeats an event within the hour if it considers the first delivery lost."""


def build_app(
    listeners: "Listeners", authorize: Callable[..., AuthorizeResult], signing_secret: str
) -> ContextIsolatedApp:
    """Return a Bolt app with all listeners of the bot.

    `process_before_response` runs a listener in the thread that received the delivery: our listeners wait for the store
    only, and this makes a dispatch about twenty times cheaper. Without a name Bolt looks for the caller's file in all
    loaded modules, for a fifth of a second.
    """
    app = ContextIsolatedApp(
        name="verlbot",
        process_before_response=True,
        raise_error_for_unhandled_request=True,
        client=listeners.client,
        authorize=authorize,
        signing_secret=signing_secret,
        logger=logging.getLogger("bot.bolt"),
    )
    app.use(listeners.set_user_language)
    app.use(listeners.record_origin)
    app.use(listeners.limit_rate)
    register_listeners(app, listeners)
    register_buttons(app, listeners.buttons)
    app.error(listeners.on_error)
    return app


def register_listeners(app: App, listeners: "Listeners") -> None:
    """Register the listeners for what people type and open."""
    app.command(SLASH_COMMAND)(listeners.on_command)
    app.event("app_mention")(listeners.on_mention)
    app.event("message")(listeners.on_direct_message)
    app.event("app_home_opened")(listeners.on_home)


@dataclass(frozen=True, slots=True)
class Listeners:
    """The listeners for what people type and open, and for all deliveries.

    Attributes:
        client: sends messages outside of an acknowledgement; background: computes slow answers.
        commands: executes typed commands; modals: serves views; home_publisher: updates the App Home pages.
        language_preferences: the language of each person; requesters: finds who sent a delivery.
        buttons: the listeners for buttons and forms.
        secrets: the values that may not be typed.
        handled_event_ids: ids of events that have been answered, the newest last.
    """

    service: RunService
    client: WebClient
    background: BackgroundReplies
    commands: Commands
    modals: Modals
    home_publisher: HomePublisher
    language_preferences: LanguagePreferences
    requesters: Requesters
    buttons: ButtonListeners
    secrets: SecretFilter = GENERAL_FILTER
    handled_event_ids: OrderedDict[str, None] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def set_user_language(self, context: BoltContext, next: Callable[[], None]) -> None:  # noqa: A002  # Bolt's name
        """Set the language of the person before any listener runs: ephemeral answers are in that language."""
        set_language(self.language_preferences.get_language(context.user_id))
        next()

    def record_origin(self, context: BoltContext, body: dict[str, Any], next: Callable[[], None]) -> None:  # noqa: A002
        """Record before any listener runs where a request comes from, for the audit."""
        set_origin(Origin(context.user_id or "", find_entry_point(body), find_delivery_channel(body)))
        next()

    def limit_rate(self, context: BoltContext, next: Callable[[], None]) -> None:  # noqa: A002  # Bolt's name
        """Limit one person's rate of requests before any listener runs, so that a flood costs nothing."""
        if context.user_id:
            self.service.rate_limits.count_request(context.user_id, RateLimitKind.QUESTION)
        next()

    def on_command(self, ack: Ack, command: dict[str, Any], respond: Respond) -> None:
        """Execute a slash command."""
        parsed_command = parse_command(self.restore_line(command.get("text") or ""), masker=self.secrets.masker)
        requester = self.requesters.build_requester(
            command, command["user_id"], command["channel_id"], command["trigger_id"]
        )
        if isinstance(parsed_command, OpenLaunchForm):
            self.service.refuse(Act.LAUNCH, requester)
            self.modals.open_form(command["trigger_id"], requester)
            ack()
            return
        responder = respond_to_command(respond, self.client, command)
        answer = self.commands.answer(parsed_command, requester, responder)()
        if answer and not fits_acknowledgement(answer):
            self.background.send(answer, responder)
            answer = None
        ack(**answer, response_type="ephemeral") if answer else ack()

    def on_mention(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Answer a mention in its thread, in the workspace's language; answer privately what concerns the person
        alone.
        """
        # Ignore mentions by apps, and events that Slack delivers a second time.
        if "user" not in event or "bot_id" in event or not self.remember_event(body["event_id"]):
            return
        channel, user, thread = event["channel"], event["user"], event.get("thread_ts")
        thread_run_id = self.service.store.run_id_for_card(channel, thread) if thread else None
        command = self.parse_message(event, thread_run_id)
        thread_responder = respond_in_thread(self.client, channel, thread or event["ts"], user)
        answers_privately = has_private_answer(command)
        responder = respond_to_person(self.client, channel, user, thread) if answers_privately else thread_responder
        requester = self.requesters.build_requester(body, user, channel, body["event_id"])
        # An answer that the channel sees must show nothing that the channel may not read.
        if not answers_privately:
            requester = replace(requester, actor=replace(requester.actor, is_channel_audience=True))
        deferred_answer = self.commands.answer(command, requester, responder)
        with use_language(
            self.language_preferences.get_language(user) if answers_privately else self.language_preferences.workspace
        ):
            if (answer := deferred_answer()) and not has_notice(command, thread_run_id, self.service, body["event_id"]):
                self.background.send(answer, responder)

    def on_direct_message(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Answer a direct message, which is a command without a prefix, where it was written.

        Only what a person has typed is one: no message of an app, no edit, no file, nothing that Slack writes itself.
        """
        is_typed = event.get("channel_type") == "im" and not {"subtype", "bot_id", "hidden"} & event.keys()
        if not is_typed or "user" not in event or not self.remember_event(body["event_id"]):
            return
        channel, user, thread = event["channel"], event["user"], event.get("thread_ts")
        thread_run_id = self.service.store.run_id_for_card(channel, thread) if thread else None
        command = self.parse_message(event, thread_run_id)
        responder = respond_in_thread(self.client, channel, thread)
        requester = self.requesters.build_requester(body, user, channel, body["event_id"])
        answer = self.commands.answer(command, requester, responder)()
        if answer and not has_notice(command, thread_run_id, self.service, body["event_id"]):
            self.background.send(answer, responder)

    def parse_message(self, event: dict[str, Any], thread_run_id: str | None) -> Command:
        """Return the command of a message; a mention alone asks what the bot can do.

        Raises:
            UserError: the message is not a valid command.
        """
        text = self.restore_line(strip_mention(event.get("text") or ""))
        return parse_command(text, thread_run_id, self.secrets.masker) if text.strip() else ShowWelcome()

    def restore_line(self, text: str) -> str:
        """Return what a person typed, with the names of people whom Slack mentions by their ids alone."""
        line = restore_typed_text(text)
        unnamed = list_unnamed_people(line)
        return name_people(line, self.commands.people.directory.find_all_names(unnamed)) if unnamed else line

    def on_home(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Publish the App Home page that a person has opened."""
        if event.get("tab") == "home":
            try:
                self.service.refuse(Act.READ, self.requesters.build_requester(body, event["user"], ""))
            except UserError as error:
                # The page itself shows the refusal, so it is only recorded here.
                self.service.audit_service.record_refusal(error)
            self.home_publisher.mark_opened(event["user"], find_team(body))

    def on_error(self, error: Exception, body: dict[str, Any], respond: Respond | None) -> BoltResponse:
        """Report an error to the person, in the way that the delivery allows."""
        if isinstance(error, MalformedDelivery):
            return reject_malformed(error)
        if isinstance(error, BoltUnhandledRequestError):
            return self._acknowledge_unknown(body, respond)
        self.service.audit_service.record_refusal(error)
        answer = render_error(error)
        # An error at a field keeps the form open, with the person's input.
        if body.get("type") == "view_submission":
            errors = {"response_action": "errors", "errors": build_refusal(body["view"], answer["text"])}
            return BoltResponse(status=200, body=json.dumps(errors), headers={"content-type": "application/json"})
        if "command" in body:
            if fits_acknowledgement(answer) or respond is None:
                return BoltResponse(status=200, body=json.dumps(answer | {"response_type": "ephemeral"}))
            self.background.send(answer, respond_to_command(respond, self.client, body))
            return BoltResponse(status=200)
        self._send_error(answer, body, respond)
        return BoltResponse(status=200)

    def _acknowledge_unknown(self, body: dict[str, Any], respond: Respond | None) -> BoltResponse:
        """Acknowledge a delivery that no listener takes; Slack would repeat it, or show an error without a reason. A
        person who pressed a button that is gone gets an explanation.
        """
        actions = [action for action in body.get("actions") or [] if isinstance(action, dict)]
        names = ", ".join(str(action.get("action_id"))[:MAX_LOGGED_NAME_CHARACTERS] for action in actions)
        log.warning("no listener takes a delivery of the type %s: %s", body.get("type"), names)
        # A link needs no listener, and Slack reports its press all the same.
        if actions and not any("url" in action for action in actions):
            error = UserError(Phrase(UNKNOWN_BUTTON), Phrase("`/verl list` shows your runs."))
            self._send_error(render_error(error), body, respond)
        return BoltResponse(status=200)

    def _send_error(self, answer: Answer, body: dict[str, Any], respond: Respond | None) -> None:
        """Send an error to the person, in the way that the delivery allows."""
        event = body.get("event")
        if event and event.get("channel_type") == "im":
            self.background.send(answer, respond_in_thread(self.client, event["channel"], event.get("thread_ts")))
        elif event and "channel" in event and event.get("type") != "app_home_opened":
            self.background.send(
                answer, respond_to_person(self.client, event["channel"], event["user"], event.get("thread_ts"))
            )
        # Neither the App Home page nor a form has a place for an answer.
        elif "view" in body:
            self.background.send(answer, respond_directly(self.client, body["user"]["id"]))
        elif respond:
            self.background.send(answer, respond_where_pressed(respond, self.client, body))

    def remember_event(self, event_id: str) -> bool:
        """Return whether an event is new, and remember it."""
        with self.lock:
            if event_id in self.handled_event_ids:
                return False
            self.handled_event_ids[event_id] = None
            if len(self.handled_event_ids) > MAX_REMEMBERED_EVENTS:
                self.handled_event_ids.popitem(last=False)
            return True
