"""The values that the bot checks before a launch are those that the pinned verl has in its sources."""

import ast
from pathlib import Path

import pytest

from bot.core.frameworks.verl.option_values import OPTION_VALUES
from tests.verl.environment import VENV, run_python

pytestmark = [pytest.mark.verl]

FIND_PACKAGE = "import importlib.util as u; print(u.find_spec('verl').submodule_search_locations[0])"


@pytest.fixture(scope="module")
def package() -> Path:
    """verl's own folder."""
    return Path(run_python(VENV, "-c", FIND_PACKAGE).splitlines()[-1])


@pytest.mark.parametrize("key", OPTION_VALUES)
def test_each_value_is_in_the_source_that_is_named(package: Path, key: str) -> None:
    source = package / OPTION_VALUES[key].source
    words = set()
    for path in source.rglob("*.py") if source.is_dir() else [source]:
        nodes = ast.walk(ast.parse(path.read_text()))
        words |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert set(OPTION_VALUES[key].values) - words == set()


def test_no_registered_name_is_missing(package: Path) -> None:
    """Those that verl registers by a decorator, which a newer version may add to."""
    tree = ast.parse((package / OPTION_VALUES["algorithm.adv_estimator"].source).read_text())
    losses = {
        ast.literal_eval(call.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for call in node.decorator_list
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "register_policy_loss"
    }
    assert losses == set(OPTION_VALUES["actor_rollout_ref.actor.policy_loss.loss_mode"].values)
    (estimators,) = (
        {ast.literal_eval(line.value) for line in node.body if isinstance(line, ast.Assign)}
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == "AdvantageEstimator"
    )
    assert estimators == set(OPTION_VALUES["algorithm.adv_estimator"].values)
