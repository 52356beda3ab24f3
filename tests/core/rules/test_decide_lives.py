"""Whole lives of a run over the pure core: no sequence of wishes, looks, losses and crashes breaks a promise.

The machines of this model are harsher than those of the double: a launch may arrive late, its reply may
be lost, a record may be dropped for a while, and a second launch of a name is a second cluster. Its
delays add up to less than Rules.ask_again, as the rule demands.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules import decide as module
from bot.core.rules.actions import (
    AbandonCheckpoint,
    Action,
    AwaitConfirmation,
    CheckResumePoint,
    Close,
    DownloadCheckpoint,
    EstimatePrice,
    FindDownloadedCheckpoint,
    PostponeAutostop,
    Provision,
    RaiseAlarm,
    ReconcileTimings,
    RecoverLaunch,
    RequestCheckpoint,
    RequestTeardown,
    SaveLog,
    SetAutostop,
)
from bot.core.rules.apply_action import apply_action, requeue_after
from bot.core.rules.decide import decide
from tests.builders import NOON, a_run
from tests.examples import examples

pytestmark = pytest.mark.slow

RULES = ReconcileTimings(
    teardown_confirm=timedelta(seconds=5), launch_confirm=timedelta(seconds=30), teardown_retry=timedelta(seconds=60)
)

AUTOSTOP = 5


@dataclass
class Machines:
    """What really stands, whatever anybody sees of it.

    Attributes:
        clusters: how many stand under the run's name.
        arrivals: when launches under way will arrive.
        accepted: launches that have arrived, ever.
        blind_until: until when looks get no answer; dropped_until: until when another memory answers, which knows of
            nothing and removes nothing.
        gone_at: when a removal that is under way will be done.
        autostop: idle minutes after which they go by themselves, or None.
    """

    clusters: int = 0
    job: JobState | None = None
    ending: Ending | None = None
    arrivals: list[datetime] = field(default_factory=list)
    accepted: int = 0
    blind_until: datetime = NOON
    dropped_until: datetime = NOON - timedelta(hours=1)
    gone_at: datetime | None = None
    autostop: int | None = None

    def pass_time(self, now: datetime) -> None:
        for at in [at for at in self.arrivals if at <= now]:
            self.arrivals.remove(at)
            self.clusters, self.accepted = self.clusters + 1, self.accepted + 1
            self.job, self.autostop = JobState.RUNNING, AUTOSTOP
        if self.gone_at and now >= self.gone_at:
            self.gone_at = None
            self.vanish(Ending.DOWNED)

    def look(self, now: datetime) -> Observation | None:
        if now < self.blind_until:
            return None
        if now < self.dropped_until:
            return Observation(server="another")
        if self.clusters:
            return Observation(
                request=RequestState.SUCCEEDED,
                cluster=ClusterState.UP,
                job=self.job,
                job_id=1,
                autostop_minutes=self.autostop,
                cluster_id="verl-ppo-7f3a",
                server="first",
            )
        return Observation(ending=self.ending, server="first")

    def down(self, now: datetime) -> None:
        if now < self.dropped_until:
            return
        self.arrivals.clear()  # a removal kills the launches of its name
        self.gone_at = now + timedelta(seconds=8)

    def vanish(self, ending: Ending | None) -> None:
        if self.clusters:
            self.clusters, self.job, self.ending = 0, None, ending


@dataclass
class Life:
    """A run, its machines, and a bot that may die between any two of its steps."""

    run: Run = field(default_factory=lambda: a_run(rate=None, requested_autostop_minutes=AUTOSTOP))
    machines: Machines = field(default_factory=Machines)
    now: datetime = NOON
    began: datetime = NOON
    choose: Callable[[Run, Observation | None, datetime, ReconcileTimings], Action | None] = decide
    rules: ReconcileTimings = RULES

    def tick(self, crash: str | None, delay: float) -> timedelta | None:
        """One tick; with a crash `before` the deed, or `after` it and before its record.

        Returns in how long the next is wanted.
        """
        self.machines.pass_time(self.now)
        action = self.choose(
            replace(self.run, observed=self.run.observed.discard_stale_confirmation(self.began)),
            self.machines.look(self.now),
            self.now,
            self.rules,
        )
        self.do(action, crash, delay)
        if crash:
            self.began = self.now + timedelta(milliseconds=1)
        return requeue_after(action, self.rules) if action and not crash else None

    def do(self, action: Action | None, crash: str | None, delay: float) -> None:
        if isinstance(action, Provision):
            self.run = self.run.record_launch_request(self.now, server=action.server)  # recorded first
            if crash != "before":
                self.machines.arrivals.append(self.now + timedelta(seconds=delay))
            return
        if isinstance(action, SetAutostop):
            self.run = self.run.begin_autostop_repair(action.observed_minutes, self.now)  # recorded first
            if crash != "before" and self.now >= self.machines.blind_until:
                self.machines.autostop = action.minutes
            return
        if crash == "before":
            return
        if isinstance(action, RequestTeardown):
            if self.now < self.machines.blind_until:
                return  # nobody answers: not recorded, and tried again
            self.machines.down(self.now)
        if crash != "after":
            self.run = self.recorded(action)

    def recorded(self, action: Action | None) -> Run:
        match action:
            case SaveLog():
                return self.run.record_saved_log(None, self.now)
            case RequestTeardown():
                return self.run.record_teardown_request(self.now)
            case RaiseAlarm():
                return replace(self.run, teardown=self.run.teardown.mark_overdue("", self.now))
            case (
                Provision()
                | EstimatePrice()
                | RecoverLaunch()
                | SetAutostop()
                | DownloadCheckpoint()
                | CheckResumePoint()
                | RequestCheckpoint()
                | None
            ):
                return self.run
            case PostponeAutostop(until):
                return replace(
                    self.run, checkpoint_rescue=self.run.checkpoint_rescue.record_autostop_postponement(until)
                )
            case FindDownloadedCheckpoint():  # the bot's own disk has nothing of a run that saves nothing
                return self.run.record_local_copy(None, None, self.now)
            case Close():
                assert self.now >= self.machines.dropped_until, "ended on the word of a cloud that has forgotten"
            case AbandonCheckpoint():  # in peace, whatever the time
                return self.run.abandon_checkpoint(self.now)
        return apply_action(self.run, action, self.now, self.rules)

    def happen(self, event: str) -> None:
        match event:
            case "stop":
                self.run = self.run.request_stop("U0BEN", self.now)
            case "succeed" | "fail" if self.machines.job is JobState.RUNNING:
                self.machines.job = JobState.SUCCEEDED if event == "succeed" else JobState.FAILED
            case "cancel autostop":
                self.machines.autostop = None
            case "autodown":
                self.machines.vanish(Ending.AUTODOWNED)
            case "vanish":
                self.machines.vanish(Ending.LOST)
            case "outage":
                self.machines.blind_until = self.now + timedelta(seconds=120)
            case "drop" if self.run.launch.attempts:
                self.machines.dropped_until = self.now + timedelta(seconds=20)
            case "forget" if self.run.launch.attempts:
                self.machines.dropped_until = self.now + timedelta(minutes=10)

    def check(self) -> None:
        assert self.machines.accepted <= 1, "launched twice"
        if self.run.status is RunStatus.ENDED:
            assert not self.machines.clusters, "left standing"
            assert not self.machines.arrivals, "ended while its launch was under way"
            assert self.run.reason is not None


EVENTS = st.sampled_from(
    ["", "", "", "stop", "succeed", "fail", "autodown", "vanish", "outage", "drop", "forget", "cancel autostop"]
)
STEPS = st.lists(
    st.tuples(
        EVENTS,
        st.sampled_from([None, None, None, "before", "after"]),
        st.sampled_from([0.2, 1.0, 6.0, 15.0, 40.0]),
        st.sampled_from([0.0, 3.0, 8.0]),
    ),
    max_size=25,
)


def lived(steps: list[tuple[str, str | None, float, float]], choose: Callable[..., Action | None] = decide) -> Life:
    """A life through these steps, and then in peace to its end; every promise is checked at every step."""
    life = Life(choose=choose)
    for event, crash, seconds, delay in steps:
        life.happen(event)
        wanted = life.tick(crash, delay)
        life.check()
        life.now += min(wanted or timedelta.max, timedelta(seconds=seconds))
    for _ in range(120):
        life.happen("succeed")
        wanted = life.tick(None, 0.0)
        life.check()
        life.now += wanted or timedelta(seconds=15)
    return life


@examples(300)
@given(STEPS)
def test_every_life_ends_once_with_nothing_left_and_nothing_launched_twice(
    steps: list[tuple[str, str | None, float, float]],
) -> None:
    life = lived(steps)
    assert life.run.status is RunStatus.ENDED
    assert life.run.reason is not None


@examples(100)
@given(STEPS)
def test_whatever_has_happened_a_run_that_goes_on_in_peace_has_its_autostop_again(
    steps: list[tuple[str, str | None, float, float]],
) -> None:
    life = Life()
    for event, crash, seconds, delay in [*steps, *[("", None, 15.0, 0.0)] * 30]:
        life.happen(event if event != "outage" else "")
        life.tick(crash, delay)
        life.now += timedelta(seconds=seconds)
    if life.run.status is RunStatus.RUNNING:
        assert life.machines.autostop == AUTOSTOP
        assert life.run.observed.autostop_minutes == AUTOSTOP


def asks_at_once(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that takes the first absence of a launch for its loss."""
    action = decide(run, seen, now, rules)
    return Provision() if isinstance(action, AwaitConfirmation) and run.status is RunStatus.LAUNCHING else action


