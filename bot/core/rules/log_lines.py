"""Lines of a log for people to read: the last ones, filtered by node and by text."""

import re
from collections.abc import Callable, Sequence

from bot.core.model.log_text import (
    ANSI_SEQUENCE,
    CONTROL_CHARACTERS,
    LOG_PREFIXES,
    MAX_LINE_CHARACTERS,
    unwrap_json,
)
from bot.core.rules.log_cursor import MAX_REDRAWN_PIECES, find_resume_index

FAILURE_LINE = re.compile(r"ERROR: (Job \d{1,9}(?:'s setup)? failed with return code.*)")

RANK_PREFIX = re.compile(r"\brank=(\d{1,9})\b")

LONG_DECIMAL = re.compile(
    r"(?<![\w.])-?(?:0|[1-9]\d{0,14})\.\d{1,40}(?:[eE][-+]?\d{1,3})?(?![\w.])",
)
"""Matches a decimal number that is no part of a name, an address or a version."""

MAX_DIGITS = 4
"""Maximum significant digits of a decimal number in a message: more are noise, and fill the line."""

MAX_DISPLAY_CHARACTERS = 280
"""Maximum characters of a line that is shown in a message: lines of metrics have thousands."""

GAP_LINE = "[… lines in between were not read …]"

OVERLAP_CHECK_LINES = 5
"""Lines of the stored log by which the code checks whether a read contains the stored log's beginning."""

MAX_SAVED_BYTES = 65_536
"""Maximum bytes of a log that are kept in the store."""

MAX_READ_BYTES = 2_097_152
"""Maximum bytes per log read: a line of a megabyte is complete in it, with its prefixes and with other lines."""


def select_lines(text: str, lines: int, grep: str | None = None, node: int | None = None) -> list[str]:
    r"""Return the last `lines` lines that contain `grep`, in any case, and come from `node`, without prefixes.

    >>> select_lines("(head, rank=0, pid=1) a\n(worker1, rank=1, pid=2) b\n(head, rank=0, pid=1) c", 2)
    ['[1] b', '[0] c']
    """
    ranked_lines = [(line, parse_rank(line)) for line in split_clean_lines(text)]
    matching = [line for line, line_rank in ranked_lines if node is None or line_rank == node]
    matching = [line for line in matching if grep is None or grep.lower() in line.lower()]
    last_lines = matching[-lines:]
    has_several_ranks = len({line_rank for _, line_rank in ranked_lines} - {None}) > 1
    return [format_line(line, has_several_ranks) for line in last_lines]


def drop_step_lines(text: str, is_step_line: Callable[[str], object]) -> tuple[str, int]:
    """Return a log without the lines of steps, and how many those are; the whole log where it has no other line."""
    lines = text.split("\n")
    kept = [line for line in lines if not is_step_line(clean_line(line))]
    return ("\n".join(kept), len(lines) - len(kept)) if any(map(str.strip, kept)) else (text, 0)


def round_numbers(line: str) -> str:
    """Return a line with its decimal numbers rounded to four digits; whole digits are kept.

    >>> round_numbers("step:7 - critic/rewards/mean:0.123456789 - kl:1.5e-7 - perf/tokens:12345.678")
    'step:7 - critic/rewards/mean:0.1235 - kl:1.5e-7 - perf/tokens:12346'
    >>> round_numbers("10.0.0.12345 and v1.23456.0, lr 1.234567e-06")
    '10.0.0.12345 and v1.23456.0, lr 1.235e-06'
    """
    return LONG_DECIMAL.sub(lambda number: round_number(number[0]), line)


def round_number(text: str) -> str:
    """Return a decimal number with four digits, or with all its whole digits where these are more; unchanged where it
    has no more.

    >>> round_number("2.00"), round_number("0.00012"), round_number("79.1512")
    ('2.00', '0.00012', '79.15')
    """
    digits = text.lower().partition("e")[0].replace(".", "").lstrip("-0")
    if len(digits) <= MAX_DIGITS:
        return text
    value = float(text)
    return f"{value:.0f}" if 1000 <= abs(value) < 1e15 and "e" not in text.lower() else f"{value:.4g}"


def append_log(before: str, text: str) -> str:
    r"""Return a log extended by a later read of its end.

    >>> append_log("a\nb\nc", "b\nc\nd").split()
    ['a', 'b', 'c', 'd']
    >>> append_log("a\nb", "x\ny").split("\n")
    ['a', 'b', '[… lines in between were not read …]', 'x', 'y']
    """
    old = [truncate_line(line) for line in before.rstrip("\n").split("\n")]
    new = [truncate_line(line) for line in text.rstrip("\n").split("\n")]
    if not before or not text:
        return "\n".join(new) if text else before
    start = find_resume_index(old, new)
    return "\n".join([*old, *([GAP_LINE] if start is None else []), *new[start or 0 :]])


