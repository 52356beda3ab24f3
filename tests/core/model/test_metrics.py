"""A row of numbers from outside: bounded however it is made, so that nothing that is reckoned from it overflows."""

import json
import math
from collections.abc import Callable, Mapping

import pytest

from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.metrics import LARGEST_FLOAT32, MAX_KEY_CHARACTERS, MAX_KEYS, MAX_STEP_SECONDS, StepMetrics

NAN, INF = math.nan, math.inf


def console(values: Mapping[str, str]) -> str:
    return "step:1 - " + " - ".join(f"{key}:{value}" for key, value in values.items())


def numpy(values: Mapping[str, str]) -> str:
    return console({key: f"np.float64({value})" for key, value in values.items()})


def tensor(values: Mapping[str, str]) -> str:
    return console({key: f"tensor({value}, device='cuda:0')" for key, value in values.items()})


def glued(values: Mapping[str, str]) -> str:
    return console(values) + "(WorkerDict pid=1) one - two"


def braces(values: Mapping[str, str]) -> str:
    return "Initial validation metrics: {" + ", ".join(f"'{key}': {value}" for key, value in values.items()) + "}"


def json_line(values: Mapping[str, str]) -> str:
    data = ", ".join(f"{json.dumps(key)}: {value}" for key, value in values.items())
    return f'{{"step": 1, "data": {{{data}}}}}'


WAYS = [console, numpy, tensor, glued, braces, json_line]


@pytest.mark.parametrize("write", WAYS)
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e308", INF),
        ("-1.7e308", -INF),
        ("3.5e38", INF),
        ("3.4028235e+38", 3.4028235e38),
        ("1e-46", 0.0),
        ("-1e-300", 0.0),
        ("1.5e-45", 1.5e-45),
        ("9" * 400, INF),
        ("0.25", 0.25),
    ],
)
def test_numbers_beyond_float32_are_not_finite_and_those_below_it_are_zero(
    write: Callable[[Mapping[str, str]], str], written: str, value: float
) -> None:
    keys = ("critic/a", "critic/b", "actor/c", "actor/d", "val-core/e")
    _, facts = LogParser().parse(write(dict.fromkeys(keys, written)) + "\n")
    (row,) = facts
    assert isinstance(row, StepMetrics)
    assert set(row.values.values()) == {value}
    assert set(row.values) == set(keys)


def test_not_a_number_stays_news() -> None:
    assert math.isnan(StepMetrics(1, {"a": NAN}).values["a"])
    assert StepMetrics(1, {"a": INF, "b": -INF}).values == {"a": INF, "b": -INF}


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("a" * (MAX_KEY_CHARACTERS + 1), id="long"),
        pytest.param("a\ud800", id="half a character"),
        pytest.param("a\x07", id="a control character"),
        pytest.param("a\u202eb", id="one that turns the text around"),
        pytest.param("", id="empty"),
    ],
)
def test_a_key_that_cannot_be_kept_or_shown_costs_itself_alone(key: str) -> None:
    assert StepMetrics(1, {key: 1.0, "actor/lr": 0.5}).values == {"actor/lr": 0.5}
    line = f'{{"step": 1, "data": {json.dumps({key: 1.0, "actor/lr": 0.5})}}}'
    assert LogParser().parse(line + "\n")[1] == [StepMetrics(1, {"actor/lr": 0.5})]


def test_a_long_key_on_a_step_line_costs_itself_alone() -> None:
    line = f"step:1 - actor/lr:0.5 - {'a' * 9_000}:1 - critic/rewards/mean:0.25"
    assert LogParser().parse(line + "\n")[1] == [StepMetrics(1, {"actor/lr": 0.5, "critic/rewards/mean": 0.25})]


def test_of_too_many_keys_those_are_kept_that_tell_most() -> None:
    many = {f"val-aux/{n}": 0.5 for n in range(MAX_KEYS)} | {f"val-core/{n}": 0.5 for n in range(9)}
    row = StepMetrics(1, VERL_KEYS.limit(many | {"actor/lr": 1e-6, "critic/rewards/mean": 0.25}))
    assert len(row.values) == MAX_KEYS
    assert row.find_first(["critic/rewards/mean"]) == 0.25
    assert {"actor/lr", *(f"val-core/{n}" for n in range(9))} <= row.values.keys()


def test_a_row_of_too_many_keys_keeps_the_first() -> None:
    row = StepMetrics(1, {f"key/{n}": 0.5 for n in range(2 * MAX_KEYS)})
    assert (len(row.values), "key/0" in row.values) == (MAX_KEYS, True)


def test_a_row_within_bounds_is_kept_as_it_is() -> None:
    values = {"a b": LARGEST_FLOAT32, "train/time(s)": -0.5, "c": 0.0, "d": -0.0}
    assert StepMetrics(1, values).values is values


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({"timing_s/step": 60.0}, 60.0),
        ({"timing_s/step": -60.0}, None),
        ({"timing_s/step": 0.0}, None),
        ({"timing_s/step": NAN}, None),
        ({"timing_s/step": 1e30}, MAX_STEP_SECONDS),
        ({"timing_s/step": INF}, MAX_STEP_SECONDS),
        ({"timing_s/step": -1.0, "perf/time_per_step": 5.0}, 5.0),
        ({"timing/a": 1e308, "timing/b": 1e308}, MAX_STEP_SECONDS),
        ({"timing/a": 20.0, "timing/b": -5.0, "timing/c": NAN}, 20.0),
        ({f"timing/{n}": 3e38 for n in range(MAX_KEYS)}, MAX_STEP_SECONDS),
        ({}, None),
    ],
)
def test_how_long_a_step_took_is_above_zero_and_bounded(values: Mapping[str, float], seconds: float | None) -> None:
    assert VERL_KEYS.find_seconds(StepMetrics(1, values)) == seconds