def ends_at_once(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that takes one absence for a proof."""
    action = decide(run, seen, now, rules)
    return (
        Close(Reason.STOPPED) if isinstance(action, AwaitConfirmation) and run.status is RunStatus.STOPPING else action
    )


def believes_silence(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that takes no answer for an absence."""
    return decide(run, seen or Observation(ending=Ending.LOST), now, rules)


def believes_a_new_memory(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that takes what a cloud has forgotten for what is gone."""
    forgotten = seen is not None and run.is_forgotten_by(seen)
    return decide(run, Observation(ending=Ending.LOST) if forgotten else seen, now, rules)


def asks_a_new_memory(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that asks another memory for what the first was asked for."""
    return decide(run, replace(seen, server="") if seen else None, now, rules)


def forgets_the_removal(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that ends a run without removing its cluster."""
    action = decide(run, seen, now, rules)
    return Close(Reason.STOPPED) if isinstance(action, RequestTeardown) else action


FORGOTTEN = [*[("", None, 1.0, 0.0)] * 4, ("forget", None, 1.0, 0.0), *[("", None, 15.0, 0.0)] * 4]
ASKED = [("", None, 1.0, 40.0), ("forget", None, 1.0, 0.0), *[("", None, 15.0, 0.0)] * 4]
LAUNCHED_SLOWLY = [("", None, 1.0, 8.0), ("", None, 1.0, 8.0), ("", None, 1.0, 8.0)]
DROPPED = [*[("", None, 1.0, 0.0)] * 2, ("stop", None, 1.0, 0.0), *[("", None, 1.0, 0.0)] * 2, ("drop", None, 1.0, 0.0)]
OUT = [
    ("", None, 1.0, 0.0),
    ("", None, 1.0, 0.0),
    ("outage", None, 15.0, 0.0),
    ("", None, 15.0, 0.0),
    ("", None, 15.0, 0.0),
]


@pytest.mark.parametrize(
    ("mutant", "steps"),
    [
        pytest.param(asks_at_once, LAUNCHED_SLOWLY, id="asks again at once"),
        pytest.param(ends_at_once, DROPPED, id="ends at one look"),
        pytest.param(believes_silence, OUT, id="believes silence"),
        pytest.param(believes_a_new_memory, FORGOTTEN, id="believes a new memory"),
        pytest.param(asks_a_new_memory, ASKED, id="asks a new memory"),
        pytest.param(forgets_the_removal, [], id="forgets the removal"),
    ],
)
def test_each_promise_is_alive(
    mutant: Callable[..., Action | None], steps: list[tuple[str, str | None, float, float]]
) -> None:
    """A bot with a planted mistake is caught; the real one lives through the same."""
    with pytest.raises(AssertionError):
        lived(steps, mutant)
    assert lived(steps, module.decide).run.status is RunStatus.ENDED
