"""Checks of a checkpoint: whether it is whole, as far as the list of its files shows. Pure.

The names are verl's (0.9.1, FSDP): `actor/model_world_size_8_rank_3.pt` is the shard of one of eight ranks. Of a
checkpoint that another program has written nothing is known; it counts as whole if nothing contradicts.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import count

from bot.errors import UserError
from bot.language import mark, say

Listing = Mapping[str, int]
"""The plain files of a checkpoint on all nodes together: bytes by the path below its folder."""

MOST_PATH_BYTES = 1024
MOST_DEPTH = 32
"""Maximum parts of a path below a checkpoint's folder; verl's own have three, and no system takes over 4096 bytes."""

PARTIAL = ".partial"
"""Folder of unfinished downloads, which belongs to no checkpoint."""

PART = re.compile(r"(model|optim|extra_state)_world_size_(\d{1,6})_rank_(\d{1,6})\.pt", re.ASCII)

NEVER_EMPTY = (".pt", ".safetensors", ".json")
WEIGHTS = (".safetensors", ".bin")

SHOWN_CHARACTERS = 80
"""Characters of a path that people see, counted from its end."""

TOO_MANY = mark("It has more than {most} files, and I fetch no more (VERLBOT_ARTIFACTS_FILES).")
TOO_MANY_FOLDERS = mark("It has more than {most} folders, and I fetch no more (VERLBOT_ARTIFACTS_FILES).")
TOO_LONG = mark("It has a path that is longer or deeper than I fetch: `{name}`.")
OUTSIDE = mark("Its cluster lists a path that leads out of its folder: `{name}`.")
NO_FILES = mark("There is no such folder on its cluster, or it is empty.")
NO_WEIGHTS = mark("It has no weights: verl has removed them, or has not written them.")
MISSING = mark("`{name}` is missing.")
EMPTY = mark("`{name}` is empty.")


def collect_listing(files: Iterable[tuple[str, int]], most_files: int) -> dict[str, int]:
    """Return the bytes of each file by its path, the first entry of each path; stop at the first file too many.

    The cluster makes the list, so a path in it may be crafted to lead to the bot's own files.

    Raises:
        UserError: there are too many files or folders, or a path is too long or leads out of the checkpoint's folder.
    """
    found: dict[str, int] = {}
    folders = {""}
    for path, size in files:
        parts = path.split("/")
        if PARTIAL in parts:
            continue
        if len(path.encode(errors="surrogateescape")) > MOST_PATH_BYTES or len(parts) > MOST_DEPTH:
            raise UserError(say(TOO_LONG, name=display_path(path)))
        if not {"", ".", ".."}.isdisjoint(parts) or "\0" in path:
            raise UserError(say(OUTSIDE, name=display_path(path)))
        folder = path.rpartition("/")[0]
        while folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
        found.setdefault(path, size)
        if len(found) > most_files:
            raise UserError(say(TOO_MANY, most=most_files))
        if len(folders) > most_files:
            raise UserError(say(TOO_MANY_FOLDERS, most=most_files))
    return found


def find_flaw(listing: Listing) -> str | None:
    """Return why these files are no whole checkpoint, a sentence; None if nothing contradicts.

    >>> find_flaw({"actor/model_world_size_2_rank_0.pt": 9, "actor/huggingface/config.json": 9})
    '`actor/model_world_size_2_rank_1.pt` is missing.'
    >>> find_flaw({"model.json": 9}) is None
    True
    """
    if not listing:
        return say(NO_FILES)
    # Without the actor's files there are no weights, even if the critic's files and the data's state are whole.
    if all(path == "data.pt" or path.startswith("critic/") for path in listing):
        return say(NO_WEIGHTS)
    if missing := find_missing_part(listing):
        return say(MISSING, name=display_path(missing))
    empty = (path for path, size in sorted(listing.items()) if not size and path.endswith(NEVER_EMPTY))
    return next((say(EMPTY, name=display_path(path)) for path in empty), None)


def find_missing_part(listing: Listing) -> str | None:
    """Return the path of a shard that some rank should have written and has not, or None."""
    for folder, parts in sorted(group_parts(listing).items()):
        inside = f"{folder}/" if folder else ""
        models = parts.get("model", {})
        # A run that resumes with another number of ranks may leave shards of the earlier number beside its own.
        world = max(models or next(iter(parts.values())), key=lambda world: len(models.get(world, ())) / max(world, 1))
        needed = set(parts) if has_plain_weights(listing, inside) else {"model", *parts}
        for kind in sorted(needed):
            if (rank := first_missing(parts.get(kind, {}).get(world, set()), world)) is not None:
                return f"{inside}{kind}_world_size_{world}_rank_{rank}.pt"
        if not any(path.startswith((f"{inside}huggingface/", f"{folder}_huggingface/")) for path in listing):
            return f"{inside}huggingface"
    return None


def group_parts(listing: Listing) -> dict[str, dict[str, dict[int, set[int]]]]:
    """Return the ranks whose shards are present: by folder, kind of shard, and number of ranks."""
    found: dict[str, dict[str, dict[int, set[int]]]] = {}
    for path in listing:
        folder, _, name = path.rpartition("/")
        if part := PART.fullmatch(name):
            kind, world, rank = part[1], int(part[2]), int(part[3])
            found.setdefault(folder, {}).setdefault(kind, {}).setdefault(world, set()).add(rank)
    return found


def first_missing(ranks: set[int], world: int) -> int | None:
    """Return the lowest rank without a shard, or None.

    >>> first_missing({0, 1}, 2), first_missing({0, 2}, 3), first_missing(set(), 999_999)
    (None, 1, 0)
    """
    lowest = next(rank for rank in count() if rank not in ranks)
    return lowest if lowest < world else None


def has_plain_weights(listing: Listing, inside: str) -> bool:
    """Return whether the model itself was saved as Hugging Face does, instead of in shards."""
    return any(path.startswith(f"{inside}huggingface/") and path.endswith(WEIGHTS) for path in listing)


def display_path(path: str) -> str:
    """Return a path as people may read it, only its end if it is long: a program has chosen it.

    >>> display_path("actor/`<!channel>`.pt")
    'actor/???channel??.pt'
    """
    return re.sub(r"[^A-Za-z0-9_./=+@-]", "?", path)[-SHOWN_CHARACTERS:]
