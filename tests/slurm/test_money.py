"""Money on the bed, with prices set: a budget, a lease that ends what hangs, a lease that was extended; all at once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live import OPEN_POLICY
from tests.slurm.bed import Bed
from tests.slurm.conftest import ENDLESS, ON, SECONDS, OnSlurm
from tests.slurm.test_main_job import cost_in, reported
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(2 * SECONDS)]

SAVES = "save_every_steps=5 test_every_steps=20"
HANGS = "seconds_per_step=3600 batch_size=8 group_size=2"
"""Its first step is never made."""


def lease_warning(live: OnSlurm, run_id: str) -> dict[str, Any]:
    """With the buttons that extend it; empty before it is due."""
    return next((one for key, one in live.messages_of(run_id).items() if key.startswith("lease-2-")), {})


@pytest.fixture
def live(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSlurm]:
    folder = tmp_path_factory.mktemp("money")
    policy = folder / "policy.yaml"
    policy.write_text(f"{OPEN_POLICY.read_text()}lease_warnings_minutes: [2]\n")
    own = {"VERLBOT_SAVE_GRACE_MINUTES": "0.5", "VERLBOT_POLICY": str(policy)}
    found = OnSlurm(folder, bed, settings=own)
    found.start()
    try:
        yield found
    finally:
        found.leave_nothing()


def test_a_budget_ends_a_run_with_its_model_kept_and_a_lease_what_hangs_but_not_what_was_extended(
    live: OnSlurm,
) -> None:
    """A node is $1.25 an hour here, so that the budget lasts for some five minutes, and so do the leases."""
    spends = live.launched(f"smoke {ON} {ENDLESS} {SAVES} budget=0.1")
    hangs = live.launched(f"smoke {ON} {HANGS} lease=0.08")
    extended = live.launched(f"smoke {ON} {ENDLESS} lease=0.08")
    warning = eventually(lambda: lease_warning(live, extended), live.log, SECONDS, pause_seconds=1)
    live.ana.clicks("extend-2", warning["ts"])
    live.ana.can_see("extended the lease of", 60)

    live.ends(hangs, "was stopped: lease ended")
    assert "step " not in live.text_of(hangs, "card")

    notice = live.ends(spends, "was stopped: budget used up")
    assert "used up its budget* (" in live.text_of(spends, "budget")
    kept = live.data_dir / "artifacts" / spends
    models = [json.loads(file.read_text()) for file in kept.glob("global_step_*/model.json")]
    assert models
    assert max(model["step"] for model in models) % 5 == 0
    assert f"step {max(model['step'] for model in models)}" in notice
    assert cost_in(notice) == pytest.approx(reported(live.bed, f"verl-{spends}"), rel=0.02, abs=0.0051)  # whole cents

    assert "is running*" in live.text_of(extended, "card")
    live.ana.says(f"/verl stop {extended} save=no")
    live.ends(extended, "was stopped")
