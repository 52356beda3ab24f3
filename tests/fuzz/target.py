"""A target: what is tried, with what, and how it is tried for a number of examples or of minutes."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from hypothesis.strategies import SearchStrategy

Check = Callable[[Any], None]
"""Tries one example; raises where a promise is broken."""

FOUND = Path(".hypothesis/fuzz")
"""Where the examples that failed are kept, a folder a target; each is tried again first."""

ROUND = 200
"""Examples of one seed."""


@dataclass(frozen=True, slots=True)
class Target:
    """One way into the bot.

    Attributes:
        name: what is typed to try it alone; promise: what is checked.
        examples: makes examples; opened: opens the part that is tried, and gives its check.
        slice: examples of its part in the unit tests; 0 where it measures time.
    """

    name: str
    promise: str
    examples: SearchStrategy[Any]
    opened: Callable[[], AbstractContextManager[Check]]
    slice: int


def try_examples(target: Target, check: Check, most: int, first: int, database: ExampleDatabase | None = None) -> None:
    """Try so many examples.

    Args:
        first: the seed.

    Raises:
        BaseException: whatever the check raised on the smallest example that it fails on, which is in its notes.
    """

    @seed(first)
    @settings(
        max_examples=most,
        deadline=None,
        database=database,
        derandomize=False,
        print_blob=database is not None,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.examples)
    def test(example: Any) -> None:
        check(example)

    test()


def try_for(target: Target, minutes: float, first: int) -> int:
    """Try examples for a time, in rounds of a seed each; how many there were.

    Raises:
        BaseException: as of `try_examples`.
    """
    end = time.monotonic() + minutes * 60
    database = DirectoryBasedExampleDatabase(FOUND / target.name)
    with target.opened() as check:
        counted = Counted(check, end)
        while time.monotonic() < end:
            try_examples(target, counted.check, ROUND, first, database)
            first += 1
    return counted.count


class Counted:
    """A check that counts its examples and takes no more once the time is over, unless it has to shrink one."""

    def __init__(self, check: Check, end: float) -> None:
        self._check = check
        self._end = end
        self._has_failed = False
        self.count = 0

    def check(self, example: Any) -> None:
        if not self._has_failed and time.monotonic() > self._end:
            return
        self.count += 1
        try:
            self._check(example)
        except Exception:
            self._has_failed = True
            raise
