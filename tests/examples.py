"""How much of a promise is shown when: some in `make test`, more in `make thorough`, new values in `make explore`."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

USUAL = 100
"""A property's examples where nothing else is said."""


def examples(usual: int) -> settings:
    """As many in place of the usual hundred, and as many times more where the profile has more.

    Fewer where each takes long, more where a mistake is rare.
    """
    return settings(max_examples=usual * settings().max_examples // USUAL)


def thorough(values: Iterable[Any], usual: int) -> list[Any]:
    """Values of a parameter, of which the first few are for `make test` and the others for `make thorough`.

    >>> [len(getattr(value, "marks", ())) for value in thorough([7, 8, 9], usual=1)]
    [0, 1, 1]
    """
    chosen = list(values)
    return [*chosen[:usual], *(param(value) for value in chosen[usual:])]


def param(value: Any) -> Any:
    """A value, or the values of several parameters, for `make thorough` alone."""
    return pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.thorough)
