"""How runs of real verl end before their last step: asked to save, told to end, or without one of their nodes."""

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.verl.bed import Asked, lacking_cables, run, running
from tests.verl.conftest import prompts, saved_written
from tests.verl.told_to_end import SELDOM, WITH_TIME_TO_SAVE, ToldToEnd

pytestmark = [pytest.mark.verl, pytest.mark.timeout(1500)]

NEWEST = "latest_checkpointed_iteration.txt"
NODE_LOST_CODE = 68
MAX_LOSS_SECONDS = 120
"""From the death of a node to the end of the script."""

TWO_NODES = pytest.mark.skipif(bool(lacking_cables()), reason=lacking_cables())


@pytest.mark.thorough
def test_a_run_that_was_told_to_end_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    """Its own interval would save after a thousand steps."""
    asked = Asked(
        recipe="grpo",
        folder=tmp_path,
        settings=SELDOM,
        overrides=["trainer.total_training_steps=500", "trainer.val_before_train=False"],
        variables=WITH_TIME_TO_SAVE,
    )
    with running(asked) as found:
        told = ToldToEnd.of(found, first_step=1)
    told.check()

    again = replace(asked, overrides=[*asked.overrides, f"trainer.total_training_steps={told.last + 1}"])
    code, found = run(again)
    assert code == 0, found.head.text()[-6000:]
    assert f"verl watch: resuming from {asked.output}/global_step_{told.last}" in found.head.text()
    assert re.findall(r" step:(\d+) - ", found.head.text()) == [str(told.last + 1)]
    assert saved_written(asked) == [told.last, told.last + 1]


@dataclass(frozen=True, slots=True)
class Death:
    """When the second of two nodes loses its power, and what the first one says then.

    Attributes:
        seen: in the first node's log; empty for before Ray has started there.
        code: with which the first node's script ends.
        told: what it says.
        newest: the step from which a resume goes on; 0 where nothing was saved.
    """

    seen: str
    code: int
    told: str
    newest: int


LOST = "verl watch: node lost: 1 of 2 nodes are left; 10.77.0.2 has left Ray."
DEATHS = {
    "before it joins": Death("", 1, "verl recipe: only 1 of 2 nodes joined Ray within 30 seconds.", 0),
    "while the model is loaded": Death("All configuration checks passed", NODE_LOST_CODE, LOST, 0),
    "before its first step": Death("Training Progress:   0%", NODE_LOST_CODE, LOST, 0),
    "while it trains": Death("step:2 - ", NODE_LOST_CODE, LOST, 1),
    "while it saves": Death("/global_step_2", NODE_LOST_CODE, LOST, 1),
}


@TWO_NODES
@pytest.mark.thorough
@pytest.mark.parametrize("death", DEATHS.values(), ids=DEATHS)
def test_the_death_of_a_node_ends_the_training_and_a_resume_goes_on_from_what_is_whole(
    tmp_path: Path, death: Death
) -> None:
    """Both nodes see one folder of checkpoints, as on a volume."""
    asked = Asked(
        recipe="grpo",
        folder=tmp_path,
        nodes=2,
        settings={"save_every_steps": "1", "test_every_steps": "1000"},
        overrides=["trainer.total_training_steps=4"],
        variables={"WORKERS_TIMEOUT_SECONDS": "30"} if not death.seen else {},
    )
    with running(asked) as found:
        if death.seen:
            found.sees(death.seen)
        found.nodes[1].kill()
        began = time.monotonic()
        assert found.head.wait() == death.code, found.head.text()[-6000:]
        assert time.monotonic() - began < MAX_LOSS_SECONDS
        assert death.told in found.head.text()
        assert found.head.left() == []
    newest = int((asked.output / NEWEST).read_text()) if (asked.output / NEWEST).exists() else 0
    assert newest >= death.newest
    seen = {
        step: prompts(asked, step) for step in range(1, 5) if (asked.output / "rollouts" / f"{step}.jsonl").exists()
    }

    code, found = run(replace(asked, variables={}))
    assert code == 0, found.head.text()[-6000:]
    resumed = re.findall(r"verl watch: resuming from \S+/global_step_(\d+)", found.head.text())
    assert resumed == ([str(newest)] if newest else [])
    assert int((asked.output / NEWEST).read_text()) == 4
    assert {step: prompts(asked, step) for step in seen} == seen


@TWO_NODES
@pytest.mark.thorough
def test_the_death_of_the_head_ends_the_other_node_and_is_no_success(tmp_path: Path) -> None:
    asked = Asked(recipe="ppo", folder=tmp_path, nodes=2, overrides=["trainer.val_before_train=False"])
    with running(asked) as found:
        found.sees("step:1 - ")
        found.head.kill()
        began = time.monotonic()
        assert found.nodes[1].wait() == NODE_LOST_CODE
        assert time.monotonic() - began < MAX_LOSS_SECONDS
        assert "node lost: the head node (10.77.0.1:6390) is gone" in found.nodes[1].text()
        assert found.nodes[1].left() == []
