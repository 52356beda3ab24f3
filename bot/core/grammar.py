"""How verl, tqdm, Ray and SkyPilot write what counts: one line in, a row or another fact out.

Lines come from whatever a run starts, so that every pattern takes time in proportion to the text: it begins at few
places, repeats only what it need not give back (`*+`, `++`), or repeats a bounded number of times.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile
from math import inf

from bot.core.fact import Bar, Resumed, Saved, Total
from bot.core.row import LONGEST_KEY, Row

ANSI = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]|\[[0-9;]++m")
"""Colours and movements of the cursor; colours too that have lost their escape, as in some old logs of Ray's."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that say nothing in a log, tabs and line ends apart."""

PREFIX = re.compile(r"(?:\((?=[^()]*?pid=\d)[^()]*+\)\s*+)*+")
STEP = re.compile(r"(?:^|[)\]] ?)step:(\d{1,9}) - (.+)")
"""At the beginning of a line, or where Ray's prefix or tqdm's bar has just ended."""

NUMBER = r"[+-]?(?>\d++(?:\.\d*+)?(?:e[+-]?\d++)?|nan|inf)"
WRAPPED = re.compile(rf"(\S+?):[A-Za-z_][\w.]*+\(({NUMBER})[^()]*+\)", re.IGNORECASE)
"""A pair whose number is as numpy 2 and torch print it: `np.float64(0.5)`, `tensor(0.5, device='cuda:0')`."""

NUMPY = re.compile(rf"np\.\w++\(({NUMBER})\)", re.IGNORECASE)
"""The commonest of these."""

GLUED = re.compile(rf"([A-Za-z_]\S*?):(?:np\.\w++\()?({NUMBER})\)?(?![\d.e])", re.IGNORECASE)
"""A pair with something else right behind it; a number that may have been cut is none."""

NO_NUMBERS = ("None", "True", "False")
DICT_PAIR = re.compile(rf"'([^']++)':\s*+(?:np\.\w++\()?({NUMBER})", re.IGNORECASE)
METRICS = re.compile(r"(?:Initial|Final) validation metrics: (.*)")
BAR = re.compile(
    r"Training Progress:[^|]{0,20}\|[^|]{0,200}\| {0,9}(\d{1,9})/(\d{1,9}) \[[^<\]]{0,40}<[^,\]]{0,40},"
    r" {0,9}(\d{1,9}(?:\.\d{1,9})?)(s/it|it/s)"
)
TOTAL = re.compile(r"Total training steps: (\d{1,9})\b|Total steps: (\d{1,9}), num_warmup_steps")
CHECKPOINT = re.compile(r"(?:local_global_step_folder: |Saving checkpoint to )(\S{0,1024}global_step_(\d{1,9}))\b")
RESUMED = re.compile(r"Resuming from \S{0,1024}global_step_(\d{1,9})\b|Setting global step to (\d{1,9})\b")

MOST_STEPS = 10**9
"""Numbers beyond it are no step's."""

FEWEST_KEYS = 4
"""Of verl's kind, with a slash, that a line must have to be believed where the others do not speak for it."""

LONGEST_SHOWN = 4_096
"""Characters of a line that is shown, or looked at for anything but metrics: verl's longest other lines have some
hundreds."""


def bare(raw: str) -> str:
    """The line without colours and without the prefixes of SkyPilot and Ray.

    >>> bare("\\x1b[36m(head, rank=0, pid=7)\\x1b[0m (TaskRunner pid=8) step:1 - a:2")
    'step:1 - a:2'
    """
    line = ANSI.sub("", raw)
    if not line.isprintable():
        line = CONTROL.sub("", line)
    return line[PREFIX.match(line).end() :]  # type: ignore[union-attr]  # the pattern matches the empty string


def find_step(line: str) -> re.Match[str] | None:
    """Return where a line tells of a step; most lines do not, which is seen at once.

    >>> found = find_step("warming up (TaskRunner pid=8) step:3 - a:1")
    >>> found and (found[1], found[2])
    ('3', 'a:1')
    """
    return STEP.search(line) if "step:" in line else None


