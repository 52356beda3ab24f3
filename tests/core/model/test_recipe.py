import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.recipe import BUCKET, GPUS, INFRA, VOLUME, build_common_parameters
from bot.errors import UserError
from tests.builders import a_recipe, refusal_of


def test_an_unknown_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="`toy` has no parameter `nodse`") as refusal:
        a_recipe().find_parameter("nodse")
    assert "Did you mean `nodes`?" in str(refusal.value.hint)


@given(st.text())
def test_places_hold_nothing_that_a_template_or_a_path_could_evaluate(text: str) -> None:
    for parameter in (BUCKET, VOLUME, INFRA, GPUS):
        if refusal_of(lambda: parameter.parse(text)) is None:  # noqa: B023  # called at once
            assert not set(text.strip()) & set("$`'\"\\\n {}")


@pytest.mark.parametrize(
    ("accelerators", "default"),
    [
        ("H100:8", "H100:8"),
        (["H100:1", "A100-80GB:1"], "H100:1, A100-80GB:1"),
        ({"H100": 8, "H200": None}, "H100:8, H200:1"),
    ],
    ids=["one kind", "a choice", "a mapping"],
)
def test_the_default_of_gpus_is_each_kind_that_the_task_takes(accelerators: object, default: str) -> None:
    common = build_common_parameters({"resources": {"accelerators": accelerators}}, None, 50.0, 6.0)
    assert {one.name: one.default for one in common}["gpus"] == default


def test_the_default_of_keep_is_the_recipes_own() -> None:
    by_hours = [build_common_parameters({}, None, 50.0, 6.0, hours) for hours in (0.0, 2.0, None)]
    assert [next(one.default for one in common if one.name == "keep") for common in by_hours] == ["0", "2", ""]
