"""Lines of a log as a person reads them: without the colours and prefixes that Ray, SkyPilot and containers put before
them.
"""

import json
import re

ANSI_SEQUENCE = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]|\[[0-9;]++m")
"""Colours and cursor movements; also colours that have lost their escape character, as in some old logs of Ray's."""

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters, which mean nothing in a log, except tabs and line ends."""

DATE_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?+(?:Z|[+-]\d\d:?\d\d)?+"
"""A moment by ISO 8601, as Docker, containerd, kubectl and `ts` put it before a line; logging's has a comma."""

SYSTEM_STAMP = r"[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d"
"""A moment as syslog, journald and `ts` put it before a line."""

CLOCK_STAMP = r"\d\d:\d\d:\d\d[.,]\d{3,9} "
"""The time of day with its fraction, as `ts` puts it before a line."""

STAMP = re.compile(rf"\[?(?:{DATE_TIME}|{SYSTEM_STAMP})\]?|{CLOCK_STAMP}")

LINE_STAMPS = (
    rf"{DATE_TIME} [\w.-]{{1,64}} [\w./-]{{1,64}}\[\d{{1,9}}\]: ",  # journald with such moments
    rf"{DATE_TIME}(?: std(?:out|err) [FP])?+(?: (?! ?\|)|$)",  # containerd adds the stream
    rf"\[{DATE_TIME}\](?: |$)",
    rf"{SYSTEM_STAMP} (?:[\w.-]{{1,64}} [\w./-]{{1,64}}(?:\[\d{{1,9}}\])?+: )?+",
    CLOCK_STAMP,
    r"\[pod/[\w./-]{1,250}\] ",  # kubectl logs --prefix
    r"[a-z][\w.]{0,40}+(?:-[a-z_.][\w.]{0,40}+){0,8}+-\d{1,4} {1,40}\| ",  # docker compose
    r"\[(?:default\d{1,3}|\d{1,4},\d{1,6})\](?:<std(?:out|err)>)?+: ?",  # torchrun, mpirun
)
"""What containers, the system's log and launchers put before each line of a program."""

PROCESS_NAME = r"\((?=[^()]*?(?:pid=|\bip=)\d|autoscaler \+)[^()]*+\)\s*+"
"""The process that printed a line, as Ray and SkyPilot name it: `(TaskRunner pid=8)`, `(raylet, ip=10.0.0.2)`."""

LOG_PREFIXES = re.compile(rf"(?:{'|'.join((PROCESS_NAME, *LINE_STAMPS))})*+")

TASK_LABELS = (
    r" {0,5}\d{1,6}: ",  # srun --label
    r"\[\d{1,6}\] ",  # mpirun -l
    r"(?:\d{1,3}\.){3}\d{1,3}: ",  # pdsh, which DeepSpeed's launcher uses
    r"[a-z][a-z\d]{0,30}+(?:-[a-z][a-z\d]{0,30}+){0,4}+-\d{1,4}: ",
)
"""The number or the host of the task that printed a line, as launchers put it before. Other lines may begin like that,
so it is removed where a line is parsed, and not where it is shown."""

PARSED_PREFIXES = re.compile(rf"(?:{'|'.join((PROCESS_NAME, *LINE_STAMPS, *TASK_LABELS))})*+")

JSON_VALUE = r'(?:"(?:[^"\\]++|\\.)*+"|[\w.+-]{1,40}+)'
JSON_MESSAGE = re.compile(
    rf'\{{(?P<before>(?:"(?!(?:log|message|MESSAGE|msg)")[^"\\]{{1,60}}+": ?{JSON_VALUE}, ?){{0,40}}+)'
    r'"(?P<key>log|message|MESSAGE|msg)": ?"(?P<text>(?:[^"\\]++|\\.)*+)'
)
JSON_MOMENT = re.compile(r'"(?:@?time(?:stamp)?|ts|stream|__REALTIME_TIMESTAMP)":')
"""A line as a logger of containers keeps it, Docker's or one that is set up so, or as journald prints it. The end may
be cut off."""

MAX_LINE_CHARACTERS = 4_096
"""Maximum characters of a line that are shown, or searched for anything but metrics: the longest other lines have some
hundreds.
"""


def unwrap_json(raw: str) -> str:
    r"""Return the line within a container's JSON line, with the prefixes before that; any other line as it is.

    A line that carriage returns drew over is shown as at its end.

    >>> unwrap_json('{"log":"\\u001b[36mstep:1 - a:2\\n","stream":"stdout","time":"2026-11-30T14:20:51Z"}')
    '\x1b[36mstep:1 - a:2'
    >>> unwrap_json('{"step": 1, "data": {"log": 2}}')
    '{"step": 1, "data": {"log": 2}}'
    """
    start = raw.find('{"')
    if start < 0:
        return raw
    match = JSON_MESSAGE.match(raw, start)
    if match is None or not is_container_line(raw, match):
        return raw
    escaped = match["text"]
    text = decode_json_text(escaped) or decode_json_text(escaped[: escaped.rfind("\\")])  # it may be cut in an escape
    pieces = [piece for piece in re.split(r"[\r\n]", text) if piece.strip()]
    return raw[:start] + (pieces[-1] if pieces else "")


def decode_json_text(escaped: str) -> str:
    """Return the text that JSON has between quotes; empty where an escape is not whole."""
    try:
        return str(json.loads(f'"{escaped}"', strict=False))
    except ValueError:
        return ""


def is_container_line(raw: str, match: re.Match[str]) -> bool:
    """Return whether JSON is a line that a container printed: nothing but prefixes is before it, and it has a time."""
    head = ANSI_SEQUENCE.sub("", raw[: match.start()])
    if head and PARSED_PREFIXES.fullmatch(head) is None:
        return False
    is_docker = match["key"] == "log" and not match["before"]
    return is_docker or bool(JSON_MOMENT.search(match["before"]) or JSON_MOMENT.search(raw, match.end()))


def strip_prefixes(raw: str) -> str:
    r"""Return the line without colours and without the prefixes of SkyPilot, Ray, containers and launchers.

    >>> strip_prefixes("\x1b[36m(head, rank=0, pid=7)\x1b[0m (TaskRunner pid=8) step:1 - a:2")
    'step:1 - a:2'
    >>> strip_prefixes("2026-11-30T14:20:51.566275000Z stdout F (raylet, ip=10.0.0.2) [model.py:11] loaded")
    '[model.py:11] loaded'
    >>> strip_prefixes('{"log":"3: (TaskRunner pid=8) step:1 - a:2\\n","stream":"stdout","time":"2026"}')
    'step:1 - a:2'
    """
    line = ANSI_SEQUENCE.sub("", unwrap_json(raw))
    if not line.isprintable():
        line = CONTROL_CHARACTERS.sub("", line)
    return line[PARSED_PREFIXES.match(line).end() :]  # type: ignore[union-attr]  # the pattern matches the empty string
