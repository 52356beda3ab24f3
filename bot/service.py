"""What a person may ask. Nothing here waits for machines: a wish is recorded and the tick is woken."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count

from bot import runs
from bot.asked import Caller, Excerpt, Rehearsal, wished
from bot.core import command, loglines
from bot.core.access import refuse_to_give, refuse_to_judge
from bot.core.admission import Admit, uncapped
from bot.core.again import Again, again
from bot.core.amendment import Limit, Mute
from bot.core.figure import Told
from bot.core.holds import Hold, month_of
from bot.core.line import shown
from bot.core.nearest import unknown
from bot.core.plan import Plan, plan, shortened
from bot.core.policy import UNSET, Measure, Policy, cap_rule
from bot.core.posted import Follow
from bot.core.purse import Taken, purses, spent_from, taken
from bot.core.recipe import Recipe
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.core.standings import Rhythm
from bot.errors import Unavailable, UnreadableRecord, UserError
from bot.language import say
from bot.ports import Cloud, Notifier, Now, Recipes, Store
from bot.unreadable_runs import UnreadableRuns

GREP_LINES = 5_000
"""Lines that are searched for a word."""

ID_TRIES = 50

ONE_CLICK = timedelta(minutes=1)
"""What was clicked again within that time was clicked once."""


KEPT_FOR = timedelta(hours=1)
"""A cluster whose model cannot be fetched, each time that a person asks for it."""


@dataclass(frozen=True, slots=True)
class Service:
    """The wishes of people.

    Attributes:
        new_id: a run's id for a recipe's name; asked again where the id has been used.
        wake: lets the tick run now.
        follow_for: how long a followed log grows.
        unreadable: what looks after runs whose records cannot be read.
        policy: what is allowed; admit: weighs a launch against the caps; zone: whose months count.
    """

    store: Store
    recipes: Recipes
    cloud: Cloud
    notifier: Notifier
    now: Now
    new_id: Callable[[str], str]
    wake: Callable[[], None]
    follow_for: timedelta
    unreadable: UnreadableRuns
    policy: Policy = UNSET
    admit: Admit = uncapped
    zone: tzinfo = UTC

    def launch(self, asked: command.Launch, caller: Caller) -> Run:
        """Record the wish for a run; the same delivery makes one run, however often it comes."""
        recipe = self.recipes.get(asked.recipe)
        for _ in range(ID_TRIES):
            made = self._plan(recipe, asked, self.new_id(recipe.name))
            run = wished(made, caller, self.now(), self.policy)
            if added := self.store.add(run, made.task, caller.wish, caller.lasting, self.admit):
                return self._wished(added)
        raise Unavailable(say("No free name was found for the run."))

    def again(self, asked: Again, caller: Caller) -> Run:
        """Launch a run that is over once more; told of where the first was, if the caller is nowhere.

        A line that was typed has Slack's id, and is one wish. A click has none: it stands for the one launch that
        its button offers, until that is over.

        Raises:
            UserError: the run is not over, or cannot be gone on from.
        """
        found, wanted = self.find(asked.run), self.relaunch(asked)
        caller = replace(caller, channel=caller.channel or found.channel)
        if caller.wish:
            return self.launch(wanted, caller)
        for number in count():
            click = f"{type(asked).__name__} {found.id} {number}"
            made = self.launch(wanted, replace(caller, wish=click, lasting=True))
            if not made.over or self.now() - made.created_at < ONE_CLICK:
                break
        return made

    def relaunch(self, asked: Again) -> command.Launch:
        """The launch that it stands for.

        Raises:
            UserError: as for `again`.
        """
        return again(self.find(asked.run), asked)

    def planned(self, asked: command.Launch) -> Plan:
        """What a launch would do.

        Raises:
            UserError: it makes no sense as it was typed.
        """
        recipe = self.recipes.get(asked.recipe)
        return plan(recipe, asked.parameters, asked.overrides, f"{recipe.name}-0000")

    def asks_first(self, asked: command.Launch) -> bool:
        """Whether the person is to be asked once more, because it is dear and no lead will be.

        Raises:
            UserError: as for `planned`.
        """
        dollars = self.planned(asked).budget_dollars
        return self.policy.asks_first(dollars) and not self.policy.wants_approval(dollars)

    def rehearse(self, made: Plan) -> Rehearsal:
        """What the launch would cost, and whether it would be refused. Waits for the cloud: not for listeners."""
        rate, trouble, controller = None, None, None
        try:
            rate = self.cloud.rate(made.task)
            controller = self.cloud.controller(made.task)
        except Unavailable as error:
            trouble = str(error)
        yaml, refusal = self.recipes.write(shortened(made.task)), self.cloud.refusal(made.task)
        return Rehearsal(made, yaml, rate, refusal, trouble, controller)

    def _plan(self, recipe: Recipe, asked: command.Launch, run_id: str) -> Plan:
        made = plan(recipe, asked.parameters, asked.overrides, run_id)
        if why := self.cloud.refusal(made.task):
            refused = say("`{recipe}` cannot run here. {why}", recipe=recipe.name, why=why)
            raise UserError(refused, say("`/verl recipes` shows what there is."))
        return made

    def stop(self, name: str, by: str, save: bool | None = None, gone: bool = False) -> Run | RunStub:
        """Record the wish to end a run; one that is over stays as it is, but that its model may be lost.

        Args:
            save: whether it is to be saved first; False, what is on its cluster alone may be lost.
            gone: whether this person says that its machines are gone.

        Returns the run; of one whose record cannot be read, what is known of it.

        Raises:
            UserError: there is no such run, or the name is a shortened one of somebody else's, or a run that
                SkyPilot shows is called gone.
        """
        try:
            found = self._own(name, by)
        except UnreadableRecord as error:
            if not error.is_open:
                raise
            self.unreadable.request_stop(error.run_id, by, gone)
            return self.store.stub(error.run_id)
        if gone and not found.memory.is_lost:
            seen = say("SkyPilot remembers {run}, so I see by myself when its machines are gone.", run=f"`{found.id}`")
            raise UserError(seen, say("Type `/verl stop {run}` to end it.", run=found.id))

        def change(run: Run) -> Run:
            return run.stop_requested(by, self.now(), False).confirm_gone(by)

        wish = change if gone else lambda run: run.stop_requested(by, self.now(), save)
        return self._wished(self.store.update(found.id, wish))

    def keep(self, run_id: str, by: str, until: datetime) -> Run:
        """Record that a cluster is kept for a model that cannot be fetched.

        Args:
            until: when it was to go as the person saw it; where that is true no more, nothing is changed.
        """
        longer = max(self.now(), until) + KEPT_FOR

        def change(run: Run) -> Run:
            known = run.keeping.until
            return run.kept_until(longer, by) if known and abs(known - until) < timedelta(seconds=1) else run

        return self._wished(self.store.update(run_id, change))

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
        extended = self.store.update(run.id, change)
        known = any(one.wish and one.wish == caller.wish for one in extended.amendments)
        if extended.amendments == run.amendments and not known:
            raise UserError(
                say("The lease of {run} was changed meanwhile, and is left as it is.", run=f"`{run.id}`"),
                say("Its card says until when it lives; `/verl extend {run} 2h` lets it live longer.", run=run.id),
            )
        return self._wished(extended)

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
        more = asked.dollars > run.budget_dollars
        if more:
            refuse_to_give(self.policy, asked.dollars, caller.user, run.requester)
        amended = self.store.update(
            run.id,
            lambda run: run.amended(Limit.BUDGET, asked.dollars, caller.user, self.now(), caller.wish or ""),
            self.admit if more else None,
        )
        return self._wished(amended)

    def taken(self, caller: Caller) -> list[Taken]:
        """What is taken of every cap that this person's next launch here would fall under."""
        month = month_of(self.now(), self.zone)
        return taken(self.policy, self.store.ledger(), caller.user, caller.channel, month)

    def give_month(self, asked: command.GiveMonth, caller: Caller) -> float:
        """Record what a channel, a person or everybody may spend a month.

        Returns dollars that are spent of it already; 0 where that has no consequence: nothing runs, or it is rehearsed.

        Raises:
            UserError: it is a lead's to give.
        """
        if not self.policy.is_lead(caller.user):
            raise UserError(say("What may be spent in a month is a lead's to give."), people=self.policy.leads)
        purse = Hold("", asked.person, caller.channel, 0, 0.0, 0.0).purse(asked.scope)
        self.store.give(purse, asked.dollars, caller.user, now := self.now())
        if self.policy.is_shadow(cap_rule(asked.scope, Measure.DOLLARS_PER_MONTH)):
            return 0.0
        ledger = self.store.ledger()
        held = purses(self.store.open()).get(purse)
        return spent_from(ledger, purse, held.runs, now, month_of(now, self.zone)) if held else 0.0

    def judge(self, name: str, granted: bool, by: str) -> Run:
        """Record what a lead says to a launch that waits for it; the first word stands.

        Raises:
            UserError: the run does not wait for it, or this person has no say in it.
        """
        run = self.find(name)
        refuse_to_judge(self.policy, run, by)
        return self._wished(self.store.update(run.id, lambda run: run.answered(by, granted, self.now())))

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

    def told(self, name: str) -> Told:
        """The run of this name with the numbers of all its steps."""
        run = self.find(name)
        return Told(run, self.store.history(run.id))

    def find(self, name: str) -> Run:
        return runs.find(self.store, name)

    def unreadable_runs(self) -> Sequence[RunStub]:
        """Return what is known of open runs whose records cannot be read."""
        return [stub for stub, _ in self.store.unreadable_runs()]

    def active(self, user: str | None = None) -> list[Run]:
        return runs.active(self.store, user)

    def runs(self, which: str, user: str) -> Sequence[Run]:
        return runs.listed(self.store, which, user)

    def last_two(self, user: str) -> tuple[str, str]:
        return runs.last_two(self.store, user)

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


def refuse_node(run: Run, node: int | None) -> None:
    if node is not None and node >= run.nodes:
        ranks = [str(rank) for rank in range(run.nodes)]
        raise unknown("node", str(node), ranks, of=run.id)


def lines_to_read(asked: command.Logs) -> int:
    filtered = asked.grep is not None or asked.node is not None
    return max(asked.count, GREP_LINES) if filtered else asked.count
