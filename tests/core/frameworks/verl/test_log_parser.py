"""verl's log into facts: every version's lines, behind every prefix, in pieces of any size; and nothing else."""

import json
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pprint import pformat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.frameworks.verl.line_parser import MIN_UNQUOTED_KEYS
from bot.core.frameworks.verl.log_parser import MAX_LINE_CHARACTERS, LogParser
from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.metrics import (
    CheckpointSaved,
    LogEvent,
    ProgressBar,
    StepMetrics,
    TotalSteps,
    TrackerLinked,
    TrainingResumed,
)
from bot.core.model.progress import Progress
from tests.examples import examples

STEP = "step:3 - critic/rewards/mean:0.25 - actor/lr:1e-06"
ROW = StepMetrics(3, {"critic/rewards/mean": 0.25, "actor/lr": 1e-06})
RAY = "(TaskRunner pid=8) "
BAR = "Training Progress:  17%|███▏ | 73/435 [1:12:31<6:01:14, 59.87s/it]"


def read(text: str, reader: LogParser | None = None) -> list[LogEvent]:
    reader, facts = (reader or LogParser()).parse(text)
    return facts + reader.finish()[1]


def in_pieces(text: str, cuts: Sequence[int]) -> list[LogEvent]:
    """What is read where the text comes cut at these places."""
    reader, facts = LogParser(), []
    places = [0, *sorted(cuts), len(text)]
    for start, end in pairwise(places):
        reader, found = reader.parse(text[start:end])
        facts += found
    return facts + reader.finish()[1]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(STEP, id="bare"),
        pytest.param(f"(main_task pid=64899) {STEP}", id="an old Ray's"),
        pytest.param(f"\x1b[36m(TaskRunner pid=3165)\x1b[0m {STEP}", id="coloured"),
        pytest.param(f"[36m(main_task pid=54569)[0m {STEP}", id="colours that lost their escapes"),
        pytest.param(f"(verl-ppo, pid=1234) {RAY}{STEP}", id="one node of SkyPilot's"),
        pytest.param(f"(worker1, rank=1, pid=9, ip=10.0.0.2) \x1b[36m{RAY}\x1b[0m{STEP}", id="several nodes, coloured"),
        pytest.param(f"{STEP}(TaskRunnerV1 pid=1) INFO:2026-09-11 one - two", id="another process's text at its end"),
        pytest.param(f"{STEP}{BAR}", id="a progress bar at its end"),
        pytest.param(f"warming up, rank 0{RAY}{STEP}", id="another process's text before it"),
        pytest.param(f"{BAR}{STEP}", id="a progress bar before it"),
        pytest.param(f"\r{BAR}\r{STEP}", id="behind a carriage return"),
        pytest.param("step:3 - critic/rewards/mean:np.float64(0.25) - actor/lr:np.float64(1e-06)", id="numpy 2"),
        pytest.param("step:3 - critic/rewards/mean:tensor(0.25, device='cuda:0') - actor/lr:1e-06", id="a tensor"),
        pytest.param(STEP + " - critic/none:None - val-aux/flag:True", id="values that are no numbers"),
        pytest.param('{"step": 3, "data": {"critic/rewards/mean": 0.25, "actor/lr": 1e-06}}', id="the file logger's"),
        pytest.param(STEP + "\r", id="Windows's line end"),
        pytest.param(f"2026-11-30T14:20:51.566275000Z {RAY}{STEP}", id="a container's stamp"),
        pytest.param(f"2026-11-30T14:20:51.566+01:00 stdout F {RAY}{STEP}", id="containerd's"),
        pytest.param(f"[2026-11-30 14:20:51] {STEP}", id="a stamp in brackets"),
        pytest.param(f"2026-11-30 14:20:51,566 - trainer - INFO - {STEP}", id="logging's"),
        pytest.param(f"INFO:2026-11-30 14:20:51,566:{STEP}", id="logging's, the level first"),
        pytest.param(f"INFO:verl.trainer:{STEP}", id="logging's without a moment"),
        pytest.param(f"[14:20:51] INFO     {STEP}     tracking.py:88", id="rich's"),
        pytest.param(f"Nov 30 14:20:51 node-1 verl[71]: {RAY}{STEP}", id="the system's log"),
        pytest.param(f"verl-head-1  | {RAY}{STEP}", id="compose's"),
        pytest.param(f"[pod/verl-0/trainer] 2026-11-30T14:20:51Z {STEP}", id="kubectl's"),
        pytest.param(f"(raylet, ip=10.0.0.2) {STEP}", id="a process without a number"),
        pytest.param(f"[default0]:{STEP}", id="torchrun's"),
    ],
)
def test_a_step_is_read_whatever_stands_around_it(line: str) -> None:
    assert [fact for fact in read(line + "\n") if isinstance(fact, StepMetrics)] == [ROW]


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.594", 0.594), ("-0.000", 0.0), ("1e-06", 1e-6), ("np.int64(3)", 3.0), ("np.float32(2.5)", 2.5), ("12", 12.0)],
)
def test_a_number_is_read_as_any_version_prints_it(text: str, value: float) -> None:
    assert read(f"step:1 - a/b:{text} - c/d:{text}\n") == [StepMetrics(1, {"a/b": value, "c/d": value})]


