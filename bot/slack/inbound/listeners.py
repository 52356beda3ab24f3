"""Slack's incoming events: commands, mentions, buttons, one error handler. Listeners record requests and answer within
`ack`.
"""

import json
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltResponse, Respond
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.app.access_control import AccessControl
from bot.app.language_preferences import LanguagePreferences
from bot.app.rate_limits import RateLimitKind
from bot.app.run_queries import Requester
from bot.app.run_service import RunService
from bot.core.commands.command import Extend, Launch, OpenLaunchForm, Resume, Retry, ShowLogs
from bot.core.commands.parser import parse_command
from bot.core.model.audit import Origin
from bot.core.model.orphan import ListedCluster
from bot.core.model.people import Act, PersonKind, Role
from bot.core.rules.approval_rules import refuse_expensive_adoption
from bot.errors import UserError
from bot.i18n import set_language, use_language
from bot.runtime.request_origin import set_origin
from bot.runtime.secret_filter import GENERAL_FILTER, SecretFilter
from bot.slack.inbound.background import (
    BackgroundReplies,
    render_error,
    respond_by_url,
    respond_directly,
    respond_in_thread,
    respond_to_person,
)
from bot.slack.inbound.bolt_app import (
    ContextIsolatedApp,
    find_delivery_channel,
    find_entry_point,
    find_team,
    reject_malformed,
)
from bot.slack.inbound.command_handlers import Commands, has_private_answer
from bot.slack.inbound.modals import Modals
from bot.slack.outbound.home_publisher import HomePublisher
from bot.slack.payloads import (
    MalformedDelivery,
    parse_number,
    parse_time,
    read_required,
    read_value,
    split_value,
)
from bot.slack.views import answers
from bot.slack.views.approval_views import APPROVE, EMPTY_FORM, OPEN_FORM, REFUSE, RESUME, RETRY, SHOW_TASK
from bot.slack.views.finding_views import MUTE
from bot.slack.views.launch_form import (
    CONFIRM_LAUNCH,
    LAUNCH_FORM,
    PREVIEW_ACTION,
    RECIPE_ACTION,
    build_refusal,
    read_values,
)
from bot.slack.views.mrkdwn import restore_typed_text, strip_mention
from bot.slack.views.rescue_views import DISCARD_CHECKPOINT, KEEP_CHECKPOINT, SAVE_AND_STOP
from bot.slack.views.run_limits import EXTEND

log = logging.getLogger(__name__)

SLASH_COMMAND = "/verl"

SAVE_BY_BUTTON = {SAVE_AND_STOP: True, DISCARD_CHECKPOINT: False}
"""Whether a checkpoint is saved before the run ends, by the action of the button that ends it."""

MAX_REMEMBERED_EVENTS = 1_000
"""Maximum event ids remembered. Slack repeats an event within the hour if it considers the first delivery lost."""


def build_app(listeners: "Listeners", authorize: Callable[..., AuthorizeResult], signing_secret: str) -> App:
    """Return a Bolt app with all listeners of the bot.

    `process_before_response` runs a listener in the thread that received the delivery: our listeners wait for the store
    only, and this makes a dispatch about twenty times cheaper.
    """
    app = ContextIsolatedApp(
        process_before_response=True,
        client=listeners.client,
        authorize=authorize,
        signing_secret=signing_secret,
        logger=logging.getLogger("bot.bolt"),
    )
    app.use(listeners.set_user_language)
    app.use(listeners.record_origin)
    app.use(listeners.limit_rate)
    register_listeners(app, listeners)
    app.error(listeners.on_error)
    return app


