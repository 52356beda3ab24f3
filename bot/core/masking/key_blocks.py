"""Finds private keys that are printed over several lines, behind any program's prefixes, and
truncated at either end.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.core.masking.secret_forms import LINE_PREFIX, is_mixed
from bot.core.masking.secret_shapes import ANSI, BLOCK_EDGE

KEY_LINE = re.compile(rb"[A-Za-z0-9+/=]{1,128}|(?:Proc-Type|DEK-Info|Comment|Version|Hash):[^\n]{0,200}")
LINE_END = re.compile(rb"(?:" + ANSI + rb"|[\"',\r \t])*+")
FULL_LINE_LENGTHS = (64, 70)
"""Characters of a full line of a key: OpenSSL writes 64, OpenSSH 70. Such a line is masked wherever it is printed."""

FULL_KEY_LINE = re.compile(rb"[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{6})?(?![A-Za-z0-9+/=_\-])")
"""A full line of a key among other words, as behind the message that a logger puts before the first line."""

HEXADECIMAL = re.compile(rb"[0-9a-f]+|[0-9A-F]+")

ESCAPED_KEY = re.compile(rb"(?:\\{1,3}[nr]|[A-Za-z0-9+/=]+| (?=[A-Za-z0-9+/]{16}))*+")
"""A key inside a JSON string, where line ends are two characters, or on one line with spaces."""

ESCAPED_KEY_REVERSED = re.compile(rb"(?:[nr]\\{1,3}|[A-Za-z0-9+/=]+| (?=[A-Za-z0-9+/=]{16}))*+")
"""The same, read backwards."""

FULL_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/]{64}")
MIN_ESCAPED_BYTES = 8
MAX_LINES_BETWEEN = 200
"""Maximum lines of other programs between two lines of one key."""

MAX_LOOKBACK_BYTES = 8_192
"""Maximum bytes that are searched before the end of a key on one line."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class KeyBlockLine:
    """One line of a log.

    Attributes:
        start, end: the bytes after the prefix.
        next_start: where the next line begins.
        source: the prefixes themselves; they identify the process.
        key_end: where a line of a key ends; None where this is no line of a key.
    """

    start: int
    end: int
    next_start: int
    source: bytes
    key_end: int | None

    def is_full_key_line(self, raw: bytes) -> bool:
        """Return whether the line is a full line of a key, which is masked wherever it is printed."""
        if self.key_end is None or self.key_end - self.start not in FULL_LINE_LENGTHS:
            return False
        text = raw[self.start : self.key_end]
        return is_key_text(text)


def is_key_text(text: bytes) -> bool:
    """Return whether characters look like a key: mixed, and not hexadecimal."""
    return is_mixed(text) and HEXADECIMAL.fullmatch(text) is None


def read_line(raw: bytes, start: int, column: int | None = None) -> KeyBlockLine:
    """Return the line that begins at `start`.

    Args:
        column: bytes of its prefix, where another line shows that; else the prefix is found by its form.
    """
    newline = raw.find(b"\n", start)
    end = len(raw) if newline < 0 else newline
    lead = LINE_PREFIX.match(raw, start, end)
    begin = lead.end() if lead else start
    if column is not None:
        begin = min(start + column, end)
    match = KEY_LINE.match(raw, begin, end)
    trail = LINE_END.match(raw, match.end(), end) if match else None
    body = match.end() if match and trail and trail.end() == end else None
    source = b"".join(re.findall(rb"\([^()]*\)", raw[start:begin]))
    return KeyBlockLine(begin, end, min(end + 1, len(raw)), source, body)


def find_block_spans(raw: bytes, marks: Sequence[int]) -> Iterator[Span]:
    """Yield the lines of private keys.

    Args:
        marks: where an edge of a block or a full line of base64 was found, in order.
    """
    scanned_until = escaped_until = 0
    for mark in marks:
        if mark >= escaped_until:
            begin, escaped_until = find_escaped_key(raw, mark, escaped_until)
            if begin < escaped_until:
                yield begin, escaped_until
        if (word := FULL_KEY_LINE.match(raw, mark)) and is_key_text(word[0]):
            yield word.span()
        if mark >= scanned_until:
            scanned_until, spans = scan_lines(raw, raw.rfind(b"\n", 0, mark) + 1)
            yield from spans


