"""Checkpoints of SkyPilot's clusters: listed by SSH and copied by rsync, which resumes an interrupted copy.

No text of a log or of a person reaches a shell, except paths that the core has validated, and those are quoted.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from bot.adapters.disk_space import DiskAllowance
from bot.adapters.sky.remote_output import SSH_FAILED, Program
from bot.core.frameworks import FRAMEWORK
from bot.core.frameworks.verl.checkpoint_files import PARTIAL_FOLDER, TOO_MANY, CheckpointFiles, collect_files
from bot.core.model.checkpoint import CheckpointListing
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.errors import Unavailable, UserError
from bot.phrase import Phrase

SSH_COMMAND = (
    "ssh",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=60",
    "-o",
    "ServerAliveInterval=15",
    "-o",
    "LogLevel=ERROR",
)

RSYNC_COMMAND = (
    "rsync",
    "--recursive",
    "--times",
    f"--partial-dir={PARTIAL_FOLDER}",
    "--protect-args",
    "--timeout=120",
)
"""Copies plain files alone: a link may point anywhere, so that links are left out. An interrupted file is kept aside,
so that a file with its final name is complete."""

WORKER_OPTION = "--ignore-existing"
"""Option for the workers: where two nodes have a file of the same name, the head's is kept, which is copied first."""

LIST_FILES_SCRIPT = (
    "if [ -d {path} ]; then {{ find {path} -type f -printf 'verlbot-file %s %P\\0' 2>/dev/null; "
    "printf 'verlbot-code %s\\0' $?; }} | head -c {most}; else printf 'verlbot-code 0\\0'; fi; printf 'verlbot-end'"
)
"""Prints the plain files below a folder, each with its bytes, then whether all could be read; no files where there is
no such folder. Of an output that is too long it prints only the beginning, without the exit code."""

LIST_CHECKPOINTS_SCRIPT = (
    "{{ LC_ALL=C ls -1 {path} 2>&1; echo verlbot-code $?; }} | head -c {most}; echo; "
    '[ -f {path}/{newest} ] && echo verlbot-step "$(head -c {least} {path}/{newest})"; echo verlbot-end'
)
"""Prints the names in a folder, or why they cannot be listed, and the only word of one file in it."""

CHECKPOINT_NAMES_BYTES, NEWEST_BYTES = 1_000_000, 64
"""Maximum bytes of the names in a run's own folder, and of the file that names its newest checkpoint."""

LOGIN_OUTPUT_BYTES = 65_536
"""Maximum bytes that a login may print around an answer."""

FILE_ENTRY = re.compile(r"verlbot-file (\d{1,18}) (.+)", re.ASCII | re.DOTALL)
FILE_ENTRY_BYTES = 200
"""Maximum bytes of a file's entry in that list, on the average of all; verl's take less than 100."""

NO_FOLDER_MESSAGE = "No such file or directory"

STEP_MARK, CODE_MARK, END_MARK = "verlbot-step ", "verlbot-code ", "verlbot-end"

ANSWER_SECONDS = 120
"""Deadline for the list of a checkpoint's files; a Slurm job is reached through the API server, in some seconds."""


