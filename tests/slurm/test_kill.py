"""kill -9 of the bot and of SkyPilot's API server, at every point of a run that matters, on a real scheduler."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import ENDLESS, ON, OnSlurm, launches
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("kills")]


@pytest.fixture(scope="module")
def installed(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSlurm]:
    """A bot whose every call outside may be its last, by KILL_AT."""
    found = OnSlurm(tmp_path_factory.mktemp("killed"), bed, program=("-m", "tests.killed"))
    yield found
    found.leave_nothing()


def test_one_run_outlives_six_kills_of_its_bot(installed: OnSlurm) -> None:
    live = installed
    live.start(KILL_AT="before SkyCloud.launch 1")  # recorded that it is asked for, and not asked
    live.ana.says(f"/verl launch smoke nodes=2 {ON} {ENDLESS}")
    live.wait_killed()
    live.start(KILL_AT="after SkyCloud.launch 1")  # between the POST and its record
    live.wait_killed()
    run_id = live.told_ids()[0]

    eventually(lambda: live.jobs_of(run_id), live.bed.queue, 120, pause_seconds=1)
    live.start()
    live.sees(run_id, "card", "launching")
    live.kill()  # while it is provisioned

    live.start(KILL_AT="after SkyCloud.tail 1")  # while it runs
    live.sees(run_id, "card", "*running*")
    live.wait_killed()
    live.start()
    live.sees(run_id, "card", "step ")
    assert len(live.jobs_of(run_id)) == 1
    assert live.bed.job_ids(f"verl-{run_id}") == [1]
    live.kill()

    live.start(KILL_AT="before SkyCloud.down 1")
    live.ana.says(f"/verl stop {run_id}")
    live.wait_killed()
    live.start(KILL_AT="after SkyCloud.down 1")  # during the teardown
    live.wait_killed()
    live.start()
    live.ends(run_id, "was stopped")
    assert launches(live.bed, run_id)["sky.launch"] == 1


def test_the_api_server_is_killed_under_one_launch_and_one_running_job(bed_alone: Bed, tmp_path: Path) -> None:
    live = OnSlurm(tmp_path, bed_alone)
    live.start()
    try:
        running = live.launched(f"smoke {ON} {ENDLESS}")
        live.sees(running, "card", "*running*")
        launching = live.launched(f"smoke {ON} {ENDLESS}")
        eventually(lambda: live.jobs_of(launching), live.bed.queue, 120, pause_seconds=0.5)

        bed_alone.kill_server()
        eventually(lambda: "nothing can be seen" in live.log(), live.log, 60)
        bed_alone.start_server()

        live.ends(launching, "could not be launched")
        live.sees(running, "card", "*running*")
        assert live.bed.job_ids(f"verl-{running}") == [1]
        live.ana.says(f"/verl stop {running}")
        live.ends(running, "was stopped")
        for run_id in (running, launching):
            assert {"card", "ended"} <= live.messages_of(run_id).keys()  # each once, or this had failed
    finally:
        live.leave_nothing()
