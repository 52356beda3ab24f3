"""The program that turns a team's rows into verl's, by itself; with the recipe's script in test_recipe_scripts.py."""

import doctest
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from bot.config.operation_settings import SOURCE_RECIPES


@pytest.fixture(scope="module")
def own_data() -> ModuleType:
    spec = importlib.util.spec_from_file_location("own_data", SOURCE_RECIPES / "lib" / "own_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_examples_in_the_module_hold(own_data: ModuleType) -> None:
    result = doctest.testmod(own_data)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    "text",
    [
        "from mine import *",
        "import a.compute_score as compute_score",
        "try:\n    from a import compute_score\nexcept ImportError:\n    compute_score = None",
        "compute_score = other",
        "class compute_score: ...",
        "async def compute_score(data_source, solution_str, ground_truth, extra_info=None, **_): ...",
    ],
)
def test_a_reward_may_be_bound_in_any_way(own_data: ModuleType, tmp_path: Path, text: str) -> None:
    """As by verl, which takes the attribute of that name."""
    (tmp_path / "mine.py").write_text(text)
    own_data.check_reward(str(tmp_path / "mine.py"))
