"""Files of local runs, read where they are: in the homes of their nodes, or in the folder of a volume."""

import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bot.adapters import node_reader
from bot.adapters.local.local_checkpoints import NodeFolder, locate_node_folders
from bot.adapters.local.state_files import ClusterDirectory
from bot.adapters.node_requests import NodeReading, Request
from bot.core.model.rollout import RunFolder

VOLUME_STORE = "volume "
"""The beginning of a store that is a volume of this machine, which outlives its clusters."""


def list_readings(root: Path, cluster: str, folder: RunFolder) -> list[NodeReading]:
    """Return a reading for each place where a run's folder may be: the volume, or each node with the head first."""
    if folder.store and folder.store.startswith(VOLUME_STORE):
        volumes = root / "volumes"
        below = (folder.store.removeprefix(VOLUME_STORE), *folder.location.name.split("/"))
        return [partial(read_folder, NodeFolder(volumes, below))]
    directory = ClusterDirectory(root, cluster)
    homes: Iterable[Path] = (directory.node_home(rank) for rank in range(folder.location.nodes))
    return [partial(read_folder, place) for place in locate_node_folders(homes, folder.location)]


def read_folder(place: NodeFolder, request: Request) -> Mapping[str, Any]:
    """Return the reader's answer about one folder; nothing where the folder does not exist."""
    try:
        with place.open_part() as folder:
            return node_reader.READERS[request["reader"]](folder, dict(request)) if folder is not None else {}
    except OSError as error:
        return {"error": os.strerror(error.errno or 0)}
