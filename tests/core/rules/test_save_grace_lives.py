"""Whole lives of runs that train a model on a machine of its own: it is not lost by mistake, and no money is either.

The machines are those of `test_lives`; beside what happens there, checkpoints come and older ones are removed, logs
cannot be read and fetches fail for a while, and people say what they want of the model. What fetches is the real thing.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app.checkpoint_rescue import CheckpointRescuer, RescueCloud
from bot.app.store_ports import RunWriter
from bot.core.model.checkpoint import CheckpointListing, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import AutostopSetting, JobState, Observation
from bot.core.model.launch_plan import ClusterRef
from bot.core.model.money import Rate
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules import save_grace
from bot.core.rules.actions import (
    AbandonCheckpoint,
    Action,
    BeginTeardown,
    Close,
    DownloadCheckpoint,
    FindDownloadedCheckpoint,
    PostponeAutostop,
    ReconcileTimings,
    RequestTeardown,
    SaveLog,
)
from bot.core.rules.decide import decide
from bot.core.rules.save_grace import CheckpointGrace
from bot.errors import IncompleteCheckpoint, Unavailable
from tests.builders import NOON, a_run, change_run
from tests.core.rules.test_decide_lives import AUTOSTOP, RULES, Life
from tests.examples import examples

pytestmark = pytest.mark.slow

PATIENCE = CheckpointGrace(
    save=timedelta(minutes=2),
    download=timedelta(minutes=4),
    download_retry=timedelta(seconds=20),
)
PATIENT = replace(RULES, checkpoint_grace=PATIENCE)

KEPT = 2
"""Checkpoints that its program keeps."""

SLACK = timedelta(minutes=3)
"""Beyond a time, for looks that fail and a bot that dies."""

LEASE = timedelta(minutes=10)
BUDGET, RATE = 20.0, Rate(240.0, "demo price")
"""Spent after five minutes."""


def trains() -> Run:
    return a_run(
        rate=RATE,
        budget_dollars=BUDGET,
        lease=LEASE,
        requested_autostop_minutes=AUTOSTOP,
        checkpoints_ephemeral=True,
        checkpoint_folder="~/models",
    )


@dataclass
class Training(Life):
    """A run that saves, its machines, and people who want its model.

    Attributes:
        saved: the steps of the checkpoints on the machines; torn: those of them that are not whole; told: those that
            the log will tell of; fetched: of the newest one that was fetched.
        on_disk: the steps that are whole on the bot's own disk, whether or not any look has told so.
        under_way: the step that is being fetched, which takes two looks.
        broken_until: until when nothing on the machines is reached; deaf_until: until when no log can be read, of which
            that part will be missing; stubborn_until: until when no job can be ended.
        fetcher: what fetches.
    """

    run: Run = field(default_factory=trains)
    rules: ReconcileTimings = PATIENT
    saved: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    torn: set[int] = field(default_factory=set)
    on_disk: set[int] = field(default_factory=set)
    fetched: int = 0
    under_way: int | None = None
    broken_until: datetime = NOON
    deaf_until: datetime = NOON
    stubborn_until: datetime = NOON
    fetcher: type[CheckpointRescuer] = CheckpointRescuer

    def do(self, action: Action | None, crash: str | None, delay: float) -> None:
        if isinstance(action, DownloadCheckpoint | FindDownloadedCheckpoint | PostponeAutostop):
            self.fetch(action, crash)
            return
        if isinstance(action, RequestTeardown) and crash != "before" and self.machines.clusters:
            assert self.may_go(), "a model was lost that nobody had given up"
        super().do(action, crash, delay)

    def may_go(self) -> bool:
        said = self.run.checkpoint_rescue.discard_approved_by or self.run.checkpoint_rescue.keep_requested_by
        lease_over = self.run.lease_ends_at is not None and self.now >= self.run.lease_ends_at
        unheard = self.run.training.progress.checkpoint is None
        in_vain = (
            unheard
            and self.run.teardown.log_saved_at
            and self.run.checkpoint_rescue.failure_count >= save_grace.MAX_DOWNLOAD_TRIES
        )
        hardly = unheard and self.run.training.progress.step is None and self.run.checkpoint_rescue.abandoned_at
        given_up = self.run.checkpoint_rescue.none_complete_at and self.run.checkpoint_rescue.abandoned_at
        whole = max((step for step in self.saved if step not in self.torn), default=0)
        return bool(self.fetched >= whole or said or lease_over or in_vain or hardly or given_up)

    def fetch(
        self, action: DownloadCheckpoint | FindDownloadedCheckpoint | PostponeAutostop, crash: str | None
    ) -> None:
        """With a crash, after the first record or, having done more, after the second."""
        records = Records(self, {"before": 1, "after": 2}.get(crash or "", 9))
        fetcher = self.fetcher(cast(RescueCloud, Reach(self)), cast(RunWriter, records), lambda: self.now, PATIENCE)
        with suppress(Crash):
            match action:
                case DownloadCheckpoint(until):
                    fetcher.rescue(self.run, until)
                case PostponeAutostop(until):
                    fetcher.postpone_autostop(self.run, until)
                case FindDownloadedCheckpoint():
                    fetcher.recover_download(self.run)

    def recorded(self, action: Action | None) -> Run:
        if not isinstance(action, SaveLog):
            return super().recorded(action)
        if self.now < self.deaf_until:
            return self.run.record_log_failure(self.now)
        return self.heard().record_saved_log(None, self.now)

    def heard(self) -> Run:
        """The run as its log tells of it; of what it misses, later steps are seen all the same."""
        progress = self.run.training.progress
        if self.saved:
            progress = replace(progress, step=max(progress.step or 0, *self.saved))
        if self.told:
            step = self.told[-1]
            progress = replace(progress, checkpoint=f"~/models/ppo-7f3a/global_step_{step}", checkpoint_step=step)
        return replace(self.run, training=self.run.training.record_progress(progress, self.now))

    def happen(self, event: str) -> None:
        match event:
            case "step" | "save" | "tear" if self.run.running_at and self.machines.job is JobState.RUNNING:
                self.train(saves=event != "step", tears=event == "tear")
            case "arrive" if self.machines.clusters and self.under_way in {*self.saved} - self.torn:
                self.on_disk.add(self.under_way)  # its thread goes on beside the looks; and then its machines go
                super().happen("autodown")
            case "deafen":
                self.deaf_until = self.now + timedelta(minutes=3)
            case "stub":
                self.stubborn_until = self.now + timedelta(minutes=2)
            case "break":
                self.broken_until = self.now + timedelta(minutes=5)
            case "save and stop" if not self.run.is_finished:
                self.run = self.run.request_stop("U0BEN", self.now, save=True)
            case "lose":
                self.run = self.run.request_stop("U0LEA", self.now, save=False)
            case "keep" if self.run.checkpoint_rescue.people_notified_at:
                self.run = self.run.keep_cluster(self.now + timedelta(minutes=3), "U0ANA")
            case _:
                super().happen(event)

    def train(self, saves: bool, tears: bool) -> None:
        known = self.run.checkpoint_rescue
        unasked = known.started_at is None or known.no_checkpoint_at is not None
        is_at_rest = unasked or self.now < self.stubborn_until
        if self.run.teardown.log_saved_at and not save_grace.needs_rescue(self.run) and is_at_rest:
            return  # within the seconds before its removal: whoever stops it has said so
        step = max((self.run.training.progress.step or 0, *self.saved)) + 1
        if saves:
            self.saved = [*self.saved, step][-KEPT:]
            self.torn |= {step} if tears else set()
            self.told += [step] if self.now >= self.deaf_until else []
        if self.now >= self.deaf_until and not self.run.is_finished:
            self.run = change_run(self.run, progress=replace(self.run.training.progress, step=step))
            self.run = self.heard()

    def check(self) -> None:
        super().check()
        if self.run.status is RunStatus.ENDED and self.on_disk:
            told = self.run.checkpoint_rescue.is_downloaded and self.run.checkpoint_rescue.step == max(self.on_disk)
            assert told, "a model was called lost that is on the bot's disk"
        held = self.run.checkpoint_rescue.none_complete_at
        if (
            self.machines.clusters
            and held
            and not (self.run.checkpoint_rescue.keep_requested_by or self.run.teardown.requested_at)
        ):
            longest = max(held, save_grace.get_finished_at(self.run)) + PATIENCE.download + SLACK
            assert self.now < longest, "machines are held for nothing"

    def check_limits(self) -> None:
        """After a tick that nothing has disturbed: what is beyond a limit by more than the grace is over."""
        if self.run.is_finished or self.run.launch.first_requested_at is None:
            return
        beyond = self.now - PATIENCE.save
        assert beyond < self.run.launch.first_requested_at + LEASE, "lives beyond its lease"
        assert (self.run.cost(beyond) or 0.0) <= BUDGET, "spends beyond its budget"


class Crash(Exception):
    """The bot dies."""


@dataclass
class Records:
    """A store that the bot reaches so many times more."""

    life: Training
    left: int

    def update(self, run_id: str, change: Callable[[Run], Run]) -> Run:
        if not self.left:
            raise Crash
        self.left -= 1
        self.life.run = change(self.life.run)
        return self.life.run


@dataclass
class Reach:
    """What fetches a model, as the machines answer it."""

    life: Training

    def answer(self) -> None:
        life = self.life
        if life.now < max(life.broken_until, life.machines.blind_until) or not life.machines.clusters:
            raise Unavailable("It does not answer.")

    def set_autostop(self, cluster: ClusterRef, minutes: int) -> AutostopSetting:
        self.answer()
        return AutostopSetting("autostop-1")

    def cancel_job(self, cluster: ClusterRef) -> None:
        self.answer()
        if self.life.now < self.life.stubborn_until:
            raise Unavailable("It trains on.")
        if self.life.machines.job is JobState.RUNNING:
            self.life.machines.job = JobState.CANCELLED

    def list_checkpoints(
        self, cluster: ClusterRef, checkpoint: CheckpointRef, job_ended: bool = False
    ) -> CheckpointListing:
        self.answer()
        return CheckpointListing(tuple(self.life.saved), max(self.life.saved, default=None))

    def download_checkpoint(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> DownloadProgress:
        step = int(checkpoint.name.rpartition("_")[2])
        if step not in self.life.on_disk:
            self.answer()
            self.bring(step)
        done = step in self.life.on_disk
        self.life.fetched = step if done else self.life.fetched
        return DownloadProgress("/artifacts", int(done), 1, is_complete=done)

    def bring(self, step: int) -> None:
        """It takes two looks."""
        if step not in self.life.saved:
            raise Unavailable("It is not there any more.")
        if step in self.life.torn:
            raise IncompleteCheckpoint("A part of it is missing.")
        self.life.on_disk |= {step} if self.life.under_way == step else set()
        self.life.under_way = step

    def list_downloads(self, checkpoint: CheckpointRef) -> Mapping[int, DownloadProgress]:
        return {step: DownloadProgress("/artifacts", 1, 1, is_complete=True) for step in self.life.on_disk}


PEOPLE = ("stop", "save and stop", "lose", "keep")
OUTSIDE = ("break", "deafen", "stub", "succeed", "fail", "drop", "outage", "vanish", "autodown")
EVENTS = st.sampled_from(["", "step", "step", "save", "save", "tear", "arrive", *PEOPLE, *OUTSIDE])
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
Choose = Callable[[Run, Observation | None, datetime, ReconcileTimings], Action | None]


def lived(steps: Steps, choose: Choose = decide, fetcher: type[CheckpointRescuer] = CheckpointRescuer) -> Training:
    """A life through these steps, and then in peace to its end."""
    life = Training(choose=choose, fetcher=fetcher)
    for event, crash, seconds, delay in [*steps, *[("", None, 15.0, 0.0)] * 80]:
        life.happen(event)
        life.tick(crash, delay)
        life.check()
        if crash is None:
            life.check_limits()
        life.now += timedelta(seconds=seconds)
    return life


@examples(700)
@given(STEPS)
def test_no_model_is_lost_without_a_word_or_a_leases_end_and_no_limit_is_passed_by_more_than_the_grace(
    steps: Steps,
) -> None:
    life = lived(steps)
    assert life.run.status is RunStatus.ENDED
    assert not life.machines.clusters


def forgets_the_model(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that tears down what it should fetch."""
    action = decide(run, seen, now, rules)
    return RequestTeardown() if isinstance(action, DownloadCheckpoint) else action


