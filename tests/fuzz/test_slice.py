"""A little of each target, so that none rots; `make fuzz MINUTES=10` tries them in earnest."""

import pytest

from tests.fuzz.target import Target, try_examples
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.slow

SEED = 14

NEED_SLACK = ("lines", "payloads")
UNIT = [one for one in TARGETS.values() if one.slice]


SLOWER = [pytest.mark.story, pytest.mark.slow, pytest.mark.thorough]


def params() -> list[object]:
    return [pytest.param(one, id=one.name, marks=SLOWER if one.name in NEED_SLACK else []) for one in UNIT]


@pytest.mark.parametrize("target", params())
def test_a_target_holds_on_a_few_examples(target: Target) -> None:
    with target.opened() as check:
        try_examples(target, check, target.slice, SEED)


def test_a_broken_promise_is_found() -> None:
    target = TARGETS["policy-files"]

    def refuse(text: str) -> None:
        assert "roles" not in text

    with pytest.raises(AssertionError) as found:
        try_examples(target, refuse, target.slice, SEED)
    assert any("roles" in note for note in found.value.__notes__)
