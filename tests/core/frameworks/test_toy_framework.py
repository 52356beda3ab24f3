"""The seam between the core and a framework for training, shown with one that is not verl.

The toy logs `it=3 ret=0.5 sec=60`, `eval=0.4` and `wrote out/ckpt-3`; everything after its reader is the core's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, cast

from bot.core.frameworks.verl.definition import VERL
from bot.core.model.checkpoint import CheckpointListing
from bot.core.model.checkpoint_paths import CheckpointLayout
from bot.core.model.failure import FailureKind
from bot.core.model.finding import HealthRules
from bot.core.model.health_state import HealthState
from bot.core.model.history import MetricsHistory, choose_new_columns
from bot.core.model.launch_plan import is_switched_off
from bot.core.model.measurement import Detector, Measurement, RowWindow
from bot.core.model.metrics import (
    CheckpointSaved,
    LogEvent,
    MetricWord,
    StepMetrics,
    TrainingPhase,
    select_step_metrics,
)
from bot.core.model.progress import Progress
from bot.core.model.rollout import SampleBatch
from bot.core.model.training_framework import FailureReading, Framework, MetricKeys, OutputFormat, Remedy, StallAdvice
from bot.core.rules.chart_data import build_metric_chart, build_reward_chart, find_available_metrics
from bot.core.rules.health.custom_rules import adapt_rules
from bot.core.rules.health.judge import judge
from bot.core.rules.health.stall import LivenessSignals, detect_stall
from bot.core.rules.log_cursor import LogCursor, detect_phase
from bot.phrase import Phrase
from tests.builders import running


@dataclass(frozen=True, slots=True)
class ToyReader:
    """Reads one line at a time."""

    step: int | None = None

    def parse(self, text: str, at: float = 0.0) -> tuple[Self, list[LogEvent]]:
        """Return the reader after these lines, and their events."""
        events: list[LogEvent] = []
        for line in text.splitlines():
            pairs = dict(word.split("=") for word in line.split() if "=" in word)
            if line.startswith("wrote "):
                events.append(CheckpointSaved(line.removeprefix("wrote "), int(line.rpartition("-")[2])))
            elif "it" in pairs:
                step = int(pairs.pop("it"))
                events.append(StepMetrics(step, {key: float(value) for key, value in pairs.items()}, at))
        rows = list(select_step_metrics(events))
        return replace(self, step=rows[-1].step if rows else self.step), events

    def interrupt(self) -> Self:
        """Return the reader: it keeps no half lines."""
        return self

    def resume_at(self, step: int) -> Self:
        """Return the reader after a step."""
        return replace(self, step=step)


def detect_negative_return(window: RowWindow) -> Measurement | None:
    """Find a return below zero."""
    value = window.newest.find_first(("ret",))
    if value is None:
        return None
    return Measurement(1.0 if value < 0 else 0.0, advice=Phrase("Lower `lr`."))


TOY = Framework(
    name="toy",
    keys=MetricKeys(
        by_word={
            MetricWord.REWARD: ("ret",),
            MetricWord.SCORE: (),
            MetricWord.SECONDS: ("sec",),
            MetricWord.ENTROPY: ("ent",),
        },
        rank_validation=lambda key: (0, key) if key.startswith("eval") else None,
        validation_rows=("eval",),
    ),
    reader=ToyReader(),
    count_step_metrics=lambda line: line.count("="),
    find_phase=lambda line: TrainingPhase.SAVING if line.startswith("writing") else TrainingPhase.TRAINING,
    checkpoints=CheckpointLayout("ckpt-", "newest", lambda files: None if files else Phrase("There is nothing in it.")),
    detectors=(Detector("negative", "https://example.org", detect_negative_return, persist_steps=2),),
    find_unreliable_metrics=lambda rows: {},
    checkpoint_interval_option="save",
    validation_interval_option="check",
    adapt_rules=lambda task, rules: replace(rules, expects_tools="tools" in str(task.get("run"))),
    failures=FailureReading((), (), (), (), lambda line: None),
    remedies=dict.fromkeys(FailureKind, Remedy("Try `{run}` again.")),
    finding_changes={},
    stall_advice=StallAdvice("Look at the toy.", "It is busy.", "It does not begin."),
    samples=OutputFormat((), {}, lambda answer: SampleBatch(), lambda text, at: []),
    option_trees={},
)
LOG = "".join(f"it={step} ret={0.1 * step:.1f} sec=60 ent=0.5\n" for step in range(1, 6))
LOG += "it=5 eval=0.4\nwrote out/ckpt-5\n"


def read(text: str) -> list[LogEvent]:
    """Return the events of a whole log, read through a cursor as the bot does."""
    cursor = LogCursor(parser=cast(Any, TOY.reader))
    return cursor.read_tail(text, 1e9)[1]


def rows_of(text: str) -> Sequence[StepMetrics]:
    return list(select_step_metrics(read(text)))


def test_a_log_of_the_toy_gives_steps_rewards_validations_and_checkpoints() -> None:
    progress = Progress().record_events(read(LOG), TOY.keys, ("ent",))
    assert (progress.step, progress.reward, progress.validation, progress.validated_step) == (5, 0.5, 0.4, 5)
    assert (progress.checkpoint, progress.checkpoint_step, progress.seconds_per_step) == ("out/ckpt-5", 5, 60.0)
    assert progress.metrics["ent"] == 0.5
    assert [step for step, _ in progress.rewards.points] == [1, 2, 3, 4, 5]


def test_lines_that_come_again_are_read_once_and_a_lost_reader_goes_on_from_the_record() -> None:
    cursor, _ = LogCursor(parser=cast(Any, TOY.reader)).read_tail(LOG, 1e9)
    assert cursor.read_tail(LOG + "it=6 ret=0.6\n", 1e9)[1] == [StepMetrics(6, {"ret": 0.6}, 1e9)]
    assert TOY.reader.resume_at(4).step == 4


def test_charts_are_found_by_the_toys_keys() -> None:
    history = MetricsHistory.from_stored({}, rows_of(LOG))
    assert find_available_metrics(history, TOY.keys) == {
        "reward": "ret", "seconds": "sec", "entropy": "ent", "val": "eval",
    }  # fmt: skip
    chart = build_reward_chart(running(), history, TOY.keys)
    assert chart
    assert [point[1] for point in chart.lines[0].points] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert build_metric_chart(running(), history, "eval", TOY.keys).lines[0].is_sparse
    assert find_available_metrics(history) == {}  # by verl's keys there is nothing


def test_columns_go_to_what_the_toy_calls_important() -> None:
    assert choose_new_columns([], ["eval", "x", "ret"], TOY.keys) == ["ret", "x", "eval"]


def test_the_toys_own_detectors_judge_with_its_own_advice() -> None:
    rows, health = rows_of("it=1 ret=-1\nit=2 ret=-1\nit=3 ret=-1\n"), HealthState()
    for count in range(1, len(rows) + 1):
        health = judge(rows[:count], health, HealthRules(), framework=TOY)
    (finding,) = health.open_findings
    assert (finding.name, finding.since_step, str(finding.advice)) == ("negative", 1, "Lower `lr`.")


def test_a_stall_is_judged_by_the_toys_pace_and_advised_in_its_words() -> None:
    rows = [replace(row, at=60.0 * row.step) for row in rows_of(LOG) if TOY.keys.is_training_step(row)]
    signals = LivenessSignals(began_at=0.0, step_at=300.0, line_at=300.0)
    assert detect_stall(rows, 400.0, signals, HealthRules(), TOY) is None
    finding = detect_stall(rows, 2_000.0, signals, HealthRules(), TOY)
    assert finding
    assert str(finding.advice) == "Look at the toy."


def test_its_phases_settings_and_checkpoints_are_its_own() -> None:
    assert detect_phase(["it=1 ret=0", "writing ckpt-1"], TOY) is TrainingPhase.SAVING
    assert adapt_rules({"run": "toy --tools"}, HealthRules(), TOY).expects_tools
    assert is_switched_off(("save=0",), TOY.checkpoint_interval_option)
    listing = CheckpointListing.from_node(["ckpt-3", "ckpt-5", "global_step_9", "newest"], "5", TOY.checkpoints)
    assert (listing.steps, listing.latest_step, TOY.checkpoints.name_folder(5)) == ((3, 5), 5, "ckpt-5")


def test_verl_reads_nothing_in_the_toys_log() -> None:
    assert VERL.reader.parse(LOG)[1] == []