def test_a_data_source_may_have_a_name_of_several_words() -> None:
    (row,) = read("step:1 - val-core/my data/acc/mean@1:0.5 - val-core/my data/acc/best@4/mean:0.75\n")
    assert isinstance(row, StepMetrics)
    assert row.values == {"val-core/my data/acc/mean@1": 0.5, "val-core/my data/acc/best@4/mean": 0.75}


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "np.float64(nan)", "np.float64(-inf)"])
def test_what_is_not_a_finite_number_is_news_and_kept(text: str) -> None:
    (row,) = read(f"step:1 - a/b:{text} - c/d:1.0\n")
    assert isinstance(row, StepMetrics)
    assert not math.isfinite(row.values["a/b"])
    assert row.find_first(["a/b", "c/d"]) == 1.0


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("The answer is step:1234 - so I think it is 7", id="a sentence"),
        pytest.param("step:9 - first add the numbers - then stop", id="a sentence at the beginning of a line"),
        pytest.param("step:9 - a/b:1.0 - then stop", id="it begins like one"),
        pytest.param("so step:1234 - critic/rewards/mean:0.99", id="in the middle of a line"),
        pytest.param("step:1234 - critic/rewards/mean:0.99", id="a metric that the run has, alone"),
        pytest.param("step:1234 - val-core/gsm8k/reward/mean@1:0.99", id="a validation of another step"),
        pytest.param('{"step": 9, "data": {"critic/rewards/mean": 1}}', id="as the file logger's, one metric alone"),
        pytest.param('{"step": 9, "data": [1]}', id="JSON of another shape"),
        pytest.param("step:9", id="no metrics"),
        pytest.param("step:x - a:1", id="no number"),
        pytest.param("Total steps: 12 up the hill and 12 down", id="a sentence with steps"),
    ],
)
def test_what_a_model_answers_never_becomes_a_metric(line: str) -> None:
    before = "step:2 - critic/rewards/mean:0.1 - actor/lr:1e-06 - actor/grad_norm:0.5\n"
    reader, _ = LogParser().parse(before)
    assert read(f"{RAY}{line}\n", reader) == []


@pytest.mark.parametrize("line", [STEP, "Total training steps: 9", "Saving checkpoint to /c/global_step_9"])
def test_between_a_prompt_and_its_score_nothing_is_read_before_the_run_has_shown_its_metrics(line: str) -> None:
    sample = f"[prompt] How many?\n{line}\n[response] Let me see:\n{line}\n[ground_truth] 7\n[score] 0.0\n"
    assert read(sample) == []
    assert read(sample + STEP + "\n") == [ROW]


