"""What a person may ask. Nothing here waits for machines: a wish is recorded and the tick is woken."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from bot.core import command, loglines
from bot.core.again import Again, again
from bot.core.amendment import Limit, Mute
from bot.core.autostop import asked_minutes
from bot.core.figure import Told
from bot.core.line import shown
from bot.core.money import Rate
from bot.core.nearest import listed, unknown
from bot.core.plan import Plan, plan, shortened
from bot.core.posted import Follow
from bot.core.recipe import Recipe
from bot.core.run import Run, Status
from bot.core.standings import Rhythm
from bot.errors import Unavailable, UserError
from bot.language import mark, say
from bot.ports import Cloud, Notifier, Now, Recipes, Store

RECENT = 20
"""Ended runs that a list shows."""

REMEMBERED = 200
"""Ended runs that a shortened or mistyped name may mean."""

GREP_LINES = 5_000
"""Lines that are searched for a word."""

ID_TRIES = 50

ONE_CLICK = timedelta(minutes=1)
"""What was clicked again within that time was clicked once."""

SHORTEST = 3
"""Letters of the shortest name that a run is known by."""

SEVERAL_ACTIVE = mark("{name} fits several active runs.")
SEVERAL = mark("{name} fits several runs, none of which is active.")

RUN_ID = re.compile(r"[a-z0-9-]+")
"""What a run's id is made of; anything else names something else in the store, or nothing."""


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
    """What a launch would do: the answer to `--dry-run`.

    Attributes:
        yaml: the task, its scripts cut short.
        rate: what it would cost; None where nobody knows, with `trouble` where that is for want of an answer.
        refusal: why it would be refused here, or None.
    """

    plan: Plan
    yaml: str
    rate: Rate | None
    refusal: str | None
    trouble: str | None = None


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
            run = wished(made, caller, self.now())
            if added := self.store.add(run, made.task, caller.wish):
                return self._wished(added)
        raise Unavailable(say("No free name was found for the run."))

    def again(self, asked: Again, caller: Caller) -> Run:
        """Launch a run that is over once more; told of where the first was, if the caller is nowhere.

        A line that was typed has Slack's id, and is one wish. A click has none: it stands for the one launch that
        its button offers, until that is over.

        Raises:
            UserError: the run is not over, or cannot be gone on from.
        """
        found = self.find(asked.run)
        wanted = again(found, asked)
        caller = replace(caller, channel=caller.channel or found.channel)
        if caller.wish:
            return self.launch(wanted, caller)
        for number in count():
            made = self.launch(wanted, replace(caller, wish=f"{type(asked).__name__} {found.id} {number}"))
            if not made.over or self.now() - made.created_at < ONE_CLICK:
                break
        return made

    def planned(self, asked: command.Launch) -> Plan:
        """What a launch would do.

        Raises:
            UserError: it makes no sense as it was typed.
        """
        recipe = self.recipes.get(asked.recipe)
        return plan(recipe, asked.parameters, asked.overrides, f"{recipe.name}-0000")

    def rehearse(self, made: Plan) -> Rehearsal:
        """What the launch would cost, and whether it would be refused. Waits for the cloud: not for listeners."""
        rate, trouble = None, None
        try:
            rate = self.cloud.rate(made.task)
        except Unavailable as error:
            trouble = str(error)
        return Rehearsal(made, self.recipes.write(shortened(made.task)), rate, self.cloud.refusal(made.task), trouble)

    def _plan(self, recipe: Recipe, asked: command.Launch, run_id: str) -> Plan:
        made = plan(recipe, asked.parameters, asked.overrides, run_id)
        if why := self.cloud.refusal(made.task):
            refused = say("`{recipe}` cannot run here. {why}", recipe=recipe.name, why=why)
            raise UserError(refused, say("`/verl recipes` shows what there is."))
        return made

    def stop(self, name: str, by: str) -> Run:
        """Record the wish to end a run; one that is over stays as it is.

        Raises:
            UserError: there is no such run, or the name is a shortened one of somebody else's.
        """
        found = self._own(name, by)
        return self._wished(self.store.update(found.id, lambda run: run.stop_requested(by, self.now())))

    def _own(self, name: str, by: str) -> Run:
        """The run of this name; somebody else's only by its whole name."""
        found = self.find(name)
        if found.requester != by and found.id != name.lower():
            raise UserError(
                say("{name} is short for `{run}`, which somebody else launched.", name=shown(name), run=found.id),
                say("Type its whole name: {run}.", run=f"`{found.id}`"),
            )
        return found

    def extend(self, asked: command.Extend, caller: Caller, ends_at: datetime | None = None) -> Run:
        """Record that a run may live longer.

        Args:
            ends_at: when its lease ended as the person saw it; where that is true no more, nothing is changed.
        """
        run = self._amendable(asked.run, caller.user)
        most = timedelta(hours=command.MOST_EXTENDED_HOURS)

        def change(run: Run) -> Run:
            if ends_at and run.lease_ends_at and abs(ends_at - run.lease_ends_at) >= timedelta(seconds=1):
                return run
            hours = (run.lease + timedelta(hours=asked.hours)).total_seconds() / 3600
            return run.amended(Limit.LEASE, hours, caller.user, self.now(), caller.wish or "")

        if run.lease + timedelta(hours=asked.hours) > most:
            raise UserError(
                say("{run} may live for {most} days at the most.", run=f"`{run.id}`", most=most.days),
                say("Extend it by less."),
            )
        return self._wished(self.store.update(run.id, change))

    def set_budget(self, asked: command.SetBudget, caller: Caller) -> Run:
        """Record another budget.

        Raises:
            UserError: the run has spent more already.
        """
        run = self._amendable(asked.run, caller.user)
        spent = run.cost(self.now())
        if spent is not None and spent >= asked.dollars:
            raise UserError(
                say("{run} has spent ${spent} already.", run=f"`{run.id}`", spent=f"{spent:,.2f}"),
                say("Give more than that, or end it: `/verl stop {run}`.", run=run.id),
            )
        amended = self.store.update(
            run.id,
            lambda run: run.amended(Limit.BUDGET, asked.dollars, caller.user, self.now(), caller.wish or ""),
        )
        return self._wished(amended)

    def mute(self, run_id: str, finding: str, by: str) -> Run:
        """Record that nobody wants to hear more of a finding of a run."""
        mute = Mute(finding, by, self.now())
        return self._wished(self.store.update(run_id, lambda run: run.muted(mute)))

    def _amendable(self, name: str, by: str) -> Run:
        """The run of this name, which can still be ended and so be given more."""
        found = self._own(name, by)
        if found.over:
            over = say("`{run}` is over already.", run=found.id)
            raise UserError(over, say("Launch it again: `/verl retry {run}`.", run=found.id))
        return found

    def _wished(self, run: Run) -> Run:
        """A wish is recorded: it is shown now, whatever the tick waits for, and done by the next one."""
        self.notifier.show([run])
        self.wake()
        return run

    def find(self, name: str) -> Run:
        """The run of this name, or the only one whose id ends or begins so; of several, the only active one.

        Raises:
            UserError: none or several; the hint names those that there are.
        """
        if RUN_ID.fullmatch(name.lower()) and (exact := self.store.get(name.lower())):
            return exact
        open_runs = self.store.open()
        runs = {run.id: run for run in [*self.store.recent(REMEMBERED), *open_runs]}
        near = [run for run in runs.values() if is_short_for(name.lower(), run.id)]
        active = [run for run in near if run.status is not Status.ENDED]
        if len(active or near) == 1:
            return (active or near)[0]
        if near:
            several = SEVERAL_ACTIVE if active else SEVERAL
            raise UserError(say(several, name=shown(name)), listed(sorted(run.id for run in active or near)))
        raise unknown("run", name, runs, say("None has been launched yet: `/verl launch smoke`."))

    def told(self, name: str) -> Told:
        """The run of this name with the numbers of all its steps."""
        run = self.find(name)
        return Told(run, self.store.history(run.id))

    def last_two(self, user: str) -> tuple[str, str]:
        """The person's last two runs that have told numbers, the earlier first."""
        told = [run for run in newest_first(self.runs("mine", user)) if run.progress.step is not None]
        if len(told) < 2:
            few = say("You have no two runs that have told numbers.")
            raise UserError(few, say("Name two: `compare A B`; `/verl list all` shows what there is."))
        return told[1].id, told[0].id

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

    def refusals(self) -> Mapping[str, str]:
        """Of the recipes that cannot run here as they stand, why."""
        found = self.catalogue().items()
        why = {name: self.cloud.refusal(one.task) for name, one in found if isinstance(one, Recipe)}
        return {name: reason for name, reason in why.items() if reason}

    def _recipe(self, name: str) -> Recipe | UserError:
        try:
            return self.recipes.get(name)
        except UserError as error:
            return error

    def follow(self, asked: command.Logs, by: str) -> Run:
        """Record the wish to see the log grow in the run's thread."""
        run = self.find(asked.run)
        refuse_node(run, asked.node)
        if run.over:
            over = say("`{run}` is over and prints no more.", run=run.id)
            raise UserError(over, say("Its last lines: `logs {run}`.", run=run.id))
        wish = Follow(by, self.now() + self.follow_for, asked.count, asked.grep, asked.node)
        return self._wished(self.store.update(run.id, lambda run: run.followed(wish)))

    def summarise(self, name: str, rhythm: Rhythm) -> Run:
        """Record the wish how often a run's thread is told how it goes.

        Raises:
            UserError: the run is over.
        """
        run = self.find(name)
        if run.over:
            raise UserError(say("`{run}` is over; nothing more is told of it.", run=run.id))
        return self.store.update(run.id, lambda run: run.told_every(rhythm))

    def read_log(self, run: Run, asked: command.Logs) -> Excerpt:
        """Lines of the log, fresh from the cluster while there is one. Waits for the cluster: not for listeners.

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


def is_short_for(name: str, run_id: str) -> bool:
    """
    >>> is_short_for("7f3a", "ppo-7f3a"), is_short_for("ppo", "ppo-7f3a"), is_short_for("a", "ppo-7f3a")
    (True, True, False)
    """
    return len(name) >= SHORTEST and (run_id.startswith(name) or run_id.endswith(name))


def refuse_node(run: Run, node: int | None) -> None:
    if node is not None and node >= run.nodes:
        ranks = [str(rank) for rank in range(run.nodes)]
        raise unknown("node", str(node), ranks, of=run.id)


def wished(made: Plan, caller: Caller, now: datetime) -> Run:
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
        resumes=made.recipe.checkpoints is not None and made.recipe.checkpoints.resume != "",
        metrics=made.recipe.metrics,
        secrets=tuple(made.recipe.secrets),
        budget_dollars=made.budget_dollars,
        lease=made.lease,
        autostop_asked=asked_minutes(made.task),
    )


def lines_to_read(asked: command.Logs) -> int:
    filtered = asked.grep is not None or asked.node is not None
    return max(asked.count, GREP_LINES) if filtered else asked.count


def newest_first(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: run.created_at, reverse=True)
