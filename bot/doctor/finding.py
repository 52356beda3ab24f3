"""The result of one check of one subject."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check of the doctor's ended."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        subject: what was checked, in one to three words.
        result: what the check has shown.
        advice: what to do, a sentence with the exact setting or command; empty where there is nothing to do.
    """

    status: Status
    subject: str
    found: str
    advice: str = ""


def ok(subject: str, found: str) -> Finding:
    """Return a finding that nothing is wrong."""
    return Finding(Status.OK, subject, found)


def warning(subject: str, found: str, advice: str) -> Finding:
    """Return a finding of something to improve."""
    return Finding(Status.WARNING, subject, found, advice)


def failure(subject: str, found: str, advice: str) -> Finding:
    """Return a finding of something that must be fixed."""
    return Finding(Status.FAILURE, subject, found, advice)


def skipped(subject: str, why: str) -> Finding:
    """Return a finding that the subject was not checked.

    >>> skipped("prices", "SkyPilot failed").found
    'not checked, because SkyPilot failed'
    """
    return Finding(Status.SKIPPED, subject, f"not checked, because {why}")


def several(names: list[str]) -> str:
    """Return the names joined by commas and an `and`.

    >>> several(["a"]), several(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
