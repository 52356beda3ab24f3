"""verl's files of rollouts and of metrics, as values."""

from math import isnan, nan
from typing import Any

import pytest

from bot.core.frameworks.verl.rollout_files import find_tool_calls, parse_metrics_file, parse_samples
from bot.core.model.rollout import RolloutSample, SampleBatch, ScoreSpread


def picked(**fields: Any) -> RolloutSample:
    (sample,) = parse_samples({"step": 4, "samples": [{"number": 1, "fields": fields}]}).samples
    return sample


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"input": "6*7", "output": "42", "gts": "42", "score": 1.0, "step": 4, "acc": True},
            RolloutSample(1, "6*7", "42", 1.0, "42", (), {"acc": "true"}),
        ),
        ({"input": "6*7", "output": "41", "score": 0, "step": 4}, RolloutSample(1, "6*7", "41", 0.0)),
        ({"input": "q", "output": "a", "score": nan}, RolloutSample(1, "q", "a")),
        ({"prompt": "q", "response": "a", "reward": 0.5}, RolloutSample(1, "q", "a", 0.5, details={"reward": "0.5"})),
        (
            {"input": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "output": ["x", 1]},
            RolloutSample(1, "user: q\nassistant: a", '["x", 1]'),
        ),
        ({"output": None, "score": "high", "gts": {"answer": 3}}, RolloutSample(1, "", "", None, '{"answer": 3}')),
    ],
    ids=["verl 0.9", "verl 0.3", "not a number", "another trainer", "a conversation", "strange"],
)
def test_a_line_of_a_file_becomes_a_sample(fields: dict[str, Any], expected: RolloutSample) -> None:
    assert picked(**fields) == expected


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('<tool_call>\n{"name": "calculator", "arguments": {"expression": "6*7"}}\n</tool_call>', ("calculator",)),
        ('<tool_call>{"name": "a"}</tool_call> and <tool_call>{"name": "b"}</tool_call>', ("a", "b")),
        ("<tool_call>\n<function=read_file>\n<parameter=path>x</parameter>", ("read_file",)),
        ('[TOOL_CALLS][{"name": "search", "arguments": {}}]', ("search",)),
        ('[TOOL_CALLS]search[ARGS]{"q": "verl"}', ("search",)),
        ('<|python_tag|>{"name": "get_time", "parameters": {}}', ("get_time",)),
        ("<|channel|>commentary to=functions.lookup <|message|>{}", ("lookup",)),
        ("<think>hm</think> <search>verl</search>", ("search",)),
        ("<tool_call>half of a call", ("",)),
        ("no call at all, name: x", ()),
        ("", ()),
    ],
)
def test_the_tools_that_an_answer_calls_are_named(text: str, calls: tuple[str, ...]) -> None:
    assert find_tool_calls(text) == calls


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"step": "4", "steps": "4", "total": -1, "share": "x", "scores": 3, "samples": ["x", {"fields": 3}]},
        {"step": True, "steps": {"4": 4}, "scores": {"count": 2}, "samples": None},
    ],
)
def test_what_is_no_answer_of_a_reader_is_an_empty_one(answer: dict[str, Any]) -> None:
    batch = parse_samples(answer)
    assert (batch.step, batch.steps, batch.total, batch.scores, batch.samples) == (None, (), 0, None, ())


def test_the_spread_of_the_scores_is_kept() -> None:
    answer = {"step": 4, "steps": [4], "total": 3, "share": 0.5}
    scores = {"count": 3, "low": 0, "mean": 0.5, "high": 1}
    assert parse_samples({**answer, "scores": scores}) == SampleBatch(4, (4,), 3, 0.5, ScoreSpread(3, 0.0, 0.5, 1.0))


def test_rows_of_verls_file_of_metrics_are_read_and_a_null_is_not_a_number() -> None:
    text = (
        '{"step":0,"data":{"val-core/toy/acc/mean@1":0.25}}\n'
        '{"step":1,"data":{"critic/rewards/mean":0.5,"actor/grad_norm":null,"note":"text"}}\n'
        '{"step":2,"elapsed_seconds":5.5,"data":{"critic/rewards/mean":1}}\n'
    )
    rows = parse_metrics_file(text, 9.0)
    assert [(row.step, row.at) for row in rows] == [(0, 9.0), (1, 9.0), (2, 9.0)]
    assert isnan(rows[1].values["actor/grad_norm"])
    assert dict(rows[2].values) == {"critic/rewards/mean": 1.0}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "half",
        '{"step":1}',
        '{"step":1.5,"data":{"a":1}}',
        '{"step":-1,"data":{"a":1}}',
        '{"step":1,"data":{}}',
        "[",
    ],
)
def test_a_line_that_is_no_row_is_left_out(line: str) -> None:
    assert parse_metrics_file(f'{line}\n{{"step":7,"data":{{"a":1}}}}', 0.0)[0].step == 7
    assert len(parse_metrics_file(f'{line}\n{{"step":7,"data":{{"a":1}}}}', 0.0)) == 1
