"""Samples, an explanation and a finding that acts, on the bed with the smoke recipe: a training that unlearns."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import OPEN_POLICY
from tests.slurm.bed import Bed
from tests.slurm.conftest import ALONE, ON, SECONDS, OnSlurm

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(2 * SECONDS)]

ACTS = "finding_actions: {reward-collapse: stop}\n"
SICK = "steps=100000 seconds_per_step=0.5 learning_rate=0.2 sick_at_step=20 save_every_steps=10 sample_steps=20"
"""Its reward rises for twenty steps, falls for twenty, and is gone for good."""


@pytest.fixture
def live(bed: Bed, tmp_path: Path) -> Iterator[OnSlurm]:
    policy = tmp_path / "policy.yaml"
    policy.write_text(OPEN_POLICY.read_text() + ACTS)
    found = OnSlurm(tmp_path, bed, settings={**ALONE, "VERLBOT_POLICY": str(policy)})
    found.start()
    try:
        yield found
    finally:
        found.leave_nothing()


def test_a_training_that_unlearns_shows_its_answers_is_explained_and_is_stopped(live: OnSlurm) -> None:
    run_id = live.launched(f"smoke {ON} {SICK}")
    live.can_see(run_id, "card", "*Reward*")

    live.ana.says(f"/verl samples {run_id} worst n=2")
    read = live.ana.can_see("the worst answers (2 of ", SECONDS)
    assert "Answer" in read
    assert "score" in read

    live.ana.can_see("The reward has fallen back to its starting level.", SECONDS)
    live.ana.says(f"/verl explain {run_id}")
    explained = live.ana.can_see("*Since its first step*", SECONDS)
    assert "`/verl describe smoke` lists all parameters of `smoke`" in explained
    assert "lines of its log show no error" in explained

    notice = live.ends(run_id, "was stopped")
    assert "its training is sick" in notice
    assert "machines confirmed gone" in live.text_of(run_id, "card")
