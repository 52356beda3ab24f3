"""Questions about runs and recipes. They change nothing, and show each person what that person may see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot import runs
from bot.asked import Excerpt
from bot.core import command, loglines
from bot.core.actor import Actor
from bot.core.figure import Told
from bot.core.nearest import unknown
from bot.core.recipe import Recipe
from bot.core.roles import Act
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.errors import Denied, Unavailable, UserError
from bot.language import say
from bot.ports import Cloud, Recipes, Store

GREP_LINES = 5_000
"""Maximum lines that are searched for a word."""


class Visibility(Protocol):
    """Decides who may read a run's output and its settings."""

    def sees(self, actor: Actor, run: Run) -> bool:
        """Return whether this person may read the run's text."""


@dataclass(frozen=True, slots=True)
class RunQueries:
    """Answers from the records and the recipes; a log also from its cluster."""

    store: Store
    recipes: Recipes
    cloud: Cloud
    visibility: Visibility

    def find(self, name: str, actor: Actor) -> Run:
        """Return the run of this name, whose text the person may read.

        Raises:
            UserError: it does not exist, or belongs to a private channel that the person is not in.
            UnreadableRecord: its record cannot be read.
        """
        run = runs.find(self.store, name)
        self.refuse_private(run, actor)
        return run

    def refuse_private(self, run: Run, actor: Actor) -> None:
        """Refuse text that only the members of a run's channel may read.

        Raises:
            UserError: the person is not a member, does not own the run, and is no admin.
        """
        if self.visibility.sees(actor, run):
            return
        if actor.is_heard and self.visibility.sees(replace(actor, is_heard=False), run):
            raise UserError(
                say("`{run}` is not shown here, because others would read it who are not in its channel.", run=run.id),
                say("Type the same after `/verl`: then you alone are answered."),
            )
        raise Denied(
            say("`{run}` belongs to a private channel that you are not in.", run=run.id),
            say("Ask its owner, or to be invited there. `/verl list` shows that it exists and what it costs."),
            (run.requester,),
            Act.READ,
            run.id,
        )

    def shown_to(self, actor: Actor, found: Iterable[Run]) -> list[Run]:
        """Return these runs as the person may see them: of some only that they exist and what they cost."""
        return [run if self.visibility.sees(actor, run) else run.redact() for run in found]

    def told(self, name: str, actor: Actor) -> Told:
        """Return the run of this name with the metrics of all its steps."""
        run = self.find(name, actor)
        return Told(run, self.store.history(run.id))

    def active(self, user: str | None = None) -> list[Run]:
        """Return the runs that have not ended; those of one person where `user` is given."""
        return runs.active(self.store, user)

    def listed(self, which: str, user: str) -> Sequence[Run]:
        """Return the runs of a list."""
        return runs.listed(self.store, which, user)

    def last_two(self, user: str) -> tuple[str, str]:
        """Return the ids of the person's last two runs with metrics."""
        return runs.last_two(self.store, user)

    def unreadable(self) -> Sequence[RunStub]:
        """Return the stubs of open runs whose records cannot be read."""
        return [stub for stub, _ in self.store.unreadable_runs()]

    def catalogue(self) -> Mapping[str, Recipe | UserError]:
        """Return every recipe by name, or what is wrong with its file."""
        return {name: self._recipe(name) for name in self.recipes.names()}

    def refusals(self) -> Mapping[str, str]:
        """Return why recipes cannot run here as they are, for those that cannot."""
        found = self.catalogue().items()
        why = {name: self.cloud.refusal(one.task) for name, one in found if isinstance(one, Recipe)}
        return {name: reason for name, reason in why.items() if reason}

    def _recipe(self, name: str) -> Recipe | UserError:
        try:
            return self.recipes.get(name)
        except UserError as error:
            return error

    def read_log(self, run: Run, asked: command.Logs) -> Excerpt:
        """Return lines of the log, fresh from the cluster while it exists. It waits for the cluster.

        Raises:
            UserError: the run has no such node.
        """
        refuse_node(run, asked.node)
        text, trouble = self.store.log(run.id), None
        if not run.over and run.asked_at:
            try:
                text = self.cloud.tail(run.watched, lines_to_read(asked))
            except Unavailable as error:
                trouble = str(error)
        return Excerpt(run, asked, loglines.select(text, asked.count, asked.grep, asked.node), trouble)

    def task_yaml(self, name: str, actor: Actor) -> tuple[Run, str]:
        """Return a run with its exact task as YAML. It holds no secret's value."""
        run = self.find(name, actor)
        return run, self.recipes.write(self.store.task(run.id))


def refuse_node(run: Run, node: int | None) -> None:
    """Raise UserError if the run has no node of this rank."""
    if node is not None and node >= run.nodes:
        ranks = [str(rank) for rank in range(run.nodes)]
        raise unknown("node", str(node), ranks, of=run.id)


def lines_to_read(asked: command.Logs) -> int:
    """Return how many lines to read for a command: more where they are filtered."""
    filtered = asked.grep is not None or asked.node is not None
    return max(asked.count, GREP_LINES) if filtered else asked.count
