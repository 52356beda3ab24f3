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

from bot.adapters.local.local_nodes import JobLog, Node, build_node_environment, log_prefix
from bot.adapters.local.processes import adopt_orphans, current_process, find_descendants, tear_down_cluster
from bot.adapters.local.state_files import ClusterDirectory, LocalClusterState, SupervisorOrder
from bot.core.model.cluster import ClusterState, Ending, JobState, read_idle_minutes
from bot.errors import Unavailable
from bot.phrase import Phrase, Text, join_list, plural_phrase
from bot.runtime.process_guard import drop_capabilities, forbid_new_privileges, guard_process

NAME_IN_USE = 3
"""Exit code: a cluster of this name exists or has existed."""

REMOVAL_REQUEST, CANCEL_REQUEST = -1, -2
"""Requests among the ranks of finished nodes: the removal of the cluster, or only the cancellation of the job."""

CANCEL_SIGNAL = signal.SIGUSR1

POLL_SECONDS = 1.0
"""Seconds of one wait, after which it checks whether a signal has come, or whether autostop has changed."""

EARLIER_FAILURE_SECONDS = 0.3
"""Seconds after the first failure that is noticed, for an earlier one to be noticed too."""


class Supervisor:
    """One cluster's life, in the order in which it happens."""

    def __init__(
        self, order: SupervisorOrder, directory: ClusterDirectory, state: LocalClusterState, task_id: str
    ) -> None:
        self._order = order
        self._task = order.task
        self._directory = directory
        self._state = state
        self._task_id = task_id
        self._is_job_cancelled = False
        self._count = int(order.task.get("num_nodes") or 1)
        self._output = JobLog(directory.log)
        self._events: SimpleQueue[int] = SimpleQueue()  # a signal handler may call its `put`

    def run(self) -> None:
        """Run the cluster, from the claimed name to the removal."""
        signal.signal(signal.SIGTERM, lambda *_: self._events.put(REMOVAL_REQUEST))
        signal.signal(CANCEL_SIGNAL, lambda *_: self._events.put(CANCEL_REQUEST))
        self._save_job_state(JobState.SETTING_UP)
        ending = self._run_job() or self._wait_while_idle()
        while True:
            try:
                tear_down_cluster(
                    self._directory, self._state, ending, self._order.grace_seconds, find_others=find_descendants
                )
            except Unavailable:  # the cluster exists until its last process has ended, and is reported so
                continue
            return

    def _run_job(self) -> Ending | None:
        """Run the job to its end or to the removal of the cluster; return the ending in case of a removal."""
        for script, job, failed in (
            ("setup", JobState.SETTING_UP, JobState.FAILED_SETUP),
            ("run", JobState.RUNNING, JobState.FAILED),
        ):
            self._save_job_state(job)
            nodes = self._start_script(script)
            failures = self._wait_for_nodes(nodes, ends_together=script == "run")
            if failures is None:
                return Ending.DOWNED
            if self._is_job_cancelled:
                self._save_job_state(JobState.CANCELLED)
                return None
            if failures:
                self._record_failure(failed, script, nodes, failures)
                return None
        self._save_job_state(JobState.SUCCEEDED)
        return None

    def _start_script(self, script: str) -> list[Node]:
        """Start one script of the task on every node; return no nodes where the task has no such script."""
        text = self._task.get(script)
        nodes = [self._start_node(rank, script, str(text)) for rank in range(self._count)] if text else []
        self._state.sessions += [node.session for node in nodes if node.session]
        self._directory.write_state(self._state)
        return nodes

    def _start_node(self, rank: int, script: str, text: str) -> Node:
        """Start one script on one node."""
        account = self._order.account
        return Node(
            rank=rank,
            script=self._directory.prepare_node(rank, script, text, account),
            prefix=log_prefix(script, rank, self._count, str(self._task.get("name") or "task")),
            home=self._directory.node_home(rank),
            environment=build_node_environment(self._task, self._directory, rank, self._count, self._task_id, account),
            output=self._output,
            finished_ranks=self._events,
            account=account,
        )

    def _wait_for_nodes(self, nodes: list[Node], ends_together: bool) -> list[int] | None:
        """Wait for all nodes; for `run`, end the others when one fails.

        Returns the ranks that failed by themselves, in the order in which they ended; None where the removal is
        requested.
        """
        remaining, failures, is_ending = len(nodes), list[int](), False
        while remaining:
            rank = self._wait_for_event(
                EARLIER_FAILURE_SECONDS if failures and ends_together and not is_ending else None
            )
            if rank == REMOVAL_REQUEST:
                return None
            self._is_job_cancelled = self._is_job_cancelled or rank == CANCEL_REQUEST
            if rank is None or rank == CANCEL_REQUEST:
                is_ending = True
                for node in nodes:
                    node.end(self._order.grace_seconds)
                continue
            remaining -= 1
            if nodes[rank].exit_code and not is_ending:
                failures.append(rank)
        return sorted(failures, key=lambda rank: nodes[rank].ended_at)

    def _wait_for_event(self, timeout: float | None) -> int | None:
        """Return the rank of the next node that ends, or a request; None where nothing happens for so many seconds.

        The wait is divided into short ones: Python runs the handler of a signal that came just before a wait only after
        the wait.
        """
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            with suppress(Empty):
                return self._events.get(timeout=min(max(until - time.monotonic(), 0), POLL_SECONDS))
            if time.monotonic() >= until:
                return None

    def _record_failure(self, job: JobState, script: str, nodes: list[Node], failures: list[int]) -> None:
        """Record why the job failed, in the log and in the state."""
        codes = [node.exit_code for node in nodes]
        subject = "Job 1's setup" if script == "setup" else "Job 1"
        self._output.write(f"ERROR: {subject} failed with return code list: {codes}".encode())
        first, *others = failures
        self._state.error = describe_failure(script, first, describe_exit(codes[first] or 0), others)
        self._save_job_state(job)

    def _wait_while_idle(self) -> Ending:
        """Wait after the job for the removal, or for autostop's minutes to pass (at least one); return the ending."""
        since = time.monotonic()
        while not self._is_autostop_due(time.monotonic() - since):  # autostop may change meanwhile
            if self._wait_for_event(min(self._order.minute_seconds, POLL_SECONDS)) == REMOVAL_REQUEST:
                return Ending.DOWNED
        return Ending.AUTODOWNED

    def _is_autostop_due(self, seconds: float) -> bool:
        """Return whether the cluster has been idle for autostop's minutes."""
        minutes = self._directory.find_autostop_minutes(self._state)
        return minutes is not None and seconds >= max(minutes, 1) * self._order.minute_seconds

    def _save_job_state(self, job: JobState) -> None:
        """Write the state with the job in this state."""
        self._state.status = ClusterState.UP
        self._state.job = job
        self._directory.write_state(self._state)


