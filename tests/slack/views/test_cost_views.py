"""Every answer about dollars, as Slack would judge it and as a person reads it (golden/costs.txt)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.core.model.money import Bill, Rate
from bot.core.model.progress import Progress, TrainingTotals
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.costs import MonthlyCosts, RecipeBaseline, calendar_month, compute_monthly_costs
from bot.i18n import use_language
from bot.phrase import ENGLISH, LANGUAGES
from bot.slack.views import cost_views
from bot.slack.views.message import Answer
from bot.slack.views.tables import is_table
from slack_playground.checks import check_message
from slack_playground.transcript import written
from slack_playground.workspace import Message as Shown
from slack_playground.workspace import seeded
from tests.builders import a_run, at, change_run, launching, running
from tests.slack.views.test_report_views import BUSY
from tests.slack.views.test_run_thread import PACED, ended

GOLDEN = Path(__file__).parent / "golden"
FILES = {one: GOLDEN / ("costs.txt" if one == ENGLISH else f"costs.{one}.txt") for one in LANGUAGES}
NOW = at(4100)
JANUARY = calendar_month(NOW, UTC)

TRAINED = replace(PACED, training_totals=TrainingTotals(52, 52 * 58.0, 420, 0.41, 0.56))
TRAINS = running(progress=TRAINED, running_at=at(700))
BILLED = Bill(4.1, Rate(4.2, "SkyPilot's cost report"), at(4000))
OVER = ended(Reason.SUCCEEDED, progress=TRAINED, running_at=at(700), finished_at=at(3900))
FLAT = replace(TRAINED, training_totals=replace(TRAINED.training_totals, best_validation=0.41))
MUCH = [
    running(id=f"ppo-{n:04x}", requester=f"U{n:02}", recipe=f"ppo{n}", infra=f"k8s/{n}", rate=Rate(n + 1.0, "x"))
    for n in range(30)
]


def month(runs: list[Run]) -> MonthlyCosts:
    return compute_monthly_costs(runs, JANUARY, NOW)


def of_run(run: Run, earlier: RecipeBaseline | None = None) -> Callable[[], Answer]:
    return lambda: cost_views.build_run_costs(run, earlier, NOW)


UNKNOWN = [change_run(run, rate=None, bill=None) for run in BUSY[:2]]
COST_ANSWERS: dict[str, Callable[[], Answer]] = {
    "a run that waits": of_run(a_run()),
    "a run whose machines are on their way": of_run(launching()),
    "a run before its first step": of_run(running(running_at=at(700))),
    "a run that trains": of_run(TRAINS, RecipeBaseline(0.21, 5)),
    "a run that is over its budget": of_run(change_run(TRAINS, budget_dollars=4.0)),
    "a run with a bill": of_run(change_run(TRAINS, bill=BILLED), RecipeBaseline(0.5, 1)),
    "a run that gains nothing": of_run(change_run(TRAINS, progress=FLAT), RecipeBaseline(0.5, 12)),
    "a run that is over": of_run(OVER),
    "a run that is over, and its last bill": of_run(change_run(OVER, bill=replace(BILLED, is_closed=True))),
    "a run that tells no steps": of_run(change_run(OVER, progress=Progress())),
    "an unpriced run": of_run(change_run(TRAINS, rate=None)),
    "a run that SkyPilot prices at nothing": of_run(change_run(TRAINS, rate=None, bill=Bill(0.0, Rate(0.0, "x"), NOW))),
    "a run that was stopped before any machine": of_run(
        a_run(status=RunStatus.ENDED, reason=Reason.STOPPED, closed_at=at(9))
    ),
    "mine": lambda: cost_views.build_person_costs(
        month([run for run in BUSY if run.requester == "U0ANA"]), "Europe/Berlin"
    ),
    "mine, of which there are none": lambda: cost_views.build_person_costs(month([]), "UTC"),
    "mine, of which there are many": lambda: cost_views.build_person_costs(month(MUCH), "UTC"),
    "the team's": lambda: cost_views.build_channel_costs(month(BUSY), "UTC", "C0TRAIN"),
    "the team's, all unpriced": lambda: cost_views.build_channel_costs(month(UNKNOWN), "UTC", "C0TRAIN"),
    "everybody's": lambda: cost_views.build_workspace_costs(month(BUSY + UNKNOWN[1:]), "Asia/Shanghai"),
    "everybody's, of many": lambda: cost_views.build_workspace_costs(month(MUCH), "UTC"),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", COST_ANSWERS)
def test_every_answer_is_one_that_slack_takes(name: str, language: str) -> None:
    with use_language(language):
        answer = COST_ANSWERS[name]()
        check_message(answer["text"], answer["blocks"])


@pytest.mark.parametrize("language", FILES)
def test_answers_read_as_they_were_read_aloud(language: str) -> None:
    assert read_all(language) == FILES[language].read_text(), "read the difference aloud, then run `make golden`"


def write_all() -> None:
    for language, path in FILES.items():
        path.write_text(read_all(language))


def read_all(language: str) -> str:
    with use_language(language):
        said = {name: made() for name, made in COST_ANSWERS.items()}
    workspace, parts = seeded(), []
    for name, answer in said.items():
        shown = Shown("1.0", "C0TRAIN", workspace.bot, answer["text"], answer["blocks"])
        parts.append(f"━━ {name}\n\n" + "\n".join(written(workspace, shown)) + "\n")
    return "\n".join(parts)


UNPRICED = ("an unpriced run", "a run that SkyPilot prices at nothing", "the team's, all unpriced")


@pytest.mark.parametrize("name", UNPRICED)
def test_what_is_unpriced_is_said_to_be_and_never_to_cost_nothing(name: str) -> None:
    said = str(COST_ANSWERS[name]()["blocks"])
    assert "$" not in said
    assert "unknown" in said


def test_hostile_text_never_breaks_an_answer() -> None:
    hostile = "<!channel> `` ``` & " + "x" * 20_000
    runs = [change_run(run, recipe=hostile, infra=hostile, rate=Rate(4.0, hostile)) for run in BUSY]
    for answer in (
        cost_views.build_workspace_costs(month(runs), "UTC"),
        cost_views.build_run_costs(runs[0], RecipeBaseline(0.5, 2), NOW),
    ):
        check_message(answer["text"], answer["blocks"])
        # The cells of a table are plain text, in which nothing is live.
        assert "<!channel>" not in str([block for block in answer["blocks"] if not is_table(block)])


def test_idle_times_below_a_second_are_no_sentence_without_an_end() -> None:
    brief = replace(OVER, running_at=at(0.3), finished_at=at(0.6), closed_at=at(0.9))
    assert cost_views.describe_idle_time(brief, NOW) == ""
    assert "*Idle*" in cost_views.describe_idle_time(replace(brief, closed_at=at(9)), NOW)


@pytest.mark.parametrize(
    ("closed_at", "part"),
    [
        pytest.param(None, "2 min since it ended", id="its machines still bill"),
        pytest.param(at(3720), "2 min until its machines were gone", id="its machines are gone"),
    ],
)
def test_time_after_an_end_lasts_until_the_machines_are_gone(closed_at: datetime | None, part: str) -> None:
    run = change_run(
        running(finished_at=at(3600)), status=RunStatus.ENDED if closed_at else RunStatus.STOPPING, closed_at=closed_at
    )
    assert part in cost_views.describe_idle_time(run, at(3720))
