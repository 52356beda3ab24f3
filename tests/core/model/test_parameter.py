"""The values of a parameter: what is read, and what is refused with the valid range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.parameter import Parameter, ParameterKind, Value
from bot.errors import UserError
from tests.builders import a_recipe, refusal_of


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param("nodes", "8", 8, id="a whole number at its end"),
        pytest.param("nodes", " 2 ", 2, id="spaces around"),
        pytest.param("learning_rate", "1e-6", 1e-6, id="an exponent"),
        pytest.param("learning_rate", ".5", 0.5, id="no leading zero"),
        pytest.param("model", "Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B", id="text"),
        pytest.param("mode", "slow", "slow", id="a choice"),
        pytest.param("debug", "Yes", True, id="a flag"),
        pytest.param("budget", "12.5", 12.5, id="dollars"),
        pytest.param("gpus", "H100:8", "H100:8", id="accelerators"),
        pytest.param("bucket", "s3://team/a", "s3://team/a", id="a bucket"),
    ],
)
def test_a_valid_value_is_read(name: str, text: str, value: Value) -> None:
    assert a_recipe().find_parameter(name).parse(text) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        pytest.param("nodes", "9", "`nodes` must be a whole number from 1 to 8, not `9`.", id="too many"),
        pytest.param("nodes", "0", "from 1 to 8", id="too few"),
        pytest.param("nodes", "2.5", "a whole number", id="not whole"),
        pytest.param("nodes", "٢", "a whole number", id="digits of another script"),
        pytest.param("nodes", "", "a whole number", id="nothing"),
        pytest.param("learning_rate", "inf", "a number from 0 to 10", id="infinity"),
        pytest.param("learning_rate", "1e400", "a number from 0 to 10", id="too large for a float"),
        pytest.param("mode", "medium", "`fast` or `slow`", id="no such choice"),
        pytest.param("debug", "perhaps", "`true` or `false`", id="no flag"),
        pytest.param("gpus", "8", "such as `H100:8`", id="a count without a type"),
        pytest.param("bucket", "s3://${HOME}/x", "such as `s3://", id="a variable where SkyPilot would fill it in"),
        pytest.param("infra", "k8s; rm", "a SkyPilot infra", id="no infra"),
        pytest.param("budget", "0", "from 0.01 to 1,000,000 dollars", id="no money"),
    ],
)
def test_a_value_that_is_not_valid_is_refused_with_the_range(name: str, text: str, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        a_recipe().find_parameter(name).parse(text)
    assert said in str(refusal.value.sentence)


@given(st.sampled_from(ParameterKind), st.text())
def test_reading_a_value_never_crashes(kind: ParameterKind, text: str) -> None:
    parameter = Parameter(name="x", kind=kind, meaning="", minimum=0, maximum=5, choices=("a",))
    if refusal := refusal_of(lambda: parameter.parse(text)):
        assert str(refusal.message).startswith(f"`x` must be {parameter.range}, not ")
