"""What two runs do not share: typed values, and the recipe's own where a run set none."""

from datetime import timedelta

import pytest

from bot.core.model.run_plan import OptionParameter
from bot.core.model.run_state import RunLimit
from bot.core.rules.setting_differences import SettingValue, collect_defaults, find_differences
from tests.builders import a_recipe, a_run, at

A = a_run(command_line="launch ppo nodes=2 steps=60")
B = a_run(id="ppo-9c21", command_line="launch ppo nodes=4")


@pytest.mark.parametrize(
    ("defaults", "expected"),
    [
        ({}, [("nodes", SettingValue("2"), SettingValue("4")), ("steps", SettingValue("60"), None)]),
        (
            {"steps": "500"},
            [
                ("nodes", SettingValue("2"), SettingValue("4")),
                ("steps", SettingValue("60"), SettingValue("500", is_default=True)),
            ],
        ),
        ({"steps": "60"}, [("nodes", SettingValue("2"), SettingValue("4"))]),
    ],
    ids=["no default is known", "the default differs", "the default is the same"],
)
def test_a_default_takes_part_in_the_comparison(
    defaults: dict[str, str], expected: list[tuple[str, SettingValue | None, SettingValue | None]]
) -> None:
    assert [(one.name, one.a, one.b) for one in find_differences(A, B, defaults, defaults)] == expected


def test_defaults_are_those_of_the_recorded_task_and_of_the_launch() -> None:
    run = a_run(
        command_line="launch ppo nodes=2 budget=9",
        option_parameters=(OptionParameter("actor.optim.lr", "learning_rate", "1e-6", None, None),),
    )
    run = run.change_limit(RunLimit.LEASE, run.limits.lease / timedelta(hours=1) + 2, "U0ANA", at(60))
    task = {"num_nodes": 2, "envs": {"LEARNING_RATE": "3e-5", "MODEL": "small"}}
    found = collect_defaults(run, task, a_recipe().parameters)
    assert found["learning_rate"] == "3e-5"
    assert found["model"] == "small"
    assert found["actor.optim.lr"] == "1e-6"
    assert found["lease"] == f"{(run.limits.lease / timedelta(hours=1)) - 2:g}"
    assert not {"nodes", "budget"} & found.keys(), "what the person typed has no default"