def describe_exit(code: int) -> Text:
    """Return an exit code in words.

    >>> str(describe_exit(3)), str(describe_exit(137))
    ('exit code 3', 'exit code 137 (SIGKILL)')
    """
    names = {number.value: number.name for number in signal.Signals}
    if code - 128 in names:
        return Phrase("exit code {code} ({signal})", code=code, signal=names[code - 128])
    return Phrase("exit code {code}", code=code)


def describe_failure(script: str, first: int, code: Text, others: list[int]) -> Text:
    """Return a sentence about the nodes that failed.

    >>> str(describe_failure("run", 0, "exit code 3", []))
    '`run` failed on node 0 with exit code 3.'
    >>> str(describe_failure("run", 0, "exit code 3", [3, 1, 2]))
    '`run` failed on node 0 with exit code 3, and then on nodes 1, 2, 3.'
    """
    if not others:
        return Phrase("`{script}` failed on node {first} with {code}.", script=script, first=first, code=code)
    return plural_phrase(
        "`{script}` failed on node {first} with {code}, and then on node {others}.",
        "`{script}` failed on node {first} with {code}, and then on nodes {others}.",
        len(others),
        script=script,
        first=first,
        code=code,
        others=join_list(map(str, sorted(others))),
    )


def main() -> int:
    """Read the order, fork, and run the cluster in the child; return the parent's exit code."""
    guard_process()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=SupervisorOrder)
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        return 0 if os.read(reader, 1) else NAME_IN_USE
    os.close(reader)
    os.setsid()
    adopt_orphans()
    forbid_new_privileges()
    if os.geteuid() == 0 and order.account is None:
        drop_capabilities()
    directory = ClusterDirectory(Path(order.root), order.cluster)
    state = LocalClusterState(
        cluster=order.cluster,
        supervisor=current_process(),
        autostop_minutes=read_idle_minutes(order.task),
        tags=order.tags,
        launched_at=time.time(),
    )
    if directory.claim(state):
        os.write(writer, b"1")
        close_descriptors(writer)
        start_time = datetime.now(UTC).strftime("sky-%Y-%m-%d-%H-%M-%S-%f")
        Supervisor(order, directory, state, f"{start_time}_{order.cluster}_1").run()
    return 0


def close_descriptors(*descriptors: int) -> None:
    """Close the descriptors that the parent waits on, and the standard input."""
    for descriptor in (*descriptors, 0):
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
