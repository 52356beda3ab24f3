"""What tells one approval from another."""

from dataclasses import replace

from bot.core.model.run_state import Approval, LaunchFacts
from tests.builders import NOON

SHOWN = Approval(("U0LEA",), NOON, "hash", facts=LaunchFacts(9.0, 2.0, False, 9.0))


def test_another_task_price_size_or_a_lost_price_has_another_digest() -> None:
    assert SHOWN.facts is not None
    others = [
        replace(SHOWN, task_hash="other"),
        *(
            replace(SHOWN, facts=replace(SHOWN.facts, **change))
            for change in ({"dollars": 9.5}, {"gpu_hours": 3.0}, {"unpriced": True})
        ),
    ]
    assert SHOWN.digest not in {one.digest for one in others}
    assert len({one.digest for one in others}) == len(others)


def test_what_others_launch_meanwhile_and_a_word_on_it_change_nothing() -> None:
    assert SHOWN.facts is not None
    same = [replace(SHOWN, facts=replace(SHOWN.facts, day_dollars=99.0)), SHOWN.record_answer("U0BEN", True, NOON)]
    assert {one.digest for one in same} == {SHOWN.digest}
