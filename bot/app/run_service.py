"""Requests about runs. Nothing here waits for machines: a request is recorded and the tick is woken."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Protocol

from bot.app.audit_service import AuditService
from bot.app.cost_service import MonthlyBudgetService
from bot.app.launch_planner import LaunchPlanner
from bot.app.launch_recorder import LaunchRecorder
from bot.app.lineage_lookup import find_resume_origin
from bot.app.ports import Notifier, Now
from bot.app.rate_limits import RateLimitKind, RateLimits
from bot.app.run_lookup import refuse_short_name
from bot.app.run_queries import Requester, RunQueries, find_stub, refuse_unknown_node
from bot.app.store_ports import LedgerStore, RunStore
from bot.app.unreadable_runs import UnreadableRunReconciler
from bot.core.commands import command
from bot.core.model.approved_facts import approve_last_change
from bot.core.model.ledger import Ledger
from bot.core.model.people import APP_HOME, Act, exclude_person
from bot.core.model.policy import UNRESTRICTED, Policy
from bot.core.model.run import Run
from bot.core.model.run_state import LaunchFacts, Mute, RunLimit, SummaryInterval
from bot.core.model.run_stub import RunStub
from bot.core.model.sent_message import LogFollow
from bot.core.rules.access import (
    check_may_approve,
    refuse_act,
    refuse_decided,
    refuse_outdated_approval,
    refuse_unnamed_stop,
)
from bot.core.rules.admission import Admission, admit_all
from bot.core.rules.approval_rules import refuse_unapproved_change, update_approval
from bot.core.rules.launch_bounds import refuse_limits_out_of_bounds
from bot.core.rules.limit_changes import refuse_ending_run, refuse_impossible_budget, refuse_unlaunched_extension
from bot.core.rules.relaunch import Relaunch, relaunch
from bot.core.rules.unstarted_runs import refuse_follow
from bot.errors import UnreadableRecord, UserError
from bot.phrase import Phrase

DOUBLE_CLICK_PERIOD = timedelta(minutes=1)
"""Clicks within that time count as one."""

KEEP_PERIOD = timedelta(hours=1)
"""How much longer a cluster is kept whose model cannot be downloaded, at each request of a person."""

FOLLOW_PERIOD = timedelta(minutes=15)
"""How long a followed log grows."""


class RunServiceStore(RunStore, LedgerStore, Protocol):
    """The runs, and what they may still spend."""


@dataclass(frozen=True, slots=True)
class RunService:
    """Records people's requests about runs.

    Attributes:
        launch_planner: says what a launch would do; launch_recorder: records it.
        queries: answers questions about runs.
        unreadable_runs: looks after runs whose records cannot be read.
        wake: lets the tick run now.
        rate_limits: limits of one person's requests in a minute.
        monthly_budgets: monthly budgets; audit_service: who did what.
        read_policy: returns what is allowed now; admit: checks a launch against the caps.
    """

    store: RunServiceStore
    launch_planner: LaunchPlanner
    launch_recorder: LaunchRecorder
    notifier: Notifier
    now: Now
    queries: RunQueries
    unreadable_runs: UnreadableRunReconciler
    wake: Callable[[], None]
    rate_limits: RateLimits
    monthly_budgets: MonthlyBudgetService
    audit_service: AuditService
    read_policy: Callable[[], Policy] = lambda: UNRESTRICTED
    admit: Admission = admit_all

    @property
    def policy(self) -> Policy:
        """Return the current policy."""
        return self.read_policy()

    def refuse(self, act: Act, caller: Requester, run: Run | RunStub | None = None) -> None:
        """Refuse what the person may not do.

        Raises:
            UserError: the person may not; the message says who may.
        """
        refuse_act(self.policy, act, caller.actor, run)

    def launch(self, launch_command: command.Launch, caller: Requester) -> Run:
        """Record a new run; the same delivery makes one run, however often Slack sends it.

        Raises:
            UserError: the person may not launch it, it is out of bounds, or a cap has no room for it.
        """
        self.refuse(Act.LAUNCH, caller)
        self.launch_planner.recipes.get(launch_command.recipe)
        self.launch_planner.refuse_names(launch_command, caller)
        self.rate_limits.count_request(caller.user, RateLimitKind.LAUNCH)
        origin = find_resume_origin(self.store, launch_command)

        # Within the launch's transaction: a command that Slack delivers twice makes one run, whose name is no other's.
        def admit(run: Run, ledger: Ledger) -> Run:
            self.queries.refuse_name_in_use(run.name, caller.actor)
            return self.admit(run, ledger, caller.actor)

        return self._show_and_wake(self.launch_recorder.record(launch_command, caller, origin, admit))

    def launch_again(self, relaunch_command: Relaunch, caller: Requester) -> Run:
        """Launch a finished run once more, in the first run's channel where the caller has none.

        A typed command has Slack's id of its delivery, and makes one run. A click has none: it makes the one launch
        that its button offers, until that run has finished.

        Raises:
            UserError: the run has not finished, or cannot be resumed, or the person may not launch.
        """
        self.refuse(Act.LAUNCH, caller)
        earlier_run, launch_command = (
            self.queries.find(relaunch_command.run, caller.actor),
            self.to_launch_command(relaunch_command, caller),
        )
        caller = replace(caller, channel=caller.channel or earlier_run.channel)
        if caller.delivery_id:
            return self.launch(launch_command, caller)
        # The button's launch is recorded under a number: a click after that run has finished makes the next one.
        for number in count():
            click = f"{type(relaunch_command).__name__} {earlier_run.id} {number}"
            later_run = self.launch(launch_command, replace(caller, delivery_id=click, permanent=True))
            if not later_run.is_finished or self.now() - later_run.created_at < DOUBLE_CLICK_PERIOD:
                break
        return later_run

    def to_launch_command(self, relaunch_command: Relaunch, caller: Requester) -> command.Launch:
        """Return the launch command that a relaunch amounts to.

        Raises:
            UserError: as for `launch_again`.
        """
        return relaunch(self.queries.find(relaunch_command.run, caller.actor), relaunch_command)

    def stop_typed(self, stop_command: command.Stop, caller: Requester) -> Run | RunStub:
        """Record a stop that a person typed.

        Raises:
            UserError: as for `stop`; or the person named no run, in the thread of another person's.
        """
        if not stop_command.is_named:
            self.refuse(Act.READ, caller)
            refuse_unnamed_stop(find_stub(self.store, stop_command.run), caller.actor)
        return self.stop(stop_command.run, caller, stop_command.save, stop_command.gone)

    def stop(self, name: str, caller: Requester, save: bool | None = None, gone: bool = False) -> Run | RunStub:
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
            target = self._find_own(name, caller)
        except UnreadableRecord as error:
            stub = self.store.get_stub(error.run_id)
            if not error.is_open:
                raise
            self.refuse(act, caller, stub)
            self.unreadable_runs.request_stop(error.run_id, caller.user, gone)
            self.audit_service.record_stop(error.run_id)
            return stub
        except UserError:
            # A person who may see no run must not learn from an error which runs exist.
            self.refuse(Act.READ, caller)
            raise
        self.refuse(act, caller, target)
        gone = gone and not (target.is_finished and not target.observed.memory.is_lost)  # there is nothing to confirm
        if gone and not target.observed.memory.is_lost:
            message = Phrase(
                "SkyPilot remembers {run}, so I can check its machines without your confirmation.", run=f"`{target.id}`"
            )
            raise UserError(message, Phrase("Type `/verl stop {run}` to end it.", run=target.id))

        def change(run: Run) -> Run:
            return run.request_stop(caller.user, self.now(), False).confirm_gone(caller.user)

        transition = change if gone else lambda run: run.request_stop(caller.user, self.now(), save)
        return self._show_and_wake(self.store.update(target.id, transition))

    def keep_cluster(self, run_id: str, caller: Requester, until: datetime) -> Run:
        """Record that a cluster is kept for a model that cannot be downloaded.

        Args:
            until: the cluster's deadline as the person saw it; where it has changed since, nothing is changed.
        """
        self.refuse(Act.EXTEND, caller, self.queries.look_up(run_id, caller.actor))
        longer = max(self.now(), until) + KEEP_PERIOD

        def change(run: Run) -> Run:
            current_until = run.checkpoint_rescue.deadline
            return (
                run.keep_cluster(longer, caller.user)
                if current_until and abs(current_until - until) < timedelta(seconds=1)
                else run
            )

        return self._show_and_wake(self.store.update(run_id, change))

    def _find_own(self, name: str, caller: Requester) -> Run:
        """Return the run of this id or name; another person's run not by a part of its id.

        Raises:
            UserError: the name is short for another person's run, or no single run fits.
        """
        run = self.queries.look_up(name, caller.actor)
        refuse_short_name(run, name, caller.user)
        return run

    def extend(self, extend_command: command.Extend, caller: Requester, ends_at: datetime | None = None) -> Run:
        """Record a longer lease.

        Args:
            ends_at: when the lease ended as the person saw it; where it has changed since, nothing is changed.

        Raises:
            UserError: the run is not launched yet, the lease would be too long, has changed meanwhile, or more is not
                this person's to give.
        """
        run = self.find_changeable(extend_command.run, caller, Act.EXTEND)
        refuse_unlaunched_extension(run)
        longest = timedelta(hours=command.MAX_LEASE_HOURS)
        longer = replace(
            run,
            limits=replace(run.limits, lease=min(run.limits.lease + timedelta(hours=extend_command.hours), longest)),
        )

        def change(run: Run) -> Run:
            # The lease has changed since the person saw it.
            if ends_at and run.lease_ends_at and abs(ends_at - run.lease_ends_at) >= timedelta(seconds=1):
                return run
            hours = (run.limits.lease + timedelta(hours=extend_command.hours)).total_seconds() / 3600
            changed = run.change_limit(RunLimit.LEASE, hours, caller.user, self.now(), caller.delivery_id or "")
            return approve_last_change(run, changed, approved)

        if run.limits.lease + timedelta(hours=extend_command.hours) > longest:
            raise UserError(
                Phrase("{run} can run for at most {most} days.", run=f"`{run.id}`", most=longest.days),
                Phrase("Extend it by less."),
            )
        approved = self._refuse_change(run, longer, caller)
        extended = self.store.update(run.id, change)
        is_repeat = any(
            limit_change.delivery_id and limit_change.delivery_id == caller.delivery_id
            for limit_change in extended.limits.changes
        )
        if extended.limits.changes == run.limits.changes and not is_repeat:
            raise UserError(
                Phrase("The lease of {run} changed while you asked, so I left it as it is.", run=f"`{run.id}`"),
                Phrase("Its card shows when its lease ends; `/verl extend {run} 2h` extends it.", run=run.id),
            )
        return self._show_and_wake(extended)

    def set_budget(
        self, budget_command: command.SetBudget, caller: Requester, shown_dollars: float | None = None
    ) -> Run:
        """Record another budget.

        Args:
            shown_dollars: the budget as the person saw it; where it has changed since, nothing is changed.

        Raises:
            UserError: the run has spent more already, its budget has changed meanwhile, or this person may not give
                more.
        """
        run = self.find_changeable(budget_command.run, caller, Act.SET_BUDGET)
        refuse_impossible_budget(run, dollars := budget_command.dollars, shown_dollars, self.now())
        is_increase, approved = dollars > run.limits.budget_dollars, None
        if is_increase:
            larger = replace(run, limits=replace(run.limits, budget_dollars=dollars))
            approved = self._refuse_change(run, larger, caller)

        def change(run: Run) -> Run:
            changed = run.change_limit(RunLimit.BUDGET, dollars, caller.user, self.now(), caller.delivery_id or "")
            return approve_last_change(run, changed, approved)

        # A lower budget exceeds no cap, but it changes what an approver of a launch that waits is shown.
        update = partial(update_approval, policy=self.policy, now=self.now())
        admit = partial(self.admit, reader=caller.actor) if is_increase else update
        return self._show_and_wake(self.store.update(run.id, change, admit))

    def decide_approval(
        self, name: str, granted: bool, caller: Requester, shown_digest: str = "", note: str = ""
    ) -> Run:
        """Record an approver's decision on a launch that waits for it; the first decision counts.

        Args:
            shown_digest: digest of what the person was shown; empty for a typed command; note: the person's reason.

        Raises:
            UserError: the run does not wait for it or is to stop, this person may not, its month is exhausted, its cost
                changed, or this person decided before, with another reason.
        """
        run = self.queries.find(name, caller.actor)
        check_may_approve(self.policy, run, caller.actor, granted)
        if granted:
            self.monthly_budgets.refuse_exhausted(run)
        now = self.now()

        def decide(run: Run) -> Run:
            refuse_outdated_approval(run, shown_digest if granted else "")
            return run.record_approval_decision(caller.user, granted, now, note)

        decided = self.store.update(run.id, decide)
        # Another approver may have decided since the run was read.
        refuse_decided(decided, caller.user, granted, note)
        return self._show_and_wake(decided)

    def mute(self, run_id: str, finding: str, caller: Requester) -> Run:
        """Record that a finding of a run is not to be reported again."""
        self.refuse(Act.TUNE, caller, self.queries.look_up(run_id, caller.actor))
        mute = Mute(finding, caller.user, self.now())
        return self._show_and_wake(
            self.store.update(run_id, lambda run: replace(run, requests=run.requests.mute_finding(mute)))
        )

    def _refuse_change(self, before: Run, after: Run, caller: Requester) -> LaunchFacts | None:
        """Refuse more time or money for a run that is out of the person's bounds, or needs another approver.

        Returns what the person approves by the change; None where it needs no approver.

        Raises:
            UserError: it is, or does.
        """
        bounds = self.policy.bounds_for(caller.actor.role, caller.actor.channel or APP_HOME)
        refuse_limits_out_of_bounds(bounds, before, after, exclude_person(self.policy.admins, caller.user))
        return refuse_unapproved_change(before, after, self.store.get_ledger(), self.policy, caller.actor, self.now())

    def find_changeable(self, name: str, caller: Requester, act: Act) -> Run:
        """Return the run of this name, whose limits count, and may be changed by this person.

        Raises:
            UserError: the run has finished, a person has requested its stop, or this person may not.
        """
        run = self._find_own(name, caller)
        self.refuse(act, caller, run)
        refuse_ending_run(run)
        return run

    def _show_and_wake(self, run: Run) -> Run:
        """Show a recorded request now, without waiting for the tick, and wake the tick, which carries it out."""
        self.notifier.show([run])
        self.wake()
        return run

    def follow(self, logs_command: command.ShowLogs, caller: Requester) -> Run:
        """Record the request to show the growing log in the run's thread.

        Raises:
            UserError: the run has finished, or the person may not.
        """
        run = self.queries.find(logs_command.run, caller.actor)
        self.refuse(Act.TUNE, caller, run)
        refuse_unknown_node(run, logs_command.node)
        refuse_follow(run)
        follow_request = LogFollow(
            caller.user, self.now() + FOLLOW_PERIOD, logs_command.line_count, logs_command.grep, logs_command.node
        )
        return self._show_and_wake(
            self.store.update(run.id, lambda run: replace(run, requests=run.requests.follow_log(follow_request)))
        )

    def set_summary_interval(self, name: str, summary_interval: SummaryInterval, caller: Requester) -> Run:
        """Record how often a run's thread gets a summary.

        Raises:
            UserError: the run has finished, or the person may not.
        """
        run = self.queries.look_up(name, caller.actor)
        self.refuse(Act.TUNE, caller, run)
        if run.is_finished:
            raise UserError(Phrase("`{run}` has ended, so it gets no more summaries.", run=run.id))
        return self.store.update(
            run.id, lambda run: replace(run, requests=run.requests.set_summary_interval(summary_interval))
        )