def test_a_step_is_read_though_the_end_of_a_sample_was_never_seen() -> None:
    reader, _ = LogParser().parse(STEP + "\n[response] and so on\n")
    assert read("step:4 - critic/rewards/mean:0.5 - actor/lr:1e-06\n", reader) == [
        StepMetrics(4, {"critic/rewards/mean": 0.5, "actor/lr": 1e-06})
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("{'test_score/openai/gsm8k': 0.5}", {"val/test_score/openai/gsm8k": 0.5}, id="the oldest"),
        pytest.param(
            "{'val-core/g/reward/mean@1': np.float64(0.5)}", {"val-core/g/reward/mean@1": 0.5}, id="with numpy 2"
        ),
        pytest.param(
            "{'val-core/g/reward/mean@1': np.float64(0.5),\n"
            " 'val-aux/g/score/std@4':\n    0.125,\n 'val-core/h/acc': nan}",
            {"val-core/g/reward/mean@1": 0.5, "val-aux/g/score/std@4": 0.125, "val-core/h/acc": math.nan},
            id="over several lines",
        ),
    ],
)
@pytest.mark.parametrize("name", ["Initial", "Final"])
def test_validation_metrics_in_braces_belong_to_the_step_before_them(
    text: str, values: dict[str, float], name: str
) -> None:
    lines = [RAY + line for line in f'{STEP}\n"{name} validation metrics: {text}"'.split("\n")]
    _, row = read("\n".join(lines) + "\n")
    assert isinstance(row, StepMetrics)
    assert row.step == 3
    assert row.values == pytest.approx(values, nan_ok=True)


def test_braces_that_pprint_breaks_as_text_are_one_text() -> None:
    text = "(\"Initial validation metrics: {'val-core/gsm8k/reward/mean@1': \"\n \"0.5, 'val-core/b': 1.0}\")\n"
    assert read(text) == [StepMetrics(0, {"val-core/gsm8k/reward/mean@1": 0.5, "val-core/b": 1.0})]


def test_braces_that_are_not_there_swallow_nothing() -> None:
    assert read(f"Final validation metrics: None\n{STEP}\n") == [ROW]


def test_braces_that_another_line_cuts_end_there() -> None:
    assert read(f"Final validation metrics: {{'val-core/a': 0.5,\n{RAY}{STEP}\n") == [ROW]


@pytest.mark.parametrize("step", ["Infinity", "9" * 400, "99999999999999999999", "-1", "[" * 60_000])
def test_json_that_is_no_step_of_verls_is_passed_over(step: str) -> None:
    line = f'{{"step": {step}, "data": {{"a/b": 1}}}}'
    assert read(f"{line}\n{STEP}\n") == [ROW]


TUNING = [f"step:{n} - train/loss:0.5 - train/lr:0.1 - train/grad_norm:1.0" for n in range(3)]


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        pytest.param("step:{} - critic/a:1 - critic/b:2 - actor/c:3 - actor/d:4", [1, 2, 3], id="verl's keys: all"),
        pytest.param("step:{} - my/a:1 - my/b:2 - its/c:3 - its/d:4", [2, 3], id="keys of its own: from the second on"),
    ],
)
def test_another_program_of_the_same_job_is_read(line: str, steps: list[int]) -> None:
    found = read("\n".join([*TUNING, *map(line.format, range(1, 4))]) + "\n")
    assert [fact.step for fact in found if isinstance(fact, StepMetrics)] == [0, 1, 2, *steps]


ASYNC_SIDE = (
    "step:{} - fully_async/rollouter/active_time:140.2 - fully_async/rollouter/version_time:151.1"
    " - fully_async/rollouter/idle_ratio:0.07 - fully_async/rollouter/step_generated_samples:512"
)
ASYNC_STEP = (
    "step:{} - actor/grad_norm:np.float64(0.12) - training/global_step:4 - critic/rewards/mean:np.float64(0.2)"
    " - critic/score/mean:0.2 - response_length/mean:900.0 - fully_async/count/stale_samples:3 - timing_s/step:151.2"
)
ASYNC_VALIDATION = "step:{} - rollouter/validate_time:31.2 - val-core/math/acc/mean@1:0.25"


