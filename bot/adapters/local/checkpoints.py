"""Checkpoints of local clusters: real files in the homes of their nodes, copied so that a second copy goes on."""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from stat import S_ISREG
from threading import Event
from typing import IO

from bot.core.keeping import NEWEST, Parcel, Shelf

BLOCK_BYTES = 4 * 1024 * 1024
MOST_NEWEST = 100
"""Bytes of the file that names the newest checkpoint: a number."""


def sources(homes: Iterable[Path], parcel: Parcel) -> list[Path]:
    """Where the checkpoint is on each node, those of them that have a part of it, the head first."""
    bases = [home / parcel.folder.removeprefix("~").lstrip("/") for home in homes]
    if not parcel.folder.startswith("~"):
        bases = [Path(parcel.folder)]
    found = [(base, base / parcel.name) for base in bases]
    return [there for base, there in found if there.resolve().is_relative_to(base.resolve()) and there.is_dir()]


def shelf(folders: Sequence[Path]) -> Shelf:
    """The checkpoints of all nodes, and the step that the head names as the newest, or else another node.

    Raises:
        OSError: a folder cannot be read.
        Unavailable: what is the newest cannot.
    """
    return Shelf.of_all(of_node(folder) for folder in folders)


def of_node(folder: Path) -> Shelf:
    names = {path.name for path in folder.iterdir()}
    if NEWEST not in names:
        return Shelf.of_node(names, "")
    with opened(folder / NEWEST) as file:
        return Shelf.of_node(names, file.read(MOST_NEWEST).decode(errors="replace"))


def measure(folders: Sequence[Path]) -> int:
    """Bytes on all nodes together, files of the same name counted once."""
    return sum(path.lstat().st_size for path in together(folders).values())


def bring(folders: Sequence[Path], target: Path, lock: int, over: Event) -> None:
    """Copy what is not there yet, file by file; one that was cut off is copied anew."""
    for name, path in together(folders).items():
        if not same(path, target / name):
            copy(path, target / name, over)
        if over.is_set():
            return


def together(folders: Sequence[Path]) -> dict[str, Path]:
    """The files of all nodes; of those with the same name, the head's."""
    return {name: path for folder in reversed(folders) for name, path in files(folder)}


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The plain files below a folder. A link may point anywhere, so that none is followed."""
    for at, _, names in os.walk(folder):
        for path in (Path(at) / name for name in sorted(names)):
            if S_ISREG(path.lstat().st_mode):
                yield str(path.relative_to(folder)), path


def same(one: Path, other: Path) -> bool:
    """Whether they have the same size and time, as rsync takes files for the same."""
    if not other.is_file():
        return False
    return (one.stat().st_size, int(one.stat().st_mtime)) == (other.stat().st_size, int(other.stat().st_mtime))


def copy(source: Path, target: Path, over: Event) -> None:
    draft = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened(source) as read, draft.open("wb") as write:
        while (block := read.read(BLOCK_BYTES)) and not over.is_set():
            write.write(block)
        times = os.fstat(read.fileno())
    if not over.is_set():
        os.utime(draft, ns=(times.st_atime_ns, times.st_mtime_ns))
        draft.replace(target)


def opened(path: Path) -> IO[bytes]:
    """Open a plain file of a run's for reading. What a run has put in its place meanwhile is no file of the model.

    Raises:
        OSError: it is a link, which might lead to what the run may not read itself, or no plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no plain file", str(path))
    return open(descriptor, "rb")
