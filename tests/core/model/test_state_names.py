"""States by the names that cards and lists show."""

import pytest

from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.state_names import REASON_STATES, STATE_NAMES, STATUS_STATES, find_states

ENGLISH = {name: [name] for name in STATE_NAMES}


def test_every_status_and_every_reason_has_a_name() -> None:
    assert (set(STATUS_STATES), set(REASON_STATES)) == (set(RunStatus), set(Reason))


@pytest.mark.parametrize("name", STATE_NAMES)
def test_every_shown_name_is_found_in_capitals_too(name: str) -> None:
    assert find_states(name.upper(), ENGLISH) == (name,)


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("over budget", ("stopped: budget used up",)),
        ("lost", ("cluster lost",)),
        ("approv", ("needs approval", "not approved in time")),
        ("x", ()),
        ("nope", ()),
    ],
)
def test_a_part_of_a_name_is_enough(text: str, states: tuple[str, ...]) -> None:
    assert find_states(text, ENGLISH) == states
