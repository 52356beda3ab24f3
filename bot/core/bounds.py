"""Bounds of one launch as a policy has them: recipes, machines, places and settings that it may ask for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

OWN = "recipe"
"""In place of a pattern: what the recipe itself has."""

DENIED_OVERRIDES = (
    "hydra.*", "hydra/*", "*ray_kwargs*", "*runtime_env*", "*trust_remote_code*", "*_target_*", "*external_lib*",
    "${*",
)  # fmt: skip
"""Settings by which a run executes what the recipe does not have, or prints its environment.

They are denied to all but admins. The last is any resolver of OmegaConf's: `${oc.env:…}` puts a secret of the
environment into a value that verl prints and sends to its loggers.
"""

OUTPUT_SETTINGS = (
    "*default_local_dir*", "*default_hdfs_dir*", "*data_dir", "*output*", "*save*dir*", "*save*path*", "*log_dir*",
    "*ckpt*dir*", "*checkpoint*dir*", "*checkpoint*path*", "*profile*save*", "*.run.dir", "*.sweep.dir",
)  # fmt: skip
"""Settings that say where verl writes; outside of the run's own folder they are denied to all but admins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one launch may ask for. None is no bound; patterns are globs, in any case.

    Attributes:
        recipes: names of recipes. infra: of SkyPilot's infra. images, buckets, volumes: likewise; `recipe` is the
            recipe's own.
        accelerators: the most of one node by pattern of kind, `*` for any other; a kind without an entry is denied.
        nodes: the most. gpu_hours: nodes × accelerators × lease.
        lease_hours, budget_dollars: the most of a run.
        overrides: patterns of Hydra settings that are allowed; denied_overrides: of those that are not.
        absolute_outputs: whether settings of `OUTPUT_SETTINGS` may name a place outside of the run's folder.
    """

    recipes: tuple[str, ...] | None = None
    infra: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None
    buckets: tuple[str, ...] | None = None
    volumes: tuple[str, ...] | None = None
    accelerators: Mapping[str, int] | None = None
    nodes: int | None = None
    gpu_hours: float | None = None
    lease_hours: float | None = None
    budget_dollars: float | None = None
    overrides: tuple[str, ...] | None = None
    denied_overrides: tuple[str, ...] | None = None
    absolute_outputs: bool = True


UNBOUNDED = Bounds()
