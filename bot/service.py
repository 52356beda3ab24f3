"""What a person may ask for. Nothing here waits for machines: a request is recorded and the tick is woken."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from bot import runs
from bot.asked import Caller, Rehearsal, wished
from bot.audit_service import AuditService
from bot.core import command
from bot.core.access import refuse_act, refuse_to_judge, refuse_unseen
from bot.core.admission import Admit, uncapped
from bot.core.again import Again, again
from bot.core.amendment import Limit, Mute
from bot.core.approval_rule import refuse_unapproved_change
from bot.core.launch_bounds import ask_of, refuse_limits_out_of_bounds, refuse_out_of_bounds
from bot.core.line import shown
from bot.core.people import OWN_PAGE
from bot.core.plan import Plan, plan, shortened
from bot.core.policy import UNSET, Policy
from bot.core.posted import Follow
from bot.core.recipe import Recipe
from bot.core.roles import Act, others
from bot.core.run import Run
from bot.core.run_stub import RunStub
from bot.core.standings import Rhythm
from bot.errors import Unavailable, UnreadableRecord, UserError
from bot.language import say
from bot.monthly_budgets import MonthlyBudgets
from bot.ports import Cloud, Notifier, Now, Recipes, Store
from bot.rate_limits import Kind, RateLimits
from bot.run_queries import RunQueries, refuse_node
from bot.unreadable_runs import UnreadableRuns

ID_TRIES = 50

ONE_CLICK = timedelta(minutes=1)
"""What was clicked again within that time was clicked once."""


KEPT_FOR = timedelta(hours=1)
"""A cluster whose model cannot be fetched, each time that a person asks for it."""


@dataclass(frozen=True, slots=True)
class Service:
    """The wishes of people.

    Attributes:
        queries: what is asked about runs; unreadable: what looks after runs whose records cannot be read.
        new_id: a run's id for a recipe's name; asked again where the id has been used.
        wake: lets the tick run now.
        follow_for: how long a followed log grows.
        limits: how much one person may ask for in a minute.
        monthly: monthly budgets; auditing: who did what.
        read_policy: what is allowed now; admit: weighs a launch against the caps.
    """

    store: Store
    recipes: Recipes
    cloud: Cloud
    notifier: Notifier
    now: Now
    queries: RunQueries
    unreadable: UnreadableRuns
    new_id: Callable[[str], str]
    wake: Callable[[], None]
    follow_for: timedelta
    limits: RateLimits
    monthly: MonthlyBudgets
    auditing: AuditService
    read_policy: Callable[[], Policy] = lambda: UNSET
    admit: Admit = uncapped

    @property
    def policy(self) -> Policy:
        return self.read_policy()

    def refuse(self, act: Act, caller: Caller, run: Run | RunStub | None = None) -> None:
        """Refuse what the person may not do.

        Raises:
            UserError: so it is; the message says who may.
        """
        refuse_act(self.policy, act, caller.actor, run)

    def launch(self, asked: command.Launch, caller: Caller) -> Run:
        """Record the wish for a run; the same delivery makes one run, however often it comes.

        Raises:
            UserError: the person may not launch it, it is out of bounds, or there is no room under the caps.
        """
        self.refuse(Act.LAUNCH, caller)
        recipe = self.recipes.get(asked.recipe)
        self.limits.take(caller.user, Kind.LAUNCH)
        for _ in range(ID_TRIES):
            made = self._plan(recipe, asked, self.new_id(recipe.name))
            self.refuse_out_of_bounds(made, caller)
            run = wished(made, caller, self.now(), self.policy)
            if added := self.store.add(run, made.task, caller.wish, caller.lasting, self.admit):
                return self._wished(added)
        raise Unavailable(say("No free name was found for the run."))

    def refuse_out_of_bounds(self, made: Plan, caller: Caller) -> None:
        """Refuse a launch that asks for more than the person's role, or the channel, allows.

        Raises:
            UserError: so it does; all of it is said, and what to type instead.
        """
        bounds = self.policy.bounds_of(caller.actor.role, caller.actor.channel or OWN_PAGE)
        refuse_out_of_bounds(bounds, ask_of(made), others(self.policy.admins, caller.user))

    def again(self, asked: Again, caller: Caller) -> Run:
        """Launch a run that is over once more; told of where the first was, if the caller is nowhere.

        A line that was typed has Slack's id, and is one wish. A click has none: it stands for the one launch that
        its button offers, until that is over.

        Raises:
            UserError: the run is not over, or cannot be gone on from, or the person may not launch.
        """
        self.refuse(Act.LAUNCH, caller)
        found, wanted = self.queries.find(asked.run, caller.actor), self.relaunch(asked, caller)
        caller = replace(caller, channel=caller.channel or found.channel)
        if caller.wish:
            return self.launch(wanted, caller)
        for number in count():
            click = f"{type(asked).__name__} {found.id} {number}"
            made = self.launch(wanted, replace(caller, wish=click, lasting=True))
            if not made.over or self.now() - made.created_at < ONE_CLICK:
                break
        return made

    def relaunch(self, asked: Again, caller: Caller) -> command.Launch:
        """The launch that it stands for.

        Raises:
            UserError: as for `again`.
        """
        return again(self.queries.find(asked.run, caller.actor), asked)

    def planned(self, asked: command.Launch) -> Plan:
        """What a launch would do.

        Raises:
            UserError: it makes no sense as it was typed.
        """
        recipe = self.recipes.get(asked.recipe)
        return plan(recipe, asked.parameters, asked.overrides, f"{recipe.name}-0000")

    def asks_first(self, asked: command.Launch) -> bool:
        """Whether the person is to be asked once more, because it is dear and no approver will be.

        Raises:
            UserError: as for `planned`.
        """
        dollars, most = self.planned(asked).budget_dollars, self.policy.approve_over_dollars
        return self.policy.asks_first(dollars) and (most is None or dollars <= most)

    def rehearse(self, made: Plan, caller: Caller) -> Rehearsal:
        """What the launch would cost, and whether it would be refused. Waits for the cloud: not for listeners."""
        rate, trouble, controller = None, None, None
        try:
            rate = self.cloud.rate(made.task)
            controller = self.cloud.controller(made.task)
        except Unavailable as error:
            trouble = str(error)
        yaml = self.recipes.write(shortened(made.task))
        refusal = self.cloud.refusal(made.task) or self._refusal(made, caller)
        return Rehearsal(made, yaml, rate, refusal, trouble, controller)

    def _refusal(self, made: Plan, caller: Caller) -> str | None:
        """Return why the person may not launch this here; None where nothing speaks against it."""
        try:
            self.refuse(Act.LAUNCH, caller)
            self.refuse_out_of_bounds(made, caller)
        except UserError as error:
            return error.sentence
        return None

    def _plan(self, recipe: Recipe, asked: command.Launch, run_id: str) -> Plan:
        made = plan(recipe, asked.parameters, asked.overrides, run_id)
        if why := self.cloud.refusal(made.task):
            refused = say("`{recipe}` cannot run here. {why}", recipe=recipe.name, why=why)
            raise UserError(refused, say("`/verl recipes` shows what there is."))
        return made

    def stop(self, name: str, caller: Caller, save: bool | None = None, gone: bool = False) -> Run | RunStub:
        """Record the wish to end a run; one that is over stays as it is, but that its model may be lost.

        Args:
            save: whether it is to be saved first; False, what is on its cluster alone may be lost.
            gone: whether this person says that its machines are gone.

        Returns the run; of one whose record cannot be read, what is known of it.

        Raises:
            UserError: there is no such run, the name is a shortened one of somebody else's, what SkyPilot
                shows is called gone, or the person may not.
        """
        act = Act.DISCARD if save is False else Act.STOP
        try:
            found = self._own(name, caller.user)
        except UnreadableRecord as error:
            stub = self.store.stub(error.run_id)
            if not error.is_open:
                raise
            self.refuse(act, caller, stub)
            self.unreadable.request_stop(error.run_id, caller.user, gone)
            self.auditing.record_stop(error.run_id)
            return stub
        except UserError:
            self.refuse(Act.READ, caller)  # who may see no run hears of none by a wrong name
            raise
        self.refuse(act, caller, found)
        if gone and not found.memory.is_lost:
            seen = say("SkyPilot remembers {run}, so I see by myself when its machines are gone.", run=f"`{found.id}`")
            raise UserError(seen, say("Type `/verl stop {run}` to end it.", run=found.id))

        def change(run: Run) -> Run:
            return run.stop_requested(caller.user, self.now(), False).confirm_gone(caller.user)

        wish = change if gone else lambda run: run.stop_requested(caller.user, self.now(), save)
        return self._wished(self.store.update(found.id, wish))

    def keep(self, run_id: str, caller: Caller, until: datetime) -> Run:
        """Record that a cluster is kept for a model that cannot be fetched.

        Args:
            until: when it was to go as the person saw it; where that is true no more, nothing is changed.
        """
        self.refuse(Act.EXTEND, caller, runs.find(self.store, run_id))
        longer = max(self.now(), until) + KEPT_FOR

        def change(run: Run) -> Run:
            known = run.keeping.until
            return run.kept_until(longer, caller.user) if known and abs(known - until) < timedelta(seconds=1) else run

        return self._wished(self.store.update(run_id, change))

    def _own(self, name: str, by: str) -> Run:
        """The run of this name; somebody else's only by its whole name."""
        found = runs.find(self.store, name)
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
        run = self._amendable(asked.run, caller)
        most = timedelta(hours=command.MOST_EXTENDED_HOURS)
        longer = replace(run, lease=min(run.lease + timedelta(hours=asked.hours), most))

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
        self._refuse_change(run, longer, caller)
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
            UserError: the run has spent more already, or more is not this person's to give.
        """
        run = self._amendable(asked.run, caller)
        spent = run.cost(self.now())
        if spent is not None and spent >= asked.dollars:
            raise UserError(
                say("{run} has spent ${spent} already.", run=f"`{run.id}`", spent=f"{spent:,.2f}"),
                say("Give more than that, or end it: `/verl stop {run}`.", run=run.id),
            )
        more = asked.dollars > run.budget_dollars
        if more:
            self._refuse_change(run, replace(run, budget_dollars=asked.dollars), caller)
        amended = self.store.update(
            run.id,
            lambda run: run.amended(Limit.BUDGET, asked.dollars, caller.user, self.now(), caller.wish or ""),
            self.admit if more else None,
        )
        return self._wished(amended)

    def judge(self, name: str, granted: bool, caller: Caller, seen: str = "") -> Run:
        """Record what an approver says to a launch that waits for it; the first word counts.

        Args:
            seen: digest of what the person was shown; empty for one who has typed a command.

        Raises:
            UserError: the run does not wait for it, this person may not, the money of its month is used up, or what it
                may come to is no more what the person has seen.
        """
        run = self.queries.find(name, caller.actor)
        refuse_to_judge(self.policy, run, caller.actor)
        if granted:
            refuse_unseen(run, seen)
            self.monthly.refuse_used_up(run)
        return self._wished(self.store.update(run.id, lambda run: run.answered(caller.user, granted, self.now())))

    def mute(self, run_id: str, finding: str, caller: Caller) -> Run:
        """Record that no more is to be said of a finding of a run."""
        self.refuse(Act.TUNE, caller, runs.find(self.store, run_id))
        mute = Mute(finding, caller.user, self.now())
        return self._wished(self.store.update(run_id, lambda run: run.muted(mute)))

    def _refuse_change(self, before: Run, after: Run, caller: Caller) -> None:
        """Refuse more time or money for a run that is out of the person's bounds, or needs another approver.

        Raises:
            UserError: so it is.
        """
        bounds = self.policy.bounds_of(caller.actor.role, caller.actor.channel or OWN_PAGE)
        refuse_limits_out_of_bounds(bounds, before, after, others(self.policy.admins, caller.user))
        refuse_unapproved_change(before, after, self.store.ledger(), self.policy, caller.actor, self.now())

    def _amendable(self, name: str, caller: Caller) -> Run:
        """The run of this name, which can still be ended and so be given more, by this person.

        Raises:
            UserError: it cannot, or not by this one.
        """
        found = self._own(name, caller.user)
        self.refuse(Act.EXTEND, caller, found)
        if found.over:
            over = say("`{run}` is over already.", run=found.id)
            raise UserError(over, say("Launch it again: `/verl retry {run}`.", run=found.id))
        return found

    def _wished(self, run: Run) -> Run:
        """A wish is recorded: it is shown now, whatever the tick waits for, and done by the next one."""
        self.notifier.show([run])
        self.wake()
        return run

    def follow(self, asked: command.Logs, caller: Caller) -> Run:
        """Record the wish to see the log grow in the run's thread."""
        run = self.queries.find(asked.run, caller.actor)
        self.refuse(Act.TUNE, caller, run)
        refuse_node(run, asked.node)
        if run.over:
            over = say("`{run}` is over and prints no more.", run=run.id)
            raise UserError(over, say("Its last lines: `logs {run}`.", run=run.id))
        wish = Follow(caller.user, self.now() + self.follow_for, asked.count, asked.grep, asked.node)
        return self._wished(self.store.update(run.id, lambda run: run.followed(wish)))

    def summarise(self, name: str, rhythm: Rhythm, caller: Caller) -> Run:
        """Record the wish how often a run's thread is told how it goes.

        Raises:
            UserError: the run is over, or the person may not.
        """
        run = runs.find(self.store, name)
        self.refuse(Act.TUNE, caller, run)
        if run.over:
            raise UserError(say("`{run}` is over; nothing more is told of it.", run=run.id))
        return self.store.update(run.id, lambda run: run.told_every(rhythm))
