"""Checkpoints of SkyPilot's clusters: measured by SSH and fetched by rsync, which goes on where it was cut off.

No word of a log or of a person's gets to a shell but paths that `keeping.parcel` has let through, in quotes.
"""

import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from bot.core.keeping import NEWEST, Parcel, Shelf
from bot.errors import Unavailable
from bot.language import mark, say

SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-o", "ServerAliveInterval=15", "-o", "LogLevel=ERROR")

RSYNC = ("rsync", "--recursive", "--times", "--partial-dir=.partial", "--protect-args", "--timeout=120")
"""Plain files alone: a link may point anywhere, so that none is brought along. What was cut off is kept aside, so that
a file that is in its place is whole."""

WORKERS = "--ignore-existing"
"""Where two nodes have a file of the same name, the head's stands, whose turn is first."""

LIST = "find {path} -type f -printf 'verlbot-file %s %P\\n' 2>/dev/null; echo verlbot-end"
"""Prints the plain files below a folder, each with its bytes; none where there is no such folder."""

SHELF = "LC_ALL=C ls -1 {path} 2>&1; echo verlbot-code $?; echo verlbot-step $(cat {path}/{newest}); echo verlbot-end"
"""Prints what is in a folder, or why that cannot be said, and the only word of one file in it."""

NO_FOLDER = "No such file or directory"

STEP, CODE = "verlbot-step ", "verlbot-code "

ANSWER_SECONDS = 120
"""For the files of a checkpoint; a Slurm job is reached through the API server, in some seconds."""

FAILED = mark("Its cluster could not be read by SSH: {why}")
NO_PROGRAM = mark("The bot's machine lacks `{program}`, which fetches models.")


@dataclass(slots=True)
class Way:
    """The way to a checkpoint on every node of a cluster.

    Attributes:
        reach: the configuration of SSH that leads to its nodes; asked once, and then kept.
        environment: all that SSH sees of the environment.
        ssh: the program with its options.
    """

    cluster: str
    parcel: Parcel
    reach: Callable[[str], str]
    environment: Mapping[str, str]
    ssh: Sequence[str] = SSH
    _config: str = field(default="", init=False)
    _sizes: dict[str, int] = field(default_factory=dict, init=False)

    @property
    def nodes(self) -> list[str]:
        """As SSH knows them, the head first."""
        return [self.cluster, *(f"{self.cluster}-worker{rank}" for rank in range(1, self.parcel.nodes))]

    @property
    def path(self) -> str:
        """The checkpoint as seen from the home directory, where a login begins."""
        return self.parcel.path.removeprefix("~/")

    def shelf(self) -> Shelf:
        """What there is on all nodes.

        Raises:
            Unavailable: of a node it is not known.
        """
        return Shelf.of_all(map(self._shelf, self.nodes))

    def _shelf(self, node: str) -> Shelf:
        lines = self._ask(node, SHELF.format(path=shlex.quote(self.path), newest=NEWEST))
        if f"{CODE}0" in lines:
            return Shelf.of_node(lines, next((line.removeprefix(STEP) for line in lines if line.startswith(STEP)), ""))
        why = next((line for line in lines if line.startswith("ls: ")), "")
        if why.endswith(NO_FOLDER):
            return Shelf()
        raise Unavailable(say(FAILED, why=why or "ls"))

    def measure(self) -> int:
        """Bytes on all nodes, files of the same name counted once: nodes may share their home."""
        known: dict[str, int] = {}
        for node in self.nodes:
            own = self._files(node)
            self._sizes[node] = sum(size for name, size in own.items() if name not in known)
            known = own | known
        return sum(known.values())

    def bring(self, target: Path, lock: int, over: Event) -> None:
        for node in self.nodes:
            if not over.is_set() and self._sizes.get(node):
                self._copy(node, target, lock, over)

    def _through(self) -> list[str]:
        self._config = self._config or self.reach(self.cluster)
        return [*self.ssh, "-F", self._config]

    def _files(self, node: str) -> dict[str, int]:
        lines = self._ask(node, LIST.format(path=shlex.quote(self.path)))
        found = (re.fullmatch(r"verlbot-file (\d{1,18}) (.+)", line) for line in lines)
        return {one[2]: int(one[1]) for one in found if one}

    def _ask(self, node: str, command: str) -> list[str]:
        """The lines that a command prints there that says when it has said all; a login may say more around them."""
        try:
            done = self._run([*self._through(), node, command])
        except subprocess.TimeoutExpired as error:
            raise Unavailable(say(FAILED, why=say("no answer in time."))) from error
        lines = done.stdout.splitlines()
        if done.returncode or "verlbot-end" not in lines:
            raise Unavailable(say(FAILED, why=last_line(done.stderr) or f"ssh: {done.returncode}"))
        return lines

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603  # ssh, and a path that is plain
                words,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWER_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise Unavailable(say(NO_PROGRAM, program=words[0])) from error

    def _copy(self, node: str, target: Path, lock: int, over: Event) -> None:
        """One node's part; the lock stays with the process, should the bot be killed beside it."""
        more = [] if node == self.cluster else [WORKERS]
        words = [*RSYNC, *more, "-e", shlex.join(self._through()), f"{node}:{self.path}/", f"{target}/"]
        try:
            copying = subprocess.Popen(  # noqa: S603  # rsync, and a path that is plain
                words,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                pass_fds=[lock],
            )
        except FileNotFoundError as error:
            raise Unavailable(say(NO_PROGRAM, program=words[0])) from error
        while True:
            try:
                _, told = copying.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                if over.is_set():
                    copying.terminate()
        if copying.returncode and not over.is_set():
            raise Unavailable(say(FAILED, why=last_line(told) or f"rsync: {copying.returncode}"))


def last_line(text: str) -> str:
    """What SSH said last, or else rsync, whose own words tell less.

    >>> last_line("ssh: no route to host\\nrsync error: unexplained error (code 255)\\n")
    'ssh: no route to host'
    """
    told = [line.strip() for line in reversed(text.splitlines()) if line.strip()]
    return next((line for line in told if not line.startswith("rsync")), next(iter(told), ""))
