"""The doctor's findings as text for people and as JSON for programs. All text is masked before it gets here."""

import json
import shutil
import textwrap
from collections.abc import Callable, Collection
from dataclasses import asdict, replace

from bot.doctor.finding import Finding, Status

MARKS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILURE: "✗", Status.SKIPPED: "–"}
SUBJECT_COLUMNS = 22
LEAST_COLUMNS, MOST_COLUMNS = 70, 110


def lines(finding: Finding, columns: int | None = None) -> str:
    """Return a mark, the subject and the result; below it the advice."""
    width = min(max(columns or shutil.get_terminal_size().columns, LEAST_COLUMNS), MOST_COLUMNS)
    start = f"{MARKS[finding.status]} {finding.subject:<{SUBJECT_COLUMNS}}"
    indent = " " * len(start)
    shown = [filled(finding.found, width, start, indent)]
    if finding.advice:
        shown.append(filled(finding.advice, width, f"{indent}→ ", f"{indent}  "))
    return "\n".join(shown)


def filled(text: str, width: int, first: str, then: str) -> str:
    """Return the text wrapped between whole words: people copy addresses and commands."""
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )


def conclusion(findings: Collection[Finding]) -> str:
    """Return the number of failures, warnings and skipped checks in one sentence.

    >>> conclusion([Finding(Status.OK, "a", "b"), Finding(Status.WARNING, "c", "d", "e")])
    'Nothing stands in the way; 1 warning.'
    """
    counts = {status: sum(one.status is status for one in findings) for status in Status}
    failures, warnings, left_out = counts[Status.FAILURE], counts[Status.WARNING], counts[Status.SKIPPED]
    first = f"{counted(failures, 'failure')}" if failures else "Nothing stands in the way"
    rest = [counted(warnings, "warning")] if warnings else []
    rest += [f"{left_out} not checked"] if left_out else []
    return "; ".join([first, *rest]) + "."


def counted(count: int, word: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    return f"{count} {word}" + ("" if count == 1 else "s")


def as_json(findings: Collection[Finding]) -> str:
    """Return all findings, and the worst of their statuses, as JSON."""
    found = {one.status for one in findings}
    worst = next(
        status for status in (Status.FAILURE, Status.WARNING, Status.OK) if status in found or status is Status.OK
    )
    return json.dumps({"status": worst, "findings": [asdict(one) for one in findings]}, indent=2, ensure_ascii=False)


def masked(finding: Finding, mask: Callable[[str], str]) -> Finding:
    """Return the finding with all secrets masked, regardless of their source."""
    return replace(finding, found=mask(finding.found), advice=mask(finding.advice))


def without_password(url: str) -> str:
    """Return a URL without its user, its password and its parameters.

    >>> without_password("rediss://bot:hunter2@redis.example.org:6379/0?ssl_cert_reqs=none")
    'rediss://redis.example.org:6379/0'
    """
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".partition("?")[0] if rest else url.partition("?")[0]
