"""Whole lives of runs that train a model on a machine of its own: it is not lost by mistake, and no money is either.

The machines are those of `test_lives`; beside what happens there, checkpoints come, fetches fail for a while, and
people say what they want of the model.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core import drain
from bot.core.action import Action, FetchModel, Finish, LoseModel, TearDown
from bot.core.decide import Rules, decide
from bot.core.drain import Patience
from bot.core.keeping import Fetch
from bot.core.money import Rate
from bot.core.run import Run
from bot.core.seen import Job, Seen
from bot.core.status import Reason, Status
from tests.builders import NOON, a_run
from tests.core.test_lives import AUTOSTOP, RULES, Life

PATIENCE = Patience(
    save=timedelta(minutes=2),
    fetch=timedelta(minutes=4),
    fetch_again=timedelta(seconds=20),
)
PATIENT = replace(RULES, patience=PATIENCE)

LEASE = timedelta(minutes=10)
BUDGET, RATE = 20.0, Rate(240.0, "a pretended price")
"""Spent after five minutes."""


def trains() -> Run:
    return a_run(
        rate=RATE, budget_dollars=BUDGET, lease=LEASE, autostop_asked=AUTOSTOP, model_dies=True, checkpoints="~/models"
    )


@dataclass
class Training(Life):
    """A run that saves, its machines, and people who want its model.

    Attributes:
        saved: the step of the newest checkpoint on the machines; fetched: of the newest one that was fetched.
        broken_until: until when every fetch fails.
    """

    run: Run = field(default_factory=trains)
    rules: Rules = PATIENT
    saved: int = 0
    fetched: int = 0
    broken_until: datetime = NOON

    def do(self, action: Action | None, crash: str | None, delay: float) -> None:
        if isinstance(action, FetchModel):
            self.fetch(action.until, crash)
            return
        if isinstance(action, TearDown) and crash != "before" and self.machines.clusters:
            assert self.may_go(), "a model was lost that nobody had given up"
        super().do(action, crash, delay)

    def may_go(self) -> bool:
        said = self.run.keeping.lost_by or self.run.keeping.keep_by
        lease_over = self.run.lease_ends_at is not None and self.now >= self.run.lease_ends_at
        return bool(self.fetched >= self.saved or said or lease_over)

    def fetch(self, until: datetime, crash: str | None) -> None:
        self.run = self.run.fetch_begun(until, self.now)  # recorded first
        if crash == "before":
            return
        fails = self.now < max(self.broken_until, self.machines.blind_until) or not self.machines.clusters
        if not fails:
            self.fetched = self.saved
        if crash != "after":
            asks = self.run.keeping.tries + 1 >= PATIENCE.fetch_tries
            failed = self.run.fetch_failed("It does not answer.", self.now, asks)
            self.run = failed if fails else self.run.fetching(Fetch("/artifacts", 1, 1, done=True), self.now)

    def happen(self, event: str) -> None:
        match event:
            case "step" | "save" if self.run.status is Status.RUNNING and self.machines.job is Job.RUNNING:
                self.train(saves=event == "save")
            case "break":
                self.broken_until = self.now + timedelta(minutes=5)
            case "save and stop" if not self.run.over:
                self.run = self.run.stop_requested("U0BEN", self.now, save=True)
            case "lose":
                self.run = self.run.stop_requested("U0LEA", self.now, save=False)
            case "keep" if self.run.keeping.asked_at:
                self.run = self.run.kept_until(self.now + timedelta(minutes=3), "U0ANA")
            case _:
                super().happen(event)

    def train(self, saves: bool) -> None:
        step = (self.run.progress.step or 0) + 1
        progress = replace(self.run.progress, step=step)
        if saves:
            self.saved = step
            progress = replace(progress, checkpoint=f"~/models/ppo-7f3a/global_step_{step}", checkpoint_step=step)
        self.run = self.run.progressed(progress, self.now)

    def check_limits(self) -> None:
        """After a tick that nothing has disturbed: what is beyond a limit by more than the grace is over."""
        if self.run.over or self.run.first_asked_at is None:
            return
        beyond = self.now - PATIENCE.save
        assert beyond < self.run.first_asked_at + LEASE, "lives beyond its lease"
        assert (self.run.cost(beyond) or 0.0) <= BUDGET, "spends beyond its budget"


PEOPLE = ("stop", "save and stop", "lose", "keep")
OUTSIDE = ("break", "succeed", "fail", "drop", "outage", "vanish", "autodown")
EVENTS = st.sampled_from(["", "step", "step", "save", "save", *PEOPLE, *OUTSIDE])
STEPS = st.lists(
    st.tuples(
        EVENTS,
        st.sampled_from([None, None, None, "before", "after"]),
        st.sampled_from([0.2, 1.0, 6.0, 15.0, 40.0]),
        st.sampled_from([0.0, 3.0, 8.0]),
    ),
    max_size=30,
)
Steps = list[tuple[str, str | None, float, float]]
Choose = Callable[[Run, Seen | None, datetime, Rules], Action | None]


def lived(steps: Steps, choose: Choose = decide) -> Training:
    """A life through these steps, and then in peace to its end."""
    life = Training(choose=choose)
    for event, crash, seconds, delay in [*steps, *[("", None, 15.0, 0.0)] * 80]:
        life.happen(event)
        life.tick(crash, delay)
        life.check()
        if crash is None:
            life.check_limits()
        life.now += timedelta(seconds=seconds)
    return life


@settings(max_examples=700, deadline=None)
@given(STEPS)
def test_no_model_is_lost_without_a_word_or_a_leases_end_and_no_limit_is_passed_by_more_than_the_grace(
    steps: Steps,
) -> None:
    life = lived(steps)
    assert life.run.status is Status.ENDED
    assert not life.machines.clusters


def forgets_the_model(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """A mutant that tears down what it should fetch."""
    action = decide(run, seen, now, rules)
    return TearDown() if isinstance(action, FetchModel) else action


def loses_patience(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """A mutant that gives up with the first failure."""
    action = decide(run, seen, now, rules)
    return LoseModel() if isinstance(action, FetchModel) and run.keeping.tries else action


def waits_for_ever(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """A mutant that always hopes for another checkpoint."""
    action = decide(run, seen, now, rules)
    limits = (Reason.OVER_BUDGET, Reason.LEASE_OVER)
    return None if isinstance(action, Finish) and action.reason in limits else action


def believes_a_drop(run: Run, seen: Seen | None, now: datetime, rules: Rules) -> Action | None:
    """A mutant that takes a record that was dropped for a cluster that is gone."""
    return TearDown() if seen and seen.nothing and drain.keeps(run) else decide(run, seen, now, rules)


TRAINED: Steps = [*[("", None, 1.0, 0.0)] * 3, ("save", None, 6.0, 0.0), ("step", None, 6.0, 0.0)]


@pytest.mark.parametrize(
    ("mutant", "steps"),
    [
        pytest.param(forgets_the_model, [*TRAINED, ("succeed", None, 6.0, 0.0)], id="forgets the model"),
        pytest.param(
            loses_patience, [*TRAINED, ("break", None, 6.0, 0.0), ("stop", None, 6.0, 0.0)], id="loses patience"
        ),
        pytest.param(waits_for_ever, TRAINED, id="waits for ever"),
        pytest.param(
            believes_a_drop,
            [
                *TRAINED,
                ("break", None, 6.0, 0.0),
                ("stop", None, 1.0, 0.0),
                *[("", None, 1.0, 0.0)] * 3,
                ("drop", None, 1.0, 0.0),
            ],
            id="believes a drop",
        ),
    ],
)
def test_each_promise_is_alive(mutant: Choose, steps: Steps) -> None:
    """A bot with a planted mistake is caught; the real one lives through the same."""
    with pytest.raises(AssertionError):
        lived(steps, mutant)
    assert lived(steps).run.status is Status.ENDED
