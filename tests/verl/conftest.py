"""Each test here takes real verl; and what the tests ask of a run, from what verl wrote itself."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bot.cli.replay import read_events
from bot.core.model.metrics import CheckpointSaved, LogEvent, StepMetrics
from tests.verl.bed import Asked, lacking

collect_ignore = ["stand_ins"]
"""Of verl's environment, which this Python cannot import."""

NEWEST = "latest_checkpointed_iteration.txt"


@pytest.fixture(scope="session", autouse=True)
def verl() -> None:
    """Say what is missing, once; a test without verl would show nothing."""
    assert not lacking(), lacking()


def read_log(path: Path) -> list[LogEvent]:
    """What the bot reads in a log."""
    with path.open("rb") as file:
        return list(read_events(file))


def steps_read(events: list[LogEvent]) -> Mapping[int, Mapping[str, float]]:
    """The metrics of each step that the bot has read, in the order of the log."""
    steps: dict[int, dict[str, float]] = {}
    for event in events:
        if isinstance(event, StepMetrics):
            steps.setdefault(event.step, {}).update(event.values)
    return steps


def saved_read(events: list[LogEvent]) -> list[int]:
    """The steps of the checkpoints that the bot has seen being saved."""
    return [event.step for event in events if isinstance(event, CheckpointSaved)]


def steps_written(path: Path) -> Mapping[int, Mapping[str, float]]:
    """The metrics of each step, by verl's own file logger."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    steps: dict[int, dict[str, float]] = {}
    for row in rows:
        steps.setdefault(row["step"], {}).update(row["data"])
    return steps


def saved_written(asked: Asked) -> list[int]:
    """The steps of the checkpoints that are on the disk."""
    folders = asked.output.glob("global_step_*")
    return sorted(int(folder.name.rpartition("_")[2]) for folder in folders)


def newest_written(asked: Asked) -> int:
    """The step from which verl says that it continues."""
    return int((asked.output / NEWEST).read_text())


def prompts(asked: Asked, step: int) -> list[str]:
    """The problems of a step, each as often as it was answered, in any order of their answers."""
    lines = (asked.output / "rollouts" / f"{step}.jsonl").read_text().splitlines()
    return sorted(json.loads(line)["input"] for line in lines)


def metrics_files(asked: Asked) -> Iterator[Path]:
    """verl's files of metrics, one for each start, the first first."""
    yield from sorted(asked.output.glob("metrics-*.jsonl"))
