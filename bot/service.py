"""What a person may ask. Nothing here waits for machines: a wish is recorded and the tick is woken."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core import command, loglines
from bot.core.line import shown
from bot.core.money import Rate
from bot.core.nearest import listed, unknown
from bot.core.plan import Plan, plan
from bot.core.recipe import Recipe
from bot.core.run import Follow, Run, Status
from bot.errors import Unavailable, UserError
from bot.ports import Cloud, Notifier, Now, Recipes, Store

RECENT = 20
"""Ended runs that a list shows."""

REMEMBERED = 200
"""Ended runs that a shortened or mistyped name may mean."""

GREP_LINES = 5_000
"""Lines that are searched for a word."""

ID_TRIES = 50


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and where.

    Attributes:
        user, channel: Slack's ids.
        wish: Slack's id of the delivery, the same when Slack delivers twice.
    """

    user: str
    channel: str
    wish: str | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a launch would do: the answer to `--dry-run`."""

    plan: Plan
    yaml: str
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a run's log.

    Attributes:
        lines: oldest first; asked: what they were asked by.
        trouble: why these are saved lines and not fresh ones, or None.
    """

    run: Run
    asked: command.Logs
    lines: list[str]
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """The wishes of people.

    Attributes:
        new_id: a run's id for a recipe's name; asked again where the id has been used.
        wake: lets the tick run now.
        follow_for: how long a followed log grows.
    """

    store: Store
    recipes: Recipes
    cloud: Cloud
    notifier: Notifier
    now: Now
    new_id: Callable[[str], str]
    wake: Callable[[], None]
    follow_for: timedelta

    def launch(self, asked: command.Launch, caller: Caller) -> Run:
        """Record the wish for a run; the same delivery makes one run, however often it comes."""
        recipe = self.recipes.get(asked.recipe)
        for _ in range(ID_TRIES):
            made = self._plan(recipe, asked, self.new_id(recipe.name))
            run = wished(made, self.cloud.rate(made.task), caller, self.now())
            if added := self.store.add(run, made.task, caller.wish):
                return self._wished(added)
        raise Unavailable("No free name was found for the run.")

    def rehearse(self, asked: command.Launch) -> Rehearsal:
        """What the launch would do, without doing it."""
        recipe = self.recipes.get(asked.recipe)
        made = self._plan(recipe, asked, f"{recipe.name}-0000")
        return Rehearsal(made, self.recipes.write(made.task), self.cloud.rate(made.task))

    def _plan(self, recipe: Recipe, asked: command.Launch, run_id: str) -> Plan:
        made = plan(recipe, asked.parameters, asked.overrides, run_id)
        if why := self.cloud.refusal(made.task):
            raise UserError(f"`{recipe.name}` cannot run here. {why}", "`/verl recipes` shows what there is.")
        return made

    def stop(self, name: str, by: str) -> Run:
        """Record the wish to end a run; one that is over stays as it is."""
        return self._wished(self.store.update(self.find(name).id, lambda run: run.stop_requested(by, self.now())))

    def _wished(self, run: Run) -> Run:
        """A wish is recorded: it is shown now, whatever the tick waits for, and done by the next one."""
        self.notifier.show([run])
        self.wake()
        return run

    def find(self, name: str) -> Run:
        """The run of this name, or the only one whose id ends or begins so.

        Raises:
            UserError: none or several; the hint names those that there are.
        """
        if exact := self.store.get(name.lower()):
            return exact
        runs = [*self.store.open(), *self.store.recent(REMEMBERED)]
        ids = sorted({run.id for run in runs})
        near = [run_id for run_id in ids if run_id.endswith(name.lower()) or run_id.startswith(name.lower())]
        if len(near) == 1:
            return next(run for run in runs if run.id == near[0])
        if near:
            raise UserError(f"{shown(name)} fits several runs.", listed(near))
        raise unknown("run", name, ids, "None has been launched yet: `/verl launch smoke`.")

    def active(self, user: str | None = None) -> list[Run]:
        """Runs that have not ended, newest first; of one person where `user` is given."""
        runs = [run for run in self.store.open() if run.status is not Status.ENDED]
        return newest_first(run for run in runs if user in (None, run.requester))

    def runs(self, which: str, user: str) -> Sequence[Run]:
        """The runs of one of `command.LISTS`."""
        match which:
            case "mine":
                return [*self.active(user), *(run for run in self.store.recent(REMEMBERED) if run.requester == user)]
            case "ended":
                return self.store.recent(RECENT)
            case "all":
                return [*self.active(), *self.store.recent(RECENT)]
            case _:
                return self.active()

    def catalogue(self) -> Mapping[str, Recipe | UserError]:
        """Every recipe by name, or what is wrong with its file."""
        return {name: self._recipe(name) for name in self.recipes.names()}

    def _recipe(self, name: str) -> Recipe | UserError:
        try:
            return self.recipes.get(name)
        except UserError as error:
            return error

    def follow(self, asked: command.Logs, by: str) -> Run:
        """Record the wish to see the log grow in the run's thread."""
        run = self.find(asked.run)
        if run.over:
            raise UserError(f"`{run.id}` is over and prints no more.", f"Its last lines: `logs {run.id}`.")
        wish = Follow(by, self.now() + self.follow_for, asked.lines, asked.grep, asked.node)
        return self._wished(self.store.update(run.id, lambda run: run.followed(wish)))

    def read_log(self, run: Run, asked: command.Logs) -> Excerpt:
        """Lines of the log, fresh from the cluster while there is one. Waits for the cluster: not for listeners."""
        text, trouble = self.store.log(run.id), None
        if not run.over and run.asked_at:
            try:
                text = self.cloud.tail(run.watched, lines_to_read(asked))
            except Unavailable as error:
                trouble = str(error)
        return Excerpt(run, asked, loglines.select(text, asked.lines, asked.grep, asked.node), trouble)


def wished(made: Plan, rate: Rate | None, caller: Caller, now: datetime) -> Run:
    """The record of a launch before anything was asked for."""
    return Run(
        id=str(made.task["name"]),
        recipe=made.recipe.name,
        line=made.line,
        requester=caller.user,
        channel=caller.channel,
        created_at=now,
        nodes=made.nodes,
        gpus=made.gpus,
        infra=made.infra,
        task_hash=made.hash,
        place=made.place,
        model_dies=made.model_dies,
        metrics=made.recipe.metrics,
        secrets=tuple(made.recipe.secrets),
        budget_dollars=made.budget_dollars,
        lease=made.lease,
        rate=rate,
    )


def lines_to_read(asked: command.Logs) -> int:
    filtered = asked.grep is not None or asked.node is not None
    return max(asked.lines, GREP_LINES) if filtered else asked.lines


def newest_first(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: run.created_at, reverse=True)
