"""Patterns of what verl, tqdm, Ray and SkyPilot write into a log; they turn one line into metrics or another event.

Lines come from any program that a run starts, so every pattern takes time in proportion to the text: it begins at few
places, repeats only what it never has to give back (`*+`, `++`), or repeats a bounded number of times.
"""

import json
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import takewhile
from math import inf, nan
from typing import TypeGuard

from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.log_text import MAX_LINE_CHARACTERS
from bot.core.model.metrics import (
    MAX_KEY_CHARACTERS,
    CheckpointSaved,
    ProgressBar,
    StepMetrics,
    TotalSteps,
    TrackerLinked,
    TrainingPhase,
    TrainingResumed,
)
from bot.core.model.tracker import TRACKER_ADDRESS

STEP_LINE = re.compile(r"(?:^|[)\]] ?)step:(\d{1,9}) - (.+)")
"""Matches a step line at the beginning of a line, or where Ray's prefix or tqdm's bar has just ended."""

STEP_TEXT = re.compile(r"step:(\d{1,9}) - (.+)")
LOGGING_STAMP = re.compile(
    r"(?:\[?INFO\]?[: ]{1,3})?\[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d|\[?INFO\]?[: ]{1,3}[\w.]{1,80}:"
)
"""What Python's logging and rich print before a message, at least: a moment, or the level and the logger."""

MAX_STAMP_CHARACTERS = 160
"""Maximum characters that Python's logging puts before a message: time, level, logger, file and line."""

STAMP_ENDINGS = ("-", "|", ":", "]", "INFO")
"""What ends these."""

NUMBER = r"[+-]?(?>\d++(?:\.\d*+)?(?:e[+-]?\d++)?|nan|inf)"
WRAPPED_NUMBER = re.compile(rf"(\S+?):[A-Za-z_][\w.]*+\(({NUMBER})[^()]*+\)", re.IGNORECASE)
"""A pair whose number is as numpy 2 and torch print it: `np.float64(0.5)`, `tensor(0.5, device='cuda:0')`."""

NUMPY_PREFIXES = ("np.float64(", "np.int32(", "np.int64(", "np.float32(")
"""Beginnings of the commonest of these."""

GLUED_PAIR = re.compile(rf"([A-Za-z_]\S*?):(?:np\.\w++\()?({NUMBER})\)?(?![\d.e])", re.IGNORECASE)
"""A pair with other text right behind it. A number that may have been cut is not a match."""

VALIDATION_FAMILIES = ("val-core/", "val-aux/", "val/")
REMARK = re.compile(r"\([\w ]{1,60}\)")
NON_NUMERIC_VALUES = ("None", "True", "False")
VALIDATION_METRICS_LINE = re.compile(r"(?:Initial|Final) validation metrics: (.*)")
PROGRESS_BAR_LINE = re.compile(
    r"(?:Training Progress|Running step|Epoch (?P<epoch>\d{1,9})/(?P<epochs>\d{1,9})):[^|]{0,20}\|[^|]{0,200}\|"
    r" {0,9}(?P<done>\d{1,9})/(?P<total>\d{1,9}) \[[^<\]]{0,40}<[^,\]]{0,40},"
    r" {0,9}(?P<rate>\d{1,9}(?:\.\d{1,9})?|\?)(?P<unit>s/it|it/s)"
)
"""Matches tqdm's bar: verl's, EasyR1's, and that of one epoch of the SFT trainers."""

TOTAL_STEPS_LINE = re.compile(r"Total training steps: (\d{1,9})\b|Total steps: (\d{1,9}), num_warmup_steps")
CHECKPOINT_LINE = re.compile(
    r"(?:local_global_step_folder: |Saving checkpoint to:? {1,4})(\S{0,1024}global_step_(\d{1,9}))\b"
)
RESUME_LINE = re.compile(
    r"Resuming from {1,4}\S{0,1024}global_step_(\d{1,9})\b"
    r"|Setting global step to (\d{1,9})\b(?:.{0,80}?\bcurrent_param_version to (\d{1,9})\b)?"
)
"""Matches a resumption. The fully asynchronous trainer counts versions of the weights in its lines and folders, and
says beside them which step of its own that is."""


TRACKER_LINE = re.compile(
    r"^(?:(?:(?:wandb|swanlab): [^\n]{0,200}?|\N{RUNNER} )View run |TensorBoard [\w.+]{1,30} at )"
    rf"[^\n]{{0,200}}?(?P<address>{TRACKER_ADDRESS.pattern})(?=\s|$)"
)
"""Matches the line in which W&B, SwanLab, MLflow or TensorBoard says where it shows a run."""

MAX_STEP = 10**9
"""Exclusive upper bound of a step: larger numbers are not steps."""

MIN_VERL_KEYS = 4
"""Minimum keys with a slash, as verl's have, by which a line counts as verl's where the rest of it does not parse."""