def steps_of(found: Sequence[LogEvent], key: str) -> list[int]:
    return [fact.step for fact in found if isinstance(fact, StepMetrics) and key in fact.values]


@pytest.mark.parametrize("first", [[], [ASYNC_VALIDATION.format(0)], ["step:0 - timing_s/testing:31.2"]])
def test_each_kind_of_line_of_the_asynchronous_trainer_is_read(first: list[str]) -> None:
    lines = [line.format(step) for step in range(1, 9) for line in (ASYNC_SIDE, ASYNC_STEP)]
    late = [*lines[:10], ASYNC_VALIDATION.format(2), *lines[10:]]
    found = read("".join(f"(FullyAsyncTrainer pid=7) {line}\n" for line in [*first, *late]))
    assert steps_of(found, "critic/rewards/mean") == list(range(1, 9))
    assert steps_of(found, "fully_async/rollouter/idle_ratio") == list(range(1, 9))
    assert steps_of(found, "val-core/math/acc/mean@1")[-1:] == [2]
    progress = Progress().record_events(found, VERL_KEYS)
    assert (progress.step, progress.validated_step, progress.seconds_per_step) == (8, 2, 151.2)
    assert progress.training_totals.steps == 8
    assert progress.training_totals.seconds == pytest.approx(8 * 151.2)


@pytest.mark.parametrize(
    "line", ["val/test_score/gsm8k:0.12", "val/test_score/gsm8k:0.12 - timing/testing:3.1", "timing/testing:3.1"]
)
def test_the_first_step_is_read_though_a_validation_of_the_same_number_comes_before(line: str) -> None:
    steps = [
        f"step:{step} - timing/gen:7.1 - critic/rewards/mean:0.12 - actor/lr:0.0 - actor/kl:0.0" for step in (0, 1)
    ]
    found = read("\n".join([f"step:0 - {line}", *steps]) + "\n")
    assert steps_of(found, "critic/rewards/mean") == [0, 1]


def test_a_sample_whose_end_is_not_printed_does_not_hide_the_steps_of_a_whole_run() -> None:
    row = "step:{} - " + " - ".join(f"actor/metric_{n}:0.5" for n in range(MIN_UNQUOTED_KEYS))
    assert steps_of(read(f"[prompt] one\n[response] two\n{row.format(1)}\n{row.format(2)}\n"), "actor/metric_0") == [
        1,
        2,
    ]


def test_of_a_step_line_that_is_cut_within_a_key_what_came_before_counts() -> None:
    whole = "step:5 - critic/a:1 - critic/b:2 - actor/c:3 - actor/d:4"
    values = {"critic/a": 1.0, "critic/b": 2.0, "actor/c": 3.0, "actor/d": 4.0}
    assert read(f"{whole} - actor/s(WorkerDict pid=3) hello\n") == [StepMetrics(5, values)]


