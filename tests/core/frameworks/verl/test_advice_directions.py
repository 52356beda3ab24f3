"""Which way advice changes each setting: the words before it say it."""

import pytest

from bot.core.frameworks.verl.advice_directions import find_directions


@pytest.mark.parametrize(
    ("advice", "found"),
    [
        ("Lower `a.b` or `c.d`, or raise `e.f`.", ["lower a.b", "lower c.d", "raise e.f"]),
        ("Raise `a.b` (with `c.d=True`) or `e.f`.", ["raise a.b", "set c.d=True", "raise e.f"]),
        ("Read answers (`a.b`); a cache that is too small (`c.d`).", ["check a.b", "raise c.d"]),
        ("Synchronize more often (`a.b`), allow fewer samples (`c.d`).", ["lower a.b", "lower c.d"]),
        ("Resume (`a.b=path`) with a lower `c.d`.", ["lower c.d"]),
        ("Raise `a.b` to at least `c.d` plus `e.f`.", ["raise a.b"]),
        ("If you trust its authors: `a.b=True`.", []),
        ("Make `a.b` a multiple of `c.d`.", ["change a.b", "change c.d"]),
        ("Lower `a.b`. Some say `c.d`.", ["lower a.b", "change c.d"]),
        ("Set `+a.b=1`, or raise `a.b`.", ["set a.b=1"]),
        ("Run `py-spy dump`.", []),
    ],
)
def test_the_last_word_of_direction_before_a_setting_counts(advice: str, found: list[str]) -> None:
    assert [f"{one.direction} {one.option}{one.value}" for one in find_directions(advice)] == found
