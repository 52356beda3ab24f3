"""The whole way with real verl: typed in Slack, through SkyPilot and Slurm, to a model that transformers loads."""

import re
from pathlib import Path

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import SECONDS, OnSlurm
from tests.slurm.test_main_job import cost_in, reported
from tests.slurm.verl_nodes import give_verl, lacking_verl, list_words
from tests.verl.environment import VENV, run_python
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(3 * SECONDS)]

LOAD = """
import sys
from transformers import AutoModelForCausalLM
print(sum(part.numel() for part in AutoModelForCausalLM.from_pretrained(sys.argv[1]).parameters()))
"""


@pytest.mark.core
def test_grpo_on_two_nodes_from_a_line_in_slack_to_a_model_that_loads(live: OnSlurm, bed: Bed, tmp_path: Path) -> None:
    if why := lacking_verl():
        pytest.skip(why)
    model = give_verl(bed)
    words = list_words(bed, "grpo", model=str(model), save_every_steps="2", test_every_steps="2")
    run_id = live.launched(f"grpo nodes=2 {words} trainer.total_training_steps=4")

    notice = live.ends(run_id, "")
    assert "finished" in notice, live.text_of(run_id, "card")
    card = live.can_see(run_id, "card", "machines confirmed gone")
    assert "2 nodes × H100:1 on slurm/bed" in card
    assert "4 steps" in card
    assert "*Reward*" in card
    assert "Model: step 4" in notice
    assert "machines confirmed gone" in notice
    assert "(SkyPilot's cost report)" in card
    assert cost_in(notice) == pytest.approx(reported(bed, f"verl-{run_id}"), abs=0.0051)
    assert live.jobs_of(run_id) == []
    assert f"verl-{run_id}" not in bed.clusters()

    live.ana.says(f"/verl plot {run_id} reward")
    eventually(
        lambda: any(message.get("files") or "image" in str(message["blocks"]) for message in live.ana.messages())
    )

    checkpoint = live.data_dir / "artifacts" / run_id / "global_step_4" / "actor"
    merge = ["-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    run_python(VENV, *merge, "--local_dir", str(checkpoint), "--target_dir", str(tmp_path / "model"))
    assert int(run_python(VENV, "-c", LOAD, str(tmp_path / "model"))) > 100_000
    assert re.search(r"model_merger merge .*global_step_4/actor", live.text_of(run_id, "ended"))
