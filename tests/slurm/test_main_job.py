"""The main job on a real SkyPilot and a real scheduler, typed into a Slack: one bot, many runs at once."""

import re
import time
from collections.abc import Iterator

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import SECONDS, OnSlurm
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("evening")]

ON = "infra=slurm"
QUICK = "steps=12 seconds_per_step=0.1 test_every_steps=4 save_every_steps=6"
ENDLESS = "steps=100000 seconds_per_step=1"

RUNS = {
    "succeeds": f"smoke nodes=2 {ON} {QUICK}",
    "stopped while launching": f"smoke {ON} {ENDLESS}",
    "stopped while running": f"smoke {ON} {ENDLESS}",
    "setup fails": f"smoke {ON} fail_setup=true",
    "fails at step 3": f"smoke {ON} {QUICK} fail_at_step=3",
    "taken down by somebody": f"smoke {ON} {ENDLESS}",
    "no such GPUs": f"ppo gpus=H200:1 image=none {ON}",
    "loses a node": f"smoke nodes=2 {ON} {ENDLESS}",
}


class Evening:
    """Everybody launches at once; the id of each run by what becomes of it."""

    def __init__(self, live: OnSlurm) -> None:
        self.live = live
        self.ids = {name: live.launched(line) for name, line in RUNS.items()}


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory, bed: Bed) -> Iterator[Evening]:
    live = OnSlurm(tmp_path_factory.mktemp("evening"), bed)
    live.start()
    yield Evening(live)
    for run_id in live.told_ids():
        live.ana.says(f"/verl stop {run_id}")
    eventually(lambda: not bed_jobs(live), live.log, SECONDS)
    live.stop()


def bed_jobs(live: OnSlurm) -> list[str]:
    names = tuple(f"verl-{run_id}-" for run_id in live.told_ids())
    return [job for job in live.bed.queue() if job.startswith(names)]


def test_a_launch_for_gpus_that_do_not_exist_says_so_and_what_to_do(evening: Evening) -> None:
    notice = evening.live.ends(evening.ids["no such GPUs"], "could not be launched")
    assert "H200" in notice
    assert "Ask for other GPUs" in notice


def test_stopped_while_launching(evening: Evening) -> None:
    live, run_id = evening.live, evening.ids["stopped while launching"]
    live.sees(run_id, "card", "launching")
    live.ana.says(f"/verl stop {run_id}")
    live.ends(run_id, "was stopped")
    assert live.text_of(run_id, "running") == ""


def test_from_the_line_to_the_verified_end(evening: Evening) -> None:
    live, run_id = evening.live, evening.ids["succeeds"]
    live.sees(run_id, "card", "step 12/12")
    notice = live.ends(run_id, "succeeded")
    card = live.text_of(run_id, "card")
    assert "2 nodes on slurm/bed" in card
    assert "reward" in card
    assert "val" in card
    assert "autostop after 5 idle min" in live.text_of(run_id, "running")
    assert "died with the machine" in notice
    assert "$4.00/h by SkyPilot's cost report" in notice  # two nodes of 1 CPU and 4 GB
    assert cost_in(notice) == pytest.approx(reported(live.bed, f"verl-{run_id}"), abs=0.0051)


def cost_in(notice: str) -> float:
    found = re.search(r"\$(\d+\.\d+) of \$", notice)
    assert found is not None, notice
    return float(found[1])


def reported(bed: Bed, cluster: str) -> float:
    """What SkyPilot's cost report says, by its own command line."""
    script = "import sky; print(next(r['total_cost'] for r in sky.get(sky.cost_report()) if r['name'] == %r))"
    return float(bed.python(script % cluster).splitlines()[-1])


def test_a_setup_that_fails(evening: Evening) -> None:
    live, run_id = evening.live, evening.ids["setup fails"]
    notice = live.ends(run_id, "failed in its setup")
    assert "setup was asked to fail" in notice


def test_a_run_that_fails_at_step_3(evening: Evening) -> None:
    live, run_id = evening.live, evening.ids["fails at step 3"]
    notice = live.ends(run_id, "*failed*")
    assert "asked to fail at step 3" in notice
    assert "failed with return code" in notice


def test_stopped_while_running(evening: Evening) -> None:
    live, run_id = evening.live, evening.ids["stopped while running"]
    live.sees(run_id, "card", "running* · step")
    live.ana.says(f"/verl stop {run_id}")
    live.ends(run_id, "was stopped")


def test_its_log_is_read_while_it_runs_and_after_its_end_from_what_was_kept(evening: Evening) -> None:
    run_id = evening.ids["stopped while running"]
    evening.live.ana.says(f"/verl logs {run_id} grep=critic/rewards/mean")
    evening.live.ana.sees("step:", SECONDS)


def test_a_cluster_that_somebody_takes_down_behind_the_bots_back(evening: Evening) -> None:
    live, run_id = evening.live, evening.ids["taken down by somebody"]
    live.sees(run_id, "card", "running* · step")
    live.bed.sky("down", "-y", f"verl-{run_id}")
    notice = live.ends(run_id, "was removed outside of verlbot")
    assert "It was taken down by" in notice


def test_a_node_that_dies_under_a_running_job(evening: Evening) -> None:
    """Last, because whatever else runs on that node dies with it."""
    live, run_id = evening.live, evening.ids["loses a node"]
    live.sees(run_id, "card", "running* · step")
    live.bed.kill_node(live.bed.at.names[1])
    begun = time.monotonic()
    live.sees(run_id, "ended", "ended")
    assert time.monotonic() - begun < SECONDS
    live.bed.revive_node(live.bed.at.names[1])
    notice = live.ends(run_id, "")
    assert "lost its cluster" in notice or "failed" in notice


def test_nothing_was_said_twice_and_nothing_is_left(evening: Evening) -> None:
    for run_id in evening.ids.values():
        assert {"card", "ended"} <= evening.live.messages_of(run_id).keys()
    assert bed_jobs(evening.live) == []
