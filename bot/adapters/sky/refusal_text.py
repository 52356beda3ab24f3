"""What SkyPilot writes when it refuses: the reason of each place that it tried, without what is for its command line.

The text is data: as much of it is read as READ_CHARACTERS, and its secrets are masked before anything is cut off.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bot.core.masking.masker import SHAPE_MASKER

ANSI = re.compile(r"\x1b\[[0-9;]*m")

READ_CHARACTERS = 65_536
"""Maximum characters of SkyPilot's words that are read."""

REASON_CHARACTERS, HINT_CHARACTERS = 450, 250
"""Maximum characters of one reason, and of one hint, that are shown."""

ATTEMPT_MARK = "✗ "
"""What begins the lines of one infra that SkyPilot tried (sky/backends/cloud_vm_ray_backend.py of 0.14)."""

FAILED_ATTEMPT = "Failed to acquire resources"
"""What begins an attempt; SkyPilot then names the machines, and says why only after `Reason:`."""

REASON_MARK = "Reason: "
HINT_MARK = "Hint: "

COMMAND_LINE_PREFIXES = (
    "To keep retrying until",
    "To fix: relax or change",
    "View logs",
    "You can check",
    "Provision failures (tried",
    "Reasons for provision failures",
    "Hint: Check Per Resource Hint",
    *(f"{hint}{quote}sky " for hint in ("", HINT_MARK) for quote in ("", "'", "`")),
)
"""Beginnings of lines that address a user of SkyPilot's command line, or that only introduce others."""

COMMAND_LINE_SENTENCES = re.compile(
    r" ?(?:(?:For (?:more )?details|To see [\w ]{1,40}),? run: `?sky(?: [\w./-]{1,80}){1,8}`?"
    r"|Transitioned to INIT \(details: cluster is unhealthy\)\.?|Relax the task's resource requirements: .*)"
)
"""Sentences of the same kind within a line, and SkyPilot's own state of the cluster."""

EXCEPTION_NAME = re.compile(r"\[?(?:builtins|sky\.exceptions)\.(\w{1,80})\]?:? ")
"""The exception that the reason of a managed job begins with (sky/utils/common_utils.py, format_exception)."""

QUOTED_MESSAGE = re.compile(r"""['"]message['"]: ?(?:'([^']{1,600})'|"([^"]{1,600})")""")
"""The message in a list of errors as Google's API returns it."""

PLACE_NAME = re.compile(r"\b[a-z]{2,12}-[a-z]{2,12}-?\d{1,2}(?:-?[a-z])?\b|\b[0-9a-f-]{12,36}\b")
"""A region, a zone or the id of a request: two refusals that differ only in these are one."""


@dataclass(frozen=True, slots=True)
class InfraRefusal:
    """One reason of SkyPilot's, in its own words, masked and without line breaks.

    Attributes:
        reason: why; the whole of it.
        places: the infra that SkyPilot tried with this result, such as `AWS (us-east-2)`; empty where it names none.
        hint: what SkyPilot advises.
    """

    reason: str
    places: tuple[str, ...] = ()
    hint: str = ""


def split_exception_name(text: str) -> tuple[str, str]:
    """Return the exception that a text begins with, and the rest of the text.

    >>> split_exception_name("[sky.exceptions.VolumeNotFoundError] Volume a not found.")
    ('VolumeNotFoundError', 'Volume a not found.')
    >>> split_exception_name("Volume a not found.")
    ('', 'Volume a not found.')
    """
    named = EXCEPTION_NAME.match(text)
    return (named[1], text[named.end() :]) if named else ("", text)


def parse_refusals(message: str) -> list[InfraRefusal]:
    r"""Return each reason in a message once, with all the places that it holds for; a single one without a place.

    >>> parse_refusals("Nothing found.\n\n✗ AWS (eu) — T4:1\n  Failed to acquire resources.\n  Reason: No T4.\n\n"
    ...                "✗ AWS (us) — T4:1\n  Reason: No T4.\n")
    [InfraRefusal(reason='No T4.', places=('AWS (eu)', 'AWS (us)'), hint='')]
    >>> parse_refusals("Volume a not found.\nHint: sky volumes ls")
    [InfraRefusal(reason='Volume a not found.', places=(), hint='')]
    """
    lines = [line.strip() for line in mask_message(message).splitlines()]
    attempts = [parse_attempt(block) for block in split_attempts(lines)]
    refusals = [attempt for attempt in attempts if attempt.reason]
    return group_refusals(refusals) if refusals else [parse_attempt(lines)]


