"""Requests to the readers on a run's nodes: the head first, and a fault is never taken for an empty folder."""

from collections.abc import Mapping
from typing import Any

import pytest

from bot.adapters.node_requests import collect_metrics, collect_process_logs, collect_samples
from bot.core.model.rollout import FilePart, FilePosition, SampleOrder, SampleRequest
from bot.errors import BeingStopped, Unavailable

FOUND = {"step": 4, "steps": [3, 4], "total": 8, "share": 1.0, "samples": [{"number": 1, "fields": {"output": "a"}}]}
PART = {"name": "metrics.jsonl", "identity": "7", "offset": 12, "text": "line\n", "more": True}


class Nodes:
    """Nodes with answers of their own; the number of each one that was asked is kept."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self.answers, self.asked, self.requests = answers, list[int](), list[Mapping[str, Any]]()

    def __iter__(self) -> Any:
        for number in range(len(self.answers)):
            yield lambda request, number=number: self.answer(number, request)

    def answer(self, number: int, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(number)
        self.requests.append(request)
        return self.answers[number]


def test_a_worker_is_asked_only_where_the_head_has_no_such_step() -> None:
    nodes = Nodes({}, FOUND, {})
    batch = collect_samples(nodes, SampleRequest(order=SampleOrder.WORST, count=2, seed=3))
    assert (batch.step, batch.total, batch.samples[0].answer, nodes.asked) == (4, 8, "a", [0, 1])
    assert (nodes.requests[0]["order"], nodes.requests[0]["count"], nodes.requests[0]["seed"]) == ("worst", 2, 3)


def test_where_no_node_has_the_step_the_steps_that_exist_are_named() -> None:
    batch = collect_samples(Nodes({"step": None, "steps": []}, {"step": None, "steps": [1, 2]}), SampleRequest(9))
    assert (batch.step, batch.steps) == (None, (1, 2))


@pytest.mark.parametrize("answer", [{"error": "Input/output error"}])
def test_a_file_that_cannot_be_read_is_not_taken_for_none(answer: Mapping[str, Any]) -> None:
    with pytest.raises(Unavailable, match="Input/output error"):
        collect_samples(Nodes(answer), SampleRequest())
    with pytest.raises(Unavailable, match="Input/output error"):
        collect_metrics(Nodes(answer), "metrics", FilePosition())


def test_new_lines_come_with_the_place_after_them() -> None:
    part = collect_metrics(Nodes({}, PART), "metrics", FilePosition("metrics.jsonl", "7", 7))
    assert part == FilePart(FilePosition("metrics.jsonl", "7", 12), "line\n", has_more=True)


def test_without_a_file_the_place_stays() -> None:
    position = FilePosition("metrics.jsonl", "7", 7)
    assert collect_metrics(Nodes({}, {}), "metrics", position) == FilePart(position)


@pytest.mark.parametrize("answer", [PART | {"offset": "12"}, {"name": "metrics.jsonl"}], ids=["text", "half"])
def test_an_answer_that_is_not_complete_is_no_answer(answer: Mapping[str, Any]) -> None:
    with pytest.raises(Unavailable):
        collect_metrics(Nodes(answer), "metrics", FilePosition())


def test_rays_logs_come_from_each_node_that_answers() -> None:
    logs = [{"name": "raylet.out", "text": "a line"}, {"name": "../x", "text": "b"}, {"name": 7}, "c"]
    nodes = Nodes({"logs": logs}, {"error": "Input/output error"}, {"logs": "none"}, {"logs": logs[:1]})
    found = collect_process_logs(nodes, [7])
    assert [(log.node, log.name, log.text) for log in found] == [
        (0, "raylet.out", "a line"),
        (3, "raylet.out", "a line"),
    ]
    assert [request["pids"] for request in nodes.requests] == [[7]] * 4


def test_a_bot_that_stops_reads_no_logs() -> None:
    def stop(_request: Mapping[str, Any]) -> Mapping[str, Any]:
        raise BeingStopped("The bot is stopping.")

    with pytest.raises(BeingStopped):
        collect_process_logs([stop], [])
