"""The files of local clusters: their paths and their contents."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

import msgspec

from bot.adapters.local.accounts import SystemAccount, allow_reading, allow_traversal, change_owner
from bot.core.model.cluster import ClusterState, Ending, JobState
from bot.phrase import Text


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process, not to be confused with a later one of the same number: `born` says when it began, by no clock."""

    pid: int
    born: str


@dataclass(slots=True, kw_only=True)
class LocalClusterState:
    """The state of a cluster, kept in `state.json`; after the cluster's end in the folder `gone`.

    Attributes:
        error: why the job failed, a sentence.
        autostop_minutes: idle minutes before it removes itself, or None.
        sessions: the leaders of the sessions that its scripts were started in.
        ending: how it ended, once it is gone.
        tags: what its launch order wrote on it.
        launched_at: Unix seconds of its launch; None for a cluster of an older version.
    """

    cluster: str
    supervisor: ProcessIdentity | None = None
    status: ClusterState = ClusterState.INIT
    job: JobState = JobState.INIT
    error: Text | None = None
    autostop_minutes: int | None = None
    sessions: list[ProcessIdentity] = field(default_factory=list)
    ending: Ending | None = None
    tags: dict[str, str] = field(default_factory=dict)
    launched_at: float | None = None


@dataclass(frozen=True, slots=True)
class SupervisorOrder:
    """The supervisor's order, which it reads from its standard input.

    Attributes:
        root: the folder of all local clusters.
        task: the task, complete with the values of secrets, which are written to no file.
        minute_seconds: how long autostop's minute lasts; a test's is shorter.
        grace_seconds: between SIGTERM and SIGKILL.
        account: the user of its nodes' processes; None for the supervisor's own user.
        tags: what is written on the cluster.
    """

    root: str
    cluster: str
    task: dict[str, Any]
    minute_seconds: float = 60.0
    grace_seconds: float = 5.0
    account: SystemAccount | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterDirectory:
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
        """Return the path of the job's log."""
        return self.folder / "run.log"

    @property
    def marker(self) -> str:
        """Return the value of VERLBOT_LOCAL_CLUSTER in every process of the cluster."""
        return str(self.folder)

    def ensure_volume(self, name: str, account: SystemAccount | None = None) -> Path:
        """Return the folder of a volume, which outlives every cluster; create it for the account if it is missing."""
        folder = self.root / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        allow_traversal(folder.parent, account)
        change_owner(folder, account)
        return folder

    def node_folder(self, rank: int) -> Path:
        """Return the folder of a node."""
        return self.folder / "nodes" / str(rank)

    def node_home(self, rank: int) -> Path:
        """Return the home directory of a node."""
        return self.node_folder(rank) / "home"

    def prepare_node(self, rank: int, script: str, text: str, account: SystemAccount | None) -> Path:
        """Write a script for a node, with a home that the account owns; return the script's path."""
        folder, home = self.node_folder(rank), self.node_home(rank)
        if not home.exists():
            (home / "sky_workdir").mkdir(parents=True)
            for above in (self.root, self.folder.parent, self.folder, folder.parent, folder):
                allow_traversal(above, account)
            change_owner(home, account)
        path = folder / f"{script}.sh"
        path.write_text(text)
        allow_reading(path, account)
        return path

    def claim(self, state: LocalClusterState) -> bool:
        """Create the folder with its state in one step; return False where the name is in use or was in use before."""
        if self.tombstone.exists():
            return False
        draft = self.root / "drafts" / f"{self.cluster}.{os.getpid()}"
        draft.mkdir(parents=True)
        (draft / "state.json").write_bytes(msgspec.json.encode(state))
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.rename(self.folder)
        except OSError:  # the folder exists already, with its state in it
            rmtree(draft)
            return False
        return True

    def read_state(self) -> LocalClusterState | None:
        """Return the state of the cluster, or None where there is none."""
        return read_state_file(self.folder / "state.json")

    def write_state(self, state: LocalClusterState) -> None:
        """Write the state of the cluster."""
        write_atomically(self.folder / "state.json", msgspec.json.encode(state))

    def set_autostop(self, minutes: int) -> None:
        """Write the idle minutes, which the supervisor reads when the job has ended."""
        write_atomically(self.folder / "autostop.json", msgspec.json.encode(minutes))

    def find_autostop_minutes(self, state: LocalClusterState) -> int | None:
        """Return the idle minutes before the cluster removes itself: those set last, or else the task's."""
        try:
            return msgspec.json.decode((self.folder / "autostop.json").read_bytes(), type=int)
        except FileNotFoundError:
            return state.autostop_minutes

    def record_removal_request(self) -> bool:
        """Record the request for removal; return whether it is the first one."""
        try:
            (self.folder / "asked-to-go").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def read_ending(self) -> LocalClusterState | None:
        """Return how the cluster ended, or None where no cluster of this name has ended."""
        return read_state_file(self.tombstone)

    def remove(self, state: LocalClusterState) -> None:
        """Record the ending, then remove the folder: the name of a cluster that is gone is never free again."""
        self.tombstone.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.tombstone, msgspec.json.encode(state))
        rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():  # a process has written into it meanwhile
            rmtree(self.folder)


def read_state_file(path: Path) -> LocalClusterState | None:
    """Return the state in a file; None where there is no file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=LocalClusterState)
    except FileNotFoundError:
        return None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old or the new content, never a part, even after a power failure."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
