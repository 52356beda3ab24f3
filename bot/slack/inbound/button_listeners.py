"""Listeners for buttons and forms: each records one request, and answers within `ack`."""

import re
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from bot.app.run_queries import Requester
from bot.app.run_service import RunService
from bot.core.commands.command import (
    Command,
    CompareRuns,
    Extend,
    Launch,
    Refuse,
    Resume,
    Retry,
    SetBudget,
    ShowArtifacts,
    ShowChart,
    ShowLogs,
)
from bot.core.commands.parser import parse_command, refuse_secret
from bot.core.model.people import Act
from bot.core.rules.forecast import name_budget_mute
from bot.slack.inbound.background import (
    BackgroundReplies,
    respond_directly,
    respond_where_pressed,
)
from bot.slack.inbound.command_handlers import Commands
from bot.slack.inbound.modals import Modals
from bot.slack.inbound.requesters import Requesters
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
from bot.slack.views import card_buttons as menu
from bot.slack.views.approval_views import APPROVE, EMPTY_FORM, OPEN_FORM, REFUSE, RESUME, RETRY, SHOW_TASK
from bot.slack.views.card_buttons import COMPARE, MENU, SHOW_CHART, SHOW_MODEL
from bot.slack.views.card_forms import DECLINE_FORM, LIMIT_FORM, CardForm, read_form_value, render_command_to_copy
from bot.slack.views.finding_views import MUTE
from bot.slack.views.launch_form import (
    CONFIRM_LAUNCH,
    LAUNCH_FORM,
    PREVIEW_ACTION,
    RECIPE_ACTION,
)
from bot.slack.views.limit_notices import ACCEPT_BUDGET_END, EXTEND, RAISE_BUDGET
from bot.slack.views.message import Responder, build_text_answer
from bot.slack.views.rescue_views import DISCARD_CHECKPOINT, KEEP_CHECKPOINT, SAVE_AND_STOP

SAVE_BY_BUTTON = {SAVE_AND_STOP: True, DISCARD_CHECKPOINT: False}
"""Whether a checkpoint is saved before the run ends, by the action of the button that ends it."""


def register_buttons(app: App, buttons: "ButtonListeners") -> None:
    """Register the listeners for buttons and forms; `OrphanNotifier` registers those for clusters without a run."""
    app.action("stop")(buttons.on_stop)
    app.action(SAVE_AND_STOP)(buttons.on_stop)
    app.action(DISCARD_CHECKPOINT)(buttons.on_stop)
    app.action(KEEP_CHECKPOINT)(buttons.on_keep)
    app.action(re.compile(rf"{EXTEND}-\d+"))(buttons.on_extend)
    app.action(RAISE_BUDGET)(buttons.on_raise_budget)
    app.action(ACCEPT_BUDGET_END)(buttons.on_accept_budget_end)
    app.action(CONFIRM_LAUNCH)(buttons.on_confirm_launch)
    app.action(APPROVE)(buttons.on_approve)
    app.action(REFUSE)(buttons.on_decline)
    app.view(DECLINE_FORM)(buttons.on_decline_submit)
    app.action(MENU)(buttons.on_menu)
    app.view(LIMIT_FORM)(buttons.on_limit_submit)
    app.action(re.compile(rf"{SHOW_CHART}|{SHOW_MODEL}|{COMPARE}"))(buttons.on_question)
    app.action(MUTE)(buttons.on_mute)
    app.action(SHOW_TASK)(buttons.on_task)
    app.action("logs")(buttons.on_logs)
    app.action(RETRY)(buttons.on_relaunch)
    app.action(RESUME)(buttons.on_relaunch)
    app.action(OPEN_FORM)(buttons.on_form)
    app.action(RECIPE_ACTION)(buttons.on_recipe_choice)
    app.action(PREVIEW_ACTION)(buttons.on_preview)
    app.view(LAUNCH_FORM)(buttons.on_submit)


