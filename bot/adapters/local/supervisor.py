"""The process that is a local cluster: claims its name, sets up, runs the job, waits, and removes itself.

Run as `python -m bot.adapters.local.supervisor MARKER` with a SupervisorOrder as JSON on standard input. It detaches
from its parent, which ends once the name is claimed: with 0, or with NAME_IN_USE where it cannot be claimed.
"""

import math
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from bot.adapters.local.nodes import Node, Output, prefix, variables
from bot.adapters.local.places import Order, Place, State
from bot.adapters.local.processes import adopt_orphans, descendants, dismantle, myself
from bot.core.autostop import asked_minutes
from bot.core.seen import Cluster, Ending, Job
from bot.errors import Unavailable
from bot.language import listing, say, say_many, speak
from bot.process_guard import drop_capabilities, forbid_new_privileges, guard_process

KNOWN = 3
"""Exit code: a cluster of this name exists or has existed."""

STOP, HALT = -1, -2
"""Requests among the ranks of finished nodes: the removal of the cluster, or only the cancellation of the job."""

HALT_SIGNAL = signal.SIGUSR1

LOOK_SECONDS = 1.0
"""Seconds of one wait, after which it checks whether a signal has come, or whether autostop has changed."""

SETTLE_SECONDS = 0.3
"""Seconds after the first failure that is noticed, for an earlier one to be noticed too."""


class Supervisor:
    """One cluster's life, in the order in which it happens."""

    def __init__(self, order: Order, place: Place, state: State, task_id: str) -> None:
        self._order = order
        self._task = order.task
        self._place = place
        self._state = state
        self._task_id = task_id
        self._halted = False
        self._count = int(order.task.get("num_nodes") or 1)
        self._output = Output(place.log)
        self._ended: SimpleQueue[int] = SimpleQueue()  # a signal handler may call its `put`

    def live(self) -> None:
        """Run the cluster, from the claimed name to the removal."""
        signal.signal(signal.SIGTERM, lambda *_: self._ended.put(STOP))
        signal.signal(HALT_SIGNAL, lambda *_: self._ended.put(HALT))
        self._save(Job.SETTING_UP)
        ending = self._work() or self._idle()
        while True:
            try:
                dismantle(self._place, self._state, ending, self._order.grace_seconds, kin=descendants)
            except Unavailable:  # the cluster exists until its last process has ended, and is reported so
                continue
            return

    def _work(self) -> Ending | None:
        """Run the job to its end or to the removal of the cluster; return the ending in case of a removal."""
        for script, job, failed in (("setup", Job.SETTING_UP, Job.FAILED_SETUP), ("run", Job.RUNNING, Job.FAILED)):
            self._save(job)
            nodes = self._start(script)
            failures = self._wait(nodes, together=script == "run")
            if failures is None:
                return Ending.DOWNED
            if self._halted:
                self._save(Job.CANCELLED)
                return None
            if failures:
                self._fail(failed, script, nodes, failures)
                return None
        self._save(Job.SUCCEEDED)
        return None

    def _start(self, script: str) -> list[Node]:
        """Start one script of the task on every node; return no nodes where the task has no such script."""
        text = self._task.get(script)
        nodes = [self._node(rank, script, str(text)) for rank in range(self._count)] if text else []
        self._state.sessions += [node.session for node in nodes if node.session]
        self._place.write(self._state)
        return nodes

    def _node(self, rank: int, script: str, text: str) -> Node:
        """Start one script on one node."""
        account = self._order.account
        return Node(
            rank=rank,
            script=self._place.furnish(rank, script, text, account),
            prefix=prefix(script, rank, self._count, str(self._task.get("name") or "task")),
            home=self._place.home(rank),
            variables=variables(self._task, self._place, rank, self._count, self._task_id, account),
            output=self._output,
            ended=self._ended,
            account=account,
        )

    def _wait(self, nodes: list[Node], together: bool) -> list[int] | None:
        """Wait for all nodes; for `run`, end the others when one fails.

        Returns the ranks that failed by themselves, in the order in which they ended; None where the removal is
        requested.
        """
        left, failures, ending = len(nodes), list[int](), False
        while left:
            rank = self._next(SETTLE_SECONDS if failures and together and not ending else None)
            if rank == STOP:
                return None
            self._halted = self._halted or rank == HALT
            if rank is None or rank == HALT:
                ending = True
                for node in nodes:
                    node.end(self._order.grace_seconds)
                continue
            left -= 1
            if nodes[rank].code and not ending:
                failures.append(rank)
        return sorted(failures, key=lambda rank: nodes[rank].ended_at)

    def _next(self, timeout: float | None) -> int | None:
        """Return the rank of the next node that ends, or a request; None where nothing happens for so many seconds.

        The wait is divided into short ones: Python runs the handler of a signal that came just before a wait only after
        the wait.
        """
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            with suppress(Empty):
                return self._ended.get(timeout=min(max(until - time.monotonic(), 0), LOOK_SECONDS))
            if time.monotonic() >= until:
                return None

    def _fail(self, job: Job, script: str, nodes: list[Node], failures: list[int]) -> None:
        """Record why the job failed, in the log and in the state."""
        codes = [node.code for node in nodes]
        subject = "Job 1's setup" if script == "setup" else "Job 1"
        self._output.write(f"ERROR: {subject} failed with return code list: {codes}".encode())
        first, *others = failures
        self._state.error = failure_in_words(script, first, exit_in_words(codes[first] or 0), others)
        self._save(job)

    def _idle(self) -> Ending:
        """Wait after the job for the removal, or for autostop's minutes to pass (at least one); return the ending."""
        since = time.monotonic()
        while not self._idle_for_too_long(time.monotonic() - since):  # autostop may change meanwhile
            if self._next(min(self._order.minute_seconds, LOOK_SECONDS)) == STOP:
                return Ending.DOWNED
        return Ending.AUTODOWNED

    def _idle_for_too_long(self, seconds: float) -> bool:
        """Return whether the cluster has been idle for autostop's minutes."""
        minutes = self._place.autostop_minutes(self._state)
        return minutes is not None and seconds >= max(minutes, 1) * self._order.minute_seconds

    def _save(self, job: Job) -> None:
        """Write the state with the job in this state."""
        self._state.status = Cluster.UP
        self._state.job = job
        self._place.write(self._state)


