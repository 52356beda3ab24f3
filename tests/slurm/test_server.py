"""kill -9 of SkyPilot's API server, under a launch, a job that runs and a teardown, on a bed that nobody else uses."""

from pathlib import Path

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import ALONE, ENDLESS, ON, OnSlurm
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("server")]


def test_the_api_server_is_killed_under_a_launch_a_running_job_and_a_teardown(bed_alone: Bed, tmp_path: Path) -> None:
    live = OnSlurm(tmp_path, bed_alone, settings=ALONE)
    live.start()
    try:
        running = live.launched(f"smoke {ON} {ENDLESS}")
        live.can_see(running, "card", "is running*")
        launching = live.launched(f"smoke {ON} {ENDLESS}")
        eventually(lambda: live.jobs_of(launching), live.bed.queue, 120, pause_seconds=0.5)

        bed_alone.kill_server()
        eventually(lambda: "nothing can be seen" in live.log(), live.log, 60)
        bed_alone.start_server()

        live.ends(launching, "could not be launched")
        live.can_see(running, "card", "is running*")
        assert live.bed.job_ids(f"verl-{running}") == [1]
        live.ana.says(f"/verl stop {running}")
        live.can_see(running, "card", "stopping")
        bed_alone.kill_server()
        bed_alone.start_server()
        live.ends(running, "was stopped")
        standing = live.bed.clusters()
        for run_id in (running, launching):
            assert f"verl-{run_id}" not in standing
            assert {"card", "ended"} <= live.messages_of(run_id).keys()  # each once, or this had failed
    finally:
        live.leave_nothing()
