"""The supervisor of a local cluster: it names the node that ended first, and hears every signal."""

from pathlib import Path
from queue import Empty
from types import SimpleNamespace
from typing import Any, cast

from bot.adapters.local.local_nodes import Node
from bot.adapters.local.state_files import ClusterDirectory, LocalClusterState, SupervisorOrder
from bot.adapters.local.supervisor import POLL_SECONDS, REMOVAL_REQUEST, Supervisor

NAME = "verl-x"


def test_of_nodes_that_fail_together_the_one_that_ended_first_is_named(tmp_path: Path) -> None:
    """Their ends are noticed in another order than they came in."""
    place = ClusterDirectory(tmp_path, NAME)
    place.folder.mkdir(parents=True)
    supervisor = Supervisor(
        SupervisorOrder(str(tmp_path), NAME, {"num_nodes": 3}), place, LocalClusterState(cluster=NAME), "task"
    )
    nodes = [SimpleNamespace(exit_code=1, ended_at=at, end=lambda _: None) for at in (3.0, 1.0, 2.0)]
    for rank in range(3):
        supervisor._events.put(rank)
    assert supervisor._wait_for_nodes(cast(list[Node], nodes), ends_together=True) == [1, 2, 0]
    supervisor._output._file.close()


class Unlucky:
    """A queue to which a signal comes just before the first wait, whose handler runs once that is over."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def get(self, timeout: float) -> int:
        self.waits.append(timeout)
        if len(self.waits) == 1:
            raise Empty
        return REMOVAL_REQUEST


def test_a_signal_that_comes_just_before_a_wait_is_heard_within_a_look(tmp_path: Path) -> None:
    place = ClusterDirectory(tmp_path, NAME)
    place.folder.mkdir(parents=True)
    supervisor = Supervisor(SupervisorOrder(str(tmp_path), NAME, {}), place, LocalClusterState(cluster=NAME), "task")
    supervisor._output._file.close()
    queue = supervisor._events = cast(Any, Unlucky())
    assert supervisor._wait_for_event(None) == REMOVAL_REQUEST
    assert queue.waits[0] <= POLL_SECONDS
