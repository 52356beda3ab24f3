"""Slack's incoming events: commands, mentions, buttons, one error handler. Listeners record requests and answer within
`ack`.
"""

import json
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltRequest, BoltResponse, Respond
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.access_control import AccessControl
from bot.adapters.secret_filter import UNKNOWING, SecretFilter
from bot.asked import Caller
from bot.core.approval_rule import refuse_dear_adoption
from bot.core.command import (
    Extend,
    Launch,
    Logs,
    OpenForm,
    Resume,
    Retry,
)
from bot.core.orphans import Standing
from bot.core.parse import parse
from bot.core.people import PersonKind
from bot.core.roles import Act, Role
from bot.errors import UserError
from bot.language import speak, speaking
from bot.origin import Origin, set_origin
from bot.rate_limits import Kind
from bot.service import Service
from bot.slack import answers
from bot.slack.again import FORM, NEW, RESUME, RETRY
from bot.slack.approvals import APPROVE, REFUSE, TASK
from bot.slack.commands import Commands, is_private
from bot.slack.deliveries import Malformed, checked, moment, needed, number, value_of, words
from bot.slack.errands import Errands, by_response_url, directly, in_thread, to_person, words_for
from bot.slack.findings import MUTE
from bot.slack.homes import Homes
from bot.slack.launch_form import LAUNCH_FORM, PREVIEW, RECIPE, filled_in, refused
from bot.slack.limits import EXTEND
from bot.slack.modals import Modals
from bot.slack.models import KEEP, LOSE, SAVE_AND_STOP
from bot.slack.question import SURE
from bot.slack.text import as_typed, without_mention
from bot.tongues import Tongues

log = logging.getLogger(__name__)

COMMAND = "/verl"

SAVES = {SAVE_AND_STOP: True, LOSE: False}
"""Whether a checkpoint is saved before the run ends, by the action of the button that ends it."""

REMEMBERED_EVENTS = 1_000
"""Maximum event ids remembered. Slack repeats an event within the hour if it considers the first delivery lost."""


class AttentiveApp(App):
    """Bolt's app, with a context of its own for each delivery: the language that a listener sets ends with the
    delivery.
    """

    def dispatch(self, req: BoltRequest) -> BoltResponse:
        """Dispatch a delivery in a copy of the context, unless it is malformed."""
        try:
            checked(req.body)
        except Malformed as error:
            return refuse_malformed(error)
        return copy_context().run(super().dispatch, req)


def build_app(listeners: "Listeners", authorize: Callable[..., AuthorizeResult], signing_secret: str) -> App:
    """Return a Bolt app with all listeners of the bot.

    `process_before_response` runs a listener in the thread that received the delivery: our listeners wait for the store
    only, and this makes a dispatch about twenty times cheaper.
    """
    app = AttentiveApp(
        process_before_response=True,
        client=listeners.client,
        authorize=authorize,
        signing_secret=signing_secret,
        logger=logging.getLogger("bot.bolt"),
    )
    app.use(listeners.speak_to)
    app.use(listeners.note_origin)
    app.use(listeners.limit)
    listen(app, listeners)
    app.error(listeners.on_error)
    return app


def listen(app: App, listeners: "Listeners") -> None:
    """Register all listeners except those for clusters without a run (see `OrphanNotifier`)."""
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
    app.action(TASK)(listeners.on_task)
    app.action("logs")(listeners.on_logs)
    app.action(RETRY)(listeners.on_again)
    app.action(RESUME)(listeners.on_again)
    app.action(FORM)(listeners.on_form)
    app.action(RECIPE)(listeners.on_recipe)
    app.action(PREVIEW)(listeners.on_preview)
    app.view(LAUNCH_FORM)(listeners.on_submit)