def test_braces_that_never_close_swallow_no_more_than_a_line_may_be_long() -> None:
    text = (
        "Final validation metrics: {'a': 1,\n" + ("x" * 1000 + "\n") * (MAX_LINE_CHARACTERS // 1000 + 2) + STEP + "\n"
    )
    assert read(text) == [ROW]


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        pytest.param("Total training steps: 435", TotalSteps(435), id="total"),
        pytest.param("Total steps: 435, num_warmup_steps: 0", TotalSteps(435), id="total, as of old"),
        pytest.param(BAR, ProgressBar(73, 435, 59.87), id="progress bar"),
        pytest.param(
            "Training Progress:  1%| | 4/435 [00:02<03:35,  2.00it/s]", ProgressBar(4, 435, 0.5), id="a quick one"
        ),
        pytest.param(
            "local_global_step_folder: /c/p/e/global_step_20", CheckpointSaved("/c/p/e/global_step_20", 20), id="saved"
        ),
        pytest.param(
            "Saving checkpoint to /c/r/global_step_20", CheckpointSaved("/c/r/global_step_20", 20), id="saved, newer"
        ),
        pytest.param(
            "Saving checkpoint to: /c/r/global_step_20", CheckpointSaved("/c/r/global_step_20", 20), id="saved by SFT"
        ),
        pytest.param(
            "Epoch 2/6:  13%|█         | 8/62 [00:58<06:30,  6.40s/it]",
            ProgressBar(70, 372, 6.4, is_estimate=True),
            id="bar of an epoch",
        ),
        pytest.param(
            "Running step:   5%|▌         | 3/60 [03:04<58:08, 61.20s/it]", ProgressBar(3, 60, 61.2), id="EasyR1's bar"
        ),
        pytest.param(
            "Training Progress:   0%|          | 0/40 [00:00<?, ?it/s]", TotalSteps(40), id="bar at its start"
        ),
        pytest.param("Resuming from  /c/p/e/global_step_40", TrainingResumed(40), id="resumed, two blanks"),
        pytest.param(
            "[FullyAsyncTrainer] Setting global step to 33, current_param_version to 8",
            TrainingResumed(8),
            id="version",
        ),
        pytest.param(
            "Setting global step to 33, local_trigger_step to 1, current_param_version to 8",
            TrainingResumed(8),
            id="version, after another count",
        ),
        pytest.param("Resuming from /c/p/e/global_step_40", TrainingResumed(40), id="resumed"),
        pytest.param("Setting global step to 40", TrainingResumed(40), id="resumed, by number"),
    ],
)
def test_totals_bars_checkpoints_and_resumptions_are_read(line: str, fact: LogEvent) -> None:
    assert read(f"\x1b[36m{RAY}\x1b[0m{line}\n") == [fact]


def test_a_bar_that_is_drawn_over_and_over_is_read_each_time() -> None:
    text = "\r".join(f"Training Progress: {n}%|█| {n}/9 [0:01<0:02, 1.00s/it]" for n in (1, 2, 3))
    assert read(text + "\n") == [ProgressBar(n, 9, 1.0) for n in (1, 2, 3)]


def test_a_training_that_goes_back_is_followed() -> None:
    lines = [f"step:{step} - critic/rewards/mean:0.5 - actor/lr:0.1" for step in (5, 6, 7)]
    again = ["Resuming from /c/global_step_5", *lines[1:]]
    found = read("\n".join(lines + again) + "\n")
    assert [fact.step for fact in found if isinstance(fact, StepMetrics)] == [5, 6, 7, 6, 7]


def a_validation(sources: int, answers: int) -> dict[str, float]:
    """What verl tells of a validation with so many sources and answers to a prompt, and of its step."""
    counts = [2**power for power in range(1, answers.bit_length())]
    names = [
        f"{kind}@{count}/{part}" for count in counts for kind in ("best", "worst", "maj") for part in ("mean", "std")
    ]
    keys = [f"val-aux/{source}/reward_of_a_usual_length/{name}" for source in range(sources) for name in names]
    keys += [f"val-core/source_{source}/reward/mean@{answers}" for source in range(sources)]
    return {**dict.fromkeys(keys, 0.123456789), "critic/rewards/mean": 0.25, "actor/lr": 1e-06}


PAGE = "https://wandb.ai/team/gsm8k/runs/3x4k9q"
MLFLOW_PAGE = "http://mlflow.internal:5000/#/experiments/1/runs/0b9d2c4e6f8a4b1c8d3e5f7a9b0c1d2e"


