"""Questions about runs and recipes. They change nothing, and show each person what that person may see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot import runs
from bot.asked import LogExcerpt
from bot.core import command, loglines
from bot.core.actor import Actor
from bot.core.figure import RunHistory
from bot.core.nearest import unknown_name_error
from bot.core.recipe import Recipe
from bot.core.roles import Act
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.errors import Denied, Unavailable, UserError
from bot.language import translate
from bot.ports import Cloud, RecipeSource, Store

MAX_GREP_LINES = 5_000
"""Maximum lines that are searched for a word."""


class Visibility(Protocol):
    """Decides who may read a run's output and its settings."""

    def can_see(self, actor: Actor, run: Run) -> bool:
        """Return whether this person may read the run's text."""


@dataclass(frozen=True, slots=True)
class RunQueries:
    """Answers from the records and the recipes; a log also from its cluster."""

    store: Store
    recipes: RecipeSource
    cloud: Cloud
    visibility: Visibility

    def find(self, name: str, actor: Actor) -> Run:
        """Return the run of this name, whose text the person may read.

        Raises:
            UserError: it does not exist, or belongs to a private channel that the person is not in.
            UnreadableRecord: its record cannot be read.
        """
        run = runs.find_run(self.store, name)
        self.refuse_private(run, actor)
        return run

    def refuse_private(self, run: Run, actor: Actor) -> None:
        """Refuse text that only the members of a run's channel may read.

        Raises:
            UserError: the person is not a member, does not own the run, and is no admin.
        """
        if self.visibility.can_see(actor, run):
            return
        if actor.is_channel_audience and self.visibility.can_see(replace(actor, is_channel_audience=False), run):
            raise UserError(
                translate(
                    "`{run}` is not shown here, because others would read it who are not in its channel.", run=run.id
                ),
                translate("Type the same after `/verl`: then you alone are answered."),
            )
        raise Denied(
            translate("`{run}` belongs to a private channel that you are not in.", run=run.id),
            translate("Ask its owner, or to be invited there. `/verl list` shows that it exists and what it costs."),
            (run.requester,),
            Act.READ,
            run.id,
        )

    def redact_for(self, actor: Actor, visible_runs: Iterable[Run]) -> list[Run]:
        """Return these runs as the person may see them: of some only that they exist and what they cost."""
        return [run if self.visibility.can_see(actor, run) else run.redact() for run in visible_runs]

    def get_run_history(self, name: str, actor: Actor) -> RunHistory:
        """Return the run of this name with the metrics of all its steps."""
        run = self.find(name, actor)
        return RunHistory(run, self.store.get_history(run.id))

    def list_active(self, user: str | None = None) -> list[Run]:
        """Return the runs that have not ended; those of one person where `user` is given."""
        return runs.list_active_runs(self.store, user)

    def list_runs(self, which: str, user: str) -> Sequence[Run]:
        """Return the runs of a list."""
        return runs.list_runs(self.store, which, user)

    def find_last_two(self, user: str) -> tuple[str, str]:
        """Return the ids of the person's last two runs with metrics."""
        return runs.find_last_two(self.store, user)

    def list_unreadable(self) -> Sequence[RunStub]:
        """Return the stubs of open runs whose records cannot be read."""
        return [stub for stub, _ in self.store.list_unreadable_runs()]

    def load_catalogue(self) -> Mapping[str, Recipe | UserError]:
        """Return every recipe by name, or what is wrong with its file."""
        return {name: self._load_recipe(name) for name in self.recipes.list_names()}

    def find_refusals(self) -> Mapping[str, str]:
        """Return why recipes cannot run here as they are, for those that cannot."""
        recipes = self.load_catalogue().items()
        why = {name: self.cloud.explain_refusal(recipe.task) for name, recipe in recipes if isinstance(recipe, Recipe)}
        return {name: reason for name, reason in why.items() if reason}

    def _load_recipe(self, name: str) -> Recipe | UserError:
        try:
            return self.recipes.get(name)
        except UserError as error:
            return error

    def read_log(self, run: Run, logs_command: command.ShowLogs) -> LogExcerpt:
        """Return lines of the log, fresh from the cluster while it exists. It waits for the cluster.

        Raises:
            UserError: the run has no such node.
        """
        refuse_unknown_node(run, logs_command.node)
        text, failure = self.store.get_log(run.id), None
        if not run.is_finished and run.launch_requested_at:
            try:
                text = self.cloud.tail_log(run.cluster_ref, count_lines_to_read(logs_command))
            except Unavailable as error:
                failure = str(error)
        return LogExcerpt(
            run,
            logs_command,
            loglines.select_lines(text, logs_command.line_count, logs_command.grep, logs_command.node),
            failure,
        )

    def get_task_yaml(self, name: str, actor: Actor) -> tuple[Run, str]:
        """Return a run with its exact task as YAML. It holds no secret's value."""
        run = self.find(name, actor)
        return run, self.recipes.to_yaml(self.store.get_task(run.id))


def refuse_unknown_node(run: Run, node: int | None) -> None:
    """Raise UserError if the run has no node of this rank."""
    if node is not None and node >= run.nodes:
        ranks = [str(rank) for rank in range(run.nodes)]
        raise unknown_name_error("node", str(node), ranks, owner=run.id)


def count_lines_to_read(logs_command: command.ShowLogs) -> int:
    """Return how many lines to read for a command: more where they are filtered."""
    filtered = logs_command.grep is not None or logs_command.node is not None
    return max(logs_command.line_count, MAX_GREP_LINES) if filtered else logs_command.line_count
