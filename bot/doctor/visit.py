"""Runs the checks: each with its own deadline, and none after a failed one that it needs."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TypeVar

from bot.doctor.finding import Finding, Status, failure, skipped
from bot.errors import Unavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the doctor's.

    Attributes:
        subjects: of its findings; the first one gets the failure where the check cannot run.
        run: queries and judges; returns a finding for each subject.
        needs: subjects of earlier checks that this one depends on.
        blocker: why it cannot run at all; empty where it can.
    """

    subjects: tuple[str, ...]
    look: Callable[[], Iterable[Finding]]
    needs: tuple[str, ...] = ()
    hindered: str = ""


TOO_LONG = "See what slows it down, or set VERLBOT_DOCTOR_SECONDS higher."

Findings = tuple[Finding, ...]
T = TypeVar("T")


def visit(checks: Sequence[Check], seconds: float) -> Iterator[Findings]:
    """Yield the findings of each check, in order. All checks start at once, except those that need others.

    Args:
        seconds: deadline of one check; a slower one has failed, and is left running.
    """
    begun: list[Future[Findings]] = []
    by_subject: dict[str, Future[Findings]] = {}
    for check in checks:
        needed = {subject: by_subject[subject] for subject in check.needs}
        found = in_the_background(partial(carried_out, check, needed, seconds))
        begun.append(found)
        by_subject |= dict.fromkeys(check.subjects, found)
    for found in begun:
        yield found.result()


def carried_out(check: Check, needed: Mapping[str, Future[Findings]], seconds: float) -> Findings:
    """Wait for the checks that this one needs, each with its own deadline, then run it and return its findings."""
    if check.hindered:
        return none_of(check, check.hindered)
    for subject, earlier in needed.items():
        if any(one.subject == subject and stands_in_the_way(one) for one in earlier.result()):
            return none_of(check, f"of what was found of {subject}")
    try:
        return tuple(in_the_background(check.look).result(seconds))
    except TimeoutError:
        return instead_of(check, failure(check.subjects[0], f"no answer within {seconds:g} s", TOO_LONG))
    except Unavailable as error:
        return instead_of(check, failure(check.subjects[0], str(error), TOO_LONG))
    except Exception as error:
        log.debug("a check failed", exc_info=True)
        why = f"the check itself failed: {type(error).__name__}: {error}"
        return instead_of(check, failure(check.subjects[0], why, "Report it, with what `verlbot doctor --json` says."))


def stands_in_the_way(one: Finding) -> bool:
    """Return whether a finding blocks the checks that need its subject."""
    return one.status in (Status.FAILURE, Status.SKIPPED)


def none_of(check: Check, why: str) -> Findings:
    """Return a skipped finding for each subject."""
    return tuple(skipped(subject, why) for subject in check.subjects)


def instead_of(check: Check, first: Finding) -> Findings:
    """Return the findings of a check that returned none itself."""
    return (first, *(skipped(subject, f"of what was found of {first.subject}") for subject in check.subjects[1:]))


def in_the_background(function: Callable[[], T]) -> Future[T]:
    """Return the result of a function as a future; its thread does not delay the program's exit."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(function())
        except BaseException as error:  # the caller of `result` gets it
            found.set_exception(error)

    Thread(target=run, name="doctor", daemon=True).start()
    return found