def scan_lines(raw: bytes, position: int) -> tuple[int, list[Span]]:
    """Return where the scan has stopped, because no key continues there, and the lines of keys up to it."""
    spans: list[Span] = []
    open_columns: dict[bytes, int | None] = {}
    lines_since_key = 0
    while True:
        line = read_line(raw, position)
        # An unknown prefix: the key continues in the column where its first line began.
        if line.key_end is None and (column := open_columns.get(line.source)) is not None:
            shifted = read_line(raw, position, column)  # any prefix as wide as that of the key's edge
            line = line if shifted.key_end is None else replace(shifted, source=line.source)
        edge = BLOCK_EDGE.search(raw, line.start, line.end)
        lines_since_key += 1
        if edge and edge[1] == b"END":
            # An end without a beginning: the log was truncated within the key.
            if line.source not in open_columns:
                spans += find_lines_before_end(raw, position, line.source, edge.start() - position)
            open_columns.pop(line.source, None)
        elif edge:
            open_columns[line.source] = edge.start() - position
            lines_since_key = 0
        elif line.is_full_key_line(raw) or (line.source in open_columns and line.key_end is not None):
            spans.append((line.start, line.key_end or line.end))
            open_columns.setdefault(line.source, None)
            lines_since_key = 0
        elif line.start < line.end:
            open_columns.pop(line.source, None)
        position = line.next_start
        if not open_columns or lines_since_key > MAX_LINES_BETWEEN or position >= len(raw):
            return position, spans


def find_lines_before_end(raw: bytes, position: int, source: bytes, column: int) -> Iterator[Span]:
    """Yield the lines before the end of a key whose beginning was truncated, behind the prefix that the end has."""
    for _ in range(MAX_LINES_BETWEEN):
        if position <= 0:
            return
        position = raw.rfind(b"\n", 0, position - 1) + 1
        line = read_line(raw, position)
        if line.source != source:
            continue
        shifted = line if line.key_end is not None else read_line(raw, position, column)
        if shifted.key_end is None:
            return
        yield shifted.start, shifted.key_end


def find_escaped_key(raw: bytes, mark: int, searched_until: int) -> Span:
    """Return the part of a key that is on one line with the mark.

    Where there is none, the range is empty and lies where the search ended.

    Args:
        searched_until: the bytes before it have been searched already.
    """
    edge = BLOCK_EDGE.match(raw, mark)
    if edge is None and not raw.startswith(b"\\", mark):  # a full line has no escaped line ends
        return mark, mark
    if edge and edge[1] == b"END":
        begin, end = find_escaped_start(raw, mark, searched_until), mark
    else:
        start = edge.end() if edge else mark
        end = ESCAPED_KEY.match(raw, start).end()  # type: ignore[union-attr]  # it matches the empty string
        begin = start if edge else find_escaped_start(raw, mark, searched_until)
        # Without an edge, only base64 of mixed characters counts as a key; escaped prose does not.
        if edge is None and not any(map(is_mixed, FULL_BASE64_RUN.findall(raw, begin, end))):
            return end, end
    return (begin, end) if end - begin >= MIN_ESCAPED_BYTES else (mark, mark)


def find_escaped_start(raw: bytes, mark: int, searched_until: int) -> int:
    """Return where the bytes of a key that come right before the mark, on its line, begin."""
    reversed_bytes = raw[max(mark - MAX_LOOKBACK_BYTES, searched_until) : mark][::-1]
    return mark - ESCAPED_KEY_REVERSED.match(reversed_bytes).end()  # type: ignore[union-attr]  # it matches the empty string
