"""verl's files of rollouts and of metrics: one JSON document a line. Pure.

verl 0.3 to 0.9 writes rollouts to `STEP.jsonl` in `trainer.rollout_data_dir`, with the keys input, output, score and
step, since 0.6 gts too, and beside them what the reward function returned (verl/trainer/ppo/ray_trainer.py,
`_dump_generations`). Its logger `file` writes `{"step": N, "data": {key: number}}`, where a number that is not
finite is null (verl/utils/tracking.py).
"""

import json
import re
from collections.abc import Mapping
from math import isfinite, nan
from typing import Any

from bot.core.model.metrics import StepMetrics
from bot.core.model.rollout import RolloutSample, SampleBatch, SampleOrder, ScoreSpread

PROMPT_KEYS = ("input", "prompt", "prompts", "question")
ANSWER_KEYS = ("output", "response", "responses", "answer", "completion")
SCORE_KEYS = ("score", "reward", "acc")
TRUTH_KEYS = ("gts", "gt", "ground_truth")
STEP_KEY = "step"

FINDING_ORDERS = {
    # What a reward function takes for good shows a reward that is hacked.
    **dict.fromkeys(("validation-falls", "reward-parts", "no-variance"), SampleOrder.BEST),
    **dict.fromkeys(("reward-collapse", "hopeless-groups", "length-collapse", "entropy-rise"), SampleOrder.WORST),
    **dict.fromkeys(("entropy-collapse", "silent-tools", "truncation", "length-growth"), SampleOrder.RANDOM),
}
"""Which answers show what a finding means, by the names of detectors."""

MAX_STEP = 10**9
"""Steps below this are believed; no training has so many."""

MAX_DETAILS, MAX_DETAIL_CHARACTERS = 12, 200
"""Maximum further keys of a sample, and characters of each value."""

MAX_TOOL_CALLS = 50
"""Maximum calls of tools that are listed of one answer."""

TOOL_CALL = re.compile(
    r"<tool_call>(?!\s{0,9}<function=)(?=(?P<hermes>.{0,400}))"
    r"|\[TOOL_CALLS\](?=(?P<mistral>.{0,400}))"
    r"|<\|python_tag\|>(?=(?P<llama>.{0,400}))"
    r"|<function=(?P<qwen>[\w.-]{1,80})"
    r"|to=functions\.(?P<harmony>[\w.-]{1,80})"
    r"|<(?P<tag>search|python|code_interpreter|interpreter)>",
    re.DOTALL,
)
"""Matches the beginning of a call: as Hermes and Qwen, Mistral, Llama 3, Qwen coder and gpt-oss write it, and the tags
of Search-R1, ReTool and their kind."""

CALL_NAME = re.compile(r'"name"\s{0,9}:\s{0,9}"([\w.:/-]{1,80})"|^\s{0,9}([\w.-]{1,80})\[ARGS\]')


def parse_samples(answer: Mapping[str, Any]) -> SampleBatch:
    """Return the samples that a node has picked from a step's file; what does not look like one is left out."""
    steps = answer.get("steps")
    return SampleBatch(
        to_count(answer.get("step")),
        tuple(step for step in map(to_count, steps if isinstance(steps, list) else []) if step is not None),
        to_count(answer.get("total")) or 0,
        min(max(to_number(answer.get("share")) or 0.0, 0.0), 1.0),
        parse_spread(answer.get("scores")),
        tuple(
            parse_sample(picked)
            for picked in answer.get("samples") or []
            if isinstance(picked, Mapping) and isinstance(picked.get("fields"), Mapping)
        ),
    )


def parse_spread(scores: object) -> ScoreSpread | None:
    """Return the scores of a step; None if there are none."""
    if not isinstance(scores, Mapping):
        return None
    count = to_count(scores.get("count"))
    low, mean, high = (to_number(scores.get(key)) for key in ("low", "mean", "high"))
    if not count or low is None or mean is None or high is None:
        return None
    return ScoreSpread(count, low, mean, high)


