import pytest

from bot.core.rules.run_names import refuse_unusable_name
from bot.errors import UnsuitableSetting

RECIPES = ("ppo", "smoke")


@pytest.mark.parametrize("name", ["big batch", "lr-1024", "v2", "sweep 3", "decade", "ppo 7f3a", "run-a"])
def test_a_name_that_nothing_else_has_is_taken(name: str) -> None:
    refuse_unusable_name(name, RECIPES)


@pytest.mark.parametrize(
    ("name", "why", "example"),
    [
        ("smoke-0002", "look like the id of a run", 'name="my smoke-0002"'),
        ("SMOKE-00FF", "look like the id of a run", 'name="my SMOKE-00FF"'),
        ("7f3a", "look like the id of a run", 'name="my 7f3a"'),
        ("ppo", "be a word of a command", 'name="my ppo"'),
        ("Stop", "be a word of a command", 'name="my Stop"'),
        ("kill", "be a word of a command", 'name="my kill"'),
        ("team", "be a word of a command", 'name="my team"'),
        ("kl", "be a word of a command", 'name="my kl"'),
        ("停止", "be a word of a command", 'name="my 停止"'),
        ("300", "be a number or a time", 'name="my 300"'),
        ("2h", "be a number or a time", 'name="my 2h"'),
        ("@ben", "letters, digits and spaces", 'name="my ben"'),
        ("a=b", "letters, digits and spaces", 'name="my ab"'),
        ("--yes", "letters, digits and spaces", 'name="my yes"'),
    ],
)
def test_a_name_that_a_command_would_take_for_something_else_is_refused_with_one_that_works(
    name: str, why: str, example: str
) -> None:
    with pytest.raises(UnsuitableSetting, match=why) as refused:
        refuse_unusable_name(name, RECIPES)
    assert example in str(refused.value.sentence)
    refuse_unusable_name(example.removeprefix("name=").strip('"'), RECIPES)
