"""The main job as a person meets it: typed into a Slack, done by real processes, seen to its end."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.adapters.local.processes import find_marked_processes
from tests.examples import thorough
from tests.live import ENDLESS, QUICK, Live
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path)
    found.start()
    yield found
    found.stop()
    assert found.processes() == 0


def test_from_the_line_to_the_verified_end(live: Live) -> None:
    run_id = live.launch(f"nodes=2 volume=models {QUICK}")
    live.sees_card("step 12/12 · reward")
    live.sees_end("finished")
    read = live.ana.can_see("machines confirmed gone")  # the card says it after its end
    assert "rank 1 of 2 joined" not in read  # the log is shown only where it is wanted
    assert f"Model: step 12, in `volume models › {run_id}/global_step_12`." in read
    counted = live.notices()
    assert counted["card"] == counted["ended"] == 1
    assert max(counted[key] for key in ("launching", "running", "stopping")) == 1
    live.assert_nothing_left()
    assert (live.data_dir / "local" / "volumes" / "models" / run_id / "global_step_12" / "model.json").exists()


@pytest.mark.long
def test_a_failed_run_goes_on_from_its_checkpoint_as_if_nothing_had_been(live: Live) -> None:
    """The numbers of the steps after it are those of a run that was never interrupted, to the last digit."""
    settings = "smoke nodes=2 volume=models steps=40 seconds_per_step=0 save_every_steps=20"
    failed = live.launched(f"{settings} fail_at_step=30")
    live.sees_end("failed")
    read = live.ana.reads()
    assert "`RuntimeError: asked to fail at step 30 (fail_at_step=30)` · node 0" in read
    assert (
        f"Model: step 20, in `volume models › {failed}/global_step_20`. 9 steps (under $0.01) since then are lost."
        in read
    )
    live.ana.can_see("[Resume from checkpoint]")
    ts = live.card_message()["ts"]
    assert "(step 20 in the log)" in live.ana.clicks("resume", ts)["confirm"]["text"]["text"]
    live.ana.says(f"/verl resume {failed} fail_at_step=0")
    live.sees_end("finished")
    resumed = next(run for run in live.ended() if run != failed)
    whole = live.launched(settings)
    eventually(lambda: whole in live.ended(), live.log)
    assert [step for step, _ in rewards(live, resumed)] == list(range(21, 41))
    assert rewards(live, resumed) == rewards(live, whole)[20:]
    live.assert_nothing_left()


def rewards(live: Live, run_id: str) -> list[tuple[int, float]]:
    """What a run has kept of itself in its volume."""
    path = live.data_dir / "local" / "volumes" / "models" / run_id / "metrics.jsonl"
    found = map(json.loads, path.read_text().splitlines())
    return [(one["step"], one["data"]["critic/rewards/mean"]) for one in found]


@pytest.mark.parametrize(
    ("name", "why"),
    thorough(
        [("smoke-7777", "smoke-7777 left no checkpoint"), ("smoke-7777/global_step_3", "there is no checkpoint ")],
        usual=1,
    ),
)
@pytest.mark.long
def test_a_run_with_nothing_to_go_on_from_says_so(live: Live, name: str, why: str) -> None:
    live.launched(f"smoke volume=models resume_from={name}")
    live.sees_end("failed")
    assert why in live.ana.reads()


@pytest.mark.thorough
def test_two_nodes_are_two_processes_while_it_trains(live: Live) -> None:
    live.launch(f"nodes=2 {ENDLESS}")
    live.sees_card("step ")
    (place,) = live.places()
    ranks = sorted(process.environ()["SKYPILOT_NODE_RANK"] for process in find_marked_processes(place.marker))
    assert ranks == ["0", "1"]


def test_stopped_while_running_by_the_button_after_its_question(live: Live) -> None:
    live.launch(f"nodes=2 {ENDLESS}")
    live.sees_card("running · step ")
    ts = live.card_message()["ts"]
    question = live.ana.clicks("stop", ts)["confirm"]
    assert question["title"]["text"] == "Stop this run?"
    assert live.processes() == 2
    live.ana.clicks("stop", ts, confirmed=True)
    live.sees_end("stopped")
    live.assert_nothing_left()


@pytest.mark.long
def test_stopped_while_launching(live: Live) -> None:
    run_id = live.launch(f"nodes=2 {ENDLESS}")
    live.ana.says(f"/verl stop {run_id}")
    live.sees_end("stopped")
    live.assert_nothing_left()


@pytest.mark.long
def test_a_setup_that_fails(live: Live) -> None:
    live.launch("nodes=2 fail_setup=true")
    live.sees_end("failed during setup")
    read = live.ana.reads()
    assert "with exit code 7, and then on node" in read
    assert "setup was asked to fail (fail_setup=true)" in read
    live.assert_nothing_left()


@pytest.mark.long
def test_a_run_that_fails_at_step_3(live: Live) -> None:
    live.launch(f"nodes=2 fail_at_step=3 {QUICK}")
    live.sees_end("failed")
    read = live.ana.reads()
    assert "`RuntimeError: asked to fail at step 3 (fail_at_step=3)`" in read
    assert "RuntimeError: asked to fail at step 3" in read
    assert "step 2 of 12" in live.card()
    live.assert_nothing_left()


@pytest.mark.long
def test_processes_that_are_killed_from_outside(live: Live) -> None:
    live.launch(f"nodes=2 {ENDLESS} save_every_steps=100000")  # a half-written model would be asked about, for an hour
    live.sees_card("step ")
    (place,) = live.places()
    os.kill(find_marked_processes(place.marker)[0].pid, signal.SIGKILL)
    live.sees_end("failed")
    assert "exit code 137 (SIGKILL)" in live.ana.reads()
    live.assert_nothing_left()


@pytest.mark.thorough
def test_a_whole_cluster_that_is_killed_from_outside(live: Live) -> None:
    live.launch(f"nodes=2 {ENDLESS}")
    live.sees_card("step ")
    (place,) = live.places()
    state = place.read_state()
    assert state is not None
    assert state.supervisor is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    for process in find_marked_processes(place.marker):
        process.kill()
    live.sees_end("the driver process died")
    live.assert_nothing_left()


@pytest.fixture
def moody(live: Live) -> Live:
    """A Slack that answers 429 and 503, before the deed and after it."""
    live.slack.faults(
        {"method": "chat.*", "trouble": "limited", "times": None, "every": 3},
        {"method": "chat.*", "trouble": "broken_after", "times": None, "every": 4},
        {"method": "chat.*", "trouble": "broken", "times": None, "every": 5},
    )
    return live


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("settings", "end"),
    [
        pytest.param(QUICK, "finished", id="succeeds"),
        pytest.param("fail_at_step=3 seconds_per_step=0", "failed", id="fails at step 3"),
        pytest.param("fail_setup=true", "failed during setup", id="fails in its setup"),
        pytest.param(ENDLESS, "stopped", id="is stopped"),
    ],
)
def test_slack_answering_429_and_503_all_the_while(moody: Live, settings: str, end: str) -> None:
    run_id = moody.launch(f"nodes=2 {settings}")
    if end == "stopped":
        eventually(lambda: moody.processes() == 2)
        moody.ana.says(f"/verl stop {run_id}")
    moody.sees_end(end, seconds=120)
    eventually(lambda: moody.processes() == 0)
    moody.slack.faults()
    moody.assert_nothing_left()
    counted = moody.notices()
    assert {counted[key] for key in ("card", "ended")} == {1}
    assert max(counted[key] for key in ("launching", "running", "stopping")) <= 1


@pytest.mark.thorough
def test_the_first_card_is_there_within_seconds_and_no_command_waits_for_machines(live: Live) -> None:
    live.launch(f"nodes=2 {QUICK}")
    acknowledged = [entry["seconds"] for entry in live.slack.record("delivery")]
    assert acknowledged
    assert max(acknowledged) < 3


@pytest.mark.thorough
def test_two_runs_at_once_stay_apart(live: Live) -> None:
    for _ in range(2):
        live.ana.says(f"/verl launch smoke nodes=2 {QUICK}")
    eventually(lambda: live.notices()["ended"] == 2, live.log)
    assert live.ana.reads().count("finished*") >= 2
    live.assert_nothing_left()


@pytest.mark.long
def test_an_idle_cluster_goes_without_the_bot(tmp_path: Path) -> None:
    """The net below: nobody is there to remove it, and it removes itself."""
    live = Live(tmp_path, VERLBOT_LOCAL_MINUTE_SECONDS="0.1")
    live.start()
    live.launch("nodes=2 steps=30 seconds_per_step=0.05")
    live.sees_card("running")
    live.kill()
    eventually(lambda: live.processes() == 0 and not any(place.folder.exists() for place in live.places()))
    live.start()
    live.sees_end("stopped by autostop")
    live.stop()


@pytest.mark.long
def test_a_bot_that_is_told_to_stop_leaves_its_clusters_and_finds_them_again(live: Live) -> None:
    live.launch(f"nodes=2 {ENDLESS}")
    live.sees_card("step ")
    bot = live.bot
    assert bot is not None
    bot.terminate()
    assert bot.wait(20) == 0
    assert live.processes() == 2
    live.start()
    live.ana.says(f"/verl stop {live.run_id()}")
    live.sees_end("stopped")
    assert live.notices()["card"] == 1
    live.assert_nothing_left()