@pytest.mark.parametrize(
    ("line", "page"),
    [
        pytest.param(f"wandb: 🚀 View run at {PAGE}", PAGE, id="at its start"),
        pytest.param(f"\x1b[36m{RAY}\x1b[0mwandb:  View run at {PAGE}", PAGE, id="behind Ray's prefix"),
        pytest.param(f"wandb: 🚀 View run ppo on two nodes at: {PAGE}", PAGE, id="at its end"),
        pytest.param(
            "swanlab: 🚀 View run at https://swanlab.cn/@t/p/runs/1", "https://swanlab.cn/@t/p/runs/1", id="other"
        ),
        pytest.param("wandb: ⭐️ View project at https://wandb.ai/team/gsm8k", None, id="its project"),
        pytest.param(f"🏃 View run gifted-hare-7 at: {MLFLOW_PAGE}", MLFLOW_PAGE, id="MLflow's"),
        pytest.param(f"{RAY}🏃 View run gifted-hare-7 at: {MLFLOW_PAGE}", MLFLOW_PAGE, id="MLflow's, behind Ray's"),
        pytest.param("🧪 View experiment at: http://mlflow.internal:5000/#/experiments/1", None, id="MLflow's project"),
        pytest.param(
            "TensorBoard 2.20.0 at http://node-0:6006/ (Press CTRL+C to quit)",
            "http://node-0:6006/",
            id="TensorBoard's",
        ),
        pytest.param("wandb: 🚀 View run at https://wandb.ai@example.org/runs/1", None, id="a user in the address"),
        pytest.param("wandb: 🚀 View run at ftp://wandb.ai/team/gsm8k/runs/1", None, id="no address of the web"),
        pytest.param("wandb: 🚀 View run at https://wandb.ai/a|<!channel>", None, id="what Slack would read"),
        pytest.param(f"wandb: 🚀 View run at {PAGE}{'9' * 400}", None, id="too long"),
        pytest.param(f"Please open: wandb: View run at {PAGE}", None, id="a model's answer"),
    ],
)
def test_the_page_of_a_tracker_is_read_from_its_own_line(line: str, page: str | None) -> None:
    assert read(line + "\n") == ([TrackerLinked(page)] if page else [])
    assert read(f"[prompt] q\n[response] ok\n{line}\n") == []  # a sample of the model may look like it


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda values: "step:3 - " + " - ".join(f"{k}:{v}" for k, v in values.items()), id="plain"),
        pytest.param(
            lambda values: "step:3 - " + " - ".join(f"{k}:np.float64({v})" for k, v in values.items()), id="numpy"
        ),
        pytest.param(lambda values: json.dumps({"step": 3, "data": values}), id="the file logger's"),
        pytest.param(lambda values: f"{STEP}\nFinal validation metrics: {values}", id="in braces"),
        pytest.param(lambda values: f"{STEP}\nFinal validation metrics: {pformat(values)}", id="in braces, pprinted"),
    ],
)
@pytest.mark.parametrize("sources", [14, 150])
def test_a_line_of_metrics_may_be_a_megabyte_long(write: Callable[[dict[str, float]], str], sources: int) -> None:
    values = a_validation(sources, answers=32)
    text = f"(head, rank=0, pid=7) {RAY}{write(values)}\n"
    assert sources == 14 or len(text) > 200_000
    *_, row = read(text)
    assert isinstance(row, StepMetrics)
    assert (row.step, row.values["critic/rewards/mean"], VERL_KEYS.find_validation(row.values)) == (
        3,
        0.25,
        0.123456789,
    )
    assert values.keys() >= row.values.keys()
    assert sources == 150 or values == row.values


