"""Runs the checks: each with its own deadline, and none after a failed one that it needs."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TypeVar

from bot.doctor.finding import DoctorFinding, DoctorStatus, failure, skip
from bot.errors import Unavailable

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
            return skip_all(check, f"of what was found of {subject}")
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
    return (first, *(skip(subject, f"of what was found of {first.subject}") for subject in check.subjects[1:]))


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
