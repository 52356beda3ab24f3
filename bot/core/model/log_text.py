"""Lines of a log as a person reads them: without the colours and prefixes that Ray and SkyPilot put before them."""

import re

ANSI_SEQUENCE = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]|\[[0-9;]++m")
"""Colours and cursor movements; also colours that have lost their escape character, as in some old logs of Ray's."""

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters, which mean nothing in a log, except tabs and line ends."""

LOG_PREFIXES = re.compile(r"(?:\((?=[^()]*?pid=\d)[^()]*+\)\s*+)*+")

MAX_LINE_CHARACTERS = 4_096
"""Maximum characters of a line that are shown, or searched for anything but metrics: the longest other lines have some
hundreds.
"""


def strip_prefixes(raw: str) -> str:
    r"""Return the line without colours and without the prefixes of SkyPilot and Ray.

    >>> strip_prefixes("\x1b[36m(head, rank=0, pid=7)\x1b[0m (TaskRunner pid=8) step:1 - a:2")
    'step:1 - a:2'
    """
    line = ANSI_SEQUENCE.sub("", raw)
    if not line.isprintable():
        line = CONTROL_CHARACTERS.sub("", line)
    return line[LOG_PREFIXES.match(line).end() :]  # type: ignore[union-attr]  # the pattern matches the empty string
