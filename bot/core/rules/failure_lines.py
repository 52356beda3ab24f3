"""Lines of a log as the search for a failure reads them: which process printed them, and what they say."""

import re
from dataclasses import dataclass

from bot.core.model.log_text import PARSED_PREFIXES, STAMP
from bot.core.rules.log_lines import split_prefix

MODULE_PATH = r"(?:[A-Za-z_]\w*+\.)*+"
EXCEPTION_LINE = re.compile(rf"{MODULE_PATH}[A-Z](?=\w*[a-z])\w*+(?:\(\w++\))?+(?:: .*|:)?")
"""The line that ends a traceback: an exception class with its message."""

ERROR_LINE = re.compile(rf"{MODULE_PATH}[A-Z]\w*(?:Error|Exception)(?:: .+|:)?")
"""The same line, where no traceback was printed."""

GIVE_UP_MESSAGE = re.compile(r"verl recipe: .+|ERROR: (?:Could not|No matching|Failed|Cannot|ResolutionImpossible).*+")
"""What our recipes and pip print before they give up."""

COMPLAINT = re.compile(
    r"(?:[\w.@/+-]{1,60}: ){0,3}(?:[Ee]rror|ERROR|[Ff]atal|FATAL|E)(?:\[[\w-]{1,20}\])?: \S"
    r"|[\w./-]{1,60}: (?:line \d{1,6}: )?(?:cannot|can't|could not|failed|unable|invalid|unrecognized) \S"
)
"""The beginning of what commands print of an error of their own."""

RAY_TASK = re.compile(r"\bray::\S{1,80}?\(\) \(pid=\d{1,9}(?:, ip=([\w.:]{1,64}))?")
"""Ray's line at the driver that names the failed task; Ray then prints what that task had printed."""

TORCH_RANK = re.compile(r"\[rank(\d{1,9})\]: ?")
TIME_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d) ?")
"""What a container's log has before each line."""

ENGINE_LOG_PREFIX = re.compile(
    r"(?:ERROR|CRITICAL) [\d-]{1,20} [\d:.,]{1,20} (?:\[[^\]]{1,120}+\]|[\w./-]{1,80}:\d{1,9}\]) ?"
    r"|\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^\]]{0,60}+\] ?"
    r"|[EWC]\d{4} \d\d:\d\d:\d\d\.\d{1,9} {1,7}\d{1,9} [\w./-]{1,200}:\d{1,9}\] ?"
)
"""What the loggers of vLLM (new and old), SGLang and torch print before each line of a traceback."""

GROUP_BAR = re.compile(r"[ +|-]{1,60}\| ")
"""What Python prints before the lines of an exception in a group."""

RAY_REPEAT_NOTE = re.compile(r"(?<!\s)\s*+\[repeated \d{1,9}x across cluster\].*")
IP_ADDRESS = re.compile(r"\bip=([\w.:]{1,64})")
NODE_PREFIX = re.compile(r"\((?=[^()]*+\))[^(),=]{1,80}+, rank=(\d{1,9})\b[^()]*+\)")
"""SkyPilot's prefix on several nodes. vLLM's `(VllmWorker rank=0 pid=7)` names no node."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log.

    Attributes:
        source: the prefixes that SkyPilot, Ray and torch put before it; they identify the process.
        text: the rest of the line, with its indentation.
        rank: torch's rank of the process; None where the line does not name it.
    """

    source: str
    text: str
    rank: int | None = None

    @property
    def node(self) -> int | None:
        """Return the node's number as SkyPilot counts; None where the prefix does not name one."""
        match = NODE_PREFIX.search(self.source)
        return int(match[1]) if match else None

    @property
    def address(self) -> str | None:
        """Return the node's IP as Ray prints it; None for Ray's lines from the driver's own node."""
        match = IP_ADDRESS.search(NODE_PREFIX.sub("", self.source))
        return match[1] if match else None


def parse_line(text: str) -> LogLine:
    """Return a line split into its prefixes, its text and its rank.

    >>> parse_line("(head, rank=0, pid=1) [rank3]:   File x")
    LogLine(source='(head, rank=0, pid=1) [rank3]', text='  File x', rank=3)
    >>> parse_line("2025-07-03T14:20:51.5Z (EngineCore pid=5) ERROR 11-26 10:00:00 [core.py:4] KeyError").text
    'KeyError'
    """
    first, body = split_prefix(text, PARSED_PREFIXES)
    second, body = split_prefix(remove_beginning(TIME_STAMP, body), PARSED_PREFIXES)
    # The lines of a process have each a moment of their own.
    prefix, body = STAMP.sub("", first + second), remove_beginning(TIME_STAMP, body)
    rank = None
    if match := TORCH_RANK.match(body):
        rank, body = int(match[1]), body[match.end() :]
        prefix = f"{prefix}[rank{rank}]"
    body = remove_beginning(GROUP_BAR, remove_beginning(ENGINE_LOG_PREFIX, body))
    return LogLine(prefix.strip(), RAY_REPEAT_NOTE.sub("", body), rank)


def remove_beginning(pattern: re.Pattern[str], text: str) -> str:
    """Return a text without what the pattern matches at its beginning."""
    match = pattern.match(text)
    return text[match.end() :] if match else text
