"""What one look at one thing has shown."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        subject: what was looked at, in a word or three.
        found: what there is.
        advice: what to do, a sentence with the exact setting or command; empty where nothing need be done.
    """

    status: Status
    subject: str
    found: str
    advice: str = ""


def ok(subject: str, found: str) -> Finding:
    return Finding(Status.OK, subject, found)


def warning(subject: str, found: str, advice: str) -> Finding:
    return Finding(Status.WARNING, subject, found, advice)


def failure(subject: str, found: str, advice: str) -> Finding:
    return Finding(Status.FAILURE, subject, found, advice)


def skipped(subject: str, why: str) -> Finding:
    """Not looked at.

    >>> skipped("prices", "SkyPilot failed").found
    'not checked, because SkyPilot failed'
    """
    return Finding(Status.SKIPPED, subject, f"not checked, because {why}")


def several(names: list[str]) -> str:
    """
    >>> several(["a"]), several(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
