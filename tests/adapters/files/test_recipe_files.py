"""Recipe files that fuzzing has found: each is refused in words, where the bot failed before."""

from pathlib import Path

import pytest

from bot.adapters.files.recipe_files import RecipeFolder, parse_recipe
from bot.core.model.recipe import Accelerators, parse_accelerators
from bot.core.model.rollout import OutputFiles
from bot.errors import UserError
from tests.fuzz.recipe_files import SHORT

REFUSED = {
    "a date for a name": ("name: toy", "name: 2026-01-02", "`name` is neither text nor a number: write it in quotes"),
    "a date for a key": ("num_nodes: 1", "2026-01-02: 1", "the key `2026-01-02` must be text: write it in quotes"),
    "nothing for a key": ("num_nodes: 1", "~: 1", "the key `None` must be text"),
    "no number": ("num_nodes: 1", "x: .nan", "`x` is neither text nor a number"),
    "bytes": ("num_nodes: 1", "x: !!binary YQ==", "`x` is neither text nor a number"),
    "a tag that does not fit": ("num_nodes: 1", "x: !!timestamp y", "a value in it is not what its tag says"),
    "another tag": ("num_nodes: 1", "x: !!bool y", "a value in it is not what its tag says"),
    "secrets as a list": ("secrets: {HF_TOKEN: null}", "secrets: [HF_TOKEN]", "`secrets` must be a mapping"),
    "resources as text": ("resources: {", "resources: no\nx: {", "`resources` must be a mapping"),
    "a count that is none": ("H100:8", "H100:eight", "`resources.accelerators` cannot be `H100:eight`"),
    "a mapping for a default": (", sets: num_nodes", ", sets: resources", "has more than one value"),
    "a pattern that is none": ('"[a-z]+"', '"[a-z"', "the pattern of model: `[a-z` is not a valid RE2 expression"),
    "a pattern that looks around": ('"[a-z]+"', '"(?=a)[a-z]+"', "the pattern of model"),
    "an unknown finding": ("[plateau]", "[plato]", "names an unknown finding: `plato`"),
    "a budget that is none": ("budget_dollars: 1", "budget_dollars: .inf", "`_metadata.verlbot.budget_dollars`"),
    "code in another folder": (
        "_metadata:\n  verlbot:\n",
        "workdir: {url: https://a.example/b.git}\n_metadata:\n  verlbot:\n    code: true\n",
        "`_metadata.verlbot.code` needs a task without a `workdir` of its own",
    ),
    "a lease beyond all dates": (
        "lease_hours: 1",
        "lease_hours: 1.0e+300",
        "`_metadata.verlbot.lease_hours` must be at most",
    ),
}


@pytest.mark.parametrize(("old", "new", "why"), REFUSED.values(), ids=REFUSED)
def test_a_recipe_file_that_the_bot_failed_on_is_refused_in_words(old: str, new: str, why: str) -> None:
    assert SHORT.count(old) == 1
    with pytest.raises(UserError) as refused:
        parse_recipe("toy", SHORT.replace(old, new))
    assert why in f"{refused.value.sentence}{refused.value.hint}"


PLACE = "    checkpoints: {variable: CHECKPOINT_DIR, mount: /checkpoints, resume: RESUME_FROM}\n"


@pytest.mark.parametrize(
    ("place", "files", "why"),
    [
        (PLACE, "{samples: ../other}", "`_metadata.verlbot.files.samples`"),
        (PLACE, '{metrics: "a b"}', "`_metadata.verlbot.files.metrics`"),
        (PLACE, "{validation_samples: /etc}", "`_metadata.verlbot.files.validation_samples`"),
        (PLACE, "{rollouts: x}", "rollouts"),
        ("", "{samples: rollouts}", "`_metadata.verlbot.files` needs `checkpoints` too"),
    ],
    ids=["a path upwards", "a blank", "an absolute path", "an unknown key", "without checkpoints"],
)
def test_files_outside_of_the_runs_folder_are_refused(place: str, files: str, why: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_recipe("toy", SHORT.replace(PLACE, f"{place}    files: {files}\n"))
    assert why in f"{refused.value.sentence}{refused.value.hint}"


def test_files_in_the_runs_folder_are_known() -> None:
    text = f"{SHORT}    files: {{samples: rollouts, metrics: metrics}}\n"
    assert parse_recipe("toy", text).files == OutputFiles("rollouts", "", "metrics")


def test_a_file_that_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_bytes(b"name: \xff")
    with pytest.raises(UserError, match="it is not UTF-8 text"):
        RecipeFolder(tmp_path).get("toy")


def test_a_part_of_an_accelerator_counts_as_one() -> None:
    assert parse_accelerators({"resources": {"accelerators": "L4:0.5"}}) == Accelerators("L4", 1)


def test_a_pattern_that_would_take_for_ever_does_not() -> None:
    """With the standard library's expressions this text takes longer than there is time."""
    recipe = parse_recipe("toy", SHORT.replace('"[a-z]+"', '"(a|a)*b|small"'))
    (model,) = (one for one in recipe.parameters if one.name == "model")
    assert model.parse("a" * 199 + "b")
    with pytest.raises(UserError):
        model.parse("a" * 200)


def test_half_a_character_fits_no_pattern() -> None:
    (model,) = (one for one in parse_recipe("toy", SHORT).parameters if one.name == "model")
    with pytest.raises(UserError):
        model.parse("small\ud800")
