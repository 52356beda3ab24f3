"""What the loggers of other programs print before a line is no part of its text."""

import pytest

from bot.core.rules.failure_lines import parse_line

ERROR = "ValueError: no"


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "2026-07-03T14:20:51.566275000Z ",
        "2026-07-03T14:20:51+00:00 (TaskRunner pid=9) ",
        "(head, rank=0, pid=7) (EngineCore_DP0 pid=5) ERROR 11-26 10:00:00 [core.py:4] ",
        "(VllmWorkerProcess pid=5) ERROR 11-18 18:07:28 multiproc_worker_utils.py:242] ",
        "ERROR 11-18 18:07:28 engine.py:366] ",
        "21:39:57.104 (TaskRunner pid=9) ",
        "E0305 20:23:38.779000 745 site-packages/acme/runtime/heuristics.py:533] ",
        "(WorkerDict pid=8) [2026-05-23 18:02:49 TP0] ",
        "    | ",
    ],
)
def test_a_prefix_is_no_text(prefix: str) -> None:
    assert parse_line(f"{prefix}{ERROR}").text == ERROR


@pytest.mark.parametrize(
    ("line", "node"),
    [
        ("(worker3, rank=3, pid=1, ip=10.0.0.4) x", 3),
        ("(VllmWorker rank=3 pid=1) x", None),
        ("(head, rank=0, pid=1) (VllmWorker rank=3 pid=1) x", 0),
    ],
)
def test_only_skypilot_numbers_nodes(line: str, node: int | None) -> None:
    assert parse_line(line).node == node
