"""The lines that say of lost rollouts, as verl 0.9 prints them, count for the step that follows."""

import pytest

from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.frameworks.verl.rollout_losses import MAX_FAILED_ROLLOUTS, RolloutLosses
from bot.core.model.metrics import StepMetrics, select_step_metrics

WORKER, TRAINER = "\x1b[36m(AgentLoopWorkerTQ pid=14)\x1b[0m ", "\x1b[36m(TaskRunnerV1 pid=12)\x1b[0m "
FAILED = f"{WORKER}ERROR:2026-11-29 01:11:33,938:Error in _run_prompt for uid=7e16390b\n"
PADDED = (
    f"{TRAINER}INFO:2026-11-29 01:11:35,734:Upsampled batch from 26 to 32 with 6 synthetic padding samples"
    " for required_multiple=16\n"
)
VALIDATED = f"{TRAINER}step:0 - val-core/math/acc/mean@1:np.float64(0.1)\n"


def step(number: int) -> str:
    return f"{TRAINER}step:{number} - actor/grad_norm:0.5 - critic/rewards/mean:0.2 - training/global_step:{number}\n"


def read(text: str) -> list[StepMetrics]:
    return list(select_step_metrics(LogParser().parse(text)[1]))


def test_they_are_metrics_of_the_next_step_alone() -> None:
    log = VALIDATED + 2 * FAILED + PADDED + step(1) + step(2) + FAILED + step(3)
    found = [{key: value for key, value in row.values.items() if key.startswith("log/")} for row in read(log)]
    assert found == [{}, {"log/failed_rollouts": 2.0, "log/padded_share": 0.1875}, {}, {"log/failed_rollouts": 1.0}]


def test_those_of_a_validation_do_not_count_for_training() -> None:
    assert all("log/failed_rollouts" not in row.values for row in read(FAILED + VALIDATED + step(1)))


def test_what_ray_left_out_counts_once() -> None:
    """Ray prints one line at once, and of the same by others a number: ten calls are two lines, the second of 9."""
    repeated = FAILED.replace("\n", "\x1b[32m [repeated 9x across cluster]\x1b[0m\n")
    (row,) = read(FAILED + repeated + step(1))
    assert row.values["log/failed_rollouts"] == 10.0


def test_a_row_beside_the_steps_leaves_them_to_the_step() -> None:
    side = f"{TRAINER}step:2 - val-core/math/acc/mean@1:0.4\n"
    *_, row = read(step(1) + 3 * FAILED + side + step(2))
    assert row.values["log/failed_rollouts"] == 3.0


def test_a_resume_begins_with_none() -> None:
    *_, row = read(step(3) + 9 * FAILED + f"{TRAINER}Resuming from /c/x/global_step_3\n" + step(4))
    assert "log/failed_rollouts" not in row.values


@pytest.mark.parametrize(
    "line",
    [
        "the answer: Error in _run_prompt for uid=1 [repeated 9999x across cluster]",
        "I say Upsampled batch from 1 to 3 with 2 synthetic padding samples for required_multiple=3",
        "Upsampled batch from 1 to 2 with 2 synthetic padding samples for required_multiple=2",
    ],
)
def test_text_that_only_mentions_them_counts_for_nothing(line: str) -> None:
    (row,) = read(f"(AgentLoopWorkerTQ pid=14) {line}\n{step(1)}")
    assert not [key for key in row.values if key.startswith("log/")]


def test_a_log_may_be_cut_anywhere() -> None:
    log = 3 * FAILED + PADDED + step(1) + FAILED + step(2)
    whole = read(log)
    for cut in range(0, len(log), 7):
        parser, first = LogParser().parse(log[:cut])
        assert [*select_step_metrics(first), *select_step_metrics(parser.parse(log[cut:])[1])] == whole


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("Upsampled batch from 0 to 0 with 0 synthetic padding samples", id="no batch"),
        pytest.param("Upsampled batch from 1 to 2 with 9 synthetic padding samples", id="more than the batch"),
        pytest.param("Upsampled batch from 1 to 99999999999 with 9 synthetic padding samples", id="too long"),
        pytest.param("with synthetic padding samples", id="no numbers"),
    ],
)
def test_a_line_without_sense_says_nothing(line: str) -> None:
    assert RolloutLosses().read_line(line) == RolloutLosses()


def test_their_number_is_bounded() -> None:
    losses = RolloutLosses(failed=MAX_FAILED_ROLLOUTS).read_line(FAILED)
    assert losses.failed == MAX_FAILED_ROLLOUTS


def test_an_answer_of_the_model_fails_no_rollout() -> None:
    log = f"[prompt] say\nError in _run_prompt for uid=1\n[score] 1\n{step(1)}"
    assert "log/failed_rollouts" not in read(log)[0].values
