"""Long lines that containers keep in parts: containerd flags the parts, and Docker cuts its JSON lines at 16 KiB."""

import re
from collections.abc import MutableMapping

from bot.core.model.log_text import DATE_TIME

DOCKER_PART_BYTES = 16_384
"""Bytes at which Docker's `json-file` driver cuts a line, unless the buffer is set smaller."""

DOCKER_LINE_END = '\\n","stream":"'
"""The end of a line that Docker keeps with its line end. Where a text has one, a line without one is a part; some
collectors of logs write the same form without any."""

FORMAT_CHARACTERS = 8_192
"""Characters at the beginning of a text in which a container's format shows: it has the same one in all lines."""

LINE = re.compile(r"[^\n]*\n|[^\n]+")
FLAGS = (" stdout F ", " stderr F ", " stdout P ", " stderr P ", '{"log":"')

FLAGGED_LINE = re.compile(
    rf"(?P<head>[^\n]{{0,160}}?{DATE_TIME} (?P<stream>std(?:out|err)) )(?P<flag>[FP]) (?P<text>.*)"
)
DOCKER_LINE = re.compile(
    r'(?P<head>[^{\n]{0,160}\{"log":")(?P<text>(?:[^"\\]++|\\.)*+)(?P<tail>","stream":"(?P<stream>std(?:out|err))".*)'
)


def is_of_container(text: str) -> bool:
    """Return whether a text looks like the log of a container, whose long lines may be in parts."""
    return any(text.find(flag, 0, FORMAT_CHARACTERS) >= 0 for flag in FLAGS)


def join_split_lines(text: str) -> tuple[str, str]:
    r"""Return a text of complete lines with the parts of long lines joined, and the parts whose end has not come yet.

    >>> join_split_lines("2026-11-30T14:20:51Z stdout P step:\n2026-11-30T14:20:51Z stdout F 1 - a:2\n")
    ('2026-11-30T14:20:51Z stdout F step:1 - a:2\n', '')
    >>> join_split_lines("2026-11-30T14:20:51Z stdout F a\n2026-11-30T14:20:51Z stdout P b\n")
    ('2026-11-30T14:20:51Z stdout F a\n', '2026-11-30T14:20:51Z stdout P b\n')
    """
    joined: list[str] = []
    parts: dict[str, list[str]] = {}
    sources: dict[str, list[str]] = {}
    least_bytes = 0 if DOCKER_LINE_END in text else DOCKER_PART_BYTES
    for line in LINE.findall(text):
        stream, complete = join_part(line.rstrip("\n"), parts, least_bytes)
        if complete is None:
            sources.setdefault(stream, []).append(line)
        else:
            sources.pop(stream, None)
            joined.append(complete + ("\n" if line.endswith("\n") else ""))
    return "".join(joined), "".join(line for lines in sources.values() for line in lines)


def join_part(line: str, parts: MutableMapping[str, list[str]], least_bytes: int) -> tuple[str, str | None]:
    """Return the stream of a line, and the line with its earlier parts; None in its place where more are to come.

    Args:
        parts: the texts of each stream whose end has not come yet; updated.
        least_bytes: of a line of Docker's without its end, for it to be a part.
    """
    if match := FLAGGED_LINE.fullmatch(line):
        is_part, end = match["flag"] == "P", ""
        head = f"{match['head']}F "
    elif match := DOCKER_LINE.fullmatch(line):
        is_part = not match["text"].endswith("\\n") and len(match["text"].encode()) >= least_bytes
        head, end = match["head"], match["tail"]
    else:
        return "", line
    stream = match["stream"]
    if is_part:
        parts.setdefault(stream, []).append(match["text"])
        return stream, None
    return stream, f"{head}{''.join(parts.pop(stream, []))}{match['text']}{end}"
