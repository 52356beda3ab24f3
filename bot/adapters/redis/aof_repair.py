"""Repairs the files of an embedded Valkey that it cannot load, as after a power cut or on a bad disk.

Valkey's data are a base, which has a checksum, and the commands since then in one file or more, which have none; a
manifest names them. What is whole up to the first damage is an older state of the store, and that is what is kept: what
follows it may build on what is lost. Only where the base itself is damaged do the commands since then stand alone. The
damaged files are kept beside. The server itself is the judge whether it loads what is left.
"""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.core.model.store_identity import MAX_NAMED_RUNS, StoreRepair

AOF_FOLDER = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
DAMAGED = "damaged-{at}"

MAX_MANIFEST_BYTES = 65_536
MANIFEST_LINE = re.compile(r"file (?P<name>[\w.-]{1,200}) seq (?P<number>\d{1,12}) type (?P<kind>[bi])( .{0,200})?")
FILE_NAME = re.compile(r"appendonly\.aof\.(?P<number>\d{1,12})\.(?P<kind>base|incr)\.(rdb|aof)")

COMMAND_NAME = re.compile(rb"[A-Za-z|_.-]{2,24}")
RUN_KEY = re.compile(rb"verl:run:([a-z0-9][a-z0-9-]{0,60})(?=[:\r])")
MAX_CHECKSUM_BYTES = 8
"""A whole base ends with a checksum of so many bytes, which may be zeros too."""


@dataclass(frozen=True, slots=True)
class AofFiles:
    """The files of a store, in the order in which they are loaded; without a base where none can be used."""

    base: Path | None
    commands: tuple[Path, ...]


def is_suspect(folder: Path) -> bool:
    """Return whether the server would load less than was written without an error: a manifest or a base is missing."""
    aof = folder / AOF_FOLDER
    if not aof.is_dir():
        return any(folder.glob(DAMAGED.format(at="*")))  # a repair was cut off between its last two steps
    listed = read_manifest(aof)
    if listed is None:
        return any(FILE_NAME.fullmatch(path.name) and path.stat().st_size for path in aof.iterdir())
    return listed.base is not None and listed.base.exists() and listed.base.stat().st_size == 0


def repair_files(folder: Path, loads: Callable[[Path], bool], now: datetime) -> StoreRepair | None:
    """Make the store of a folder loadable, and return what was lost; None where there is nothing to repair.

    Args:
        loads: returns whether the server loads the files of such a folder.
    """
    aof = folder / AOF_FOLDER
    if not aof.is_dir() and (cut_off := max(folder.glob(DAMAGED.format(at="*")), default=None)):
        link_files(cut_off, aof)
    if not aof.is_dir() or not any(aof.iterdir()):
        return None
    kept = keep_damaged(folder, aof, now)
    trial = folder / "repair"
    try:
        files = find_files(aof)
        base, is_base_lost = repair_base(trial, files, loads)
        cuts = [find_boundaries(path.read_bytes()) for path in files.commands]
        ends = choose_ends(cuts, [path.stat().st_size for path in files.commands])
        build_trial(trial, base, files.commands, ends)
        if not loads(trial):
            ends = search_ends(trial, base, files.commands, cuts, ends, loads)
            build_trial(trial, base, files.commands, ends)
        lost = b"".join(path.read_bytes()[end:] for path, end in zip(files.commands, ends, strict=True))
        replace_folder(aof, trial / AOF_FOLDER)
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    return StoreRepair(
        lost_bytes=len(lost),
        runs=tuple(dict.fromkeys(match[1].decode() for match in RUN_KEY.finditer(lost)))[:MAX_NAMED_RUNS],
        is_base_lost=is_base_lost,
        kept_in=str(kept),
    )


def keep_damaged(folder: Path, aof: Path, now: datetime) -> Path:
    """Keep the files as they are, and return where. They need no room: the repaired ones are other files."""
    kept = folder / DAMAGED.format(at=f"{now:%Y%m%dT%H%M%S%f}")
    link_files(aof, kept)
    return kept


def link_files(source: Path, target: Path) -> None:
    """Make the files of a folder visible in another one."""
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.is_file():
            os.link(path, target / path.name)


def find_files(aof: Path) -> AofFiles:
    """Return the files that the manifest names; those that are there where it names none, or ones that are missing."""
    listed = read_manifest(aof)
    if listed and listed.base and all(path.exists() for path in (listed.base, *listed.commands)):
        return listed
    matches = sorted(
        (int(match["number"]), match["kind"], path)
        for path in aof.iterdir()
        if (match := FILE_NAME.fullmatch(path.name))
    )
    bases = [path for _, kind, path in matches if kind == "base" and path.stat().st_size]
    return AofFiles(bases[-1] if bases else None, tuple(path for _, kind, path in matches if kind == "incr"))


def read_manifest(aof: Path) -> AofFiles | None:
    """Return the files that the manifest names; None where it cannot be read."""
    try:
        text = (aof / MANIFEST).read_bytes()[:MAX_MANIFEST_BYTES].decode("ascii")
    except (OSError, ValueError):
        return None
    matches = [MANIFEST_LINE.fullmatch(line) for line in text.splitlines()]
    lines = [match for match in matches if match]
    if not lines or len(lines) < len(matches) or not text.endswith("\n"):
        return None
    base = next((aof / line["name"] for line in lines if line["kind"] == "b"), None)
    return AofFiles(base, tuple(aof / line["name"] for line in lines if line["kind"] == "i"))


