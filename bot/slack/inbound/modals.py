"""Views in front of a person: the form of a launch, and a log to read. Slow work runs in the background."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient

from bot.app.run_queries import Requester
from bot.app.run_service import RunService
from bot.core.commands.command import ShowLogs
from bot.core.model.people import Act
from bot.core.model.recipe import Recipe
from bot.core.model.run import Run
from bot.core.model.typed_text import format_inline_code
from bot.core.rules.access import check_may_approve
from bot.core.rules.relaunch import suggest_relaunch
from bot.errors import UserError
from bot.i18n import translate, with_language_context
from bot.phrase import Phrase, Text
from bot.runtime.secret_filter import GENERAL_FILTER, SecretFilter
from bot.slack.inbound.background import (
    BackgroundReplies,
    TriggeredResponder,
    render_error,
    respond_directly,
    respond_to_person,
)
from bot.slack.inbound.code_launches import CodeLaunches
from bot.slack.outbound.web_client import SlackRejected, classify_slack_errors
from bot.slack.payloads import read_required
from bot.slack.views import answers, card_forms, launch_form, log_excerpt
from bot.slack.views.blocks import Block, modal
from bot.slack.views.card_buttons import CHANGE_LEASE
from bot.slack.views.launch_form import LaunchFormValues, parse_launch, read_chosen_recipe, read_values
from bot.slack.views.message import Answer, Responder
from bot.slack.views.mrkdwn import Markup
from bot.slack.views.recipe_views import build_form_preview

log = logging.getLogger(__name__)

VIEW_CHANGED_CODES = {"hash_conflict", "not_found"}
"""Slack's error codes for a view that shows something else by now, or was closed."""

MAX_SHOWN_COMMAND_CHARACTERS = 200
"""Maximum characters of a command in a refusal."""

DEFAULT_RECIPE = "smoke"
"""Recipe that an empty form shows, where it exists: it runs anywhere, and costs next to nothing."""


@dataclass(frozen=True, slots=True)
class Modals:
    """Opens views, and handles what people do in them."""

    service: RunService
    client: WebClient
    background: BackgroundReplies
    code_launches: CodeLaunches
    secrets: SecretFilter = GENERAL_FILTER

    def open_form(self, trigger: str, requester: Requester, run: str = "") -> None:
        """Open the form of a launch in front of a person; outside of a channel, the form has a field for one.

        Args:
            run: an earlier run, whose settings are the initial values of the fields, with what remedies its failure.
        """
        channel = requester.channel
        earlier_run = self.service.queries.find(run, requester.actor) if run else None
        empty_values = LaunchFormValues(self._choose_default_recipe(), channel, asks_channel=not channel)
        values = self._fill_in(earlier_run, channel) if earlier_run else empty_values
        self.background.send(self._build_form(values), make_view_opener(self.client, trigger, requester.user))

    def _fill_in(self, run: Run, channel: str) -> LaunchFormValues:
        """Return the values of an earlier run's command, with what remedies its failure."""
        suggestion = suggest_relaunch(run)
        if suggestion is None:
            return LaunchFormValues.from_command(run.command_line, channel)
        return LaunchFormValues.from_launch(suggestion, channel)

    def choose_recipe(self, view: dict[str, Any], recipe: str, user: str) -> None:
        """Show the fields of another recipe; values that were typed for this recipe are not carried along."""
        values = read_values(view)
        empty_values = LaunchFormValues(recipe, values.channel, asks_channel=values.asks_channel)
        self.background.send(
            self._build_form(empty_values), make_view_updater(self.client, read_required(view, "id"), user)
        )

    def show_preview(self, view: dict[str, Any], requester: Requester) -> None:
        """Show the equivalent command of the form, and its cost.

        Looking up prices takes a while: a form that shows another recipe by then is left alone.
        """
        values = read_values(view)
        show = make_view_updater(self.client, read_required(view, "id"), requester.user, read_required(view, "hash"))
        self.background.answer_later(lambda: self._build_preview(values, requester), show, requester.user)

    def submit(self, view: dict[str, Any], requester: Requester) -> dict[str, str]:
        """Launch what the form describes; return errors by the field's block, or nothing where the run is recorded."""
        values = read_values(view)
        if read_chosen_recipe(view) not in ("", values.recipe):  # the fields of that recipe have not arrived yet
            return launch_form.build_refusal(view, translate("The form is still loading. Try again."))
        if errors := launch_form.find_problems(self._get_recipe(values.recipe), values, self.secrets.masker):
            for error in errors.values():
                self.service.audit_service.record_refusal(error)
            return {block: launch_form.to_hint_text(error.sentence) for block, error in errors.items()}
        try:
            launch = parse_launch(values, self.secrets.masker)
            if self.service.launch_planner.refuse_code(launch, requester, is_typed=True):
                responder = respond_to_person(self.client, values.channel, requester.user, None)
                self.code_launches.launch_later(launch, requester, responder)()
                return {}
            run = self.service.launch(launch, requester)
            # Slack sends a form again whose first submission was not answered in time; its fields may differ by then.
            if run.command_line != self.service.launch_planner.plan(launch).command_line:
                raise already_launched_error(run)
        except UserError as error:
            self.service.audit_service.record_refusal(error)
            causes = launch_form.list_cause_fields(values.recipe, error)
            return launch_form.build_refusal(view, error.sentence, causes)
        self.background.send(
            answers.acknowledge_launch(run, requester.is_in_hidden_channel),
            respond_to_person(self.client, values.channel, requester.user, None),
        )
        return {}

    def show_log(self, run: Run, trigger: str, user: str) -> None:
        """Open a view at once, because Slack opens one within three seconds only, and read the log into it."""

        def read_log() -> Answer:
            return log_excerpt.render_log_excerpt(self.service.queries.read_log(run, ShowLogs(run.id)))

        def fill_view(view: str) -> None:
            show = make_view_updater(self.client, view, user)
            try:
                self.background.answer_later(read_log, show, user)
            except UserError as error:
                show(answers.render_user_error(error))

        self.background.send(
            answers.acknowledge_log_read(run),
            make_view_opener(self.client, trigger, user, then=with_language_context(fill_view)),
        )

    def open_decline_form(self, run_id: str, trigger: str, requester: Requester) -> None:
        """Open the form that asks why a launch is declined.

        Raises:
            UserError: the launch does not wait for an approval, or this person may not decide.
        """
        run = self.service.queries.find(run_id, requester.actor)
        check_may_approve(self.service.policy, run, requester.actor, granted=False)
        form = card_forms.build_decline_form(run, requester.channel)
        self.background.send(form, make_view_opener(self.client, trigger, requester.user))

    def open_limit_form(self, word: str, run_id: str, trigger: str, requester: Requester) -> None:
        """Open the form that changes the lease or the budget of a run.

        Raises:
            UserError: the run has finished, or this person may not extend it.
        """
        is_lease = word == CHANGE_LEASE
        run = self.service.find_changeable(run_id, requester, Act.EXTEND if is_lease else Act.SET_BUDGET)
        form = (
            card_forms.build_lease_form(run, requester.channel)
            if is_lease
            else card_forms.build_budget_form(run, requester.channel, self.service.now())
        )
        self.background.send(form, make_view_opener(self.client, trigger, requester.user))

    def show_task(self, run_id: str, trigger: str, requester: Requester) -> None:
        """Open a view with the exact task of a run."""
        run, yaml = self.service.queries.get_task_yaml(run_id, requester.actor)
        self.background.send(answers.render_task(run, yaml), make_view_opener(self.client, trigger, requester.user))

    def _build_preview(self, values: LaunchFormValues, requester: Requester) -> Block:
        """Return the form with its notes. An error becomes a note, and the typed values stay."""
        try:
            launch = parse_launch(values, self.secrets.masker)
            notes = build_form_preview(self.service.launch_planner.preview(launch, requester))
        except Exception as error:  # the person sees a note; a bug is logged
            notes = [render_error(error)["text"]]
        return self._build_form(values.without_secrets(self.secrets.masker), notes)

    def _build_form(self, values: LaunchFormValues, notes: list[Markup] | None = None) -> Block:
        recipe = self._get_recipe(values.recipe)
        refusal = self._find_recipe_refusal(recipe)
        return launch_form.build_form(recipe, self._list_recipe_names(), values, notes or [], refusal)

    def _find_recipe_refusal(self, recipe: Recipe) -> Text:
        """Return why a recipe cannot run here; empty where it can, or where that cannot be found out."""
        try:
            return self.service.queries.find_recipe_refusal(recipe)
        except Exception:  # the form opens all the same; a launch is checked again
            log.exception("whether %s can run here is unknown", recipe.name)
            return ""

    def _get_recipe(self, name: str) -> Recipe:
        return self.service.launch_planner.recipes.get(name)

    def _list_recipe_names(self) -> list[str]:
        """Return the names of the recipes whose files are valid."""
        return [name for name, entry in self.service.queries.load_catalogue().items() if isinstance(entry, Recipe)]

    def _choose_default_recipe(self) -> str:
        """Return the recipe that an empty form shows.

        Raises:
            UserError: no recipe has a valid file.
        """
        names = self._list_recipe_names()
        if not names:
            raise UserError(Phrase("There is no recipe to launch."), Phrase("`/verl recipes` says why."))
        return DEFAULT_RECIPE if DEFAULT_RECIPE in names else names[0]