@dataclass(slots=True)
class RemoteCheckpoint:
    """A checkpoint, or a folder of checkpoints, on all nodes of a cluster.

    Attributes:
        find_ssh_config: returns the SSH configuration for the cluster's nodes; called once, and its result is kept.
        environment: all variables that SSH sees.
        ssh: the program with its options.
        stopping: whether the bot stops.
    """

    cluster: str
    checkpoint: CheckpointRef
    find_ssh_config: Callable[[str], str]
    environment: Mapping[str, str]
    ssh: Sequence[str] = SSH_COMMAND
    stopping: Event = field(default_factory=Event)
    _ssh_config: str = field(default="", init=False)
    _files_by_node: dict[str, CheckpointFiles] = field(default_factory=dict, init=False)

    @property
    def nodes(self) -> list[str]:
        """Return the nodes as SSH names them, the head first."""
        return [self.cluster, *(f"{self.cluster}-worker{rank}" for rank in range(1, self.checkpoint.nodes))]

    @property
    def path(self) -> str:
        """Return the checkpoint's path relative to the home directory, where a login starts."""
        return self.checkpoint.path.removeprefix("~/")

    def list_checkpoints(self, job_ended: bool = False) -> CheckpointListing:
        """Return the checkpoints of all nodes.

        Args:
            job_ended: whether the job has ended, so that a file that names no newest checkpoint will never name one.

        Raises:
            Unavailable: the checkpoints of a node are unknown.
        """
        return CheckpointListing.combine(self._list_node_checkpoints(node, job_ended) for node in self.nodes)

    def _list_node_checkpoints(self, node: str, job_ended: bool) -> CheckpointListing:
        """Return the checkpoints of one node; an empty listing where the node has no such folder."""
        path = shlex.quote(self.path)
        command = LIST_CHECKPOINTS_SCRIPT.format(
            path=path, newest=FRAMEWORK.checkpoints.latest_file, most=CHECKPOINT_NAMES_BYTES, least=NEWEST_BYTES
        )
        lines = self._run_command(node, command, CHECKPOINT_NAMES_BYTES).split("\n")
        if f"{CODE_MARK}0" in lines:
            step = next((line.removeprefix(STEP_MARK) for line in lines if line.startswith(STEP_MARK)), "")
            return CheckpointListing.from_node(lines, step, FRAMEWORK.checkpoints, job_ended)
        why = next((line for line in lines if line.startswith("ls: ")), "")
        if why.endswith(NO_FOLDER_MESSAGE):
            return CheckpointListing()
        raise Unavailable(Phrase(SSH_FAILED, why=why or "ls"))

    def list_files(self, max_files: int) -> CheckpointFiles:
        """Return the files of all nodes; files of the same path count once, because nodes may share their home.

        Raises:
            UserError: there are too many files.
            Unavailable: the files of a node are unknown.
        """
        self._files_by_node = {
            node: collect_files(self._list_node_files(node, max_files), max_files) for node in self.nodes
        }
        return collect_files((file for files in self._files_by_node.values() for file in files.items()), max_files)

    def copy_files(self, target: Path, listing: CheckpointFiles, lock: int, allowance: DiskAllowance) -> None:
        """Copy the files of every node that has files which no earlier node has."""
        copied_paths: set[str] = set()
        for node, files in self._files_by_node.items():
            if files.keys() - copied_paths:
                self._copy_node_files(node, target, lock, allowance)
            copied_paths |= files.keys()

    def _ssh_command(self) -> list[str]:
        """Return the SSH command with the cluster's configuration, which is looked up at the first use."""
        self._ssh_config = self._ssh_config or self.find_ssh_config(self.cluster)
        return [*self.ssh, "-F", self._ssh_config]

    def _list_node_files(self, node: str, max_files: int) -> Iterator[tuple[str, int]]:
        """Yield the path and the bytes of each file of one node.

        Raises:
            UserError: there are too many files.
            Unavailable: `find` could not read all of them.
        """
        max_bytes = max_files * FILE_ENTRY_BYTES
        answer = self._run_command(
            node, LIST_FILES_SCRIPT.format(path=shlex.quote(self.path), most=max_bytes), max_bytes
        )
        records = answer.split("\0")
        if f"{CODE_MARK}0" not in (record[record.find(CODE_MARK) :] for record in records):
            # The exit code comes last: where it is missing, the output was cut because it is too long.
            if any(CODE_MARK in record for record in records):
                raise Unavailable(Phrase(SSH_FAILED, why="find"))
            raise UserError(Phrase(TOO_MANY, most=max_files))
        entries = (FILE_ENTRY.search(record) for record in records)
        yield from ((entry[2], int(entry[1])) for entry in entries if entry)

    def _run_command(self, node: str, command: str, max_bytes: int) -> str:
        """Return the output of a command that prints an end mark on a node; a login may print more around it.

        Raises:
            Unavailable: the command failed, or its output has no end mark.
        """
        full_command = [*self._ssh_command(), node, command]
        output = Program(
            full_command, self.environment, self.stopping, ANSWER_SECONDS, max_bytes + LOGIN_OUTPUT_BYTES
        ).run()
        text = output.stdout.decode(errors="surrogateescape")
        if output.exit_code or END_MARK not in text:
            raise Unavailable(Phrase(SSH_FAILED, why=output.reason or f"ssh: {output.exit_code}"))
        return text

    def _copy_node_files(self, node: str, target: Path, lock: int, allowance: DiskAllowance) -> None:
        """Copy one node's part. rsync inherits the lock, so that it stays locked if the bot is killed meanwhile."""
        options = [f"--max-size={allowance.max_bytes}", *([] if node == self.cluster else [WORKER_OPTION])]
        command = [
            *RSYNC_COMMAND,
            *options,
            "-e",
            shlex.join(self._ssh_command()),
            f"{node}:{self.path}/",
            f"{target}/",
        ]
        output = Program(
            command,
            self.environment,
            self.stopping,
            max_file_bytes=allowance.max_file_bytes,
            max_output_bytes=LOGIN_OUTPUT_BYTES,
            inherited_files=[lock],
            watch=allowance.check_written,
        ).run()
        allowance.measure()
        allowance.check_limits()
        if output.exit_code:
            raise Unavailable(Phrase(SSH_FAILED, why=output.reason or f"rsync: {output.exit_code}"))
