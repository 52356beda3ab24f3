"""Patterns of what verl, tqdm, Ray and SkyPilot write into a log; they turn one line into metrics or another event.

Lines come from any program that a run starts, so every pattern takes time in proportion to the text: it begins at few
places, repeats only what it never has to give back (`*+`, `++`), or repeats a bounded number of times.
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
"""Colours and cursor movements; also colours that have lost their escape character, as in some old logs of Ray's."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters, which mean nothing in a log, except tabs and line ends."""

PREFIX = re.compile(r"(?:\((?=[^()]*?pid=\d)[^()]*+\)\s*+)*+")
STEP = re.compile(r"(?:^|[)\]] ?)step:(\d{1,9}) - (.+)")
"""Matches a step line at the beginning of a line, or where Ray's prefix or tqdm's bar has just ended."""

NUMBER = r"[+-]?(?>\d++(?:\.\d*+)?(?:e[+-]?\d++)?|nan|inf)"
WRAPPED = re.compile(rf"(\S+?):[A-Za-z_][\w.]*+\(({NUMBER})[^()]*+\)", re.IGNORECASE)
"""A pair whose number is as numpy 2 and torch print it: `np.float64(0.5)`, `tensor(0.5, device='cuda:0')`."""

NUMPY = re.compile(rf"np\.\w++\(({NUMBER})\)", re.IGNORECASE)
"""The commonest of these."""

GLUED = re.compile(rf"([A-Za-z_]\S*?):(?:np\.\w++\()?({NUMBER})\)?(?![\d.e])", re.IGNORECASE)
"""A pair with other text right behind it. A number that may have been cut is not a match."""

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
"""Exclusive upper bound of a step: larger numbers are not steps."""

FEWEST_KEYS = 4
"""Minimum keys with a slash, as verl's have, by which a line counts as verl's where the rest of it does not parse."""

LONGEST_SHOWN = 4_096
"""Maximum characters of a line that are shown, or searched for anything but metrics: verl's longest other lines have
some hundreds.
"""


def bare(raw: str) -> str:
    r"""Return the line without colours and without the prefixes of SkyPilot and Ray.

    >>> bare("\x1b[36m(head, rank=0, pid=7)\x1b[0m (TaskRunner pid=8) step:1 - a:2")
    'step:1 - a:2'
    """
    line = ANSI.sub("", raw)
    if not line.isprintable():
        line = CONTROL.sub("", line)
    return line[PREFIX.match(line).end() :]  # type: ignore[union-attr]  # the pattern matches the empty string


def find_step(line: str) -> re.Match[str] | None:
    """Return the match of a line with metrics of a step; None for other lines, most of which a substring test rejects.

    >>> found = find_step("warming up (TaskRunner pid=8) step:3 - a:1")
    >>> found and (found[1], found[2])
    ('3', 'a:1')
    """
    return STEP.search(line) if "step:" in line else None


def pairs(text: str) -> dict[str, float]:
    """Return the metrics of a step line; an empty dict where the text is not verl's `key:value - key:value`.

    >>> pairs("critic/rewards/mean:0.5 - actor/lr:np.float64(1e-06)")
    {'critic/rewards/mean': 0.5, 'actor/lr': 1e-06}
    >>> pairs("critic/rewards/mean:0.5 - so the answer:is 7")
    {}
    >>> pairs("a/b:1.5 - c/d:np.int64(0)(TaskRunner pid=1) INFO: one - two")
    {'a/b': 1.5, 'c/d': 0.0}

    Text of another process may be glued to the last pair, or may cut it. The pairs before it count where they are
    enough to be verl's.
    """
    parts = text.rstrip().split(" - ")
    plain = plain_pairs(parts)
    if plain is not None:
        return plain
    whole = list(takewhile(lambda found: found is not None, map(pair, parts)))
    values = dict(found for found in whole if found and found[1] is not None)
    if len(whole) < len(parts):
        glued = GLUED.match(parts[len(whole)])
        # Text after the pair is plausible only behind the last one; elsewhere the line is not verl's.
        if glued is None or (len(whole) + 1 < len(parts) and glued.end() == len(parts[len(whole)])):
            if len(verls(values)) < FEWEST_KEYS:
                return {}
        else:
            values[glued[1]] = float(glued[2])
    return {key: value for key, value in values.items() if value is not None}


def plain_pairs(parts: Iterable[str]) -> dict[str, float] | None:
    """Return the pairs where every number is plain or numpy's, which is nearly always so; else None.

    The general case is slower.
    """
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
    """Return the key and its number, with None for a value that is no number; return None for text that is no pair.

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
    """Return a pair whose value is not a plain number; None for text that is no pair."""
    if found := WRAPPED.fullmatch(text):
        return (found[1], float(found[2])) if is_key(found[1]) else None
    return (key, None) if value in NO_NUMBERS and is_key(key) else None


def is_key(text: str) -> bool:
    """Return whether verl could use the text as a key of a metric.

    verl has the same few keys on every line, so short ones are cached.
    """
    return is_known_key(text) if len(text) <= LONGEST_KEY else is_word(text)  # bounds the cache


@lru_cache(maxsize=4096)
def is_known_key(text: str) -> bool:
    """Return whether a short text could be a key; the last 4,096 texts are cached."""
    return is_word(text)


def is_word(text: str) -> bool:
    """Return whether a text begins with a letter or an underscore and contains no space."""
    return bool(text) and (text[0].isalpha() or text[0] == "_") and not any(map(str.isspace, text))


def json_row(line: str, at: float) -> Row | None:
    """Return the metrics of a line of verl's file logger: `{"step": 3, "data": {"critic/score/mean": 0.5}}`.

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
    """Return a JSON number as a float. A JSON integer too large for a float becomes infinite."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def dict_row(block: str, step: int, at: float) -> Row | None:
    """Return the validation metrics that pprint has written in braces; None where there are none."""
    found = {named(key): float(value) for key, value in DICT_PAIR.findall(block)}
    return Row(step, found, at) if found else None


def other_fact(line: str) -> Total | Bar | Saved | Resumed | None:
    """Return the event that a line reports besides metrics; None for none.

    Of a long line only the beginning is read.
    """
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
    """Return the key that verl's step lines use. The oldest verl leaves a part of it out here."""
    return f"val/{key}" if key.startswith("test_score/") else key


def verls(keys: Iterable[str]) -> list[str]:
    """Return the keys that look like verl's: those with a slash."""
    return [key for key in keys if "/" in key]
