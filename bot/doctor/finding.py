"""The result of one check of one subject."""

from dataclasses import dataclass
from enum import StrEnum


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
    found: str
    advice: str = ""


def ok(subject: str, result: str) -> DoctorFinding:
    """Return a finding that nothing is wrong."""
    return DoctorFinding(DoctorStatus.OK, subject, result)


def warning(subject: str, result: str, advice: str) -> DoctorFinding:
    """Return a finding of something to improve."""
    return DoctorFinding(DoctorStatus.WARNING, subject, result, advice)


def failure(subject: str, result: str, advice: str) -> DoctorFinding:
    """Return a finding of something that must be fixed."""
    return DoctorFinding(DoctorStatus.FAILURE, subject, result, advice)


def skip(subject: str, why: str) -> DoctorFinding:
    """Return a finding that the subject was not checked.

    >>> skip("prices", "SkyPilot failed").found
    'not checked, because SkyPilot failed'
    """
    return DoctorFinding(DoctorStatus.SKIPPED, subject, f"not checked, because {why}")


def join_names(names: list[str]) -> str:
    """Return the names joined by commas and an `and`.

    >>> join_names(["a"]), join_names(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
