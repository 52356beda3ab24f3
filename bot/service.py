"""Requests about runs. Nothing here waits for machines: a request is recorded and the tick is woken."""

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
"""Clicks within that time count as one."""


KEPT_FOR = timedelta(hours=1)
"""How much longer a cluster is kept whose model cannot be downloaded, at each request of a person."""


@dataclass(frozen=True, slots=True)
class Service:
    """Records people's requests about runs.

    Attributes:
        queries: answers questions about runs; unreadable_runs: looks after runs whose records cannot be read.
        new_id: returns a run's id for a recipe's name; called again where the id has been used.
        wake: lets the tick run now.
        follow_period: how long a followed log grows.
        rate_limits: limits of one person's requests in a minute.
        monthly_budgets: monthly budgets; audit_service: who did what.
        read_policy: returns what is allowed now; admit: checks a launch against the caps.
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
        """Return the current policy."""
        return self.read_policy()

    def refuse(self, act: Act, caller: Caller, run: Run | RunStub | None = None) -> None:
        """Refuse what the person may not do.

        Raises:
            UserError: the person may not; the message says who may.
        """
        refuse_act(self.policy, act, caller.actor, run)

    def launch(self, asked: command.Launch, caller: Caller) -> Run:
        """Record a new run; the same delivery makes one run, however often Slack sends it.

        Raises:
            UserError: the person may not launch it, it is out of bounds, or a cap has no room for it.
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
        """Refuse a launch that needs more than the person's role, or the channel, allows.

        Raises:
            UserError: it does; the message names every bound, and what to type instead.
        """
        bounds = self.policy.bounds_of(caller.actor.role, caller.actor.channel or OWN_PAGE)
        refuse_out_of_bounds(bounds, ask_of(made), others(self.policy.admins, caller.user))

    def again(self, asked: Again, caller: Caller) -> Run:
        """Launch a finished run once more, in the first run's channel where the caller has none.

        A typed command has Slack's id of its delivery, and makes one run. A click has none: it makes the one launch
        that its button offers, until that run has finished.

        Raises:
            UserError: the run has not finished, or cannot be resumed, or the person may not launch.
        """
        self.refuse(Act.LAUNCH, caller)
        found, wanted = self.queries.find(asked.run, caller.actor), self.relaunch(asked, caller)
        caller = replace(caller, channel=caller.channel or found.channel)
        if caller.wish:
            return self.launch(wanted, caller)
        # The button's launch is recorded under a number: a click after that run has finished makes the next one.
        for number in count():
            click = f"{type(asked).__name__} {found.id} {number}"
            made = self.launch(wanted, replace(caller, wish=click, lasting=True))
            if not made.over or self.now() - made.created_at < ONE_CLICK:
                break
        return made

    def relaunch(self, asked: Again, caller: Caller) -> command.Launch:
        """Return the launch command that a relaunch amounts to.

        Raises:
            UserError: as for `launch_again`.
        """
        return again(self.queries.find(asked.run, caller.actor), asked)

    def planned(self, asked: command.Launch) -> Plan:
        """Return what a launch would do.

        Raises:
            UserError: the command is not valid.
        """
        recipe = self.recipes.get(asked.recipe)
        return plan(recipe, asked.parameters, asked.overrides, f"{recipe.name}-0000")

    def asks_first(self, asked: command.Launch) -> bool:
        """Return whether the person must confirm the launch, because it is expensive and needs no approver.

        Raises:
            UserError: as for `plan_launch`.
        """
        dollars, most = self.planned(asked).budget_dollars, self.policy.approve_over_dollars
        return self.policy.asks_first(dollars) and (most is None or dollars <= most)

    def rehearse(self, made: Plan, caller: Caller) -> Rehearsal:
        """Return what the launch would cost, and whether it would be refused. Waits for the cloud;
        not for listeners."""
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
        """Return why the person may not launch this here; None where it is allowed."""
        try:
            self.refuse(Act.LAUNCH, caller)
            self.refuse_out_of_bounds(made, caller)
        except UserError as error:
            return error.sentence
        return None

    def _plan(self, recipe: Recipe, asked: command.Launch, run_id: str) -> Plan:
        """Return the plan of a launch.

        Raises:
            UserError: the command is not valid, or the cloud can never run the task.
        """
        made = plan(recipe, asked.parameters, asked.overrides, run_id)
        if why := self.cloud.refusal(made.task):
            refused = say("`{recipe}` cannot run here. {why}", recipe=recipe.name, why=why)
            raise UserError(refused, say("`/verl recipes` shows what there is."))
        return made

    def stop(self, name: str, caller: Caller, save: bool | None = None, gone: bool = False) -> Run | RunStub:
        """Record the request to end a run. A finished run stays as it is, except that its model may be discarded.

        Args:
            save: whether the model is to be saved first; False: what is only on its cluster may be lost.
            gone: whether this person reports that its machines are gone.

        Returns the run; where its record cannot be read, its stub.

        Raises:
            UserError: the run does not exist, the name is a shortened one of another person's run, a cluster that
                SkyPilot shows is called gone, or the person may not.
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
            # A person who may see no run must not learn from an error which runs exist.
            self.refuse(Act.READ, caller)
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
        """Record that a cluster is kept for a model that cannot be downloaded.

        Args:
            until: the cluster's deadline as the person saw it; where it has changed since, nothing is changed.
        """
        self.refuse(Act.EXTEND, caller, runs.find(self.store, run_id))
        longer = max(self.now(), until) + KEPT_FOR

        def change(run: Run) -> Run:
            known = run.keeping.until
            return run.kept_until(longer, caller.user) if known and abs(known - until) < timedelta(seconds=1) else run

        return self._wished(self.store.update(run_id, change))

    def _own(self, name: str, by: str) -> Run:
        """Return the run of this name; another person's run only by its full name.

        Raises:
            UserError: the name is short for another person's run, or no single run fits.
        """
        found = runs.find(self.store, name)
        if found.requester != by and found.id != name.lower():
            raise UserError(
                say("{name} is short for `{run}`, which somebody else launched.", name=shown(name), run=found.id),
                say("Type its whole name: {run}.", run=f"`{found.id}`"),
            )
        return found

    def extend(self, asked: command.Extend, caller: Caller, ends_at: datetime | None = None) -> Run:
        """Record a longer lease.

        Args:
            ends_at: when the lease ended as the person saw it; where it has changed since, nothing is changed.

        Raises:
            UserError: the lease would be too long, has changed meanwhile, or more is not this person's to give.
        """
        run = self._amendable(asked.run, caller)
        most = timedelta(hours=command.MOST_EXTENDED_HOURS)
        longer = replace(run, lease=min(run.lease + timedelta(hours=asked.hours), most))

        def change(run: Run) -> Run:
            # The lease has changed since the person saw it.
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
            UserError: the run has spent more already, or this person may not give more.
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
        """Record an approver's decision on a launch that waits for it; the first decision counts.

        Args:
            shown_digest: digest of what the person was shown; empty for a person who has typed a command.

        Raises:
            UserError: the run does not wait for it, this person may not, its monthly budget is exhausted, or its
                possible cost is no longer what the person has seen.
        """
        run = self.queries.find(name, caller.actor)
        refuse_to_judge(self.policy, run, caller.actor)
        if granted:
            refuse_unseen(run, seen)
            self.monthly.refuse_used_up(run)
        return self._wished(self.store.update(run.id, lambda run: run.answered(caller.user, granted, self.now())))

    def mute(self, run_id: str, finding: str, caller: Caller) -> Run:
        """Record that a finding of a run is not to be reported again."""
        self.refuse(Act.TUNE, caller, runs.find(self.store, run_id))
        mute = Mute(finding, caller.user, self.now())
        return self._wished(self.store.update(run_id, lambda run: run.muted(mute)))

    def _refuse_change(self, before: Run, after: Run, caller: Caller) -> None:
        """Refuse more time or money for a run that is out of the person's bounds, or needs another approver.

        Raises:
            UserError: it is, or does.
        """
        bounds = self.policy.bounds_of(caller.actor.role, caller.actor.channel or OWN_PAGE)
        refuse_limits_out_of_bounds(bounds, before, after, others(self.policy.admins, caller.user))
        refuse_unapproved_change(before, after, self.store.ledger(), self.policy, caller.actor, self.now())

    def _amendable(self, name: str, caller: Caller) -> Run:
        """Return the run of this name, which has not finished and which this person may extend.

        Raises:
            UserError: the run has finished, or the person may not.
        """
        found = self._own(name, caller.user)
        self.refuse(Act.EXTEND, caller, found)
        if found.over:
            over = say("`{run}` is over already.", run=found.id)
            raise UserError(over, say("Launch it again: `/verl retry {run}`.", run=found.id))
        return found

    def _wished(self, run: Run) -> Run:
        """Show a recorded request now, without waiting for the tick, and wake the tick, which carries it out."""
        self.notifier.show([run])
        self.wake()
        return run

    def follow(self, asked: command.Logs, caller: Caller) -> Run:
        """Record the request to show the growing log in the run's thread.

        Raises:
            UserError: the run has finished, or the person may not.
        """
        run = self.queries.find(asked.run, caller.actor)
        self.refuse(Act.TUNE, caller, run)
        refuse_node(run, asked.node)
        if run.over:
            over = say("`{run}` is over and prints no more.", run=run.id)
            raise UserError(over, say("Its last lines: `logs {run}`.", run=run.id))
        wish = Follow(caller.user, self.now() + self.follow_for, asked.count, asked.grep, asked.node)
        return self._wished(self.store.update(run.id, lambda run: run.followed(wish)))

    def summarise(self, name: str, rhythm: Rhythm, caller: Caller) -> Run:
        """Record how often a run's thread gets a summary.

        Raises:
            UserError: the run has finished, or the person may not.
        """
        run = runs.find(self.store, name)
        self.refuse(Act.TUNE, caller, run)
        if run.over:
            raise UserError(say("`{run}` is over; nothing more is told of it.", run=run.id))
        return self.store.update(run.id, lambda run: run.told_every(rhythm))
