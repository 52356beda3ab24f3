"""Two bots on one database and one bed: kill -9 of the one that acts, at each stage of a run, and a store set back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import launched_ids
from tests.pair import Pair, both_started
from tests.slurm.bed import Bed
from tests.slurm.conftest import ALONE, ENDLESS, ON, SECONDS, SETTINGS, Watched, as_client_of, launches
from tests.stories.test_store_loss import SET_BACK, copy_of
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(2 * SECONDS)]


class PairOnSlurm(Pair, Watched):
    """Two bots whose machines are the bed's."""

    def __init__(self, folder: Path, bed: Bed) -> None:
        super().__init__(folder, **SETTINGS | ALONE | as_client_of(bed))
        self.bed = bed

    def replace_leader(self) -> None:
        """kill -9 of the bot that acts; it comes back, once the other acts."""
        killed = self.kill_leader()
        eventually(lambda: self.leader() not in ("", killed), self.log, 60)
        self.start(killed)


@pytest.fixture
def pair(bed: Bed, tmp_path: Path) -> Iterator[PairOnSlurm]:
    with both_started(PairOnSlurm(tmp_path, bed)) as found:
        yield found


def launch(pair: PairOnSlurm) -> str:
    """Launch a run that does not end by itself; its id, once Slurm has its job."""
    pair.ana.says(f"/verl launch smoke {ON} {ENDLESS}")
    run_id = str(eventually(lambda: next(iter(launched_ids(pair.ana)), None), pair.log))
    eventually(lambda: pair.jobs_of(run_id), pair.bed.queue, 120, pause_seconds=1)
    return run_id


def assert_launched_and_told_once(pair: PairOnSlurm, run_id: str) -> None:
    assert pair.cards() == 1
    assert launches(pair.bed, run_id)["sky.launch"] == 1
    assert f"verl-{run_id}" not in pair.bed.clusters()
    assert {"card", "ended"} <= pair.messages_of(run_id).keys()  # each once, or this had failed


def test_the_bot_that_acts_is_killed_during_launch_training_and_teardown(pair: PairOnSlurm) -> None:
    run_id = launch(pair)
    pair.replace_leader()

    pair.can_see(run_id, "card", "step ")
    pair.replace_leader()
    assert pair.bed.job_ids(f"verl-{run_id}") == [1]

    pair.ana.says(f"/verl stop {run_id}")
    pair.can_see(run_id, "card", "stopping")
    pair.replace_leader()
    pair.ends(run_id, "was stopped")
    assert_launched_and_told_once(pair, run_id)


def test_a_store_that_is_set_back_to_before_the_launch_ends_no_training_and_loses_none(pair: PairOnSlurm) -> None:
    set_back = copy_of(pair.redis)
    run_id = launch(pair)
    pair.can_see(run_id, "card", "step ")

    set_back()
    eventually(lambda: SET_BACK in pair.log(), pair.log, SECONDS)
    pair.ana.can_see(f"My database had lost `{run_id}`", SECONDS)
    assert pair.bed.job_ids(f"verl-{run_id}") == [1]
    pair.ana.says(f"/verl stop {run_id}")
    pair.ends(run_id, "was stopped")
    assert_launched_and_told_once(pair, run_id)
