"""Whatever numbers a log tells, the run's record can be read back, and can be shown."""

import json
import math
import random
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.adapters.redis import codec
from bot.adapters.redis.codec import RUN_DECODER, RUN_SCHEMA_VERSION, decode_run, encode_run
from bot.app.health_monitor import HealthMonitor
from bot.app.log_ingest import apply_events
from bot.core.frameworks.verl.detectors.gradient import VITAL_KEYS
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import (
    CheckpointSaved,
    LogEvent,
    ProgressBar,
    StepMetrics,
    TotalSteps,
    TrainingResumed,
    select_step_metrics,
)
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus, SummaryInterval
from bot.core.rules.costs import compute_charge, compute_efficiency
from bot.errors import UnreadableRecord
from bot.slack.views.answers import render_run_line
from bot.slack.views.run_thread import build_conversation
from tests.builders import a_run, at, running
from tests.examples import examples, thorough

KEYS = (
    st.sampled_from(sorted({*VERL_KEYS.known, *VITAL_KEYS}))
    | st.sampled_from(["timing/a", "timing/b", "val-core/a", "val/test_score/b", "val-aux/c", "perf/mfu/x", "reward/a"])
    | st.text(st.characters(), max_size=300)
)
NUMBERS = st.floats() | st.sampled_from(
    [1e308, -1.7e308, 3.4e38, -3.4e38, 1e-45, 5e-324, 1e-9, 0.0, math.nan, math.inf]
)
ROWS = st.builds(StepMetrics, st.integers(0, 10**9 - 1), st.dictionaries(KEYS, NUMBERS, max_size=30), st.just(1e9))
STEPS = st.integers(0, 10**9 - 1)
FACTS = st.lists(
    ROWS
    | st.builds(TotalSteps, STEPS)
    | st.builds(ProgressBar, STEPS, STEPS, st.floats(0, 1e9))
    | st.builds(TrainingResumed, STEPS)
    | st.builds(CheckpointSaved, st.text(max_size=30).map(lambda name: name.encode(errors="replace").decode()), STEPS),
    max_size=30,
)

HUGE = {"actor/grad_norm": 1e308, "actor/entropy": 1e308, "response_length/mean": 1e308, "critic/rewards/mean": 1.7e308}


def after(run: Run, facts: list[LogEvent], seconds: float) -> Run:
    """The run after a look that brought these facts."""
    new = list(select_step_metrics(facts))
    verdict = HealthMonitor().judge_steps(
        run.training.health, (), new, {"run": "algorithm.adv_estimator=grpo actor_rollout_ref.rollout.n=8"}
    )
    return apply_events(run, facts, verdict if new else None, at(seconds), SummaryInterval(steps=1, period=None))


@given(st.lists(FACTS, max_size=3))
@examples(60)
@example([[StepMetrics(step, HUGE, 1e9) for step in range(400)]])
@example([[StepMetrics(1, {"timing/a": 1e308, "timing/b": 1e308, "critic/rewards/mean": 0.5}, 1e9)]])
@example([[StepMetrics(1, {f"val-core/{n}": float(n) for n in range(5000)}, 1e9)]])
@example([[StepMetrics(1, {f"val-aux/{n}": math.nan for n in range(5000)}, 1e9)]])
@example(
    [
        [
            TotalSteps(999_999_999),
            StepMetrics(1, {"timing_s/step": 1e300}, 1e9),
            StepMetrics(2, {"timing_s/step": 260.0}, 1e9),
        ]
    ]
)
def test_a_run_can_be_read_back_and_shown_whatever_its_log_tells(looks: list[list[LogEvent]]) -> None:
    run = running(metrics=("actor", "val", "perf", "a"), checkpoints_ephemeral=True)
    for number, facts in enumerate(looks):
        run = after(run, facts, 60.0 * number)
        document = encode_run(run)
        assert RUN_DECODER.decode(document).run == run
        assert len(document) < 100_000
    for now in (at(300), at(300) + timedelta(days=80)):
        assert render_run_line(run, now)
        assert build_conversation(run, now, "")
        assert compute_charge(run, now)
        assert compute_efficiency(run, now)


def read(text: str) -> Run:
    return after(running(), list(LogParser().parse(text, 1e9)[1]), 60.0)


def test_four_hundred_huge_rewards_leave_a_record_that_can_be_read() -> None:
    for line_of in (
        "step:{} - critic/rewards/mean:1.7e308",
        '{{"step": {}, "data": {{"critic/rewards/mean": 1.7e308}}}}',
    ):
        run = read("".join(line_of.format(step) + "\n" for step in range(1, 401)))
        assert run.training.progress.step == 400
        assert RUN_DECODER.decode(encode_run(run)).run == run
        assert run.training.health.find_open("not-a-number")


@given(st.lists(ROWS, max_size=40))
@examples(60)
def test_a_history_of_any_numbers_is_folded_and_drawn(found: list[StepMetrics]) -> None:
    history = MetricsHistory.from_stored({}, found)
    folded = MetricsHistory.from_stored(MetricsHistory({}, history.rows * 3).compact().buckets_by_metric, ())
    for key in folded.keys:
        assert all(math.isfinite(value) for _, value in folded.get_series(key))


@pytest.mark.parametrize("seed", thorough(range(8), usual=1))
def test_detectors_get_along_with_numbers_that_leap_between_the_extremes(seed: int) -> None:
    dice = random.Random(seed)
    keys = sorted(
        {*VERL_KEYS.known, *VITAL_KEYS, "actor/pg_clipfrac", "response_length/max", "reward/format", "rewards/a/mean"}
    )
    extremes = [3.4e38, -3.4e38, 1e-45, -1e-45, 0.0, 1.0, 1.0, math.nan, math.inf, 1e308]
    facts: list[LogEvent] = [
        StepMetrics(step, {key: dice.choice(extremes) for key in keys if dice.random() < 0.9}, 1e9 + step)
        for step in range(1, 301)
    ]
    run = after(running(), facts, 60.0)
    assert RUN_DECODER.decode(encode_run(run)).run == run
    assert build_conversation(run, at(300), "")


def test_the_document_of_a_newer_bot_is_left_alone() -> None:
    newer = json.dumps({"schema": RUN_SCHEMA_VERSION + 1, "run": {"something": "else"}})
    with pytest.raises(UnreadableRecord, match="newer verlbot"):
        decode_run(newer.encode())


def test_the_document_of_a_bot_before_the_first_release_is_refused_with_what_to_do() -> None:
    older = json.dumps({"schema": 1, "run": {"id": "ppo-7f3a", "owner": "U0ANA"}})
    with pytest.raises(UnreadableRecord, match=r"an older verlbot wrote it, .* stop them here"):
        decode_run(older.encode())


def test_the_document_of_an_older_bot_is_brought_up(monkeypatch: pytest.MonkeyPatch) -> None:
    older = json.loads(encode_run(a_run())) | {"schema": RUN_SCHEMA_VERSION - 1}
    older["run"]["person"] = older["run"].pop("requester")

    def renamed(document: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
        return {"run": {**document["run"], "requester": document["run"]["person"]}}

    monkeypatch.setitem(codec.UPGRADES, RUN_SCHEMA_VERSION - 1, renamed)
    assert decode_run(json.dumps(older).encode()) == a_run()


@given(st.text(), st.text(), st.sampled_from(RunStatus))
def test_any_text_survives_the_store(line: str, detail: str, status: RunStatus) -> None:
    run = a_run(command_line=line, detail=detail, status=status)
    assert decode_run(encode_run(run)) == run
