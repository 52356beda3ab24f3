"""What a launch is made of, and that nothing typed is ever evaluated by a shell."""

import json
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command
from bot.core.model.characters import INVISIBLE
from bot.core.model.launch_plan import LaunchPlan, build_launch_plan
from bot.core.model.typed_text import split_words
from bot.errors import UserError
from tests.builders import a_recipe
from tests.examples import examples

PRINT_ARGUMENTS = "exec printf '%s\\0' \"$@\""
"""A program, and not the shell's own word; between two arguments stands what no argument can hold."""


def planned(line: str) -> LaunchPlan:
    asked = parse_command(f"launch toy {line}")
    assert isinstance(asked, Launch)
    return build_launch_plan(a_recipe(), asked.parameters, asked.overrides, "toy-7f3a")


def test_parameters_are_written_into_the_task_where_they_belong() -> None:
    made = planned("nodes=2 epochs=+03 learning_rate=1e-6 debug=yes gpus=H100:8 infra=slurm model=a/b")
    assert (made.nodes, made.gpus, made.infra) == (2, "H100:8", "slurm")
    assert made.task["envs"] == {
        "EPOCHS": "3",
        "LEARNING_RATE": "1e-6",
        "MODEL": "a/b",
        "MODE": "fast",
        "DEBUG": "true",
        "VERLBOT_RUN_ID": "toy-7f3a",
    }


def test_the_recipe_itself_is_left_as_it_was() -> None:
    recipe = a_recipe()
    before = json.dumps(recipe.task)
    build_launch_plan(recipe, (("nodes", "4"), ("volume", "models")), ("a.b=c",), "toy-1")
    assert json.dumps(recipe.task) == before


def test_overrides_stand_before_the_script_as_words_of_its_own() -> None:
    made = planned("trainer.total_epochs=3 'data.prompt_key=a b'")
    assert made.task["run"] == "set -- trainer.total_epochs=3 'data.prompt_key=a b'\npython3 train.py \"$@\""


def test_without_overrides_the_script_is_the_recipes_own() -> None:
    assert planned("nodes=2").task["run"] == a_recipe().task["run"]


def test_checkpoints_without_a_place_die_with_the_machine() -> None:
    assert planned("").checkpoints_ephemeral
    assert not planned("volume=models").checkpoints_ephemeral


def test_a_volume_is_mounted_and_the_recipe_pointed_at_it() -> None:
    made = planned("volume=models")
    assert made.task["volumes"] == {"/checkpoints": "models"}
    assert made.task["envs"]["CHECKPOINT_DIR"] == "/checkpoints"
    assert made.checkpoint_store == "volume models"


def test_a_bucket_is_mounted_and_the_recipe_pointed_at_it() -> None:
    made = planned("bucket=s3://team/a")
    assert made.task["file_mounts"] == {"/checkpoints": {"source": "s3://team/a", "mode": "MOUNT_CACHED"}}
    assert made.checkpoint_store == "s3://team/a"


def test_budget_and_lease_are_the_recipes_unless_set() -> None:
    assert (planned("").budget_dollars, planned("").lease) == (50.0, timedelta(hours=6))
    made = planned("budget=7 lease=1.5")
    assert (made.budget_dollars, made.lease) == (7.0, timedelta(hours=1.5))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("nodes=99", "from 1 to 8", id="out of range"),
        pytest.param("colour=red", "`toy` has no parameter `colour`", id="unknown"),
        pytest.param("bucket=s3://a/b volume=c", "not both", id="two places"),
    ],
)
def test_what_cannot_be_launched_is_refused(line: str, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        planned(line)
    assert said in str(refusal.value.sentence)


def test_a_recipe_without_hydra_refuses_overrides_and_names_its_parameters() -> None:
    with pytest.raises(UserError) as refusal:
        build_launch_plan(a_recipe(takes_overrides=False), (), ("a.b=c",), "toy-1")
    assert "`nodes`, `epochs`" in str(refusal.value.hint)


def test_the_hash_is_of_everything_that_would_run() -> None:
    assert planned("nodes=2").hash == planned("nodes=2").hash
    assert planned("nodes=2").hash != planned("nodes=2 a.b=c").hash


def test_the_line_of_a_plan_makes_the_same_plan_again() -> None:
    made = planned("nodes=2 'data.prompt_key=a b' model=“x y”")
    assert planned(made.command_line.removeprefix("launch toy ")) == made


HOSTILE = st.sampled_from(
    ["$(touch pwned)", "`touch pwned`", "; touch pwned", "' touch pwned '", "\\", "${HOME}", "!!", "*"]
)
VALUES = st.lists(HOSTILE | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1).map(
    "".join
)


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_no_typed_override_is_ever_evaluated_by_a_shell(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    """The rendered script is run by the shell that a node has, with a program that prints its arguments."""
    overrides = tuple(f"data.key={value}" for value in values)
    made = build_launch_plan(a_recipe(task={**a_recipe().task, "run": PRINT_ARGUMENTS}), (), overrides, "toy-1")
    folder = tmp_path_factory.mktemp("shell")
    script = folder / "run.sh"
    script.write_text(str(made.task["run"]), newline="")
    printed = subprocess.run(["bash", script], cwd=folder, capture_output=True, check=True)
    assert printed.stdout.decode() == "".join(f"{override}\0" for override in overrides)
    assert [path.name for path in folder.iterdir()] == ["run.sh"]


@examples(50)
@given(VALUES)
def test_no_typed_parameter_is_ever_evaluated_by_a_shell(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    """A parameter reaches the script in the environment, byte for byte, from the line that was typed."""
    typed = (("model", value),)
    try:
        made = build_launch_plan(a_recipe(), typed, (), "toy-1")
    except UserError:
        assert not value.strip()
        return
    if not INVISIBLE.search(value) and not set(value) & set("\n\t"):  # what can be typed at all
        assert split_words(made.command_line) == ("launch", "toy", f"model={value}")
    folder: Path = tmp_path_factory.mktemp("shell")
    printed = subprocess.run(
        ["bash", "-c", 'printf %s "$MODEL"'],
        env=made.task["envs"] | {"PATH": "/usr/bin:/bin"},
        cwd=folder,
        capture_output=True,
        check=True,
    )
    assert printed.stdout.decode() == value.strip()
    assert not list(folder.iterdir())


def test_of_several_resources_the_accelerators_of_all_are_named() -> None:
    made = build_launch_plan(a_recipe(), (), (), "ppo-7f3a")
    several = {"any_of": [{"accelerators": "H100:8"}, {"accelerators": {"A100": 4}}], "cpus": 4}
    assert replace(made, task={**made.task, "resources": several}).gpus == "H100:8, A100:4"
