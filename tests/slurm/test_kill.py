"""kill -9 of the bot at every point of a run that matters, on a real scheduler."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import ALONE, ENDLESS, ON, SECONDS, OnSlurm, launches
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("kills")]


@pytest.fixture
def installed(bed: Bed, tmp_path: Path) -> Iterator[OnSlurm]:
    """A bot whose every call outside may be its last, by KILL_AT."""
    found = OnSlurm(tmp_path, bed, ("-m", "tests.killed"), settings=ALONE)
    yield found
    found.leave_nothing()


def test_one_run_outlives_six_kills_of_its_bot(installed: OnSlurm) -> None:
    live = installed
    live.start(KILL_AT="before SkyCloud.launch 1")  # recorded that it is asked for, and not asked
    live.ana.says(f"/verl launch smoke nodes=2 {ON} {ENDLESS}")
    live.wait_killed(SECONDS)
    live.start(KILL_AT="after SkyCloud.launch 1")  # between the POST and its record
    live.wait_killed(SECONDS)
    run_id = live.told_ids()[0]

    eventually(lambda: live.jobs_of(run_id), live.bed.queue, 120, pause_seconds=1)
    live.start()
    live.can_see(run_id, "card", "launching")
    live.kill()  # while it is provisioned

    live.start(KILL_AT="after SkyCloud.tail 1")  # once its log is read
    live.wait_killed(SECONDS)
    live.start()
    live.can_see(run_id, "card", "step ")
    assert len(live.jobs_of(run_id)) == 1
    assert live.bed.job_ids(f"verl-{run_id}") == [1]
    live.kill()

    live.start(KILL_AT="before SkyCloud.down 1")
    live.ana.says(f"/verl stop {run_id}")
    live.wait_killed(SECONDS)
    live.start(KILL_AT="after SkyCloud.down 1")  # during the teardown
    live.wait_killed(SECONDS)
    live.start()
    live.ends(run_id, "was stopped")
    assert f"verl-{run_id}" not in live.bed.clusters()
    assert launches(live.bed, run_id)["sky.launch"] == 1
