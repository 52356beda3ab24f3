"""What the notice of a budget says of the end of a run: that it is stopped there, or that it finishes before."""

import pytest

from bot.core.model.progress import Progress, StepTime
from bot.slack.views.limit_notices import list_budget_messages
from tests.builders import at, running

HOUR = at(3600)
"""After which a run of four dollars an hour has cost $4."""


@pytest.mark.parametrize(
    ("last_step", "budget", "ending"),
    [
        pytest.param(110, 6.0, "At this rate it will finish at $4.67.", id="it finishes before"),
        pytest.param(
            1_000, 6.0, "At this rate it will need $64.00, $58.00 over budget. It will run out", id="it does not"
        ),
        pytest.param(None, 6.0, "It will be stopped at $6.00.", id="no forecast"),
    ],
)
def test_a_run_is_said_to_be_stopped_only_where_it_will_be(last_step: int | None, budget: float, ending: str) -> None:
    times = tuple(StepTime(60.0) for _ in range(10))
    progress = Progress(step=100, total_steps=last_step, stepped_at=HOUR.timestamp(), step_times=times)
    run = running(budget_dollars=budget, progress=progress)
    (notice,) = list_budget_messages(run, HOUR, ())
    assert ending in notice.text
    assert ("stopped" in notice.text) == ("finish" not in ending)