@dataclass(frozen=True, slots=True)
class Listeners:
    """The listeners for everything that people do in Slack.

    Attributes:
        client: sends messages outside of an acknowledgement; background: computes slow answers.
        commands: executes typed commands; modals: serves views; home_publisher: updates the App Home pages.
        language_preferences: the language of each person; access: roles and permissions.
        secrets: the values that may not be typed.
        handled_event_ids: ids of events that have been answered, the newest last.
    """

    service: Service
    client: WebClient
    errands: Errands
    commands: Commands
    modals: Modals
    homes: Homes
    tongues: Tongues
    access: AccessControl
    secrets: SecretFilter = UNKNOWING
    handled: OrderedDict[str, None] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def speak_to(self, context: BoltContext, next: Callable[[], None]) -> None:  # noqa: A002  # Bolt's name
        """Set the language of the person before any listener runs: ephemeral answers are in that language."""
        speak(self.tongues.of(context.user_id))
        next()

    def note_origin(self, context: BoltContext, body: dict[str, Any], next: Callable[[], None]) -> None:  # noqa: A002
        """Record before any listener runs where a request comes from, for the audit."""
        set_origin(Origin(context.user_id or "", door_of(body), channel_of_delivery(body)))
        next()

    def limit(self, context: BoltContext, next: Callable[[], None]) -> None:  # noqa: A002  # Bolt's name
        """Limit one person's rate of requests before any listener runs, so that a flood costs nothing."""
        if context.user_id:
            self.service.limits.take(context.user_id, Kind.QUESTION)
        next()

    def caller(self, body: dict[str, Any], user: str, channel: str, wish: str | None = None) -> Caller:
        """Return the requester, with the role that applies in the channel."""
        return Caller(user, channel, self.access.actor(user, team_of(body), channel), wish)

    def presser(self, body: dict[str, Any], wish: str | None = None) -> Caller:
        """Return the requester who pressed a button; the channel is empty for buttons of the App Home page and of
        views.
        """
        return self.caller(body, body["user"]["id"], (body.get("channel") or {}).get("id") or "", wish)

    def filler(self, body: dict[str, Any], wish: str | None = None) -> Caller:
        """Return the requester who filled in a form, with the role in the channel of the run's card.

        Raises:
            UserError: the person is not in that channel.
        """
        user, filled = body["user"]["id"], filled_in(body.get("view") or {})
        # A form that is still being filled in may not name its channel yet; a submitted one does.
        if filled.asks_channel and (filled.channel or wish):
            self.access.refuse_absent(user, filled.channel)
        return self.caller(body, user, filled.channel, wish)

    def in_channel_of(self, run_id: str, caller: Caller, body: dict[str, Any]) -> Caller:
        """Return the requester of a relaunch from the App Home page, with the role in the channel of the new run's
        card.

        Raises:
            UserError: the person may not read the run, or is not in its channel.
        """
        run = self.service.queries.find(run_id, caller.actor)
        self.access.refuse_absent(caller.user, run.channel)
        return self.caller(body, caller.user, run.channel)

    def may_manage(self, body: dict[str, Any], standing: Standing | None, adopts: bool) -> str:
        """Return the person who pressed a button of a cluster without a run.

        Args:
            cluster: the cluster; the person whom SkyPilot names as its owner needs no role for it. None if the
                cluster is gone.
            adopts: whether the cluster is to be kept under the person's name, which costs money.

        Raises:
            UserError: the person may not.
        """
        caller, policy = self.presser(body), self.service.policy
        owner = policy.outside.people.get(standing.user) if standing and standing.user else None
        person = caller.actor.person
        # The owner by SkyPilot's name needs no role, but must be a full member of the workspace.
        if standing is None or owner != caller.user or person is None or person.kind is not PersonKind.MEMBER:
            self.service.refuse(Act.MANAGE_CLUSTER, caller)
        # An owner may always remove the cluster, but may adopt only what is not too expensive.
        elif adopts and caller.actor.role < Role.APPROVER:
            refuse_dear_adoption(policy, standing)
        return caller.user

    def on_command(self, ack: Ack, command: dict[str, Any], respond: Respond) -> None:
        """Execute a slash command."""
        asked = parse(as_typed(command.get("text") or ""), masker=self.secrets.masker)
        caller = self.caller(command, command["user_id"], command["channel_id"], command["trigger_id"])
        if isinstance(asked, OpenForm):
            self.service.refuse(Act.LAUNCH, caller)
            self.modals.open_form(command["trigger_id"], caller)
            ack()
            return
        answer = self.commands.answer(asked, caller, by_response_url(respond))()
        ack(**answer, response_type="ephemeral") if answer else ack()

    def on_mention(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Answer a mention in its thread, in the workspace's language; answer privately what concerns the person
        alone.
        """
        # Ignore mentions by apps, and events that Slack delivers a second time.
        if "user" not in event or "bot_id" in event or not self.is_new(body["event_id"]):
            return
        channel, user, thread = event["channel"], event["user"], event.get("thread_ts")
        here = self.service.store.find(channel, thread) if thread else None
        asked = parse(as_typed(without_mention(event["text"])), here, self.secrets.masker)
        openly = in_thread(self.client, channel, thread or event["ts"])
        alone = is_private(asked)
        reply = to_person(self.client, channel, user, thread) if alone else openly
        caller = self.caller(body, user, channel, body["event_id"])
        # An answer that the channel sees must show nothing that the channel may not read.
        if not alone:
            caller = replace(caller, actor=replace(caller.actor, is_heard=True))
        said = self.commands.answer(asked, caller, reply)
        with speaking(self.tongues.of(user) if alone else self.tongues.workspace):
            if answer := said():
                self.errands.say(answer, reply)

    def on_home(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Publish the App Home page that a person has opened."""
        if event.get("tab") == "home":
            try:
                self.service.refuse(Act.READ, self.caller(body, event["user"], ""))
            except UserError as error:
                # The page itself shows the refusal, so it is only recorded here.
                self.service.auditing.record_refusal(error)
            self.homes.opened(event["user"], team_of(body))

    def on_stop(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Request a stop; the run's card shows the request."""
        self.service.stop(value_of(action), self.presser(body), save=SAVES.get(action["action_id"]))
        self.homes.changed(body["user"]["id"])
        ack()

    def on_keep(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Keep a cluster longer; the message shows until when and by whom. A second click on the same button adds
        nothing.
        """
        run, until = words(action, 2)
        self.service.keep(run, self.presser(body), moment(until))
        ack()

    def on_extend(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Extend a lease; the thread shows the new end. A second click on the same button adds nothing."""
        run, hours, end = words(action, 3)
        caller = self.presser(body, needed(body, "trigger_id"))
        self.service.extend(Extend(run, number(hours)), caller, moment(end))
        ack()

    def on_sure(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Launch after the confirmation; a second click on the same question finds the same launch."""
        asked = parse(value_of(action))
        # The message, not the delivery, identifies the launch, so that a second click finds the first one's run.
        wish = f"{SURE} {body['user']['id']} {needed(body, 'container', 'message_ts')}"
        if isinstance(asked, Launch):
            run = self.service.launch(asked, self.presser(body, wish))
            self.errands.say(answers.launched(run), by_response_url(respond))
        ack()

    def on_judge(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record an approver's decision; the message shows it."""
        name, _, seen = value_of(action).partition(" ")
        self.service.judge(name, action["action_id"] == APPROVE, self.presser(body), seen)
        ack()

    def on_mute(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Mute a finding in a run's thread."""
        run, finding = words(action, 2)
        self.service.mute(run, finding, self.presser(body))
        ack()

    def on_again(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Relaunch a run; a second click while the new run is active finds that run and launches nothing."""
        asked = (Resume if action["action_id"] == RESUME else Retry)(value_of(action))
        user = body["user"]["id"]
        caller = self.presser(body)
        run = self.service.again(asked, caller if caller.channel else self.in_channel_of(asked.run, caller, body))
        reply = directly(self.client, user) if "view" in body else by_response_url(respond)
        self.errands.say(answers.launched(run), reply)
        self.homes.changed(user)
        ack()

    def on_logs(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Show a log beside the card, or in a view if the button is on a page without a channel."""
        caller = self.presser(body)
        self.service.refuse(Act.READ, caller)
        if "view" in body:
            run = self.service.queries.find(value_of(action), caller.actor)
            self.modals.show_log(run, needed(body, "trigger_id"), caller.user)
        else:
            self.commands.read_log(Logs(value_of(action)), caller, by_response_url(respond))()
        ack()

    def on_form(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Open the launch form, empty or with the settings of an earlier run."""
        run = "" if value_of(action) == NEW else value_of(action)
        caller = self.presser(body)
        self.service.refuse(Act.LAUNCH, caller)
        self.modals.open_form(needed(body, "trigger_id"), caller, run)
        ack()

    def on_task(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Show the exact task that waits for approval."""
        caller = self.presser(body)
        self.service.refuse(Act.READ, caller)
        self.modals.show_task(value_of(action), needed(body, "trigger_id"), caller)
        ack()

    def on_recipe(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Show the fields of the recipe that was chosen in the launch form."""
        self.service.refuse(Act.LAUNCH, self.filler(body))
        self.modals.choose(body.get("view") or {}, needed(action, "selected_option", "value"))
        ack()

    def on_preview(self, ack: Ack, body: dict[str, Any]) -> None:
        """Show in the launch form what it would launch."""
        caller = self.filler(body)
        self.service.refuse(Act.LAUNCH, caller)
        self.modals.preview(body.get("view") or {}, caller)
        ack()

    def on_submit(self, ack: Ack, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Launch what the form describes, or show the errors at its fields."""
        user = body["user"]["id"]
        if wrong := self.modals.submit(view, self.filler(body, view["id"])):
            ack(response_action="errors", errors=wrong)
            return
        self.homes.changed(user)
        ack()

    def on_error(self, error: Exception, body: dict[str, Any], respond: Respond | None) -> BoltResponse:
        """Report an error to the person, in the way that the delivery allows."""
        if isinstance(error, Malformed):
            return refuse_malformed(error)
        self.service.auditing.record_refusal(error)
        answer = words_for(error)
        # An error at a field keeps the form open, with the person's input.
        if body.get("type") == "view_submission":
            errors = {"response_action": "errors", "errors": refused(body["view"], answer["text"])}
            return BoltResponse(status=200, body=json.dumps(errors), headers={"content-type": "application/json"})
        if "command" in body:
            return BoltResponse(status=200, body=json.dumps(answer | {"response_type": "ephemeral"}))
        event = body.get("event")
        if event and "channel" in event and event.get("type") != "app_home_opened":
            self.errands.say(answer, to_person(self.client, event["channel"], event["user"], event.get("thread_ts")))
        # Neither the App Home page nor a form has a place for an answer.
        elif "view" in body:
            self.errands.say(answer, directly(self.client, body["user"]["id"]))
        elif respond:
            self.errands.say(answer, by_response_url(respond))
        return BoltResponse(status=200)

    def is_new(self, event_id: str) -> bool:
        """Return whether an event is new, and remember it."""
        with self.lock:
            if event_id in self.handled:
                return False
            self.handled[event_id] = None
            if len(self.handled) > REMEMBERED_EVENTS:
                self.handled.popitem(last=False)
            return True


def door_of(body: dict[str, Any]) -> str:
    """Return how a person made a request (form, command, mention, button or page), for the audit."""
    if body.get("type") == "view_submission":
        return "form"
    if "command" in body:
        return "command"
    if (body.get("event") or {}).get("type") == "app_mention":
        return "mention"
    return "button" if (body.get("channel") or {}) else "page"


def channel_of_delivery(body: dict[str, Any]) -> str:
    """Return the channel of a delivery; empty for the App Home page and its forms."""
    channel = body.get("channel")
    own = channel.get("id") if isinstance(channel, dict) else None
    return str(own or body.get("channel_id") or (body.get("event") or {}).get("channel") or "")


def refuse_malformed(error: Malformed) -> BoltResponse:
    """Reject a delivery that Slack does not send. The log names what is wrong with it, not its content."""
    log.warning("a delivery is not what Slack sends: %s", error)
    return BoltResponse(status=400)


def team_of(body: dict[str, Any]) -> str:
    """Return the workspace of the person, as Slack has signed it; empty if the delivery names none.

    In a channel that is shared with another company, an event names the person's workspace beside the app's.
    """
    event = body.get("event") or {}
    user = body.get("user")
    own = user.get("team_id") if isinstance(user, dict) else None
    team = body.get("team") or {}
    return str(event.get("user_team") or own or body.get("team_id") or team.get("id") or "")
