"""Checkpoints of SkyPilot's clusters: listed by SSH and copied by rsync, which resumes an interrupted copy.

No text of a log or of a person reaches a shell, except paths that the core has validated, and those are quoted.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from bot.adapters.disk_room import Allowance
from bot.adapters.sky.remote import FAILED, Program
from bot.core.checkpoint import PARTIAL, TOO_MANY, Listing, collect_listing
from bot.core.keeping import NEWEST, Parcel, Shelf
from bot.errors import Unavailable, UserError
from bot.language import say

SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-o", "ServerAliveInterval=15", "-o", "LogLevel=ERROR")

RSYNC = ("rsync", "--recursive", "--times", f"--partial-dir={PARTIAL}", "--protect-args", "--timeout=120")
"""Copies plain files alone: a link may point anywhere, so that links are left out. An interrupted file is kept aside,
so that a file with its final name is complete."""

WORKERS = "--ignore-existing"
"""Option for the workers: where two nodes have a file of the same name, the head's is kept, which is copied first."""

LIST = (
    "if [ -d {path} ]; then {{ find {path} -type f -printf 'verlbot-file %s %P\\0' 2>/dev/null; "
    "printf 'verlbot-code %s\\0' $?; }} | head -c {most}; else printf 'verlbot-code 0\\0'; fi; printf 'verlbot-end'"
)
"""Prints the plain files below a folder, each with its bytes, then whether all could be read; no files where there is
no such folder. Of an output that is too long it prints only the beginning, without the exit code."""

SHELF = (
    "{{ LC_ALL=C ls -1 {path} 2>&1; echo verlbot-code $?; }} | head -c {most}; echo; "
    '[ -f {path}/{newest} ] && echo verlbot-step "$(head -c {least} {path}/{newest})"; echo verlbot-end'
)
"""Prints the names in a folder, or why they cannot be listed, and the only word of one file in it."""

SHELF_BYTES, NEWEST_BYTES = 1_000_000, 64
"""Maximum bytes of the names in a run's own folder, and of the file that names its newest checkpoint."""

MORE_BYTES = 65_536
"""Maximum bytes that a login may print around an answer."""

FILE = re.compile(r"verlbot-file (\d{1,18}) (.+)", re.ASCII | re.DOTALL)
FILE_BYTES = 200
"""Maximum bytes of a file's entry in that list, on the average of all; verl's take less than 100."""

NO_FOLDER = "No such file or directory"

STEP, CODE, END = "verlbot-step ", "verlbot-code ", "verlbot-end"

ANSWER_SECONDS = 120
"""Deadline for the list of a checkpoint's files; a Slurm job is reached through the API server, in some seconds."""


