"""Views in front of a person: the form of a launch, and a log to read. Whatever waits is an errand."""

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
"""Codes that say: the view shows something else by now, or was closed."""

LINE = 200
"""Characters of a command in a refusal."""

FIRST = "smoke"
"""The recipe that an empty form shows, where there is one: it runs anywhere, and costs next to nothing."""


@dataclass(frozen=True, slots=True)
class Modals:
    """What happens when a person opens a view, or does something in one."""

    service: Service
    client: WebClient
    errands: Errands
    secrets: SecretFilter = UNKNOWING

    def open_form(self, trigger: str, caller: Caller, run: str = "") -> None:
        """Open the form of a launch in front of a person; where that is in no channel, it asks for one.

        Args:
            run: an earlier run, whose settings stand in the fields to begin with.
        """
        channel = caller.channel
        found = self.service.queries.find(run, caller.actor) if run else None
        empty = Filled(self._first(), channel, asks_channel=not channel)
        filled = Filled.again(found.line, channel) if found else empty
        self.errands.say(self._form(filled), opening(self.client, trigger, caller.user))

    def choose(self, view: dict[str, Any], recipe: str) -> None:
        """Show the fields of another recipe; what was typed for this one belongs to this one."""
        filled = filled_in(view)
        fresh = Filled(recipe, filled.channel, asks_channel=filled.asks_channel)
        self.errands.say(self._form(fresh), updating(self.client, needed(view, "id")))

    def preview(self, view: dict[str, Any], caller: Caller) -> None:
        """Show the command that the form stands for, and what it would cost. Prices are asked for, which takes a while:
        a form that shows another recipe by then is left as it is."""
        filled = filled_in(view)
        show = updating(self.client, needed(view, "id"), needed(view, "hash"))
        self.errands.run(lambda: self._previewed(filled, caller), show, caller.user)

    def submit(self, view: dict[str, Any], caller: Caller) -> dict[str, str]:
        """Launch what is filled in; what is wrong with it by the field's block, or nothing where it is recorded."""
        filled = filled_in(view)
        if (wanted := chosen_recipe(view)) not in ("", filled.recipe):  # its fields have not come yet
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
            if run.line != self.service.planned(asked).line:  # sent again after Slack had given up on the first time
                raise launched_before(run)
        except UserError as error:
            self.service.auditing.record_refusal(error)
            return launch_form.refused(view, error.sentence)
        self.errands.say(answers.launched(run), to_person(self.client, filled.channel, caller.user, None))
        return {}

    def show_log(self, run: Run, trigger: str, user: str) -> None:
        """Open a view at once, since Slack lets it be opened for three seconds only, and read the log into it."""

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
        """The form with its notes; whatever is wrong is one of them, and what was typed stays."""
        try:
            made = self.service.planned(launch_of(filled, self.secrets.masker))
            notes = answers.preview(self.service.rehearse(made, caller))
        except Exception as error:  # the person is told, and a mistake of ours stands in the log
            notes = [words_for(error)["text"]]
        return self._form(filled.without_secrets(self.secrets.masker), notes)

    def _form(self, filled: Filled, notes: list[Markup] | None = None) -> Block:
        return launch_form.form(self._recipe(filled.recipe), self._names(), filled, notes or [])

    def _recipe(self, name: str) -> Recipe:
        return self.service.recipes.get(name)

    def _names(self) -> list[str]:
        """Of the recipes whose files are sound."""
        return [name for name, found in self.service.queries.catalogue().items() if isinstance(found, Recipe)]

    def _first(self) -> str:
        names = self._names()
        if not names:
            raise UserError(say("There is no recipe to launch."), say("`/verl recipes` says why."))
        return FIRST if FIRST in names else names[0]


def as_view(answer: Answer) -> Block:
    """An answer as a view to read, where it is none yet."""
    return answer if "type" in answer else modal("verlbot", answer["blocks"])


def launched_before(run: Run) -> UserError:
    """The form has become a run, and what stands in it now is something else."""
    before = say(
        "This form was launched already as {run}: {line}.", run=shown(run.id), line=shown(f"/verl {run.line}", LINE)
    )
    return UserError(before, say("Close it, and open another for another run."))


def opening(client: WebClient, trigger: str, user: str, then: Callable[[str], None] | None = None) -> Reply:
    """Opens a view in front of the person whose trigger it is, and goes on with its id; where Slack opens none any
    more, the person is told."""
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
    """Puts something else into the view of this id.

    Args:
        showing: Slack's hash of what it must still show; something else is left alone.
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
