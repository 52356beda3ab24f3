"""A bot in a process of its own and real training: what it saves is on the bot's machine when its own is gone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import QUICK, Live

pytestmark = pytest.mark.slow


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path, VERLBOT_SAVE_GRACE_MINUTES="0.2")
    yield found
    found.stop()


def step_in(live: Live, run_id: str) -> int:
    """The step of the model that was fetched, as the model itself says."""
    (model,) = (live.data_dir / "artifacts" / run_id).glob("global_step_*/model.json")
    return int(json.loads(model.read_text())["step"])


def test_a_model_outlives_its_machines(live: Live) -> None:
    live.start()
    run_id = live.launch(f"nodes=2 {QUICK}")
    live.sees_end("finished")
    assert step_in(live, run_id) == 12
    live.ana.can_see("Model: step 12")
    live.assert_nothing_left()


@pytest.mark.thorough
def test_a_program_that_saves_nothing_by_itself_saves_before_its_budget_ends_it(live: Live) -> None:
    """At two dollars an hour it is told that its end is half a minute ahead."""
    live.start()
    run_id = live.launch("steps=100000 seconds_per_step=0.5 save_every_steps=100000 budget=0.015")
    live.sees_end("budget", seconds=90)
    assert step_in(live, run_id) > 1
    live.assert_nothing_left()


@pytest.mark.thorough
def test_a_bot_that_is_killed_while_it_fetches_goes_on_when_it_is_back(live: Live) -> None:
    live.start()
    run_id = live.launch(f"nodes=2 {QUICK}")
    live.ana.can_see(" succeeded.")
    live.kill()
    live.start()
    live.sees_end("finished")
    assert step_in(live, run_id) == 12
    live.assert_nothing_left()


@pytest.mark.thorough
def test_a_bot_that_is_stopped_while_it_fetches_calls_that_no_failure_and_goes_on_when_it_is_back(live: Live) -> None:
    live.start()
    run_id = live.launch(f"nodes=2 {QUICK}")
    live.ana.can_see(" succeeded.")
    assert live.bot is not None
    live.bot.terminate()
    assert live.bot.wait(20) == 0, live.log()
    live.start()
    live.sees_end("finished")
    assert step_in(live, run_id) == 12
    assert "failed on my side" not in live.ana.reads()
    live.assert_nothing_left()
