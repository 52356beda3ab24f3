"""How many examples a property gets: few and always the same in `make check`, many and new ones in `make explore`."""

from hypothesis import settings

USUAL = 100
"""A property's examples where nothing else is said."""


def examples(usual: int) -> settings:
    """As many in place of the usual hundred, and as many times more where the profile has more.

    Fewer where each takes long, more where a mistake is rare.
    """
    return settings(max_examples=usual * settings().max_examples // USUAL)
