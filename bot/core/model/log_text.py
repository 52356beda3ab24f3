"""Lines of a log as a person reads them: without the colours and prefixes that Ray, SkyPilot and containers put before
them.
"""

import re

ANSI_SEQUENCE = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]|\[[0-9;]++m")
"""Colours and cursor movements; also colours that have lost their escape character, as in some old logs of Ray's."""

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters, which mean nothing in a log, except tabs and line ends."""

DATE_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?+(?:Z|[+-]\d\d:?\d\d)?+"
"""A moment by ISO 8601, as Docker, containerd, kubectl and `ts` put it before a line; logging's has a comma."""

LINE_STAMPS = (
    rf"{DATE_TIME}(?: std(?:out|err) [FP])?+(?: (?! ?\|)|$)",  # containerd adds the stream
    rf"\[{DATE_TIME}\](?: |$)",
    r"[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,64} [\w./-]{1,64}(?:\[\d{1,9}\])?+: ",  # syslog, journald
    r"\[pod/[\w./-]{1,250}\] ",  # kubectl logs --prefix
    r"[a-z][\w.]{0,40}+(?:-[a-z_.][\w.]{0,40}+){0,8}+-\d{1,4} {1,40}\| ",  # docker compose
    r"\[(?:default\d{1,3}|\d{1,4},\d{1,6})\](?:<std(?:out|err)>)?+: ?",  # torchrun, mpirun
)
"""What containers, the system's log and launchers put before each line of a program."""

PROCESS_NAME = r"\((?=[^()]*?(?:pid=|\bip=)\d|autoscaler \+)[^()]*+\)\s*+"
"""The process that printed a line, as Ray and SkyPilot name it: `(TaskRunner pid=8)`, `(raylet, ip=10.0.0.2)`."""

LOG_PREFIXES = re.compile(rf"(?:{'|'.join((PROCESS_NAME, *LINE_STAMPS))})*+")

MAX_LINE_CHARACTERS = 4_096
"""Maximum characters of a line that are shown, or searched for anything but metrics: the longest other lines have some
hundreds.
"""


def strip_prefixes(raw: str) -> str:
    r"""Return the line without colours and without the prefixes of SkyPilot and Ray.

    >>> strip_prefixes("\x1b[36m(head, rank=0, pid=7)\x1b[0m (TaskRunner pid=8) step:1 - a:2")
    'step:1 - a:2'
    >>> strip_prefixes("2026-11-30T14:20:51.566275000Z stdout F (raylet, ip=10.0.0.2) [model.py:11] loaded")
    '[model.py:11] loaded'
    """
    line = ANSI_SEQUENCE.sub("", raw)
    if not line.isprintable():
        line = CONTROL_CHARACTERS.sub("", line)
    return line[LOG_PREFIXES.match(line).end() :]  # type: ignore[union-attr]  # the pattern matches the empty string
