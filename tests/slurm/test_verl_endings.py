"""Real verl that is told to end, by its budget, its lease and a person: it saves first, and the model is fetched."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import ON, SECONDS, OnSlurm
from tests.slurm.verl_nodes import give_verl, lacking_verl, stand_ins
from tests.verl.bed import SETTINGS, SMALLER
from tests.verl.environment import STAND_INS

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(3 * SECONDS)]

NEVER_BY_ITSELF = {"save_every_steps": "1000", "test_every_steps": "1000"}
LIMITS = {"budget": "budget=0.3", "lease": "lease=0.15", "save and stop": ""}
"""A node is $2.00 an hour here: each limit lasts for nine minutes, in which three trainings begin on two cores."""


@pytest.fixture
def live(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSlurm]:
    found = OnSlurm(tmp_path_factory.mktemp("endings"), bed)
    found.start(HF_TOKEN="x", WANDB_API_KEY="")
    try:
        yield found
    finally:
        found.leave_nothing()


def launch(live: OnSlurm, bed: Bed, model: Path, limit: str) -> str:
    """Launch a training that saves only what it is asked for, and does not end by itself; its id."""
    settings = {**SETTINGS["grpo"], **NEVER_BY_ITSELF, "model": str(model)}
    typed = " ".join(f"{name}={value}" for name, value in settings.items())
    overrides = [one.replace(str(STAND_INS), str(stand_ins(bed))) for one in SMALLER["grpo"]]
    return live.launched(
        f"grpo {limit} {ON} image=none {typed} {' '.join(overrides)}"
        " trainer.total_training_steps=500 trainer.val_before_train=False"
    )


def test_whatever_ends_a_training_its_last_steps_are_saved_and_its_model_is_fetched(live: OnSlurm, bed: Bed) -> None:
    if why := lacking_verl():
        pytest.skip(why)
    model = give_verl(bed)
    runs = {name: launch(live, bed, model, limit) for name, limit in LIMITS.items()}

    live.can_see(runs["save and stop"], "card", "*Reward*")
    live.ana.says(f"/verl stop {runs['save and stop']} save=yes")

    ends: dict[str, Callable[[], str]] = {
        "save and stop": lambda: live.ends(runs["save and stop"], "was stopped"),
        "budget": lambda: live.ends(runs["budget"], "was stopped: budget used up"),
        "lease": lambda: live.ends(runs["lease"], "was stopped: lease ended"),
    }
    for name, wait in ends.items():
        notice = wait()
        kept = sorted((live.data_dir / "artifacts" / runs[name]).glob("global_step_*/actor/model_*.pt"))
        assert kept, (name, notice)
        assert f"step {kept[-1].parents[1].name.removeprefix('global_step_')}" in notice, name