@dataclass(frozen=True, slots=True)
class ButtonListeners:
    """The listeners for buttons and forms.

    Attributes:
        client: sends messages outside of an acknowledgement; background: computes slow answers.
        commands: reads logs; modals: serves views; home_publisher: updates the App Home pages.
        requesters: finds who pressed a button.
    """

    service: RunService
    client: WebClient
    background: BackgroundReplies
    commands: Commands
    modals: Modals
    home_publisher: HomePublisher
    requesters: Requesters

    def on_stop(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Request a stop; the run's card shows the request."""
        self.service.stop(
            read_value(action),
            self.requesters.build_button_requester(body),
            save=SAVE_BY_BUTTON.get(action["action_id"]),
        )
        self.home_publisher.refresh_if_open(body["user"]["id"])
        ack()

    def on_keep(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Keep a cluster longer; the message shows until when and by whom. A second click on the same button adds
        nothing.
        """
        run_id, until = split_value(action, 2)
        self.service.keep_cluster(run_id, self.requesters.build_button_requester(body), parse_time(until))
        ack()

    def on_extend(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Extend a lease; the thread shows the new end. A second click on the same button adds nothing."""
        run_id, hours, lease_end = split_value(action, 3)
        requester = self.requesters.build_button_requester(body, read_required(body, "trigger_id"))
        self.service.extend(Extend(run_id, parse_number(hours)), requester, parse_time(lease_end))
        ack()

    def on_raise_budget(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Raise a budget; the notice shows the new one. A second click on the same button adds nothing."""
        run_id, shown_dollars, dollars = split_value(action, 3)
        requester = self.requesters.build_button_requester(body, read_required(body, "trigger_id"))
        self.service.set_budget(SetBudget(run_id, parse_number(dollars)), requester, parse_number(shown_dollars))
        ack()

    def on_accept_budget_end(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record that a person lets a run stop at its budget: no reply mentions the launcher any more."""
        run_id, dollars = split_value(action, 2)
        mute_name = name_budget_mute(parse_number(dollars))
        self.service.mute(run_id, mute_name, self.requesters.build_button_requester(body))
        ack()

    def on_confirm_launch(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Launch after the confirmation; a second click on the same question finds the same launch."""
        command = parse_command(read_value(action))
        # The message, not the delivery, identifies the launch, so that a second click finds the first one's run.
        delivery_id = f"{CONFIRM_LAUNCH} {body['user']['id']} {read_required(body, 'container', 'message_ts')}"
        if isinstance(command, Launch):
            requester = self.requesters.build_button_requester(body, delivery_id)
            run = self.service.launch(command, requester)
            acknowledgement = answers.acknowledge_launch(run, requester.is_in_hidden_channel)
            self.background.send(acknowledgement, respond_where_pressed(respond, self.client, body))
        ack()

    def on_approve(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Record an approval; the message shows it."""
        run_id, _, shown_digest = read_value(action).partition(" ")
        self.service.decide_approval(run_id, True, self.requesters.build_button_requester(body), shown_digest)
        ack()

    def on_decline(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Open the form that asks an approver why a launch is declined."""
        requester = self.requesters.build_button_requester(body)
        self.modals.open_decline_form(read_value(action), read_required(body, "trigger_id"), requester)
        ack()

    def on_decline_submit(self, ack: Ack, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Record that a launch is declined, with the reason; the message shows it."""
        form = CardForm.of_view(view)
        command = Refuse(form.run, read_form_value(view))
        refuse_secret(command.why, self.modals.secrets.masker)
        self.commands.change_limits(command, self._build_form_requester(form, body))
        ack()

    def on_menu(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Do what was chosen in the menu of a card; each choice needs the right that its command needs."""
        word, _, run_id = read_required(action, "selected_option", "value").partition(" ")
        requester = self.requesters.build_button_requester(body)
        match word:
            case menu.SAVE:
                self.service.stop(run_id, requester, save=True)
            case menu.CHANGE_LEASE | menu.CHANGE_BUDGET:
                self.modals.open_limit_form(word, run_id, read_required(body, "trigger_id"), requester)
            case menu.COPY_COMMAND:
                self.service.refuse(Act.READ, requester)
                run = self.service.queries.find(run_id, requester.actor)
                answer = build_text_answer(render_command_to_copy(run))
                self.background.send(answer, self._choose_responder(body, respond))
            case menu.SHOW_MODEL:
                self._answer_question(ShowArtifacts(run_id), requester, self._choose_responder(body, respond))
            case _:
                raise MalformedDelivery("a choice that no menu has")
        ack()

    def on_limit_submit(self, ack: Ack, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Change the limit that the form names; the thread shows the change, and an error is shown at the field."""
        form = CardForm.of_view(view)
        typed = f"{form.word} {form.run} {read_form_value(view)}"
        command = parse_command(typed, masker=self.modals.secrets.masker)
        if not isinstance(command, Extend | SetBudget) or command.run != form.run:
            raise MalformedDelivery("a form of no limit")
        self.commands.change_limits(command, self._build_form_requester(form, body, view["id"]))
        ack()

    def on_question(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Show the person a chart, a comparison or where the model is."""
        requester, (run_id, _, other) = self.requesters.build_button_requester(body), read_value(action).partition(" ")
        commands: dict[str, Command] = {
            menu.SHOW_CHART: ShowChart(run_id),
            menu.SHOW_MODEL: ShowArtifacts(run_id),
            menu.COMPARE: CompareRuns(other, run_id),
        }
        self._answer_question(commands[action["action_id"]], requester, self._choose_responder(body, respond))
        ack()

    def _answer_question(self, command: Command, requester: Requester, responder: Responder) -> None:
        """Send the answer to a command that only reads."""
        if answer := self.commands.answer(command, requester, responder)():
            self.background.send(answer, responder)

    def _choose_responder(self, body: dict[str, Any], respond: Respond) -> Responder:
        """Return the responder beside the message with the button; a page has none, so the person gets a message."""
        return (
            respond_directly(self.client, body["user"]["id"])
            if "view" in body
            else respond_where_pressed(respond, self.client, body)
        )

    def _build_form_requester(self, form: CardForm, body: dict[str, Any], delivery_id: str | None = None) -> Requester:
        """Return the person who filled in a form of a card, with the role in the channel of that card."""
        return self.requesters.build_requester(body, body["user"]["id"], form.channel, delivery_id)

    def on_mute(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Mute a finding in a run's thread."""
        run_id, finding = split_value(action, 2)
        self.service.mute(run_id, finding, self.requesters.build_button_requester(body))
        ack()

    def on_relaunch(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Relaunch a run; a second click while the new run is active finds that run and launches nothing."""
        command = (Resume if action["action_id"] == RESUME else Retry)(read_value(action))
        user = body["user"]["id"]
        requester = self.requesters.build_button_requester(body)
        run = self.service.launch_again(
            command,
            requester if requester.channel else self.requesters.build_relaunch_requester(command.run, requester, body),
        )
        responder = (
            respond_directly(self.client, user) if "view" in body else respond_where_pressed(respond, self.client, body)
        )
        self.background.send(answers.acknowledge_launch(run), responder)
        self.home_publisher.refresh_if_open(user)
        ack()

    def on_logs(self, ack: Ack, action: dict[str, Any], body: dict[str, Any], respond: Respond) -> None:
        """Show a log beside the card, or in a view if the button is on a page without a channel."""
        requester = self.requesters.build_button_requester(body)
        self.service.refuse(Act.READ, requester)
        if "view" in body:
            run = self.service.queries.find(read_value(action), requester.actor)
            self.modals.show_log(run, read_required(body, "trigger_id"), requester.user)
        else:
            self.commands.read_log(
                ShowLogs(read_value(action)), requester, respond_where_pressed(respond, self.client, body)
            )()
        ack()

    def on_form(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Open the launch form, empty or with the settings of an earlier run."""
        run_id = "" if read_value(action) == EMPTY_FORM else read_value(action)
        requester = self.requesters.build_button_requester(body)
        self.service.refuse(Act.LAUNCH, requester)
        self.modals.open_form(read_required(body, "trigger_id"), requester, run_id)
        ack()

    def on_task(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Show the exact task that waits for approval."""
        requester = self.requesters.build_button_requester(body)
        self.service.refuse(Act.READ, requester)
        self.modals.show_task(read_value(action), read_required(body, "trigger_id"), requester)
        ack()

    def on_recipe_choice(self, ack: Ack, action: dict[str, Any], body: dict[str, Any]) -> None:
        """Show the fields of the recipe that was chosen in the launch form."""
        self.service.refuse(Act.LAUNCH, self.requesters.build_form_requester(body))
        recipe = read_required(action, "selected_option", "value")
        self.modals.choose_recipe(body.get("view") or {}, recipe, body["user"]["id"])
        ack()

    def on_preview(self, ack: Ack, body: dict[str, Any]) -> None:
        """Show in the launch form what it would launch."""
        requester = self.requesters.build_form_requester(body)
        self.service.refuse(Act.LAUNCH, requester)
        self.modals.show_preview(body.get("view") or {}, requester)
        ack()

    def on_submit(self, ack: Ack, view: dict[str, Any], body: dict[str, Any]) -> None:
        """Launch what the form describes, or show the errors at its fields."""
        user = body["user"]["id"]
        if field_errors := self.modals.submit(view, self.requesters.build_form_requester(body, view["id"])):
            ack(response_action="errors", errors=field_errors)
            return
        self.home_publisher.refresh_if_open(user)
        ack()
