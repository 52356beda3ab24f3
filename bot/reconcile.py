"""One tick: observe every active run, decide, act. The only writer of a run's status."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core import drain
from bot.core.action import (
    Action,
    Alarm,
    Ask,
    Drain,
    End,
    FetchModel,
    Finish,
    Look,
    LoseModel,
    NoteMemoryLoss,
    Price,
    PutOffAutostop,
    RecallModel,
    Rehearse,
    SaveLog,
    SetAutostop,
    TearDown,
    Wonder,
)
from bot.core.admission import Admit, uncapped
from bot.core.decide import decide
from bot.core.money import Rate
from bot.core.noting import noted, wanted_again
from bot.core.order import Order
from bot.core.plan import task_hash
from bot.core.recipe import Task
from bot.core.rules import Rules
from bot.core.run import Run
from bot.core.seen import Seen
from bot.core.standings import Rhythm
from bot.core.status import Reason, Status
from bot.errors import BeingStopped, NameTaken, Unavailable, UnreadableRecord, UserError
from bot.fetcher import Fetcher
from bot.intake import Intake, LookLimits
from bot.language import ENGLISH, carried, say, speaking
from bot.ports import Cloud, Notifier, Now, Store
from bot.precedence import Precedence
from bot.tails import Tails
from bot.watcher import Watcher

log = logging.getLogger(__name__)

PREPARATIONS = (PutOffAutostop, RecallModel)
"""Actions that prepare another one. They change nothing that a look has shown, so that the other is taken at once."""

MOST_PREPARATIONS = len(PREPARATIONS)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """The part of the bot that time drives.

    Attributes:
        read_timings: returns what decisions rest on now; a part of it comes from the policy, which may change.
        began_at: when this bot began to look.
        admit: checks a launch against the caps once its rate is known.
        is_leader: whether this bot, of those that share the store, is the one that acts.
        pool: where actions run, a few at once, because each may wait for the cloud.
        limits: limits of one read of one log.
        failing_since: when the ticks of a run began to fail by the bot's own mistake, by the run's id.
        pending_actions: actions that a tick has not waited for; their runs are skipped until they are done.
        patience: how long a tick waits for the actions that it began.
        wake: called when an action is done that the tick did not wait for.
        priority: priority of the people who wait for an answer.
        log_lines: how many last lines are read and stored.
        language: the language of texts in a run's record, which its channel reads.
        summary_interval: how often a run's thread gets a summary, unless a person has set that.
    """

    cloud: Cloud
    store: Store
    notifier: Notifier
    tails: Tails
    watcher: Watcher
    now: Now
    read_rules: Callable[[], Rules]
    pool: ThreadPoolExecutor
    wake: Callable[[], None]
    precedence: Precedence
    began: datetime
    leads: Callable[[], bool]
    log_lines: int
    admit: Admit = uncapped
    language: str = ENGLISH
    rhythm: Rhythm = field(default_factory=Rhythm)
    patience: timedelta = timedelta(seconds=0.5)
    limits: LookLimits = field(default_factory=LookLimits)
    failing: dict[str, datetime] = field(default_factory=dict)
    acting: dict[str, Future[timedelta | None]] = field(default_factory=dict)

    @property
    def rules(self) -> Rules:
        """Return the current timings."""
        return self.read_rules()

    def tick(self) -> timedelta | None:
        """Advance every run by one action. Return the delay until the next tick, None for the usual period."""
        if not self.leads():
            return None
        try:
            with speaking(self.language):
                return self._tick()
        except BeingStopped:  # an aborted look is not silence of the cloud
            return None

    def _tick(self) -> timedelta | None:
        late = self._done()
        active = [run for run in self.store.open() if run.status is not Status.ENDED]
        runs = [run.watched_since(self.began) for run in active if run.id not in self.acting]
        seen = self._observe(runs)
        texts = self.tails.collect([run for run in active if prints(run)], self.now(), busy=self.acting)
        busy = [run for run in runs if run.id in texts or run.cluster not in seen or self._has_work(run, seen)]
        begun = {run.id: self._begin(run, seen.get(run.cluster), texts.get(run.id)) for run in busy}
        self.acting.update(begun)
        # A slow action must not hold up the tick: it continues, and wakes the next tick when it is done.
        for bring in wait(begun.values(), self.patience.total_seconds()).not_done:
            bring.add_done_callback(lambda _: self.wake())
        return min((pause for pause in late + self._done() if pause is not None), default=None)

    def _begin(self, run: Run, seen: Seen | None, text: str | None) -> Future[timedelta | None]:
        return self.pool.submit(carried(self._bring), run, seen, text)

    def _done(self) -> list[timedelta | None]:
        """Return the delays that finished actions need. Runs with unfinished ones wait, and block no other run."""
        done = [run_id for run_id, bring in self.acting.items() if bring.done()]
        return [self.acting.pop(run_id).result() for run_id in done]

    def _observe(self, runs: Sequence[Run]) -> Mapping[str, Seen]:
        """Return what can be seen; nothing where the cloud does not answer, which is no change of state."""
        if not runs:
            return {}
        try:
            return self.cloud.observe([run.watched for run in runs])
        except BeingStopped:
            raise
        except Unavailable as error:
            log.warning("nothing can be seen: %s", error)
        except Exception:  # requests to stop must still be carried out
            log.exception("looking failed")
        return {}

    def _has_work(self, run: Run, seen: Mapping[str, Seen]) -> bool:
        """Return whether a run needs an action; True where deciding fails, so that `_reconcile_run` logs it."""
        try:
            action = decide(run, seen.get(run.cluster), self.now(), self.rules)
            return action is not None or self.watcher.is_quiet(run, self.now())
        except Exception:  # one run's failure must not cost all others their tick
            return True

    def _bring(self, run: Run, seen: Seen | None, text: str | None) -> timedelta | None:
        """Take one run's next action, and what prepares it; return the delay until the next tick.

        A failure stops no other run; the next tick tries again.
        """
        self.precedence.give_way()
        try:
            run = self._keep(run, seen, text)
            if self.watcher.is_quiet(run, self.now()):
                run = self._intake.listened(run, seen)
            action = self._advance(run, seen)
            self.failing.pop(run.id, None)
            return None if action is None else wanted_again(action, self.rules)
        except Unavailable as error:
            log.warning("run %s: %s", run.id, error)
        except Exception:
            # If this continues, the run's stub ends it with its lease: see `UnreadableRunReconciler`.
            self.failing.setdefault(run.id, self.now())
            log.exception("run %s: the tick failed", run.id)
        return None

    def _advance(self, run: Run, seen: Seen | None) -> Action | None:
        """Take the next action, after what prepares it. Return the action, or None to wait."""
        action = decide(run.watched_since(self.began), seen, self.now(), self.rules)
        for _ in range(MOST_PREPARATIONS):
            if not isinstance(action, PREPARATIONS):
                break
            run = self._perform(run, action)
            action = decide(run.watched_since(self.began), seen, self.now(), self.rules)
        if action is not None:
            self._perform(run, action)
        return action

    def _perform(self, run: Run, action: Action) -> Run:
        """Log the action, take it, and show the run; return the run."""
        log.log(logging.DEBUG if isinstance(action, FetchModel) else logging.INFO, "run %s: %s", run.id, action)
        run = self._act(run, action)
        self.notifier.show([run])
        return run

    def _keep(self, run: Run, seen: Seen | None, text: str | None) -> Run:
        """Record what the look brought beside a decision: new lines, or that nothing could be seen."""
        unseen = seen is None
        if text:
            run = self._intake.taken_in(run, text)
        if unseen:
            run = self.store.update(run.id, lambda run: run.unseen(self.now()))
        # A silence is news once it has lasted, and a log even if the record is unchanged.
        if text or unseen:
            self.notifier.show([run])
        return run

    def _act(self, run: Run, action: Action) -> Run:
        """Take the action outside, and record the change that it makes."""
        match action:
            case Ask(server):
                return self._ask(run, server)
            case Price():
                return self._price(run, self.store.task(run.id))
            case Look() | Wonder() | NoteMemoryLoss() | Finish() | Rehearse() | Drain() | LoseModel() | End():
                return self._update(run, lambda run: noted(run, action, self.now(), self.rules))
            case SetAutostop(minutes, found):
                return self._set_autostop(run, minutes, found)
            case SaveLog():
                return self._save_log(run)
            case FetchModel(until):
                return self._fetcher.fetch(run, until)
            case PutOffAutostop(until):
                return self._fetcher.put_off_autostop(run, until)
            case RecallModel():
                return self._fetcher.recall(run)
            case TearDown():
                return self._tear_down(run)
            case Alarm():
                log.error("run %s: its cluster %s does not go", run.id, run.cluster)
                by_hand = self.cloud.by_hand(run.watched)
                return self._update(run, lambda run: run.alarmed(by_hand, self.now()))

    def _tear_down(self, run: Run) -> Run:
        """Request the removal of the run's cluster, and record why an earlier one failed."""
        trouble = self.cloud.down(run.watched)
        if trouble:
            log.warning("run %s: an earlier removal failed: %s", run.id, trouble)
        return self._update(run, lambda run: run.downed(self.now(), trouble))

    @property
    def _fetcher(self) -> Fetcher:
        return Fetcher(self.cloud, self.store, self.now, self.rules.patience)

    @property
    def _intake(self) -> Intake:
        return Intake(self.store, self.notifier, self.watcher, self.now, self.rhythm, self.limits)

    def _update(self, run: Run, change: Callable[[Run], Run]) -> Run:
        return self.store.update(run.id, change)

    def _ask(self, run: Run, server: str = "") -> Run:
        """Record the launch, then request it.

        From the record on, a cluster may exist, even if this process ends.
        """
        try:
            task = self.store.task(run.id)
        except UnreadableRecord as error:
            return self._give_up(run, error)
        # An approval is for exactly one task.
        if run.waits and run.approval and run.approval.task_hash != task_hash(task):
            other = say("The task that waits is not the one that was approved.")
            return self._update(run, lambda run: run.ended(Reason.REFUSED, self.now(), detail=other))
        # A run that was launched before may have a cluster, even if it is not allowed any more: do not check it again.
        if run.waits:
            run = self._price(run, task)
            rate = None
        else:
            rate = self._rate(run, task)
        approval = run.approval
        if run.status is Status.AWAITING_APPROVAL and not (approval and approval.granted):
            return run  # at its price it needs approval
        run = self._update(run, lambda run: run.asked(self.now(), rate, server) if may_ask(run) else run)
        if run.status is not Status.LAUNCHING:
            return run
        self.notifier.show([run])
        try:
            order = Order(run.cluster, task, run.secrets, tags(run), run.asks > 1, drain.deadline(run))
            request_id = self.cloud.launch(order)
        except NameTaken as error:
            # The run has no cluster, and a removal would remove another user's.
            taken = error.sentence
            return self._update(run, lambda run: run.ended(Reason.LAUNCH_FAILED, self.now(), detail=taken))
        except UserError as error:
            refused = error.sentence
            return self._update(run, lambda run: run.stopping(Reason.LAUNCH_FAILED, refused, self.now()))
        except BeingStopped:
            raise
        except Unavailable as error:
            log.warning("run %s: its launch may have been accepted or not: %s", run.id, error)
            # The next look shows whether it was accepted; until then the run counts as launched.
            trouble = str(error)
            return self._update(run, lambda run: run.asked_in_vain(trouble))
        return self._update(run, lambda run: run.accepted(request_id))

    def _price(self, run: Run, task: Task) -> Run:
        """Record the price, and check it against the caps and the approvals, before anything is billed."""
        rate = self._rate(run, task)
        try:
            return self.store.update(
                run.id, lambda run: run.record_price(rate, self.now()) if run.waits else run, self.admit
            )
        except UserError as error:
            # The hourly rate is known only now, and other runs may have used up the cap.
            full = error.sentence
            return self._update(run, lambda run: run.ended(Reason.OVER_CAP, self.now(), detail=full))

    def _give_up(self, run: Run, error: UnreadableRecord) -> Run:
        """End a run whose task cannot be read: it cannot be launched.

        A cluster that may have been launched by it is removed.
        """
        log.error("run %s: %s", run.id, error)
        why = say("Its task cannot be read, so it cannot be launched.")
        if run.waits:
            return self._update(run, lambda run: run.ended(Reason.LAUNCH_FAILED, self.now(), detail=why))
        return self._update(run, lambda run: run.stopping(Reason.LAUNCH_FAILED, why, self.now()))

    def _set_autostop(self, run: Run, minutes: int, found: int | None) -> Run:
        """Record the attempt, then set the autostop; a later look shows whether it took effect."""
        run = self._update(run, lambda run: run.mending_autostop(found, self.now()))
        self.notifier.show([run])
        try:
            setting = self.cloud.autostop(run.watched, minutes)
        except UserError as error:
            why = error.sentence
            return self._update(run, lambda run: run.autostop_refused(why))
        except Unavailable as error:
            log.warning("run %s: its autostop may have been set or not: %s", run.id, error)
            return run
        return self._update(run, lambda run: run.autostop_set(setting))

    def _rate(self, run: Run, task: Task) -> Rate | None:
        """Return the rate, where it can be known now; a launch does not wait for it."""
        try:
            return self.cloud.rate(task)
        except Unavailable as error:
            if self.rules.needs_price and run.waits:
                raise
            log.warning("run %s: its price is not known yet: %s", run.id, error)
            return None

    def _save_log(self, run: Run) -> Run:
        """Ingest the last lines before the cluster is removed with them."""
        try:
            return self._intake.saved(run, self.cloud.tail(run.watched, self.log_lines))
        except BeingStopped:
            raise
        except Unavailable as error:
            log.info("run %s: its last lines cannot be read: %s", run.id, error)
        except Exception:  # a faulty log must not keep a cluster, which is billed
            log.exception("run %s: its last lines cannot be kept", run.id)
        return self._update(run, lambda run: run.log_tried(self.now()))


def may_ask(run: Run) -> bool:
    """Return whether a cluster may still be launched: another bot on the store may have ended the run meanwhile."""
    return (run.waits or run.status is Status.LAUNCHING) and not run.stop_requested_by


def tags(run: Run) -> dict[str, str]:
    """Return the tags of the run's cluster, for people who meet it elsewhere."""
    own = {"run": run.id, "recipe": run.recipe, "person": run.requester, "task": run.task_hash}
    return {**own, "asked": f"{run.created_at.timestamp() * 1000:.0f}"}  # two bots may have runs of the same name


def prints(run: Run) -> bool:
    """Return whether there may be new lines to read."""
    return run.job is not None and not run.over and not run.memory.is_lost