def pairs(text: str) -> dict[str, float]:
    """The metrics of a step line; empty where the text is not verl's `key:value - key:value`.

    >>> pairs("critic/rewards/mean:0.5 - actor/lr:np.float64(1e-06)")
    {'critic/rewards/mean': 0.5, 'actor/lr': 1e-06}
    >>> pairs("critic/rewards/mean:0.5 - so the answer:is 7")
    {}
    >>> pairs("a/b:1.5 - c/d:np.int64(0)(TaskRunner pid=1) INFO: one - two")
    {'a/b': 1.5, 'c/d': 0.0}

    The last pair may have another process's text glued to its end, or be cut by it; what came before it counts where
    it is enough to be verl's.
    """
    parts = text.rstrip().split(" - ")
    plain = plain_pairs(parts)
    if plain is not None:
        return plain
    whole = list(takewhile(lambda found: found is not None, map(pair, parts)))
    values = dict(found for found in whole if found and found[1] is not None)
    if len(whole) < len(parts):
        glued = GLUED.match(parts[len(whole)])
        if glued is None or (len(whole) + 1 < len(parts) and glued.end() == len(parts[len(whole)])):
            if len(verls(values)) < FEWEST_KEYS:
                return {}
        else:
            values[glued[1]] = float(glued[2])
    return {key: value for key, value in values.items() if value is not None}


def plain_pairs(parts: Iterable[str]) -> dict[str, float] | None:
    """Return the pairs where every number is plain, or numpy's, as nearly always; else None: the rest costs more."""
    found: dict[str, float] = {}
    try:
        for part in parts:
            key, _, value = part.rpartition(":")
            if value[-1:] == ")" and (wrapped := NUMPY.fullmatch(value)):
                value = wrapped[1]
            found[key] = float(value)
    except ValueError:
        return None
    return found if all(map(is_key, found)) else None


def pair(text: str) -> tuple[str, float | None] | None:
    """The key and its number, None for a value that is none; None for what is no pair.

    >>> pair("actor/lr(1e-4):0.010"), pair("a:tensor(0.5, device='cuda:0')"), pair("a:None")
    (('actor/lr(1e-4)', 0.01), ('a', 0.5), ('a', None))
    >>> pair("the answer:7"), pair("a:b")
    (None, None)
    """
    key, _, value = text.rpartition(":")
    try:
        found = float(value)
    except ValueError:
        return wrapped(text, key, value)
    return (key, found) if is_key(key) else None


def wrapped(text: str, key: str, value: str) -> tuple[str, float | None] | None:
    """A pair whose value is not a number as it stands."""
    if found := WRAPPED.fullmatch(text):
        return (found[1], float(found[2])) if is_key(found[1]) else None
    return (key, None) if value in NO_NUMBERS and is_key(key) else None


def is_key(text: str) -> bool:
    """Whether verl could call a metric so. It has the same few on every line."""
    return is_known_key(text) if len(text) <= LONGEST_KEY else is_word(text)  # what is remembered is bounded


@lru_cache(maxsize=4096)
def is_known_key(text: str) -> bool:
    return is_word(text)


def is_word(text: str) -> bool:
    return bool(text) and (text[0].isalpha() or text[0] == "_") and not any(map(str.isspace, text))


def json_row(line: str, at: float) -> Row | None:
    """A line of verl's file logger: `{"step": 3, "data": {"critic/score/mean": 0.5}}`.

    >>> json_row('{"step": 3, "data": {"a/b": 0.5, "c/d": null, "e/f": 1' + "0" * 400 + "}}", 0.0)
    Row(step=3, values={'a/b': 0.5, 'e/f': inf}, at=0.0)
    """
    try:
        found = json.loads(line)
        values = {key: number(value) for key, value in found["data"].items() if isinstance(value, (int, float))}
        step = int(found["step"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return Row(step, values, at) if 0 <= step < MOST_STEPS else None


def number(value: float) -> float:
    """Return a number of JSON's as a float; whole ones may be longer than a float holds."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def dict_row(block: str, step: int, at: float) -> Row | None:
    """Return the validation metrics that stand in braces, as pprint writes them; None where there are none."""
    found = {named(key): float(value) for key, value in DICT_PAIR.findall(block)}
    return Row(step, found, at) if found else None


def other_fact(line: str) -> Total | Bar | Saved | Resumed | None:
    """Return what a line tells beside metrics; of a long line its beginning is looked at."""
    line = line[:LONGEST_SHOWN]
    if found := BAR.search(line):
        pace = float(found[3])
        return Bar(int(found[1]), int(found[2]), pace if found[4] == "s/it" else 1 / pace if pace else 0.0)
    if found := TOTAL.search(line):
        return Total(int(found[1] or found[2]))
    if found := RESUMED.search(line):
        return Resumed(int(found[1] or found[2]))
    if found := CHECKPOINT.search(line):
        return Saved(found[1], int(found[2]))
    return None


def named(key: str) -> str:
    """The oldest verl leaves out a part of the key here that its step lines have."""
    return f"val/{key}" if key.startswith("test_score/") else key


def verls(keys: Iterable[str]) -> list[str]:
    """Those of verl's kind."""
    return [key for key in keys if "/" in key]