def find_step(line: str) -> re.Match[str] | None:
    """Return the match of a line with metrics of a step; None for other lines, most of which a substring test rejects.

    >>> found = find_step("warming up (TaskRunner pid=8) step:3 - a:1")
    >>> found and (found[1], found[2])
    ('3', 'a:1')
    """
    if "step:" not in line:
        return None
    return STEP_LINE.search(line) or find_logged_step(line)


def find_logged_step(line: str) -> re.Match[str] | None:
    """Return the match of a step line that a program printed through Python's logging; None for other lines.

    >>> found = find_logged_step("2026-11-30 14:20:51,566 - trainer - INFO - step:3 - a:1")
    >>> found and found[1]
    '3'
    """
    start = line.find("step:", 0, MAX_STAMP_CHARACTERS)
    if start < 0 or not LOGGING_STAMP.match(line) or not line[:start].rstrip().endswith(STAMP_ENDINGS):
        return None
    return STEP_TEXT.match(line, start)


def parse_pairs(text: str) -> dict[str, float]:
    """Return the metrics of a step line; an empty dict where the text is not verl's `key:value - key:value`.

    >>> parse_pairs("critic/rewards/mean:0.5 - actor/lr:np.float64(1e-06)")
    {'critic/rewards/mean': 0.5, 'actor/lr': 1e-06}
    >>> parse_pairs("critic/rewards/mean:0.5 - so the answer:is 7")
    {}
    >>> parse_pairs("a/b:1.5 - c/d:np.int64(0)(TaskRunner pid=1) INFO: one - two")
    {'a/b': 1.5, 'c/d': 0.0}

    Text of another process may be glued to the last pair, or may cut it. The pairs before it count where they are
    enough to be verl's.
    """
    parts = text.rstrip().split(" - ")
    plain_values = parse_plain_pairs(parts)
    if plain_values is not None:
        return plain_values
    parsed_pairs = list(takewhile(lambda key_value: key_value is not None, map(parse_single_pair, parts)))
    values = dict(key_value for key_value in parsed_pairs if key_value and key_value[1] is not None)
    if len(parsed_pairs) < len(parts):
        glued_match = GLUED_PAIR.match(parts[len(parsed_pairs)])
        # Text after the pair is plausible only behind the last one; elsewhere the line is not verl's.
        if glued_match is None or (
            len(parsed_pairs) + 1 < len(parts) and glued_match.end() == len(parts[len(parsed_pairs)])
        ):
            if len(select_verl_keys(values)) < MIN_VERL_KEYS:
                return {}
        else:
            values[glued_match[1]] = float(glued_match[2])
    return {key: value for key, value in values.items() if value is not None}


def parse_plain_pairs(parts: Iterable[str]) -> dict[str, float] | None:
    """Return the pairs where every number is plain or numpy's, which is nearly always so; else None.

    The general case is slower.
    """
    values: dict[str, float] = {}
    try:
        for part in parts:
            key, _, value = part.rpartition(":")
            is_numpy = value[-1:] == ")" and value.startswith(NUMPY_PREFIXES)
            values[key] = float(value[value.index("(") + 1 : -1] if is_numpy else value)
    except ValueError:
        return None
    return values if are_metric_keys(values) else None


def parse_single_pair(text: str) -> tuple[str, float | None] | None:
    """Return the key and its number, with None for a value that is no number; return None for text that is no pair.

    >>> (parse_single_pair("actor/lr(1e-4):0.010"), parse_single_pair("a:tensor(0.5, device='cuda:0')"),
    ...  parse_single_pair("a:None"))
    (('actor/lr(1e-4)', 0.01), ('a', 0.5), ('a', None))
    >>> parse_single_pair("the answer:7"), parse_single_pair("a:b")
    (None, None)
    """
    key, _, value = text.rpartition(":")
    try:
        numeric_value = float(value)
    except ValueError:
        return parse_wrapped_pair(text, key, value)
    return (key, numeric_value) if is_metric_key(key) else None


def parse_wrapped_pair(text: str, key: str, value: str) -> tuple[str, float | None] | None:
    """Return a pair whose value is not a plain number; None for text that is no pair."""
    if match := WRAPPED_NUMBER.fullmatch(text):
        return (match[1], float(match[2])) if is_metric_key(match[1]) else None
    return (key, None) if value in NON_NUMERIC_VALUES and is_metric_key(key) else None


def are_metric_keys(texts: Collection[str]) -> bool:
    """Return whether verl could use all these texts as keys, without a call of Python's for each."""
    is_key = is_short_metric_key if max(map(len, texts), default=0) <= MAX_KEY_CHARACTERS else has_key_form
    return all(map(is_key, texts))


def is_metric_key(text: str) -> bool:
    """Return whether verl could use the text as a key of a metric.

    verl has the same few keys on every line, so short ones are cached.
    """
    return is_short_metric_key(text) if len(text) <= MAX_KEY_CHARACTERS else has_key_form(text)  # bounds the cache


@lru_cache(maxsize=4096)
def is_short_metric_key(text: str) -> bool:
    """Return whether a short text could be a key; the last 4,096 texts are cached."""
    return has_key_form(text)