def register_listeners(app: App, listeners: "Listeners") -> None:
    """Register all listeners except those for clusters without a run (see `OrphanNotifier`)."""
    app.command(SLASH_COMMAND)(listeners.on_command)
    app.event("app_mention")(listeners.on_mention)
    app.event("app_home_opened")(listeners.on_home)
    app.action("stop")(listeners.on_stop)
    app.action(SAVE_AND_STOP)(listeners.on_stop)
    app.action(DISCARD_CHECKPOINT)(listeners.on_stop)
    app.action(KEEP_CHECKPOINT)(listeners.on_keep)
    app.action(re.compile(rf"{EXTEND}-\d+"))(listeners.on_extend)
    app.action(CONFIRM_LAUNCH)(listeners.on_confirm_launch)
    app.action(re.compile(rf"{APPROVE}|{REFUSE}"))(listeners.on_approval_decision)
    app.action(MUTE)(listeners.on_mute)
    app.action(SHOW_TASK)(listeners.on_task)
    app.action("logs")(listeners.on_logs)
    app.action(RETRY)(listeners.on_relaunch)
    app.action(RESUME)(listeners.on_relaunch)
    app.action(OPEN_FORM)(listeners.on_form)
    app.action(RECIPE_ACTION)(listeners.on_recipe_choice)
    app.action(PREVIEW_ACTION)(listeners.on_preview)
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

    service: RunService
    client: WebClient
    background: BackgroundReplies
    commands: Commands
    modals: Modals
    home_publisher: HomePublisher
    language_preferences: LanguagePreferences
    access: AccessControl
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

    def build_requester(
        self, body: dict[str, Any], user: str, channel: str, delivery_id: str | None = None
    ) -> Requester:
        """Return the requester, with the role that applies in the channel."""
        return Requester(user, channel, self.access.find_actor(user, find_team(body), channel), delivery_id)

    def build_button_requester(self, body: dict[str, Any], delivery_id: str | None = None) -> Requester:
        """Return the requester who pressed a button; the channel is empty for buttons of the App Home page and of
        views.
        """
        return self.build_requester(body, body["user"]["id"], (body.get("channel") or {}).get("id") or "", delivery_id)

    def build_form_requester(self, body: dict[str, Any], delivery_id: str | None = None) -> Requester:
        """Return the requester who filled in a form, with the role in the channel of the run's card.

        Raises:
            UserError: the person is not in that channel.
        """
        user, form_input = body["user"]["id"], read_values(body.get("view") or {})
        # A form that is still being filled in may not name its channel yet; a submitted one does.
        if form_input.asks_channel and (form_input.channel or delivery_id):
            self.access.refuse_non_member(user, form_input.channel)
        return self.build_requester(body, user, form_input.channel, delivery_id)

    def build_relaunch_requester(self, run_id: str, requester: Requester, body: dict[str, Any]) -> Requester:
        """Return the requester of a relaunch from the App Home page, with the role in the channel of the new run's
        card.

        Raises:
            UserError: the person may not read the run, or is not in its channel.
        """
        run = self.service.queries.find(run_id, requester.actor)
        self.access.refuse_non_member(requester.user, run.channel)
        return self.build_requester(body, requester.user, run.channel)

    def check_may_manage_cluster(self, body: dict[str, Any], cluster: ListedCluster | None, adopts: bool) -> str:
        """Return the person who pressed a button of a cluster without a run.

        Args:
            cluster: the cluster; the person whom SkyPilot names as its owner needs no role for it. None if the
                cluster is gone.
            adopts: whether the cluster is to be kept under the person's name, which costs money.

        Raises:
            UserError: the person may not.
        """
        requester, policy = self.build_button_requester(body), self.service.policy
        owner = policy.external_launches.people.get(cluster.user) if cluster and cluster.user else None
        person = requester.actor.person
        # The owner by SkyPilot's name needs no role, but must be a full member of the workspace.
        if cluster is None or owner != requester.user or person is None or person.kind is not PersonKind.MEMBER:
            self.service.refuse(Act.MANAGE_CLUSTER, requester)
        # An owner may always remove the cluster, but may adopt only what is not too expensive.
        elif adopts and requester.actor.role < Role.APPROVER:
            refuse_expensive_adoption(policy, cluster)
        return requester.user

    def on_command(self, ack: Ack, command: dict[str, Any], respond: Respond) -> None:
        """Execute a slash command."""
        parsed_command = parse_command(restore_typed_text(command.get("text") or ""), masker=self.secrets.masker)
        requester = self.build_requester(command, command["user_id"], command["channel_id"], command["trigger_id"])
        if isinstance(parsed_command, OpenLaunchForm):
            self.service.refuse(Act.LAUNCH, requester)
            self.modals.open_form(command["trigger_id"], requester)
            ack()
            return
        answer = self.commands.answer(parsed_command, requester, respond_by_url(respond))()
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
        command = parse_command(restore_typed_text(strip_mention(event["text"])), thread_run_id, self.secrets.masker)
        thread_responder = respond_in_thread(self.client, channel, thread or event["ts"])
        answers_privately = has_private_answer(command)
        responder = respond_to_person(self.client, channel, user, thread) if answers_privately else thread_responder
        requester = self.build_requester(body, user, channel, body["event_id"])
        # An answer that the channel sees must show nothing that the channel may not read.
        if not answers_privately:
            requester = replace(requester, actor=replace(requester.actor, is_channel_audience=True))
        deferred_answer = self.commands.answer(command, requester, responder)
        with use_language(
            self.language_preferences.get_language(user) if answers_privately else self.language_preferences.workspace
        ):
            if answer := deferred_answer():
                self.background.send(answer, responder)

    def on_home(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Publish the App Home page that a person has opened."""
        if event.get("tab") == "home":
            try:
                self.service.refuse(Act.READ, self.build_requester(body, event["user"], ""))
            except UserError as error:
                # The page itself shows the refusal, so it is only recorded here.
                self.service.audit_service.record_refusal(error)
            self.home_publisher.mark_opened(event["user"], find_team(body))

    def on_stop(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Request a stop; the run's card shows the request."""
        self.service.stop(
            read_value(action), self.build_button_requester(body), save=SAVE_BY_BUTTON.get(action["action_id"])
        )
        self.home_publisher.refresh_if_open(body["user"]["id"])
        ack()

    def on_keep(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Keep a cluster longer; the message shows until when and by whom. A second click on the same button adds
        nothing.
        """
        run_id, until = split_value(action, 2)
        self.service.keep_cluster(run_id, self.build_button_requester(body), parse_time(until))
        ack()

    def on_extend(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Extend a lease; the thread shows the new end. A second click on the same button adds nothing."""
        run_id, hours, lease_end = split_value(action, 3)
        requester = self.build_button_requester(body, read_required(body, "trigger_id"))
        self.service.extend(Extend(run_id, parse_number(hours)), requester, parse_time(lease_end))
        ack()

    def on_confirm_launch(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Launch after the confirmation; a second click on the same question finds the same launch."""
        command = parse_command(read_value(action))
        # The message, not the delivery, identifies the launch, so that a second click finds the first one's run.
        delivery_id = f"{CONFIRM_LAUNCH} {body['user']['id']} {read_required(body, 'container', 'message_ts')}"
        if isinstance(command, Launch):
            run = self.service.launch(command, self.build_button_requester(body, delivery_id))
            self.background.send(answers.acknowledge_launch(run), respond_by_url(respond))
        ack()

    def on_approval_decision(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record an approver's decision; the message shows it."""
        run_id, _, shown_digest = read_value(action).partition(" ")
        self.service.decide_approval(
            run_id, action["action_id"] == APPROVE, self.build_button_requester(body), shown_digest
        )
        ack()

    def on_mute(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Mute a finding in a run's thread."""
        run_id, finding = split_value(action, 2)
        self.service.mute(run_id, finding, self.build_button_requester(body))
        ack()

    def on_relaunch(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Relaunch a run; a second click while the new run is active finds that run and launches nothing."""
        command = (Resume if action["action_id"] == RESUME else Retry)(read_value(action))
        user = body["user"]["id"]
        requester = self.build_button_requester(body)
        run = self.service.launch_again(
            command, requester if requester.channel else self.build_relaunch_requester(command.run, requester, body)
        )
        responder = respond_directly(self.client, user) if "view" in body else respond_by_url(respond)
        self.background.send(answers.acknowledge_launch(run), responder)
        self.home_publisher.refresh_if_open(user)
        ack()

    def on_logs(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Show a log beside the card, or in a view if the button is on a page without a channel."""
        requester = self.build_button_requester(body)
        self.service.refuse(Act.READ, requester)
        if "view" in body:
            run = self.service.queries.find(read_value(action), requester.actor)
            self.modals.show_log(run, read_required(body, "trigger_id"), requester.user)
        else:
            self.commands.read_log(ShowLogs(read_value(action)), requester, respond_by_url(respond))()
        ack()

    def on_form(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Open the launch form, empty or with the settings of an earlier run."""
        run_id = "" if read_value(action) == EMPTY_FORM else read_value(action)
        requester = self.build_button_requester(body)
        self.service.refuse(Act.LAUNCH, requester)
        self.modals.open_form(read_required(body, "trigger_id"), requester, run_id)
        ack()

    def on_task(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Show the exact task that waits for approval."""
        requester = self.build_button_requester(body)
        self.service.refuse(Act.READ, requester)
        self.modals.show_task(read_value(action), read_required(body, "trigger_id"), requester)
        ack()

    def on_recipe_choice(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Show the fields of the recipe that was chosen in the launch form."""
        self.service.refuse(Act.LAUNCH, self.build_form_requester(body))
        self.modals.choose_recipe(body.get("view") or {}, read_required(action, "selected_option", "value"))
        ack()

    def on_preview(self, ack: Ack, body: dict[str, Any]) -> None:
        """Show in the launch form what it would launch."""
        requester = self.build_form_requester(body)
        self.service.refuse(Act.LAUNCH, requester)
        self.modals.show_preview(body.get("view") or {}, requester)
        ack()

    def on_submit(self, ack: Ack, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Launch what the form describes, or show the errors at its fields."""
        user = body["user"]["id"]
        if field_errors := self.modals.submit(view, self.build_form_requester(body, view["id"])):
            ack(response_action="errors", errors=field_errors)
            return
        self.home_publisher.refresh_if_open(user)
        ack()

    def on_error(self, error: Exception, body: dict[str, Any], respond: Respond | None) -> BoltResponse:
        """Report an error to the person, in the way that the delivery allows."""
        if isinstance(error, MalformedDelivery):
            return reject_malformed(error)
        self.service.audit_service.record_refusal(error)
        answer = render_error(error)
        # An error at a field keeps the form open, with the person's input.
        if body.get("type") == "view_submission":
            errors = {"response_action": "errors", "errors": build_refusal(body["view"], answer["text"])}
            return BoltResponse(status=200, body=json.dumps(errors), headers={"content-type": "application/json"})
        if "command" in body:
            return BoltResponse(status=200, body=json.dumps(answer | {"response_type": "ephemeral"}))
        event = body.get("event")
        if event and "channel" in event and event.get("type") != "app_home_opened":
            self.background.send(
                answer, respond_to_person(self.client, event["channel"], event["user"], event.get("thread_ts"))
            )
        # Neither the App Home page nor a form has a place for an answer.
        elif "view" in body:
            self.background.send(answer, respond_directly(self.client, body["user"]["id"]))
        elif respond:
            self.background.send(answer, respond_by_url(respond))
        return BoltResponse(status=200)

    def remember_event(self, event_id: str) -> bool:
        """Return whether an event is new, and remember it."""
        with self.lock:
            if event_id in self.handled_event_ids:
                return False
            self.handled_event_ids[event_id] = None
            if len(self.handled_event_ids) > MAX_REMEMBERED_EVENTS:
                self.handled_event_ids.popitem(last=False)
            return True
