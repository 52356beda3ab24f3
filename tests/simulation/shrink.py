"""Shrinks a failing schedule: leaves out steps as long as it still fails in the same way (delta debugging)."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(steps: Sequence[T], fails: Callable[[list[T]], bool], most_tries: int = 400) -> list[T]:
    """Return a part of the steps, in their order, that still fails; without any one of them it does not.

    Args:
        fails: whether a schedule of these steps still fails in the same way.
        most_tries: after so many calls, the shortest so far is returned.

    >>> shrink("a launch, a kill".split(), lambda words: "kill" in words)
    ['kill']
    >>> shrink(range(100), lambda numbers: {7, 61} <= set(numbers))
    [7, 61]
    """
    left, size, tries = list(steps), max(len(steps) // 2, 1), 0
    while tries < most_tries:
        begin, has_shrunk = 0, False
        while begin < len(left) and tries < most_tries:
            candidate = left[:begin] + left[begin + size :]
            tries += 1
            if candidate and fails(candidate):
                left, has_shrunk = candidate, True
            else:
                begin += size
        if size == 1 and not has_shrunk:
            break
        size = max(size // 2, 1)
    return left