def mask_message(message: str) -> str:
    """Return as much of a message as is read, without colours and secrets."""
    return SHAPE_MASKER.mask(ANSI.sub("", message[:READ_CHARACTERS]))


def split_attempts(lines: Sequence[str]) -> list[Sequence[str]]:
    """Return the lines of each infra that SkyPilot tried; what comes before the first only sums them up."""
    starts = [index for index, line in enumerate(lines) if line.startswith(ATTEMPT_MARK)]
    return [lines[start:end] for start, end in pairwise([*starts, len(lines)])]


def parse_attempt(lines: Sequence[str]) -> InfraRefusal:
    """Return the last reason in the lines of one infra, with SkyPilot's hint; all that they say where none is marked.

    >>> parse_attempt(["Failed to acquire resources in a for {AWS({'T4': 1})}.", "Reason: busy.", "Hint: Ask it."])
    InfraRefusal(reason='busy.', places=(), hint='Ask it.')
    """
    is_attempt = lines[:1] != [] and lines[0].startswith(ATTEMPT_MARK)
    places = (read_place(lines[0]),) if is_attempt else ()
    useful = [line for line in lines[is_attempt:] if line and not line.startswith(COMMAND_LINE_PREFIXES)]
    hint_start = next((index for index, line in enumerate(useful) if line.startswith(HINT_MARK)), len(useful))
    text = join_lines(useful[:hint_start])
    is_marked = is_attempt or FAILED_ATTEMPT in text
    return InfraRefusal(
        select_reason(text) if is_marked else text, places, join_lines(useful[hint_start:]).removeprefix(HINT_MARK)
    )


def read_place(line: str) -> str:
    """Return the infra that the first line of an attempt names.

    >>> read_place("✗ Kubernetes (prod) — H100:8")
    'Kubernetes (prod)'
    """
    return line.removeprefix(ATTEMPT_MARK).partition(" — ")[0].strip()


def join_lines(lines: Iterable[str]) -> str:
    """Return lines as one, without sentences for a user of SkyPilot's command line and without Python's None."""
    text = " ".join(COMMAND_LINE_SENTENCES.sub("", line) for line in lines)
    return " ".join(text.replace("(None)", "").replace(" .", ".").split())


def select_reason(text: str) -> str:
    """Return the last reason in the text of one attempt, or the text without the list of machines asked for.

    >>> select_reason("Failed to acquire resources in eu for {AWS({'T4': 1})}. The pool is small.")
    'Failed to acquire resources in eu. The pool is small.'
    >>> select_reason("Reason: it failed. Reason: [{'code': 'STOCKOUT', 'message': 'None left.'}]")
    'None left.'
    """
    _, mark, reason = text.rpartition(REASON_MARK)
    if quoted := QUOTED_MESSAGE.search(reason):
        return quoted[1] or quoted[2]
    if mark:
        return reason.strip()
    start, end = reason.find(" for {"), reason.rfind("}")
    return reason[:start] + reason[end + 1 :] if 0 <= start < end else reason


def group_refusals(refusals: Iterable[InfraRefusal]) -> list[InfraRefusal]:
    """Return the refusals with different reasons, each with all of its places, in the order of their first."""
    groups: dict[str, InfraRefusal] = {}
    for refusal in refusals:
        key = PLACE_NAME.sub("", refusal.reason)
        first = groups.get(key, replace(refusal, places=()))
        groups[key] = replace(first, places=tuple(dict.fromkeys((*first.places, *refusal.places))))
    return list(groups.values())


def end_sentence(text: str) -> str:
    """Return a text with a full stop at its end, unless a sentence ends there.

    >>> end_sentence("No T4"), end_sentence("No T4!")
    ('No T4.', 'No T4!')
    """
    return text + ("" if text.rstrip("'\"`)").endswith((".", "!", "?", "…", "。")) else ".")


def shorten(text: str, limit: int) -> str:
    """Return the beginning of a text: whole sentences where half of it is, or else whole words.

    >>> shorten("One two three. Four five six seven.", 25), shorten("word " * 9, 12), shorten("x" * 9, 5)
    ('One two three. …', 'word word…', 'xxxx…')
    """
    if len(text) <= limit:
        return text
    beginning = text[: limit - 1]
    sentences = beginning[:-1].rpartition(". ")[0]
    if len(sentences) >= limit // 2:
        return f"{sentences}. …"
    return (beginning.rpartition(" ")[0].rstrip() or beginning) + "…"
