"""What the head node of a verl recipe decides: which checkpoint to resume from, and whether the CPUs are enough."""

import doctest
import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

from bot.config.operation_settings import SOURCE_RECIPES

TRACKER = "latest_checkpointed_iteration.txt"


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load the module where Ray is not installed; nothing here asks it anything."""
    scheduling: Any = ModuleType("ray.util.scheduling_strategies")
    scheduling.NodeAffinitySchedulingStrategy = object
    for module in (ModuleType("ray"), ModuleType("ray.util"), scheduling):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    spec = importlib.util.spec_from_file_location("verl_watch", SOURCE_RECIPES / "lib" / "verl_watch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def listing(newest: int | None, **steps: list[tuple[int, int]]) -> dict[str, Any]:
    """Return what a node has; `step_8=[(2, 0)]` is the part of rank 0 of two."""
    return {"newest": newest, "steps": {int(name.removeprefix("step_")): parts for name, parts in steps.items()}}


def test_the_examples_in_the_module_hold(watch: ModuleType) -> None:
    result = doctest.testmod(watch)
    assert result.attempted > 0
    assert result.failed == 0


WHOLE = [(2, 0), (2, 1)]


@pytest.mark.parametrize(
    ("listings", "wanted", "step"),
    [
        pytest.param([listing(None)], None, None, id="nothing was saved"),
        pytest.param([listing(8, step_8=WHOLE)], None, 8, id="a folder that the nodes share"),
        pytest.param([listing(None, step_8=[(2, 0)]), listing(8, step_8=[(2, 1)])], None, 8, id="each its own part"),
        pytest.param([listing(8, step_8=[(2, 0)], step_4=WHOLE)], None, 4, id="a part of the newest is missing"),
        pytest.param([listing(4, step_8=WHOLE, step_4=WHOLE)], None, 4, id="the newest is not whole by verl's word"),
        pytest.param([listing(8, step_8=WHOLE, step_4=WHOLE)], 4, 4, id="a step that a person chose"),
        pytest.param([listing(None, step_8=WHOLE)], None, None, id="the first was never whole"),
    ],
)
def test_the_newest_whole_checkpoint_of_all_nodes_is_chosen(
    watch: Any, listings: list[dict[str, Any]], wanted: int | None, step: int | None
) -> None:
    assert watch.choose_checkpoint(listings, wanted, 2) == (step, None)


@pytest.mark.parametrize(
    ("listings", "wanted", "said"),
    [
        pytest.param([listing(8, step_8=[(4, 0), (4, 1), (4, 2), (4, 3)])], None, "was saved by 4 GPUs", id="GPUs"),
        pytest.param([listing(8, step_8=[(2, 1)])], None, "lacks the parts of rank 0", id="a node is gone"),
        pytest.param([listing(8)], None, "There is no checkpoint of step 8", id="verl has cleared it"),
        pytest.param([listing(8, step_8=WHOLE)], 4, "There is no checkpoint of step 4", id="another step"),
    ],
)
def test_a_checkpoint_that_cannot_be_loaded_is_never_passed_over_in_silence(
    watch: Any, listings: list[dict[str, Any]], wanted: int | None, said: str
) -> None:
    step, problem = watch.choose_checkpoint(listings, wanted, 2)
    assert step is None
    assert said in problem


def test_a_node_lists_the_parts_that_it_has(watch: Any, tmp_path: Any) -> None:
    for name in (
        "global_step_4/data.pt",
        "global_step_8/actor/model_world_size_2_rank_1.pt",
        "global_step_9/actor/x",
        "global_step_10/model_world_size_4_rank_3.pt",  # of the SFT trainer
        "global_step_11/data_0.pt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / TRACKER).write_text("8")
    found = watch.list_checkpoints(str(tmp_path))
    assert found == {"newest": 8, "steps": {8: [(2, 1)], 9: [None], 10: [(4, 3)]}}


def test_the_position_in_the_data_is_copied_and_never_replaced(watch: Any, tmp_path: Any) -> None:
    file = tmp_path / "global_step_8" / "data.pt"
    watch.write_position(str(file), b"first")
    watch.write_position(str(file), b"second")
    assert [path.name for path in file.parent.iterdir()] == ["data.pt"]
    assert watch.read_position(str(file)) == b"first"


@pytest.mark.parametrize(
    ("cpus", "gpus", "is_enough"),
    [([16], 1, True), ([12], 1, True), ([11], 1, False), ([64], 8, True), ([16], 8, False), ([30, 2], 1, False)],
)
def test_the_cpus_that_verl_takes_are_counted_before_it_starts(
    watch: Any, cpus: list[int], gpus: int, is_enough: bool
) -> None:
    assert (watch.find_missing_cpus(cpus, gpus, 9, 3) is None) == is_enough


def test_requests_are_answered_once(watch: Any) -> None:
    requests = watch.SaveRequests()
    assert requests.find_open() == 0
    requests.ask()
    assert (requests.find_open(), requests.get_answer()) == (1, None)
    assert requests.answer(1, 12) is True
    assert (requests.find_open(), requests.get_answer()) == (0, 12)
    assert requests.answer(1, 13) is False
