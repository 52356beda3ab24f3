"""The doctor's findings as text for people and as JSON for programs. All text is masked before it gets here."""

import json
import shutil
import textwrap
from collections.abc import Callable, Collection
from dataclasses import asdict, replace

from bot.doctor.finding import DoctorFinding, DoctorStatus

MARKS = {DoctorStatus.OK: "✓", DoctorStatus.WARNING: "!", DoctorStatus.FAILURE: "✗", DoctorStatus.SKIPPED: "–"}
SUBJECT_COLUMNS = 22
MIN_COLUMNS, MAX_COLUMNS = 70, 110


def format_finding(finding: DoctorFinding, columns: int | None = None) -> str:
    """Return a mark, the subject and the result; below it the advice."""
    width = min(max(columns or shutil.get_terminal_size().columns, MIN_COLUMNS), MAX_COLUMNS)
    start = f"{MARKS[finding.status]} {finding.subject:<{SUBJECT_COLUMNS}}"
    indent = " " * len(start)
    paragraphs = [wrap_text(finding.found, width, start, indent)]
    if finding.advice:
        paragraphs.append(wrap_text(finding.advice, width, f"{indent}→ ", f"{indent}  "))
    return "\n".join(paragraphs)


def wrap_text(text: str, width: int, first: str, then: str) -> str:
    """Return the text wrapped between whole words: people copy addresses and commands."""
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )


def summary_line(findings: Collection[DoctorFinding]) -> str:
    """Return the number of failures, warnings and skipped checks in one sentence.

    >>> summary_line([DoctorFinding(DoctorStatus.OK, "a", "b"), DoctorFinding(DoctorStatus.WARNING, "c", "d", "e")])
    'Nothing stands in the way; 1 warning.'
    """
    counts = {status: sum(finding.status is status for finding in findings) for status in DoctorStatus}
    failures, warnings, left_out = (
        counts[DoctorStatus.FAILURE],
        counts[DoctorStatus.WARNING],
        counts[DoctorStatus.SKIPPED],
    )
    first = f"{format_count(failures, 'failure')}" if failures else "Nothing stands in the way"
    rest = [format_count(warnings, "warning")] if warnings else []
    rest += [f"{left_out} not checked"] if left_out else []
    return "; ".join([first, *rest]) + "."


def format_count(count: int, word: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    return f"{count} {word}" + ("" if count == 1 else "s")


def format_json(findings: Collection[DoctorFinding]) -> str:
    """Return all findings, and the worst of their statuses, as JSON."""
    statuses = {finding.status for finding in findings}
    worst = next(
        status
        for status in (DoctorStatus.FAILURE, DoctorStatus.WARNING, DoctorStatus.OK)
        if status in statuses or status is DoctorStatus.OK
    )
    return json.dumps(
        {"status": worst, "findings": [asdict(finding) for finding in findings]}, indent=2, ensure_ascii=False
    )


def mask_finding(finding: DoctorFinding, mask: Callable[[str], str]) -> DoctorFinding:
    """Return the finding with all secrets masked, regardless of their source."""
    return replace(finding, found=mask(finding.found), advice=mask(finding.advice))


def remove_password(url: str) -> str:
    """Return a URL without its user, its password and its parameters.

    >>> remove_password("rediss://bot:hunter2@redis.example.org:6379/0?ssl_cert_reqs=none")
    'rediss://redis.example.org:6379/0'
    """
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".partition("?")[0] if rest else url.partition("?")[0]