def has_key_form(text: str) -> bool:
    """Return whether a text begins with a letter or an underscore and contains no space.

    A key with a slash may end in a remark in brackets, as one of verl-agent's does, and the name of a data source,
    within the key of a validation, may have spaces.

    >>> has_key_form("val/shop_score (not success_rate)"), has_key_form("a (b)"), has_key_form("the answer")
    (True, False, False)
    >>> has_key_form("val-core/my data/acc/mean@1"), has_key_form("val-core/my data")
    (True, False)
    """
    if text.startswith(VALIDATION_FAMILIES) and text.isprintable() and " " not in text.rpartition("/")[2]:
        return True
    name, _, remark = text.partition(" ")
    if remark and not ("/" in name and REMARK.fullmatch(remark)):
        return False
    return bool(name) and (name[0].isalpha() or name[0] == "_") and not any(map(str.isspace, name))


def parse_json_metrics(line: str, read_at: float) -> StepMetrics | None:
    """Return the metrics of a line of verl's file logger: `{"step": 3, "data": {"critic/score/mean": 0.5}}`.

    The logger writes null for a value that is not a number.

    >>> parse_json_metrics('{"step": 3, "data": {"a/b": 0.5, "c/d": null, "e/f": 1' + "0" * 400 + "}}", 0.0)
    StepMetrics(step=3, values={'a/b': 0.5, 'c/d': nan, 'e/f': inf}, at=0.0)
    """
    try:
        record = json.loads(line)
        values = {key: to_float(value) for key, value in record["data"].items() if is_json_number(value)}
        step = int(record["step"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return StepMetrics(step, VERL_KEYS.limit(values), read_at) if 0 <= step < MAX_STEP else None


def is_json_number(value: object) -> TypeGuard[float | None]:
    """Return whether a value of JSON is a number, or the null that means not-a-number."""
    return value is None or isinstance(value, (int, float))


def to_float(value: float | None) -> float:
    """Return a JSON number as a float. A JSON integer too large for a float becomes infinite."""
    try:
        return nan if value is None else float(value)
    except OverflowError:
        return inf if (value or 0) > 0 else -inf


def parse_event(line: str) -> TotalSteps | ProgressBar | CheckpointSaved | TrainingResumed | TrackerLinked | None:
    """Return the event that a line reports besides metrics; None for none.

    Of a long line only the beginning is read.
    """
    line = line[:MAX_LINE_CHARACTERS]
    if match := PROGRESS_BAR_LINE.search(line):
        return parse_bar(match)
    if match := TOTAL_STEPS_LINE.search(line):
        return TotalSteps(int(match[1] or match[2]))
    if match := RESUME_LINE.search(line):
        return TrainingResumed(int(match[1] or match[3] or match[2]))
    if match := CHECKPOINT_LINE.search(line):
        return CheckpointSaved(match[1], int(match[2]))
    if match := TRACKER_LINE.search(line):
        return TrackerLinked(match["address"])
    return None


def parse_bar(match: re.Match[str]) -> TotalSteps | ProgressBar | None:
    """Return what a bar shows: of one epoch, how many steps all have. One without a pace shows the total alone."""
    done, total, unit = int(match["done"]), int(match["total"]), match["unit"]
    if match["rate"] == "?":
        return None if match["epoch"] else TotalSteps(total)
    rate = float(match["rate"])
    seconds = rate if unit == "s/it" else 1 / rate if rate else 0.0
    if not match["epoch"]:
        return ProgressBar(done, total, seconds)
    done, total = done + (int(match["epoch"]) - 1) * total, int(match["epochs"]) * total
    return ProgressBar(done, total, seconds, is_estimate=True) if 0 <= done <= total < MAX_STEP else None


def select_verl_keys(keys: Iterable[str]) -> list[str]:
    """Return the keys that look like verl's: those with a slash."""
    return [key for key in keys if "/" in key]


SAVING_PATTERN = re.compile(r"[Ss]aving (?:checkpoint|model)|local_global_step_folder")
VALIDATING_PATTERN = re.compile(r"^\[(?:prompt|response|ground_truth|score)\]|validation generation|test_gen_batch")
"""Lines that verl prints while it saves, and while it validates."""


def count_step_metrics(text: str) -> int:
    """Return how many metrics of a step a line has; 0 for any other line."""
    match = find_step(text)
    return len(parse_pairs(match[2])) if match else 0


def find_phase(line: str) -> TrainingPhase:
    """Return what a line without prefixes is about.

    >>> find_phase("validation generation end"), find_phase("step:9 - a:1")
    (<TrainingPhase.VALIDATING: 'validating'>, <TrainingPhase.TRAINING: 'training'>)
    """
    if SAVING_PATTERN.search(line):
        return TrainingPhase.SAVING
    return TrainingPhase.VALIDATING if VALIDATING_PATTERN.search(line) else TrainingPhase.TRAINING
