"""The disks of clusters, with the models that programs have saved there, and what SSH and rsync bring of them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.core.frameworks import FRAMEWORK
from bot.core.model.checkpoint import CheckpointListing
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.errors import Unavailable
from tests.doubles.sky_world import Machines, World
from tests.simulation.outside import Outside

MODEL = {"model.json": b"{}", "optimizer.json": b"{}"}
"""The files of a model."""


@dataclass
class Disks:
    """The models on all clusters.

    Attributes:
        saved: steps whose model was saved whole, by SkyPilot's id of the cluster.
    """

    outside: Outside
    world: World
    saved: dict[str, set[int]] = field(default_factory=dict)

    def save(self, name: str) -> int:
        """Let the program of a cluster save its next model; return the step."""
        steps = self.saved.setdefault(self.world.clusters[name].hash, set())
        step = 20 * (len(steps) + 1)
        steps.add(step)
        return step

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
        steps = self.disks.saved.get(self.disks.reach(self.cluster).hash, set())
        return CheckpointListing(tuple(sorted(steps)), max(steps, default=None))

    def list_files(self, _: int) -> dict[str, int]:
        step = FRAMEWORK.checkpoints.parse_folder(self.checkpoint.name.rpartition("/")[2])
        is_saved = step in self.disks.saved.get(self.disks.reach(self.cluster).hash, set())
        return {name: len(content) for name, content in MODEL.items()} if is_saved else {}

    def copy_files(self, target: Path, listing: dict[str, int], *_: Any) -> None:
        for name in listing:
            self.disks.reach(self.cluster)
            (target / name).write_bytes(MODEL[name])
