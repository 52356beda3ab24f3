"""A managed job on the bed: typed, its machines taken away by somebody else, recovered, ended, gone."""

from collections.abc import Iterator

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import ALONE, ON, SECONDS, OnSlurm
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(2 * SECONDS)]

LONG = "steps=80 seconds_per_step=3 batch_size=8 group_size=2"
"""Long enough to lose its machines half-way; it begins anew on others."""


@pytest.fixture
def live(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSlurm]:
    own = {"VERLBOT_SWEEP_MINUTES": "0.5", "VERLBOT_OPS_CHANNEL": "C0TRAIN"}
    found = OnSlurm(tmp_path_factory.mktemp("managed"), bed, settings={**ALONE, **own})
    found.start()
    try:
        yield found
    finally:
        found.leave_nothing()


def test_a_managed_run_outlives_its_machines_and_is_shown_to_its_end(live: OnSlurm) -> None:
    live.ana.says(f"/verl launch smoke {ON} managed=true spot=true")
    live.ana.can_see("Slurm has no spot machines", SECONDS)

    run_id = live.launched(f"smoke {ON} {LONG} managed=true")
    live.can_see(run_id, "card", "is running*")
    assert "managed job" in live.text_of(run_id, "card")
    eventually(lambda: "step " in live.text_of(run_id, "card"), live.log, SECONDS, pause_seconds=2)
    live.bed.cancel(f"verl-{run_id}")
    live.can_see(run_id, "card", "managed job, recovered 1 time")
    assert "lost its machines" in live.text_of(run_id, "recovery-1")
    notice = live.ends(run_id, "finished*")
    assert "80 steps in" in notice
    assert "(SkyPilot's cost report, without interruptions)" in live.text_of(run_id, "card")
    assert "was launched outside verlbot" not in live.ana.reads()
