"""How runs of real verl end before their last step: asked to save, told to end, or without one of their nodes."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.verl.bed import Asked, lacking_cables, metric_rows, run, running

pytestmark = [pytest.mark.verl, pytest.mark.timeout(1500)]

NEWEST = "latest_checkpointed_iteration.txt"
NODE_LOST_CODE = 68
MAX_END_SECONDS = 25
"""After SIGTERM: Kubernetes and Slurm kill what is left after 30 seconds."""

MAX_LOSS_SECONDS = 120
"""From the death of a node to the end of the script."""

TWO_NODES = pytest.mark.skipif(bool(lacking_cables()), reason=lacking_cables())


def test_a_run_saves_when_it_is_asked_and_when_it_is_told_to_end_and_goes_on_from_there(tmp_path: Path) -> None:
    """Its own interval would save after a thousand steps."""
    asked = Asked(
        recipe="grpo",
        folder=tmp_path,
        settings={"save_every_steps": "1000", "test_every_steps": "1000"},
        overrides=["trainer.total_training_steps=500", "trainer.val_before_train=False"],
    )
    with running(asked) as found:
        found.sees("step:1 - ")
        (asked.output / "save-request").touch()
        found.sees("that was requested is saved")
        saved = int((asked.output / NEWEST).read_text())
        found.sees(f"step:{saved + 1} - ")  # it trains on
        assert not (asked.output / "save-request").exists()
        began = time.monotonic()
        found.head.script_process().terminate()
        assert found.head.wait() == 143
        assert time.monotonic() - began < MAX_END_SECONDS
        assert found.head.left() == []
        text = found.head.text()
    last = int((asked.output / NEWEST).read_text())
    assert f"verl watch: ended by a signal; the checkpoint of step {last} is saved." in text
    assert last > saved
    assert [row["step"] for row in metric_rows(asked)][-1] in (last - 1, last)

    again = replace(asked, overrides=[*asked.overrides, f"trainer.total_training_steps={last + 1}"])
    code, found = run(again)
    assert code == 0, found.head.text()[-6000:]
    assert f"verl watch: resuming from {asked.output}/global_step_{last}" in found.head.text()
    assert re.findall(r" step:(\d+) - ", found.head.text()) == [str(last + 1)]
    assert sorted(path.name for path in asked.output.glob("global_step_*")) == [
        f"global_step_{step}" for step in sorted({last, last + 1}, key=str)
    ]


@TWO_NODES
@pytest.mark.thorough
def test_the_death_of_a_node_ends_the_training_and_says_which(tmp_path: Path) -> None:
    asked = Asked(recipe="ppo", folder=tmp_path, nodes=2, overrides=["trainer.val_before_train=False"])
    with running(asked) as found:
        found.sees("step:1 - ")
        found.nodes[1].kill()
        began = time.monotonic()
        assert found.head.wait() == NODE_LOST_CODE, found.head.text()[-6000:]
        assert time.monotonic() - began < MAX_LOSS_SECONDS
        assert "verl watch: node lost: 1 of 2 nodes are left; 10.77.0.2 has left Ray." in found.head.text()
        assert found.head.left() == []


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
