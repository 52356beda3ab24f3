"""Samples, an explanation and a finding that acts, on the bed with the smoke recipe: a training that unlearns."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import OPEN_POLICY
from tests.slurm.bed import Bed
from tests.slurm.conftest import ALONE, ENDLESS, ON, SECONDS, OnSlurm

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


def test_a_person_reads_the_answers_of_a_training_and_why_it_is_as_it_is(live: OnSlurm) -> None:
    run_id = live.launched(f"smoke {ON} {ENDLESS}")
    live.can_see(run_id, "card", "*Validation*")

    live.ana.says(f"/verl samples {run_id} worst n=2")
    read = live.ana.can_see("the worst answers (2 of ", SECONDS)
    assert re.search(r"Answer \d+ · score \d\.\d\d · expected `[a-z]{6}`", read)

    live.ana.says(f"/verl explain {run_id}")
    explained = live.ana.can_see("*Since its first step*", SECONDS)
    assert "No open finding after " in explained
    assert "of its log show no error" in explained


def test_a_training_that_unlearns_is_stopped_by_the_policy_and_its_model_is_kept(live: OnSlurm) -> None:
    run_id = live.launched(f"smoke {ON} {SICK}")
    notice = live.ends(run_id, "was stopped")
    assert "its training is sick" in notice
    assert "The reward has fallen back to its starting level." in notice
    assert "Model: step " in notice
