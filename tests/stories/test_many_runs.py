"""Views of many runs: what one of them holds may cost its own line, and no other's."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.cost_service import CostService
from bot.app.report_service import ReportService
from bot.core.model.history import MetricsHistory
from bot.core.model.progress import Progress, StepTime, TrainingTotals
from bot.core.model.run import Run
from bot.core.rules.chart_data import RunHistory
from bot.core.rules.setting_differences import find_differences
from bot.slack.views import answers, cost_views
from bot.slack.views.chart_views import build_comparison_answer
from bot.slack.views.home_view import HomeRuns, build_home_blocks
from bot.slack.views.report_views import render_report_answer
from tests.builders import NOON, a_run, at, change_run, running
from tests.story import ANA, TRAINING, Bot, read

PROGRESS = Progress(
    40,
    100,
    stepped_at=at(2400).timestamp(),
    step_times=(StepTime(60.0),) * 10,
    training_totals=TrainingTotals(steps=40, seconds=2400.0, last_step=40),
)
IMPOSSIBLE = replace(PROGRESS, stepped_at=1e300)
"""As a hand in the store may leave it: no date, so that neither its end nor its idle time can be reckoned."""

FINE = [running(id=f"ppo-00a{number}", progress=PROGRESS) for number in range(3)]
SPOILT = running(id="ppo-bad1", progress=IMPOSSIBLE)
CANNOT = "I cannot show `ppo-bad1`: my own log says why."

NOW = at(3600)


def a_board(runs: Sequence[Run], store: RedisStore) -> Any:
    reports = ReportService(kept(runs, store), lambda: NOW, lambda: None)
    return render_report_answer(
        *reports.build_digest_now("U0ANA", "C0TRAIN", everywhere=True, show=lambda run: run), NOW
    )


def a_month(runs: Sequence[Run], store: RedisStore) -> Any:
    costs = CostService(kept(runs, store), lambda: NOW)
    return cost_views.build_workspace_costs(costs.report_month(lambda _: True, "workspace"), costs.zone)


def own_month(runs: Sequence[Run], store: RedisStore) -> Any:
    costs = CostService(kept(runs, store), lambda: NOW)
    return cost_views.build_person_costs(
        costs.report_month(lambda run: run.requester == "U0ANA", "person:U0ANA"), costs.zone
    )


def kept(runs: Sequence[Run], store: RedisStore) -> RedisStore:
    for run in runs:
        store.add(run, {})
    return store


def a_comparison(runs: Sequence[Run], store: RedisStore) -> Any:
    a, b = (RunHistory(run, MetricsHistory()) for run in (runs[0], change_run(runs[-1], rate=None, bill="none")))
    return build_comparison_answer(a, b, None, NOW, find_differences(a.run, b.run))


VIEWS: dict[str, Callable[[Sequence[Run], RedisStore], Any]] = {
    "list": lambda runs, store: answers.render_runs(runs, "active", NOW),
    "own page": lambda runs, store: {"blocks": build_home_blocks(HomeRuns(runs, [], runs), NOW)},
    "the team's part of the page": lambda runs, store: {"blocks": build_home_blocks(HomeRuns([], runs, []), NOW)},
    "board": a_board,
    "cost month": a_month,
    "cost mine": own_month,
    "compare": a_comparison,
}


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("view", VIEWS)
def test_a_run_that_cannot_be_shown_has_a_line_and_the_others_are_shown(
    store: RedisStore, view: str, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [*FINE[:place], SPOILT, *FINE[place:]] if view != "compare" else [*FINE[:1], SPOILT]
    for _ in range(3):
        text = read(VIEWS[view](runs, store))
        assert (f"{SPOILT.id}\ncannot be shown: my own log says why" if view == "list" else CANNOT) in text
        assert all(run.id in text for run in FINE) or view in ("cost month", "compare")
        assert "3 runs" in text or view != "cost month"
        assert FINE[0].id in text or view == "cost month"
    whats = [record.message for record in caplog.records if record.exc_info]
    assert whats
    assert len(whats) == len(set(whats))


COMMANDS = [
    "list",
    "list all",
    "list mine",
    "status",
    "report now",
    "report now runs=all",
    "cost",
    "cost month",
    "cost team",
]


@pytest.mark.parametrize("spoilt", [SPOILT, replace(SPOILT, requester="U0BEN")], ids=["one's own", "another's"])
def test_every_question_about_many_runs_is_answered(bot: Bot, spoilt: Run) -> None:
    for run in (*FINE, spoilt):
        bot.store.add(replace(run, requester=ANA if run in FINE else spoilt.requester, channel=TRAINING), {})
    bot.moment = NOW
    for command in COMMANDS:
        said = bot.say(command) or bot.told()
        assert "went wrong on my side" not in said, command
        assert ("$" if command.startswith("cost") else "ppo-00a") in said, command
    assert "`ppo-00a1`" in bot.opens_page()
    bot.say("report every 1h tz=UTC")
    bot.tick(3700)
    bot.ticks(3, seconds=10)  # the channel gets a message a second: the cards first
    board = bot.reads().split("verlbot: :clipboard: *Runs of #training* since 13:00 UTC")[1]
    assert CANNOT in board
    assert re.search(r"ppo-00a0[^|\n]*\| :large_blue_circle: running", board), board


ABSURD = [
    [
        "Total training steps: 999999999",
        *(f"step:{n} - critic/rewards/mean:0.5 - timing_s/step:1e300" for n in (1, 2, 3)),
    ],
    [
        "Total training steps: 999999999",
        *(f"step:{n} - critic/rewards/mean:0.5 - timing_s/step:260" for n in (1, 2, 3)),
    ],
    [
        "Total training steps: 999999999",
        *(f"step:{n} - critic/rewards/mean:0.5 - timing/a:1e308 - timing/b:1e308" for n in (1, 2)),
    ],
    [
        "step:1 - critic/rewards/mean:0.5",
        *(f"Training Progress: 1%|x| {n}/999999999 [0:01<0:02, 999999999.99s/it]" for n in (1, 2)),
    ],
]


@pytest.mark.long
@pytest.mark.parametrize("lines", ABSURD, ids=["a step without end", "an honest one", "infinite parts", "a bar"])
def test_numbers_that_are_finite_and_absurd_cost_a_run_its_end_and_nothing_else(bot: Bot, lines: list[str]) -> None:
    absurd = bot.running("launch smoke nodes=1 lease=8 budget=50")
    bot.cloud.print(f"verl-{absurd}", *(f"(pid=7) {line}" for line in lines))
    bot.ticks(3, seconds=40)
    bot.store.add(replace(FINE[0], channel=TRAINING, requester=ANA), {})
    for command in [*COMMANDS, f"status {absurd}", f"cost {absurd}", f"plot {absurd}", "list"]:
        said = bot.say(command) or bot.told()
        assert "went wrong on my side" not in said, command
        assert "cannot show" not in said, command
        assert "cannot be shown" not in said, command
    assert ("more than a year left" in bot.card(absurd)) is ("Progress" not in lines[-1])
    assert absurd in bot.opens_page()
    bot.say("report every 1h tz=UTC")
    for _ in range(4):
        bot.tick(3600)
    assert "cannot show" not in bot.reads()
    bot.ticks(3, seconds=4 * 3600)
    bot.ticks(6, seconds=20)
    assert bot.run(absurd).status == "ended"  # by its lease or its budget, as any other


def test_a_run_that_waits_is_a_view_too() -> None:
    assert "ppo-7f3a" in read(answers.render_runs([a_run(created_at=NOON - timedelta(days=1))], "active", NOW))