def to_view(answer: Answer) -> Block:
    """Return an answer as a view to read, unless it already is a view."""
    return answer if "type" in answer else modal("verlbot", answer["blocks"])


def already_launched_error(run: Run) -> UserError:
    """Return the error for a form that was launched already, and whose fields have changed since."""
    sentence = translate(
        "This form was launched already as {run}: {line}.",
        run=format_inline_code(run.id),
        line=format_inline_code(f"/verl {run.command_line}", MAX_SHOWN_COMMAND_CHARACTERS),
    )
    return UserError(sentence, Phrase("Close it, and open another for another run."))


def make_view_opener(
    client: WebClient, trigger: str, user: str, then: Callable[[str], None] | None = None
) -> Responder:
    """Return a responder that opens a view in front of the person who caused the trigger, and calls `then` with its
    id.

    Where Slack no longer opens a view, the person gets a message instead.
    """
    explain = with_language_context(answers.explain_unopened_view)

    def open_view(answer: Answer) -> None:
        with classify_slack_errors():
            response: Any = client.views_open(trigger_id=trigger, view=to_view(answer))
        if then:
            then(response["view"]["id"])

    return TriggeredResponder(open_view, lambda: respond_directly(client, user)(explain()))


def make_view_updater(client: WebClient, view: str, user: str, showing: str = "") -> Responder:
    """Return a responder that replaces the content of the view with this id.

    Where Slack refuses the new content, the person who sees the view gets a message.

    Args:
        showing: Slack's hash of what the view must still show; a view that shows something else is left alone.
    """

    def reply(answer: Answer) -> None:
        try:
            with classify_slack_errors():
                client.views_update(view_id=view, view=to_view(answer), **({"hash": showing} if showing else {}))
        except SlackRejected as error:
            if error.code in VIEW_CHANGED_CODES:
                log.info("a view shows something else by now: %s", error.code)
                return
            log.warning("Slack did not update a view: %s", error.code)
            respond_directly(client, user)(answers.explain_unchanged_view())

    return reply
