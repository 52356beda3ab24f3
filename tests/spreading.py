"""Which test comes when, where several workers share them: what takes long comes first, and some of it to each."""

from collections.abc import Sequence
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")


def spread(together: Sequence[T], long: Sequence[T], short: Sequence[T], workers: int) -> list[T]:
    """The order in which `--dist=worksteal`, which cuts it into equal pieces, gives each worker long tests first.

    So the last minute is one of short tests, of which there is always another for whoever has nothing to do.

    Args:
        together: stays in one piece, because it shares what is costly.

    >>> spread("A", "LLL", "ssss", workers=2)
    ['A', 'L', 's', 's', 'L', 'L', 's', 's']
    >>> spread("", "L", "s", workers=1)
    ['L', 's']
    """
    size = (len(together) + len(long) + len(short)) // workers
    pieces: list[list[T]] = [list(together), *([] for _ in range(workers - 1))]
    for test in long:
        min(pieces, key=len).append(test)
    rest = iter(short)
    for piece in pieces:
        piece.extend(islice(rest, max(0, size - len(piece))))
    return [*chain.from_iterable(pieces), *rest]
