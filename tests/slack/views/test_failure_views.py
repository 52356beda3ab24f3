"""What is advised about a failure without a known cause, and what is known of the checkpoint that it leaves."""

import pytest

from bot.core.model.failure import FailureSummary
from bot.core.model.progress import Progress
from bot.core.model.run_state import Reason, RunStatus
from bot.i18n import use_language
from bot.phrase import LANGUAGES
from bot.slack.views.checkpoint_views import describe_model
from bot.slack.views.failure_views import (
    NO_CAUSE_IN_LOG,
    SETUP_ADVICE,
    render_failure_advice,
    render_remaining_checkpoint,
)
from tests.builders import a_run, at, running

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


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", [RunStatus.STOPPING, RunStatus.ENDED])
@pytest.mark.parametrize("reason", [Reason.DOWNED_EXTERNALLY, Reason.AUTODOWNED, Reason.CLUSTER_LOST])
def test_a_log_that_was_not_read_to_its_end_proves_no_absence(reason: Reason, status: RunStatus, language: str) -> None:
    run = running(status=status, reason=reason, checkpoints_ephemeral=True, progress=Progress(20))
    with use_language(language):
        remaining = render_remaining_checkpoint(run, at(60))
        assert remaining
        assert remaining == describe_model(run)


def test_a_log_that_was_read_to_its_end_shows_that_there_was_no_checkpoint() -> None:
    read = running(
        reason=Reason.DOWNED_EXTERNALLY, checkpoints_ephemeral=True, progress=Progress(20), log_saved_at=at(60)
    )
    assert render_remaining_checkpoint(read, at(60)).startswith("The log shows no checkpoint. Nothing can be")
