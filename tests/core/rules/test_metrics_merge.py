"""A step that a run's file of metrics and its console both show counts once, also after a restart or an outage."""

from collections.abc import Sequence

import pytest

from bot.core.model.history import merge_rows
from bot.core.model.metrics import LogEvent, StepMetrics, TrainingResumed
from bot.core.model.rollout import FilePart, FilePosition
from bot.core.rules.metrics_merge import MetricsMerge, MetricsSource

REWARD = "critic/rewards/mean"
FILE, CONSOLE = MetricsSource.FILE, MetricsSource.CONSOLE
Look = tuple[MetricsSource, Sequence[int]] | tuple[MetricsSource, Sequence[int], str] | str


def row(step: int, **more: float) -> StepMetrics:
    return StepMetrics(step, {REWARD: 0.5, **more}, float(step))


def record(*looks: Look) -> list[int]:
    """Merge looks at both sources; return the step of each row that was recorded.

    A look names its source, its steps (below zero: the training resumed from that step) and, of a file, its identity.
    """
    merge, recorded = MetricsMerge().begin(None), list[StepMetrics]()
    for look in looks:
        if isinstance(look, str):
            merge = merge.lose_file()
            continue
        events: list[LogEvent] = [row(step) if step >= 0 else TrainingResumed(-step) for step in look[1]]
        part = FilePart(FilePosition("metrics.jsonl", look[2] if len(look) > 2 else "a", 1), "rows" * len(events))
        merge = merge.move_file(part) if look[0] is FILE else merge
        merge, _, new = merge.take(look[0], events, merge_rows(recorded))
        merge = merge.end_file(part) if look[0] is FILE else merge
        recorded.extend(new)
    return [found.step for found in recorded]


@pytest.mark.parametrize(
    ("looks", "steps"),
    [
        ([(FILE, [1, 2, 3]), (CONSOLE, [1, 2, 3])], [1, 2, 3]),
        ([(CONSOLE, [1, 2]), (FILE, [1, 2, 3]), (CONSOLE, [3])], [1, 2, 3]),
        ([(FILE, [1]), "lost", (CONSOLE, [1, 2, 3]), (FILE, [2, 3, 4]), (CONSOLE, [4])], [1, 2, 3, 4]),
        ([(FILE, [1]), (CONSOLE, [1, 2, 3]), (FILE, []), (CONSOLE, [4])], [1, 2, 3, 4]),
        ([(FILE, [5, 6]), (CONSOLE, [-4, 5, 6])], [5, 6]),
        ([(FILE, [5, 6]), (CONSOLE, [5]), (FILE, [5, 6, 7], "b"), (CONSOLE, [6, -4, 5, 6, 7])], [5, 6, 5, 6, 7]),
        ([(FILE, [5, 6]), (CONSOLE, [5]), (FILE, [1, 2], "b"), (CONSOLE, [6, 1, 2])], [5, 6, 1, 2]),
        ([(FILE, [5]), (CONSOLE, [5, 6, -4, 5]), (FILE, [5, 6], "b"), (CONSOLE, [6])], [5, 6, 5, 6]),
        ([(FILE, [5, 6]), (CONSOLE, [5, 6, -4, 5]), (FILE, [5, 6]), (CONSOLE, [6])], [5, 6, 5, 6]),
        ([(FILE, [5]), (CONSOLE, [5]), (FILE, [], "b"), (CONSOLE, [6]), "lost", (CONSOLE, [7])], [5, 7]),
        ([(FILE, [5]), (CONSOLE, [5, -5, -5, 6]), (FILE, [6], "b"), (CONSOLE, [7])], [5, 6, 7]),
    ],
    ids=[
        "file first",
        "console first",
        "file lost for a while",
        "file no longer written",
        "resumed before both",
        "file restarts first",
        "from scratch, file first",
        "console restarts first",
        "file goes on after a restart",
        "file empty and lost",
        "resumed from the newest step",
    ],
)
def test_each_step_of_a_training_counts_once(looks: list[Look], steps: list[int]) -> None:
    assert record(*looks) == steps


def test_a_step_that_both_show_keeps_all_keys() -> None:
    merge, _, first = MetricsMerge().begin(None).take(CONSOLE, [row(1), row(2)], [])
    merge, counted, late = merge.take(FILE, [row(1, extra=1.0), row(2, extra=2.0)], first)
    assert [dict(found.values) for found in late] == [{"extra": 1.0}, {"extra": 2.0}]
    assert [found.step for found in counted if isinstance(found, StepMetrics)] == [2]  # an old step is no progress
    merged = merge_rows([*first, *late])
    assert [(found.step, set(found.values)) for found in merged] == [(1, {REWARD, "extra"}), (2, {REWARD, "extra"})]


def test_the_console_waits_while_the_file_has_more() -> None:
    part = FilePart(FilePosition("metrics.jsonl", "a", 1), "rows", has_more=True)
    merge, _, new = MetricsMerge().begin(None).move_file(part).take(FILE, [row(1)], [])
    merge, _, early = merge.take(CONSOLE, [row(900)], new)
    assert early == []
    assert merge.lose_file().take(CONSOLE, [row(901)], new)[2][0].step == 901


@pytest.mark.parametrize(("known", "steps"), [(None, [1, 2, 3]), (2, [3])], ids=["a new run", "an older record"])
def test_what_the_record_has_already_is_not_taken_again(known: int | None, steps: list[int]) -> None:
    recorded = [row(step) for step in range(1, (known or 0) + 1)]
    new = MetricsMerge().begin(known).take(FILE, [row(1), row(2), row(3)], recorded)[2]
    assert [found.step for found in new] == steps


def test_a_file_without_the_newest_steps_does_not_count_as_the_origin() -> None:
    merge = MetricsMerge().begin(None).move_file(FilePart(FilePosition("metrics.jsonl", "a", 1)))
    merge = merge.take(FILE, [row(1)], [])[0]
    assert merge.describe_origin().file == "metrics.jsonl"
    assert merge.take(CONSOLE, [row(2)], [row(1)])[0].describe_origin().file == ""