@dataclass(slots=True)
class Way:
    """A checkpoint, or a folder of checkpoints, on all nodes of a cluster.

    Attributes:
        find_ssh_config: returns the SSH configuration for the cluster's nodes; called once, and its result is kept.
        environment: all variables that SSH sees.
        ssh: the program with its options.
        stopping: whether the bot stops.
    """

    cluster: str
    parcel: Parcel
    reach: Callable[[str], str]
    environment: Mapping[str, str]
    ssh: Sequence[str] = SSH
    over: Event = field(default_factory=Event)
    _config: str = field(default="", init=False)
    _own: dict[str, Listing] = field(default_factory=dict, init=False)

    @property
    def nodes(self) -> list[str]:
        """Return the nodes as SSH names them, the head first."""
        return [self.cluster, *(f"{self.cluster}-worker{rank}" for rank in range(1, self.parcel.nodes))]

    @property
    def path(self) -> str:
        """Return the checkpoint's path relative to the home directory, where a login starts."""
        return self.parcel.path.removeprefix("~/")

    def shelf(self, over: bool = False) -> Shelf:
        """Return the checkpoints of all nodes.

        Args:
            job_ended: whether the job has ended, so that a file that names no newest checkpoint will never name one.

        Raises:
            Unavailable: the checkpoints of a node are unknown.
        """
        return Shelf.of_all(self._shelf(node, over) for node in self.nodes)

    def _shelf(self, node: str, over: bool) -> Shelf:
        """Return the checkpoints of one node; an empty listing where the node has no such folder."""
        path = shlex.quote(self.path)
        command = SHELF.format(path=path, newest=NEWEST, most=SHELF_BYTES, least=NEWEST_BYTES)
        lines = self._ask(node, command, SHELF_BYTES).split("\n")
        if f"{CODE}0" in lines:
            step = next((line.removeprefix(STEP) for line in lines if line.startswith(STEP)), "")
            return Shelf.of_node(lines, step, over)
        why = next((line for line in lines if line.startswith("ls: ")), "")
        if why.endswith(NO_FOLDER):
            return Shelf()
        raise Unavailable(say(FAILED, why=why or "ls"))

    def list_files(self, most_files: int) -> Listing:
        """Return the files of all nodes; files of the same path count once, because nodes may share their home.

        Raises:
            UserError: there are too many files.
            Unavailable: the files of a node are unknown.
        """
        self._own = {node: collect_listing(self._files(node, most_files), most_files) for node in self.nodes}
        return collect_listing((file for own in self._own.values() for file in own.items()), most_files)

    def bring(self, target: Path, listing: Listing, lock: int, allowance: Allowance) -> None:
        """Copy the files of every node that has files which no earlier node has."""
        known: set[str] = set()
        for node, own in self._own.items():
            if own.keys() - known:
                self._copy(node, target, lock, allowance)
            known |= own.keys()

    def _through(self) -> list[str]:
        """Return the SSH command with the cluster's configuration, which is looked up at the first use."""
        self._config = self._config or self.reach(self.cluster)
        return [*self.ssh, "-F", self._config]

    def _files(self, node: str, most_files: int) -> Iterator[tuple[str, int]]:
        """Yield the path and the bytes of each file of one node.

        Raises:
            UserError: there are too many files.
            Unavailable: `find` could not read all of them.
        """
        most = most_files * FILE_BYTES
        answer = self._ask(node, LIST.format(path=shlex.quote(self.path), most=most), most)
        records = answer.split("\0")
        if f"{CODE}0" not in (record[record.find(CODE) :] for record in records):
            # The exit code comes last: where it is missing, the output was cut because it is too long.
            if any(CODE in record for record in records):
                raise Unavailable(say(FAILED, why="find"))
            raise UserError(say(TOO_MANY, most=most_files))
        found = (FILE.search(record) for record in records)
        yield from ((one[2], int(one[1])) for one in found if one)

    def _ask(self, node: str, command: str, most_bytes: int) -> str:
        """Return the output of a command that prints an end mark on a node; a login may print more around it.

        Raises:
            Unavailable: the command failed, or its output has no end mark.
        """
        words = [*self._through(), node, command]
        ended = Program(words, self.environment, self.over, ANSWER_SECONDS, most_bytes + MORE_BYTES).run()
        text = ended.standard.decode(errors="surrogateescape")
        if ended.code or END not in text:
            raise Unavailable(say(FAILED, why=ended.reason or f"ssh: {ended.code}"))
        return text

    def _copy(self, node: str, target: Path, lock: int, allowance: Allowance) -> None:
        """Copy one node's part. rsync inherits the lock, so that it stays locked if the bot is killed meanwhile."""
        more = [f"--max-size={allowance.most_bytes}", *([] if node == self.cluster else [WORKERS])]
        words = [*RSYNC, *more, "-e", shlex.join(self._through()), f"{node}:{self.path}/", f"{target}/"]
        ended = Program(
            words,
            self.environment,
            self.over,
            most_of_one_file=allowance.most_of_one_file,
            most_bytes=MORE_BYTES,
            held=[lock],
            watch=allowance.watch,
        ).run()
        allowance.measure()
        allowance.check()
        if ended.code:
            raise Unavailable(say(FAILED, why=ended.reason or f"rsync: {ended.code}"))