def test_the_longest_line_is_read_and_a_longer_one_is_not() -> None:
    prefix = f"(head, rank=0, pid=7) {RAY}"
    filler = " - ".join(f"a/{n:06}:0.5" for n in range(2**20 // 15 - 4))
    line = f"{prefix}step:1 - {filler} - critic/rewards/mean:0.25\n"
    assert 1_000_000 < len(line) < MAX_LINE_CHARACTERS
    (row,) = read(line)
    assert isinstance(row, StepMetrics)
    assert row.find_first(["critic/rewards/mean"]) == 0.25
    assert read(line.replace("step:1", "x" * 9_000 + ") step:1")) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Training Progress: 1%|x| " + "1" * 400 + "/9 [0:01<0:02, 1.00s/it]\n", id="a bar of many digits"),
        pytest.param("Training Progress: 1%|x| 1/9 [0:01<0:02, 1.2.3s/it]\n", id="a pace of three numbers"),
        pytest.param("Training Progress: 1%|x| 1/9 [0:01<0:02, " + "9" * 5000 + "s/it]\n", id="a pace of many digits"),
        pytest.param("Training Progress: 1%|x| 1/9 [0:01<0:02, -1.0s/it]\n", id="a negative pace"),
        pytest.param("Total training steps: " + "9" * 5000 + "\n", id="a total of many digits"),
        pytest.param("Resuming from /c/global_step_" + "9" * 5000 + "\n", id="a step of many digits"),
        pytest.param("Saving checkpoint to " + "/c" * 5000 + "/global_step_3\n", id="a folder of many characters"),
        pytest.param("step:" + "9" * 5000 + " - a/b:1 - c/d:1\n", id="a step line of many digits"),
        pytest.param('{"step": ' + "9" * 5000 + ', "data": {"a/b": 1}}\n', id="JSON of many digits"),
        pytest.param('{"step": 1, "data": {"a/b": "0.5"}}\n', id="JSON with a number as text"),
        pytest.param('{"step": 1, "data": {"\\ud800": 1}}\n', id="JSON with half a character"),
        pytest.param("(pid=" + "1" * 60_000 + "\n", id="a prefix without an end"),
        pytest.param("\x00\x07\x1b[2K\x9b\n", id="control characters"),
    ],
)
def test_what_nobody_can_reckon_with_is_passed_over_and_the_next_line_is_read(text: str) -> None:
    assert read(text + STEP + "\n") == [ROW]


@pytest.mark.parametrize("noise", ["\x00", "\x00" * 4096, "\x1b[2K", "\x1b[1A\x1b[K", "\x07", "\x1b[?25l", "\x9b"])
def test_control_characters_on_a_line_do_not_hide_its_step(noise: str) -> None:
    assert read(noise + STEP + noise + "\n") == [ROW]


def test_braces_in_many_lines_are_joined_once() -> None:
    lines = "\n".join(f" 'val-core/{n}': 0.5," for n in range(40_000))
    text = "Initial validation metrics: {'a': 1,\n" + lines + "\n 'b': 2}\n"
    (row,) = read(text)
    assert isinstance(row, StepMetrics)
    assert row.values["a"] == 1.0


def test_a_line_that_is_too_long_is_passed_over_and_its_memory_is_bounded() -> None:
    reader = LogParser()
    for _ in range(20):
        reader, facts = reader.parse("step:1 - " + "x" * 100_000)
        assert facts == []
    assert len(reader.partial_line) <= MAX_LINE_CHARACTERS + 1
    assert read("\n" + STEP + "\n", reader) == [ROW]


ALPHABET = "step:0123 - a/b:.e(np)[]{}'\x1b\r\nmnif_"
LINES = st.sampled_from(
    [
        STEP,
        RAY + STEP,
        "\x1b[36m(head, rank=0, pid=7)\x1b[0m " + STEP,
        BAR,
        "\r" + BAR + "\r" + STEP,
        "Initial validation metrics: {'val-core/a': 0.5,\n 'val-core/b': np.float64(0.25)}",
        "[prompt] step:1 - a:1\n[score] 1",
        "Saving checkpoint to /c/global_step_3",
        "Resuming from /c/global_step_3",
        '{"step": 4, "data": {"critic/rewards/mean": 0.25, "actor/lr": 1e-06}}',
        "",
        "an answer with step:3 - in it",
    ]
)


@given(st.lists(LINES | st.text(ALPHABET, max_size=30), max_size=12).map("\n".join), st.data())
@examples(100)
@example("step:1 - a:1\n", None)
def test_however_a_log_is_cut_into_pieces_the_facts_are_the_same(text: str, data: st.DataObject | None) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8)) if data else range(len(text))
    assert repr(in_pieces(text, cuts)) == repr(read(text))  # as text, because nothing equals not-a-number


@given(st.text(st.sampled_from(ALPHABET) | st.characters()))
def test_reading_never_crashes_and_keeps_only_half_a_line(text: str) -> None:
    reader, _ = LogParser().parse(text)
    assert reader.partial_line == text[max(text.rfind("\n"), text.rfind("\r")) + 1 :]
