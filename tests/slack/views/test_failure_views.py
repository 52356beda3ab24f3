"""What is advised about a failure without a known cause."""

import pytest

from bot.core.model.failure import FailureSummary
from bot.core.model.run_state import Reason
from bot.slack.views.failure_views import NO_CAUSE_IN_LOG, SETUP_ADVICE, render_failure_advice
from tests.builders import a_run

EXIT = "Job 1's setup failed with return code list: [1]"


@pytest.mark.parametrize(
    ("reason", "failure", "said"),
    [
        pytest.param(Reason.SETUP_FAILED, None, f"{NO_CAUSE_IN_LOG} {SETUP_ADVICE}", id="a setup's exit code"),
        pytest.param(Reason.SETUP_FAILED, FailureSummary("no kind of error"), SETUP_ADVICE, id="a setup's line"),
        pytest.param(Reason.FAILED, None, NO_CAUSE_IN_LOG, id="a training's exit code"),
        pytest.param(Reason.FAILED, FailureSummary("no kind of error"), "", id="a training's line"),
    ],
)
def test_of_a_setup_that_failed_it_is_said_how_to_try_its_commands(
    reason: Reason, failure: FailureSummary | None, said: str
) -> None:
    assert str(render_failure_advice(a_run(reason=reason, detail=EXIT), failure)) == said
