"""A run's progress as people read it: what is known, where it is known, in both languages."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.model.metrics import StepMetrics
from bot.core.model.money import Rate
from bot.core.model.progress import Progress, StepTime
from bot.core.model.run import Run
from bot.core.model.run_state import ProgressSnapshot, Reason
from bot.core.rules.forecast import Horizon
from bot.i18n import use_language
from bot.slack.views.progress_views import (
    PROGRESS_BAR_CHARACTERS,
    describe_cost_change,
    describe_loss,
    describe_sources,
    describe_time_parts,
    describe_validation,
    describe_validations,
    format_change,
    format_eta,
    format_number,
    format_progress_bar,
    format_seconds,
    list_metric_changes,
    list_pace_and_end,
    metrics_line,
    progress_line,
)
from tests.builders import at, running

GSM, MATH, AIME = (f"val-core/{source}/reward/mean@1" for source in ("gsm8k", "math", "aime"))
STEPPING = Progress(
    40,
    100,
    {"actor/entropy": 0.2, "actor/lr": 1e-6, GSM: 0.5},
    reward=0.61,
    validation=0.5,
    validated_step=30,
    stepped_at=at(2400).timestamp(),
    step_times=(StepTime(58.3),) * 3,
)


def test_a_run_without_a_step_has_no_line() -> None:
    assert progress_line(running(), at(1)) == ""
    assert metrics_line(Progress(reward=0.5)) == ""


def test_a_line_shows_steps_reward_validation_pace_and_end() -> None:
    line = progress_line(running(progress=STEPPING, rate=Rate(6.0, "x")), at(2430))
    assert line.startswith("step 40/100 · reward 0.61 · val 0.50 (step 30) · 58 s/step · ETA <!date^")


def test_a_line_is_in_the_language_of_its_reader() -> None:
    with use_language("zh-CN"):
        line = progress_line(running(progress=STEPPING), at(2430))
    assert "40/100" in line
    assert not any(word in line for word in ("step", "reward", "ETA"))


@pytest.mark.parametrize(
    ("metrics", "unreliable", "shown"),
    [
        pytest.param((), (), "", id="none are wanted"),
        pytest.param(("actor/entropy",), (), " · `actor/entropy` 0.20", id="one"),
        pytest.param(("actor/",), (), " · `actor/entropy` 0.20 · `actor/lr` 1e-06", id="all of a beginning, in order"),
        pytest.param(("actor/entropy",), ("actor/entropy",), " · `actor/entropy` unknown", id="one that means nothing"),
        pytest.param(("val-core/",), (), "", id="the validation has words of its own"),
        pytest.param(("critic/",), (), "", id="one that the log does not have"),
    ],
)
def test_further_metrics_are_shown_where_they_are_wanted(
    metrics: tuple[str, ...], unreliable: tuple[str, ...], shown: str
) -> None:
    assert metrics_line(STEPPING, metrics, unreliable) == metrics_line(STEPPING) + shown


@pytest.mark.parametrize(
    ("run", "parts"),
    [
        pytest.param(running(), 0, id="no step"),
        pytest.param(running(progress=replace(STEPPING, step_times=())), 0, id="no pace"),
        pytest.param(running(progress=replace(STEPPING, step_times=(StepTime(60.0),))), 1, id="a pace of one step"),
        pytest.param(running(progress=STEPPING), 2, id="a pace and an end"),
        pytest.param(running(progress=replace(STEPPING, step=100)), 1, id="no step left"),
        pytest.param(running(progress=STEPPING).begin_teardown(Reason.STOPPED, None, at(2420)), 0, id="over"),
    ],
)
def test_an_end_needs_a_pace_and_steps_that_are_left(run: Run, parts: int) -> None:
    assert len(list_pace_and_end(run, at(2430))) == parts


def test_an_end_in_more_than_a_year_has_no_date() -> None:
    assert format_eta(Horizon.BEYOND_A_YEAR, at(0)) == "ETA unknown: more than a year"
    assert "<!date^" in format_eta(at(0) + timedelta(days=364), at(0))


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        pytest.param(Progress(), "", id="none"),
        pytest.param(Progress(validation=0.5), "0.50", id="at an unknown step"),
        pytest.param(Progress(validation=0.5, validated_step=0), "0.50 (step 0)", id="before the first step"),
    ],
)
def test_a_validation_has_the_step_that_it_is_of(progress: Progress, shown: str) -> None:
    assert describe_validation(progress) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.00"),
        (-0.126, "-0.13"),
        (0.00999, "0.01"),
        (99.999, "100.00"),
        (123.45, "123.5"),
        (999_999.0, "999,999.0"),
        (1e6, "1e+06"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_a_number_has_as_many_digits_as_a_reader_needs(value: float, shown: str) -> None:
    assert format_number(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.04, "0.0"), (9.96, "10.0"), (10.4, "10"), (1e9, "1e+09")])
def test_seconds_have_a_decimal_below_ten(value: float, shown: str) -> None:
    assert format_seconds(value) == shown


@pytest.mark.parametrize(("step", "last", "filled"), [(0, 60, 0), (59, 60, 19), (60, 60, 20), (-5, 60, 0), (5, 0, 20)])
def test_a_bar_is_full_at_the_last_step_alone(step: int, last: int, filled: int) -> None:
    bar = format_progress_bar(step, last)
    assert (bar.count("▓"), len(bar)) == (filled, PROGRESS_BAR_CHARACTERS)


@pytest.mark.parametrize(
    ("before", "now", "shown"),
    [
        (None, 0.5, "0.50"),
        (0.501, 0.499, "0.50"),
        (0.5, 0.6, "0.50 → 0.60 ▲"),
        (0.6, -0.5, "0.60 → -0.50 ▼"),
    ],
)
def test_a_change_has_an_arrow_where_it_can_be_seen(before: float | None, now: float, shown: str) -> None:
    assert format_change(before, now) == shown


BEFORE, NOW = ProgressSnapshot(at(0), 20, None, 0.3, 10.0), ProgressSnapshot(at(3600), 40, 0.61, None, 25.0)


def test_a_summary_has_the_metrics_that_are_known_now() -> None:
    assert list_metric_changes(BEFORE, NOW) == ["reward 0.61"]
    assert list_metric_changes(NOW, replace(BEFORE, reward=0.7)) == ["reward 0.61 → 0.70 ▲", "val 0.30"]


@pytest.mark.parametrize(
    ("before", "now", "shown"),
    [
        pytest.param(BEFORE, NOW, "$25.00 of $100.00 ($15.00 since the last summary)", id="what came to it"),
        pytest.param(NOW, BEFORE, "$10.00 of $100.00 ($0.00 since the last summary)", id="a bill that was corrected"),
        pytest.param(replace(BEFORE, dollars=None), NOW, "$25.00 of $100.00", id="no price before"),
        pytest.param(BEFORE, replace(NOW, dollars=None), "price unknown", id="no price now"),
    ],
)
def test_a_summary_has_the_dollars_since_the_last_one(
    before: ProgressSnapshot, now: ProgressSnapshot, shown: str
) -> None:
    assert describe_cost_change(running(), before, now) == shown


def progress_of(values: dict[str, float]) -> Progress:
    return Progress().record_events([StepMetrics(30, values)], FRAMEWORK.keys)


def test_of_several_data_sources_the_card_says_which_counts_and_what_the_others_have() -> None:
    values = {f"val-core/{name}/acc/mean@32": 0.1 * at for at, name in enumerate(["aime", "gsm8k", "math", "olympic"])}
    shown = describe_validations(progress_of({**values, "val-core/zebra/acc/mean@32": 0.5}))
    assert shown == [
        "0.00 (step 30)",
        "`aime` counts, the first of 5 data sources; `gsm8k` 0.10, `math` 0.20, `olympic` 0.30, …",
    ]


def test_of_one_data_source_nothing_is_said() -> None:
    assert (
        describe_sources(progress_of({"val-core/aime/acc/mean@32": 0.5, "val-core/aime/acc/best@32/mean": 0.7})) == ""
    )


def test_a_training_without_a_reward_shows_its_loss() -> None:
    progress = Progress().record_events(
        [StepMetrics(8, {"train/loss": 0.72}), StepMetrics(8, {"val/loss": 0.61})], FRAMEWORK.keys
    )
    assert metrics_line(progress) == "step 8 · loss 0.72, validation 0.61"
    assert describe_loss(progress) == "0.72, validation 0.61"
    assert describe_loss(replace(progress, reward=0.5)) == ""


STEP_TIMES = {"timing_s/gen": 60.0, "timing_s/update_actor": 20.0, "timing_s/update_critic": 10.0, "timing_s/adv": 0.1}


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        pytest.param(
            {**STEP_TIMES, "timing_s/step": 100.0},
            "Where its time goes: generation 60%, update 30%, other 10%",
            id="with the rest",
        ),
        pytest.param({"timing_s/testing": 60.0}, "", id="a validation alone"),
        pytest.param({"timing_s/step": 60.0}, "", id="no parts"),
    ],
)
def test_a_status_says_where_the_time_of_a_step_goes(values: dict[str, float], shown: str) -> None:
    assert describe_time_parts(progress_of(values)) == shown
