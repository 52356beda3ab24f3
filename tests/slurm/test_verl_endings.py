"""Real verl that is told to end, by its budget, its lease and a person: it saves first, and the model is fetched."""

from pathlib import Path

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import SECONDS, OnSlurm
from tests.slurm.verl_nodes import give_verl, lacking_verl, list_words

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(3 * SECONDS)]

NEVER_BY_ITSELF = {"save_every_steps": "1000", "test_every_steps": "1000"}
ENDS = {
    "save and stop": ("", "was stopped"),
    "its budget": ("budget=0.2", "was stopped: budget used up"),
    "its lease": ("lease=0.1", "was stopped: lease ended"),
}
"""What is typed, and what the end is called. A node is $2.00 an hour here: each limit lasts for six minutes, in which a
training begins on two cores.
"""


def launch(live: OnSlurm, bed: Bed, model: Path, limit: str) -> str:
    """Launch a training that saves only what it is asked for, and does not end by itself; its id."""
    words = list_words(bed, "grpo", **NEVER_BY_ITSELF, model=str(model))
    return live.launched(
        f"grpo nodes=1 {limit} {words}"
        " trainer.total_epochs=1000 trainer.total_training_steps=100000 trainer.val_before_train=False"
    )


@pytest.mark.parametrize(("limit", "ending"), ENDS.values(), ids=ENDS)
def test_whatever_ends_a_training_its_last_steps_are_saved_and_its_model_is_fetched(
    live: OnSlurm, bed: Bed, limit: str, ending: str
) -> None:
    if why := lacking_verl():
        pytest.skip(why)
    run_id = launch(live, bed, give_verl(bed), limit)
    live.can_see(run_id, "card", "*Reward*")
    if not limit:
        live.ana.says(f"/verl stop {run_id} save=yes")
    notice = live.ends(run_id, ending)
    (model,) = (path for path in (live.data_dir / "artifacts" / run_id).glob("global_step_*") if path.is_dir())
    assert list(model.glob("actor/model_*.pt"))
    assert f"step {model.name.removeprefix('global_step_')}" in notice