def merge_logs(before: str, text: str) -> str:
    r"""Return the same, as far back as either text reaches: a stored log is shorter than a read may be.

    >>> merge_logs("c\nd", "a\nb\nc\nd\ne").split(), merge_logs("a\nb", "b\nc").split()
    (['a', 'b', 'c', 'd', 'e'], ['a', 'b', 'c'])
    """
    beginning = "\n".join(before.split("\n")[:OVERLAP_CHECK_LINES])
    return text if beginning in text else append_log(before, text)


def find_new_lines(lines: Sequence[str], last: str | None) -> Sequence[str] | None:
    """Return the lines after the previous last line; None where that line is no longer among them.

    >>> find_new_lines(["a", "b", "c"], "a"), find_new_lines(["a"], None), find_new_lines(["b"], "a")
    (['b', 'c'], ['a'], None)
    """
    if last is None:
        return lines
    index = next((index for index in range(len(lines) - 1, -1, -1) if lines[index] == last), None)
    return None if index is None else lines[index + 1 :]


def find_failure(text: str) -> str | None:
    r"""Return what SkyPilot wrote into the log of a job that failed; None where it wrote no such line.

    >>> find_failure("boom\n\x1b[31mERROR: Job 1 failed with return code list:\x1b[0m [137] ")
    'Job 1 failed with return code list: [137]'
    """
    matches = (FAILURE_LINE.fullmatch(line) for line in reversed(split_clean_lines(text)))
    return next((match[1] for match in matches if match), None)


def split_clean_lines(text: str) -> list[str]:
    r"""Return the lines without colours, and of a line that carriage returns overwrote, only its final text.

    Each line is truncated before any pattern reads it.

    >>> (split_clean_lines("\x1b[36m(head, pid=1)\x1b[0m 10%\r 20%\n" + "x" * 9_000)[0],
    ...  split_clean_lines("x" * 9_000)[0][-2:])
    ('(head, pid=1) 20%', 'x…')
    """
    lines = map(clean_line, text.split("\n"))
    return [line for line in lines if line]


def clean_line(line: str) -> str:
    """Return one line as it is shown; empty where no part of it is visible."""
    first, overwrote, rest = unwrap_json(line).rstrip("\r").partition("\r")
    if not overwrote:
        return strip_formatting(first).rstrip()
    prefix, body = split_prefix(strip_formatting(first))
    pieces = map(strip_formatting, reversed(rest.rsplit("\r", MAX_REDRAWN_PIECES)))
    final_text = next((piece for piece in pieces if piece.strip()), body)
    return (prefix + final_text.lstrip()).rstrip()


def strip_formatting(line: str) -> str:
    """Return a line without colours and control characters; of a line that is too long, the beginning."""
    stripped_line = ANSI_SEQUENCE.sub("", truncate_line(line))
    return stripped_line if stripped_line.isprintable() else CONTROL_CHARACTERS.sub("", stripped_line)


def split_prefix(line: str, prefixes: re.Pattern[str] = LOG_PREFIXES) -> tuple[str, str]:
    """Return the prefixes of SkyPilot and Ray, and the rest, with its indentation.

    >>> split_prefix("(head, rank=0, pid=1) (TaskRunner pid=8)   File x")
    ('(head, rank=0, pid=1) (TaskRunner pid=8) ', '  File x')
    """
    match = prefixes.match(line)
    end = min(match.end(), len(match[0].rstrip()) + 1) if match and match[0] else 0
    return line[:end], line[end:]


def shorten_for_display(line: str) -> str:
    """Return a line shortened to what a phone can show.

    >>> shorten_for_display("step:1 - " + "a" * 400)[-3:]
    'aa…'
    """
    return line if len(line) <= MAX_DISPLAY_CHARACTERS else line[: MAX_DISPLAY_CHARACTERS - 1] + "…"


def parse_rank(line: str) -> int | None:
    """Return the node that printed a line; None where the prefix does not name it."""
    match = RANK_PREFIX.search(split_prefix(line)[0])
    return int(match[1]) if match else None


def format_line(line: str, with_rank: bool) -> str:
    """Return the line without the prefixes of SkyPilot and Ray, and with its rank where there are several."""
    text = split_prefix(line)[1]
    return f"[{parse_rank(line)}] {text}" if with_rank and parse_rank(line) is not None else text


def truncate_line(line: str) -> str:
    """Return a line as it is stored and shown: of a line that is too long, the beginning."""
    return line if len(line) <= MAX_LINE_CHARACTERS else line[: MAX_LINE_CHARACTERS - 1] + "…"


def replace_surrogates(text: str) -> str:
    """Return a text that can be encoded: half a surrogate pair, which is no character, becomes a question mark.

    >>> replace_surrogates("é" + chr(0xD800))
    'é?'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def truncate_log(text: str, most_bytes: int = MAX_SAVED_BYTES) -> str:
    r"""Return the last complete lines that fit into so many bytes of UTF-8; of a line that is too long, the beginning.

    >>> truncate_log("early\n" + "x" * 20_000 + "\nlate", 20_000).split("\n")[-1]
    'late'
    """
    full_text = "\n".join(map(truncate_line, text.split("\n")))
    encoded = full_text.encode()
    if len(encoded) <= most_bytes:
        return full_text
    return encoded[-most_bytes:].decode(errors="ignore").partition("\n")[2]