def parse_sample(picked: Mapping[str, Any]) -> RolloutSample:
    """Return one sample of a file."""
    fields: Mapping[str, Any] = picked["fields"]
    answer = find_text(fields, ANSWER_KEYS)
    return RolloutSample(
        to_count(picked.get("number")) or 0,
        find_text(fields, PROMPT_KEYS),
        answer,
        next((number for key in SCORE_KEYS if (number := to_number(fields.get(key))) is not None), None),
        find_text(fields, TRUTH_KEYS),
        find_tool_calls(answer),
        collect_details(fields),
        bool(picked.get("cut")),
    )


def find_text(fields: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Return the value of the first of these keys as text: a conversation, as a line for each message."""
    value = next((fields[key] for key in keys if fields.get(key) is not None), "")
    return to_plain_value(value)


def to_plain_value(value: object) -> str:
    """Return a value as text.

    >>> to_plain_value([{"role": "user", "content": "1+1?"}]), to_plain_value(0.5), to_plain_value("a")
    ('user: 1+1?', '0.5', 'a')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) and "content" in item for item in value):
        return "\n".join(f"{item.get('role', '')}: {to_plain_value(item['content'])}" for item in value)
    return json.dumps(value, ensure_ascii=False)


def collect_details(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the values under keys that the bot does not know, such as what a reward function returned."""
    known = {*PROMPT_KEYS, *ANSWER_KEYS, *TRUTH_KEYS, "score", STEP_KEY}
    details = [(key, to_plain_value(value)) for key, value in fields.items() if key not in known and value is not None]
    return {key[:MAX_DETAIL_CHARACTERS]: value[:MAX_DETAIL_CHARACTERS] for key, value in details[:MAX_DETAILS]}


def find_tool_calls(answer: str) -> tuple[str, ...]:
    """Return the tools that an answer calls, in order.

    >>> find_tool_calls('<tool_call>{"name": "calculator", "arguments": {}}</tool_call> so <search>verl</search>')
    ('calculator', 'search')
    """
    calls = []
    for match in TOOL_CALL.finditer(answer):
        word = match["qwen"] or match["harmony"] or match["tag"]
        named = None if word else CALL_NAME.search(match["hermes"] or match["mistral"] or match["llama"] or "")
        calls.append(word or (named and (named[1] or named[2])) or "")
        if len(calls) >= MAX_TOOL_CALLS:
            break
    return tuple(calls)


def to_number(value: object) -> float | None:
    """Return a finite number; None for anything else.

    >>> to_number(True), to_number("0.5"), to_number(float("nan")), to_number(10**400)
    (1.0, None, None, None)
    """
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def to_count(value: object) -> int | None:
    """Return a whole number from 0 that a step or a count may be; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else None


def parse_metrics_file(text: str, at: float) -> list[StepMetrics]:
    r"""Return the rows of a file of metrics; lines that are none are left out.

    >>> [(row.step, dict(row.values)) for row in parse_metrics_file('{"step":3,"data":{"a":1,"b":null}}\nhalf', 0.0)]
    [(3, {'a': 1.0, 'b': nan})]
    """
    return [row for line in text.split("\n") if (row := parse_metrics_line(line, at))]


def parse_metrics_line(line: str, at: float) -> StepMetrics | None:
    """Return the row of one line; None for any other line."""
    try:
        document = json.loads(line, parse_int=float)
    except (ValueError, RecursionError):
        return None
    match document:
        case {"step": float(step), "data": dict(data)} if step.is_integer() and 0 <= step < MAX_STEP:
            values = {key: number for key, value in data.items() if (number := to_metric(value)) is not None}
            return StepMetrics(int(step), values, at) if values else None
    return None


def to_metric(value: object) -> float | None:
    """Return a number of a file of metrics; its null is not a number, and a text is none.

    >>> to_metric(None), to_metric(True), to_metric("a")
    (nan, 1.0, None)
    """
    if value is None:
        return nan
    return float(value) if isinstance(value, int | float) else None
