"""Files of runs on SkyPilot's clusters: a small program reads them there, and only what it picks comes back.

The text of the program is the bot's own. Its request is JSON and one quoted word of the shell, so that no path and no
word of a person is ever evaluated.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from inspect import getsource
from threading import Event
from typing import Any

from bot.adapters import node_reader
from bot.adapters.node_requests import NodeReading, Request
from bot.adapters.sky.remote_output import SSH_FAILED, Program
from bot.adapters.sky.sky_checkpoints import LOGIN_OUTPUT_BYTES, SSH_COMMAND
from bot.core.model.rollout import MAX_SAMPLE_BYTES, RunFolder
from bot.errors import Unavailable
from bot.phrase import Phrase

READ_SECONDS = 30
"""Deadline for one node: a login takes some seconds, and the search of a file two."""

MAX_SEARCHED_NODES = 4
"""Maximum nodes that are asked for one file, the head first: verl writes on the head, or on the node of its trainer."""

ANSWER_BYTES = MAX_SAMPLE_BYTES + 16_384
"""Maximum bytes of an answer: the samples, and the steps that have a file."""


@dataclass(frozen=True)
class RemoteRunFolder:
    """A run's folder on the nodes of a cluster.

    Attributes:
        find_ssh_config: returns the SSH configuration for the cluster's nodes.
        environment: all variables that SSH sees; ssh: the program with its options; stopping: whether the bot stops.
    """

    cluster: str
    folder: RunFolder
    find_ssh_config: Callable[[str], str]
    environment: Mapping[str, str]
    ssh: Sequence[str] = SSH_COMMAND
    stopping: Event = field(default_factory=Event)

    def list_readings(self) -> Iterator[NodeReading]:
        """Yield a reading for each node that may have the folder, the head first."""
        count = 1 if self.folder.store else min(self.folder.location.nodes, MAX_SEARCHED_NODES)
        for rank in range(count):
            yield partial(self.read_node, f"{self.cluster}-worker{rank}" if rank else self.cluster)

    def read_node(self, node: str, request: Request) -> Mapping[str, Any]:
        """Return the answer of one node's reader.

        Raises:
            Unavailable: the node cannot be reached, has no Python, or answers too late or too much.
        """
        words = ["python3", "-c", READER_SOURCE, json.dumps({**request, "path": self.folder.location.path})]
        command = [*self.ssh, "-F", self.ssh_config, node, shlex.join(words)]
        limit = ANSWER_BYTES + LOGIN_OUTPUT_BYTES
        output = Program(command, self.environment, self.stopping, READ_SECONDS, limit).run()
        if output.exit_code:
            raise Unavailable(Phrase(SSH_FAILED, why=output.reason or f"ssh: {output.exit_code}"))
        return parse_answer(output.stdout.decode(errors="replace"))

    @cached_property
    def ssh_config(self) -> str:
        """Return the path of the SSH configuration, which is looked up at the first use."""
        return self.find_ssh_config(self.cluster)


READER_SOURCE = getsource(node_reader)


def parse_answer(text: str) -> Mapping[str, Any]:
    r"""Return the document between the marks; a login may print more around it.

    >>> parse_answer('Welcome!\nverlbot-begin\n{"step": 4}\nverlbot-end\n')
    {'step': 4}

    Raises:
        Unavailable: there is none.
    """
    inside = text.partition(f"{node_reader.BEGIN_MARK}\n")[2].partition(f"\n{node_reader.END_MARK}")[0]
    try:
        answer = json.loads(inside)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Unavailable(Phrase(SSH_FAILED, why="python3"))
    return answer
