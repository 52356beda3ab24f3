"""Finds private keys that are printed over several lines, behind any program's prefixes, and
truncated at either end."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.core.secret_forms import LEAD, is_mixed
from bot.core.secret_shapes import ANSI, BLOCK_EDGE

LINE = re.compile(rb"[A-Za-z0-9+/=]{1,128}|(?:Proc-Type|DEK-Info|Comment|Version|Hash):[^\n]{0,200}")
TRAIL = re.compile(rb"(?:" + ANSI + rb"|[\"',\r \t])*+")
FULL_LENGTHS = (64, 70)
"""Characters of a full line of a key: OpenSSL writes 64, OpenSSH 70. Such a line is masked wherever it is printed."""

FULL_WORD = re.compile(rb"[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{6})?(?![A-Za-z0-9+/=_\-])")
"""A full line of a key among other words, as behind the message that a logger puts before the first line."""

HEXADECIMAL = re.compile(rb"[0-9a-f]+|[0-9A-F]+")

ESCAPED = re.compile(rb"(?:\\{1,3}[nr]|[A-Za-z0-9+/=]+| (?=[A-Za-z0-9+/]{16}))*+")
"""A key inside a JSON string, where line ends are two characters, or on one line with spaces."""

DEPACSE = re.compile(rb"(?:[nr]\\{1,3}|[A-Za-z0-9+/=]+| (?=[A-Za-z0-9+/=]{16}))*+")
"""The same, read backwards."""

FULL = re.compile(rb"[A-Za-z0-9+/]{64}")
LEAST_ESCAPED = 8
MOST_BEHIND = 200
"""Maximum lines of other programs between two lines of one key."""

LONGEST_BACK = 8_192
"""Maximum bytes that are searched before the end of a key on one line."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log.

    Attributes:
        start, end: the bytes after the prefix.
        next_start: where the next line begins.
        source: the prefixes themselves; they identify the process.
        key_end: where a line of a key ends; None where this is no line of a key.
    """

    start: int
    end: int
    after: int
    source: bytes
    body: int | None

    def spans_full_line(self, raw: bytes) -> bool:
        """Return whether the line is a full line of a key, which is masked wherever it is printed."""
        if self.body is None or self.body - self.start not in FULL_LENGTHS:
            return False
        text = raw[self.start : self.body]
        return is_key_text(text)


def is_key_text(text: bytes) -> bool:
    """Return whether characters look like a key: mixed, and not hexadecimal."""
    return is_mixed(text) and HEXADECIMAL.fullmatch(text) is None


def read_line(raw: bytes, start: int, column: int | None = None) -> Line:
    """Return the line that begins at `start`.

    Args:
        column: bytes of its prefix, where another line shows that; else the prefix is found by its form.
    """
    newline = raw.find(b"\n", start)
    end = len(raw) if newline < 0 else newline
    lead = LEAD.match(raw, start, end)
    begin = lead.end() if lead else start
    if column is not None:
        begin = min(start + column, end)
    found = LINE.match(raw, begin, end)
    trail = TRAIL.match(raw, found.end(), end) if found else None
    body = found.end() if found and trail and trail.end() == end else None
    source = b"".join(re.findall(rb"\([^()]*\)", raw[start:begin]))
    return Line(begin, end, min(end + 1, len(raw)), source, body)


def block_spans(raw: bytes, marks: Sequence[int]) -> Iterator[Span]:
    """Yield the lines of private keys.

    Args:
        marks: where an edge of a block or a full line of base64 was found, in order.
    """
    walked = escaped = 0
    for mark in marks:
        if mark >= escaped:
            begin, escaped = within_line(raw, mark, escaped)
            if begin < escaped:
                yield begin, escaped
        if (word := FULL_WORD.match(raw, mark)) and is_key_text(word[0]):
            yield word.span()
        if mark >= walked:
            walked, spans = walk(raw, raw.rfind(b"\n", 0, mark) + 1)
            yield from spans


def walk(raw: bytes, at: int) -> tuple[int, list[Span]]:
    """Return where the scan has stopped, because no key continues there, and the lines of keys up to it."""
    spans: list[Span] = []
    opened: dict[bytes, int | None] = {}
    behind = 0
    while True:
        line = read_line(raw, at)
        # An unknown prefix: the key continues in the column where its first line began.
        if line.body is None and (column := opened.get(line.source)) is not None:
            under = read_line(raw, at, column)  # any prefix as wide as that of the key's edge
            line = line if under.body is None else replace(under, source=line.source)
        edge = BLOCK_EDGE.search(raw, line.start, line.end)
        behind += 1
        if edge and edge[1] == b"END":
            # An end without a beginning: the log was truncated within the key.
            if line.source not in opened:
                spans += before(raw, at, line.source, edge.start() - at)
            opened.pop(line.source, None)
        elif edge:
            opened[line.source] = edge.start() - at
            behind = 0
        elif line.spans_full_line(raw) or (line.source in opened and line.body is not None):
            spans.append((line.start, line.body or line.end))
            opened.setdefault(line.source, None)
            behind = 0
        elif line.start < line.end:
            opened.pop(line.source, None)
        at = line.after
        if not opened or behind > MOST_BEHIND or at >= len(raw):
            return at, spans


def before(raw: bytes, at: int, source: bytes, column: int) -> Iterator[Span]:
    """Yield the lines before the end of a key whose beginning was truncated, behind the prefix that the end has."""
    for _ in range(MOST_BEHIND):
        if at <= 0:
            return
        at = raw.rfind(b"\n", 0, at - 1) + 1
        line = read_line(raw, at)
        if line.source != source:
            continue
        under = line if line.body is not None else read_line(raw, at, column)
        if under.body is None:
            return
        yield under.start, under.body


def within_line(raw: bytes, mark: int, least: int) -> Span:
    """Return the part of a key that is on one line with the mark.

    Where there is none, the range is empty and lies where the search ended.

    Args:
        searched_until: the bytes before it have been searched already.
    """
    edge = BLOCK_EDGE.match(raw, mark)
    if edge is None and not raw.startswith(b"\\", mark):  # a full line has no escaped line ends
        return mark, mark
    if edge and edge[1] == b"END":
        begin, end = begin_of_escaped(raw, mark, least), mark
    else:
        start = edge.end() if edge else mark
        end = ESCAPED.match(raw, start).end()  # type: ignore[union-attr]  # it matches the empty string
        begin = start if edge else begin_of_escaped(raw, mark, least)
        # Without an edge, only base64 of mixed characters counts as a key; escaped prose does not.
        if edge is None and not any(map(is_mixed, FULL.findall(raw, begin, end))):
            return end, end
    return (begin, end) if end - begin >= LEAST_ESCAPED else (mark, mark)


def begin_of_escaped(raw: bytes, mark: int, least: int) -> int:
    """Return where the bytes of a key that come right before the mark, on its line, begin."""
    turned = raw[max(mark - LONGEST_BACK, least) : mark][::-1]
    return mark - DEPACSE.match(turned).end()  # type: ignore[union-attr]  # it matches the empty string
