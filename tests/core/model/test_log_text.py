"""What containers, launchers and the system's log put around a line of a program is no part of it."""

import json
from collections.abc import Callable

import pytest

from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.model.failure import FailureKind
from bot.core.model.log_text import strip_prefixes, unwrap_json
from bot.core.model.metrics import ProgressBar, StepMetrics
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.log_lines import select_lines

RAY = "\x1b[36m(TaskRunner pid=8)\x1b[0m "
STEP = "step:3 - critic/rewards/mean:0.25 - actor/lr:1e-06"
TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "/opt/train.py", line 3, in main',
    "    run()",
    "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB.",
)


def docker(line: str) -> str:
    return json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-11-30T14:20:51.566275Z"})


WRAPPED: dict[str, Callable[[str], str]] = {
    "Docker's JSON": docker,
    "Docker's JSON without spaces": lambda line: docker(line).replace('": "', '":"').replace('", "', '","'),
    "Docker's JSON behind SkyPilot's prefix": lambda line: f"(head, rank=0, pid=1) {docker(line)}",
    "a logger's JSON": lambda line: json.dumps({"timestamp": "2026-11-30T14:20:51Z", "level": "info", "message": line}),
    "journald's JSON": lambda line: json.dumps({"__REALTIME_TIMESTAMP": "17", "PRIORITY": "6", "MESSAGE": line}),
    "srun's label": lambda line: f"3: {line}",
    "srun's label of two digits": lambda line: f" 3: {line}",
    "srun's label behind SkyPilot's prefix": lambda line: f"(head, rank=0, pid=1) 3: {line}",
    "srun's label before a stamp": lambda line: f"3: 2026-11-30T14:20:51Z {line}",
    "mpirun's label": lambda line: f"[3] {line}",
    "pdsh's address": lambda line: f"10.0.0.2: {line}",
    "pdsh's host": lambda line: f"verl-worker-1: {line}",
    "the container runtime's": lambda line: f"2026-11-30T14:20:51.566+01:00 stdout F {line}",
    "kubectl's": lambda line: f"[pod/verl-0/trainer] 2026-11-30T14:20:51Z {line}",
    "the system's log": lambda line: f"Nov 30 14:20:51 node-1 verl[71]: {line}",
    "journald's with a moment": lambda line: f"2026-11-30T14:20:51+0100 node-1 verl[71]: {line}",
    "the time of day of ts": lambda line: f"14:20:51.566123 {line}",
    "a stamp of ts": lambda line: f"Nov 30 14:20:51 {line}",
    "colours": lambda line: f"\x1b[32m{line}\x1b[0m",
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
def test_a_step_is_read_within_what_is_around_it(wrap: Callable[[str], str]) -> None:
    steps = [wrap(f"{RAY}{STEP.replace('step:3', f'step:{number}')}") for number in (3, 4)]
    _, events = LogParser().parse("\n".join(steps) + "\n")
    assert [event.step for event in events if isinstance(event, StepMetrics)] == [3, 4]


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
def test_a_traceback_is_read_within_what_is_around_it(wrap: Callable[[str], str]) -> None:
    lines = [wrap(line).replace("14:20:51", f"14:20:5{second}") for second, line in enumerate(TRACEBACK)]
    failure = diagnose("\n".join(lines))
    assert failure is not None
    assert (failure.error, failure.kind) == (TRACEBACK[-1], FailureKind.GPU_MEMORY)


def test_of_a_bar_that_was_drawn_over_in_json_the_last_state_counts() -> None:
    bars = "\r".join(f"Training Progress:  {done}%|█ | {done}/100 [00:10<01:00, 2.00s/it]" for done in (1, 2))
    assert LogParser().parse(f"{docker(bars)}\n")[1] == [ProgressBar(2, 100, 2.0)]


@pytest.mark.parametrize(
    "line",
    [
        '{"step": 3, "data": {"message": "a", "time": 1}}',
        '{"message": "an answer of the model"}',
        'the model answers {"log":"step:1 - a:1\\n"}',
        '{"log": 1, "time": 2}',
        "{" * 99,
    ],
)
def test_other_json_is_left_as_it_is(line: str) -> None:
    assert unwrap_json(line) == line


@pytest.mark.parametrize("cut", [1, 3, 60, 66, 67, 68, 69])
def test_json_that_was_cut_shows_what_is_left_of_its_line(cut: int) -> None:
    line = docker(f"ValueError: {'x' * 20} \x1b[31mred")[:-cut]
    assert strip_prefixes(line).startswith(f"ValueError: {'x' * 20}")


def test_a_label_is_shown_though_it_is_not_parsed() -> None:
    assert select_lines(f"3: loss\n{docker('4: loss')}", 2) == ["3: loss", "4: loss"]
