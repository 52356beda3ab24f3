"""The programs that turn a team's rows into verl's, by themselves; with the scripts in test_recipe_scripts.py."""

import doctest
import importlib
from pathlib import Path
from types import ModuleType

import pytest

from bot.config.operation_settings import SOURCE_RECIPES


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder in which the programs find each other."""
    monkeypatch.syspath_prepend(str(SOURCE_RECIPES / "lib"))


@pytest.fixture
def own_data() -> ModuleType:
    return importlib.import_module("own_data")


@pytest.mark.parametrize("name", ["own_data", "team_rows", "conversations"])
def test_the_examples_in_the_module_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
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
