"""Views in front of a person: the form of a launch, and a log to read. Slow work runs in the background."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient

from bot.adapters.secret_filter import UNKNOWING, SecretFilter
from bot.asked import Caller
from bot.core.command import Logs
from bot.core.line import shown
from bot.core.recipe import Recipe
from bot.core.run import Run
from bot.errors import UserError
from bot.language import carried, say
from bot.service import Service
from bot.slack import answers, excerpts, launch_form
from bot.slack.answers import Answer
from bot.slack.blocks import Block, modal
from bot.slack.client import Refused, sorted_failures
from bot.slack.deliveries import needed
from bot.slack.errands import Errands, Reply, directly, to_person, words_for
from bot.slack.launch_form import Filled, chosen_recipe, filled_in, launch_of
from bot.slack.text import Markup

log = logging.getLogger(__name__)

MOVED_ON = {"hash_conflict", "not_found"}
"""Slack's error codes for a view that shows something else by now, or was closed."""

LINE = 200
"""Maximum characters of a command in a refusal."""

FIRST = "smoke"
"""Recipe that an empty form shows, where it exists: it runs anywhere, and costs next to nothing."""


@dataclass(frozen=True, slots=True)
class Modals:
    """Opens views, and handles what people do in them."""

    service: Service
    client: WebClient
    errands: Errands
    secrets: SecretFilter = UNKNOWING

    def open_form(self, trigger: str, caller: Caller, run: str = "") -> None:
        """Open the form of a launch in front of a person; outside of a channel, the form has a field for one.

        Args:
            run: an earlier run, whose settings are the initial values of the fields.
        """
        channel = caller.channel
        found = self.service.queries.find(run, caller.actor) if run else None
        empty = Filled(self._first(), channel, asks_channel=not channel)
        filled = Filled.again(found.line, channel) if found else empty
        self.errands.say(self._form(filled), opening(self.client, trigger, caller.user))

    def choose(self, view: dict[str, Any], recipe: str) -> None:
        """Show the fields of another recipe; values that were typed for this recipe are not carried along."""
        filled = filled_in(view)
        fresh = Filled(recipe, filled.channel, asks_channel=filled.asks_channel)
        self.errands.say(self._form(fresh), updating(self.client, needed(view, "id")))

    def preview(self, view: dict[str, Any], caller: Caller) -> None:
        """Show the equivalent command of the form, and its cost.

        Looking up prices takes a while: a form that shows another recipe by then is left alone.
        """
        filled = filled_in(view)
        show = updating(self.client, needed(view, "id"), needed(view, "hash"))
        self.errands.run(lambda: self._previewed(filled, caller), show, caller.user)

    def submit(self, view: dict[str, Any], caller: Caller) -> dict[str, str]:
        """Launch what the form describes; return errors by the field's block, or nothing where the run is recorded."""
        filled = filled_in(view)
        if (wanted := chosen_recipe(view)) not in ("", filled.recipe):  # the fields of that recipe have not arrived yet
            return launch_form.refused(
                view, say("The fields of {recipe} have not come yet. Send it again.", recipe=wanted)
            )
        if wrong := launch_form.problems(self._recipe(filled.recipe), filled, self.secrets.masker):
            for error in wrong.values():
                self.service.auditing.record_refusal(error)
            return {block: launch_form.unmarked(error.sentence) for block, error in wrong.items()}
        try:
            asked = launch_of(filled, self.secrets.masker)
            run = self.service.launch(asked, caller)
            # Slack sends a form again whose first submission was not answered in time; its fields may differ by then.
            if run.line != self.service.planned(asked).line:
                raise launched_before(run)
        except UserError as error:
            self.service.auditing.record_refusal(error)
            return launch_form.refused(view, error.sentence)
        self.errands.say(answers.launched(run), to_person(self.client, filled.channel, caller.user, None))
        return {}

    def show_log(self, run: Run, trigger: str, user: str) -> None:
        """Open a view at once, because Slack opens one within three seconds only, and read the log into it."""

        def read() -> Answer:
            return excerpts.excerpt(self.service.queries.read_log(run, Logs(run.id)))

        def into(view: str) -> None:
            show = updating(self.client, view)
            try:
                self.errands.run(read, show, user)
            except UserError as error:
                show(answers.refusal(error))

        self.errands.say(answers.reading(run), opening(self.client, trigger, user, then=carried(into)))

    def show_task(self, run_id: str, trigger: str, caller: Caller) -> None:
        """Open a view with the exact task of a run."""
        run, yaml = self.service.queries.task_yaml(run_id, caller.actor)
        self.errands.say(answers.task(run, yaml), opening(self.client, trigger, caller.user))

    def _previewed(self, filled: Filled, caller: Caller) -> Block:
        """Return the form with its notes. An error becomes a note, and the typed values stay."""
        try:
            made = self.service.planned(launch_of(filled, self.secrets.masker))
            notes = answers.preview(self.service.rehearse(made, caller))
        except Exception as error:  # the person sees a note; a bug is logged
            notes = [words_for(error)["text"]]
        return self._form(filled.without_secrets(self.secrets.masker), notes)

    def _form(self, filled: Filled, notes: list[Markup] | None = None) -> Block:
        return launch_form.form(self._recipe(filled.recipe), self._names(), filled, notes or [])

    def _recipe(self, name: str) -> Recipe:
        return self.service.recipes.get(name)

    def _names(self) -> list[str]:
        """Return the names of the recipes whose files are valid."""
        return [name for name, found in self.service.queries.catalogue().items() if isinstance(found, Recipe)]

    def _first(self) -> str:
        """Return the recipe that an empty form shows.

        Raises:
            UserError: no recipe has a valid file.
        """
        names = self._names()
        if not names:
            raise UserError(say("There is no recipe to launch."), say("`/verl recipes` says why."))
        return FIRST if FIRST in names else names[0]


def as_view(answer: Answer) -> Block:
    """Return an answer as a view to read, unless it already is a view."""
    return answer if "type" in answer else modal("verlbot", answer["blocks"])


def launched_before(run: Run) -> UserError:
    """Return the error for a form that was launched already, and whose fields have changed since."""
    before = say(
        "This form was launched already as {run}: {line}.", run=shown(run.id), line=shown(f"/verl {run.line}", LINE)
    )
    return UserError(before, say("Close it, and open another for another run."))


def opening(client: WebClient, trigger: str, user: str, then: Callable[[str], None] | None = None) -> Reply:
    """Return a responder that opens a view in front of the person who caused the trigger, and calls `then` with its
    id.

    Where Slack no longer opens a view, the person gets a message instead.
    """
    told = carried(answers.not_opened)

    def reply(answer: Answer) -> None:
        try:
            with sorted_failures():
                opened: Any = client.views_open(trigger_id=trigger, view=as_view(answer))
        except Refused as error:
            log.warning("Slack opens no view: %s", error.code)
            directly(client, user)(told())
            return
        if then:
            then(opened["view"]["id"])

    return reply


def updating(client: WebClient, view: str, showing: str = "") -> Reply:
    """Return a responder that replaces the content of the view with this id.

    Args:
        showing: Slack's hash of what the view must still show; a view that shows something else is left alone.
    """

    def reply(answer: Answer) -> None:
        try:
            with sorted_failures():
                client.views_update(view_id=view, view=as_view(answer), **({"hash": showing} if showing else {}))
        except Refused as error:
            if error.code not in MOVED_ON:
                raise
            log.info("a view shows something else by now: %s", error.code)

    return reply
