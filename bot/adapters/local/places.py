"""The files of local clusters: where they stand, and what they hold."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

import msgspec

from bot.adapters.local.accounts import Account, hand_over, let_pass, let_read
from bot.core.seen import Cluster, Ending, Job
from bot.language import ENGLISH


@dataclass(frozen=True, slots=True)
class Process:
    """A process that cannot be taken for a later one of the same number: `born` tells when it began, by no clock."""

    pid: int
    born: str


@dataclass(slots=True, kw_only=True)
class State:
    """What is known of a cluster, kept in `state.json`; after its end in the folder of the gone ones.

    Attributes:
        error: why the job failed, a sentence.
        autostop_minutes: idle minutes before it removes itself, or None.
        sessions: the leaders of the sessions that its scripts were started in.
        ending: how it went, once it is gone.
    """

    cluster: str
    supervisor: Process | None = None
    status: Cluster = Cluster.INIT
    job: Job = Job.INIT
    error: str | None = None
    autostop_minutes: int | None = None
    sessions: list[Process] = field(default_factory=list)
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What the supervisor is told, on its standard input.

    Attributes:
        root: the folder of all local clusters.
        task: the task, complete with the values of secrets, which are written to no file.
        minute_seconds: how long autostop's minute lasts; a test's is shorter.
        grace_seconds: between SIGTERM and SIGKILL.
        language: in which it says why a job failed.
        account: whose processes its nodes are; None for the supervisor's own user.
    """

    root: str
    cluster: str
    task: dict[str, Any]
    minute_seconds: float = 60.0
    grace_seconds: float = 5.0
    language: str = ENGLISH
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one cluster."""

    root: Path
    cluster: str
    folder: Path = field(init=False)
    tombstone: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.root / "clusters" / self.cluster)
        object.__setattr__(self, "tombstone", self.root / "gone" / f"{self.cluster}.json")

    @property
    def log(self) -> Path:
        return self.folder / "run.log"

    @property
    def marker(self) -> str:
        """The value of VERLBOT_LOCAL_CLUSTER in every process of the cluster."""
        return str(self.folder)

    def volume(self, name: str, account: Account | None = None) -> Path:
        """The folder of a volume, which outlives every cluster; made if it is not there, and the account's."""
        folder = self.root / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        let_pass(folder.parent, account)
        hand_over(folder, account)
        return folder

    def node(self, rank: int) -> Path:
        return self.folder / "nodes" / str(rank)

    def home(self, rank: int) -> Path:
        return self.node(rank) / "home"

    def furnish(self, rank: int, script: str, text: str, account: Account | None) -> Path:
        """Write a script for a node, with a home for it that is the account's; return the script's path."""
        folder, home = self.node(rank), self.home(rank)
        if not home.exists():
            (home / "sky_workdir").mkdir(parents=True)
            for above in (self.root, self.folder.parent, self.folder, folder.parent, folder):
                let_pass(above, account)
            hand_over(home, account)
        path = folder / f"{script}.sh"
        path.write_text(text)
        let_read(path, account)
        return path

    def claim(self, state: State) -> bool:
        """Make the folder with its state in one step; False where the name is taken or has been."""
        if self.tombstone.exists():
            return False
        draft = self.root / "drafts" / f"{self.cluster}.{os.getpid()}"
        draft.mkdir(parents=True)
        (draft / "state.json").write_bytes(msgspec.json.encode(state))
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.rename(self.folder)
        except OSError:  # it stands already, with its state in it
            rmtree(draft)
            return False
        return True

    def read(self) -> State | None:
        """The state of the cluster, or None where there is none."""
        return read(self.folder / "state.json")

    def write(self, state: State) -> None:
        replace(self.folder / "state.json", msgspec.json.encode(state))

    def set_autostop(self, minutes: int) -> None:
        """For the supervisor to read when the job is over."""
        replace(self.folder / "autostop.json", msgspec.json.encode(minutes))

    def autostop_minutes(self, state: State) -> int | None:
        """Idle minutes before it removes itself: those that were set last, or else its task's."""
        try:
            return msgspec.json.decode((self.folder / "autostop.json").read_bytes(), type=int)
        except FileNotFoundError:
            return state.autostop_minutes

    def first_asked_to_go(self) -> bool:
        """Whether this is the first time that its removal is asked for."""
        try:
            (self.folder / "asked-to-go").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def epitaph(self) -> State | None:
        """How the cluster ended, or None where none of this name has."""
        return read(self.tombstone)

    def bury(self, state: State) -> None:
        """Record the ending, then remove the folder: a name that is gone is never free again."""
        self.tombstone.parent.mkdir(parents=True, exist_ok=True)
        replace(self.tombstone, msgspec.json.encode(state))
        rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():  # a process wrote into it meanwhile
            rmtree(self.folder)


def read(path: Path) -> State | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None


def replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old or the new content, never a part, after a power cut too."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
