"""Of many logs, each is read in its turn, and one that cannot be read costs its own run one look."""

from datetime import timedelta

from bot.app.log_tailer import LogTailer
from bot.core.model.launch_plan import ClusterRef
from bot.errors import Unavailable
from tests.builders import at, running
from tests.doubles.cloud import FakeCloud

RUNS = [running(id=name) for name in ("a", "b", "c")]


class OneBroken(FakeCloud):
    """Each log names its cluster; one cannot be read."""

    def tail_log(self, watched: ClusterRef, lines: int) -> str:
        if watched.cluster == "verl-b":
            raise Unavailable("The cluster does not answer.")
        return f"{watched.cluster}\n"


def test_logs_are_read_in_turn_and_not_too_often() -> None:
    tailer = LogTailer(
        OneBroken(), lines=(2, 8), period=timedelta(seconds=30), reads_per_tick=2, patience_seconds=5, threads=1
    )
    assert tailer.collect(RUNS, at(0)) == {"a": "verl-a\n"}
    assert tailer.collect(RUNS, at(1)) == {"c": "verl-c\n"}
    assert tailer.collect(RUNS, at(2)) == {}
    assert tailer.collect(RUNS, at(29), busy=["a"]) == {}
    tailer.stop()
