"""Checks of a checkpoint: whether it is whole, as far as the list of its files shows. Pure.

The names are verl's (0.9.1, FSDP): `actor/model_world_size_8_rank_3.pt` is the shard of one of eight ranks. Of a
checkpoint that another program has written nothing is known; it counts as whole if nothing contradicts.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import count

from bot.errors import UserError
from bot.phrase import N_, Phrase, Text

CheckpointFiles = Mapping[str, int]
"""The plain files of a checkpoint on all nodes together: bytes by the path below its folder."""

MAX_PATH_BYTES = 1024
MAX_PATH_DEPTH = 32
"""Maximum parts of a path below a checkpoint's folder; verl's own have three, and no system takes over 4096 bytes."""

PARTIAL_FOLDER = ".partial"
"""Folder of unfinished downloads, which belongs to no checkpoint."""

SHARD_NAME = re.compile(r"(model|optim|extra_state)_world_size_(\d{1,6})_rank_(\d{1,6})\.pt", re.ASCII)

NEVER_EMPTY_SUFFIXES = (".pt", ".safetensors", ".json")
WEIGHT_SUFFIXES = (".safetensors", ".bin")

MAX_SHOWN_CHARACTERS = 80
"""Characters of a path that people see, counted from its end."""

TOO_MANY = N_("It has more than {most} files, which is my limit (VERLBOT_ARTIFACTS_FILES).")
TOO_MANY_FOLDERS = N_("It has more than {most} folders, which is my limit (VERLBOT_ARTIFACTS_FILES).")
TOO_LONG = N_("It has a path that is too long or too deep for me to download: `{name}`.")
OUTSIDE_FOLDER = N_("Its cluster lists a path that leads out of its folder: `{name}`.")
NO_FILES = N_("There is no such folder on its cluster, or it is empty.")
NO_WEIGHTS = N_("It has no weights: verl has removed them, or has not written them.")
FILE_MISSING = N_("`{name}` is missing.")
FILE_EMPTY = N_("`{name}` is empty.")


def collect_files(files: Iterable[tuple[str, int]], max_files: int) -> dict[str, int]:
    """Return the bytes of each file by its path, the first entry of each path; stop at the first file too many.

    The cluster makes the list, so a path in it may be crafted to lead to the bot's own files.

    Raises:
        UserError: there are too many files or folders, or a path is too long or leads out of the checkpoint's folder.
    """
    sizes: dict[str, int] = {}
    folders = {""}
    for path, size in files:
        parts = path.split("/")
        if PARTIAL_FOLDER in parts:
            continue
        if len(path.encode(errors="surrogateescape")) > MAX_PATH_BYTES or len(parts) > MAX_PATH_DEPTH:
            raise UserError(Phrase(TOO_LONG, name=display_path(path)))
        if not {"", ".", ".."}.isdisjoint(parts) or "\0" in path:
            raise UserError(Phrase(OUTSIDE_FOLDER, name=display_path(path)))
        folder = path.rpartition("/")[0]
        while folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
        sizes.setdefault(path, size)
        if len(sizes) > max_files:
            raise UserError(Phrase(TOO_MANY, most=max_files))
        if len(folders) > max_files:
            raise UserError(Phrase(TOO_MANY_FOLDERS, most=max_files))
    return sizes


def find_flaw(files: CheckpointFiles) -> Text | None:
    """Return why these files are no whole checkpoint, a sentence; None if nothing contradicts.

    >>> str(find_flaw({"actor/model_world_size_2_rank_0.pt": 9, "actor/huggingface/config.json": 9}))
    '`actor/model_world_size_2_rank_1.pt` is missing.'
    >>> find_flaw({"model.json": 9}) is None
    True
    """
    if not files:
        return Phrase(NO_FILES)
    # Without the actor's files there are no weights, even if the critic's files and the data's state are whole.
    if all(path == "data.pt" or path.startswith("critic/") for path in files):
        return Phrase(NO_WEIGHTS)
    if missing_shard := find_missing_shard(files):
        return Phrase(FILE_MISSING, name=display_path(missing_shard))
    empty_files = (path for path, size in sorted(files.items()) if not size and path.endswith(NEVER_EMPTY_SUFFIXES))
    return next((Phrase(FILE_EMPTY, name=display_path(path)) for path in empty_files), None)


def find_missing_shard(files: CheckpointFiles) -> str | None:
    """Return the path of a shard that some rank should have written and has not, or None."""
    for folder, shards in sorted(group_shards(files).items()):
        prefix = f"{folder}/" if folder else ""
        model_shards = shards.get("model", {})
        # A run that resumes with another number of ranks may leave shards of the earlier number beside its own.
        world_size = max(
            model_shards or next(iter(shards.values())),
            key=lambda world_size: len(model_shards.get(world_size, ())) / max(world_size, 1),
        )
        required_kinds = set(shards) if has_unsharded_weights(files, prefix) else {"model", *shards}
        for kind in sorted(required_kinds):
            if (rank := find_first_missing(shards.get(kind, {}).get(world_size, set()), world_size)) is not None:
                return f"{prefix}{kind}_world_size_{world_size}_rank_{rank}.pt"
        if not any(path.startswith((f"{prefix}huggingface/", f"{folder}_huggingface/")) for path in files):
            return f"{prefix}huggingface"
    return None


def group_shards(files: CheckpointFiles) -> dict[str, dict[str, dict[int, set[int]]]]:
    """Return the ranks whose shards are present: by folder, kind of shard, and number of ranks."""
    groups: dict[str, dict[str, dict[int, set[int]]]] = {}
    for path in files:
        folder, _, name = path.rpartition("/")
        if matched := SHARD_NAME.fullmatch(name):
            kind, world_size, rank = matched[1], int(matched[2]), int(matched[3])
            groups.setdefault(folder, {}).setdefault(kind, {}).setdefault(world_size, set()).add(rank)
    return groups


def find_first_missing(ranks: set[int], world_size: int) -> int | None:
    """Return the lowest rank without a shard, or None.

    >>> find_first_missing({0, 1}, 2), find_first_missing({0, 2}, 3), find_first_missing(set(), 999_999)
    (None, 1, 0)
    """
    lowest = next(rank for rank in count() if rank not in ranks)
    return lowest if lowest < world_size else None


def has_unsharded_weights(files: CheckpointFiles, prefix: str) -> bool:
    """Return whether the model itself was saved as Hugging Face does, instead of in shards."""
    return any(path.startswith(f"{prefix}huggingface/") and path.endswith(WEIGHT_SUFFIXES) for path in files)


def display_path(path: str) -> str:
    """Return a path as people may read it, only its end if it is long: a program has chosen it.

    >>> display_path("actor/`<!channel>`.pt")
    'actor/???channel??.pt'
    """
    return re.sub(r"[^A-Za-z0-9_./=+@-]", "?", path)[-MAX_SHOWN_CHARACTERS:]
