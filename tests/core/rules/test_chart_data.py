"""What a chart shows of a run, and of two."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.model.money import Rate
from bot.core.model.progress import Progress
from bot.core.rules.chart_data import (
    Chart,
    RunHistory,
    build_comparison_chart,
    build_metric_chart,
    build_progress_chart,
    build_reward_chart,
)
from bot.errors import UserError
from bot.i18n import render, use_language
from tests.builders import NOON, change_run, refusal_of, running

REWARD, VAL, SAVE = "critic/rewards/mean", "val-core/gsm8k/reward/mean@1", "timing_s/save_checkpoint"


def history(steps: int = 100, every: int = 10, more: Mapping[str, float] = MappingProxyType({})) -> MetricsHistory:
    """A reward that grows with the step, validated and saved now and then, one step a minute from noon on."""
    rows = []
    for step in range(1, steps + 1):
        seldom: Mapping[str, float] = {VAL: step / 200, SAVE: 3.0} if step % every == 0 else {}
        rows.append(StepMetrics(step, {REWARD: step / 100, **more, **seldom}, NOON.timestamp() + step * 60.0))
    return MetricsHistory.from_stored({}, rows)


def shown(figure: Chart | None) -> Chart:
    assert figure is not None
    return figure


def test_a_reward_is_drawn_with_its_validations_and_its_checkpoints() -> None:
    run = running(progress=Progress(checkpoint_step=95))
    found = shown(build_reward_chart(run, history()))
    assert [(str(line.name), len(line.points), line.is_sparse) for line in found.lines] == [
        ("reward", 100, False),
        ("validation", 10, True),
    ]
    assert found.marks == (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 100.0)
    assert str(found.title) == "Reward of ppo-7f3a"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        pytest.param({REWARD: 1.0, "critic/score/mean": 2.0}, "reward", id="reward"),
        pytest.param({"critic/score/mean": 2.0}, "score", id="no reward, a score"),
        pytest.param({VAL: 2.0}, "validation", id="validations alone"),
        pytest.param({"actor/entropy": 2.0}, None, id="nothing that says how good it is"),
    ],
)
def test_a_run_without_rewards_is_drawn_by_what_it_has(values: Mapping[str, float], name: str | None) -> None:
    found = build_reward_chart(
        running(), MetricsHistory.from_stored({}, [StepMetrics(1, values), StepMetrics(2, values)])
    )
    assert (str(found.y_label) if found else None) == name
    assert found is None or len(found.lines) == 1


@pytest.mark.parametrize(
    ("word", "name"),
    [
        pytest.param("reward", "reward", id="our word"),
        pytest.param("KL", "KL", id="in capitals"),
        pytest.param("grad", "gradient norm", id="an abbreviation"),
        pytest.param("val", "validation", id="validation"),
        pytest.param("validation", "validation", id="the name that cards and charts show"),
        pytest.param("Gradient norm", "gradient norm", id="a name of two words"),
        pytest.param("ACTOR/lr", "actor/lr", id="verl's key"),
    ],
)
def test_a_metric_is_found_by_its_word_or_its_key(word: str, name: str) -> None:
    told = history(more={"actor/kl_loss": 0.1, "actor/grad_norm": 1.0, "actor/lr": 1e-6})
    assert str(build_metric_chart(running(), told, word).y_label) == name


@pytest.mark.parametrize(
    ("word", "said"),
    [
        pytest.param("rewards", "Did you mean `reward`?", id="mistyped"),
        pytest.param("kl", "Valid: `reward`, `critic/rewards/mean`.", id="one that it has not told"),
        pytest.param("actor/x", "`ppo-7f3a` has no metric `actor/x`.", id="no such key"),
    ],
)
def test_a_metric_that_a_run_lacks_is_refused_with_those_that_it_has(word: str, said: str) -> None:
    refusal = refusal_of(lambda: build_metric_chart(running(), history(every=1000), word))
    assert refusal
    assert said in str(refusal.sentence)


@pytest.mark.parametrize(
    ("by", "first", "last"),
    [
        pytest.param("step", 1.0, 100.0, id="by step"),
        pytest.param("time", 0.0, 99 * 60.0, id="by seconds since its first step"),
        pytest.param("dollars", 4 / 60, 4 * 100 / 60, id="by dollars since its cluster was asked for"),
    ],
)
def test_two_runs_lie_side_by_side(by: str, first: float, last: float) -> None:
    a, b = RunHistory(running(), history()), RunHistory(running(id="ppo-9c21", rate=Rate(8.0, "x")), history(50))
    lines = shown(build_comparison_chart(a, b, by)).lines
    assert [str(line.name) for line in lines] == ["ppo-7f3a", "ppo-9c21"]
    assert [lines[0].points[at][0] for at in (0, -1)] == pytest.approx([first, last])
    assert lines[1].points[-1][0] == pytest.approx({"step": 50, "time": 49 * 60, "dollars": 8 * 50 / 60}[by])


def test_steps_that_were_read_at_once_lie_between_those_read_before_and_after() -> None:
    rows = [StepMetrics(step, {REWARD: 1.0}, NOON.timestamp() + -(-step // 5) * 300) for step in range(1, 21)]
    told = RunHistory(running(), MetricsHistory.from_stored({}, rows))
    line = shown(build_comparison_chart(told, RunHistory(running(id="b"), history()), "time")).lines[0]
    assert [x for x, _ in line.points] == pytest.approx([0, 0, 0, 0, *range(0, 16 * 60, 60)])


@pytest.mark.parametrize(
    "rate", [pytest.param(None, id="unpriced"), pytest.param(Rate(0.0, "x"), id="a rate of nothing, which is none")]
)
def test_by_dollars_a_run_that_nobody_can_price_is_refused(rate: Rate | None) -> None:
    a, b = RunHistory(running(), history()), RunHistory(running(id="ppo-9c21", rate=rate), history())
    with pytest.raises(UserError, match="The price of `ppo-9c21` is unknown") as refusal:
        build_comparison_chart(a, b, "dollars")
    assert "by=step" in str(refusal.value.sentence)
    assert build_comparison_chart(a, b, "time")


def test_runs_that_are_judged_by_different_numbers_share_no_chart() -> None:
    scored = MetricsHistory.from_stored({}, [StepMetrics(1, {"critic/score/mean": 1.0})])
    assert build_comparison_chart(RunHistory(running(), history()), RunHistory(running(id="b"), scored)) is None
    assert (
        build_comparison_chart(RunHistory(running(), MetricsHistory()), RunHistory(running(id="b"), history())) is None
    )


def test_the_record_alone_is_enough_for_the_chart_of_the_thread() -> None:
    progress = Progress(checkpoint_step=20)
    for row in history(30).rows:
        progress = progress.record_events([row], VERL_KEYS)
    found = build_progress_chart(change_run(running(), progress=progress))
    assert [len(line.points) for line in found.lines] == [len(progress.rewards.points), 3]
    assert found.marks == (20.0,)


def test_the_words_of_a_chart_are_said_in_the_language_of_whoever_looks() -> None:
    found = shown(build_reward_chart(running(), history()))
    with use_language("zh-CN"):
        assert render(found.title) == "ppo-7f3a 的奖励"
        assert render(found.x_label) != "step"
