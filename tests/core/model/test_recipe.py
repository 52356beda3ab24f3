import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.recipe import BUCKET, GPUS, INFRA, VOLUME
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