def loses_patience(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that gives up with the first failure."""
    action = decide(run, seen, now, rules)
    return (
        AbandonCheckpoint()
        if isinstance(action, DownloadCheckpoint) and run.checkpoint_rescue.failure_count
        else action
    )


def waits_for_ever(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that always hopes for another checkpoint."""
    action = decide(run, seen, now, rules)
    limits = (Reason.BUDGET_EXCEEDED, Reason.LEASE_EXPIRED)
    return None if isinstance(action, BeginTeardown) and action.reason in limits else action


def believes_a_drop(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that takes a record that was dropped for a cluster that is gone."""
    return (
        RequestTeardown() if seen and seen.is_empty and save_grace.needs_rescue(run) else decide(run, seen, now, rules)
    )


def lets_go_what_is_forgotten(
    run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings
) -> Action | None:
    """A mutant that asks a cloud that has forgotten to remove what no line of a log has named."""
    unnamed = save_grace.needs_rescue(run) and run.training.progress.checkpoint is None
    return RequestTeardown() if seen and run.is_forgotten_by(seen) and unnamed else decide(run, seen, now, rules)


def forgets_its_disk(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that calls lost what has come unseen."""
    action = decide(run, seen, now, rules)
    return Close(Reason.STOPPED) if isinstance(action, FindDownloadedCheckpoint) else action


def waits_for_a_whole_one(run: Run, seen: Observation | None, now: datetime, rules: ReconcileTimings) -> Action | None:
    """A mutant that holds the machines for a checkpoint that is torn."""
    patient = (
        run
        if run.checkpoint_rescue.none_complete_at is None
        else replace(run, checkpoint_rescue=replace(run.checkpoint_rescue, none_complete_at=None))
    )
    return decide(patient, seen, now, rules)


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
        pytest.param(
            lets_go_what_is_forgotten,
            [
                *TRAINED[:3],
                ("stop", None, 0.2, 0.0),
                ("drop", None, 15.0, 0.0),
                ("", None, 6.0, 0.0),
                ("save", None, 1.0, 0.0),
            ],
            id="lets go what is forgotten",
        ),
        pytest.param(
            forgets_its_disk,
            [
                *TRAINED,
                ("succeed", None, 1.0, 0.0),
                *[("", None, 1.0, 0.0)] * 3,
                ("arrive", None, 1.0, 0.0),
            ],
            id="forgets its disk",
        ),
        pytest.param(
            waits_for_a_whole_one,
            [*TRAINED[:3], ("tear", None, 6.0, 0.0), ("succeed", None, 6.0, 0.0)],
            id="waits for a whole one",
        ),
    ],
)
def test_each_promise_is_alive(mutant: Choose, steps: Steps) -> None:
    """A bot with a planted mistake is caught; the real one lives through the same."""
    with pytest.raises(AssertionError):
        lived(steps, mutant)
    assert lived(steps).run.status is RunStatus.ENDED


class LetsItTrain(CheckpointRescuer):
    """A mutant that does not end the job first."""

    def _cancel_job(self, run: Run) -> Run:
        return run


class BelievesTheLog(CheckpointRescuer):
    """A mutant that does not ask the cluster what it has."""

    def _find_newest(self, run: Run) -> Run:
        return run


@pytest.mark.parametrize(
    ("mutant", "steps"),
    [
        pytest.param(
            LetsItTrain,
            [*TRAINED, ("stop", None, 6.0, 0.0), *[("", None, 6.0, 0.0)] * 3, ("save", None, 6.0, 0.0)],
            id="lets it train",
        ),
        pytest.param(
            BelievesTheLog,
            [
                *TRAINED,
                ("deafen", None, 1.0, 0.0),
                ("save", None, 1.0, 0.0),
                ("stop", None, 1.0, 0.0),
                *[("", None, 6.0, 0.0)] * 5,
            ],
            id="believes the log",
        ),
    ],
)
def test_each_promise_of_the_fetching_is_alive(mutant: type[CheckpointRescuer], steps: Steps) -> None:
    with pytest.raises(AssertionError):
        lived(steps, fetcher=mutant)
    assert lived(steps).run.status is RunStatus.ENDED
