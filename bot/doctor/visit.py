"""Carries checks out: each in its own time, none after one that it rests on has failed."""

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
    """Something to look at.

    Attributes:
        subjects: of its findings, the first of which is told where it cannot be carried out.
        look: asks and judges; a finding for each subject.
        needs: subjects of earlier checks that this one rests on.
        hindered: why it cannot be made at all; empty where it can.
    """

    subjects: tuple[str, ...]
    look: Callable[[], Iterable[Finding]]
    needs: tuple[str, ...] = ()
    hindered: str = ""


TOO_LONG = "See what slows it down, or set VERLBOT_DOCTOR_SECONDS higher."

Findings = tuple[Finding, ...]
T = TypeVar("T")


def visit(checks: Sequence[Check], seconds: float) -> Iterator[Findings]:
    """The findings of each check, in order. All are begun at once, but for those that rest on others.

    Args:
        seconds: for one check; one that takes longer has failed, and is left behind.
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
    """Wait for what it rests on, which has its own time, and look."""
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
    return one.status in (Status.FAILURE, Status.SKIPPED)


def none_of(check: Check, why: str) -> Findings:
    return tuple(skipped(subject, why) for subject in check.subjects)


def instead_of(check: Check, first: Finding) -> Findings:
    """The findings of a check that brought none itself."""
    return (first, *(skipped(subject, f"of what was found of {first.subject}") for subject in check.subjects[1:]))


def in_the_background(function: Callable[[], T]) -> Future[T]:
    """Its result, from a thread that nobody waits for when the program ends."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(function())
        except BaseException as error:  # whoever asks for the result is told
            found.set_exception(error)

    Thread(target=run, name="doctor", daemon=True).start()
    return found
