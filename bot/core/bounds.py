"""Bounds of one launch as a policy sets them: the recipes, machines, places and settings that it may use. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

FROM_RECIPE = "recipe"
"""Allows, in place of a pattern, the value that the recipe itself has."""

DENIED_OVERRIDES = (
    "hydra.*", "hydra/*", "*ray_kwargs*", "*runtime_env*", "*trust_remote_code*", "*_target_*", "*external_lib*",
    "${*",
)  # fmt: skip
"""Settings by which a run executes code that the recipe does not contain, or prints its environment.

They are denied to all but admins. The last is any resolver of OmegaConf's: `${oc.env:…}` puts a secret of the
environment into a value that verl prints and sends to its loggers.
"""

OUTPUT_SETTINGS = (
    "*default_local_dir*", "*default_hdfs_dir*", "*data_dir", "*output*", "*save*dir*", "*save*path*", "*log_dir*",
    "*ckpt*dir*", "*checkpoint*dir*", "*checkpoint*path*", "*profile*save*", "*.run.dir", "*.sweep.dir",
)  # fmt: skip
"""Settings that set where verl writes; only admins may set them to a place outside of the run's own folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one launch may use. None is no bound; patterns are globs and ignore case.

    Attributes:
        recipes: names of recipes. infra: names of SkyPilot's infra. images, buckets, volumes: likewise; `recipe` means
            the recipe's own.
        accelerators: the most of one node by pattern of kind, `*` for any other; a kind without an entry is denied.
        nodes: the most nodes. gpu_hours: the most of nodes × accelerators × lease.
        lease_hours, budget_dollars: the most of a run.
        overrides: patterns of Hydra settings that are allowed; denied_overrides: patterns of those that are denied.
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
