"""The doctor's checks and their results: what a check is, how a row of them is run, and how the page shows them."""

import json
import logging
import shutil
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import partial
from threading import Thread
from typing import TypeVar

from bot.errors import Unavailable
from bot.phrase import Text


class DoctorStatus(StrEnum):
    """How a check of the doctor's ended."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One line of the doctor's report.

    Attributes:
        subject: what was checked, in one to three words.
        result: what the check has shown.
        advice: what to do, a sentence with the exact setting or command; empty where there is nothing to do.
    """

    status: DoctorStatus
    subject: str
    result: Text
    advice: Text = ""


def ok(subject: str, result: str) -> DoctorFinding:
    """Return a finding that nothing is wrong."""
    return DoctorFinding(DoctorStatus.OK, subject, result)


def warning(subject: str, result: str, advice: str) -> DoctorFinding:
    """Return a finding of something to improve."""
    return DoctorFinding(DoctorStatus.WARNING, subject, result, advice)


def failure(subject: str, result: Text, advice: Text) -> DoctorFinding:
    """Return a finding of something that must be fixed."""
    return DoctorFinding(DoctorStatus.FAILURE, subject, result, advice)


def skip(subject: str, why: str) -> DoctorFinding:
    """Return a finding that the subject was not checked.

    >>> skip("prices", "SkyPilot failed").result
    'not checked, because SkyPilot failed'
    """
    return DoctorFinding(DoctorStatus.SKIPPED, subject, f"not checked, because {why}")


def join_names(names: list[str]) -> str:
    """Return the names joined by commas and an `and`.

    >>> join_names(["a"]), join_names(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One check of the doctor's.

    Attributes:
        subjects: of its findings; the first one gets the failure where the check cannot run.
        run: queries and judges; returns a finding for each subject.
        needs: subjects of earlier checks that this one depends on.
        blocker: why it cannot run at all; empty where it can.
    """

    subjects: tuple[str, ...]
    run: Callable[[], Iterable[DoctorFinding]]
    needs: tuple[str, ...] = ()
    blocker: str = ""


TOO_SLOW_ADVICE = "See what slows it down, or set VERLBOT_DOCTOR_SECONDS higher."

CheckFindings = tuple[DoctorFinding, ...]
T = TypeVar("T")


def run_checks(checks: Sequence[DoctorCheck], seconds: float) -> Iterator[CheckFindings]:
    """Yield the findings of each check, in order. All checks start at once, except those that need others.

    Args:
        seconds: deadline of one check; a slower one has failed, and is left running.
    """
    futures: list[Future[CheckFindings]] = []
    by_subject: dict[str, Future[CheckFindings]] = {}
    for check in checks:
        needed = {subject: by_subject[subject] for subject in check.needs}
        future = run_in_background(partial(run_when_ready, check, needed, seconds))
        futures.append(future)
        by_subject |= dict.fromkeys(check.subjects, future)
    for future in futures:
        yield future.result()


def run_when_ready(check: DoctorCheck, needed: Mapping[str, Future[CheckFindings]], seconds: float) -> CheckFindings:
    """Wait for the checks that this one needs, each with its own deadline, then run it and return its findings."""
    if check.blocker:
        return skip_all(check, check.blocker)
    for subject, earlier in needed.items():
        if any(finding.subject == subject and is_blocking(finding) for finding in earlier.result()):
            return skip_all(check, f"{subject} has a problem")
    try:
        return tuple(run_in_background(check.run).result(seconds))
    except TimeoutError:
        return replace_findings(check, failure(check.subjects[0], f"no answer within {seconds:g} s", TOO_SLOW_ADVICE))
    except Unavailable as error:
        return replace_findings(check, failure(check.subjects[0], str(error), TOO_SLOW_ADVICE))
    except Exception as error:
        log.debug("a check failed", exc_info=True)
        why = f"the check itself failed: {type(error).__name__}: {error}"
        return replace_findings(
            check, failure(check.subjects[0], why, "Report it, with what `verlbot doctor --json` says.")
        )


def is_blocking(finding: DoctorFinding) -> bool:
    """Return whether a finding blocks the checks that need its subject."""
    return finding.status in (DoctorStatus.FAILURE, DoctorStatus.SKIPPED)


def skip_all(check: DoctorCheck, why: str) -> CheckFindings:
    """Return a skipped finding for each subject."""
    return tuple(skip(subject, why) for subject in check.subjects)


def replace_findings(check: DoctorCheck, first: DoctorFinding) -> CheckFindings:
    """Return the findings of a check that returned none itself."""
    return (first, *(skip(subject, f"{first.subject} has a problem") for subject in check.subjects[1:]))


def run_in_background(function: Callable[[], T]) -> Future[T]:
    """Return the result of a function as a future; its thread does not delay the program's exit."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # the caller of `result` gets it
            future.set_exception(error)

    Thread(target=run, name="doctor", daemon=True).start()
    return future


MARKS = {DoctorStatus.OK: "✓", DoctorStatus.WARNING: "!", DoctorStatus.FAILURE: "✗", DoctorStatus.SKIPPED: "–"}
SUBJECT_COLUMNS = 22
MIN_COLUMNS, MAX_COLUMNS = 70, 110


def format_finding(finding: DoctorFinding, columns: int | None = None) -> str:
    """Return a mark, the subject and the result; below it the advice."""
    width = min(max(columns or shutil.get_terminal_size().columns, MIN_COLUMNS), MAX_COLUMNS)
    start = f"{MARKS[finding.status]} {finding.subject:<{SUBJECT_COLUMNS}}"
    indent = " " * len(start)
    paragraphs = [wrap_text(str(finding.result), width, start, indent)]
    if finding.advice:
        paragraphs.append(wrap_text(str(finding.advice), width, f"{indent}→ ", f"{indent}  "))
    return "\n".join(paragraphs)


def wrap_text(text: str, width: int, first: str, then: str) -> str:
    """Return the text wrapped between whole words: people copy addresses and commands."""
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )


def summary_line(findings: Collection[DoctorFinding]) -> str:
    """Return the number of failures, warnings and skipped checks in one sentence.

    >>> summary_line([DoctorFinding(DoctorStatus.OK, "a", "b"), DoctorFinding(DoctorStatus.WARNING, "c", "d", "e")])
    'Nothing is in the way; 1 warning.'
    """
    counts = {status: sum(finding.status is status for finding in findings) for status in DoctorStatus}
    failures, warnings, left_out = (
        counts[DoctorStatus.FAILURE],
        counts[DoctorStatus.WARNING],
        counts[DoctorStatus.SKIPPED],
    )
    first = f"{format_count(failures, 'failure')}" if failures else "Nothing is in the way"
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
    return replace(finding, result=mask(str(finding.result)), advice=mask(str(finding.advice)))


def remove_password(url: str) -> str:
    """Return a URL without its user, its password and its parameters.

    >>> remove_password("rediss://bot:hunter2@redis.example.org:6379/0?ssl_cert_reqs=none")
    'rediss://redis.example.org:6379/0'
    """
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".partition("?")[0] if rest else url.partition("?")[0]
