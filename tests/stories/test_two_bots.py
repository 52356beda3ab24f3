"""Two bots on one database: one acts, both answer, and either goes on without the other."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.live import QUICK
from tests.pair import Pair, both_started
from tests.waiting import SECONDS, eventually

pytestmark = [pytest.mark.slow, pytest.mark.long]


def a_pair(folder: Path, lease_seconds: int) -> AbstractContextManager[Pair]:
    return both_started(Pair(folder, VERLBOT_LEADER_LEASE_SECONDS=str(lease_seconds)))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with a_pair(tmp_path, lease_seconds=2) as found:
        yield found


def launch(pair: Pair) -> None:
    """Launch a run, and wait until its card is there."""
    before = pair.cards()
    pair.ana.says(f"/verl launch smoke {QUICK}")
    eventually(lambda: pair.cards() == before + 1, lambda: f"{pair.ana.reads()}\n{pair.log()}", SECONDS)


def test_whoever_gets_a_command_answers_it_and_one_of_both_acts(pair: Pair) -> None:
    for _ in range(4):
        pair.ana.says("/verl list")
    eventually(lambda: pair.ana.reads().count("No run is active") == 4, pair.log)
    launch(pair)
    assert "this bot leads now" not in pair.log()  # which is what one says that takes over


def test_when_the_leader_is_killed_the_other_acts(pair: Pair) -> None:
    killed = pair.kill_leader()
    launch(pair)
    assert pair.leader() != killed
    pair.start(killed)
    launch(pair)
    assert pair.leader() != killed


def test_a_leader_that_is_stopped_hands_over_before_its_lease_ends(tmp_path: Path) -> None:
    with a_pair(tmp_path, lease_seconds=60) as pair:
        stopped = pair.stop_leader()
        eventually(pair.leader, pair.log, 30)  # the other asks four times in a lease
        launch(pair)
        assert pair.leader() != stopped
