"""Lines of a log for people to read: the last ones, filtered by node and by text."""

import re
from collections.abc import Sequence

from bot.core.grammar import ANSI, CONTROL, LONGEST_SHOWN, PREFIX
from bot.core.reading import MOST_REDRAWN, place_after

FAILURE = re.compile(r"ERROR: (Job \d{1,9}(?:'s setup)? failed with return code.*)")

RANK = re.compile(r"\brank=(\d{1,9})\b")

WIDEST = 280
"""Maximum characters of a line that is shown in a message: verl's lines of metrics have thousands."""

GAP = "[… lines in between were not read …]"

FIRST_LINES = 5
"""Lines of the stored log by which the code checks whether a read contains the stored log's beginning."""

SAVED_BYTES = 65_536
"""Maximum bytes of a log that are kept in the store."""

LOOK_BYTES = 2_097_152
"""Maximum bytes per log read: a line of a megabyte is complete in it, with its prefixes and with other lines."""


def select(text: str, lines: int, grep: str | None = None, node: int | None = None) -> list[str]:
    r"""Return the last `lines` lines that contain `grep`, in any case, and come from `node`, without prefixes.

    >>> select("(head, rank=0, pid=1) a\n(worker1, rank=1, pid=2) b\n(head, rank=0, pid=1) c", 2)
    ['[1] b', '[0] c']
    """
    ranked = [(line, rank(line)) for line in cleaned(text)]
    wanted = [line for line, of in ranked if node is None or of == node]
    wanted = [line for line in wanted if grep is None or grep.lower() in line.lower()]
    shown = wanted[-lines:]
    several = len({of for _, of in ranked} - {None}) > 1
    return [tidy(line, several) for line in shown]


def joined(before: str, text: str) -> str:
    r"""Return a log extended by a later read of its end.

    >>> joined("a\nb\nc", "b\nc\nd").split()
    ['a', 'b', 'c', 'd']
    >>> joined("a\nb", "x\ny").split("\n")
    ['a', 'b', '[… lines in between were not read …]', 'x', 'y']
    """
    old = [shortened(line) for line in before.rstrip("\n").split("\n")]
    new = [shortened(line) for line in text.rstrip("\n").split("\n")]
    if not before or not text:
        return "\n".join(new) if text else before
    start = place_after(old, new)
    return "\n".join([*old, *([GAP] if start is None else []), *new[start or 0 :]])


def whole(before: str, text: str) -> str:
    r"""Return the same, as far back as either text reaches: a stored log is shorter than a read may be.

    >>> whole("c\nd", "a\nb\nc\nd\ne").split(), whole("a\nb", "b\nc").split()
    (['a', 'b', 'c', 'd', 'e'], ['a', 'b', 'c'])
    """
    beginning = "\n".join(before.split("\n")[:FIRST_LINES])
    return text if beginning in text else joined(before, text)


def fresh(lines: Sequence[str], last: str | None) -> Sequence[str] | None:
    """Return the lines after the previous last line; None where that line is no longer among them.

    >>> fresh(["a", "b", "c"], "a"), fresh(["a"], None), fresh(["b"], "a")
    (['b', 'c'], ['a'], None)
    """
    if last is None:
        return lines
    at = next((at for at in range(len(lines) - 1, -1, -1) if lines[at] == last), None)
    return None if at is None else lines[at + 1 :]


def failure(text: str) -> str | None:
    r"""Return what SkyPilot wrote into the log of a job that failed; None where it wrote no such line.

    >>> failure("boom\n\x1b[31mERROR: Job 1 failed with return code list:\x1b[0m [137] ")
    'Job 1 failed with return code list: [137]'
    """
    found = (FAILURE.fullmatch(line) for line in reversed(cleaned(text)))
    return next((match[1] for match in found if match), None)


def cleaned(text: str) -> list[str]:
    r"""Return the lines without colours, and of a line that carriage returns overwrote, only its final text.

    Each line is truncated before any pattern reads it.

    >>> cleaned("\x1b[36m(head, pid=1)\x1b[0m 10%\r 20%\n" + "x" * 9_000)[0], cleaned("x" * 9_000)[0][-2:]
    ('(head, pid=1) 20%', 'x…')
    """
    lines = map(clean, text.split("\n"))
    return [line for line in lines if line]


def clean(line: str) -> str:
    """Return one line as it is shown; empty where nothing of it is visible."""
    first, overwrote, rest = line.rstrip("\r").partition("\r")
    if not overwrote:
        return plain(first).rstrip()
    prefix, body = prefixed(plain(first))
    pieces = map(plain, reversed(rest.rsplit("\r", MOST_REDRAWN)))
    left = next((piece for piece in pieces if piece.strip()), body)
    return (prefix + left.lstrip()).rstrip()


def plain(line: str) -> str:
    """Return a line without colours and control characters; of a line that is too long, the beginning."""
    found = ANSI.sub("", shortened(line))
    return found if found.isprintable() else CONTROL.sub("", found)


def prefixed(line: str) -> tuple[str, str]:
    """Return the prefixes of SkyPilot and Ray, and the rest, with its indentation.

    >>> prefixed("(head, rank=0, pid=1) (TaskRunner pid=8)   File x")
    ('(head, rank=0, pid=1) (TaskRunner pid=8) ', '  File x')
    """
    found = PREFIX.match(line)
    end = min(found.end(), len(found[0].rstrip()) + 1) if found and found[0] else 0
    return line[:end], line[end:]


def narrow(line: str) -> str:
    """Return a line shortened to what a phone can show.

    >>> narrow("step:1 - " + "a" * 400)[-3:]
    'aa…'
    """
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"


def rank(line: str) -> int | None:
    """Return the node that printed a line; None where the prefix does not name it."""
    found = RANK.search(prefixed(line)[0])
    return int(found[1]) if found else None


def tidy(line: str, several: bool) -> str:
    """Return the line without the prefixes of SkyPilot and Ray, and with its rank where there are several."""
    text = prefixed(line)[1]
    return f"[{rank(line)}] {text}" if several and rank(line) is not None else text


def shortened(line: str) -> str:
    """Return a line as it is stored and shown: of a line that is too long, the beginning."""
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"


def whole_characters(text: str) -> str:
    """Return a text that can be encoded: half a surrogate pair, which is no character, becomes a question mark.

    >>> whole_characters("é" + chr(0xD800))
    'é?'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def bounded(text: str, most_bytes: int = SAVED_BYTES) -> str:
    r"""Return the last complete lines that fit into so many bytes of UTF-8; of a line that is too long, the beginning.

    >>> bounded("early\n" + "x" * 20_000 + "\nlate", 20_000).split("\n")[-1]
    'late'
    """
    whole = "\n".join(map(shortened, text.split("\n")))
    encoded = whole.encode()
    if len(encoded) <= most_bytes:
        return whole
    return encoded[-most_bytes:].decode(errors="ignore").partition("\n")[2]
