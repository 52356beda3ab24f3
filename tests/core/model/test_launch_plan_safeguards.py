"""What a launch goes without is said before it costs anything."""

from dataclasses import replace

import pytest

from bot.adapters.files.recipe_files import RecipeFolder
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.frameworks import FRAMEWORK
from bot.core.model.launch_plan import Safeguard, build_launch_plan, find_missing_safeguards

PPO = RecipeFolder(SOURCE_RECIPES).get("ppo")


@pytest.mark.parametrize(
    ("overrides", "lacking"),
    [
        pytest.param((), (), id="the recipe as it is"),
        pytest.param(("trainer.save_freq=-1",), (Safeguard.CHECKPOINTS,), id="never saved"),
        pytest.param(("trainer.test_freq=0",), (Safeguard.VALIDATION,), id="never validated"),
        pytest.param(("+trainer.test_freq=null",), (Safeguard.VALIDATION,), id="taken away"),
        pytest.param(("trainer.test_freq=-1", "trainer.test_freq=10"), (), id="the last word counts"),
        pytest.param(
            ("trainer.test_freq=10", "++trainer.test_freq=-1"), (Safeguard.VALIDATION,), id="whatever its sign"
        ),
        pytest.param(("trainer.test_freq_total=-1", "x.trainer.save_freq=-1"), (), id="other keys"),
    ],
)
def test_what_overrides_switch_off(overrides: tuple[str, ...], lacking: tuple[Safeguard, ...]) -> None:
    assert find_missing_safeguards(build_launch_plan(PPO, (), overrides, "ppo-0000"), FRAMEWORK) == lacking


def test_a_recipe_that_refuses_an_autostop_is_seen() -> None:
    made = build_launch_plan(PPO, (), (), "ppo-0000")
    task = {**made.task, "resources": {"autostop": False}}
    assert find_missing_safeguards(replace(made, task=task), FRAMEWORK) == (Safeguard.AUTOSTOP,)
