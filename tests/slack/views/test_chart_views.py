"""Answers with charts: as Slack would judge them, and as a person reads them (tests/slack/views/golden)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.model.money import Rate
from bot.core.model.progress import Progress, StepTime
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.rules.chart_data import RunHistory, build_comparison_chart
from bot.core.rules.setting_differences import find_differences
from bot.i18n import use_language
from bot.phrase import ENGLISH, LANGUAGES
from bot.slack.inbound.query_handlers import select_charts
from bot.slack.views import chart_views
from bot.slack.views.message import Answer
from bot.slack.views.mrkdwn import escape
from slack_playground.checks import check_message
from slack_playground.transcript import written
from slack_playground.workspace import Message, seeded
from tests.builders import NOON, at, running

GOLDEN = Path(__file__).parent / "golden"
FILES = {one: GOLDEN / ("charts.txt" if one == ENGLISH else f"charts.{one}.txt") for one in LANGUAGES}


def told(run: Run, steps: int, top: float) -> RunHistory:
    rows = [row(step, top * step / steps) for step in range(1, steps + 1)]
    return RunHistory(run, MetricsHistory.from_stored({}, rows))


def row(step: int, reward: float) -> StepMetrics:
    seldom = {"val-core/gsm8k/reward/mean@1": reward - 0.05, "timing_s/save_checkpoint": 9.0} if step % 10 == 0 else {}
    values = {"critic/rewards/mean": reward, "actor/kl_loss": step / 10_000, "actor/lr": 1e-6, **seldom}
    return StepMetrics(step, values, NOON.timestamp() + 60 * step)


A = told(running(progress=Progress(120, step_times=(StepTime(60.0), StepTime(61.0)))), 120, 0.6123)
B = told(
    running(
        id="ppo-9c21",
        command_line="launch ppo nodes=4 actor_rollout_ref.actor.optim.lr=2e-6 +trainer.note='a `b`'",
        rate=Rate(8.0, "demo price"),
        progress=Progress(60, step_times=(StepTime(45.0),)),
    ),
    60,
    0.4,
)
SAME = told(running(id="ppo-1111"), 120, 0.5)
UNPRICED = told(running(id="ppo-2222", rate=None, command_line="launch ppo nodes=2 a.b="), 4, 0.1)
EMPTY = RunHistory(running(id="ppo-3333"), MetricsHistory())


def drawn(one: RunHistory, *metrics: str) -> Answer:
    return chart_views.build_plot_answer(one, select_charts(one, metrics))


DEFAULTS = {"nodes": "1", "actor_rollout_ref.actor.optim.lr": "1e-6"}


def compared(a: RunHistory, b: RunHistory, by: str = "step") -> Answer:
    differences = find_differences(a.run, b.run, DEFAULTS, DEFAULTS)
    return chart_views.build_comparison_answer(a, b, build_comparison_chart(a, b, by), at(7200), differences)


ANSWERS: dict[str, Callable[[], Answer]] = {
    "the reward": lambda: drawn(A),
    "the reward, in its first steps": lambda: drawn(UNPRICED),
    "two metrics": lambda: drawn(A, "kl", "actor/lr"),
    "the validation": lambda: drawn(A, "val"),
    "two runs": lambda: compared(A, B),
    "two runs by time": lambda: compared(A, B, "time"),
    "two runs by dollars": lambda: compared(A, B, "dollars"),
    "two runs with the same settings": lambda: compared(A, SAME),
    "two runs, one unpriced": lambda: compared(A, UNPRICED),
    "two runs, one of which has told nothing": lambda: compared(A, EMPTY),
    "without charts": lambda: chart_views.remove_charts(drawn(A), escape("…")),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_with_charts_is_one_that_slack_takes(name: str, language: str) -> None:
    with use_language(language):
        answer = ANSWERS[name]()
    check_message(answer["text"], answer["blocks"])


def test_a_metric_that_calls_the_channel_calls_nobody() -> None:
    """A log line makes a metric of any name."""
    called = "val-core/<!channel>/*reward*"
    rows = [StepMetrics(step, {called: step / 10}, NOON.timestamp() + step) for step in range(1, 9)]
    answer = drawn(RunHistory(running(), MetricsHistory.from_stored({}, rows)), called)
    assert "<" not in answer["text"] + answer["blocks"][-1]["elements"][0]["text"]
    assert "`val-core/&lt;!channel&gt;/*reward*`" in answer["blocks"][-1]["elements"][0]["text"]
    assert answer["blocks"][0]["chart"]["series"][0]["name"] == "val-core/<…/*reward*"


@pytest.mark.parametrize("language", FILES)
def test_answers_with_charts_read_as_they_were_read_aloud(language: str) -> None:
    assert read_all(language) == FILES[language].read_text(), "read the difference aloud, then run `make golden`"


def write_all() -> None:
    for language, path in FILES.items():
        path.write_text(read_all(language))


def read_all(language: str) -> str:
    workspace, parts = seeded(), []
    with use_language(language):
        for name, make in ANSWERS.items():
            answer = make()
            found = Message("1.0", "C0TRAIN", workspace.bot, answer["text"], answer["blocks"])
            parts.append("\n".join([f"━━ {name}", "", *written(workspace, found), ""]))
    return "\n".join(parts)


def test_saves_name_the_newest_checkpoint_and_count_none() -> None:
    assert chart_views.describe_saves([20.0, 40.0, 500.0]) == "newest checkpoint: step 500"
    assert chart_views.describe_saves([]) == ""


@pytest.mark.parametrize("steps", [4, 5])
def test_a_chart_of_few_points_is_explained_and_announced(steps: int) -> None:
    text = str(drawn(told(running(), steps, 0.5))["blocks"])
    why = "No chart yet: it needs 5 points, and there are 4. Ask again in a few steps: `/verl plot ppo-7f3a`"
    assert (why in text) is (steps < 5)
    ended = told(running().close(Reason.SUCCEEDED, at(7200)), steps, 0.5)
    assert ("the run ended with 4." in str(drawn(ended)["blocks"])) is (steps < 5)
