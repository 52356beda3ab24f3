"""One rule of the validation in every place: a run that trains shows its newest, one that has finished its best."""

from collections.abc import Callable, Mapping

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.chart_data import RunHistory
from bot.slack.views.answers import render_run_line
from bot.slack.views.chart_views import describe_progress
from bot.slack.views.ended_card import end_message
from bot.slack.views.home_view import build_run_row
from bot.slack.views.mrkdwn import mention
from bot.slack.views.report_views import render_ended_run
from bot.slack.views.run_card import card
from bot.slack.views.run_table import build_run_cells
from tests.builders import at, running

ROWS = [
    StepMetrics(20 * number, {"val-core/gsm8k/reward/mean@1": value, "critic/score/mean": value})
    for number, value in enumerate((0.5, 0.91, 0.8), 1)
]
PROGRESS = Progress().record_events(ROWS, FRAMEWORK.keys)
TRAINING = running(progress=PROGRESS)
ENDED = running(progress=PROGRESS, status=RunStatus.ENDED, reason=Reason.SUCCEEDED, closed_at=at(60))


def compare(run: Run) -> str:
    return describe_progress(RunHistory(run, MetricsHistory.from_stored({}, ROWS)), at(90))


def notify(run: Run) -> str:
    message = end_message(run, at(90), "")
    return message.text if message else ""


PLACES: Mapping[str, Callable[[Run], str]] = {
    "a list": lambda run: " ".join(build_run_cells(run, at(90), mention, "")),
    "a line": lambda run: render_run_line(run, at(90)),
    "a report's line": lambda run: render_ended_run(run, at(90), mention),
    "the notice": notify,
    "the card's text": lambda run: card(run, at(90)).text,
    "Home": lambda run: str(build_run_row(run, at(90), "")),
    "a comparison": compare,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_finished_run_shows_its_best_validation_with_its_step(place: str) -> None:
    shown = PLACES[place](ENDED)
    assert "0.91 (step 40)" in shown
    assert "best" in shown
    assert ("last 0.80 (step 60)" in shown) == (place == "a comparison")


@pytest.mark.parametrize("place", ["a list", "a line", "the card's text", "Home"])
def test_a_run_that_trains_shows_its_newest_validation_with_its_step(place: str) -> None:
    shown = PLACES[place](TRAINING)
    assert "0.80 (step 60)" in shown
    assert "best" not in shown
