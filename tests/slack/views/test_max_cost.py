from datetime import timedelta

import pytest

from bot.core.model.money import Rate
from bot.slack.views.max_cost import describe_max_cost

TWO_HOURS = timedelta(hours=2)


@pytest.mark.parametrize(
    ("budget", "rate", "is_unpriced", "shown"),
    [
        pytest.param(
            150.0, Rate(2.0, "demo"), False, "at most *$4.00* (2 h at $2.00/h; its budget is $150.00)", id="its lease"
        ),
        pytest.param(3.0, Rate(2.0, "demo"), False, "at most *$3.00* (its budget)", id="its budget"),
        pytest.param(4.0, Rate(2.0, "demo"), False, "at most *$4.00* (its budget)", id="both"),
        pytest.param(150.0, None, False, "at most *$150.00* (its budget)", id="no price yet"),
        pytest.param(
            150.0, None, True, "an unknown amount (no price is known, so no budget can stop it)", id="never a price"
        ),
    ],
)
def test_the_most_that_a_launch_can_cost_is_named_with_the_limit_that_sets_it(
    budget: float, rate: Rate | None, is_unpriced: bool, shown: str
) -> None:
    assert describe_max_cost(budget, TWO_HOURS, rate, is_unpriced) == shown
