"""Which test comes when, where several workers share them: what takes long comes first, and some of it to each."""

from collections.abc import Sequence
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")


def spread(groups: Sequence[Sequence[T]], long: Sequence[T], short: Sequence[T], workers: int) -> list[T]:
    """The order in which `--dist=worksteal`, which cuts it into equal pieces, gives each worker long tests first.

    So the last minute is one of short tests, of which there is always another for an idle worker.

    Args:
        groups: each stays in one piece, because its tests share what is costly.

    >>> spread(["A", "BB"], "LLL", "ssss", workers=2)
    ['A', 'L', 'L', 's', 's', 'B', 'B', 'L', 's', 's']
    >>> spread([], "L", "s", workers=1)
    ['L', 's']
    """
    size = (sum(map(len, groups)) + len(long) + len(short)) // workers
    pieces: list[list[T]] = [[] for _ in range(workers)]
    for group in (*groups, *([test] for test in long)):
        min(pieces, key=len).extend(group)
    rest = iter(short)
    for piece in pieces:
        piece.extend(islice(rest, max(0, size - len(piece))))
    return [*chain.from_iterable(pieces), *rest]
