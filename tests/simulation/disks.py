"""The disks of clusters, with the models that programs have saved there, and what SSH and rsync bring of them."""

from dataclasses import dataclass, field
from errno import ENOSPC
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

from bot.core.frameworks import FRAMEWORK
from bot.core.model.checkpoint import CheckpointListing
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.errors import Unavailable
from tests.doubles.sky_world import Machines, World
from tests.simulation.outside import Outside

MODEL = {"model.json": b"{}", "optimizer.json": b"{}"}
"""The files of a model."""


def build_shard() -> bytes:
    """Return a file as torch saves it."""
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr(ZipInfo("data"), b"0")
    return file.getvalue()


TORN_MODELS: dict[str, dict[str, bytes]] = {
    "a part is missing": {"model_world_size_2_rank_0.pt": build_shard(), "huggingface/config.json": b"{}"},
    "a file is empty": MODEL | {"model.json": b""},
    "a file is cut off": MODEL | {"model.json": b'{"weights": ['},
}
"""What a program leaves that is killed while it saves, or whose disk is full."""

UNNAMED = ("a part is missing",)
"""Of these, the file that names the newest model was not written any more."""

PLENTY_BYTES = 10**12


@dataclass
class Disks:
    """The models on all clusters.

    Attributes:
        saved: the files of each step, by SkyPilot's id of the cluster; newest: the step that is named as the newest.
        kept: the same by the name of the cluster, for later.
        bot_is_full: whether the disk of the bots has no room for the end of a model.
        shows_room: whether it says that it has.
    """

    outside: Outside
    world: World
    saved: dict[str, dict[int, dict[str, bytes]]] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    kept: dict[str, dict[int, dict[str, bytes]]] = field(default_factory=dict)
    bot_is_full: bool = False
    shows_room: bool = False

    def save(self, name: str, flaw: str = "") -> int:
        """Let the program of a cluster save its next model; return the step.

        Args:
            flaw: how it is torn; empty for a whole one.
        """
        cluster = self.world.clusters[name].hash
        steps = self.saved.setdefault(cluster, {})
        step = 20 * (len(steps) + 1)
        steps[step] = TORN_MODELS[flaw] if flaw else MODEL
        self.kept.setdefault(name, {})[step] = steps[step]
        if flaw not in UNNAMED:
            self.newest[cluster] = step
        return step

    def measure_free_bytes(self, _: Path) -> int:
        """Return the free bytes of the bots' disk."""
        return 0 if self.bot_is_full and not self.shows_room else PLENTY_BYTES

    def reach(self, name: str) -> Machines:
        """Return the machines, if SSH reaches them."""
        trouble = self.outside.call(f"sky.ssh {name}")
        self.world.advance()
        found = self.world.clusters.get(name)
        if trouble is not None or found is None or found.status != "UP" or not found.reachable:
            raise Unavailable("ssh: Connection timed out")
        return found

    def find(self, cluster: str, checkpoint: CheckpointRef, *_: Any) -> "SimulatedCheckpoint":
        """Return a checkpoint, or a folder of them, as the adapter wants it."""
        return SimulatedCheckpoint(self, cluster, checkpoint)


@dataclass(frozen=True, slots=True)
class SimulatedCheckpoint:
    """A checkpoint on a cluster; see `bot.adapters.sky.sky_checkpoints.RemoteCheckpoint`."""

    disks: Disks
    cluster: str
    checkpoint: CheckpointRef

    def list_checkpoints(self, _: bool = False) -> CheckpointListing:
        cluster = self.disks.reach(self.cluster).hash
        return CheckpointListing(tuple(sorted(self.disks.saved.get(cluster, {}))), self.disks.newest.get(cluster))

    def list_files(self, _: int) -> dict[str, int]:
        return {name: len(content) for name, content in self._read_files().items()}

    def _read_files(self) -> dict[str, bytes]:
        step = FRAMEWORK.checkpoints.parse_folder(self.checkpoint.name.rpartition("/")[2])
        return self.disks.saved.get(self.disks.reach(self.cluster).hash, {}).get(step or 0, {})

    def copy_files(self, target: Path, listing: dict[str, int], *_: Any) -> None:
        for name in listing:
            content = self._read_files()[name]
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            if self.disks.bot_is_full and name == list(listing)[-1]:
                (target / name).write_bytes(content[: len(content) // 2])
                raise OSError(ENOSPC, "No space left on device", str(target / name))
            (target / name).write_bytes(content)
