"""Metrics in braces over several lines: verl's validations, as pprint breaks them, and steps on EasyR1's console."""

import re

from bot.core.frameworks.verl.log_grammar import NUMBER
from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.metrics import StepMetrics

STEP_HEADING = re.compile(r"Step (\d{1,9})")
"""Matches the line before a step's metrics in EasyR1's console."""

DICT_PAIR = re.compile(rf"'([^']++)':\s*+(?:np\.\w++\()?({NUMBER})", re.IGNORECASE)

DICT_PART = re.compile(rf"'([^']++)':\s*+(?:(\{{)|(?:np\.\w++\()?({NUMBER}))|\}}", re.IGNORECASE)
"""Matches what a nested dict consists of: a key with a dict or with a number, or the end of a dict."""

MAX_DEPTH = 8
"""Maximum dicts within each other; EasyR1 has three."""

MAX_BLOCK_CHARACTERS = 1_048_576 + 4_096
"""Maximum characters of a block: a megabyte and some prefixes, as of a line."""


class MetricsBlock:
    """Metrics as pprint breaks them into lines, up to the brace that ends them.

    Args:
        text: the lines so far; empty before the block begins.
    """

    def __init__(self, text: str) -> None:
        self._parts = [text] if text else []
        self._size = len(text)
        self._is_nested = STEP_HEADING.match(text) is not None
        self._opened, self._closed = text.count("{"), text.count("}")

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def text(self) -> str:
        return " ".join(self._parts)

    def begin(self, heading: str = "") -> None:
        """Begin a block, of a validation, or under the heading of a step."""
        self._parts, self._size, self._opened, self._closed = [heading], len(heading), 0, 0
        self._is_nested = bool(heading)

    def end(self) -> None:
        self._parts, self._size = [], 0

    def is_foreign(self, line: str) -> bool:
        """Return whether a line is not part of the block, because a block opens with a brace."""
        return not self._opened and "{" not in line and bool(unquote(line))

    def add_line(self, line: str) -> str | None:
        """Add a line. Return the whole text if the line ends the block, and None if the block continues.

        The lines are joined once, however many there are.
        """
        part = unquote(line)
        self._parts.append(part)
        self._size += len(part) + 1
        self._opened, self._closed = self._opened + part.count("{"), self._closed + part.count("}")
        complete_text = self.text if "}" in part and self._is_complete else None
        if complete_text is not None or self._size > MAX_BLOCK_CHARACTERS:
            self.end()
        return complete_text

    @property
    def _is_complete(self) -> bool:
        return self._closed >= self._opened if self._is_nested else bool(self._opened)


def unquote(line: str) -> str:
    """Return a line of a block without the brackets and quotes in which pprint breaks a long text.

    >>> unquote("  'np.float64(2.0)}')"), unquote("('Initial validation metrics: "), unquote("  'a': 1,")
    ('np.float64(2.0)}', "'Initial validation metrics:", "'a': 1,")
    """
    part = line.strip().strip("()").strip('"')
    if part == "'":
        return ""
    return part[1:-1] if len(part) > 1 and part[0] == part[-1] == "'" else part


def parse_block(text: str, step: int, read_at: float) -> StepMetrics | None:
    """Return the metrics of a complete block; None where there are none.

    Args:
        step: that a validation belongs to; a step's block names its own.
    """
    heading = STEP_HEADING.match(text)
    if heading is None:
        values = {normalize_key(key): float(value) for key, value in DICT_PAIR.findall(text)}
    else:
        step, values = int(heading[1]), parse_nested_dict(text)
    return StepMetrics(step, VERL_KEYS.limit(values), read_at) if values else None


def parse_nested_dict(text: str) -> dict[str, float]:
    """Return the numbers of dicts within each other, under the keys that verl's step lines use.

    >>> parse_nested_dict("Step 3 {'actor': {'lr': 1e-06}, 'critic': {'rewards': {'mean': 0.5}}, 'a': 'b'}")
    {'actor/lr': 1e-06, 'critic/rewards/mean': 0.5}
    """
    path: list[str] = []
    values: dict[str, float] = {}
    for part in DICT_PART.finditer(text):
        if part[3]:
            values["/".join((*path[:MAX_DEPTH], part[1]))] = float(part[3])
        elif part[2]:
            path.append(part[1])
        elif path:
            path.pop()
    return values


def normalize_key(key: str) -> str:
    """Return the key that verl's step lines use. The oldest verl leaves a part of it out in braces."""
    return f"val/{key}" if key.startswith("test_score/") else key
