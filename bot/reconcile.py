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
"""What comes before another action, and changes nothing of what a look has shown: that action is taken at once."""

MOST_PREPARATIONS = len(PREPARATIONS)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Time's side of the bot.

    Attributes:
        read_rules: what decisions rest on now; the policy, which a part of it is of, may change.
        began: when this bot began to look.
        admit: holds a launch against the caps once its rate is known.
        leads: whether this bot is, of those that share the store, the one that acts.
        pool: where actions run, a few at once, because each may wait for the cloud.
        limits: what one look at one log may take.
        failing: since when each tick of a run has failed by a mistake of ours, by its id.
        acting: actions that a tick has not waited for; their runs are left alone until they are done.
        patience: how long a tick waits for the actions that it began.
        wake: called when an action that was not waited for is done.
        precedence: of people who wait for an answer.
        log_lines: how many last lines are read and kept.
        language: of what is kept in a run's record, for its channel to read.
        rhythm: how often a run's thread is told how it goes, unless somebody has set it.
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
        return self.read_rules()

    def tick(self) -> timedelta | None:
        """Bring every run one action further. Returns in how long the next tick is wanted, None for at leisure."""
        if not self.leads():
            return None
        try:
            with speaking(self.language):
                return self._tick()
        except BeingStopped:  # what could not be seen is no silence of the outside
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
        for bring in wait(begun.values(), self.patience.total_seconds()).not_done:
            bring.add_done_callback(lambda _: self.wake())
        return min((pause for pause in late + self._done() if pause is not None), default=None)

    def _begin(self, run: Run, seen: Seen | None, text: str | None) -> Future[timedelta | None]:
        return self.pool.submit(carried(self._bring), run, seen, text)

    def _done(self) -> list[timedelta | None]:
        """What the actions that are done since want; the runs of the others wait for them, and hold up nobody."""
        done = [run_id for run_id, bring in self.acting.items() if bring.done()]
        return [self.acting.pop(run_id).result() for run_id in done]

    def _observe(self, runs: Sequence[Run]) -> Mapping[str, Seen]:
        """What can be seen; nothing where nobody answers, which is no change of state."""
        if not runs:
            return {}
        try:
            return self.cloud.observe([run.watched for run in runs])
        except BeingStopped:
            raise
        except Unavailable as error:
            log.warning("nothing can be seen: %s", error)
        except Exception:  # a wish to stop is still carried out
            log.exception("looking failed")
        return {}

    def _has_work(self, run: Run, seen: Mapping[str, Seen]) -> bool:
        """Return whether there is something to do; of a run that cannot be decided about, `_bring` says so."""
        try:
            action = decide(run, seen.get(run.cluster), self.now(), self.rules)
            return action is not None or self.watcher.is_quiet(run, self.now())
        except Exception:  # one run's mistake must not cost all others their tick
            return True

    def _bring(self, run: Run, seen: Seen | None, text: str | None) -> timedelta | None:
        """One run, one action, and what prepares it. What fails here stops no other run; the next tick tries again."""
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
        except Exception:  # should it go on, its stub ends it when its lease is over: see `UnreadableRuns`
            self.failing.setdefault(run.id, self.now())
            log.exception("run %s: the tick failed", run.id)
        return None

    def _advance(self, run: Run, seen: Seen | None) -> Action | None:
        """Do what is to be done next, after what prepares it; the action, or None to wait."""
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
        log.log(logging.DEBUG if isinstance(action, FetchModel) else logging.INFO, "run %s: %s", run.id, action)
        run = self._act(run, action)
        self.notifier.show([run])
        return run

    def _keep(self, run: Run, seen: Seen | None, text: str | None) -> Run:
        """What the look brought beside a decision: new lines, or that nothing could be seen."""
        unseen = seen is None
        if text:
            run = self._intake.taken_in(run, text)
        if unseen:
            run = self.store.update(run.id, lambda run: run.unseen(self.now()))
        if text or unseen:  # a silence is news once it has lasted, a log though the record is as it was
            self.notifier.show([run])
        return run

    def _act(self, run: Run, action: Action) -> Run:
        """Do the action outside, and record the change that it makes."""
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
        """Record, then ask: from the record on, a cluster may stand, whatever becomes of this process."""
        try:
            task = self.store.task(run.id)
        except UnreadableRecord as error:
            return self._give_up(run, error)
        if run.waits and run.approval and run.approval.task_hash != task_hash(task):
            other = say("The task that waits is not the one that was approved.")
            return self._update(run, lambda run: run.ended(Reason.REFUSED, self.now(), detail=other))
        if run.waits:  # one that was asked for may be there, whatever is allowed by now
            run = self._price(run, task)
            rate = None
        else:
            rate = self._rate(run, task)
        approval = run.approval
        if run.status is Status.AWAITING_APPROVAL and not (approval and approval.granted):
            return run  # by its price it needs an approver
        run = self._update(run, lambda run: run.asked(self.now(), rate, server) if may_ask(run) else run)
        if run.status is not Status.LAUNCHING:
            return run
        self.notifier.show([run])
        try:
            order = Order(run.cluster, task, run.secrets, tags(run), run.asks > 1, drain.deadline(run))
            request_id = self.cloud.launch(order)
        except NameTaken as error:  # nothing of it stands, and a removal would be of what is somebody else's
            taken = error.sentence
            return self._update(run, lambda run: run.ended(Reason.LAUNCH_FAILED, self.now(), detail=taken))
        except UserError as error:
            refused = error.sentence
            return self._update(run, lambda run: run.stopping(Reason.LAUNCH_FAILED, refused, self.now()))
        except BeingStopped:
            raise
        except Unavailable as error:
            log.warning("run %s: its launch may have been accepted or not: %s", run.id, error)
            trouble = str(error)
            return self._update(run, lambda run: run.asked_in_vain(trouble))
        return self._update(run, lambda run: run.accepted(request_id))

    def _price(self, run: Run, task: Task) -> Run:
        """Record what it would cost, and weigh it against the caps and the approvals by that, before anything bills."""
        rate = self._rate(run, task)
        try:
            return self.store.update(
                run.id, lambda run: run.record_price(rate, self.now()) if run.waits else run, self.admit
            )
        except UserError as error:  # what an hour costs is known only now, and others may have taken the room
            full = error.sentence
            return self._update(run, lambda run: run.ended(Reason.OVER_CAP, self.now(), detail=full))

    def _give_up(self, run: Run, error: UnreadableRecord) -> Run:
        """Nothing can be launched by a task that cannot be read; what may have been launched by it is removed."""
        log.error("run %s: %s", run.id, error)
        why = say("Its task cannot be read, so it cannot be launched.")
        if run.waits:
            return self._update(run, lambda run: run.ended(Reason.LAUNCH_FAILED, self.now(), detail=why))
        return self._update(run, lambda run: run.stopping(Reason.LAUNCH_FAILED, why, self.now()))

    def _set_autostop(self, run: Run, minutes: int, found: int | None) -> Run:
        """Record, then set; that it holds is said by a later look."""
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
        """What it will cost, where that can be known now; a launch does not wait for it."""
        try:
            return self.cloud.rate(task)
        except Unavailable as error:
            if self.rules.needs_price and run.waits:
                raise
            log.warning("run %s: its price is not known yet: %s", run.id, error)
            return None

    def _save_log(self, run: Run) -> Run:
        """The last lines, before the cluster takes them with it."""
        try:
            return self._intake.saved(run, self.cloud.tail(run.watched, self.log_lines))
        except BeingStopped:
            raise
        except Unavailable as error:
            log.info("run %s: its last lines cannot be read: %s", run.id, error)
        except Exception:  # whatever is wrong with a log, its cluster bills
            log.exception("run %s: its last lines cannot be kept", run.id)
        return self._update(run, lambda run: run.log_tried(self.now()))


def may_ask(run: Run) -> bool:
    """Whether a cluster may still be asked for: another bot on the store may have ended it meanwhile."""
    return (run.waits or run.status is Status.LAUNCHING) and not run.stop_requested_by


def tags(run: Run) -> dict[str, str]:
    """What travels with the run's cluster, for whoever meets it elsewhere."""
    own = {"run": run.id, "recipe": run.recipe, "person": run.requester, "task": run.task_hash}
    return {**own, "asked": f"{run.created_at.timestamp() * 1000:.0f}"}  # two bots may have a run of one name


def prints(run: Run) -> bool:
    """Whether there may be new lines to read."""
    return run.job is not None and not run.over and not run.memory.is_lost