def repair_base(trial: Path, files: AofFiles, loads: Callable[[Path], bool]) -> tuple[bytes | None, bool]:
    """Return the base as the server loads it, and whether it is lost: None is loaded in place of it then."""
    if files.base is None:
        # Without a base the commands since the first start are all that there is, or the base has gone.
        return None, not any(FILE_NAME.fullmatch(path.name) and ".1.incr" in path.name for path in files.commands)
    data = files.base.read_bytes()
    whole = data.rstrip(b"\0")
    padded = [whole + bytes(count) for count in range(MAX_CHECKSUM_BYTES + 1)] if len(whole) < len(data) else []
    for candidate in [data, *padded]:
        build_trial(trial, candidate, (), ())
        if candidate and loads(trial):
            return candidate, False
    return None, True


def find_boundaries(data: bytes) -> list[int]:
    """Return the offsets up to which the commands are whole, transactions as one; 0 is the first.

    >>> find_boundaries(b"*1\\r\\n$4\\r\\nPING\\r\\n*2\\r\\n$3\\r\\nGET\\r\\n$9\\r\\n\\0\\0\\0")
    [0, 14]
    """
    boundaries, offset, is_open = [0], 0, False
    while (command := read_command(data, offset)) is not None:
        name, offset = command
        is_open = name == b"MULTI" or (is_open and name != b"EXEC")
        if not is_open:
            boundaries.append(offset)
    return boundaries


def read_command(data: bytes, offset: int) -> tuple[bytes, int] | None:
    """Return the name of the command at an offset, and the offset after it; None where it is damaged or cut."""
    count, offset = read_length(data, offset, b"*")
    name = b""
    for position in range(count):
        size, offset = read_length(data, offset, b"$")
        end = offset + size
        if size < 0 or data[end : end + 2] != b"\r\n":
            return None
        if position == 0:
            name = data[offset:end]
        offset = end + 2
    return (name.upper(), offset) if count > 0 and COMMAND_NAME.fullmatch(name) else None


def read_length(data: bytes, offset: int, mark: bytes) -> tuple[int, int]:
    """Return the number behind a mark, and the offset after its line; -1 where there is none."""
    end = data.find(b"\r\n", offset, offset + 24)
    digits = data[offset + 1 : end]
    if end < 0 or data[offset : offset + 1] != mark or not digits.isdigit():
        return -1, offset
    return int(digits), end + 2


def choose_ends(cuts: Sequence[Sequence[int]], sizes: Sequence[int]) -> list[int]:
    """Return how many bytes of each file are kept: all up to the first damage, and nothing after it."""
    ends: list[int] = []
    is_whole = True
    for boundaries, size in zip(cuts, sizes, strict=True):
        ends.append(boundaries[-1] if is_whole else 0)
        is_whole = is_whole and boundaries[-1] == size
    return ends


def search_ends(
    trial: Path,
    base: bytes | None,
    commands: Sequence[Path],
    cuts: Sequence[Sequence[int]],
    ends: Sequence[int],
    loads: Callable[[Path], bool],
) -> list[int]:
    """Return the longest part of the commands that the server loads, by halving: their damage shows in no length."""
    places = [
        (number, boundary)
        for number, boundaries in enumerate(cuts)
        for boundary in boundaries
        if boundary <= ends[number]
    ]
    low, high = 0, len(places) - 1
    while low < high:
        middle = (low + high + 1) // 2
        build_trial(trial, base, commands, limit_ends(ends, *places[middle]))
        low, high = (middle, high) if loads(trial) else (low, middle - 1)
    return limit_ends(ends, *places[low]) if places else list(ends)


def limit_ends(ends: Sequence[int], number: int, boundary: int) -> list[int]:
    """Return the ends with nothing kept after a place in one file.

    >>> limit_ends([10, 20, 30], 1, 5)
    [10, 5, 0]
    """
    return [*ends[:number], boundary, *[0 for _ in ends[number + 1 :]]]


def build_trial(trial: Path, base: bytes | None, commands: Sequence[Path], ends: Sequence[int]) -> None:
    """Write a folder of a store with these parts of its files."""
    shutil.rmtree(trial, ignore_errors=True)
    aof = trial / AOF_FOLDER
    aof.mkdir(parents=True)
    lines: list[str] = []
    if base is not None:
        (aof / "appendonly.aof.1.base.rdb").write_bytes(base)
        lines.append("file appendonly.aof.1.base.rdb seq 1 type b\n")
    for number, (path, end) in enumerate(zip(commands, ends, strict=True), 1):
        name = f"appendonly.aof.{number}.incr.aof"
        (aof / name).write_bytes(path.read_bytes()[:end])
        lines.append(f"file {name} seq {number} type i\n")
    (aof / MANIFEST).write_text("".join(lines))


def replace_folder(aof: Path, repaired: Path) -> None:
    """Replace the damaged files, which are kept elsewhere, by the repaired ones, which are on the disk before."""
    for path in (*repaired.iterdir(), repaired):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    shutil.rmtree(aof)
    repaired.rename(aof)
    with suppress(OSError):
        descriptor = os.open(aof.parent, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
