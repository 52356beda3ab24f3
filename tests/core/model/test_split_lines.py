"""Lines that containers keep in parts are whole again before they are parsed."""

import json
from collections.abc import Callable

import pytest

from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.model.metrics import StepMetrics
from bot.core.model.split_lines import DOCKER_PART_BYTES, join_split_lines

MOMENT = "2026-11-30T14:20:51.5Z"
PAIRS = " - ".join(f"val-aux/source{index}/reward/std@8:0.123456" for index in range(1_500))
STEPS = [f"(TaskRunner pid=7) step:{step} - critic/score/mean:0.{step} - {PAIRS}" for step in (1, 2, 3)]


def split_by_containerd(lines: list[str]) -> str:
    parts = [[line[at : at + 8_000] for at in range(0, len(line), 8_000)] for line in lines]
    return "".join(
        f"{MOMENT} stdout {'F' if number == len(line) - 1 else 'P'} {part}\n"
        for line in parts
        for number, part in enumerate(line)
    )


def split_by_docker(lines: list[str]) -> str:
    parts = [
        f"{line}\n"[at : at + DOCKER_PART_BYTES] for line in lines for at in range(0, len(line) + 1, DOCKER_PART_BYTES)
    ]
    return "".join(
        json.dumps({"log": part, "stream": "stdout", "time": MOMENT}, separators=(",", ":")) + "\n" for part in parts
    )


@pytest.mark.parametrize("split", [split_by_containerd, split_by_docker])
@pytest.mark.parametrize("piece", [1_000_000, 9_973])
def test_the_steps_of_a_container_are_those_that_verl_printed(split: Callable[[list[str]], str], piece: int) -> None:
    text, parser, steps = split(STEPS), LogParser(), []
    for start in range(0, len(text), piece):
        parser, events = parser.parse(text[start : start + piece])
        steps += [event for event in events if isinstance(event, StepMetrics)]
    assert [(step.step, step.values["critic/score/mean"]) for step in steps] == [(1, 0.1), (2, 0.2), (3, 0.3)]


def test_the_streams_of_a_container_are_joined_each_for_itself() -> None:
    lines = [("stdout", "P", "a"), ("stderr", "P", "x"), ("stdout", "F", "b"), ("stderr", "F", "y")]
    text = "".join(f"{MOMENT} {stream} {flag} {part}\n" for stream, flag, part in lines)
    assert join_split_lines(text) == (f"{MOMENT} stdout F ab\n{MOMENT} stderr F xy\n", "")


def test_a_short_part_of_docker_is_joined_where_docker_keeps_line_ends() -> None:
    lines = ["step:1 - ", "a:2\n", "x\n"]
    text = "".join(f"{json.dumps({'log': line, 'stream': 'stdout'}, separators=(',', ':'))}\n" for line in lines)
    joined, rest = join_split_lines(text)
    assert [json.loads(line)["log"] for line in joined.splitlines()] == ["step:1 - a:2\n", "x\n"]
    assert rest == ""


def test_a_short_line_of_docker_is_whole_without_a_line_end() -> None:
    text = f'{{"log":"step:1","stream":"stdout","time":"{MOMENT}"}}\n' * 2
    assert join_split_lines(text) == (text, "")