def exit_in_words(code: int) -> str:
    """Return an exit code in words.

    >>> exit_in_words(3), exit_in_words(137)
    ('exit code 3', 'exit code 137 (SIGKILL)')
    """
    names = {number.value: number.name for number in signal.Signals}
    found = say("exit code {code}", code=code)
    return f"{found} ({names[code - 128]})" if code - 128 in names else found


def failure_in_words(script: str, first: int, code: str, others: list[int]) -> str:
    """Return a sentence about the nodes that failed.

    >>> failure_in_words("run", 0, "exit code 3", [])
    '`run` failed on node 0 with exit code 3.'
    >>> failure_in_words("run", 0, "exit code 3", [3, 1, 2])
    '`run` failed on node 0 with exit code 3, and then on nodes 1, 2, 3.'
    """
    if not others:
        return say("`{script}` failed on node {first} with {code}.", script=script, first=first, code=code)
    return say_many(
        "`{script}` failed on node {first} with {code}, and then on node {others}.",
        "`{script}` failed on node {first} with {code}, and then on nodes {others}.",
        len(others),
        script=script,
        first=first,
        code=code,
        others=listing(map(str, sorted(others))),
    )


def main() -> int:
    """Read the order, fork, and run the cluster in the child; return the parent's exit code."""
    guard_process()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    speak(order.language)
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        return 0 if os.read(reader, 1) else KNOWN
    os.close(reader)
    os.setsid()
    adopt_orphans()
    forbid_new_privileges()
    if os.geteuid() == 0 and order.account is None:
        drop_capabilities()
    place = Place(Path(order.root), order.cluster)
    state = State(cluster=order.cluster, supervisor=myself(), autostop_minutes=asked_minutes(order.task))
    if place.claim(state):
        os.write(writer, b"1")
        detach(writer)
        started = datetime.now(UTC).strftime("sky-%Y-%m-%d-%H-%M-%S-%f")
        Supervisor(order, place, state, f"{started}_{order.cluster}_1").live()
    return 0


def detach(*descriptors: int) -> None:
    """Close the descriptors that the parent waits on, and the standard input."""
    for descriptor in (*descriptors, 0):
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
