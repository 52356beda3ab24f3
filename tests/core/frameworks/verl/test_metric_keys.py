"""Which number of a validation is shown and judged, and which are no results."""

import pytest

from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.history import MAX_VALIDATION_METRICS, MetricsHistory, choose_new_columns
from bot.core.model.metrics import StepMetrics
from bot.core.model.progress import Progress
from bot.core.rules.chart_data import build_metric_chart
from bot.core.rules.health.validation_history import add_validations
from bot.errors import UserError
from tests.builders import a_run

AIME = "val-core/AIME2024/acc"


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        pytest.param([f"{AIME}/best@32/mean", f"{AIME}/maj@32/mean", f"{AIME}/mean@32"], f"{AIME}/mean@32", id="mean"),
        pytest.param([f"{AIME}/best@32/mean", f"{AIME}/maj@32/mean"], f"{AIME}/maj@32/mean", id="majority before best"),
        pytest.param([f"{AIME}/best@8/mean", f"{AIME}/best@8/std"], f"{AIME}/best@8/mean", id="best before its spread"),
        pytest.param([f"{AIME}/mean@4", f"{AIME}/mean@32"], f"{AIME}/mean@32", id="over the most answers"),
        pytest.param(
            ["val/test_score/x/pass@16", "val/test_score/x/pass@1", "val/test_score/x/pass@1/std"],
            "val/test_score/x/pass@1",
            id="the pass rate of one answer",
        ),
        pytest.param(
            ["val-core/b/acc/mean@8", "val-core/a/acc/best@8/mean", "val-core/c/acc/mean@8"],
            "val-core/b/acc/mean@8",
            id="of several sources the first that has a mean",
        ),
        pytest.param(
            ["val/text/test_score", "val/tool_call_count/mean", "val/success_rate", "val/shop_task_score (not that)"],
            "val/success_rate",
            id="verl-agent's",
        ),
        pytest.param(["val/pick_success_rate", "val/steps"], "val/pick_success_rate", id="a task's own rate"),
        pytest.param(["val/format_reward", "val/reward_score"], "val/reward_score", id="EasyR1's"),
        pytest.param(["val/test_score/a", "val-core/b/reward/mean@1"], "val-core/b/reward/mean@1", id="the newer name"),
        pytest.param(["val-aux/num_turns/mean", "val/loss", "val-aux/a/reward/std@4"], None, id="no result"),
    ],
)
def test_one_number_of_a_validation_is_shown_by_rule(keys: list[str], shown: str | None) -> None:
    values = {key: 0.1 * position for position, key in enumerate(keys)}
    assert VERL_KEYS.find_validation_key(values) == shown
    assert Progress().record_events([StepMetrics(1, values)], VERL_KEYS).validation_key == shown
    found = add_validations((), [StepMetrics(1, values, 1.0)], 0.0, VERL_KEYS)
    assert [result.key for result in found] == ([shown] if shown else [])


def test_each_data_source_has_its_own_number() -> None:
    values = {f"{AIME}/mean@32": 0.1, f"{AIME}/best@32/mean": 0.4, "val-core/openai/gsm8k/acc/mean@32": 0.7}
    assert dict(VERL_KEYS.list_validations(values)) == {
        f"{AIME}/mean@32": 0.1,
        "val-core/openai/gsm8k/acc/mean@32": 0.7,
    }


def test_a_second_line_about_a_step_shows_another_number_only_if_that_ranks_before() -> None:
    lines = [{f"{AIME}/maj@8/mean": 0.3}, {f"{AIME}/mean@8": 0.2}, {f"{AIME}/best@8/mean": 0.4}]
    found = Progress().record_events([StepMetrics(5, values) for values in lines], VERL_KEYS)
    assert (found.validation, found.validation_key) == (0.2, f"{AIME}/mean@8")


def test_numbers_under_another_name_are_not_compared_with_earlier_ones() -> None:
    rows = [StepMetrics(1, {f"{AIME}/best@8/mean": 0.6}, 1.0), StepMetrics(2, {f"{AIME}/mean@8": 0.2}, 2.0)]
    assert [result.value for result in add_validations((), rows, 0.0, VERL_KEYS)] == [0.2]


def test_the_number_that_is_shown_has_a_column_however_many_there_are() -> None:
    many = [f"val-core/a{n:04}/acc/best@8/mean" for n in range(2 * MAX_VALIDATION_METRICS)]
    assert "val-core/z/acc/mean@8" in choose_new_columns([], [*many, "val-core/z/acc/mean@8"], VERL_KEYS)


def test_a_supervised_training_is_judged_by_its_loss() -> None:
    lines = ["step:1 - train/loss:0.79 - train/lr(1e-3):0.00027 - train/time(s):14.8", "step:1 - val/loss:0.61"]
    lines += ["Total training steps: 372", "Epoch 1/6:   1%|█         | 2/62 [00:16<06:30,  6.40s/it]"]
    lines += ["step:2 - train/loss:0.75 - train/lr(1e-3):0.00054 - train/time(s):7.2"]
    progress = Progress().record_events(LogParser().parse("\n".join(lines) + "\n")[1], VERL_KEYS)
    assert (progress.loss, progress.validation_loss, progress.curve.points) == (0.75, 0.61, ((1, 0.79), (2, 0.75)))
    assert (progress.step, progress.last_step, progress.seconds_per_step) == (2, 372, 11.0)
    assert (progress.reward, progress.validation) == (None, None)


def test_where_nothing_else_says_how_many_steps_there_are_the_epochs_do() -> None:
    bar = "Epoch 2/6:   1%|█         | 2/62 [00:16<06:30,  6.40s/it]\n"
    progress = Progress().record_events(LogParser().parse(bar)[1], VERL_KEYS)
    assert (progress.total_steps, progress.seconds_per_step) == (372, 6.4)


def test_the_chart_of_times_has_a_line_for_each_part_of_a_step() -> None:
    rows = [StepMetrics(step, {"timing_s/gen": 6.0, "timing_s/ref": 1.0, "timing_s/values": 0.5}) for step in (1, 2)]
    chart = build_metric_chart(a_run(), MetricsHistory(rows=tuple(rows)), "time")
    assert [line.points for line in chart.lines] == [((1, 6.0), (2, 6.0)), ((1, 1.5), (2, 1.5))]


def test_a_run_without_parts_has_no_chart_of_times() -> None:
    with pytest.raises(UserError, match="does not report"):
        build_metric_chart(a_run(), MetricsHistory(rows=(StepMetrics(1, {"actor/lr": 0.5}),)), "time")
