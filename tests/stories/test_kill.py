"""kill -9 of a real bot, at every point that matters; then a restart: one launch, one card, one end, nothing left."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.live import ENDLESS, QUICK, Live
from tests.waiting import eventually

pytestmark = pytest.mark.slow
THOROUGH = pytest.mark.thorough

POINTS = [
    pytest.param("after RedisStore.add 1", id="after the wish, before its acknowledgement"),
    pytest.param("before WebClient.chat_postMessage 1", marks=THOROUGH, id="before the card"),
    pytest.param("after WebClient.chat_postMessage 1", marks=THOROUGH, id="between the card and its record"),
    pytest.param("before LocalCloud.launch 1", marks=THOROUGH, id="recorded that it is asked for, and not asked"),
    pytest.param("after LocalCloud.launch 1", id="launched, and not recorded"),
    pytest.param("after WebClient.chat_postMessage 2", id="between a notice and its record"),
    pytest.param("after LocalCloud.tail_log 1", marks=THOROUGH, id="while running"),
    pytest.param("after RedisStore.save_log 1", marks=THOROUGH, id="while its log is kept"),
    pytest.param("before LocalCloud.tear_down 1", marks=THOROUGH, id="before the teardown"),
    pytest.param("after LocalCloud.tear_down 1", marks=THOROUGH, id="during the teardown"),
]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path, program=("-m", "tests.killed"))
    yield found
    found.stop()
    assert found.processes() == 0


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.long
def test_a_run_survives_the_kill_of_its_bot(live: Live, point: str) -> None:
    live.start(KILL_AT=point)
    live.ana.says(f"/verl launch smoke nodes=2 {QUICK}")
    live.wait_killed()
    live.start()
    live.sees_end("finished")
    assert_once(live)


@THOROUGH
@pytest.mark.parametrize(
    "point",
    [
        pytest.param("before LocalCloud.tear_down 1", id="before the teardown"),
        pytest.param("after LocalCloud.tear_down 1", id="during the teardown"),
        pytest.param("after RedisStore.archive 1", id="after the last word"),
    ],
)
def test_a_stop_survives_the_kill_of_its_bot(live: Live, point: str) -> None:
    live.start(KILL_AT=point)
    run_id = live.launch(f"nodes=2 {ENDLESS}")
    live.sees_card("running")
    live.ana.says(f"/verl stop {run_id}")
    live.wait_killed()
    live.start()
    live.sees_end("stopped")
    assert_once(live)


@THOROUGH
def test_a_kill_between_the_last_notice_and_its_record(live: Live) -> None:
    """The post that holds the end: the third or fourth, as quick as the run was."""
    live.start()
    live.launch(f"nodes=2 {ENDLESS}")
    live.sees_card("step ")
    eventually(lambda: live.notices()["running"])
    live.kill()
    live.start(KILL_AT="after WebClient.chat_postMessage 2")
    live.ana.says(f"/verl stop {live.run_id()}")
    live.wait_killed()
    live.start()
    live.sees_end("stopped")
    assert_once(live)


@THOROUGH
def test_a_kill_from_outside_at_any_moment_while_it_trains(live: Live) -> None:
    live.start()
    live.launch(f"nodes=2 {ENDLESS}")
    for step in (10, 30):
        live.sees_card("step ")
        live.kill()
        assert live.processes() == 2
        live.start()
        eventually(lambda step=step: steps_seen(live) >= step)  # type: ignore[misc]
    live.ana.says(f"/verl stop {live.run_id()}")
    live.sees_end("stopped")
    assert_once(live)


@pytest.mark.long
def test_the_store_and_the_bot_killed_together_lose_no_run(live: Live) -> None:
    """What a power cut does to both; the machines of the run go on."""
    live.start()
    live.launch(f"nodes=2 {ENDLESS}")
    live.sees_card("step ")
    live.kill()
    live.kill_store()
    live.start()
    assert live.notices()["card"] == 1
    live.ana.says(f"/verl stop {live.run_id()}")
    live.sees_end("stopped")
    assert_once(live)


def steps_seen(live: Live) -> int:
    text = live.card()
    return int(text.split("step ")[1].split("/")[0]) if "step " in text else 0


def assert_once(live: Live) -> None:
    """One launch, one card, one end, nothing left."""
    eventually(lambda: not live.processes())
    counted = live.notices()
    assert counted["card"] == 1, live.ana.reads()
    assert counted["ended"] == 1, live.ana.reads()
    assert max(counted[key] for key in ("launching", "running", "stopping")) <= 1, live.ana.reads()
    assert len(live.places()) == 1
    live.assert_nothing_left()


@THOROUGH
def test_a_board_survives_the_kill_of_its_bot_between_its_post_and_its_record(live: Live) -> None:
    """By the clock of this machine: the board is due within two minutes."""
    live.start(KILL_AT="after WebClient.chat_postMessage 1")
    due = datetime.now(UTC) + timedelta(seconds=70)
    live.ana.says(f"/verl report daily {due:%H:%M} tz=UTC")
    live.ana.can_see("`report-1` · *every day at")
    live.wait_killed(90)
    live.start()
    board = live.ana.sees_message(lambda message: "occasion" in payload(message) and message["edited"])
    live.ana.says("/verl report")
    live.ana.can_see("turns it off, ")
    told = [message["ts"] for message in live.ana.messages() if "occasion" in payload(message)]
    assert told == [board["ts"]]
    assert 0 <= float(board["ts"]) - due.replace(second=0, microsecond=0).timestamp() < 10


def payload(message: dict[str, Any]) -> dict[str, Any]:
    return (message["metadata"] or {}).get("event_payload") or {}
